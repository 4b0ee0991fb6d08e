"""What a process beside the daemon does (`errands`): run what comes, one after the other."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import NoReturn

#: What tells the daemon to stop, and may be told to all of its processes (a terminal, systemd).
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: How seldom the collector looks (`gc.set_threshold`): what is worked on here and in the daemon are
#: plain values, a lot of them, and it finds next to nothing.
COLLECT_SELDOM = (200_000, 20, 50)
#: Octets in which the length of an answer is told.
LENGTH = 8
#: Standard output and standard error.
_SPOKEN = (1, 2)


def become_apart(descriptor: int, locks: Iterable[int]) -> NoReturn:
    """Serve, as the copy that this process is of the daemon, and end. Of what the daemon has open only
    these locks stay so, and what it says things on."""
    with ExitStack() as stack:
        stack.push(_end)
        _close_all_but({*_SPOKEN, descriptor, *locks})
        os.open(os.devnull, os.O_RDONLY)  # the lowest that is free: standard input
        gc.freeze()  # what is there now stays to the end, and stays shared
        gc.enable()
        serve(descriptor)
    raise AssertionError


def _end(
    kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
) -> None:
    """Without the daemon's own end, of which this is a copy, too."""
    if kind is None or error is None:
        os._exit(0)
    sys.excepthook(kind, error, at)
    os._exit(1)


def _close_all_but(kept: Iterable[int]) -> None:
    after = 0
    for each in sorted(kept):
        os.closerange(after, each)
        after = each + 1
    os.closerange(after, os.sysconf("SC_OPEN_MAX"))


def serve(descriptor: int) -> None:
    """Run what comes and send back what comes of it, until nobody asks.

    Signals that are meant for the daemon may reach it, too; the daemon ends it, by the socket.
    """
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    gc.set_threshold(*COLLECT_SELDOM)  # more often costs a tenth
    with socket.socket(fileno=descriptor) as ours, ours.makefile("rb") as errands:
        while True:
            try:
                sync_fn, args = pickle.load(errands)  # noqa: S301 (from the daemon)
            except (EOFError, ConnectionError, pickle.UnpicklingError):
                return  # in the middle of an errand, too
            try:
                outcome = sync_fn(*args)
            except OSError as error:
                outcome = error
            answer = pickle.dumps(outcome)
            try:
                ours.sendall(len(answer).to_bytes(LENGTH, "big") + answer)
            except ConnectionError:
                return
