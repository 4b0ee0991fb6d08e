"""Which number belongs to which request, for how long, and what happens at the end of numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smppd.smpp.window import LAST_SEQUENCE_NUMBER, MOST_OVERDUE, Window

SUBMIT_RESP = 0x80000004
ENQUIRE_RESP = 0x80000015


def enter(window: Window, token: object, now: float = 0.0) -> int:
    number = window.next_number()
    window.enter(number, token, SUBMIT_RESP, now)
    return number


def test_numbers_wrap_to_one_after_the_last() -> None:
    window = Window(10, LAST_SEQUENCE_NUMBER - 1)
    assert [enter(window, name) for name in "abcd"] == [0x7FFFFFFE, 0x7FFFFFFF, 1, 2]


def test_numbers_that_are_outstanding_or_overdue_or_the_sessions_own_are_skipped() -> None:
    window = Window(10, 2)
    enter(window, "overdue", now=0.0)
    window.expire(5.0, now=5.0)
    window.enter_without_slot(window.next_number(), ENQUIRE_RESP, 6.0)
    enter(window, "outstanding", now=7.0)
    for _ in range(3):
        window.skip(window.next_number())
    window.skip(LAST_SEQUENCE_NUMBER)
    assert window.next_number() == 1
    window.skip(1)
    assert window.next_number() == 5


def test_looking_at_the_next_number_does_not_use_it_up() -> None:
    window = Window(10)
    assert window.next_number() == window.next_number() == 1


def test_a_slot_is_freed_by_the_right_answer_only_and_once() -> None:
    window = Window(2)
    number = enter(window, "first")
    assert window.answer(number, ENQUIRE_RESP) is None
    assert window.answer(number + 1, SUBMIT_RESP) is None
    assert (window.in_flight, window.room) == (1, 1)
    answered = window.answer(number, SUBMIT_RESP)
    assert answered is not None
    assert answered.token == "first"
    assert window.answer(number, SUBMIT_RESP) is None
    assert (window.in_flight, window.room) == (0, 2)


def test_many_take_the_numbers_that_each_would() -> None:
    window = Window(10, LAST_SEQUENCE_NUMBER - 1)
    assert list(window.enter_each("ab", SUBMIT_RESP, 1.0)) == [0x7FFFFFFE, 0x7FFFFFFF]
    assert window.enter_each("c", SUBMIT_RESP, 2.0) == [1]
    window.skip(0x7FFFFFFD)
    assert window.enter_each("de", SUBMIT_RESP, 3.0) == [2, 3]
    assert list(window.tokens()) == ["a", "b", "c", "d", "e"]
    late = Window(10, LAST_SEQUENCE_NUMBER)
    assert late.enter_each("ab", SUBMIT_RESP, 1.0) == [0x7FFFFFFF, 1]
    answered = late.answer(1, SUBMIT_RESP)
    assert answered is not None
    assert (answered.token, answered.sent_at) == ("b", 1.0)


def test_the_sessions_own_requests_take_no_slot() -> None:
    window = Window(1)
    number = window.next_number()
    window.enter_without_slot(number, ENQUIRE_RESP, 0.0)
    assert (window.in_flight, window.room, window.oldest_sent_at) == (0, 1, None)
    assert window.answer(number, ENQUIRE_RESP) is None
    assert window.expected(number) == ENQUIRE_RESP
    assert window.answer_without_slot(number, ENQUIRE_RESP) is not None
    assert window.expected(number) is None


def test_expiry_frees_the_oldest_and_leaves_their_late_answers_an_owner() -> None:
    window = Window(3)
    first, second, third = (
        enter(window, name, now) for name, now in zip("abc", (0, 1, 2), strict=True)
    )
    assert window.oldest_sent_at == 0
    assert [request.token for request in window.expire(10.0, now=11.0)] == ["a", "b"]
    assert window.expire(10.0, now=11.9) == []
    assert (window.in_flight, window.oldest_sent_at) == (1, 2)
    assert window.answer(first, SUBMIT_RESP) is None
    late = window.answer_late(first, SUBMIT_RESP)
    assert late is not None
    assert late.token == "a"
    assert window.answer_late(first, SUBMIT_RESP) is None
    assert window.expected(second) == window.expected(third) == SUBMIT_RESP


def test_what_is_exactly_due_expires() -> None:
    window = Window(1)
    enter(window, "a", now=0.1)
    assert window.expire(0.2, now=0.1 + 0.2)


def test_clearing_returns_what_held_a_slot_and_forgets_everything() -> None:
    window = Window(3)
    overdue = enter(window, "overdue", now=0.0)
    window.expire(1.0, now=1.0)
    enter(window, "a", now=2.0)
    enter(window, "b", now=3.0)
    assert [request.token for request in window.clear()] == ["a", "b"]
    assert window.in_flight == 0
    assert window.expected(overdue) is None


def test_an_smsc_that_swallows_everything_does_not_fill_memory() -> None:
    window = Window(MOST_OVERDUE + 5)
    for token in range(MOST_OVERDUE + 5):
        enter(window, token)
    assert len(window.expire(1.0, now=1.0)) == MOST_OVERDUE + 5
    assert window.answer_late(5, SUBMIT_RESP) is None
    assert window.answer_late(6, SUBMIT_RESP) is not None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=200))
def test_no_number_is_ever_given_out_twice_while_in_use(steps: list[tuple[bool, int]]) -> None:
    window = Window(1000, LAST_SEQUENCE_NUMBER - 5)
    in_use: list[int] = []
    for sends, which in steps:
        if sends or not in_use:
            number = enter(window, None)
            assert number not in in_use
            assert 1 <= number <= LAST_SEQUENCE_NUMBER
            in_use.append(number)
        else:
            number = in_use.pop(which % len(in_use))
            assert window.answer(number, SUBMIT_RESP) is not None
        assert window.in_flight == len(in_use)
