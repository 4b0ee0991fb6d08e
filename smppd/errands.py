"""Work on files in a process beside the daemon's own, for whoever has much of it.

Thousands of small files a second are many calls of the system. In a thread each of them gives the
interpreter's lock up and must win it back from the event loop, so that both wait for each other;
a process has a lock of its own. What it runs are module-level functions of plain values, one after
the other. It ends with the daemon, however that ends: `apart.serve` reads until the end of its socket. Locks
that it is given are held until it has ended as well, so nobody takes over while it is at work.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self, TypeVar

import trio

from smppd.apart import LENGTH, STOPS, become_apart

T = TypeVar("T")

#: Seconds that the process has for ending, once nobody needs it any more.
PATIENCE = 10.0
_EVERY = 0.005


class ErrandsEnded(Exception):  # noqa: N818 (it says what happened)
    """The process ended before its answer; what it had done by then lies on the disk."""


class Errands:
    """Runs what is given to `run_sync` in its process, or in a thread where the machine had no room for
    a process more.

    The process begins here, as a copy of this one: it has loaded what it needs. So this is made before
    there are threads, and before anything is open that is not for both. `locks` are descriptors. A
    context manager, whose end is that of the process.
    """

    def __init__(self, locks: Sequence[int] = ()) -> None:
        self._turn = trio.Lock()
        self._stream: trio.SocketStream | None = None
        #: Of the process, and of what it is asked by; None without one.
        self._pid: int | None = None
        self._socket: socket.socket | None = None
        with suppress(OSError):
            self._pid, self._socket = _begin(locks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._pid is not None:
            _end(self._pid)

    async def run_sync(self, sync_fn: Callable[..., T], *args: object) -> T:
        """The function's result, or its OSError; not to be cancelled once it has begun.

        Raises `ErrandsEnded`.
        """
        async with self._turn:
            if self._socket is None:
                return await trio.to_thread.run_sync(sync_fn, *args)
            if self._stream is None:
                # The event loop may be over when the socket is closed.
                self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(self._socket))
            stream = self._stream
            with trio.CancelScope(shield=True):
                outcome = await self._ask(stream, pickle.dumps((sync_fn, args)))
        if isinstance(outcome, OSError):
            raise outcome
        return outcome  # type: ignore[no-any-return]

    async def _ask(self, stream: trio.SocketStream, errand: bytes) -> Any:
        try:
            await stream.send_all(errand)
            length = int.from_bytes(await _receive(stream, LENGTH), "big")
            return pickle.loads(await _receive(stream, length))  # noqa: S301 (from our own process)
        except trio.BrokenResourceError as error:
            assert self._pid is not None
            pid, self._pid = self._pid, None
            raise ErrandsEnded(_how_it_ended(_end(pid))) from error


def _begin(locks: Sequence[int]) -> tuple[int, socket.socket]:
    """The process, and our end of what it is asked by. Until it heeds them itself, what is to stop the
    daemon waits before it."""
    ours, theirs = socket.socketpair()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        with theirs:
            pid = os.fork()
            if pid == 0:
                become_apart(theirs.fileno(), locks)
    except OSError:
        ours.close()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return pid, ours


def _end(pid: int) -> int:
    """Wait for the process to end, not for ever; its exit status, negative where a signal ended it."""
    give_up = time.monotonic() + PATIENCE
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > give_up:
            os.kill(pid, signal.SIGKILL)
        time.sleep(_EVERY)


def _how_it_ended(status: int) -> str:
    how = f"with status {status}"
    if status < 0:
        how = f"by {signal.Signals(-status).name}"
    if status == -signal.SIGKILL:
        how += " (is memory short?)"
    return f"the process for work on files has ended {how}: nothing is lost, start smppd again"


async def _receive(stream: trio.SocketStream, length: int) -> bytearray:
    received = bytearray()
    while len(received) < length:
        some = await stream.receive_some(length - len(received))
        if not some:
            raise trio.BrokenResourceError
        received += some
    return received
