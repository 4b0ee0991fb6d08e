"""Series for people: tables for a terminal and for Markdown, and the charts of the page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmark.drawing import Chart, log_chart
from benchmark.figures import BY_KEY, Figure, shown
from benchmark.growth import SHOWN, Growth, Point, shape

_CPU = BY_KEY["daemon_cpu"]
#: Titles of columns, shorter than those of the figures.
_COLUMNS = {
    "daemon_cpu": "CPU/message",
    "rate": "messages/s",
    "wrote": "octets to write()",
    "written": "octets to disk",
    "journal": "journal",
    "rss": "memory",
}


class GrowthSection(NamedTuple):
    """All of one series, for the page."""

    growth: Growth
    said: str
    charts: list[Chart]
    head: list[str]
    rows: list[list[str]]
    faults: list[str]


def section(growth: Growth) -> GrowthSection:
    """It."""
    return GrowthSection(
        growth, said(growth), charts(growth), head(growth), rows(growth), faults(growth)
    )


def said(growth: Growth) -> str:
    """One line: how far the cost of a message goes with the number."""
    found = shape(growth, _CPU)
    if found is None:
        return ""
    line = f"CPU per message at {found.last:,} is {found.ratio:.2f} times that at {found.first:,}"
    return line + ("; it should be the same" if growth.flat else "")


def faults(growth: Growth) -> list[str]:
    """What went wrong, and where."""
    return [f"at {point.at:,}: {fault}" for point in growth.points for fault in point.faults]


def _shown(growth: Growth) -> list[Figure]:
    """The figures that are not nothing at every point: on tmpfs nothing is written to a disk."""
    return [figure for figure in SHOWN if any(point.figure(figure.key) for point in growth.points)]


def head(growth: Growth) -> list[str]:
    """Titles of the columns."""
    titles = [_COLUMNS[figure.key] for figure in _shown(growth)]
    by = f"by that at {growth.ordinary:,}"
    return [growth.title.lower(), *titles[:1], by, *titles[1:], "on", "sent", "runs"]


def rows(growth: Growth) -> list[list[str]]:
    """A row for each point."""
    figures = _shown(growth)
    return [_row(growth, point, figures) for point in growth.points]


def _row(growth: Growth, point: Point, figures: Sequence[Figure]) -> list[str]:
    ratio = growth.relative(point, _CPU.key)
    measures = [shown(figure, point.figure(figure.key)) for figure in figures]
    return [
        f"{point.at:,}",
        with_spread(_CPU, point),
        "-" if ratio is None else f"{ratio:.2f}",
        *measures[1:],
        point.medium,
        f"{point.messages:,}",
        str(len(point.runs)),
    ]


def with_spread(figure: Figure, point: Point) -> str:
    """A figure, and the least and the most of its runs where there were several."""
    words, spread = shown(figure, point.figure(figure.key)), point.spread(figure.key)
    return words if spread is None else f"{words} ({spread[0]:,.1f} to {spread[1]:,.1f})"


def text_table(growth: Growth) -> list[str]:
    """For a terminal, line by line."""
    found = ["", f"{growth.series}: {growth.about}"]
    found += [f"  {line}" for line in _aligned([head(growth), *rows(growth)])]
    return [*found, f"  {said(growth)}", *(f"  ! {fault}" for fault in faults(growth))]


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in table
    ]


def charts(growth: Growth) -> list[Chart]:
    """One for each figure that is shown, and has a value."""
    found = [_chart(growth, figure) for figure in _shown(growth)]
    return [each for each in found if each is not None]


def _chart(growth: Growth, figure: Figure) -> Chart | None:
    # Megabytes are no powers of ten of octets, and the axis has round ones.
    unit = 2**20 if figure.key == "rss" else 1
    curve = [
        (point.at, value / unit) for point in growth.points if (value := point.figure(figure.key))
    ]

    def level(value: float) -> str:
        # The unit of a long one has no room beside the axis; the title of the chart has it.
        return shown(figure, value * unit).replace(".0 ", " ").removesuffix(" octets")

    octets = figure.unit == "octets" and unit == 1
    title = f"{figure.title}, octets" if octets else figure.title
    return log_chart(title, figure.how, {growth.title: curve}, level)
