"""Facts about what the SMSC says of parts that it took: receipts, those of which nobody knows what
they are about, and its answers to query_sm and cancel_sm."""

from __future__ import annotations

from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import ANSWERED_FOR_GOOD, CANCEL_ASKED, Fact, receipt_fact
from smppd.ledger.lifecycle import (
    CANCELLED,
    DELETED,
    PARTLY_DONE,
    RECEIPT_STATES,
    RECEIPT_WORDS,
    SENT,
    UNDELIVERED,
)
from smppd.ledger.shelf import shelf_key
from smppd.ledger.snapshot import Parked
from smppd.ledger.standing import Standing
from smppd.ledger.steps.calls import conclude
from smppd.ledger.steps.queues import cancel
from smppd.ledger.steps.submissions import clear_doubt
from smppd.message import ErrorInfo

_CANCELLED_THERE = ErrorInfo("CANCELLED", None, "cancelled at the SMSC")
_SENT_ONLY = frozenset({SENT})


def receipt(standing: Standing, fact: Fact) -> Outstanding | None:
    """A receipt for a part that we know; it may have been parked till now."""
    if standing.shelf.parked:
        assert fact.text is not None
        parked = standing.shelf.pop(shelf_key(fact.text) or "")
        if parked is not None and parked.other:
            standing.shelf.pop(parked.other)
    entry = standing.entry(fact)
    return None if entry is None else _conclude(standing, entry, fact, "receipt")


def parked(standing: Standing, fact: Fact) -> None:
    """A receipt for nothing that we know; `part` is set for the second id of the one before."""
    assert fact.text is not None
    standing.unmatched += not fact.part
    key = shelf_key(fact.text)
    if key is None:
        return
    if fact.num in RECEIPT_STATES or key not in standing.shelf:
        standing.shelf.put(key, Parked(fact.at, fact.num, fact.text))
    if fact.part:
        standing.shelf.pair(standing.last_parked, key)
    standing.last_parked = key
    standing.shelf.trim(fact.at)


def queried(standing: Standing, fact: Fact) -> Outstanding | None:
    """What the SMSC said when it was asked where a part is: as good as a receipt."""
    entry = standing.entry(fact, _SENT_ONLY)
    if entry is None:
        return None
    assert fact.part is not None
    asked = entry.asked = entry.asked or {}
    count = asked.get(fact.part, (0, 0.0))[0] + 1
    asked[fact.part] = (count if fact.detail is None else ANSWERED_FOR_GOOD, fact.at)
    return _conclude(standing, entry, fact, "query_sm")


def cancelled(standing: Standing, fact: Fact) -> Outstanding | None:
    """The whole message does not go again; or, with a part: the SMSC was asked to cancel it, or has
    answered."""
    entry = standing.entry(fact)
    if entry is None:
        return None
    if fact.part is None:
        return cancel(standing, entry, fact)
    if fact.num == CANCEL_ASKED:
        entry.cancelling = True
    if fact.num or entry.part_states[fact.part] != SENT:
        return None
    entry.error = _CANCELLED_THERE
    return standing.move_part(entry, fact.part, CANCELLED, fact.seq)


def _conclude(
    standing: Standing, entry: Outstanding, fact: Fact, whence: str
) -> Outstanding | None:
    """Take the part's message_state, if it is a final one and the first."""
    assert fact.part is not None
    if fact.num not in RECEIPT_STATES or entry.part_states[fact.part] in PARTLY_DONE:
        return None
    state = RECEIPT_STATES[fact.num]
    if entry.op:
        return conclude(standing, entry, fact, state)
    if fact.num == DELETED and entry.cancelling:
        state, entry.error = CANCELLED, _CANCELLED_THERE
    elif state == UNDELIVERED:
        assert fact.text is not None
        what = receipt_fact(fact.text)
        said = f"the provider says {what.word}" if what.word else f"{whence} error {what.error}"
        entry.error = ErrorInfo(RECEIPT_WORDS[fact.num], None, said)
    elif entry.error is not None:
        entry.part_states[fact.part] = state
        clear_doubt(entry)
    return standing.move_part(entry, fact.part, state, fact.seq)
