"""The ledger: what each fact does to a message, and that memory and log always agree."""

from __future__ import annotations

from array import array
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppd.ledger import memory
from smppd.ledger.accounts import Accounts
from smppd.ledger.bundles import single
from smppd.ledger.entries import MessageRow, Outstanding, read_outstanding, read_result
from smppd.ledger.facts import (
    ANSWERED_FOR_GOOD,
    QUEUE_SHIFT,
    Fact,
    Kind,
    LedgerError,
    ReceiptFact,
    encode,
    made_up_id,
    made_up_msg_id,
)
from smppd.ledger.ledger import Ledger
from smppd.ledger.lifecycle import aggregate
from smppd.ledger.snapshot import Chunk
from smppd.message import ErrorInfo, Lane, Message, OnUnknown, State

QUEUE = 1
BASE = QUEUE << QUEUE_SHIFT
DELIVRD, UNDELIV, ENROUTE, DELETED = 2, 5, 1, 4


def message(parts: int = 1, **more: Any) -> Message:
    segments = tuple(b"x%d" % n for n in range(parts))
    return Message("34600000001", 1, 1, "ACME", 5, 0, 0, 0, "gsm7", segments, **more)


class Desk:
    """A ledger with the rows that a journal would hold beside it."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.rows: list[MessageRow] = []
        self.log: list[Fact] = []
        self.file = self.ledger.file_opened(1.0, "t1", "a.jsonl", Lane.NORMAL)

    @property
    def accounts(self) -> Accounts:
        return self.ledger.accounts

    def admit(self, *bodies: Message) -> list[int]:
        first = self.accounts.queue(QUEUE).tail + 1
        item = self.accounts.files[self.file].items
        new = [
            MessageRow(first + n, self.file, item + n, item + n + 1, None, State.QUEUED, encode(b))
            for n, b in enumerate(bodies)
        ]
        self.rows += new
        last = first + len(new) - 1
        chunk = Chunk([(first, last, len(new))], item, len(new), len(new), {}, 0, item + len(new))
        self.ledger.admitted(2.0, self.file, chunk)
        return [row.msg_id for row in new]

    def send(self, *msg_ids: int, at: float = 3.0) -> None:
        passed_over = self.accounts.queue(QUEUE).passed
        rows = [r for r in self.rows if r.msg_id in msg_ids and r.msg_id not in passed_over]
        self.ledger.sending(at, "main", rows, rows[-1].msg_id)

    def cancel(self, msg_id: int, at: float = 2.5) -> None:
        """Cancel a message that waits in its queue."""
        (row,) = [row for row in self.rows if row.msg_id == msg_id]
        self.ledger.cancelled(at, "ana", msg_id, row)

    def query(self, msg_id: int, part: int, state: int | None, status: int = 0) -> None:
        """The SMSC answers the question where a part is."""
        what = ReceiptFact("main", f"{msg_id}.{part}", "0", "", "34600000001")
        self.ledger.queried(6.0, (msg_id, part), state, what, status)

    def receipt(self, message_id: str, state: int = DELIVRD, at: float = 5.0) -> None:
        what = ReceiptFact("main", message_id, "000", "2611210000", "34600000001")
        where = self.accounts.message_ids.get(f"main\t{message_id}")
        if where is None:
            self.ledger.park(at, state, what)
        else:
            self.ledger.receipt(at, where, state, what)

    def replayed(self, start: Accounts | None = None) -> Accounts:
        """The accounts that a start after a crash would come to."""
        rows = self.ledger.take_facts()
        self.log += sorted(chain.from_iterable(map(single, rows)), key=lambda fact: fact.seq)
        accounts = start or Accounts()
        for fact in self.log[accounts.seq :]:
            if accounts.needs_rows(fact):
                assert fact.msg is not None
                assert fact.num is not None
                covered = [row for row in self.rows if fact.msg <= row.msg_id <= fact.num]
                accounts.take(fact, [MessageRow(*list(_fields(row))) for row in covered])
            else:
                accounts.apply(fact)
        return accounts


def _fields(row: MessageRow) -> list[Any]:
    return [row.msg_id, row.file_id, row.item, row.line, row.id, row.state, row.body]


def picture(accounts: Accounts) -> dict[str, Any]:
    """Everything that must be the same after a crash."""
    return {
        "seq": accounts.seq,
        "counts": accounts.counts,
        "queues": {
            n: (q.head, q.tail, q.queued, list(q.passed))
            for n, q in accounts.queues.items()
            if q.tail > BASE
        },
        "entries": {n: encode(e) for n, e in accounts.entries.items()},
        "ids": dict(accounts.message_ids.items()),
        "shelf": {k: encode(v) for k, v in accounts.shelf.items()},
        "held": accounts.held,
        "files": {
            n: (f.items, f.done, f.closed, f.reported, f.states) for n, f in accounts.files.items()
        },
        "slots": {n: slots.save() for n, slots in accounts.slots.items()},
    }


def test_a_message_goes_from_the_queue_to_delivered() -> None:
    desk = Desk()
    (msg,) = desk.admit(message())
    assert desk.accounts.counts[State.QUEUED] == 1
    desk.send(msg)
    assert desk.accounts.entries[msg].state == State.SENDING
    desk.ledger.sent(4.0, "main", msg, 0, "abc")
    assert desk.accounts.counts[State.SENT] == 1
    desk.receipt("abc")
    assert desk.accounts.counts[State.DELIVERED] == 1
    assert not desk.accounts.entries
    final = desk.ledger.take_facts()[-1]
    assert final.result is not None
    result = read_result(final.result)
    assert (result.state, result.message_ids, result.attempts) == (State.DELIVERED, ["abc"], 1)
    assert result.submitted == 4.0
    assert desk.accounts.slots[desk.file].block(0) == array("q", [final.seq])


def test_without_a_receipt_asked_for_sent_is_final() -> None:
    desk = Desk()
    (msg,) = desk.admit(message(receipt=False))
    desk.send(msg)
    desk.ledger.sent(4.0, "main", msg, 0, "abc")
    assert not desk.accounts.entries
    assert desk.accounts.files[desk.file].done == 1


def test_a_receipt_that_came_first_is_off_the_shelf_once_it_is_applied() -> None:
    desk = Desk()
    (msg,) = desk.admit(message())
    desk.send(msg)
    desk.receipt("abc")
    assert desk.accounts.shelf
    desk.ledger.sent(6.0, "main", msg, 0, "abc")
    assert list(desk.accounts.shelf.related("main\tabc")) == ["main\tabc"]
    desk.receipt("abc")
    assert desk.accounts.counts[State.DELIVERED] == 1
    assert not desk.accounts.shelf


def test_a_late_answer_settles_what_was_unknown() -> None:
    desk = Desk()
    (msg,) = desk.admit(message())
    desk.send(msg)
    desk.ledger.unknown(4.0, msg, 0, "no answer")
    assert desk.accounts.held == {msg}
    desk.ledger.sent(9.0, "main", msg, 0, "late")
    assert desk.accounts.entries[msg].state == State.SENT
    assert not desk.accounts.held
    desk.receipt("late")
    assert desk.accounts.counts[State.DELIVERED] == 1


def test_a_late_answer_spares_a_resend_that_has_not_left() -> None:
    desk = Desk()
    (msg,) = desk.admit(message(on_unknown=OnUnknown.RESEND))
    desk.send(msg)
    desk.ledger.unknown(4.0, msg, 0, "link lost")
    desk.ledger.requeued(4.0, msg, "policy", 4.0)
    desk.ledger.sent(5.0, "main", msg, 0, "late")
    assert desk.accounts.entries[msg].state == State.SENT
    assert list(desk.accounts.due_retries(QUEUE, 99.0)) == []


def test_after_a_resend_both_message_ids_lead_to_the_message() -> None:
    desk = Desk()
    (msg,) = desk.admit(message(on_unknown=OnUnknown.RESEND))
    desk.send(msg)
    desk.ledger.unknown(4.0, msg, 0, "link lost")
    desk.ledger.requeued(4.0, msg, "policy", 4.0)
    assert desk.ledger.sending_again(5.0, "main", msg) == [0]
    desk.ledger.sent(6.0, "main", msg, 0, "first")
    desk.ledger.sent(7.0, "main", msg, 0, "second")
    desk.receipt("first")
    result = read_result(desk.ledger.take_facts()[-1].result or b"")
    assert result.message_ids == ["first", "second"]
    assert result.possible_duplicate
    assert result.attempts == 2


def test_a_long_message_is_delivered_when_all_its_parts_are() -> None:
    desk = Desk()
    (msg,) = desk.admit(message(parts=3))
    desk.send(msg)
    for part in range(3):
        assert desk.accounts.entries[msg].state == State.SENDING
        desk.ledger.sent(4.0, "main", msg, part, f"id{part}")
    assert desk.accounts.entries[msg].state == State.SENT
    desk.receipt("id2")
    desk.receipt("id0")
    assert desk.accounts.entries[msg].state == State.SENT
    desk.receipt("id1")
    assert desk.accounts.counts[State.DELIVERED] == 1


def test_one_undelivered_part_makes_the_whole_undelivered() -> None:
    desk = Desk()
    (msg,) = desk.admit(message(parts=2))
    desk.send(msg)
    desk.ledger.sent(4.0, "main", msg, 0, "a")
    desk.ledger.sent(4.0, "main", msg, 1, "b")
    desk.receipt("a", UNDELIV)
    desk.receipt("b")
    assert desk.accounts.counts[State.UNDELIVERED] == 1


def test_only_the_refused_part_of_a_long_message_goes_again() -> None:
    desk = Desk()
    (msg,) = desk.admit(message(parts=2))
    desk.send(msg)
    desk.ledger.sent(4.0, "main", msg, 0, "a")
    desk.ledger.throttled(4.0, msg, 1, 0x58, due=5.0)
    assert desk.accounts.entries[msg].state == State.QUEUED
    assert [e.msg_id for e in desk.accounts.due_retries(QUEUE, 4.9)] == []
    assert [e.msg_id for e in desk.accounts.due_retries(QUEUE, 5.0)] == [msg]
    assert desk.ledger.sending_again(5.0, "main", msg) == [1]
    assert desk.accounts.entries[msg].attempts == 1  # throttling is no attempt


def test_retries_count_as_attempts_and_a_refusal_ends_it() -> None:
    desk = Desk()
    (msg,) = desk.admit(message())
    desk.send(msg)
    desk.ledger.retry(4.0, msg, 0, 8, due=5.0)
    assert next(iter(desk.accounts.due_retries(QUEUE, 5.0))).msg_id == msg
    desk.ledger.sending_again(5.0, "main", msg)
    desk.ledger.refused(6.0, msg, 0, ErrorInfo("ESME_RINVDSTADR", 11, "no such number"))
    result = read_result(desk.ledger.take_facts()[-1].result or b"")
    assert (result.state, result.attempts) == (State.FAILED, 2)
    assert result.error == ErrorInfo("ESME_RINVDSTADR", 11, "no such number")


def test_a_final_state_never_goes_back() -> None:
    desk = Desk()
    (msg,) = desk.admit(message())
    desk.send(msg)
    desk.ledger.sent(4.0, "main", msg, 0, "abc")
    desk.receipt("abc")
    before = list(desk.accounts.counts)
    what = ReceiptFact("main", "abc", "001", "", "")
    desk.ledger.receipt(9.0, (msg, 0), UNDELIV, what)
    desk.ledger.unknown(9.0, msg, 0, "late")
    desk.ledger.sent(9.0, "main", msg, 0, "again")
    assert desk.accounts.counts == before
    assert desk.accounts.finished.get("main\tabc") is not None


def test_intermediate_receipts_change_nothing() -> None:
    desk = Desk()
    (msg,) = desk.admit(message())
    desk.send(msg)
    desk.ledger.sent(4.0, "main", msg, 0, "abc")
    desk.receipt("abc", ENROUTE)
    desk.receipt("abc", 0)
    assert desk.accounts.entries[msg].state == State.SENT


def test_a_forbidden_move_is_a_fault_of_the_program() -> None:
    desk = Desk()
    (msg,) = desk.admit(message())
    desk.send(msg)
    with pytest.raises(LedgerError, match="sending → expired"):
        desk.ledger.expired(4.0, msg)


def test_a_gap_in_the_log_is_a_fault() -> None:
    with pytest.raises(LedgerError, match="gap"):
        Accounts().apply(Fact(2, 1.0, Kind.FILE_CLOSED, 1))


def test_expired_in_the_queue_is_final_and_moves_the_head() -> None:
    desk = Desk()
    first, second = desk.admit(message(), message())
    desk.ledger.expired_in_queue(9.0, [desk.rows[0]])
    assert desk.accounts.counts[State.EXPIRED] == 1
    assert desk.accounts.queue(QUEUE).head == first
    desk.send(second)
    assert desk.accounts.queue(QUEUE).queued == 0
    assert picture(desk.replayed()) == picture(desk.accounts)


def test_a_file_is_forgotten_when_it_is_reported_and_nothing_is_pending() -> None:
    desk = Desk()
    (msg,) = desk.admit(message())
    desk.ledger.file_closed(3.0, desk.file)
    desk.send(msg)
    desk.ledger.unknown(4.0, msg, 0, "link lost")
    assert desk.file in desk.accounts.touched
    desk.ledger.file_reported(5.0, desk.file, "/done/a.jsonl")
    assert desk.file in desk.accounts.files
    desk.ledger.sent(6.0, "main", msg, 0, "x")
    desk.receipt("x")
    assert desk.file not in desk.accounts.files
    assert desk.accounts.is_final(desk.file, 0)


def test_spilled_messages_come_back_with_their_receipt() -> None:
    desk = Desk()
    msgs = desk.admit(*[message() for _ in range(10)])
    desk.send(*msgs)
    for msg in msgs:
        desk.ledger.sent(4.0, "main", msg, 0, f"id{msg - BASE}")
    oldest = memory.oldest_waiting(desk.accounts, 4)
    spilled = dict(memory.spill(desk.accounts, oldest, set()))
    assert sorted(spilled) == sorted(f"main\tid{n}" for n in range(1, 7))
    assert len(desk.accounts.entries) == 4
    assert desk.accounts.counts[State.SENT] == 10
    desk.ledger.recall(5.0, read_outstanding(spilled["main\tid2"]))
    desk.receipt("id2")
    assert desk.accounts.counts[State.DELIVERED] == 1


def test_of_what_is_to_be_spilled_something_may_be_heard_meanwhile() -> None:
    desk = Desk()
    msgs = desk.admit(*[message() for _ in range(3)])
    desk.send(*msgs)
    for msg, message_id in zip(msgs, ("a", "b", "B"), strict=True):
        desk.ledger.sent(4.0, "main", msg, 0, message_id)
    oldest = memory.oldest_waiting(desk.accounts, 0)
    desk.receipt("a")
    keys = set[str]()
    assert [key for key, _ in memory.spill(desk.accounts, oldest[:2], keys)] == ["main\tb"]
    # In this lot the key that it has in its folded form leads elsewhere.
    assert memory.spill(desk.accounts, oldest[2:], keys) == []
    assert [key for key, _ in memory.spill(desk.accounts, oldest[2:], set())] == [
        "main\tB",
        "main\tb",
    ]


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([State.SENT, State.SENDING], State.SENDING),
        ([State.SENT, State.FAILED], State.FAILED),
        ([State.QUEUED, State.UNKNOWN], State.QUEUED),
        ([State.UNKNOWN, State.SENT], State.UNKNOWN),
        ([State.DELIVERED, State.SENT], State.SENT),
        ([State.DELIVERED, State.UNDELIVERED], State.UNDELIVERED),
        ([State.DELIVERED, State.DELIVERED], State.DELIVERED),
    ],
)
def test_one_state_for_the_whole(parts: list[State], whole: State) -> None:
    assert aggregate(parts) == whole


def test_made_up_ids_can_be_read_back() -> None:
    assert made_up_msg_id(made_up_id(BASE + 77)) == BASE + 77
    assert made_up_msg_id("order-77") is None
    assert made_up_msg_id("smppd-1-x") is None


# ── any history at all ───────────────────────────────────────────────────────────────────────

# ── cancelled, and asked for ─────────────────────────────────────────────────────────────────


def test_a_message_cancelled_in_its_queue_is_passed_over() -> None:
    desk = Desk()
    first, second, third = desk.admit(message(), message(), message())
    desk.cancel(second)
    (fact,) = [fact for fact in desk.ledger.facts if fact.kind == Kind.CANCELLED]
    assert fact.result is not None
    result = read_result(fact.result)
    assert (result.state, result.attempts) == (State.CANCELLED, 0)
    assert result.error == ErrorInfo("CANCELLED", None, "cancelled by ana")
    queue = desk.accounts.queue(QUEUE)
    assert (queue.head, queue.queued, set(queue.passed)) == (BASE, 2, {second})
    restored = Accounts()
    memory.restore(restored, memory.snapshot(desk.accounts))
    assert set(restored.queue(QUEUE).passed) == {second}
    desk.send(first, second, third)
    assert sorted(desk.accounts.entries) == [first, third]
    assert not queue.passed, "nothing is remembered of what was passed over"
    assert picture(desk.replayed()) == picture(desk.accounts)


def test_a_message_that_came_back_can_be_cancelled() -> None:
    desk = Desk()
    (msg,) = desk.admit(message())
    desk.send(msg)
    desk.ledger.retry(4.0, msg, 0, 8, 34.0)
    desk.ledger.cancelled(5.0, "ana", msg)
    assert desk.accounts.counts[State.CANCELLED] == 1
    assert list(desk.accounts.due_retries(QUEUE, 100.0)) == []


def _sent(desk: Desk, parts: int = 1) -> int:
    (msg,) = desk.admit(message(parts))
    desk.send(msg)
    for part in range(parts):
        desk.ledger.sent(4.0, "main", msg, part, f"{msg}.{part}")
    return msg


def test_what_the_smsc_cancels_is_cancelled() -> None:
    desk = Desk()
    msg = _sent(desk)
    desk.ledger.cancel_asked(5.0, "ana", msg, 0)
    desk.ledger.cancel_answered(6.0, "main", msg, 0, 0x11)
    assert desk.accounts.entries[msg].state == State.SENT
    desk.ledger.cancel_answered(7.0, "main", msg, 0, 0)
    assert desk.accounts.counts[State.CANCELLED] == 1


def test_the_receipt_of_a_cancelled_message_may_come_before_the_answer() -> None:
    desk = Desk()
    msg = _sent(desk)
    desk.ledger.cancel_asked(5.0, "ana", msg, 0)
    desk.receipt(f"{msg}.0", DELETED)
    assert desk.accounts.counts[State.CANCELLED] == 1
    desk.ledger.cancel_answered(7.0, "main", msg, 0, 0)


def test_a_message_that_somebody_else_deleted_is_undelivered() -> None:
    desk = Desk()
    desk.receipt(f"{_sent(desk)}.0", DELETED)
    assert desk.accounts.counts[State.UNDELIVERED] == 1


@pytest.mark.parametrize("cancelled_first", [True, False])
def test_a_long_message_cancelled_in_part_is_undelivered(cancelled_first: bool) -> None:
    desk = Desk()
    msg = _sent(desk, 2)

    def cancelled() -> None:
        desk.ledger.cancel_answered(7.0, "main", msg, 0, 0)

    def received() -> None:
        desk.receipt(f"{msg}.1")

    steps = [cancelled, received]
    for step in steps if cancelled_first else steps[::-1]:
        assert desk.accounts.entries[msg].state == State.SENT
        step()
    assert desk.accounts.counts[State.UNDELIVERED] == 1
    result = desk.ledger.take_facts()[-1].result
    assert result is not None
    error = read_result(result).error
    assert error == ErrorInfo("CANCELLED", None, "cancelled at the SMSC")


def test_a_receipt_after_the_cancellation_changes_nothing() -> None:
    desk = Desk()
    msg = _sent(desk, 2)
    desk.ledger.cancel_answered(7.0, "main", msg, 0, 0)
    desk.receipt(f"{msg}.0")
    assert desk.accounts.entries[msg].part_states == [State.CANCELLED, State.SENT]


def test_an_answer_to_query_sm_is_as_good_as_a_receipt() -> None:
    desk = Desk()
    msg = _sent(desk)
    desk.query(msg, 0, -ENROUTE)
    assert desk.accounts.entries[msg].asked == {0: (1, 6.0)}
    desk.query(msg, 0, None, 0x67)
    assert desk.accounts.entries[msg].asked == {0: (ANSWERED_FOR_GOOD, 6.0)}
    desk.query(msg, 0, DELIVRD)
    assert desk.accounts.counts[State.DELIVERED] == 1
    assert picture(desk.replayed()) == picture(desk.accounts)


_STEPS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 7), st.integers(0, 2)), max_size=60)


def _step(desk: Desk, action: int, pick: int, part: int) -> None:
    accounts, ledger, now = desk.accounts, desk.ledger, float(desk.accounts.seq)
    entries = sorted(accounts.entries)
    queue = accounts.queue(QUEUE)
    if action == 0:
        desk.admit(*[message(parts=1 + part, receipt=pick != 3) for _ in range(1 + pick % 3)])
    elif action == 1 and queue.head < queue.tail:
        last = min(queue.head + 1 + pick, queue.tail)
        if any(msg not in queue.passed for msg in range(queue.head + 1, last + 1)):
            desk.send(*range(queue.head + 1, last + 1), at=now)
    elif action == 2 and (due := next(iter(accounts.due_retries(QUEUE, now)), None)):
        ledger.sending_again(now, "main", due.msg_id)
    elif action == 9 and queue.head < queue.tail:
        if queue.head + 1 not in queue.passed:
            ledger.expired_in_queue(now, [r for r in desk.rows if r.msg_id == queue.head + 1])
    elif action == 10 and queue.head + pick < queue.tail:
        if queue.head + 1 + pick not in queue.passed:
            desk.cancel(queue.head + 1 + pick, at=now)
    elif entries:
        _step_one(desk, accounts.entries[entries[pick % len(entries)]], action, pick, part)


def _step_one(desk: Desk, entry: Outstanding, action: int, pick: int, part: int) -> None:
    ledger, now = desk.ledger, float(desk.accounts.seq)
    part %= len(entry.part_states)
    if action == 3:
        ledger.sent(now, "main", entry.msg_id, part, f"{entry.msg_id}.{part}")
    elif action == 4:
        ledger.unknown(now, entry.msg_id, part, "lost")
    elif action == 5:
        ledger.retry(now, entry.msg_id, part, 8, now)
    elif action == 6 and entry.state == State.UNKNOWN:
        ledger.requeued(now, entry.msg_id, "me", now)
    elif action == 7:
        desk.receipt(f"{entry.msg_id}.{part}", [DELIVRD, UNDELIV, ENROUTE][pick % 3], at=now)
    elif action == 8:
        ledger.returned(now, entry.msg_id, part)
    elif action == 11:
        _ask_one(desk, entry, pick, part)


def _ask_one(desk: Desk, entry: Outstanding, pick: int, part: int) -> None:
    """The message is cancelled here, or the SMSC is asked about a part, and says something."""
    ledger, now = desk.ledger, float(desk.accounts.seq)
    if entry.state == State.QUEUED:
        ledger.cancelled(now, "ana", entry.msg_id)
    elif entry.state == State.SENT and pick % 2:
        ledger.cancel_asked(now, "ana", entry.msg_id, part)
        if pick > 1:
            desk.receipt(f"{entry.msg_id}.{part}", DELETED, at=now)
        ledger.cancel_answered(now, "main", entry.msg_id, part, 0x11 if pick == 1 else 0)
    else:
        desk.query(entry.msg_id, part, [DELIVRD, None, ENROUTE][pick % 3], 0x67 * (pick % 3 == 1))


@settings(max_examples=150, deadline=None)
@given(_STEPS, st.integers(0, 60))
def test_any_history_replays_to_the_same_accounts(
    steps: list[tuple[int, int, int]], snapshot_at: int
) -> None:
    desk = Desk()
    saved = None
    for number, step in enumerate(steps):
        if number == snapshot_at:
            saved = memory.snapshot(desk.accounts)
        _step(desk, *step)
        live = desk.accounts
        assert live.accepted == sum(live.counts) == len(desk.rows)
        assert live.queue(QUEUE).queued == live.counts[State.QUEUED]
        file = live.files[desk.file]
        assert file.done == sum(live.slots[desk.file].ended(n) for n in range(file.items))
        assert len(live.entries) + file.done + (
            live.queue(QUEUE).tail - live.queue(QUEUE).head
        ) - len(live.queue(QUEUE).passed) == len(desk.rows)
    assert picture(desk.replayed()) == picture(desk.accounts)
    if saved is not None:
        restored = Accounts()
        memory.restore(restored, saved)
        assert picture(desk.replayed(restored)) == picture(desk.accounts)


def test_a_message_called_up_from_the_agenda_keeps_its_expiry() -> None:
    desk = Desk()
    (msg,) = desk.admit(message(send_at=10.0, expires=99.0))
    desk.ledger.deferred(2.5, desk.rows)
    assert desk.ledger.called_up(10.0, desk.rows[0])
    assert desk.accounts.entries[msg].expires == 99.0
    assert picture(desk.replayed()) == picture(desk.accounts)
