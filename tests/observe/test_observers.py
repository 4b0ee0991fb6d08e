from __future__ import annotations

import io

import pytest

from smppd.events import DaemonStopping, Event
from smppd.observe.observers import Observers

EVENT = DaemonStopping(signal="SIGTERM")


def broken(_event: Event) -> None:
    raise LookupError("no such colour")


def test_every_observer_is_told_in_order() -> None:
    told: list[str] = []
    observers = Observers(lambda _: told.append("log"), lambda _: told.append("metrics"))
    observers.emit(EVENT)
    assert told == ["log", "metrics"]


def test_a_failing_observer_stops_neither_the_others_nor_the_station() -> None:
    told: list[Event] = []
    observers = Observers(broken, told.append, stderr=io.StringIO())
    observers.emit(EVENT)
    assert told == [EVENT]


def test_a_failing_observer_is_reported_once_with_what_and_why() -> None:
    stderr = io.StringIO()
    observers = Observers(broken, stderr=stderr)
    for _ in range(3):
        observers.emit(EVENT)
    assert stderr.getvalue().count("\n") == 1
    for word in ("broken", "DaemonStopping", "LookupError", "no such colour"):
        assert word in stderr.getvalue()


def test_the_failures_of_two_observers_are_two_reports() -> None:
    stderr = io.StringIO()
    Observers(broken, broken, stderr=stderr).emit(EVENT)
    assert stderr.getvalue().count("\n") == 2


def test_a_closed_stderr_does_not_stop_traffic() -> None:
    stderr = io.StringIO()
    stderr.close()
    told: list[Event] = []
    Observers(broken, told.append, stderr=stderr).emit(EVENT)
    assert told == [EVENT]


def test_the_program_can_still_be_interrupted_within_an_observer() -> None:
    def interrupted(_event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Observers(interrupted).emit(EVENT)
