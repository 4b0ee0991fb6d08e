"""One claimed file's way into the journal: open, admit chunk by chunk, close; or into `bad/`.

Every step that promises something waits for the journal. Whatever is cancelled on the way is
repeated from the last checkpoint when the daemon starts again. It knows neither inbox nor lanes.
A read error in the middle of a file leaves the file in `work/` for the next start.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
import trio

from smppd.disk import QUARANTINE, Disk
from smppd.events import Emit, FileQuarantined, FileWaiting
from smppd.figures import SpoolFigures
from smppd.ports import Admission, Brief, Claimed, Line, Unread
from smppd.spool.chunks import Chunk, Source
from smppd.spool.claiming import Taken
from smppd.spool.folders import shown_name
from smppd.spool.formats import format_of, known_formats, parse_brief
from smppd.spool.quarantine import Unusable, quarantine
from smppd.spool.reading import open_source

T = TypeVar("T")

#: Seconds after which a chunk has all others take their turn: it is of long messages, or of lines with many
#: destinations.
LONG = 0.02


class RunSync(Protocol):
    """Runs a blocking call: `trio.to_thread.run_sync`, or in place for tests."""

    async def __call__(self, sync_fn: Callable[..., T], *args: object) -> T:
        """The call's result."""


class Bin:
    """Where unusable files go, one at a time."""

    def __init__(
        self,
        root: Path,
        emit: Emit,
        wall: Callable[[], float],
        run_sync: RunSync,
        figures: SpoolFigures,
    ) -> None:
        self._root = root
        self._emit = emit
        self._wall = wall
        self._run_sync = run_sync
        self._turn = trio.Lock()
        self._figures = figures
        #: Who waits for room.
        self.disk = Disk()

    async def put(self, source: Path, problem: Unusable) -> None:
        """Quarantine a file; FileNotFoundError or PermissionError when it cannot be moved."""
        async with self._turn:
            placed = await self.disk.insist(QUARANTINE, partial(self._place, source, problem))
        if isinstance(placed, OSError):
            raise placed
        self._figures.quarantined += 1
        where = str(placed.relative_to(self._root))
        self._emit(FileQuarantined(shown_name(source.name), problem.reason, where))

    async def _place(self, source: Path, problem: Unusable) -> Path | OSError:
        """Where the file is now; what waiting does not mend is a value."""
        try:
            return await self._run_sync(quarantine, self._root, source, problem, self._wall())
        except (FileNotFoundError, PermissionError) as error:
            return error


class Reading(msgspec.Struct):
    """A claimed file that is being read; `begun` once a line of it has been admitted."""

    unread: Unread
    source: Source
    begun: bool


class Intake:
    """Takes claimed files into the journal. Who begins a file finishes or abandons it."""

    def __init__(
        self, admission: Admission, emit: Emit, bad: Bin, max_line: int, figures: SpoolFigures
    ) -> None:
        self._admission = admission
        self._emit = emit
        self._bad = bad
        self._max_line = max_line
        self._figures = figures

    async def begin(self, claimed: Claimed) -> Reading | None:
        """Enter a file in the journal and open it; None when there is nothing to read."""
        unread = await self._admission.open_file(claimed)
        form = format_of(claimed.name)
        if form is None:
            cure = f"name it {known_formats()}"
            await self._give_up(unread, Unusable("has no known extension", cure))
            return None
        try:
            start = (unread.offset, unread.line)
            source = open_source(claimed.path, form, self._max_line, start, unread.terms)
        except FileNotFoundError:
            return None
        except OSError as error:
            await self._cannot_read(unread, error, begun=unread.offset > 0)
            return None
        return Reading(unread, source, begun=unread.offset > 0)

    async def step(self, reading: Reading) -> bool:
        """Admit a file's next chunk; True when the file is done with."""
        began = trio.current_time()
        try:
            outcome = reading.source.next_chunk()
        except OSError as error:
            reading.source.close()
            await self._cannot_read(reading.unread, error, begun=reading.begun)
            return True
        if isinstance(outcome, Unusable):
            reading.source.close()
            await self._give_up(reading.unread, outcome)
            return True
        await self._admit(reading, outcome)
        if trio.current_time() - began > LONG:  # a commit may be waited for only after several
            await trio.lowlevel.checkpoint()
        if not outcome.last:
            return False
        reading.source.close()
        await self._admission.close_file(reading.unread.file_id)
        self._figures.admitted += 1
        return True

    async def read_whole(self, claimed: Claimed) -> None:
        """Admit a short file from its checkpoint to its end."""
        reading = await self.begin(claimed)
        if reading is None:
            return
        try:
            while not await self.step(reading):
                pass
        finally:
            reading.source.close()

    async def read_brief(self, files: Sequence[Taken]) -> None:
        """Admit files whose content is there, all at once; each that is no message for itself."""
        brief, others = list[Brief](), list[Claimed]()
        for taken in files:
            assert taken.content is not None
            line = parse_brief(taken.content) if taken.octets <= self._max_line else None
            if line is None:
                others.append(taken.claimed)
            else:
                brief.append(Brief(taken.claimed, line, taken.octets))
        if brief:
            await self._admission.admit_brief(brief)
            self._figures.admitted += len(brief)
            self._count([each.line for each in brief])
        for claimed in others:
            await self.read_whole(claimed)

    async def _admit(self, reading: Reading, chunk: Chunk) -> None:
        file_id = reading.unread.file_id
        if chunk.terms is not None:
            await self._admission.note_terms(file_id, chunk.terms)
        if not chunk.lines:
            await trio.lowlevel.checkpoint()
            return
        reading.begun = True
        await self._admission.admit(file_id, chunk.lines, chunk.offset, chunk.line)
        self._count(chunk.lines)

    def _count(self, lines: Sequence[Line]) -> None:
        self._figures.lines += len(lines)
        self._figures.rejected_lines += [line.request for line in lines].count(None)

    async def _cannot_read(self, unread: Unread, error: OSError, *, begun: bool) -> None:
        reason = error.strerror or str(error)
        if not begun:
            cure = "check the file and the disk, then hand it in again"
            await self._give_up(unread, Unusable(f"cannot be read: {reason}", cure))
            return
        where = f"work/{unread.claimed.token}/{unread.claimed.name}"
        cure = "check the disk; it is tried again when the daemon starts"
        self._emit(FileWaiting(where, f"cannot be read on: {reason}: {cure}"))

    async def _give_up(self, unread: Unread, problem: Unusable) -> None:
        """First out of the journal, then into `bad/`: a crash between them repeats both."""
        await self._admission.withdraw_file(unread.file_id)
        with contextlib.suppress(FileNotFoundError):
            await self._bad.put(unread.claimed.path, problem)
