"""Curves as inline SVG: where lines run, what stands at the axes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from math import log10
from typing import NamedTuple

from benchmark.statistics import Curve

#: The plane of a chart, in units of its own.
WIDTH = 640
HEIGHT = 150
_TICKS = 6
#: Where the lines of a logarithmic axis may be.
_LADDER = tuple(each * 10.0**power for power in range(-6, 16) for each in (1, 2, 5))
#: Of curves in one chart, by the names that the page's style has for them.
COLOURS = ("c1", "c2", "c3", "c4")


class Line(NamedTuple):
    """One curve; `paths` are the points of each stretch without a gap, `marks` those that are marked."""

    name: str
    colour: str
    paths: Sequence[str]
    marks: Sequence[tuple[float, float]] = ()


class Chart(NamedTuple):
    """Curves in one plane; `levels` and `ticks` are (place, label) along the two axes."""

    title: str
    how: str
    lines: Sequence[Line]
    levels: Sequence[tuple[float, str]]
    ticks: Sequence[tuple[float, str]]


def chart(
    title: str, how: str, curves: Mapping[str, Curve], step: float, show: Callable[[float], str]
) -> Chart | None:
    """The chart of some curves, whose points are `step` seconds apart; None where none has any."""
    values = [each for curve in curves.values() for each in curve if each is not None]
    if not values:
        return None
    top = rounded_up(max(values))
    steps = max(map(len, curves.values()))
    lines = [
        Line(name, colour, stretches(curve, steps, top))
        for colour, (name, curve) in zip(cycle(COLOURS), curves.items(), strict=False)
        if any(each is not None for each in curve)
    ]
    levels = [(HEIGHT * (1 - share), show(top * share)) for share in (0.0, 0.5, 1.0)]
    return Chart(title, how, lines, levels, time_ticks(steps * step))


def stretches(curve: Curve, steps: int, top: float) -> list[str]:
    """The points of a curve, "x,y x,y ...", cut where a value is missing. A value stands in the middle
    of its step; one that is alone is drawn as long as that."""
    found, run = list[str](), list[tuple[float, float]]()
    width = WIDTH / steps
    for number, value in enumerate([*curve, None]):
        if value is not None:
            run.append(((number + 0.5) * width, HEIGHT * (1 - value / top)))
        elif run:
            if len(run) == 1:
                ((x, y),) = run
                run = [(x - width / 2, y), (x + width / 2, y)]
            found.append(" ".join(f"{x:.1f},{y:.1f}" for x, y in run))
            run = []
    return found


def rounded_up(value: float) -> float:
    """A round number that is not smaller: 1, 2 or 5 times a power of ten; 1 for nothing at all."""
    if value <= 0:
        return 1.0
    unit = 1e-6
    while unit * 10 < value:
        unit *= 10
    return next(unit * each for each in (1, 2, 5, 10) if unit * each >= value * (1 - 1e-9))


def time_ticks(seconds: float) -> list[tuple[float, str]]:
    """Round moments of a run, and where they stand."""
    step = rounded_up(seconds / _TICKS)
    count = int(seconds / step + 1e-9)
    return [(round(WIDTH * n * step / seconds, 2), f"{n * step:g} s") for n in range(count + 1)]


def log_chart(
    title: str,
    how: str,
    curves: Mapping[str, Sequence[tuple[int, float]]],
    show: Callable[[float], str],
) -> Chart | None:
    """Curves of (number, value) on logarithmic axes; a number of 0 stands a decade before the others.
    None where no curve has a value."""
    points = [point for curve in curves.values() for point in curve if point[1] > 0]
    if not points:
        return None
    numbers = sorted({at for at, _ in points})
    places = _places(numbers)
    levels = round_levels(min(value for _, value in points), max(value for _, value in points))
    low, high = log10(levels[0]), log10(levels[-1])

    def height(value: float) -> float:
        return round(HEIGHT * (1 - (log10(value) - low) / (high - low)), 1)

    lines = []
    for colour, (name, curve) in zip(cycle(COLOURS), curves.items(), strict=False):
        marks = [(places[at], height(value)) for at, value in curve if value > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in marks)
        lines.append(Line(name, colour, [path], marks))
    shown_levels = [(height(level), show(level)) for level in levels]
    return Chart(title, how, lines, shown_levels, [(places[at], brief(at)) for at in numbers])


def _places(numbers: Sequence[int]) -> dict[int, float]:
    """Where each stands, of the width."""
    least = min((at for at in numbers if at > 0), default=1)
    logs = {at: log10(at) if at > 0 else log10(least) - 1 for at in numbers}
    first, last = min(logs.values()), max(logs.values())
    if first == last:
        return dict.fromkeys(numbers, WIDTH / 2)
    return {at: round(WIDTH * (each - first) / (last - first), 1) for at, each in logs.items()}


def round_levels(least: float, most: float) -> list[float]:
    """Round numbers, 1, 2 and 5 times powers of ten, from below the least to above the most; at least a
    decade of them, so that what hardly changes looks so."""
    first = max(n for n, each in enumerate(_LADDER) if each <= least * (1 + 1e-9))
    last = min(n for n, each in enumerate(_LADDER) if each >= most * (1 - 1e-9))
    while _LADDER[last] < 9 * _LADDER[first]:
        if _LADDER[last] / most < least / _LADDER[first]:
            last += 1
        else:
            first -= 1
    return list(_LADDER[first : last + 1])


def brief(number: int) -> str:
    """A number as it stands at an axis."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= unit and number % (unit // 10) == 0:
            return f"{number / unit:g}{letter}"
    return f"{number:,}"
