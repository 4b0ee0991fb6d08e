"""What Prometheus scrapes: the figures under the names that `measures` declares.

The figures are read when somebody scrapes, so the hot path pays nothing. Besides, `EventCounter`
counts what was reported. Nothing here is global. Raises what the reader of the figures raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, PlatformCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from smppd.events import Event
from smppd.figures import DaemonFigures, Histogram
from smppd.observe.lines import LINES
from smppd.observe.measures import DURATIONS, MEASURES
from smppd.observe.measuring import Durations, Measure, Samples, Shapes
from smppd.observe.process import OwnProcess

Read = Callable[[], DaemonFigures]


class FiguresCollector(Collector):
    """Turns a snapshot of the figures into metrics, whenever somebody scrapes."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Every metric of the daemon, from one snapshot."""
        figures = self._read()
        build = InfoMetricFamily("smppd_build", "The version of smppd that runs.")
        build.add_metric([], {"version": figures.version})
        yield build
        for measure in MEASURES:
            yield _family(measure, measure.read(figures))
        for durations in DURATIONS:
            yield _histogram(durations, durations.read(figures))


class EventCounter(Collector):
    """An observer that counts events by the name they have in the log."""

    def __init__(self) -> None:
        self._counts: dict[type[Event], int] = dict.fromkeys(LINES, 0)

    def __call__(self, event: Event) -> None:
        """Count one."""
        self._counts[type(event)] += 1

    def collect(self) -> Iterator[Metric]:
        """One counter with a series for every kind of event, from the start."""
        family = CounterMetricFamily(
            "smppd_events_total", "What happened, by the name it has in the log.", labels=["event"]
        )
        for kind, count in self._counts.items():
            family.add_metric([LINES[kind].name], count)
        yield family


def build_registry(read: Read, *more: Collector) -> CollectorRegistry:
    """A registry of its own with the daemon's figures, its process and its Python, and `more`."""
    registry = CollectorRegistry()
    registry.register(FiguresCollector(read))
    registry.register(OwnProcess())
    PlatformCollector(registry=registry)
    for collector in more:
        registry.register(collector)
    return registry


def _family(measure: Measure, samples: Samples) -> Metric:
    kind = CounterMetricFamily if measure.counts else GaugeMetricFamily
    family = kind(measure.name, measure.help, labels=measure.labels)
    for labels, number in samples:
        family.add_metric(labels, number)
    return family


def _histogram(durations: Durations, shapes: Shapes) -> Metric:
    family = HistogramMetricFamily(durations.name, durations.help, labels=durations.labels)
    for labels, histogram in shapes:
        family.add_metric(labels, _cumulative(histogram), histogram.total)
    return family


def _cumulative(histogram: Histogram) -> list[tuple[str, float]]:
    """Prometheus counts in each bucket all that is at most its bound."""
    buckets: list[tuple[str, float]] = []
    seen = 0
    bounds = [*map(repr, histogram.bounds), "+Inf"]
    for bound, count in zip(bounds, histogram.counts, strict=True):
        seen += count
        buckets.append((bound, seen))
    return buckets
