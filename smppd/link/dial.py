"""Opening a connection to an SMSC: all addresses of a name in turn, from the local address and
with the TLS that the link is configured for.

Knows nothing of SMPP. What goes wrong comes back as a sentence for the operator, not as an
exception. A socket that did not connect is closed here; the stream belongs to the caller.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from ipaddress import ip_address
from typing import Any

import msgspec
import trio

from smppd.config import LinkConfig, Mistake, tls_context
from smppd.link.tls import explain, secure, server_name
from smppd.ports import End

#: The cure when a bind has no answer and nothing tells why.
NEVER_BOUND = (
    "check host and port, whether the provider lets this address in, and"
    " whether the port is one for TLS"
)

#: How long one address may take to answer, in seconds.
CONNECT_TIMEOUT = 10.0

#: Keepalive: after a minute without traffic, every 15 s, four times (seconds, seconds, count).
_KEEPIDLE = 60
_KEEPINTVL = 15
_KEEPCNT = 4

#: How long written octets may stay unacknowledged before the kernel gives up, in milliseconds.
_USER_TIMEOUT = 30_000

_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPIDLE),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPINTVL),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPCNT),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT),
)

#: The ends of what is no connection over TCP.
_NOWHERE = (("0.0.0.0", 0), ("0.0.0.0", 2775))  # noqa: S104 - nothing listens there

#: An address as `getaddrinfo` gives it.
_Found = tuple[Any, Any, int, str, tuple[Any, ...]]


class Unreachable(msgspec.Struct, frozen=True):
    """No connection came about: why not, where, and what may cure it."""

    reason: str


def written(host: str, port: int) -> str:
    """A host and port as people write them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def ends_of(stream: trio.abc.Stream) -> tuple[End, End]:
    """Our end of a connection and the other one; of what has no addresses, made-up ones."""
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    if not isinstance(stream, trio.SocketStream):
        return _NOWHERE
    try:
        ours, theirs = stream.socket.getsockname(), stream.socket.getpeername()
    except OSError:  # it has ended meanwhile
        return _NOWHERE
    return (ours[0], ours[1]), (theirs[0], theirs[1])


def broken(error: BaseException) -> str:
    """What broke a connection, in words."""
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLError):
        return explain(cause)
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


class Dialler:
    """Opens the connections of one session of a link, one after another.

    A name is looked up anew each time. Of its addresses the one that was used longest ago is
    tried first, those that gave no connection at their last turn come last: so an address that
    connects but is of no use does not stand in the way of the others.
    """

    def __init__(self, link: LinkConfig) -> None:
        self._link = link
        self._used: dict[tuple[Any, ...], tuple[bool, int]] = {}
        self._turn = 0

    async def open(self, host: str, port: int) -> trio.abc.Stream | Unreachable:
        """A connection to the first address that gives one.

        The files that TLS needs are read now, so that a renewed certificate is found.
        """
        place = written(host, port)
        context = await trio.to_thread.run_sync(tls_context, self._link) if self._link.tls else None
        if isinstance(context, Mistake):
            return Unreachable(str(context))
        try:
            found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            return Unreachable(f"cannot resolve {place} ({why}): check the host name and the DNS")
        reachable = self._of_our_kind(found)
        if not reachable:
            return Unreachable(f"{place} {self._no_common_kind()}")
        reasons: dict[str, None] = {}  # each reason once, in order
        for each in self._in_turn(reachable):
            stream = await self._try(each, host, context)
            self._turn += 1
            self._used[each[4]] = (isinstance(stream, str), self._turn)
            if not isinstance(stream, str):
                return stream
            reasons[stream] = None
        return Unreachable(f"{place} {', '.join(reasons)}")

    def _in_turn(self, found: list[_Found]) -> list[_Found]:
        self._used = {each[4]: self._used.get(each[4], (False, 0)) for each in found}
        return sorted(found, key=lambda each: self._used[each[4]])

    # ── the address we connect from ──────────────────────────────────────────────────────────

    def _of_our_kind(self, found: list[_Found]) -> list[_Found]:
        if not self._link.local_address:
            return found
        kind = socket.AF_INET6 if self._version() == 6 else socket.AF_INET
        return [each for each in found if each[0] == kind]

    def _version(self) -> int:
        return ip_address(self._link.local_address).version

    def _no_common_kind(self) -> str:
        version = self._version()
        return (
            f"has no IPv{version} address, and local_address {self._link.local_address} is one:"
            f" set an IPv{10 - version} address of this machine, or another host"
        )

    async def _bind(self, sock: trio.socket.SocketType) -> str:
        """Take the local address, if there is one; what prevented it, or nothing."""
        local = self._link.local_address
        if not local:
            return ""
        flags = socket.AI_NUMERICHOST
        try:
            ((*_, address),) = await trio.socket.getaddrinfo(
                local, 0, type=socket.SOCK_STREAM, flags=flags
            )
            await sock.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                return (
                    f"cannot be connected to from local_address {local}: it is no address of this"
                    " machine: correct local_address, or give the machine that address"
                )
            why = error.strerror or str(error)
            return f"cannot be connected to from local_address {local} ({why}): correct it"
        return ""

    # ── one address ──────────────────────────────────────────────────────────────────────────

    async def _try(
        self, found: _Found, host: str, context: ssl.SSLContext | None
    ) -> trio.abc.Stream | str:
        """A stream to one address, or why there is none."""
        family, kind, protocol, _, address = found
        sock = trio.socket.socket(family, kind, protocol)
        why = await self._connect(sock, address)
        if why:
            return why
        stream = trio.SocketStream(sock)
        if context is None:
            return stream
        secured = await secure(stream, context, server_name(self._link, host))
        return f"cannot be used: {secured}" if isinstance(secured, str) else secured

    async def _connect(self, sock: trio.socket.SocketType, address: tuple[object, ...]) -> str:
        """Connect, with every option set; what prevented it, or nothing."""
        why = "gave no answer: check host, port and firewall"
        connected = False
        try:
            for level, option, value in _OPTIONS:
                sock.setsockopt(level, option, value)
            if wrong := await self._bind(sock):
                return wrong
            with trio.move_on_after(CONNECT_TIMEOUT):
                await sock.connect(address)
                connected = True
        except ConnectionRefusedError:
            why = "refuses connections: check host and port, and whether the SMSC is running"
        except OSError as error:
            wrong = os.strerror(error.errno or 0)
            why = f"cannot be reached ({wrong}): check host, port and network"
        finally:
            if not connected:
                sock.close()
        return "" if connected else why
