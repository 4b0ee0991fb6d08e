"""What the process beside the daemon does (`errands`): run what comes, one after the other.

It is by itself, because whoever waits for that process waits for what it has to load: no event loop.
"""

from __future__ import annotations

import gc
import pickle
import signal
import socket

#: What tells the daemon to stop, and may be told to all of its processes (a terminal, systemd).
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: How seldom the collector looks (`gc.set_threshold`): what is worked on here and in the daemon are
#: plain values, a lot of them, and it finds next to nothing.
COLLECT_SELDOM = (200_000, 20, 50)
#: Octets in which the length of an answer is told.
LENGTH = 8


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
