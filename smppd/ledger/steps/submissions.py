"""Facts about a message on its way: it left again, it came back, the SMSC took a part or refused it,
nobody knows, it was given up."""

from __future__ import annotations

import msgspec

from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import HEAD, SET_BACK, Fact, read_due
from smppd.ledger.lifecycle import FAILED, QUEUED, SENDING, SENT, UNANSWERED, UNKNOWN
from smppd.ledger.standing import Standing
from smppd.message import ErrorInfo

_SENDING_ONLY = frozenset({SENDING})
_UNSETTLED = frozenset({SENDING, UNKNOWN, QUEUED})
_read_error = msgspec.msgpack.Decoder(ErrorInfo).decode


def sending_again(standing: Standing, fact: Fact) -> None:
    """A message that had come back is about to leave again."""
    entry = standing.entry(fact)
    if entry is None:
        return
    if entry.possible_duplicate and not entry.op:
        standing.unclaimed.haunt(entry)
    staying = [part for part, state in enumerate(entry.part_states) if state != QUEUED]
    entry.stayed = {part: entry.left_at(part) for part in staying} or None
    entry.part_states = [SENDING if state == QUEUED else state for state in entry.part_states]
    entry.attempts += entry.counted
    entry.setbacks += entry.set_back
    entry.due = None
    entry.counted = entry.set_back = False
    standing.unclaimed.discard(entry)
    entry.link, entry.left = fact.text or "", fact.at
    if not entry.call:
        entry.op = "" if fact.detail is None else fact.detail.decode()
    standing.watch(entry)
    standing.files[entry.file_id].last_submit = fact.at
    standing.move(entry, SENDING, fact.seq)


def returned(standing: Standing, fact: Fact) -> Outstanding | None:
    """A part came back from its link before an octet of it had left."""
    return _back_to_queue(standing, fact, HEAD, counts=False)


def retry(standing: Standing, fact: Fact) -> Outstanding | None:
    """A part was refused for now."""
    assert fact.detail is not None
    return _back_to_queue(standing, fact, read_due(fact.detail), counts=True)


def throttled(standing: Standing, fact: Fact) -> Outstanding | None:
    """A part was refused for now, and not on account of the message."""
    assert fact.detail is not None
    return _back_to_queue(standing, fact, read_due(fact.detail), counts=False)


def _back_to_queue(
    standing: Standing, fact: Fact, due: float, *, counts: bool
) -> Outstanding | None:
    entry = standing.entry(fact, UNANSWERED)
    if entry is None:
        return None
    entry.counted = entry.counted or counts
    entry.set_back = entry.set_back or (fact.text or "").startswith(SET_BACK)
    if fact.num is not None:
        entry.refused_with = fact.num
    entry.due = max(due, entry.due or due)
    before = entry.state
    final = standing.move_part(entry, fact.part, QUEUED, fact.seq)
    if entry.state == QUEUED and before == QUEUED:
        standing.wait(entry)
    if entry.possible_duplicate and final is None:
        standing.watch(entry)
    clear_doubt(entry)
    return final


def sent(standing: Standing, fact: Fact) -> Outstanding | None:
    """The SMSC took a part, and named it or not."""
    msg_id, part, key = fact.msg, fact.part, fact.text
    assert msg_id is not None
    assert part is not None
    assert key is not None
    entry = standing.entries.get(msg_id)
    if entry is None:
        return None
    entry.ids.append((part, key))
    if key[-1] != "\t":
        standing.message_ids.add(key, (msg_id, part))
    else:
        standing.unclaimed.add(entry)
    if entry.submitted is None:
        entry.submitted = fact.at
    if entry.part_states[part] not in _UNSETTLED:
        return None
    if entry.error is not None:
        entry.part_states[part] = SENT
        clear_doubt(entry)
    return standing.move_part(entry, part, SENT, fact.seq)


def identified(standing: Standing, fact: Fact) -> Outstanding | None:
    """Like `sent`: its receipt shows that the SMSC took the part, and names it."""
    entry = standing.entry(fact)
    if entry is not None:
        entry.ids = [pair for pair in entry.ids if pair[0] != fact.part or pair[1][-1] != "\t"]
    return sent(standing, fact)


def refused(standing: Standing, fact: Fact) -> Outstanding | None:
    """The SMSC refused a part for good."""
    entry = standing.entry(fact, UNANSWERED)
    if entry is None:
        return None
    assert fact.detail is not None
    entry.error = _read_error(fact.detail)
    return standing.move_part(entry, fact.part, FAILED, fact.seq)


def unknown(standing: Standing, fact: Fact) -> Outstanding | None:
    """Nobody answered for a part."""
    entry = standing.entry(fact, _SENDING_ONLY)
    if entry is None:
        return None
    if FAILED not in entry.part_states:
        entry.error = ErrorInfo("UNKNOWN_OUTCOME", None, fact.text or "")
    if not entry.op:
        standing.unclaimed.add(entry)
    return standing.move_part(entry, fact.part, UNKNOWN, fact.seq)


def unheard(standing: Standing, fact: Fact) -> Outstanding | None:
    """No receipt came while one was waited for."""
    entry = standing.entry(fact)
    if entry is None or entry.state != SENT:
        return None
    return standing.end_as_it_is(entry, fact.seq)


def requeued(standing: Standing, fact: Fact) -> None:
    """The parts of unknown outcome go again, at the risk of going twice."""
    entry = standing.entry(fact)
    if entry is None:
        return
    entry.part_states = [QUEUED if state == UNKNOWN else state for state in entry.part_states]
    entry.possible_duplicate = entry.counted = True
    entry.error = None
    entry.due = fact.at if fact.detail is None else read_due(fact.detail)
    standing.move(entry, QUEUED, fact.seq)


def failed(standing: Standing, fact: Fact) -> Outstanding | None:
    """A message was given up."""
    entry = standing.entry(fact)
    if entry is None:
        return None
    assert fact.detail is not None
    entry.error = _read_error(fact.detail)
    return standing.move(entry, FAILED, fact.seq)


def clear_doubt(entry: Outstanding) -> None:
    """Say no more of an unknown outcome once no part of the message has one."""
    doubted = entry.error is not None and entry.error.code == "UNKNOWN_OUTCOME"
    if doubted and UNKNOWN not in entry.part_states:
        entry.error = None
