"""Facts about a message in words, for people. Pure; those of calls that read otherwise: `call_words`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from smppd.ledger.entries import read_outstanding
from smppd.ledger.facts import (
    CANCEL_ASKED,
    FOR_CAMPAIGN,
    HEAD,
    Fact,
    Kind,
    read_due,
    read_moved,
    receipt_fact,
)
from smppd.message import ErrorInfo, State
from smppd.smpp.vocabulary import MessageState, status_name
from smppd.told import iso


def when_again(fact: Fact, way: str) -> str:
    """When what came back goes again over its link or account."""
    due = HEAD if fact.detail is None else read_due(fact.detail)
    return f"goes again at {iso(due)}" if due else f"goes again as soon as its {way} lets it"


def what_was_wrong(fact: Fact) -> str:
    """What a fact says was wrong."""
    assert fact.detail is not None
    info = msgspec.msgpack.decode(fact.detail, type=ErrorInfo)
    return f"{info.code} {info.text}".strip()


def _refusal(fact: Fact) -> str:
    return f"refused for now with {status_name(fact.num or 0)}; {when_again(fact, 'link')}"


def _requeued(fact: Fact) -> str:
    due = None if fact.detail is None else iso(read_due(fact.detail))
    return f"put back into the queue ({fact.text}); goes again at {due}"


def _cancelled(fact: Fact) -> str:
    if fact.part is None:
        return f"cancelled ({fact.text})"
    if fact.num == CANCEL_ASKED:
        return f"the SMSC is asked to cancel it ({fact.text})"
    if fact.num:
        return f"the SMSC does not cancel it: {status_name(fact.num)}"
    return "cancelled by the SMSC"


def _queried(fact: Fact) -> str:
    assert fact.text is not None
    if fact.detail is not None:
        status = status_name(msgspec.msgpack.decode(fact.detail, type=int))
        return f"asked for {receipt_fact(fact.text).message_id}: the SMSC says {status}"
    what = receipt_fact(fact.text)
    if not what.word:
        return f"asked for {_reported(fact)}"
    meant = "" if fact.num is None else f" ({MessageState(abs(fact.num)).name})"
    done = f", delivery date {what.done_date}" if what.done_date else ""
    return f"asked for {what.message_id}: the provider says {what.word}{meant}{done}"


def _receipt(fact: Fact) -> str:
    return f"receipt for {_reported(fact)}"


def _reported(fact: Fact) -> str:
    assert fact.text is not None
    what = receipt_fact(fact.text)
    num = None if fact.num is None else abs(fact.num)
    word = MessageState(num).name if num in _MESSAGE_STATES else "an unknown state"
    done = f", done date {what.done_date}" if what.done_date else ""
    code = f", error {what.error}" if what.error else ""
    return f"{what.message_id}: {word}{code}{done}"


def _recalled(fact: Fact) -> str:
    assert fact.detail is not None
    entry = read_outstanding(fact.detail)
    waited = entry.state == State.QUEUED and entry.due is not None
    return "called up from those that wait" if waited else "read back into memory"


def _deferred(fact: Fact) -> str:
    if fact.text == FOR_CAMPAIGN:
        return "held for its campaign"
    if fact.detail is None:
        return "waits for its send_at"
    until = read_due(fact.detail) if fact.num is not None else read_moved(fact.detail).until
    return f"held until {iso(until)}"


def _identified(fact: Fact) -> str:
    message_id = (fact.text or "").partition("\t")[2]
    return f"taken by the SMSC{' as ' if message_id else ''}{message_id}, as its receipt shows"


_MESSAGE_STATES = frozenset(map(int, MessageState))

#: What is said of each kind of fact.
WORDS: Mapping[Kind, Callable[[Fact], str]] = MappingProxyType(
    {
        Kind.SENDING: lambda fact: f"on its way out over link {fact.text}",
        Kind.RETURNED: lambda _: "given back by the link; nothing of it had left",
        Kind.SENT: lambda fact: f"taken by the SMSC as {(fact.text or '').partition(chr(9))[2]}",
        Kind.REFUSED: lambda fact: f"refused for good: {what_was_wrong(fact)}",
        Kind.RETRY: _refusal,
        Kind.THROTTLED: _refusal,
        Kind.UNKNOWN: lambda fact: f"outcome unknown: {fact.text}",
        Kind.REQUEUED: _requeued,
        Kind.EXPIRED: lambda _: "expired before it was submitted",
        Kind.FAILED: lambda fact: f"given up: {what_was_wrong(fact)}",
        Kind.RECEIPT: _receipt,
        Kind.CANCELLED: _cancelled,
        Kind.QUERIED: _queried,
        Kind.RECALLED: _recalled,
        Kind.DEFERRED: _deferred,
        Kind.BARRED: lambda fact: f"not let out: {what_was_wrong(fact)}",
        Kind.PICKED: lambda _: "taken out of its turn: its link is not bound",
        Kind.IDENTIFIED: _identified,
        Kind.UNHEARD: lambda _: "no receipt came in all this time; it stays sent",
    }
)
