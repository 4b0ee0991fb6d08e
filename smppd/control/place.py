"""The socket's place in the file system: bound with its mode, and removed again if it is still ours.

Raises OSError whose text names the cure.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import trio

SOCKET_MODE = 0o660

#: struct sockaddr_un has 108 octets for the path, the last one a NUL.
_MOST_PATH_OCTETS = 107
_CONNECT_TIMEOUT = 1.0


async def clear(place: Path) -> None:
    """Remove the socket of a dead daemon, and nothing else."""
    there = _look(place)
    if there is None:
        return
    if not stat.S_ISSOCK(there.st_mode):
        raise FileExistsError(
            errno.EEXIST, "this is no socket; remove it or choose another path", str(place)
        )
    if await _is_alive(place):
        raise OSError(
            errno.EADDRINUSE,
            "another daemon answers on this socket; stop it or choose another path",
            str(place),
        )
    remove(place, there)


def bind(place: Path, backlog: int) -> tuple[trio.SocketListener, os.stat_result]:
    """A listener there, and what it looks like in the file system; so many may wait to be let in."""
    if len(os.fsencode(place)) > _MOST_PATH_OCTETS:
        raise OSError(
            errno.ENAMETOOLONG,
            f"a socket's path has at most {_MOST_PATH_OCTETS} octets; choose a shorter one",
            str(place),
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(place))
        # Nobody can connect before listen(), so there is no moment with another mode.
        place.chmod(SOCKET_MODE)
        listener.listen(backlog)
        ours = place.lstat()
    except OSError as failure:
        listener.close()
        why = failure.strerror
        if isinstance(failure, FileNotFoundError):
            why = "its folder does not exist; create it (in a systemd unit: RuntimeDirectory=)"
        raise OSError(failure.errno, why, str(place)) from None
    return trio.SocketListener(trio.socket.from_stdlib_socket(listener)), ours


def _look(place: Path) -> os.stat_result | None:
    try:
        return place.lstat()
    except FileNotFoundError:
        return None


async def _is_alive(place: Path) -> bool:
    with trio.move_on_after(_CONNECT_TIMEOUT):
        try:
            stream = await trio.open_unix_socket(str(place))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        await stream.aclose()
    return True


def remove(place: Path, ours: os.stat_result) -> None:
    """Remove the socket unless somebody has put another in its place."""
    there = _look(place)
    if there is not None and os.path.samestat(there, ours):
        place.unlink(missing_ok=True)
