"""A small HTTP/1.1 server for who watches: /metrics, /healthz, /readyz, and whatever pages it is given.

It knows neither links nor figures: it is given a registry to scrape and a callable that names what
is not ready. GET and HEAD only, no bodies, bounded heads, times and connections; whatever a client
does ends its own connection and nothing else. Raises OSError where it cannot listen, ValueError
where the address makes no sense.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from types import MappingProxyType

import h11
import trio
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from smppd.observe.visitors import LOCALHOST, is_loopback, why_astray

MOST_CONNECTIONS = 64
MOST_HEAD_OCTETS = 16384
#: For a whole request head to arrive (so an idle connection ends, too), and for an answer to leave.
TIMEOUT = 10.0
#: What the kernel keeps for a client that does not read, in octets.
MOST_UNREAD = 65536
#: How long a connection that we end may still send, so that it reads our answer and not a reset.
LINGER = 1.0

Ready = Callable[[], list[str]]
Page = Callable[[h11.Request], "Reply"]
Send = Callable[[bytes], Awaitable[None]]

_TEXT = b"text/plain; charset=utf-8"
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered with; with a `stream`, by what that sends, until it returns."""

    status: int
    body: bytes
    content_type: bytes = _TEXT
    headers: tuple[tuple[bytes, bytes], ...] = ()
    stream: Callable[[Send], Awaitable[None]] | None = None


_CLOSE = ((b"connection", b"close"),)
_METHODS = Reply(405, b"only GET and HEAD are served here\n", headers=((b"allow", b"GET, HEAD"),))
_PATHS = Reply(404, b"smppd serves /, /metrics, /healthz and /readyz here\n")
_BODY = Reply(413, b"requests with a body are not served here\n", headers=_CLOSE)
_FULL = Reply(503, b"too many connections\n", headers=_CLOSE)


