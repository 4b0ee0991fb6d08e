"""Work on files in a process beside the daemon's own, for whoever has much of it.

Thousands of small files a second are many calls of the system. In a thread each of them gives the
interpreter's lock up and must win it back from the event loop, so that both wait for each other;
a process has a lock of its own. What it runs are module-level functions of plain values, one after
the other. It ends with the daemon, however that ends: `apart.serve` reads until the end of its socket. Locks
that it is given are held until it has ended as well, so nobody takes over while it is at work.
"""

from __future__ import annotations

import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

import trio

from smppd.apart import LENGTH, STOPS

T = TypeVar("T")

#: Seconds that the process has for ending, once nobody needs it any more.
PATIENCE = 10.0

#: It finds modules where we do, and nowhere else: not in the folder that it is started in.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[2:]; from smppd.apart import serve; serve(int(sys.argv[1]))"
)


class ErrandsEnded(Exception):  # noqa: N818 (it says what happened)
    """The process ended before its answer; what it had done by then lies on the disk."""


class Errands:
    """Runs what is given to `run_sync` in its process, which the first call starts, or in a thread
    while the machine has no room for a process more.

    `locks` are descriptors. A context manager.
    """

    def __init__(self, locks: Sequence[int] = ()) -> None:
        self._locks = tuple(locks)
        self._turn = trio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._stream: trio.SocketStream | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    async def run_sync(self, sync_fn: Callable[..., T], *args: object) -> T:
        """The function's result, or its OSError; not to be cancelled once it has begun.

        Raises `ErrandsEnded`.
        """
        async with self._turn:
            stream = self._stream or self._start()
            if stream is None:
                return await trio.to_thread.run_sync(sync_fn, *args)
            with trio.CancelScope(shield=True):
                outcome = await self._ask(stream, pickle.dumps((sync_fn, args)))
        if isinstance(outcome, OSError):
            raise outcome
        return outcome  # type: ignore[no-any-return]

    def _start(self) -> trio.SocketStream | None:
        """Start the process; None when the machine does not let us now."""
        try:
            ours, theirs = socket.socketpair()
        except OSError:
            return None
        with theirs:
            try:
                self._process = _begin(theirs.fileno(), self._locks)
            except OSError:
                ours.close()
                return None
        self._socket = ours  # the event loop may be over when it is closed
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        return self._stream

    async def _ask(self, stream: trio.SocketStream, errand: bytes) -> Any:
        try:
            await stream.send_all(errand)
            length = int.from_bytes(await _receive(stream, LENGTH), "big")
            return pickle.loads(await _receive(stream, length))  # noqa: S301 (from our own process)
        except trio.BrokenResourceError as error:
            assert self._process is not None
            raise ErrandsEnded(_how_it_ended(self._process.wait())) from error


def _begin(descriptor: int, locks: Sequence[int]) -> subprocess.Popen[bytes]:
    """The process. Until it heeds them itself, what is to stop the daemon waits before it."""
    flags = sys.flags
    given = {"-E": flags.ignore_environment, "-s": flags.no_user_site, "-S": flags.no_site}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        return subprocess.Popen(  # noqa: S603 (ourselves)
            [
                *(sys.executable, "-P", *(flag for flag, is_set in given.items() if is_set)),
                *("-c", _PROGRAM, str(descriptor), *sys.path),
            ],
            stdin=subprocess.DEVNULL,
            pass_fds=(descriptor, *locks),
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


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
