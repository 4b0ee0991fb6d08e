"""Delays before the next attempt."""

from __future__ import annotations

from smppd.link.backoff import Backoff, credentials_delay, persistent_delay


def lowest() -> float:
    return 0.0


def highest() -> float:
    return 1.0


def test_losses_double_the_delay_up_to_the_maximum() -> None:
    short, long = Backoff(1, 60, lowest), Backoff(1, 60, highest)
    assert [short.lost(0) for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert [long.lost(0) for _ in range(8)] == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_session_that_did_not_hold_does_not_reset_the_delay() -> None:
    backoff = Backoff(1, 60, lowest)
    assert [backoff.lost(29.9) for _ in range(3)] == [1, 2, 4]


def test_a_session_that_held_resets_the_delay() -> None:
    backoff = Backoff(1, 60, lowest)
    for _ in range(6):
        backoff.lost(0)
    assert backoff.lost(30) == 1


def test_delays_stay_between_equal_limits() -> None:
    for chance in (lowest, highest):
        backoff = Backoff(5, 5, chance)
        assert [backoff.lost(0) for _ in range(3)] == [5, 5, 5]


def test_thousands_of_losses_do_not_overflow() -> None:
    backoff = Backoff(1, 60, highest)
    for _ in range(5000):
        backoff.lost(0)
    assert backoff.lost(0) == 60
    assert credentials_delay(5000, 1.0) == 900


def test_wrong_credentials_wait_a_minute_doubling_to_a_quarter_of_an_hour() -> None:
    assert [credentials_delay(n, 0.0) for n in range(6)] == [60, 120, 240, 480, 900, 900]
    assert [credentials_delay(n, 1.0) for n in range(6)] == [66, 132, 264, 528, 900, 900]


def test_what_persists_waits_for_half_a_minute_or_more() -> None:
    assert (persistent_delay(0.0), persistent_delay(1.0)) == (30, 60)
