"""The control socket: how `status`, `requeue` and others ask a running daemon.

One JSON object per line each way over a Unix socket: {"command": "status", …} is answered with
{"ok": true, "result": …} or {"ok": false, "error": "one line"}. This module knows no command; it
is given them, and who may give which (`peers`). The server raises OSError, its text naming the cure, where it cannot listen, and
survives whatever is sent to it. The client raises ControlUnavailable or ControlRefused.
Whether a command that was not answered may have been done is said by `ControlUnavailable.heard`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import trio

from smppd.peers import LOOKING, Operators, Peer, name_of, peer_of

SOCKET_MODE = 0o660
#: Of those who command, and as many of those who look.
MOST_CONNECTIONS = 16
#: A list of contacts is the longest thing that anybody asks to have sent.
MOST_REQUEST_OCTETS = 4 << 20
#: For a request to arrive, so an idle connection ends, too; and for its answer to leave.
READ_TIMEOUT = 30.0

#: struct sockaddr_un has 108 octets for the path, the last one a NUL.
_MOST_PATH_OCTETS = 107
_CONNECT_TIMEOUT = 1.0
_READ_OCTETS = 65536

#: Takes the request without its "command", but with "who" asked and his "uid"; what it gives is encoded as JSON.
Command = Callable[[dict[str, Any]], Awaitable[Any]]
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


class ControlUnavailable(Exception):  # noqa: N818 - a state of affairs, read as a sentence
    """No daemon answered; the text says why and what to do.

    `heard`: the command was sent, so it may be done. `nobody`: no daemon listens at all. `barred`: this
    user may not ask, so nobody knows.
    """

    def __init__(
        self, text: str, *, heard: bool = False, nobody: bool = False, barred: bool = False
    ) -> None:
        super().__init__(text)
        self.heard = heard
        self.nobody = nobody
        self.barred = barred


class ControlRefused(Exception):  # noqa: N818 - an answer, not a fault
    """The daemon answered no. Commands raise it with one line for the person who asked.

    `fault`: the command broke off half-way, so it may be done.
    """

    def __init__(self, text: str, *, fault: bool = False) -> None:
        super().__init__(text)
        self.fault = fault


# ── the client ───────────────────────────────────────────────────────────────────────────────


def ask(path: str | Path, command: str, /, timeout: float = 10.0, **args: Any) -> dict[str, Any]:
    """Send a command to the daemon that listens on `path`; its result, within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    try:
        request = msgspec.json.encode({"command": command, **args}) + b"\n"
    except UnicodeEncodeError as mistake:
        raise ControlRefused(f"{mistake.object!r} is not UTF-8") from None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        _connect(connection, path, timeout)
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(request)  # refused before it was read; the answer says why
            line = _receive_line(connection, deadline)
        except TimeoutError:
            raise ControlUnavailable(_too_slow(path, timeout), heard=True) from None
        except OSError as failure:
            why = f"cannot ask the daemon on {path}: {failure}"
            raise ControlUnavailable(why, heard=True) from None
    return _result(path, line)


def _connect(connection: socket.socket, path: str | Path, timeout: float) -> None:
    try:
        connection.connect(os.fspath(path))
    except TimeoutError:
        raise ControlUnavailable(_too_slow(path, timeout)) from None
    except PermissionError:
        raise ControlUnavailable(
            f"this user may not read or write {path}; use sudo, or join the socket's group",
            barred=True,
        ) from None
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        raise ControlUnavailable(
            f"no daemon listens on {path}; is smppd running, and may this user read the socket?",
            nobody=True,
        ) from None
    except OSError as failure:
        raise ControlUnavailable(f"cannot ask the daemon on {path}: {failure}") from None


def _too_slow(path: str | Path, timeout: float) -> str:
    return f"the daemon on {path} did not answer within {timeout:g} s; it may be busy"


def _receive_line(connection: socket.socket, deadline: float) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        octets = connection.recv(_READ_OCTETS)
        if not octets:
            break
        received += octets
    return bytes(received)


def _result(path: str | Path, line: bytes) -> dict[str, Any]:
    if not line:
        raise ControlUnavailable(
            f"the daemon on {path} closed the connection without an answer; it may be stopping",
            heard=True,
        )
    try:
        answer = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        answer = {}
    match answer:
        case {"ok": True, "result": dict() as result}:
            return result
        case {"ok": False, "error": str() as error}:
            raise ControlRefused(error, fault=bool(answer.get("fault")))
    raise ControlUnavailable(f"what answers on {path} does not speak as smppd does", heard=True)


# ── the server ───────────────────────────────────────────────────────────────────────────────


