"""Facts about calls of the HTTP API in words, where they read otherwise than a link's. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from smppd.ledger.calls import Response, read_response
from smppd.ledger.facts import SET_BACK, Fact, Kind
from smppd.results.fact_words import what_was_wrong, when_again


def _sending(fact: Fact) -> str:
    op = "" if fact.detail is None else f" as {fact.detail.decode()}"
    return f"asked over account {fact.text}{op}"


def _back(fact: Fact) -> str:
    why = (fact.text or "").removeprefix(SET_BACK).removeprefix(": ")
    return f"{why}; {when_again(fact, 'account')}"


def _answered(fact: Fact) -> str:
    assert fact.detail is not None
    response = read_response(fact.detail)
    if not response.group:
        named = [message_id for message_id, _ in response.taken if message_id]
        return f"done, message_id {', '.join(named)}" if named else "done"
    count, counted = len(response.taken), _counted(response)
    differs = f"; the provider counts {counted}" if counted not in {"", str(count)} else ""
    noun = "destination" if count == 1 else "destinations"
    return f"done, {count:,} {noun} taken{differs}"


def _counted(response: Response) -> str:
    """How many destinations the provider says there are; nothing where it does not."""
    try:
        answer = msgspec.json.decode(response.answer)
    except (msgspec.DecodeError, RecursionError):
        return ""
    count = answer.get("count") if isinstance(answer, dict) else None
    return "" if count is None else str(count)


#: What is said of a fact while its message is with an account.
CALL_WORDS: Mapping[Kind, Callable[[Fact], str]] = MappingProxyType(
    {
        Kind.SENDING: _sending,
        Kind.RETURNED: lambda _: "given back by the account; it was not begun",
        Kind.ANSWERED: _answered,
        Kind.REFUSED: lambda fact: f"refused: {what_was_wrong(fact)}",
        Kind.RETRY: _back,
        Kind.THROTTLED: _back,
        Kind.EXPIRED: lambda _: "expired before it was done",
    }
)
