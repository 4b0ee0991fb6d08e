"""One POST to a server and what came of it, as values: whether anything of it left included.

What must not happen behind anybody's back does not: no redirect is followed, nothing is sent twice
(a connection that broke under a request is the end of that request), no proxy, cookie or password
comes from this machine's environment. An httpx2 exception carries its request, and so credentials:
none leaves this module.
"""

from __future__ import annotations

import os
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from typing import NamedTuple

import httpx2
import trio

from smppd.config.mistakes import Mistake
from smppd.config.web_rules import place
from smppd.provider.answers import NoAnswer

#: An answer of more octets than this is none.
ANSWER_LIMIT = 16 * 1024 * 1024

#: How long an idle connection is kept, in seconds: less than servers do, so that one seldom closes
#: it under a request, which then nobody knows the fate of.
_KEEP_ALIVE = 4.0

#: zlib's word for a header of gzip or its own.
_ANY_HEADER = 32 + zlib.MAX_WBITS

#: Failures before anything of the request left.
_BEFORE = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "smppd",
}


class Reply(NamedTuple):
    """An HTTP response."""

    status_code: int
    content_type: str
    body: bytes


class Limits(NamedTuple):
    """How long one exchange may take, in seconds, and how many there may be at once."""

    timeout: float
    connections: int


class Exchange:
    """Exchanges with one server. `secure` gives what TLS is done with, and may read files; `url` is how
    its key is called when it must be looked at."""

    def __init__(
        self,
        limits: Limits,
        secure: Callable[[], ssl.SSLContext | Mistake],
        transport: httpx2.AsyncBaseTransport | None = None,
        url: str = "the account's url",
    ) -> None:
        self._url = url
        self._timeout = limits.timeout
        self._connections = limits.connections
        self._places = trio.CapacityLimiter(limits.connections)
        self._opening = trio.Lock()
        self._secure = secure
        self._transport = transport

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply | NoAnswer:
        """Send this once."""
        progress = _Progress()
        with trio.move_on_after(self._timeout):
            async with self._places:
                return await self._post(
                    httpx2.Request(
                        "POST",
                        url,
                        headers={**_HEADERS, **headers},
                        content=body,
                        # Connecting for so long leaves no time for an answer.
                        extensions={"timeout": {"connect": self._timeout / 2}, "trace": progress},
                    ),
                    progress,
                )
        return NoAnswer(
            f"no answer within {self._timeout:g} s ({progress.stage})", sent=progress.may_have_left
        )

    async def aclose(self) -> None:
        """Close every connection."""
        if self._transport is not None:
            await self._transport.aclose()

    async def _post(self, request: httpx2.Request, progress: _Progress) -> Reply | NoAnswer:
        transport = await self._opened()
        if isinstance(transport, Mistake):
            return NoAnswer(str(transport), sent=False)
        progress.stage = _HANDED
        try:
            response = await transport.handle_async_request(request)
            return await _whole(response)
        except httpx2.HTTPError as error:
            before = isinstance(error, _BEFORE) or not progress.may_have_left
            why = _why(error, progress.stage, self._url)
        return NoAnswer(why, sent=not before)

    async def _opened(self) -> httpx2.AsyncBaseTransport | Mistake:
        async with self._opening:
            if self._transport is None:
                context = await trio.to_thread.run_sync(self._secure)
                if isinstance(context, Mistake):
                    return context
                self._transport = httpx2.AsyncHTTPTransport(
                    verify=context,
                    trust_env=False,
                    retries=0,
                    limits=httpx2.Limits(
                        max_connections=self._connections,
                        max_keepalive_connections=self._connections,
                        keepalive_expiry=_KEEP_ALIVE,
                    ),
                )
        return self._transport


_WAITING = "waiting for a connection"
_HANDED = "not begun"
_CONNECTING = "connecting"
_SENDING = "waiting for the answer"


