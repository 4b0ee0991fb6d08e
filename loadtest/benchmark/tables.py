"""The figures of runs and series as tables of Markdown, and a text that has them renewed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from benchmark.document import Document
from benchmark.figures import AMISS, BY_KEY, shown
from benchmark.growth import Growth
from benchmark.growth_tables import faults, head, rows, said
from benchmark.overview import HEAD, overview
from benchmark.report import BASELINE_HEAD, baseline_rows, settings
from benchmark.results import Run

#: What stands between a line like `<!-- series: window -->` and one of `<!-- end -->` is renewed.
_PLACE = re.compile(r"^<!-- (\w+)(?:: ([\w-]+))? -->\n.*?^<!-- end -->$", re.MULTILINE | re.DOTALL)

#: Of a profile, what has a figure.
_TOLD = ("messages", "rate", "daemon_cpu", "smsc_cpu", "limit", "rss", "wrote", "journal",
         "single_p50", "single_p99", "single_p999", "high_submit_p50", "high_submit_p99",
         "high_submit_p999", "high_p50", "high_p99", "high_p999",
         "answer_p50", "answer_p99", "commit_p99", "late_p99", "throttled")  # fmt: skip
#: And in one line below it, what must be nothing.
_BELOW = (*AMISS, "audit")
#: What is told of the machine.
_MACHINE = ("cores", "python")


class NoPlace(Exception):  # noqa: N818 - a state of affairs
    """A text has no place for a table; one line for people."""


def renewed(text: str, document: Document) -> str:
    """The text with the tables of this document at their places; those of what it has not are left as
    they are. Raises NoPlace where there is no place at all."""
    tables = {
        ("machine", ""): [_machine(document)],
        ("overview", ""): list(_overview(document)),
        **{("profile", run.profile): list(profile_table(run)) for run in document.runs},
        **{("series", each.series): list(series_table(each)) for each in document.growths},
    }
    if not _PLACE.search(text):
        raise NoPlace(
            "there is no place for a table: a line <!-- series: window --> and <!-- end -->"
        )

    def filled(found: re.Match[str]) -> str:
        table = tables.get((found[1], found[2] or ""))
        if table is None:
            return found[0]
        return "\n".join([found[0].partition("\n")[0], *table, "<!-- end -->"])

    return _PLACE.sub(filled, text)


def _machine(document: Document) -> str:
    parts = [f"smppd {document.smppd}", document.made[:10]]
    parts += [f"{key} {value}" for key, value in document.machine.items() if key in _MACHINE]
    return f"{', '.join(parts)}."


def _overview(document: Document) -> Iterator[str]:
    """A row for each run."""
    yield from _table(HEAD, [row.cells for row in overview(document.runs)])


def profile_table(run: Run) -> Iterator[str]:
    """The figures of a profile, and plain clients beside it."""
    yield from (f"{run.about[0].upper()}{run.about[1:]}; {settings(run)}.", "")
    figures = [BY_KEY[key] for key in _TOLD if key in run.figures]
    yield from _table(
        ["figure", ""], [[each.title, shown(each, run.figures[each.key])] for each in figures]
    )
    below = (BY_KEY[key] for key in _BELOW if key in run.figures)
    yield from (
        "",
        f"{'; '.join(f'{each.title} {shown(each, run.figures[each.key])}' for each in below)}.",
    )
    if beside := [each for each in baseline_rows(run) if not each.left_out]:
        yield ""
        yield from _table(BASELINE_HEAD, [each[: len(BASELINE_HEAD)] for each in beside])


def series_table(growth: Growth) -> Iterator[str]:
    """A row for each point."""
    yield from _table(head(growth), rows(growth))
    yield from ("", f"{said(growth)}.")
    yield from (f"**{fault}**" for fault in faults(growth))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
