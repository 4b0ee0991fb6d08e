"""Signals that come before anybody can heed them: while a daemon is imported and takes its journal up.

Without this, SIGTERM would end it undrained, and SIGHUP (a reload) would end it at all. What was noted is
taken by whoever heeds signals from then on. Imports nothing that takes long: it comes first.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from types import FrameType

#: The signals that a daemon drains and stops for, and the one for which it reads its configuration again.
STOPPING = (signal.SIGTERM, signal.SIGINT)
RELOAD = signal.SIGHUP
HEEDED = (*STOPPING, RELOAD)

_noted: list[int] = []


def note_signals() -> None:
    """Note each from now on. A second one to stop ends the process as it stands, which is safe."""
    for number in HEEDED:
        signal.signal(number, _note)


def take_noted() -> list[int]:
    """Those that came so far, in their order; they are forgotten by this."""
    noted, _noted[:] = list(_noted), []
    return noted


def starts_daemon(words: Sequence[str]) -> bool:
    """Whether the words of a command line, without the program's name, ask for a daemon."""
    rest = iter(words)
    for word in rest:
        if word == "--config":
            next(rest, None)
        elif not word.startswith("-"):
            return word == "run"
    return False


def _note(number: int, _: FrameType | None) -> None:
    if number != RELOAD and any(each != RELOAD for each in _noted):
        os._exit(1)
    _noted.append(number)
