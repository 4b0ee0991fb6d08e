"""All runs beside one another: a row of what matters most for each. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmark.figures import BY_KEY, shown
from benchmark.results import Run, faults

_FIGURES = {
    "rate": "messages/s",
    "daemon_cpu": "CPU a message",
    "daemon_load": "of a core",
    "rss": "memory",
    "commit_p99": "commit p99",
    "high_submit_p99": "high lane p99",
    "limit": "the limit was",
}
#: Plain clients, by their name in the report.
_CLIENTS = ("smpplib", "npm smpp")
#: Its columns.
HEAD = ("profile", *_FIGURES.values(), *(f"rate by {name}" for name in _CLIENTS))


class Overview(NamedTuple):
    """A row: the cells under `HEAD`, and what went wrong."""

    cells: list[str]
    faults: list[str]


def overview(runs: Sequence[Run]) -> list[Overview]:
    """A row for each run, in their order."""
    return [
        Overview(
            [
                run.profile,
                *(shown(BY_KEY[key], run.figures.get(key)) for key in _FIGURES),
                *(_times(run, name) for name in _CLIENTS),
            ],
            faults(run),
        )
        for run in runs
    ]


def _times(run: Run, client: str) -> str:
    """The daemon's rate by that of a plain client."""
    rate = run.figures.get("rate")
    for each in run.baselines:
        if each.name == client and each.rate and isinstance(rate, int | float):
            return f"{rate / each.rate:.2f}"
    return "-"


def overview_lines(runs: Sequence[Run]) -> list[str]:
    """For a terminal."""
    rows = overview(runs)
    table = [list(HEAD), *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    found = ["", "all of them"]
    for cells in table:
        padded = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        found.append(f"  {cells[0]:<{widths[0]}}  " + "  ".join(padded))
    wrong = [f"  {row.cells[0]}: {fault}" for row in rows for fault in row.faults]
    well = "  each message has its result"
    if not any("lost" in run.left_out for run in runs):
        well += ", none was lost, none was taken twice"
    return [*found, *(wrong or [well])]
