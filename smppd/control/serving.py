"""Running the commands that are asked for over the socket.

Survives whatever is sent to it; raises OSError, its text naming the cure, where it cannot listen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import trio

from smppd.control.command import Command, ControlRefused
from smppd.control.place import bind, clear, remove
from smppd.peers import LOOKING, Operators, Peer, name_of, peer_of

#: Of those who command, and as many of those who look.
MOST_CONNECTIONS = 16
#: A list of contacts is the longest thing that anybody asks to have sent; who may only look says little.
MOST_REQUEST_OCTETS = 4 << 20
MOST_LOOKING_OCTETS = 4096
#: Seconds between two answers to those who may only look, all of them together: no message waits for
#: the curious.
LOOK_EVERY = 0.02
#: For a request to arrive, so an idle connection ends, too; and for its answer to leave.
READ_TIMEOUT = 30.0

_READ_OCTETS = 65536

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


class _Desk(NamedTuple):
    """What may be asked, and who may ask for what changes anything. Connections of those who may only
    look are counted by themselves, so that they keep nobody out who commands."""

    commands: Mapping[str, Command]
    operators: Operators
    commanding: trio.CapacityLimiter
    looking: trio.CapacityLimiter
    turn: trio.Lock


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
    await clear(place)
    listener, ours = bind(place, MOST_CONNECTIONS)
    desk = _Desk(
        commands,
        operators or Operators(),
        trio.CapacityLimiter(MOST_CONNECTIONS),
        trio.CapacityLimiter(MOST_CONNECTIONS),
        trio.Lock(),
    )

    async def greet(stream: trio.SocketStream) -> None:
        await _admit(stream, desk)

    try:
        task_status.started()
        await trio.serve_listeners(greet, [listener])
    finally:
        remove(place, ours)


async def _admit(stream: trio.SocketStream, desk: _Desk) -> None:
    async with stream:
        peer = peer_of(stream.socket.getsockopt)
        commands = desk.operators.include(peer)
        connections = desk.commanding if commands else desk.looking
        try:
            connections.acquire_nowait()
        except trio.WouldBlock:
            with contextlib.suppress(*_GONE):
                await _send(stream, _refusal("too many connections; try again"))
            return
        try:
            if commands:
                await _converse(stream, MOST_REQUEST_OCTETS, partial(_answer, peer, desk))
            else:
                await _converse(stream, MOST_LOOKING_OCTETS, partial(_in_turn, peer, desk))
        except _GONE:
            return
        finally:
            connections.release()


async def _converse(
    stream: trio.SocketStream, most_octets: int, answer: Callable[[bytes], Awaitable[bytes]]
) -> None:
    """Answer one line after another until the peer hangs up or falls silent."""
    received = bytearray()
    while True:
        line: bytes | None = None
        with trio.move_on_after(READ_TIMEOUT):
            line = await _read_line(stream, received, most_octets)
        if line is None:
            await _send(stream, _refusal(f"no request within {READ_TIMEOUT:g} s"))
            return
        if not line:
            return
        if len(line) > most_octets:
            await _send(stream, _refusal(f"a request has at most {most_octets} octets"))
            return
        await _send(stream, await answer(line))


async def _read_line(stream: trio.SocketStream, received: bytearray, most_octets: int) -> bytes:
    """The next line with its newline, empty at the end; too much of it when it is over-long.

    `received` holds what has been read of the lines after it.
    """
    searched = 0
    while (end := received.find(b"\n", searched) + 1) == 0:
        searched = len(received)
        if searched > most_octets:
            break
        octets = await stream.receive_some(_READ_OCTETS)
        if not octets:
            break
        received += octets
    end = end or len(received)
    line = bytes(received[:end])
    del received[:end]
    return line


async def _in_turn(peer: Peer, desk: _Desk, line: bytes) -> bytes:
    """As `_answer`, one at a time and not too often."""
    async with desk.turn:
        answer = await _answer(peer, desk, line)
        await trio.sleep(LOOK_EVERY)
        return answer


async def _answer(peer: Peer, desk: _Desk, line: bytes) -> bytes:
    try:
        request = msgspec.json.decode(line, type=dict[str, Any])
    except (ValueError, RecursionError) as mistake:
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