class _Progress:
    """How far a request is, as the transport tells of it. One that tells nothing may have sent."""

    def __init__(self) -> None:
        self.stage = _WAITING

    async def __call__(self, name: str, _info: Mapping[str, object]) -> None:
        if name.startswith("connection."):
            self.stage = _CONNECTING
        elif name == "http11.send_request_headers.started":
            self.stage = _SENDING

    @property
    def may_have_left(self) -> bool:
        """Whether an octet of the request may have left."""
        return self.stage not in (_WAITING, _CONNECTING)


async def _whole(response: httpx2.Response) -> Reply | NoAnswer:
    if response.is_stream_consumed:
        return _reply(response, response.content)
    body, too_long = bytearray(), False
    # To the end even if that is of no use any more: httpx2 leaves its iterators open otherwise.
    async with aclosing(response.aiter_raw()) as chunks:
        async for chunk in chunks:
            body += chunk
            too_long = too_long or len(body) > ANSWER_LIMIT
            if too_long:
                body.clear()
    coding = response.headers.get("content-encoding", "")
    plain = None if too_long else _unpacked(bytes(body), coding.strip().lower())
    if plain is None:
        return NoAnswer(f"an answer of more than {ANSWER_LIMIT} octets", sent=True)
    return _reply(response, plain)


def _reply(response: httpx2.Response, body: bytes) -> Reply:
    return Reply(response.status_code, response.headers.get("content-type", ""), body)


def _unpacked(body: bytes, coding: str) -> bytes | None:
    """An answer that was compressed although that was not asked for; None if it is too long."""
    if coding not in ("gzip", "x-gzip", "deflate"):
        return body
    unpacking = zlib.decompressobj(_ANY_HEADER)
    try:
        plain = unpacking.decompress(body, ANSWER_LIMIT + 1)
    except zlib.error:
        return body
    return plain if len(plain) <= ANSWER_LIMIT else None


def _why(error: httpx2.HTTPError, stage: str, url: str) -> str:
    """What a failure means, without a word of the request or of what the peer sent."""
    if isinstance(error, httpx2.ConnectTimeout):
        return f"no connection in time: check {url}, and the way there"
    if isinstance(error, httpx2.ConnectError):
        return _why_not_connected(error, url)
    if isinstance(error, httpx2.RemoteProtocolError):
        said = str(error)
        if "disconnected" in said or "closed" in said:
            return "the connection was closed before the answer was there"
        return "what came back is not HTTP"
    return f"the connection broke ({stage})"


def _why_not_connected(error: BaseException, url: str) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"the certificate of the server cannot be trusted ({cause.verify_message}): set"
                f" tls_ca_file to the provider's CA, or correct {url}"
            )
        if isinstance(cause, ssl.SSLError):
            reason = str(cause.reason or "the server ended it").replace("_", " ").lower()
            return f"TLS failed ({reason}): check scheme and port of {url}"
        if isinstance(cause, socket.gaierror):
            return f"the host of {url} has no address ({cause.strerror})"
        if isinstance(cause, OSError) and cause.errno:
            why = os.strerror(cause.errno)
            return f"cannot connect ({why}): check {url}, and the way there"
    return f"cannot connect: check {url}, and the way there"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what led to it."""
    seen = 0
    while error is not None and seen < 20:
        yield error
        seen += 1
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        else:
            error = error.__cause__ or error.__context__


def check_url(url: str, *, insecure_http: bool) -> None:
    """Raise ValueError for a URL over which credentials would go in clear, or that holds some."""
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise ValueError("the account's url is none") from None
    if parts.userinfo or parts.query or parts.fragment:
        raise ValueError("the account's url must hold neither credentials nor a query")
    if parts.scheme == "https" and parts.host:
        return
    if parts.scheme != "http" or not parts.host:
        raise ValueError("the account's url must begin with https:// and a host")
    if not insecure_http and not place(url).is_local:
        raise ValueError("the account's url begins with http://: write https://, or insecure_http")
