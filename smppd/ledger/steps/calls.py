"""Facts about what the provider says of calls of its HTTP API: it did what was asked, and what
became of each destination."""

from __future__ import annotations

from smppd.ledger.calls import End, Response, read_response
from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import Fact, receipt_fact, receipt_key
from smppd.ledger.lifecycle import (
    DELIVERED,
    QUEUED,
    RECEIPT_WORDS,
    SENDING,
    SENT,
    UNDELIVERED,
    UNKNOWN,
    aggregate,
)
from smppd.ledger.standing import Standing
from smppd.message import ErrorInfo

_UNSETTLED = frozenset({SENDING, UNKNOWN, QUEUED})


def answered(standing: Standing, fact: Fact) -> Outstanding | None:
    """The provider did it, maybe after its outcome had counted as unknown."""
    entry = standing.entry(fact)
    assert fact.detail is not None
    if entry is None:
        return None
    unsettled = [part for part, state in enumerate(entry.part_states) if state in _UNSETTLED]
    if not unsettled:
        return None  # it had its answer already
    response = read_response(fact.detail)
    standing.unclaimed.discard(entry)
    entry.op = response.op
    if entry.submitted is None:
        entry.submitted = fact.at
    entry.error = None
    if len(unsettled) == len(entry.part_states):
        _take(entry, fact.text or "", response)
    else:
        for part in unsettled:
            entry.part_states[part] = SENT
    if not (response.asked and entry.ids):
        entry.receipt = False  # nobody will hear of it again
    if entry.receipt:  # else this fact is the last, and has the answer itself
        entry.answer = response.answer
    if entry.ids:
        standing.called += entry.weight
    return standing.move(entry, aggregate(entry.part_states), fact.seq)


def _take(entry: Outstanding, account: str, response: Response) -> None:
    """Its parts are from now on what the provider took, however many there were before."""
    taken = response.taken
    entry.stayed = None
    if response.group and taken:
        entry.destinations = [to for _, to in taken]
        entry.part_states = [SENT] * len(taken)
    else:
        taken, entry.part_states = taken[:1], [SENT]
    entry.ids = [
        (part, receipt_key(account, message_id))
        for part, (message_id, _) in enumerate(taken)
        if message_id
    ]


def conclude(standing: Standing, entry: Outstanding, fact: Fact, state: int) -> Outstanding | None:
    """What one destination has come to; the message, if that was the last of them."""
    assert fact.part is not None
    assert fact.text is not None
    error = None if state == DELIVERED else _error(fact)
    entry.part_states[fact.part] = state
    if entry.destinations is not None:
        entry.ends = entry.ends or {}
        entry.ends[fact.part] = End(fact.at, error)
    # Parts without an id stay as they are: nobody can be asked about them.
    nameless = len(entry.part_states) - len(entry.ids)
    if entry.part_states.count(SENT) > nameless:
        return None
    entry.error = _summary(entry, error)
    known = [each for each in entry.part_states if each != SENT]
    whole = aggregate(known)
    if nameless and whole == DELIVERED:
        return standing.end_as_it_is(entry, fact.seq)
    return standing.move(entry, whole, fact.seq)


def _error(fact: Fact) -> ErrorInfo:
    """Why a destination was not reached, with the provider's own word for it."""
    assert fact.num is not None
    word = receipt_fact(fact.text or "").word
    text = f"the provider says {word}" if word else "the provider says so"
    return ErrorInfo(RECEIPT_WORDS[fact.num], None, text)


def _summary(entry: Outstanding, error: ErrorInfo | None) -> ErrorInfo | None:
    """What is said of a whole group: `error` is that of the destination that came last."""
    total = len(entry.part_states)
    if total == 1:
        return error
    missed = entry.part_states.count(UNDELIVERED)
    if not missed:
        return None
    return ErrorInfo("UNDELIVERED", None, f"{missed:,} of {total:,} destinations were not reached")
