"""Events posted to a URL: JSON, signed, in lots; only a 2xx says that they were taken.

`X-Smppd-Signature` is "v1=" and the hex HMAC-SHA256, with the secret, of `X-Smppd-Timestamp` (epoch
seconds), a dot and the body. `X-Smppd-Delivery` is the same whenever the same body comes again.
These names are a promise. An answer's body is not looked at.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple, Protocol

from smppd.exchange import Reply
from smppd.outlets.happenings import Happening
from smppd.outlets.outlet import Trouble
from smppd.provider.answers import NoAnswer

#: Statuses that are about what stands in a lot: a part of it may pass.
_OF_THE_CONTENT = frozenset({400, 409, 413, 415, 422})
#: Statuses of the 4xx that say nothing against the lot: it is to come again.
_COME_AGAIN = frozenset({408, 425, 429})


class Posts(Protocol):
    """See `exchange.Exchange`."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply | NoAnswer: ...

    async def aclose(self) -> None: ...


class Posting(NamedTuple):
    """Where lots of at most `batch` events go, signed with the secret, and over what."""

    url: str
    secret: str
    exchange: Posts
    batch: int


class Webhook:
    """A `Sink`. `wall` gives epoch seconds."""

    def __init__(self, posting: Posting, wall: Callable[[], float]) -> None:
        self._posting = posting
        self._wall = wall
        self._replaced: list[Posts] = []

    @property
    def batch(self) -> int:
        """See `Sink`."""
        return self._posting.batch

    def change(self, posting: Posting) -> None:
        """Post so from the next lot on. What is under way ends as it was begun."""
        self._replaced.append(self._posting.exchange)
        self._posting = posting

    async def aclose(self) -> None:
        """Close its connections. Nothing may be under way."""
        self._replaced.append(self._posting.exchange)
        await self._close_replaced()

    async def _close_replaced(self) -> None:
        while self._replaced:
            await self._replaced.pop().aclose()

    async def deliver(self, lot: Sequence[Happening]) -> Trouble | None:
        """See `Sink`."""
        await self._close_replaced()
        body = b'{"events":[' + b",".join([each.json for each in lot]) + b"]}"
        url, secret, exchange, _ = self._posting
        headers = signed(secret.encode(), int(self._wall()), body)
        reply = await exchange.post(url, headers, body)
        if isinstance(reply, NoAnswer):
            return Trouble(reply.reason)
        return judged(reply.status_code)


def signed(secret: bytes, at: int, body: bytes) -> dict[str, str]:
    """The headers of a body that leaves at this time (epoch seconds)."""
    signature = hmac.new(secret, b"%d." % at + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-Smppd-Timestamp": str(at),
        "X-Smppd-Signature": f"v1={signature}",
        "X-Smppd-Delivery": hashlib.sha256(body).hexdigest()[:32],
    }


def judged(status: int) -> Trouble | None:
    """What an HTTP status says of a lot."""
    if 200 <= status < 300:
        return None
    named = _named(status)
    if 300 <= status < 400:
        return Trouble(f"{named}: it redirects, which is not followed: set url to where it leads")
    if 400 <= status < 500 and status not in _COME_AGAIN:
        return Trouble(named, refused=True, divisible=status in _OF_THE_CONTENT)
    return Trouble(named)


def _named(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"
