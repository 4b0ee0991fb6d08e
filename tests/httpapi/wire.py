"""A server of raw octets: it keeps what it reads, and answers as it is told, however wrong."""

from __future__ import annotations

import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import NamedTuple

import trio


class End(Enum):
    """What follows an answer."""

    KEEP = "the connection stays"
    CLOSE = "the connection is closed"
    RESET = "the connection is reset"
    HANG = "nothing more comes, and the connection stays"


class Say(NamedTuple):
    """One answer: octets as they are, and what follows. `after`: before the request was whole."""

    octets: bytes = b""
    end: End = End.KEEP
    early: bool = False
    every: float = 0.0


def ok(body: bytes = b'{"status":"success","result":null}', status: str = "200 OK") -> bytes:
    """A whole response."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


@dataclass
class Server:
    """What came, and how it is answered: request after request, the last answer for the rest."""

    port: int
    answers: Sequence[Say]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    _news: trio.Event = field(default_factory=trio.Event)

    @property
    def url(self) -> str:
        """Of this server, in clear."""
        return f"http://127.0.0.1:{self.port}/api/http/"

    async def came(self, count: int) -> None:
        """Return when so many requests have been read."""
        while len(self.requests) < count:
            await self._news.wait()

    async def serve(self, context: ssl.SSLContext | None, stream: trio.SocketStream) -> None:
        """One connection."""
        self.connections += 1
        try:
            if context is None:
                await self._converse(stream, stream)
            else:
                secured = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
                await self._converse(secured, stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    async def _converse(self, stream: trio.abc.Stream, below: trio.SocketStream) -> None:
        while True:
            answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
            request = await _read(stream, early=answer.early)
            if request is None:
                return
            self.requests.append(request)
            self._news.set()
            self._news = trio.Event()
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                await _say(stream, answer)
            finally:
                self.at_once -= 1
            if answer.end is End.HANG:
                await trio.sleep_forever()
            if answer.end is End.RESET:
                below.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if answer.end is not End.KEEP:
                return


async def _say(stream: trio.abc.Stream, answer: Say) -> None:
    if not answer.every:
        await stream.send_all(answer.octets)
        return
    for octet in answer.octets:
        await stream.send_all(bytes([octet]))
        await trio.sleep(answer.every)


async def _read(stream: trio.abc.Stream, *, early: bool) -> bytes | None:
    """A request, whole; its head alone when it is answered `early`."""
    read = b""
    while True:
        head, blank, body = read.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if blank and (early or len(body) >= int(length[1] if length else 0)):
            return read
        more = await stream.receive_some()
        if not more:
            return None
        read += bytes(more)


@asynccontextmanager
async def serving(*answers: Say, context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server that answers so, on this machine alone."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port: int = listeners[0].socket.getsockname()[1]
    server = Server(port, answers or (Say(ok()),))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, partial(server.serve, context), listeners))
        yield server
        nursery.cancel_scope.cancel()
