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
from typing import Protocol

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


class Webhook:
    """A `Sink`. `wall` gives epoch seconds."""

    def __init__(
        self, url: str, secret: str, exchange: Posts, batch: int, wall: Callable[[], float]
    ) -> None:
        self._url = url
        self._secret = secret.encode()
        self._exchange = exchange
        self._wall = wall
        self.batch = batch

    async def deliver(self, lot: Sequence[Happening]) -> Trouble | None:
        """See `Sink`."""
        body = b'{"events":[' + b",".join([each.json for each in lot]) + b"]}"
        headers = signed(self._secret, int(self._wall()), body)
        reply = await self._exchange.post(self._url, headers, body)
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
