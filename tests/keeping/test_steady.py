"""A clock that jumps is not believed until it has run evenly."""

from __future__ import annotations

from smppd.keeping.steady import ABSENCE, SETTLE, TOLERANCE, Steady


def test_an_even_clock_is_believed_at_once() -> None:
    steady = Steady(1000.0)
    assert steady.believed(1010.0, 5.0)
    assert steady.believed(1010.0 + 1e6 + TOLERANCE / 2, 5.0 + 1e6)


def test_after_a_jump_it_must_run_evenly_for_a_while() -> None:
    for jump in (1e9, -1e9, TOLERANCE + 1):
        steady = Steady()
        assert steady.believed(2e9, 0.0)
        assert not steady.believed(2e9 + jump + 1, 1.0)
        assert not steady.believed(2e9 + jump + SETTLE, SETTLE)
        assert steady.believed(2e9 + jump + 1 + SETTLE, 1 + SETTLE)


def test_a_second_jump_counts_anew() -> None:
    steady = Steady()
    steady.believed(2e9, 0.0)
    assert not steady.believed(3e9, 10.0)
    assert not steady.believed(2e9 + 3000, 3000.0)
    assert not steady.believed(2e9 + 3000 + SETTLE - 1, 3000.0 + SETTLE - 1)
    assert steady.believed(2e9 + 3000 + SETTLE, 3000.0 + SETTLE)


def test_a_date_far_from_that_of_the_last_run_is_looked_at_twice() -> None:
    assert not Steady(2e9).believed(2e9 + ABSENCE + 1, 0.0)
    assert not Steady(2e9).believed(2e9 - TOLERANCE - 1, 0.0)
    late = Steady(2e9)
    late.believed(3e9, 0.0)
    assert late.believed(3e9 + SETTLE, SETTLE)
