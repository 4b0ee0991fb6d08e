"""Delays before the next attempt, and the cures that are named."""

from __future__ import annotations

import pytest

from smppd.link.backoff import Backoff, bind_hint
from smppd.smpp.vocabulary import CommandStatus


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
        backoff.refused(CommandStatus.ESME_RINVPASWD)
    assert backoff.lost(0) == 60


@pytest.mark.parametrize("status", [0x0D, 0x0E, 0x0F, 0x53])
def test_wrong_credentials_wait_a_minute_doubling_to_a_quarter_of_an_hour(status: int) -> None:
    backoff = Backoff(1, 60, lowest)
    assert [backoff.refused(status) for _ in range(6)] == [60, 120, 240, 480, 900, 900]
    jittery = Backoff(1, 60, highest)
    assert [jittery.refused(status) for _ in range(6)] == [66, 132, 264, 528, 900, 900]


def test_an_accepted_bind_forgives_wrong_credentials_but_not_losses() -> None:
    backoff = Backoff(1, 60, lowest)
    backoff.refused(CommandStatus.ESME_RINVPASWD)
    backoff.lost(0)
    backoff.bound()
    assert backoff.refused(CommandStatus.ESME_RINVPASWD) == 60
    assert backoff.lost(0) == 2


def test_already_bound_waits_for_the_old_session_to_die() -> None:
    assert Backoff(1, 60, lowest).refused(CommandStatus.ESME_RALYBND) == 30
    assert Backoff(1, 60, highest).refused(CommandStatus.ESME_RALYBND) == 60


def test_other_refusals_count_as_losses() -> None:
    backoff = Backoff(1, 60, lowest)
    delays = [backoff.refused(CommandStatus.ESME_RSYSERR), backoff.lost(0), backoff.refused(0x4FF)]
    assert delays == [1, 2, 4]


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (0x0E, "password_file"),
        (0x0F, "system_id"),
        (0x53, "system_type"),
        (0x0D, "password"),
        (0x05, "sessions"),
        (0x4FF, "provider"),
    ],
)
def test_hints_name_the_cure(status: int, cure: str) -> None:
    assert cure in bind_hint(status)
