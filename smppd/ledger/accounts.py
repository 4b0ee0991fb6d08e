"""Where every message is, as the sum of the facts in the journal.

Live, a fact is applied here and then committed; after a crash the same facts are applied again
in the same order and give the same accounts. That is why this is pure: no clock, no SQL, no
trio. Memory holds what is outstanding, never the backlog: queued messages are a pair of numbers
per queue, finished ones eight octets per line of a file that is not reported yet.

Raises `LedgerError` when a fact contradicts the lifecycle: a fault of the program, never of a
peer or a user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from smppd.ledger.agenda import Agenda
from smppd.ledger.facts import (
    ANSWERED_FOR_GOOD,
    CANCEL_ASKED,
    HEAD,
    QUEUE_SHIFT,
    SET_BACK,
    Fact,
    FileAccount,
    FullBlock,
    Kind,
    LedgerError,
    MessageRow,
    Outstanding,
    Parked,
    Pause,
    Queue,
    read_chunk,
    read_due,
    read_names,
    read_outstanding,
    read_pause,
    receipt_fact,
)
from smppd.ledger.lifecycle import (
    ALLOWED,
    CANCELLED,
    DELETED,
    EXPIRED,
    FAILED,
    FINAL,
    PARTLY_DONE,
    QUEUED,
    RECEIPT_STATES,
    RECEIPT_WORDS,
    SENDING,
    SENT,
    UNANSWERED,
    UNDELIVERED,
    UNKNOWN,
    aggregate,
)
from smppd.ledger.message_ids import MessageIds
from smppd.ledger.references import References
from smppd.ledger.shelf import Shelf, shelf_key
from smppd.ledger.slots import FINAL_AT_ADMISSION, Slots
from smppd.ledger.unclaimed import Unclaimed, claimable
from smppd.ledger.waiting import Remembered, Retries
from smppd.message import ErrorInfo, State
from smppd.smpp.vocabulary import status_name

_TAKE_SENDING = int(Kind.SENDING)
_TAKE_CANCELLED = int(Kind.CANCELLED)
_TAKE_DEFERRED = int(Kind.DEFERRED)
_TAKING = frozenset({_TAKE_SENDING, _TAKE_CANCELLED, _TAKE_DEFERRED, int(Kind.EXPIRED)})
_TOO_LATE = ErrorInfo("EXPIRED", None, "not submitted before it expired")


def _too_late(status: int) -> ErrorInfo:
    """The end of a message that came back and expired; `status` is what it came back for."""
    if not status:
        return _TOO_LATE
    text = f"{_TOO_LATE.text}; refused before with {status_name(status)}"
    return ErrorInfo(_TOO_LATE.code, status, text)


_CANCELLED_THERE = ErrorInfo("CANCELLED", None, "cancelled at the SMSC")


class Accounts:
    """The fold over all facts: queues, files, outstanding messages, parked receipts."""

    def __init__(self) -> None:
        self.seq = 0
        self.counts = [0] * (len(State) + 1)
        self.queues: dict[int, Queue] = {}
        self.files: dict[int, FileAccount] = {}
        self.slots: dict[int, Slots] = {}
        self.full_blocks: list[FullBlock] = []
        self.entries: dict[int, Outstanding] = {}
        self.message_ids = MessageIds()
        self.unclaimed = Unclaimed()
        self.finished = Remembered()
        self.shelf = Shelf()
        self.retries = Retries()
        self.agenda = Agenda()
        self.held: set[int] = set()
        self.doubtful: list[int] = []
        self.unmatched = 0
        self._last_parked = ""
        self.accepted = 0
        self.touched: set[int] = set()
        self.refilled: set[int] = set()
        self.last_file = 0
        self.references = References()
        self.paused: dict[str, Pause] = {}

    def apply(self, fact: Fact) -> Outstanding | None:
        """Apply the next fact; the message that it made final, if it did.

        A fact that takes messages from a queue goes through `take` instead.
        """
        if fact.seq != self.seq + 1:
            raise LedgerError(f"fact {fact.seq} follows {self.seq}: the log has a gap")
        self.seq = fact.seq
        return _APPLY[fact.kind](self, fact)

    def needs_rows(self, fact: Fact) -> bool:
        """Whether this fact takes messages from a queue, so that their rows are wanted."""
        return (
            fact.kind in _TAKING
            and fact.part is None
            and fact.num is not None
            and fact.num > self.queue(fact.num >> QUEUE_SHIFT).head
        )

    def take(self, fact: Fact, rows: Iterable[MessageRow]) -> Outstanding | None:
        """Apply a SENDING, DEFERRED or EXPIRED fact that moves these rows from the head of their
        queue, or a CANCELLED one about a row that is still behind it."""
        assert fact.num is not None
        self.seq, final = fact.seq, None
        queue = self.queue(fact.num >> QUEUE_SHIFT)
        for row in rows:
            if row.state != QUEUED or (queue.cancelled and row.msg_id in queue.cancelled):
                continue
            message = row.message
            if fact.kind == _TAKE_DEFERRED:
                self.agenda.add(message.send_at or 0.0, row.msg_id)
                self.files[row.file_id].scheduled += 1
                continue
            entry = Outstanding(
                row.msg_id,
                row.file_id,
                row.item,
                row.line,
                row.id,
                message.to,
                message.receipt,
                message.on_unknown,
                QUEUED,
                [SENDING] * len(message.segments),
                link=fact.text or "",
                left=fact.at,
                expires=message.expires,
                schedule=message.schedule,
            )
            self.entries[row.msg_id] = entry
            if fact.kind == _TAKE_SENDING:
                self.files[row.file_id].last_submit = fact.at
                self._move(entry, SENDING, fact.seq)
                continue
            entry.attempts = 0
            if fact.kind == _TAKE_CANCELLED:
                queue.cancelled.add(row.msg_id)
                return self._cancel(entry, fact)
            self.files[row.file_id].last_submit = fact.at
            entry.error = _TOO_LATE
            final = self._move(entry, EXPIRED, fact.seq)
        if queue.cancelled:
            queue.cancelled.difference_update(range(queue.head + 1, fact.num + 1))
        queue.head = fact.num
        return final

    def file_opened(self, fact: Fact) -> None:
        assert fact.msg is not None
        assert fact.detail is not None
        token, name, lane = read_names(fact.detail)
        self.last_file = max(self.last_file, fact.msg)
        self.files[fact.msg] = FileAccount(fact.msg, token, name, lane, fact.at)
        self.slots[fact.msg] = Slots()

    def admitted(self, fact: Fact) -> None:
        assert fact.msg is not None
        assert fact.detail is not None
        file, chunk = self.files[fact.msg], read_chunk(fact.detail)
        slots = self.slots[fact.msg]
        slots.extend(chunk.items)
        file.done += len(chunk.final)
        for item, state in chunk.final.items():
            self._end(file.file_id, item, FINAL_AT_ADMISSION)
            self.counts[state] += 1
            file.states[state] += 1
        self.counts[QUEUED] += chunk.queued
        file.states[QUEUED] += chunk.queued
        self.accepted += chunk.items
        file.items += chunk.items
        file.offset, file.line = chunk.offset, chunk.line
        if chunk.references:
            self.references.note(chunk.references.items())
            chunk.references = {}
        file.chunks.append(chunk)
        for first, last, queued in chunk.ranges:
            queue = self.queue(first >> QUEUE_SHIFT)
            queue.queued += queued
            if first != queue.tail + 1:
                raise LedgerError(f"messages {first}… follow {queue.tail}")
            queue.tail = last

    def file_closed(self, fact: Fact) -> None:
        assert fact.msg is not None
        self.files[fact.msg].closed = True
        self.touched.add(fact.msg)

    def file_withdrawn(self, fact: Fact) -> None:
        assert fact.msg is not None
        if self.files[fact.msg].items:
            raise LedgerError(f"file {fact.msg} has messages and cannot be withdrawn")
        del self.files[fact.msg], self.slots[fact.msg]

    def file_reported(self, fact: Fact) -> None:
        assert fact.msg is not None
        file = self.files[fact.msg]
        file.reported = True
        file.chunks = []
        self._forget_if_done(file)

    def sending_again(self, fact: Fact) -> None:
        entry = self._entry(fact)
        if entry is None:
            return
        if entry.possible_duplicate:
            self.unclaimed.haunt(entry)
        entry.part_states = [SENDING if state == QUEUED else state for state in entry.part_states]
        entry.attempts += entry.counted
        entry.setbacks += entry.set_back
        entry.due = None
        entry.counted = entry.set_back = False
        self.unclaimed.discard(entry)
        entry.link, entry.left = fact.text or "", fact.at
        self._watch(entry)
        self.files[entry.file_id].last_submit = fact.at
        self._move(entry, SENDING, fact.seq)

    def returned(self, fact: Fact) -> Outstanding | None:
        return self._back_to_queue(fact, HEAD, counts=False)

    def retry(self, fact: Fact) -> Outstanding | None:
        assert fact.detail is not None
        return self._back_to_queue(fact, read_due(fact.detail), counts=True)

    def throttled(self, fact: Fact) -> Outstanding | None:
        assert fact.detail is not None
        return self._back_to_queue(fact, read_due(fact.detail), counts=False)

    def _back_to_queue(self, fact: Fact, due: float, *, counts: bool) -> Outstanding | None:
        entry = self._entry(fact, UNANSWERED)
        if entry is None:
            return None
        entry.counted = entry.counted or counts
        entry.set_back = entry.set_back or fact.text == SET_BACK
        if fact.num is not None:
            entry.refused_with = fact.num
        entry.due = max(due, entry.due or due)
        before = entry.state
        final = self._settle_part(entry, fact, QUEUED)
        if entry.state == QUEUED and before == QUEUED:
            self._wait(entry)
        if entry.possible_duplicate and final is None:
            self._watch(entry)
        self._clear_doubt(entry)
        return final

    def sent(self, fact: Fact) -> Outstanding | None:
        entry = self._entry(fact)
        assert fact.text is not None
        assert fact.part is not None
        if entry is None:
            return None
        entry.ids.append((fact.part, fact.text))
        if fact.text[-1] != "\t":
            self.message_ids.add(fact.text, (entry.msg_id, fact.part))
        else:
            self.unclaimed.add(entry)
        if entry.submitted is None:
            entry.submitted = fact.at
        if entry.part_states[fact.part] not in (SENDING, UNKNOWN, QUEUED):
            return None
        entry.part_states[fact.part] = SENT
        self._clear_doubt(entry)
        return self._settle_part(entry, fact, SENT)

    def identified(self, fact: Fact) -> Outstanding | None:
        """Like `sent`: its receipt shows that the SMSC took the part, and names it."""
        entry = self._entry(fact)
        if entry is not None:
            entry.ids = [pair for pair in entry.ids if pair[0] != fact.part or pair[1][-1] != "\t"]
        return self.sent(fact)

    def refused(self, fact: Fact) -> Outstanding | None:
        entry = self._entry(fact, UNANSWERED)
        if entry is None:
            return None
        assert fact.detail is not None
        entry.error = msgspec.msgpack.decode(fact.detail, type=ErrorInfo)
        return self._settle_part(entry, fact, FAILED)

    def unknown(self, fact: Fact) -> Outstanding | None:
        entry = self._entry(fact, frozenset({SENDING}))
        if entry is None:
            return None
        if FAILED not in entry.part_states:
            entry.error = ErrorInfo("UNKNOWN_OUTCOME", None, fact.text or "")
        self.unclaimed.add(entry)
        return self._settle_part(entry, fact, UNKNOWN)

    def requeued(self, fact: Fact) -> None:
        entry = self._entry(fact)
        if entry is None:
            return
        entry.part_states = [QUEUED if state == UNKNOWN else state for state in entry.part_states]
        entry.possible_duplicate = entry.counted = True
        entry.error = None
        entry.due = fact.at if fact.detail is None else read_due(fact.detail)
        self._move(entry, QUEUED, fact.seq)

    def failed(self, fact: Fact) -> Outstanding | None:
        entry = self._entry(fact)
        if entry is None:
            return None
        assert fact.detail is not None
        entry.error = msgspec.msgpack.decode(fact.detail, type=ErrorInfo)
        return self._move(entry, FAILED, fact.seq)

    def expired(self, fact: Fact) -> Outstanding | None:
        entry = self._entry(fact)
        if entry is None:
            return None
        entry.error = _too_late(entry.refused_with)
        return self._move(entry, EXPIRED, fact.seq)

    def cancelled(self, fact: Fact) -> Outstanding | None:
        """The whole message, or what the SMSC was asked and said about one part of it."""
        entry = self._entry(fact)
        if entry is None:
            return None
        if fact.part is None:
            return self._cancel(entry, fact)
        if fact.num == CANCEL_ASKED:
            entry.cancelling = True
        if fact.num or entry.part_states[fact.part] != SENT:
            return None
        entry.error = _CANCELLED_THERE
        return self._settle_part(entry, fact, CANCELLED)

    def _cancel(self, entry: Outstanding, fact: Fact) -> Outstanding | None:
        entry.error = ErrorInfo("CANCELLED", None, f"cancelled by {fact.text}")
        return self._move(entry, CANCELLED, fact.seq)

    def queried(self, fact: Fact) -> Outstanding | None:
        """What the SMSC said when it was asked where a part is: as good as a receipt."""
        entry = self._entry(fact, frozenset({SENT}))
        if entry is None:
            return None
        assert fact.part is not None
        asked = entry.asked = entry.asked or {}
        count = asked.get(fact.part, (0, 0.0))[0] + 1
        asked[fact.part] = (count if fact.detail is None else ANSWERED_FOR_GOOD, fact.at)
        return self._apply_receipt(entry, fact, "query_sm")

    def receipt(self, fact: Fact) -> Outstanding | None:
        if self.shelf.parked:
            assert fact.text is not None
            parked = self.shelf.pop(shelf_key(fact.text) or "")
            if parked is not None and parked.other:
                self.shelf.pop(parked.other)
        entry = self._entry(fact)
        return None if entry is None else self._apply_receipt(entry, fact, "receipt")

    def _apply_receipt(self, entry: Outstanding, fact: Fact, whence: str) -> Outstanding | None:
        assert fact.part is not None
        if fact.num not in RECEIPT_STATES or entry.part_states[fact.part] in PARTLY_DONE:
            return None
        state = RECEIPT_STATES[fact.num]
        if fact.num == DELETED and entry.cancelling:
            state, entry.error = CANCELLED, _CANCELLED_THERE
        elif state == UNDELIVERED:
            assert fact.text is not None
            entry.error = ErrorInfo(
                RECEIPT_WORDS[fact.num], None, f"{whence} error {receipt_fact(fact.text).error}"
            )
        else:
            entry.part_states[fact.part] = state
            self._clear_doubt(entry)
        return self._settle_part(entry, fact, state)

    def parked(self, fact: Fact) -> None:
        assert fact.text is not None
        self.unmatched += not fact.part
        key = shelf_key(fact.text)
        if key is None:
            return
        if fact.num in RECEIPT_STATES or key not in self.shelf:
            self.shelf.put(key, Parked(fact.at, fact.num, fact.text))
        if fact.part:
            self.shelf.pair(self._last_parked, key)
        self._last_parked = key
        self.shelf.trim(fact.at)

    def recalled(self, fact: Fact) -> None:
        assert fact.detail is not None
        entry = read_outstanding(fact.detail)
        if entry.state == QUEUED and entry.due is not None:
            self.agenda.remove(entry.due, entry.msg_id)
            self.files[entry.file_id].scheduled -= 1
        if entry.msg_id not in self.entries:
            self.remember(entry)

    def indexed(self, fact: Fact) -> None:
        """Nothing: the reader of client ids looks for it."""

    def link_paused(self, fact: Fact) -> None:
        assert fact.text is not None
        assert fact.detail is not None
        self.paused[fact.text] = Pause(fact.at, *read_pause(fact.detail))

    def link_resumed(self, fact: Fact) -> None:
        assert fact.text is not None
        self.paused.pop(fact.text, None)

    # ── the accounts ─────────────────────────────────────────────────────────────────────

    def queue(self, number: int) -> Queue:
        """The queue of this number, empty if nothing was ever put in."""
        queue = self.queues.get(number)
        if queue is None:
            base = number << QUEUE_SHIFT
            queue = self.queues[number] = Queue(number, base, base)
        return queue

    def is_final(self, file_id: int, item: int) -> bool:
        """Whether this item of this file has come to its end."""
        slots = self.slots.get(file_id)
        return slots is None or slots.ended(item)

    def _entry(self, fact: Fact, part_states: frozenset[int] = frozenset()) -> Outstanding | None:
        """The outstanding message of a fact; None when it is final or the part moved on."""
        assert fact.msg is not None
        entry = self.entries.get(fact.msg)
        if entry is None or not part_states:
            return entry
        assert fact.part is not None
        return entry if entry.part_states[fact.part] in part_states else None

    def _settle_part(self, entry: Outstanding, fact: Fact, state: int) -> Outstanding | None:
        assert fact.part is not None
        entry.part_states[fact.part] = state
        return self._move(entry, aggregate(entry.part_states), fact.seq)

    def _move(self, entry: Outstanding, state: int, seq: int) -> Outstanding | None:
        """Change a message's state; the entry if that was its last change."""
        old = entry.state
        if state == old:
            return None
        if state not in ALLOWED[old]:
            raise LedgerError(
                f"message {entry.msg_id}: {State(old).label} → {State(state).label} at fact {seq}"
            )
        entry.state = state
        self.counts[old] -= 1
        self.counts[state] += 1
        file = self.files[entry.file_id]
        file.states[old] -= 1
        file.states[state] += 1
        if old == UNKNOWN:
            self.held.discard(entry.msg_id)
        elif old == QUEUED:
            self.queues[entry.msg_id >> QUEUE_SHIFT].queued -= 1
        if state in FINAL or (state == SENT and not entry.receipt):
            self._finish(entry, file, seq)
            return entry
        if state == UNKNOWN:
            self.held.add(entry.msg_id)
            self.doubtful.append(entry.msg_id)
            self.touched.add(entry.file_id)
        elif state == QUEUED:
            self.queues[entry.msg_id >> QUEUE_SHIFT].queued += 1
            self._wait(entry)
        return None

    def unlink(self, entry: Outstanding) -> None:
        """Its message_ids lead to it no more; one that the SMSC has used again leads elsewhere."""
        for _, key in entry.ids:
            self.message_ids.remove(key, entry.msg_id)

    def _wait(self, entry: Outstanding) -> None:
        queue = entry.msg_id >> QUEUE_SHIFT
        self.retries.add(queue, entry.due or 0.0, entry.msg_id)
        self.refilled.add(queue)

    def _clear_doubt(self, entry: Outstanding) -> None:
        """Say no more of an unknown outcome once no part of the message has one."""
        doubted = entry.error is not None and entry.error.code == "UNKNOWN_OUTCOME"
        if doubted and UNKNOWN not in entry.part_states:
            entry.error = None

    def _finish(self, entry: Outstanding, file: FileAccount, seq: int) -> None:
        del self.entries[entry.msg_id]
        self._end(file.file_id, entry.item, seq)
        file.done += 1
        self.finished.add(entry)
        self.unlink(entry)
        if self.unclaimed.waiting:
            self.unclaimed.close(entry)
        if file.closed:
            self.touched.add(file.file_id)
            self._forget_if_done(file)

    def _end(self, file_id: int, item: int, seq: int) -> None:
        slots = self.slots[file_id]
        full = slots.end(item, seq)
        if full is not None:
            self.full_blocks.append(FullBlock(file_id, full, slots.drop(full)))

    def _forget_if_done(self, file: FileAccount) -> None:
        if file.reported and not file.pending:
            del self.files[file.file_id], self.slots[file.file_id]

    def due_retries(self, queue: int, now: float) -> Iterator[Outstanding]:
        """Take a queue's messages whose time to go again has come, the earliest first."""
        while (msg_id := self.retries.pop_due(queue, now)) is not None:
            entry = self.entries.get(msg_id)
            if entry is not None and entry.state == QUEUED and (entry.due or 0.0) <= now:
                yield entry

    def remember(self, entry: Outstanding) -> None:
        """Put a message that comes from disk among the outstanding ones."""
        self.entries[entry.msg_id] = entry
        for part, key in entry.ids:
            if not key.endswith("\t"):
                self.message_ids.add_older(key, (entry.msg_id, part))
        self._watch(entry)
        if entry.state == UNKNOWN:
            self.held.add(entry.msg_id)
        elif entry.state == QUEUED:
            self._wait(entry)

    def _watch(self, entry: Outstanding) -> None:
        """Let it be found by its destination if a receipt may come under an unheard-of id."""
        if next(claimable(entry), None) is not None:
            self.unclaimed.add(entry)

    def in_doubt(self) -> list[tuple[int, int]]:
        """The (msg_id, part) pairs that were on their way out: after a crash, in doubt."""
        return [
            (entry.msg_id, part)
            for entry in self.entries.values()
            for part, state in enumerate(entry.part_states)
            if state == SENDING
        ]


