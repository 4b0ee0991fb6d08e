"""How fast, and when not at all: pure decisions."""

from __future__ import annotations

from math import inf

import pytest

from smppd.httpapi.pacing import LONGEST_WAIT, PATIENCE, Pace, Reach


def test_without_a_rate_there_is_no_limit() -> None:
    pace = Pace(0)
    assert pace.available(5.0) == inf
    assert [pace.take(5.0) for _ in range(1000)] == [0.0] * 1000
    assert pace.next_at(5.0) == 5.0


def test_turns_are_a_rate_apart() -> None:
    pace = Pace(4.0)
    assert [pace.take(10.0) for _ in range(4)] == [0.0, 0.25, 0.5, 0.75]
    assert pace.available(10.9) == 0
    assert pace.next_at(10.9) == 11.0
    assert pace.available(11.0) == 1
    assert pace.take(11.0) == 0.0


def test_what_was_not_used_is_not_saved_up() -> None:
    pace = Pace(4.0)
    pace.take(0.0)
    assert pace.available(1000.0) == 1
    assert [pace.take(1000.0) for _ in range(2)] == [0.0, 0.25]


@pytest.mark.parametrize("rate", [0.5, 3.0, 70.0, 999.0])
@pytest.mark.parametrize("start", [0.0, 1e6])
def test_whatever_is_available_may_go_and_comes_back_at_the_rate(rate: float, start: float) -> None:
    pace, now, went = Pace(rate), start, 0
    until = start + 100 / rate
    while now < until:
        for _ in range(int(pace.available(now))):
            assert pace.take(now) == pytest.approx(0.0, abs=1e-6)
            went += 1
        now = max(pace.next_at(now), now + 1e-5)
    assert went == pytest.approx(100 + max(1, rate / 10), abs=2)


def test_waits_double_up_to_the_longest_and_an_answer_ends_them() -> None:
    reach, now = Reach(), 100.0
    waits: list[float] = []
    assert reach.silent(now, sent=False, chance=0.0)
    while len(waits) < 9:
        waits.append(reach.until - now)
        now = reach.until
        assert not reach.silent(now, sent=False, chance=0.0)
    assert waits == [1, 2, 4, 8, 16, 32, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]
    assert reach.answered()
    assert (reach.lost, reach.until) == (False, -inf)
    assert not reach.answered()


def test_what_was_under_way_when_it_was_lost_lengthens_no_wait() -> None:
    reach = Reach()
    assert reach.silent(10.0, sent=False, chance=0.0)
    for _ in range(20):
        assert not reach.silent(10.5, sent=True, chance=0.0)
    assert reach.until == 11.0


def test_answers_that_are_lost_now_and_then_are_no_reason_to_wait() -> None:
    reach = Reach()
    for _ in range(50):
        for _ in range(PATIENCE - 1):
            assert not reach.silent(1.0, sent=True, chance=0.0)
        assert not reach.answered()
    for _ in range(PATIENCE - 1):
        reach.silent(1.0, sent=True, chance=0.0)
    assert not reach.lost
    assert reach.silent(1.0, sent=True, chance=0.0)


def test_chance_draws_a_wait_out_and_never_shortens_it() -> None:
    reach = Reach()
    reach.silent(0.0, sent=False, chance=0.999)
    assert 1.0 < reach.until < 1.25
