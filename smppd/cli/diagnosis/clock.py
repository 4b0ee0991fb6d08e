"""What `doctor` looks at of the clock: whether something keeps it right, and whether it jumps."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import msgspec

from smppd.cli.findings import Finding
from smppd.cli.places import seen

#: adjtimex(2): the return value and the bit of the status that say "not synchronised".
_TIME_ERROR, _STA_UNSYNC = 5, 0x40
#: Beyond so many seconds an error of the clock is spoken of.
MOST_ERROR = 1.0
#: By so many seconds the clock may go otherwise than time itself while we look.
MOST_JUMP = 0.1
#: So many seconds are no difference between a file's time and now.
_SAME_TIME = 60.0
_CURE = "start one that does (timedatectl set-ntp true, or chrony)"


class _Timex(ctypes.Structure):
    """struct timex, as far as it is read, and room for the rest."""

    _fields_: ClassVar = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    ]


class Kept(msgspec.Struct, frozen=True):
    """What the kernel knows of its clock: whether it is synchronised, and by how many seconds it
    may be wrong at most."""

    synchronised: bool
    error: float


def ask_kernel() -> Kept | str:
    """What the kernel says, or why it does not."""
    timex = _Timex()
    adjtimex = getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)
    if adjtimex is None:
        return "this system has no adjtimex"
    state = adjtimex(ctypes.byref(timex))
    if state < 0:
        return os.strerror(ctypes.get_errno())
    synchronised = state != _TIME_ERROR and not timex.status & _STA_UNSYNC
    return Kept(synchronised, timex.maxerror / 1e6)


def synchronised(ask: Callable[[], Kept | str] = ask_kernel) -> Finding:
    """Whether the clock is kept right; certificates, send_at and the order of facts rely on it."""
    what, kept = "clock", ask()
    if isinstance(kept, str):
        return Finding(what, True, f"nobody tells whether it is synchronised ({kept})")
    if not kept.synchronised:
        says = f"the kernel knows of nothing that synchronises it: {_CURE}"
        return Finding(what, True, says, doubtful=True)
    if kept.error > MOST_ERROR:
        says = f"is synchronised, and may be wrong by {kept.error:.1f} s: look at the time servers"
        return Finding(what, True, says, doubtful=True)
    return Finding(what, True, f"is synchronised, to {1000 * kept.error:,.0f} ms at worst")


class Steadiness:
    """Whether the clock jumps between two looks; times in seconds."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._steady = wall, steady
        self._ahead = wall() - steady()

    def look(self) -> Finding:
        """By how much it jumped since this was made."""
        what, jump = "clock, meanwhile", self._wall() - self._steady() - self._ahead
        if abs(jump) <= MOST_JUMP:
            return Finding(what, True, "went evenly")
        says = f"jumped by {jump:+.1f} s: see who sets it, and have it slewed instead"
        return Finding(what, True, says, doubtful=True)


def look_at_file(what: str, file: Path, now: float | None = None) -> Iterator[Finding]:
    """Whether a file was written in the future, if it is there: then the clock was set back."""
    if not seen(file):
        return
    ahead = file.stat().st_mtime - (time.time() if now is None else now)
    if ahead <= _SAME_TIME:
        yield Finding(f"age of the {what}", True, "is not from the future")
        return
    says = (
        f"was written {ahead:,.0f} s in the future: the clock is wrong now, or was: set it right, or"
        " what is scheduled and what expires goes at the wrong time"
    )
    yield Finding(f"age of the {what}", False, says)
