"""The metrics of the ways that events leave: a table. Labels are bounded: outlets and outcomes."""

from __future__ import annotations

from collections.abc import Callable

from smppd.figures import DaemonFigures, OutletFigures
from smppd.observe.measuring import Measure, Samples


def _events(figures: DaemonFigures) -> Samples:
    for each in figures.outlets:
        yield (each.name, "delivered"), each.delivered
        yield (each.name, "put_aside"), each.given_up


def _lag(figures: DaemonFigures) -> Samples:
    for each in figures.outlets:
        waiting = each.waiting_since
        yield (each.name,), 0.0 if waiting is None else max(0.0, figures.now - waiting)


def _each(name: str, text: str, read: Callable[[OutletFigures], float]) -> Measure:
    return Measure(
        name,
        text,
        ("outlet",),
        lambda figures: [((each.name,), read(each)) for each in figures.outlets],
    )


OUTLET_MEASURES: tuple[Measure, ...] = (
    Measure(
        "smppd_outlet_events_total",
        "Events that left over an outlet, and those that it put aside because they were not taken.",
        ("outlet", "outcome"),
        _events,
    ),
    _each(
        "smppd_outlet_failures_total",
        "Attempts of an outlet to deliver that failed.",
        lambda outlet: outlet.failures,
    ),
    _each(
        "smppd_outlet_behind_facts",
        "Facts of the journal that an outlet has not passed.",
        lambda outlet: outlet.behind,
    ),
    Measure(
        "smppd_outlet_lag_seconds",
        "How long ago the event happened that an outlet is about to deliver; 0 when there is none.",
        ("outlet",),
        _lag,
    ),
    _each(
        "smppd_outlet_failing",
        "1 while an outlet cannot deliver.",
        lambda outlet: outlet.failing_since is not None,
    ),
)