async def serve_control(
    path: str | Path,
    commands: Mapping[str, Command],
    operators: Operators | None = None,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Listen on `path` and run the commands asked for, until cancelled. `operators`: who may change
    anything; nobody but root and this user where that is not said.

    The socket is there, with mode 0660, once started, and removed at the end. A socket that a
    dead daemon left is replaced; a live one, or any other file, is left alone and raises OSError.
    """
    place = Path(path)
    await _clear(place)
    listener, ours = _bind(place)
    desk = _Desk(
        commands,
        operators or Operators(),
        trio.CapacityLimiter(MOST_CONNECTIONS),
        trio.CapacityLimiter(MOST_CONNECTIONS),
    )

    async def greet(stream: trio.SocketStream) -> None:
        await _admit(stream, desk)

    try:
        task_status.started()
        await trio.serve_listeners(greet, [listener])
    finally:
        _remove(place, ours)


async def _clear(place: Path) -> None:
    """Remove the socket of a dead daemon, and nothing else."""
    there = _status(place)
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
    _remove(place, there)


def _bind(place: Path) -> tuple[trio.SocketListener, os.stat_result]:
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
        listener.listen(MOST_CONNECTIONS)
        ours = place.lstat()
    except OSError as failure:
        listener.close()
        why = failure.strerror
        if isinstance(failure, FileNotFoundError):
            why = "its folder does not exist; create it (in a systemd unit: RuntimeDirectory=)"
        raise OSError(failure.errno, why, str(place)) from None
    return trio.SocketListener(trio.socket.from_stdlib_socket(listener)), ours


def _status(place: Path) -> os.stat_result | None:
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


def _remove(place: Path, ours: os.stat_result) -> None:
    """Remove the socket unless somebody has put another in its place."""
    there = _status(place)
    if there is not None and os.path.samestat(there, ours):
        place.unlink(missing_ok=True)


async def _admit(stream: trio.SocketStream, desk: _Desk) -> None:
    async with stream:
        peer = peer_of(stream.socket.getsockopt)
        connections = desk.commanding if desk.operators.include(peer) else desk.looking
        try:
            connections.acquire_nowait()
        except trio.WouldBlock:
            with contextlib.suppress(*_GONE):
                await _send(stream, _refusal("too many connections; try again"))
            return
        try:
            await _converse(stream, peer, desk)
        except _GONE:
            return
        finally:
            connections.release()


async def _converse(stream: trio.SocketStream, peer: Peer, desk: _Desk) -> None:
    """Answer one line after another until the peer hangs up or falls silent."""
    received = bytearray()
    while True:
        line: bytes | None = None
        with trio.move_on_after(READ_TIMEOUT):
            line = await _read_line(stream, received)
        if line is None:
            await _send(stream, _refusal(f"no request within {READ_TIMEOUT:g} s"))
            return
        if not line:
            return
        if len(line) > MOST_REQUEST_OCTETS:
            await _send(stream, _refusal(f"a request has at most {MOST_REQUEST_OCTETS} octets"))
            return
        await _send(stream, await _answer(line, peer, desk))


async def _read_line(stream: trio.SocketStream, received: bytearray) -> bytes:
    """The next line with its newline, empty at the end; too much of it when it is over-long.

    `received` holds what has been read of the lines after it.
    """
    searched = 0
    while (end := received.find(b"\n", searched) + 1) == 0:
        searched = len(received)
        if searched > MOST_REQUEST_OCTETS:
            break
        octets = await stream.receive_some(_READ_OCTETS)
        if not octets:
            break
        received += octets
    end = end or len(received)
    line = bytes(received[:end])
    del received[:end]
    return line


class _Desk(NamedTuple):
    """What may be asked, and who may ask for what changes anything. Connections of those who may only
    look are counted by themselves, so that they keep nobody out who commands."""

    commands: Mapping[str, Command]
    operators: Operators
    commanding: trio.CapacityLimiter
    looking: trio.CapacityLimiter


async def _answer(line: bytes, peer: Peer, desk: _Desk) -> bytes:
    try:
        request = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError as mistake:
        return _refusal(f"a request is one JSON object on a line: {mistake}")
    name = request.pop("command", None)
    command = desk.commands.get(name) if isinstance(name, str) else None
    if command is None:
        known = ", ".join(sorted(desk.commands))
        return _refusal(f"there is no command {name!r}; there are {known}")
    if why := desk.operators.refusal(peer, str(name)):
        return _refusal(why)
    if name not in LOOKING:
        request["who"] = await trio.to_thread.run_sync(name_of, peer.uid)
        request["uid"] = peer.uid
    try:
        result = await command(request)
        return msgspec.json.encode({"ok": True, "result": {} if result is None else result})
    except ControlRefused as refusal:
        return _refusal(str(refusal))
    except Exception as fault:  # noqa: BLE001 - whoever asks must not stop traffic
        text = f"the command {name!r} failed: {type(fault).__name__}: {fault}"
        return _refusal(text, fault=True)


def _refusal(text: str, **more: bool) -> bytes:
    line = " ".join(text.encode("utf-8", "backslashreplace").decode().split())
    return msgspec.json.encode({"ok": False, "error": line, **more})


async def _send(stream: trio.SocketStream, answer: bytes) -> None:
    with trio.move_on_after(READ_TIMEOUT) as in_time:
        await stream.send_all(answer + b"\n")
    if in_time.cancelled_caught:
        raise trio.BrokenResourceError("the peer does not read")