async def serve(
    listen: str,
    registry: CollectorRegistry,
    ready: Ready,
    more: Mapping[bytes, Page] = MappingProxyType({}),
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve at `listen` ("127.0.0.1:9775", "[::1]:9775", ":9775" for all) until cancelled.

    `ready` gives one line for each link that is not bound; `more` are pages by path. Starts with the address really bound,
    port 0 meaning any. Owns its listeners and connections; an OSError says why it cannot listen.
    """
    host, port = split_address(listen)
    listeners = await trio.open_tcp_listeners(port, host=host)
    connections = trio.CapacityLimiter(MOST_CONNECTIONS)
    local = all(is_loopback(each.socket.getsockname()[0]) for each in listeners)
    answer = _answers(registry, ready, more, {LOCALHOST, host.lower()} if local and host else None)

    async def greet(stream: trio.SocketStream) -> None:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_UNREAD)
        await _admit(stream, connections, answer)

    task_status.started(_address_of(listeners[0]))
    await trio.serve_listeners(greet, listeners)


def split_address(listen: str) -> tuple[str | None, int]:
    """Host and port of "HOST:PORT"; no host means all interfaces."""
    host, colon, digits = listen.rpartition(":")
    if not colon or not digits.isascii() or not digits.isdigit() or int(digits) > 65535:
        raise ValueError(f"{listen!r} is no address to listen at; write HOST:PORT")
    return host.removeprefix("[").removesuffix("]") or None, int(digits)


def _address_of(listener: trio.SocketListener) -> str:
    host, port = listener.socket.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# ── what is answered ─────────────────────────────────────────────────────────────────────────


def _answers(
    registry: CollectorRegistry,
    ready: Ready,
    more: Mapping[bytes, Page] = MappingProxyType({}),
    names: Collection[str] | None = None,
) -> Page:
    def metrics(request: h11.Request) -> Reply:
        encode, content_type = choose_encoder(_header(request, b"accept"))
        return Reply(200, encode(registry), content_type.encode())

    def healthz(_request: h11.Request) -> Reply:
        return Reply(200, b"ok\n")

    def readyz(_request: h11.Request) -> Reply:
        missing = ready()
        lines = "".join(f"{line}\n" for line in missing or ["ready"])
        return Reply(503 if missing else 200, lines.encode("utf-8", "backslashreplace"))

    pages = {b"/metrics": metrics, b"/healthz": healthz, b"/readyz": readyz, **more}

    def answer(request: h11.Request) -> Reply:
        if request.method not in {b"GET", b"HEAD"}:
            return _METHODS
        if why := why_astray(request.headers, names):
            return Reply(403, f"{why}\n".encode(), headers=_CLOSE)
        page = pages.get(request.target.partition(b"?")[0])
        if page is None:
            return _PATHS
        try:
            return page(request)
        except Exception as fault:  # noqa: BLE001 - whoever watches must not stop traffic
            return Reply(500, f"{type(fault).__name__}: {fault}\n".encode("utf-8", "replace"))

    return answer


def _header(request: h11.Request, name: bytes) -> str:
    return ",".join(value.decode("latin-1") for key, value in request.headers if key == name)


# ── connections ──────────────────────────────────────────────────────────────────────────────


async def _admit(
    stream: trio.abc.HalfCloseableStream, connections: trio.CapacityLimiter, answer: Page
) -> None:
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD_OCTETS)
    try:
        connections.acquire_nowait()
    except trio.WouldBlock:
        await _finish(stream, lambda: _reply(stream, http, _FULL))
        return
    try:
        await _finish(stream, lambda: _converse(stream, http, answer))
    finally:
        connections.release()


async def _finish(
    stream: trio.abc.HalfCloseableStream, talk: Callable[[], Awaitable[None]]
) -> None:
    """Talk, then close in good order; a client that went away is none of our business."""
    async with stream:
        try:
            await talk()
            await stream.send_eof()
            with trio.move_on_after(LINGER):
                while await stream.receive_some(MOST_HEAD_OCTETS):
                    pass
        except _GONE:
            return


async def _converse(
    stream: trio.abc.HalfCloseableStream, http: h11.Connection, answer: Page
) -> None:
    """Answer one request after another until either side wants no more."""
    while True:
        try:
            with trio.fail_after(TIMEOUT):
                request = await _read_request(stream, http)
                has_body = request is not None and not isinstance(
                    http.next_event(), h11.EndOfMessage
                )
        except trio.TooSlowError:
            return
        except h11.RemoteProtocolError as mistake:
            text = f"{mistake}\n".encode()
            refusal = Reply(mistake.error_status_hint, text, headers=_CLOSE)
            await _reply(stream, http, refusal)
            return
        if request is None:
            return
        await _reply(stream, http, _BODY if has_body else answer(request), request)
        if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            return
        http.start_next_cycle()


async def _read_request(
    stream: trio.abc.HalfCloseableStream, http: h11.Connection
) -> h11.Request | None:
    """The next request's head; None when the client has no more."""
    while True:
        event = http.next_event()
        if isinstance(event, h11.Request):
            return event
        if isinstance(event, h11.ConnectionClosed):
            return None
        http.receive_data(bytes(await stream.receive_some(MOST_HEAD_OCTETS)))


async def _reply(
    stream: trio.abc.HalfCloseableStream,
    http: h11.Connection,
    reply: Reply,
    request: h11.Request | None = None,
) -> None:
    length = () if reply.stream else ((b"content-length", b"%d" % len(reply.body)),)
    headers = [
        (b"date", formatdate(usegmt=True).encode()),
        (b"server", b"smppd"),
        (b"content-type", reply.content_type),
        *length,
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *reply.headers,
    ]
    octets = http.send(h11.Response(status_code=reply.status, headers=headers)) or b""
    if request is None or request.method != b"HEAD":
        if reply.stream:
            await _send_all(stream, octets)
            await reply.stream(
                lambda data: _send_all(stream, http.send(h11.Data(data=data)) or b"")
            )
            octets = b""
        else:
            octets += http.send(h11.Data(data=reply.body)) or b""
    octets += http.send(h11.EndOfMessage()) or b""
    await _send_all(stream, octets)


async def _send_all(stream: trio.abc.SendStream, octets: bytes) -> None:
    with trio.move_on_after(TIMEOUT) as in_time:
        await stream.send_all(octets)
    if in_time.cancelled_caught:
        raise trio.BrokenResourceError("the client does not read")
