"""Opening a TCP connection to an SMSC: all addresses of a name, one after another.

Knows nothing of SMPP. What goes wrong comes back as a sentence for the operator, not as an
exception. A socket that did not connect is closed here; the stream belongs to the caller.
"""

from __future__ import annotations

import os
import socket

import msgspec
import trio

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


class Unreachable(msgspec.Struct, frozen=True):
    """No connection came about: why not, where, and what may cure it."""

    reason: str


def written(host: str, port: int) -> str:
    """A host and port as people write them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def open_connection(host: str, port: int) -> trio.abc.Stream | Unreachable:
    """Resolve the name anew and take the first of its addresses that answers."""
    place = written(host, port)
    try:
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return Unreachable(f"cannot resolve {place} ({why}): check the host name and the DNS")
    reasons: dict[str, None] = {}  # each reason once, in order
    for family, kind, protocol, _, address in found:
        sock = trio.socket.socket(family, kind, protocol)
        why = await _connect(sock, address)
        if not why:
            return trio.SocketStream(sock)
        reasons[why] = None
    return Unreachable(f"{place} {', '.join(reasons)}")


async def _connect(sock: trio.socket.SocketType, address: tuple[object, ...]) -> str:
    """Connect, with every option set; what prevented it, or nothing."""
    why = "gave no answer: check host, port and firewall"
    connected = False
    try:
        for level, option, value in _OPTIONS:
            sock.setsockopt(level, option, value)
        with trio.move_on_after(CONNECT_TIMEOUT):
            await sock.connect(address)
            connected = True
    except ConnectionRefusedError:
        why = "refuses connections: check host and port, and whether the SMSC is running"
    except OSError as error:
        why = f"cannot be reached ({os.strerror(error.errno or 0)}): check host, port and network"
    finally:
        if not connected:
            sock.close()
    return "" if connected else why
