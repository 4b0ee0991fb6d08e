"""Sums in place of a flood: nothing is told twice, nothing is lost, and the few are told one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smppd.events import FileReported
from smppd.observe.summing import FEW, SPAN, Summed, Summing

TERMS = Summed("files_reported", "further files are done", counts=("states",))


def reported(number: int) -> FileReported:
    states = {"delivered": number, "failed": 1} if number % 2 else {"delivered": number}
    return FileReported(f"{number}", f"done/{number}", states)


@given(st.lists(st.sampled_from([0.0, 0.001, 0.05, 0.5, 0.99, 1.0, 3.0]), max_size=120))
def test_every_event_is_told_once_by_itself_or_in_a_sum(steps: list[float]) -> None:
    summing, now = Summing(TERMS), 100.0
    alone, sums = list[FileReported](), list[Mapping[str, Any]]()
    for number, step in enumerate(steps):
        now += step
        sums += filter(None, [summing.settle(now)])
        if not summing.takes(event := reported(number)):
            alone.append(event)
    sums += filter(None, [summing.settle(now, at_once=True)])
    assert len(alone) + sum(each["count"] for each in sums) == len(steps)
    told, happened = Counter[str](), Counter[str]()
    for states in [each.states for each in alone] + [each["states"] for each in sums]:
        told.update(states)
    for number in range(len(steps)):
        happened.update(reported(number).states)
    assert told == happened


def test_few_are_told_one_by_one_for_ever() -> None:
    summing, now = Summing(TERMS), 0.0
    for number in range(200):
        now += SPAN / 8
        assert summing.settle(now) is None
        assert not summing.takes(reported(number))


def test_while_there_are_many_each_second_is_one_sum() -> None:
    summing, alone, sums = Summing(TERMS), 0, []
    for number in range(50_000):
        told = summing.settle(number / 10_000)
        if told is not None:
            sums.append(told["count"])
        alone += not summing.takes(reported(number))
    assert alone == FEW
    assert sums == [10_000 - FEW, 10_000, 10_000, 10_000]


def test_after_a_pause_the_next_is_told_by_itself() -> None:
    summing = Summing(TERMS)
    for number in range(100):
        summing.settle(0.0)
        summing.takes(reported(number))
    told = summing.settle(SPAN)
    assert told is not None
    assert told["count"] == 100 - FEW
    summing.settle(3 * SPAN)
    assert not summing.takes(reported(1))
    assert summing.settle(3 * SPAN, at_once=True) is None
