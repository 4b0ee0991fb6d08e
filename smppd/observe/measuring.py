"""What a metric is: its name, its help, its labels, and how it is read from the figures.

Knows nothing of Prometheus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from smppd.figures import DaemonFigures, Histogram, LinkFigures

#: Label values in the order of the measure's labels, and the number.
Samples = Iterable[tuple[tuple[str, ...], float]]
Shapes = Iterable[tuple[tuple[str, ...], Histogram]]
#: The values of one label, and the number of each.
Counts = Iterable[tuple[str, float]]

#: Whoever is asked may answer with any of 2³² numbers, or with any text: so many of them get a
#: series of their own per link or account.
MOST_VALUES = 50
OTHER = "other"

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Measure:
    """One counter, whose name ends in `_total`, or gauge."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[DaemonFigures], Samples]

    @property
    def counts(self) -> bool:
        """Whether it is a counter."""
        return self.name.endswith("_total")


@dataclass(frozen=True, slots=True)
class Durations:
    """One histogram of seconds, in the buckets of its histograms."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[DaemonFigures], Shapes]


def bounded(counts: Mapping[_Key, int], name: Callable[[_Key], str]) -> Counts:
    """The counts by name: the first `MOST_VALUES` seen each, the rest together.

    A dictionary keeps the order in which keys came, so a value never changes its series.
    """
    rest = 0
    for place, (key, count) in enumerate(counts.items()):
        if place < MOST_VALUES:
            yield name(key), count
        else:
            rest += count
    if rest:
        yield OTHER, rest


def whole(name: str, text: str, read: Callable[[DaemonFigures], float]) -> Measure:
    """One number for the whole daemon."""
    return Measure(name, text, (), lambda figures: [((), read(figures))])


def whole_by(label: str, name: str, text: str, read: Callable[[DaemonFigures], Counts]) -> Measure:
    """Numbers for the whole daemon, told apart by one label."""
    return Measure(
        name, text, (label,), lambda figures: [((key,), count) for key, count in read(figures)]
    )


def each_link(name: str, text: str, read: Callable[[LinkFigures], float]) -> Measure:
    """One number for each link."""
    return Measure(
        name,
        text,
        ("link",),
        lambda figures: [((link.name,), read(link)) for link in figures.links],
    )


def each_link_by(
    label: str, name: str, text: str, read: Callable[[LinkFigures], Counts]
) -> Measure:
    """Numbers for each link, told apart by one label more."""
    return Measure(
        name,
        text,
        ("link", label),
        lambda figures: [
            ((link.name, key), count) for link in figures.links for key, count in read(link)
        ],
    )
