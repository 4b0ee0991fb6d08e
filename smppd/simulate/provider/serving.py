"""The simulated provider on the network: HTTP/1.1 around its core, on trio.

h11 frames and nothing stands between it and the socket, because the faults are those of
connections: an answer that never leaves, half of a body, a peer that hangs up. Whatever a client
does ends its own connection and nothing else. `listen` raises OSError where the address or the
certificate cannot be had.
"""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import NamedTuple

import h11
import trio

from smppd.simulate.provider.core import Provider
from smppd.simulate.provider.script import Http
from smppd.simulate.provider.wire import Leaving, Request, Response
from smppd.simulate.securing import secured
from smppd.simulate.units import read_address

READ_SIZE = 65536
MOST_HEAD_OCTETS = 65536
#: A list of contacts may be long; what is longer than this is refused.
MOST_BODY_OCTETS = 64 * 1024 * 1024

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)
_CLOSE = (("connection", "close"),)


class _Mistake(NamedTuple):
    """A request that cannot be answered as what it is."""

    status: int
    text: str


class HttpServer:
    """Serves a provider. `url` is the address of the first API while it serves."""

    def __init__(self, told: Http, provider: Provider) -> None:
        self.provider = provider
        self.url = ""
        self._told = told
        self._tls: ssl.SSLContext | None = None
        self._listeners: list[trio.SocketListener] = []

    async def listen(self) -> str:
        """Open the listening sockets; the URL of the first API."""
        told = self._told
        self._tls = secured(told.cert, told.key)
        host, port = read_address(told.listen)
        self._listeners = await trio.open_tcp_listeners(port, host=host or None)
        bound = self._listeners[0].socket.getsockname()
        place = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        self.url = f"{'https' if self._tls else 'http'}://{place}:{bound[1]}/api/http/"
        return self.url

    async def serve(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen and serve until cancelled. Gives the URL. Closes its connections without a word."""
        url = self.url or await self.listen()
        task_status.started(url)
        await trio.serve_listeners(self.serve_stream, self._listeners)

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection until it ends, and close it."""
        if self._tls is not None:
            stream = trio.SSLStream(stream, self._tls, server_side=True, https_compatible=True)
        async with stream:
            try:
                await self._converse(stream)
            except _GONE:
                return

    async def _converse(self, stream: trio.abc.Stream) -> None:
        """Answer one request after another, until either side wants no more."""
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD_OCTETS)
        while True:
            try:
                request = await _read_request(stream, http)
            except h11.RemoteProtocolError as mistake:
                request = _Mistake(mistake.error_status_hint, str(mistake))
            if request is None:
                return
            if isinstance(request, _Mistake):
                text = f"{request.text}\n".encode()
                answer = Response(text, request.status, "text/plain", headers=_CLOSE)
                await stream.send_all(_head(http, answer, announced=len(text)) + text)
                return
            answer = self.provider.handle(request, trio.current_time())
            if request.method == "HEAD" or answer.status == HTTPStatus.NOT_MODIFIED:
                answer = answer._replace(body=b"")
            if answer.delay:
                await trio.sleep(answer.delay)
            if not await _leave(stream, http, answer):
                return
            if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
                return
            http.start_next_cycle()


async def _read_request(stream: trio.abc.Stream, http: h11.Connection) -> Request | _Mistake | None:
    """The next request, whole; None when the client has no more."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = http.next_event()
        if isinstance(event, h11.ConnectionClosed):
            return None
        if isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST_BODY_OCTETS:
                return _Mistake(413, "the body is too long")
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _request(head, bytes(body))
        else:
            if http.they_are_waiting_for_100_continue:
                going_on = h11.InformationalResponse(status_code=100, headers=[])
                await stream.send_all(http.send(going_on) or b"")
            http.receive_data(bytes(await stream.receive_some(READ_SIZE)))


def _request(head: h11.Request, body: bytes) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    return Request(head.method.decode("latin-1"), head.target.decode("latin-1"), headers, body)


async def _leave(stream: trio.abc.Stream, http: h11.Connection, answer: Response) -> bool:
    """Let an answer leave as it is to; whether the connection goes on."""
    if answer.leaving is Leaving.CLOSED:
        return False
    if answer.leaving is Leaving.HANGING:
        while await stream.receive_some(READ_SIZE):
            pass
        return False
    body = answer.body
    octets = _head(http, answer, announced=len(body))
    if answer.leaving is Leaving.CUT:
        await stream.send_all(octets + body[: len(body) // 2])
        return False
    if answer.leaving is Leaving.SLOW:
        await stream.send_all(octets)
        for place in range(len(body)):
            await trio.sleep(answer.seconds / len(body))
            await stream.send_all(body[place : place + 1])
    else:
        await stream.send_all(octets + body)
    http.send(h11.Data(data=body))
    http.send(h11.EndOfMessage())
    return True


def _head(http: h11.Connection, answer: Response, *, announced: int) -> bytes:
    headers = [
        ("server", "smppd simulate"),
        ("content-type", answer.content_type),
        ("content-length", str(announced)),
        *answer.headers,
    ]
    return http.send(h11.Response(status_code=int(answer.status), headers=headers)) or b""
