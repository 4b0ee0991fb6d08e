"""Facts about what waits: taken from the head of its queue, called up from disk or from the agenda,
ended before its turn; and the links that take nothing for now."""

from __future__ import annotations

from collections.abc import Iterable

from smppd.ledger.entries import MessageRow, Outstanding, outstanding, read_outstanding
from smppd.ledger.facts import HEAD, QUEUE_SHIFT, Fact, Kind, read_pause
from smppd.ledger.lifecycle import CANCELLED, EXPIRED, QUEUED, SENDING
from smppd.ledger.snapshot import Pause, Queue
from smppd.ledger.standing import Standing
from smppd.message import ErrorInfo
from smppd.smpp.vocabulary import status_name

_SENDING = int(Kind.SENDING)
_CANCELLED = int(Kind.CANCELLED)
_PICKED = int(Kind.PICKED)

_TOO_LATE = ErrorInfo("EXPIRED", None, "not submitted before it expired")


def _too_late(status: int) -> ErrorInfo:
    """The end of a message that came back and expired; `status` is what it came back for."""
    if not status:
        return _TOO_LATE
    text = f"{_TOO_LATE.text}; refused before with {status_name(status)}"
    return ErrorInfo(_TOO_LATE.code, status, text)


def taken(standing: Standing, fact: Fact, rows: Iterable[MessageRow]) -> Outstanding | None:
    """SENDING, DEFERRED or EXPIRED: these rows are gone from the head of their queue; or CANCELLED,
    PICKED: rows that are still behind it will be passed over."""
    assert fact.num is not None
    step, final = _ROW_STEPS[fact.kind], None
    queue = standing.queue(fact.num >> QUEUE_SHIFT)
    for row in rows:
        if row.state == QUEUED and not (queue.cancelled and row.msg_id in queue.cancelled):
            final = step(standing, fact, row)
    if fact.kind == _CANCELLED:
        queue.cancelled.add(fact.num)
        return final
    if fact.kind == _PICKED:
        assert fact.msg is not None
        _pass_over(queue, fact.msg, fact.num)
        return final
    if queue.cancelled:
        queue.cancelled.difference_update(range(queue.head + 1, fact.num + 1))
    queue.head = fact.num
    return final


def _pass_over(queue: Queue, first: int, last: int) -> None:
    """Nothing is to be taken from this stretch of a queue; its head moves on as far as it can."""
    if first == queue.head + 1:
        queue.head = last
        queue.cancelled.difference_update(range(first, last + 1))
    else:
        queue.cancelled.update(range(first, last + 1))
    while queue.cancelled and queue.head + 1 in queue.cancelled:
        queue.head += 1
        queue.cancelled.discard(queue.head)


def _row_sending(standing: Standing, fact: Fact, row: MessageRow) -> Outstanding | None:
    entry = outstanding(row, SENDING)
    entry.link, entry.left = fact.text or "", fact.at
    if fact.detail is not None and not entry.op:
        entry.op = fact.detail.decode()
    standing.entries[row.msg_id] = entry
    standing.files[row.file_id].last_submit = fact.at
    return standing.move(entry, SENDING, fact.seq)


def _row_deferred(standing: Standing, _: Fact, row: MessageRow) -> None:
    standing.agenda.add(row.message.send_at or 0.0, row.msg_id)
    standing.files[row.file_id].scheduled += 1


def _row_picked(standing: Standing, fact: Fact, row: MessageRow) -> None:
    send_at = row.message.send_at
    if send_at is not None and send_at > fact.at:
        _row_deferred(standing, fact, row)
        return
    entry = standing.entries[row.msg_id] = outstanding(row, QUEUED)
    entry.attempts, entry.due, entry.counted = 0, HEAD, True
    standing.wait(entry)


def _row_expired(standing: Standing, fact: Fact, row: MessageRow) -> Outstanding | None:
    entry = standing.entries[row.msg_id] = outstanding(row, SENDING)
    entry.attempts = 0
    entry.error = _TOO_LATE
    standing.files[row.file_id].last_submit = fact.at
    return standing.move(entry, EXPIRED, fact.seq)


def _row_cancelled(standing: Standing, fact: Fact, row: MessageRow) -> Outstanding | None:
    entry = standing.entries[row.msg_id] = outstanding(row, SENDING)
    entry.attempts = 0
    return cancel(standing, entry, fact)


_ROW_STEPS = {
    _SENDING: _row_sending,
    int(Kind.DEFERRED): _row_deferred,
    int(Kind.EXPIRED): _row_expired,
    _CANCELLED: _row_cancelled,
    _PICKED: _row_picked,
}
#: The kinds that `taken` takes.
TAKING = frozenset(_ROW_STEPS)


def recalled(standing: Standing, fact: Fact) -> None:
    """A message that was on disk alone is outstanding again, or is called up from the agenda."""
    assert fact.detail is not None
    entry = read_outstanding(fact.detail)
    if entry.state == QUEUED and entry.due is not None:
        standing.agenda.remove(entry.due, entry.msg_id)
        standing.files[entry.file_id].scheduled -= 1
    if entry.msg_id not in standing.entries:
        standing.remember(entry)


def expired(standing: Standing, fact: Fact) -> Outstanding | None:
    """A message that had come back is past its time."""
    entry = standing.entry(fact)
    if entry is None:
        return None
    entry.error = _too_late(entry.refused_with)
    return standing.move(entry, EXPIRED, fact.seq)


def cancel(standing: Standing, entry: Outstanding, fact: Fact) -> Outstanding | None:
    """CANCELLED, of a whole message: it does not go (again)."""
    entry.error = ErrorInfo("CANCELLED", None, f"cancelled by {fact.text}")
    return standing.move(entry, CANCELLED, fact.seq)


def paused(standing: Standing, fact: Fact) -> None:
    """A link takes nothing from its queues."""
    assert fact.text is not None
    assert fact.detail is not None
    standing.paused[fact.text] = Pause(fact.at, *read_pause(fact.detail))


def resumed(standing: Standing, fact: Fact) -> None:
    """It takes again."""
    assert fact.text is not None
    standing.paused.pop(fact.text, None)
