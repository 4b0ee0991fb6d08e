"""The policy of refusals: the whole table, and what a link's own words make of it."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.config.sections import StatusClass
from smppd.policy import FULL_MAX, FULL_MIN, FULL_PATIENCE, HEAD, Again, Past, Retries, decide
from smppd.smpp.vocabulary import CommandStatus
from smppd.statuses import MEANINGS, Binding, Meaning, Refusal, complaints, meaning

LIMITS = Retries(max_attempts=5, shortest=30.0, longest=600.0)

#: What is known of each status: what it means for a submit_sm and for a bind, whether the operator
#: is told when messages fail for it, and how often a message is submitted at most.
KNOWN = """
0x1 permanent none
0x2 permanent operator
0x3 operator operator
0x4 reconnect retry_later
0x5 reconnect already_bound
0x6 permanent none alert
0x7 permanent none alert
0x8 retry retry_later
0xa permanent none
0xb permanent none
0xc permanent none
0xd operator credentials
0xe operator credentials
0xf operator credentials
0x11 permanent_unknown none
0x13 permanent none
0x14 queue_full retry_later
0x15 permanent none alert
0x33 permanent none
0x34 permanent none
0x40 permanent none
0x42 permanent none
0x43 permanent none alert
0x44 permanent none
0x45 retry none tries=3
0x48 permanent none alert
0x49 permanent none alert
0x50 permanent none alert
0x51 permanent none alert
0x53 permanent operator alert
0x54 permanent none
0x55 permanent none
0x58 throttle retry_later
0x61 permanent none
0x62 permanent none
0x63 permanent none
0x64 retry_later retry_later
0x65 permanent none
0x66 permanent none
0x67 permanent_unknown none
0xc0 permanent operator alert
0xc1 permanent operator alert
0xc2 permanent none alert
0xc3 permanent none
0xc4 permanent none
0xfe permanent none
0xff retry retry_later alert tries=3
0x100 permanent none alert
0x101 permanent operator alert
0x102 retry_later none
0x103 permanent none
0x104 permanent none alert
0x105 permanent none
0x106 permanent none
"""


def rows() -> list[tuple[int, str, str, bool, int | None]]:
    found = []
    for line in KNOWN.split("\n")[1:-1]:
        code, submit, bind, *more = line.split()
        tries = next((int(word[6:]) for word in more if word.startswith("tries=")), None)
        found.append((int(code, 16), submit, bind, "alert" in more, tries))
    return found


@pytest.mark.parametrize(("code", "submit", "bind", "alert", "tries"), rows())
def test_every_known_status_has_its_row(
    code: int, submit: str, bind: str, alert: bool, tries: int | None
) -> None:
    row = MEANINGS[code]
    of_bind = row.bind.value if row.bind else "none"
    assert (row.refusal.value, of_bind, row.alert, row.tries) == (submit, bind, alert, tries)
    assert row.code == code
    assert row.name == CommandStatus(code).name


def test_the_table_has_every_status_that_the_specification_names_and_no_other() -> None:
    assert set(MEANINGS) == {int(status) for status in CommandStatus} - {0}
    broadcast = range(0x107, 0x113)
    assert set(MEANINGS) == {code for code, *_ in rows()} | set(broadcast)
    assert {MEANINGS[code].refusal for code in broadcast} == {Refusal.PERMANENT}


def test_whoever_has_to_act_is_told_how() -> None:
    acted_on = [
        row
        for row in MEANINGS.values()
        if row.alert or row.refusal in (Refusal.OPERATOR, Refusal.RECONNECT)
    ]
    assert len(acted_on) > 20
    assert [row.name for row in acted_on if not row.cure] == []


@pytest.mark.parametrize("status", [0x09, 0x22, 0x4A, 0x400, 0x432, 0x4FF, 0x500, 0xFFFFFFFF])
def test_a_status_that_nobody_knows_fails_the_message_and_keeps_its_number(status: int) -> None:
    row = meaning(status, {})
    assert row.refusal is Refusal.PERMANENT_UNKNOWN
    assert row.bind is Binding.RETRY_LATER
    assert row.name == f"0x{status:08X}"
    assert decide(row, Past(1), LIMITS, 0.0) is None


@pytest.mark.parametrize("word", get_args(StatusClass))
@pytest.mark.parametrize("status", [0x0B, 0x14, 0x58, 0x67, 0xFF, 0x401])
def test_a_link_has_the_last_word_on_every_status(word: str, status: int) -> None:
    assert meaning(status, {status: word}).refusal.value == word
    assert meaning(status, {status + 1: word}) == meaning(status, {})


def test_every_class_is_a_word_of_the_configuration() -> None:
    assert {refusal.value for refusal in Refusal} == set(get_args(StatusClass))


def test_which_statuses_complain_of_our_pace() -> None:
    assert complaints({}) == {0x14: Refusal.QUEUE_FULL, 0x58: Refusal.THROTTLE}
    assert complaints({0x58: "permanent", 0x4A1: "throttle"}) == {
        0x14: Refusal.QUEUE_FULL,
        0x4A1: Refusal.THROTTLE,
    }


# ── when to go again ─────────────────────────────────────────────────────────────────────────


def of(refusal: Refusal, tries: int | None = None) -> Meaning:
    return Meaning(0x7FF, refusal, tries=tries)


def delays(refusal: Refusal, limits: Retries, chance: float, count: int) -> list[float | None]:
    found = [decide(of(refusal), Past(n), limits, chance) for n in range(1, count + 1)]
    assert all(again is None or again.counts for again in found)
    return [again and again.delay for again in found]


def test_the_delay_doubles_up_to_the_longest_and_the_attempts_run_out() -> None:
    limits = Retries(max_attempts=8, shortest=30.0, longest=600.0)
    found = delays(Refusal.RETRY, limits, 0.0, 9)
    assert found == [30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0, None, None]


def test_chance_draws_the_delays_apart_but_not_past_the_limits() -> None:
    limits = Retries(max_attempts=8, shortest=30.0, longest=600.0)
    assert delays(Refusal.RETRY, limits, 0.5, 6) == [33.75, 67.5, 135.0, 270.0, 540.0, 525.0]
    assert delays(Refusal.RETRY_LATER, limits, 0.5, 2) == [525.0, 525.0]
    assert delays(Refusal.RETRY, Retries(3, 30.0, 30.0), 0.9, 1) == [30.0]


def test_later_means_the_longest_delay_from_the_start() -> None:
    assert delays(Refusal.RETRY_LATER, LIMITS, 0.0, 5) == [600.0] * 4 + [None]


def test_a_row_may_allow_fewer_attempts_than_the_link_but_never_more() -> None:
    few, many = of(Refusal.RETRY, tries=3), of(Refusal.RETRY, tries=9)
    assert [decide(few, Past(n), LIMITS, 0.0) is None for n in (1, 2, 3)] == [False, False, True]
    assert [decide(many, Past(n), LIMITS, 0.0) is None for n in (4, 5)] == [False, True]


def test_one_attempt_allowed_means_no_second_one() -> None:
    once = Retries(max_attempts=1, shortest=1.0, longest=2.0)
    assert decide(of(Refusal.RETRY), Past(1), once, 0.0) is None
    assert decide(of(Refusal.RETRY_LATER), Past(1), once, 0.0) is None


@pytest.mark.parametrize("refusal", [Refusal.THROTTLE, Refusal.OPERATOR])
def test_what_is_not_about_the_message_never_uses_it_up(refusal: Refusal) -> None:
    assert decide(of(refusal), Past(10_000, 10_000), LIMITS, 0.9) == HEAD


def test_a_message_waits_longer_and_longer_for_a_full_queue_but_not_for_ever() -> None:
    full = of(Refusal.QUEUE_FULL)
    waits = [decide(full, Past(1, n), LIMITS, 0.0) for n in range(7)]
    assert waits == [
        Again(delay, counts=False, sets_back=True)
        for delay in (FULL_MIN, 60.0, 120.0, 240.0, 480.0, FULL_MAX, FULL_MAX)
    ]
    assert decide(full, Past(1, FULL_PATIENCE), LIMITS, 0.0) == Again(600.0, counts=True)
    assert decide(full, Past(5, FULL_PATIENCE), LIMITS, 0.0) is None


def test_a_message_that_ends_session_after_session_is_itself_the_cause() -> None:
    row = of(Refusal.RECONNECT)
    for setbacks in range(3):
        assert decide(row, Past(1, setbacks), LIMITS, 0.0) == Again(0.0, False, sets_back=True)
    assert decide(row, Past(1, 3), LIMITS, 0.0) == Again(30.0, counts=True)
    assert decide(row, Past(5, 3), LIMITS, 0.0) is None


@given(
    st.integers(1, 0xFFFFFFFF) | st.sampled_from(sorted(CommandStatus)[1:]),
    st.builds(Past, st.integers(1, 5000), st.integers(0, 5000)),
    st.sampled_from(["", *get_args(StatusClass)]),
    st.tuples(st.integers(1, 1000), st.floats(0.01, 604_800), st.floats(0.01, 604_800)),
    st.floats(0, 1, exclude_max=True),
)
def test_any_decision_keeps_to_the_limits(
    status: int, past: Past, word: str, given_limits: tuple[int, float, float], chance: float
) -> None:
    most, one, other = given_limits
    limits = Retries(most, min(one, other), max(one, other))
    row = meaning(status, {status: word} if word else {})
    again = decide(row, past, limits, chance)
    if again is None:
        return
    if again.counts:
        assert past.attempts < most
        assert limits.shortest <= again.delay <= limits.longest
    else:
        assert again.delay == 0 or FULL_MIN <= again.delay <= FULL_MAX
