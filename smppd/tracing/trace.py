"""One trace: it hears a link, and its files grow until its time is over, somebody ends it, or it cannot go on.

Whatever is slow or fails here costs the trace and never the traffic: what is heard is kept up to a
bound, and files are written in a thread that nobody else waits for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from typing import Protocol

import trio

from smppd.events import Emit, TraceBroken, TraceEnded
from smppd.figures import TraceFigures
from smppd.ports import End, Tap
from smppd.tracing.recording import Record, Recording, What
from smppd.tracing.ring import MOST_OCTETS, Ring

#: Octets that are heard and not written yet, at most; what one record costs beside its octets.
MOST_HEARD = 16 << 20
_RECORD = 200
#: Seconds between two writes; how long one may take; how long the last one may.
EVERY = 0.2
SLOW = 5.0
LAST = 2.0

OVER, STOPPING = "its time is over", "smppd stops"
_HINT = "traffic is not affected; free space or choose another folder with --into, and trace again"


class Traceable(Protocol):
    """A link, as a trace sees it."""

    @property
    def name(self) -> str:
        """The link's."""

    def overhear(self, tap: Tap) -> None:
        """Have this hear what passes from now on."""

    def leave_alone(self, tap: Tap) -> None:
        """This one hears no more."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a trace is wanted: in which folder, for how many seconds, whether texts and numbers may be
    read, by whom; and so many octets are to stay free on its disk."""

    folder: Path
    seconds: float
    readable: bool
    who: str
    least: int


class Ear:
    """Keeps what it hears until it is taken; `on_end` is told why there is no more to hear. `full`: it
    could not keep all, and hears no more."""

    def __init__(self, wall: Callable[[], float], on_end: Callable[[str], None]) -> None:
        self._wall = wall
        self._on_end = on_end
        self._records: list[Record] = []
        self._octets = 0
        self.full = False

    def opened(self, talk: Hashable, local: End, remote: End) -> None:
        """See `ports.Tap`."""
        self._keep(Record(self._wall(), What.OPENED, talk, b"", (local, remote)))

    def joined(self, talk: Hashable, local: End, remote: End, begun: bytes) -> None:
        """See `ports.Tap`."""
        self._keep(Record(self._wall(), What.JOINED, talk, begun, (local, remote)))

    def said(self, talk: Hashable, octets: bytes) -> None:
        """See `ports.Tap`."""
        self._keep(Record(self._wall(), What.SAID, talk, octets))

    def heard(self, talk: Hashable, octets: bytes) -> None:
        """See `ports.Tap`."""
        self._keep(Record(self._wall(), What.HEARD, talk, octets))

    def closed(self, talk: Hashable) -> None:
        """See `ports.Tap`."""
        self._keep(Record(self._wall(), What.CLOSED, talk))

    def ended(self, why: str) -> None:
        """See `ports.Tap`."""
        self._on_end(why)

    def take(self) -> list[Record]:
        """What was heard, once."""
        records, self._records = self._records, []
        self._octets = 0
        return records

    def _keep(self, record: Record) -> None:
        if self.full:
            return
        self._octets += len(record.octets) + _RECORD
        if self._octets > MOST_HEARD:
            self.full = True
        else:
            self._records.append(record)


class Trace:
    """Hears `link` from when it is made. `begun` (epoch seconds) is for people."""

    def __init__(
        self, link: Traceable, terms: Terms, ring: Ring, wall: Callable[[], float], emit: Emit
    ) -> None:
        self._link = link
        self._terms = terms
        self._ring = ring
        self._emit = emit
        self._recording = Recording(text=terms.readable)
        self._ear = Ear(wall, self.end)
        self._octets = 0
        self._ended = trio.Event()
        self._reason = STOPPING
        self._writing = False
        self._begun = wall()

    def end(self, reason: str) -> None:
        """It is enough."""
        self._reason = reason
        self._ended.set()

    def figures(self) -> TraceFigures:
        """How it stands."""
        terms, files = self._terms, self._ring.files
        return TraceFigures(
            self._link.name,
            str(terms.folder),
            self._begun,
            self._begun + terms.seconds,
            terms.readable,
            terms.who,
            self._recording.pdus,
            self._octets,
            [file.name for file in files],
        )

    async def run(self) -> None:
        """Return when it has ended and its files are closed."""
        problem = ""
        self._link.overhear(self._ear)
        try:
            problem = await self._record()
        finally:
            self._link.leave_alone(self._ear)
            with trio.CancelScope(shield=True):
                await self._conclude(problem)

    async def _record(self) -> str:
        """Write until it is to end; what prevented it."""
        until = trio.current_time() + self._terms.seconds
        while not self._ended.is_set() and (left := until - trio.current_time()) > 0:
            with trio.move_on_after(min(EVERY, left)):
                await self._ended.wait()
            if problem := await self._write(SLOW):
                return problem
        if not self._ended.is_set():
            self._reason = OVER
        return ""

    async def _conclude(self, problem: str) -> None:
        if not (problem or self._writing):
            problem = await self._write(LAST)
        if not self._writing:
            self._ring.close()
        link, folder, pdus = self._link.name, str(self._terms.folder), self._recording.pdus
        if problem:
            self._emit(TraceBroken(link, folder, pdus, problem, _HINT))
        else:
            self._emit(TraceEnded(link, folder, pdus, self._reason))

    async def _write(self, patience: float) -> str:
        """Write what was heard; what prevented it."""
        records = self._ear.take()
        if self._ear.full:
            return "more has passed than could be written in time"
        if not records:
            return ""
        self._writing = True
        try:
            # Whoever ends the trace meanwhile waits: what was heard last comes after it.
            with trio.move_on_after(patience, shield=True) as scope:
                put = self._put
                self._octets += await trio.to_thread.run_sync(put, records, abandon_on_cancel=True)
        except OSError as error:
            self._writing = False
            return error.strerror or str(error)
        if scope.cancelled_caught:  # and its thread may be at it yet
            return f"the disk has not taken it for {patience:g} s"
        self._writing = False
        return ""

    def _put(self, records: Sequence[Record]) -> int:
        if problem := short_of_room(self._terms.folder, self._terms.least):
            raise OSError(ENOSPC, problem)
        return self._ring.write(self._recording.packets(records))


def short_of_room(folder: Path, least: int) -> str:
    """What is wrong with a disk on which so many octets are to stay free; empty when there is room for
    a file more. Raises OSError when nobody can tell."""
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if free >= least + MOST_OCTETS:
        return ""
    return (
        f"the disk of {folder} has {free >> 20:,} MiB free: a trace takes {MOST_OCTETS >> 20} MiB for its "
        f"next file, and leaves the {least >> 20:,} MiB of [spool] min_free"
    )
