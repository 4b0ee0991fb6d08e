"""Two measurements of the same series beside each other: the ratios at each point, and the worst. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmark.comparison import Verdict, verdict
from benchmark.figures import BY_KEY, Figure, shown
from benchmark.growth import SHOWN, Growth, Point

_CPU = BY_KEY["daemon_cpu"]
#: `written` is left out: whole pages of a disk, and by chance nothing at all.
_COMPARED = tuple(figure for figure in SHOWN if figure.key != "written")


class Ratio(NamedTuple):
    """A figure of a point after by before. `shape`: of both as they are beside the ordinary point of
    their own series, which a slow hour of the machine leaves as it is."""

    series: str
    at: int
    figure: Figure
    before: float
    after: float
    ratio: float
    shape: float | None
    verdict: Verdict


def ratios(before: Sequence[Growth], after: Sequence[Growth], noise: float) -> list[Ratio]:
    """Of every point that is in both."""
    others = {growth.series: growth for growth in after}
    return [
        ratio
        for growth in before
        if growth.series in others
        for ratio in _of_series(growth, others[growth.series], noise)
    ]


def _of_series(before: Growth, after: Growth, noise: float) -> Iterator[Ratio]:
    for point in before.points:
        other = after.point(point.at)
        if other is not None:
            for figure in _COMPARED:
                if (found := _of_point((before, point), (after, other), figure, noise)) is not None:
                    yield found


def _of_point(
    before: tuple[Growth, Point], after: tuple[Growth, Point], figure: Figure, noise: float
) -> Ratio | None:
    first, second = before[1].figure(figure.key), after[1].figure(figure.key)
    if not first or second is None:
        return None
    one, other = (growth.relative(point, figure.key) for growth, point in (before, after))
    return Ratio(
        before[0].series,
        before[1].at,
        figure,
        first,
        second,
        second / first,
        other / one if one and other is not None else None,
        verdict(figure, first, second, noise),
    )


def new_faults(before: Sequence[Growth], after: Sequence[Growth]) -> list[str]:
    """What went wrong in the one after, and not before: no ratio has it."""
    known = {(each.series, point.at): point for each in before for point in each.points}
    return [
        f"{growth.series} {point.at:,}: {fault}"
        for growth in after
        for point in growth.points
        for fault in point.faults
        if fault not in (there.faults if (there := known.get((growth.series, point.at))) else ())
    ]


def growth_lines(found: Sequence[Ratio]) -> list[str]:
    """For people: a line for each point and figure, and what is worst."""
    lines, series = list[str](), ""
    for each in found:
        if each.series != series:
            series = each.series
            lines.append(
                f"{series}, how cost grows (the last ratio: as it is beside the ordinary point)"
            )
        title = f"{each.at:,}: {each.figure.title}"
        before, after = (shown(each.figure, value) for value in (each.before, each.after))
        beside = "" if each.shape is None else f"{each.shape:.2f}"
        lines.append(
            f"  {title:<40}{before:>16}{after:>16}{each.ratio:>8.2f}{beside:>8}  {each.verdict}".rstrip()
        )
    return lines + worst_lines(found)


def worst_lines(found: Sequence[Ratio]) -> list[str]:
    """Which ratio is farthest from 1, of all figures, of CPU, and of CPU beside the ordinary point."""
    cpu = [each for each in found if each.figure is _CPU]
    beside = [(each.shape, each) for each in cpu if each.shape is not None]
    told = (
        ("the worst ratio of all", [(each.ratio, each) for each in found]),
        ("the worst of CPU per message", [(each.ratio, each) for each in cpu]),
        ("the worst of CPU beside the ordinary point", beside),
    )
    return [_worst(words, each) for words, each in told if each]


def _worst(words: str, found: Sequence[tuple[float, Ratio]]) -> str:
    ratio, where = max(found, key=lambda each: _distance(each[0]))
    return f"{words}: {ratio:.2f}, {where.figure.title} at {where.series} {where.at:,}"


def _distance(ratio: float) -> float:
    """How far from 1: half and twice are as far."""
    return max(ratio, 1 / ratio) if ratio > 0 else float("inf")
