"""Facts about what waits: taken from the head of its queue, called up from disk or from the agenda,
ended before its turn; and the links that take nothing for now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from smppd.ledger.entries import MessageRow, Outstanding, outstanding, read_outstanding
from smppd.ledger.facts import (
    FOR_CAMPAIGN,
    HEAD,
    OUT_OF_TURN,
    QUEUE_SHIFT,
    Fact,
    Kind,
    read_due,
    read_moved,
    read_pause,
)
from smppd.ledger.lifecycle import CANCELLED, EXPIRED, QUEUED, REJECTED, SENDING
from smppd.ledger.snapshot import Pause, Queue
from smppd.ledger.standing import Standing
from smppd.ledger.steps.files import campaign_paused, campaign_resumed
from smppd.message import ErrorInfo
from smppd.smpp.vocabulary import status_name

_SENDING = int(Kind.SENDING)
_CANCELLED = int(Kind.CANCELLED)
_EXPIRED = int(Kind.EXPIRED)
_PICKED = int(Kind.PICKED)

_read_error = msgspec.msgpack.Decoder(ErrorInfo).decode
_read_who = msgspec.msgpack.Decoder(str).decode

_TOO_LATE = ErrorInfo("EXPIRED", None, "not submitted before it expired")


def _too_late(status: int) -> ErrorInfo:
    """The end of a message that came back and expired; `status` is what it came back for."""
    if not status:
        return _TOO_LATE
    text = f"{_TOO_LATE.text}; refused before with {status_name(status)}"
    return ErrorInfo(_TOO_LATE.code, status, text)


def taken(standing: Standing, fact: Fact, rows: Iterable[MessageRow]) -> Outstanding | None:
    """SENDING, DEFERRED, EXPIRED or BARRED: these rows are gone from the head of their queue; or
    CANCELLED, PICKED, EXPIRED out of turn: rows that are still behind it will be passed over."""
    assert fact.num is not None
    queue, final = standing.queue(fact.num >> QUEUE_SHIFT), None
    passed = queue.passed if queue.passed else ()
    waiting = [row for row in rows if row.state == QUEUED and row.msg_id not in passed]
    if fact.kind == _SENDING:
        _sending(standing, fact, waiting)
    else:
        step = _ROW_STEPS[fact.kind]
        for row in waiting:
            final = step(standing, fact, row)
    if fact.kind == _CANCELLED or (fact.kind == _EXPIRED and fact.text == OUT_OF_TURN):
        _pass_over(queue, fact.num, fact.num)
        return final
    if fact.kind == _PICKED:
        assert fact.msg is not None
        _pass_over(queue, fact.msg, fact.num)
        return final
    queue.head = fact.num
    if passed:
        queue.passed.drop_to(fact.num)
    return final


def _pass_over(queue: Queue, first: int, last: int) -> None:
    """Nothing is to be taken from this stretch of a queue; its head moves on as far as it can."""
    queue.passed.add(max(first, queue.head + 1), last)
    queue.head = queue.passed.end_of(queue.head + 1)
    queue.passed.drop_to(queue.head)


def _sending(standing: Standing, fact: Fact, rows: Sequence[MessageRow]) -> None:
    link, at = fact.text or "", fact.at
    new = [outstanding(row, SENDING, SENDING, link, at) for row in rows]
    if fact.detail is not None:
        op = fact.detail.decode()
        for entry in new:
            entry.op = entry.op or op
    standing.leave(new, at)


def _row_deferred(standing: Standing, fact: Fact, row: MessageRow) -> None:
    until = None if fact.detail is None else read_due(fact.detail)
    standing.deadlines.put_aside(row.msg_id, row.message.expires)
    if fact.text != FOR_CAMPAIGN and until is None:
        standing.agenda.add(row.message.send_at or 0.0, row.msg_id)
    else:
        _hold(standing, row.file_id, row.msg_id, until, row.message.expires)
    standing.files[row.file_id].scheduled += 1


def _hold(
    standing: Standing, file_id: int, msg_id: int, until: float | None, expires: float | None
) -> None:
    """Hold it until then, or for its campaign. What expires before is due when it does."""
    if until is None:
        file = standing.files[file_id]
        standing.holding.hold_for(file_id, msg_id)
        if not file.restrained:  # it was let go meanwhile
            standing.refilled.update(standing.holding.release(file_id))
    elif expires is not None and expires <= until:
        standing.agenda.add(expires, msg_id)
    else:
        standing.holding.hold_until(until, msg_id)


def moved(standing: Standing, fact: Fact) -> None:
    """DEFERRED, of a message that waits already: it is held, or held otherwise."""
    assert fact.msg is not None
    assert fact.detail is not None
    what = read_moved(fact.detail)
    standing.called_off(what.file_id, fact.msg, what.whence)
    _hold(standing, what.file_id, fact.msg, what.until, what.expires)
    standing.files[what.file_id].scheduled += 1


def _row_picked(standing: Standing, fact: Fact, row: MessageRow) -> None:
    send_at = row.message.send_at
    held = fact.text is not None or fact.detail is not None
    if held or (send_at is not None and send_at > fact.at):
        _row_deferred(standing, fact, row)
        return
    entry = standing.entries[row.msg_id] = outstanding(row, QUEUED)
    entry.attempts, entry.due, entry.counted = 0, HEAD, True
    standing.wait(entry)


def _row_barred(standing: Standing, fact: Fact, row: MessageRow) -> Outstanding | None:
    entry = standing.entries[row.msg_id] = outstanding(row, SENDING)
    entry.attempts = 0
    return _bar(standing, entry, fact)


def barred(standing: Standing, fact: Fact) -> Outstanding | None:
    """A message that had come back, or waited, may not leave at all."""
    entry = standing.entry(fact)
    return None if entry is None else _bar(standing, entry, fact)


def _bar(standing: Standing, entry: Outstanding, fact: Fact) -> Outstanding | None:
    assert fact.detail is not None
    entry.error = _read_error(fact.detail)
    return standing.move(entry, REJECTED, fact.seq)


def _row_expired(standing: Standing, fact: Fact, row: MessageRow) -> Outstanding | None:
    entry = standing.entries[row.msg_id] = outstanding(row, SENDING)
    entry.attempts = 0
    entry.error = _TOO_LATE
    return standing.move(entry, EXPIRED, fact.seq)


def _row_cancelled(standing: Standing, fact: Fact, row: MessageRow) -> Outstanding | None:
    entry = standing.entries[row.msg_id] = outstanding(row, SENDING)
    entry.attempts = 0
    return cancel(standing, entry, fact)


_ROW_STEPS = {
    int(Kind.DEFERRED): _row_deferred,
    _EXPIRED: _row_expired,
    _CANCELLED: _row_cancelled,
    _PICKED: _row_picked,
    int(Kind.BARRED): _row_barred,
}
#: The kinds that `taken` takes.
TAKING = frozenset({_SENDING, *_ROW_STEPS})


def recalled(standing: Standing, fact: Fact) -> None:
    """A message that was on disk alone is outstanding again, or is called up from the agenda."""
    assert fact.detail is not None
    entry = read_outstanding(fact.detail)
    if entry.state == QUEUED and entry.due is not None:
        standing.called_off(entry.file_id, entry.msg_id, entry.due)
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
    """A link takes nothing from its queues, or a campaign is held."""
    assert fact.detail is not None
    pause = Pause(fact.at, *read_pause(fact.detail))
    if fact.msg is not None:
        campaign_paused(standing, standing.files[fact.msg], pause)
        return
    assert fact.text is not None
    standing.paused[fact.text] = pause


def resumed(standing: Standing, fact: Fact) -> None:
    """It takes again, or the campaign goes on."""
    if fact.msg is not None:
        who = "" if fact.detail is None else _read_who(fact.detail)
        campaign_resumed(standing, standing.files[fact.msg], who)
        return
    assert fact.text is not None
    standing.paused.pop(fact.text, None)