_STEPS: dict[Kind, Callable[[Accounts, Fact], Outstanding | None]] = {
    Kind.FILE_OPENED: Accounts.file_opened,
    Kind.ADMITTED: Accounts.admitted,
    Kind.FILE_CLOSED: Accounts.file_closed,
    Kind.FILE_WITHDRAWN: Accounts.file_withdrawn,
    Kind.FILE_REPORTED: Accounts.file_reported,
    Kind.SENDING: Accounts.sending_again,
    Kind.RETURNED: Accounts.returned,
    Kind.SENT: Accounts.sent,
    Kind.REFUSED: Accounts.refused,
    Kind.RETRY: Accounts.retry,
    Kind.THROTTLED: Accounts.throttled,
    Kind.UNKNOWN: Accounts.unknown,
    Kind.REQUEUED: Accounts.requeued,
    Kind.EXPIRED: Accounts.expired,
    Kind.FAILED: Accounts.failed,
    Kind.RECEIPT: Accounts.receipt,
    Kind.PARKED: Accounts.parked,
    Kind.RECALLED: Accounts.recalled,
    Kind.INDEXED: Accounts.indexed,
    Kind.CANCELLED: Accounts.cancelled,
    Kind.QUERIED: Accounts.queried,
    Kind.IDENTIFIED: Accounts.identified,
    Kind.PAUSED: Accounts.link_paused,
    Kind.RESUMED: Accounts.link_resumed,
}
_APPLY = {int(kind): step for kind, step in _STEPS.items()}
