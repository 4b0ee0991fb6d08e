"""The policy of refusals: the whole table, and what a link's own words make of it."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.config.sections import StatusClass
from smppd.policy import PACE, PACE_PAUSE, Again, Refusal, Retries, classify, decide
from smppd.smpp.vocabulary import CommandStatus

LIMITS = Retries(max_attempts=5, shortest=30.0, longest=600.0)

RETRIED = {"ESME_RSYSERR", "ESME_RSUBMITFAIL", "ESME_RTHROTTLED", "ESME_RUNKNOWNERR"}
RETRIED_LATER = {"ESME_RMSGQFUL", "ESME_RX_T_APPN", "ESME_RSERTYPUNAVAIL"}
RECONNECTING = {"ESME_RINVBNDSTS", "ESME_RALYBND"}
FOR_AN_OPERATOR = {"ESME_RBINDFAIL", "ESME_RINVPASWD", "ESME_RINVSYSID", "ESME_RINVCMDID"}


@pytest.mark.parametrize("status", list(CommandStatus), ids=lambda status: status.name)
def test_every_status_of_the_specification_has_its_class(status: CommandStatus) -> None:
    expected = Refusal.PERMANENT
    for names, refusal in (
        (RETRIED, Refusal.RETRY),
        (RETRIED_LATER, Refusal.RETRY_LATER),
        (RECONNECTING, Refusal.RECONNECT),
        (FOR_AN_OPERATOR, Refusal.OPERATOR),
    ):
        if status.name in names:
            expected = refusal
    assert classify(status, {}) is expected


def test_the_table_names_no_status_that_there_is_not() -> None:
    names = RETRIED | RETRIED_LATER | RECONNECTING | FOR_AN_OPERATOR
    assert names <= set(CommandStatus.__members__)


@pytest.mark.parametrize("status", [0x400, 0x4FF, 0x7FFFFFFF, 0x100, 0xFFFFFFFF])
def test_a_status_that_nobody_knows_is_permanent(status: int) -> None:
    assert classify(status, {}) is Refusal.PERMANENT
    assert decide(status, 1, {}, LIMITS) is None


@pytest.mark.parametrize("word", get_args(StatusClass))
def test_every_word_of_the_configuration_is_a_class(word: str) -> None:
    assert classify(0x401, {0x401: word}).value == word
    assert classify(CommandStatus.ESME_RINVDSTADR, {0x0B: word}).value == word
    assert classify(0x402, {0x401: word}) is Refusal.PERMANENT


def test_every_class_is_a_word_of_the_configuration() -> None:
    assert {refusal.value for refusal in Refusal} == set(get_args(StatusClass))


# ── when to go again ─────────────────────────────────────────────────────────────────────────


def test_the_delay_doubles_up_to_the_longest_and_the_attempts_run_out() -> None:
    limits = Retries(max_attempts=8, shortest=30.0, longest=600.0)
    delays = [decide(CommandStatus.ESME_RSYSERR, n, {}, limits) for n in range(1, 10)]
    assert delays == [
        Again(30.0, True),
        Again(60.0, True),
        Again(120.0, True),
        Again(240.0, True),
        Again(480.0, True),
        Again(600.0, True),
        Again(600.0, True),
        None,
        None,
    ]


def test_later_means_the_longest_delay_from_the_start() -> None:
    status = CommandStatus.ESME_RX_T_APPN
    assert decide(status, 1, {}, LIMITS) == Again(600.0, True)
    assert decide(status, 4, {}, LIMITS) == Again(600.0, True)
    assert decide(status, 5, {}, LIMITS) is None


def test_one_attempt_allowed_means_no_second_one() -> None:
    once = Retries(max_attempts=1, shortest=1.0, longest=2.0)
    assert decide(CommandStatus.ESME_RSYSERR, 1, {}, once) is None
    assert decide(CommandStatus.ESME_RX_T_APPN, 1, {}, once) is None


@pytest.mark.parametrize("status", sorted(PACE))
def test_a_refusal_of_our_pace_never_uses_up_a_message(status: int) -> None:
    assert decide(status, 10_000, {}, LIMITS) == Again(PACE_PAUSE, False)
    assert decide(status, 1, {status: "permanent"}, LIMITS) is None
    assert decide(status, 1, {status: "retry"}, LIMITS) == Again(PACE_PAUSE, False)
    assert decide(status, 1, {status: "operator"}, LIMITS) == Again(600.0, False)


@pytest.mark.parametrize(("word", "delay"), [("operator", 600.0), ("reconnect", 30.0)])
def test_a_refusal_that_is_not_about_the_message_holds_it_and_counts_nothing(
    word: str, delay: float
) -> None:
    assert decide(0x401, 10_000, {0x401: word}, LIMITS) == Again(delay, False)


@given(
    st.integers(0, 0xFFFFFFFF) | st.sampled_from(sorted(CommandStatus)),
    st.integers(1, 5000),
    st.sampled_from(["", *get_args(StatusClass)]),
    st.tuples(st.integers(1, 1000), st.floats(0.01, 604_800), st.floats(0.01, 604_800)),
)
def test_any_decision_keeps_to_the_limits(
    status: int, attempts: int, word: str, given_limits: tuple[int, float, float]
) -> None:
    most, one, other = given_limits
    limits = Retries(most, min(one, other), max(one, other))
    again = decide(status, attempts, {status: word} if word else {}, limits)
    if again is None:
        return
    if again.counts:
        assert attempts < most
    if status not in PACE:
        assert limits.shortest <= again.delay <= limits.longest
