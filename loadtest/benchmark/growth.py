"""What the points of a series came to, and what can be said of their curve. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

import msgspec

from benchmark.figures import AMISS, BY_KEY, Figure, Value, amiss

#: What is kept of each run of a point.
KEYS = ("messages", "seconds", "rate", "daemon_cpu", "daemon_load", "smsc_cpu", "rss", "wrote",
        "written", "journal", "late_p99", "load_before", *AMISS, "audit")  # fmt: skip
#: What grows or does not, as columns of tables and as charts.
SHOWN = tuple(BY_KEY[key] for key in ("daemon_cpu", "rate", "wrote", "written", "journal", "rss"))


class Point(msgspec.Struct, kw_only=True):
    """One load, run once or several times, in turn with the other points; `runs` are its figures."""

    at: int
    messages: int
    medium: str
    runs: list[dict[str, Value]] = []

    def figure(self, key: str) -> float | None:
        """The median of its runs; of what must be nothing, the most."""
        found = self._values(key)
        if not found:
            return None
        return max(found) if key in AMISS else median(found)

    def spread(self, key: str) -> tuple[float, float] | None:
        """The least and the most of its runs; None where it was run once."""
        found = self._values(key)
        return (min(found), max(found)) if len(found) > 1 else None

    def _values(self, key: str) -> list[float]:
        values = (run.get(key) for run in self.runs)
        return [value for value in values if isinstance(value, int | float)]

    @property
    def faults(self) -> list[str]:
        """What went wrong in any of its runs, for people."""
        return amiss(self.figure, (run.get("audit") for run in self.runs))


class Growth(msgspec.Struct, kw_only=True):
    """A series and its points, in their order. `ordinary` and `flat` as the series says."""

    series: str
    title: str
    about: str
    ordinary: int
    flat: bool
    points: list[Point] = []

    def point(self, at: int) -> Point | None:
        """The one there, if it was measured."""
        return next((point for point in self.points if point.at == at), None)

    def relative(self, point: Point, key: str) -> float | None:
        """A figure of a point by that of the ordinary one, round by round where both were in it, so
        that an hour in which the machine is slow leaves it as it is; None without an ordinary one."""
        ordinary = self.point(self.ordinary)
        if ordinary is None:
            return None
        pairs = zip(point.runs, ordinary.runs, strict=False)
        ratios = [_ratio(ours.get(key), theirs.get(key)) for ours, theirs in pairs]
        found = [ratio for ratio in ratios if ratio is not None]
        return median(found) if found else None


def _ratio(ours: Value, theirs: Value) -> float | None:
    if not isinstance(ours, int | float) or not isinstance(theirs, int | float) or not theirs:
        return None
    return ours / theirs


class Shape(NamedTuple):
    """How a figure goes along a curve: its last point by its first."""

    first: int
    last: int
    ratio: float


def shape(growth: Growth, figure: Figure) -> Shape | None:
    """None where there are not two points that have it."""
    found = [(point.at, point.figure(figure.key)) for point in growth.points]
    known = [(at, value) for at, value in found if value]
    if len(known) < 2:
        return None
    (first, before), (last, after) = known[0], known[-1]
    return Shape(first, last, after / before)


def merged(growths: Iterator[Growth]) -> list[Growth]:
    """Those of one series as one, its points in their order; where two have the same point, its
    later one."""
    found = dict[str, Growth]()
    for growth in growths:
        there = found.get(growth.series)
        points = {point.at: point for each in (there, growth) if each for point in each.points}
        ordered = [points[at] for at in sorted(points)]
        found[growth.series] = msgspec.structs.replace(growth, points=ordered)
    return list(found.values())
