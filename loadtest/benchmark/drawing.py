"""Curves as inline SVG: where lines run, what stands at the axes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import NamedTuple

from benchmark.statistics import Curve

#: The plane of a chart, in units of its own.
WIDTH = 640
HEIGHT = 150
_TICKS = 6
COLOURS = ("#2b6cb0", "#c05621", "#2a7f5f", "#7b4d8f")


class Line(NamedTuple):
    """One curve; `paths` are the points of each stretch without a gap."""

    name: str
    colour: str
    paths: Sequence[str]


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
