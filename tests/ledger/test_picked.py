"""Messages that are taken out of their turn: live and from the log they come to the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from smppd.message import State
from tests.ledger.test_ledger import BASE, QUEUE, Desk, message, picture


def pick(desk: Desk, *msg_ids: int, first: int | None = None, at: float = 3.0) -> None:
    rows = [row for row in desk.rows if row.msg_id in msg_ids]
    desk.ledger.picked(at, rows, msg_ids[0] if first is None else first)


def same_after_a_crash(desk: Desk) -> None:
    assert picture(desk.replayed()) == picture(desk.accounts)


def test_one_from_the_middle_is_passed_over_when_its_turn_would_come() -> None:
    desk = Desk()
    one, two, three = desk.admit(message(), message(), message())
    pick(desk, two)
    queue = desk.accounts.queue(QUEUE)
    assert (queue.head, set(queue.passed), queue.queued) == (BASE, {two}, 3)
    assert desk.accounts.entries[two].state == State.QUEUED
    assert desk.ledger.sending_again(4.0, "web", two, "sms.sendsms") == [0]
    same_after_a_crash(desk)
    desk.send(one, three)
    assert (queue.head, set(queue.passed), queue.queued) == (three, set(), 0)
    assert desk.accounts.entries[two].attempts == 1
    assert [desk.accounts.entries[n].link for n in (one, two, three)] == ["main", "web", "main"]
    same_after_a_crash(desk)


def test_those_at_the_head_leave_nothing_behind() -> None:
    desk = Desk()
    ids = desk.admit(*(message() for _ in range(6)))
    queue = desk.accounts.queue(QUEUE)
    pick(desk, *ids[:2])
    assert (queue.head, set(queue.passed)) == (ids[1], set())
    pick(desk, ids[3])
    assert set(queue.passed) == {ids[3]}
    pick(desk, ids[2], first=ids[2])
    assert (queue.head, set(queue.passed)) == (ids[3], set())
    same_after_a_crash(desk)
    desk.send(*ids[4:])
    same_after_a_crash(desk)


def test_a_message_before_its_time_waits_for_it_out_of_its_turn() -> None:
    desk = Desk()
    _, two = desk.admit(message(), message(send_at=50.0))
    pick(desk, two)
    assert two not in desk.accounts.entries
    assert desk.accounts.agenda.due(QUEUE, 60.0, 5) == [two]
    assert desk.accounts.files[desk.file].scheduled == 1
    same_after_a_crash(desk)
    assert desk.ledger.called_up(60.0, desk.rows[1])
    desk.ledger.sending_again(60.0, "web", two, "sms.sendsms")
    assert desk.accounts.files[desk.file].scheduled == 0
    same_after_a_crash(desk)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_whatever_the_order_each_is_taken_once(actions: list[int]) -> None:
    desk = Desk()
    waiting = desk.admit(*(message() for _ in range(12)))
    taken: list[int] = []
    for action in actions:
        if not waiting:
            break
        if action == 0:  # the link's turn: up to two from the head
            lot = waiting[:2]
            desk.send(*lot)
        elif action == 1:
            lot = [waiting[-1]]
            desk.cancel(lot[0])
        else:
            lot = [waiting[min(action - 2, len(waiting) - 1)]]
            pick(desk, *lot)
            desk.ledger.sending_again(4.0, "web", lot[0], "sms.sendsms")
        taken += lot
        waiting = [each for each in waiting if each not in lot]
        queue = desk.accounts.queue(QUEUE)
        assert queue.queued == len(waiting)
        same_after_a_crash(desk)
    assert len(set(taken)) == len(taken)
