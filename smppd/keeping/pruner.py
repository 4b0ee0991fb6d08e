"""What goes round the journal: bases are written down now and then, and what was over in one that is
old enough is removed, in lots of milliseconds between the commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import NamedTuple, Protocol

import trio

from smppd.events import Emit, JournalPruned, RetentionFailing
from smppd.keeping.station import round_every
from smppd.ports import Pruned

#: A lot may take so many seconds of the journal's thread, and the pause behind it is so many times as
#: long as the lot took, but no shorter than this.
LOT, PAUSE, SHORTEST_PAUSE = 0.005, 24.0, 0.02
#: So many bases are written down in the time for which the journal is kept.
BASES = 8
#: Facts that a reader of the log has not passed are kept so much longer, and then no more.
READERS_KEPT = 7 * 86_400.0


class Believed(Protocol):
    """The time; see `station.Clock`."""

    def now(self) -> float | None:
        """Epoch seconds, unless they cannot be believed."""


class Bases(Protocol):
    """What writes the accounts down: the pipeline's desk."""

    async def checkpoint(self, *, final: bool = False, base: bool = False) -> None:
        """With a base."""


class Prunable(Protocol):
    """The journal, as it is pruned; see `journal.journal`."""

    async def resume_pruning(self) -> Pruned:
        """Whether a base is in force."""

    async def promote(self, before: float, readers: Sequence[str], anyway: float) -> Pruned:
        """Whether one is from now on."""

    async def prune(self, seconds: float, files_before: float) -> Pruned:
        """Remove for so long."""


class FailingJournal:
    """Tells of a journal that cannot be written, once until it can."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._failing = False

    def note(self, failed: str) -> bool:
        """Why it failed, empty where it did not; whether it did."""
        if failed and not self._failing:
            hint = "see that its disk has room; it is tried again"
            self._emit(RetentionFailing("journal", failed, hint))
        self._failing = bool(failed)
        return self._failing


class Ages(NamedTuple):
    """For how long (seconds) what is over is kept, None for ever; for how long a campaign may be handed
    in again."""

    journal: float | None
    dedupe_window: float


class Pruner:
    """Of facts that these `readers` of the log have not passed none is removed, for as long as
    `READERS_KEPT` more. `messages` were removed since it was made, `left` facts are still to be looked
    at."""

    def __init__(
        self,
        journal: Prunable,
        desk: Bases,
        ages: Ages,
        readers: Callable[[], Sequence[str]],
        clock: Believed,
        emit: Emit,
    ) -> None:
        self._journal = journal
        self._desk = desk
        self._ages = ages
        self._changed = trio.Event()
        self._readers = readers
        self._clock = clock
        self._emit = emit
        self._trouble = FailingJournal(emit)
        self.messages = self.left = 0

    def change(self, ages: Ages) -> None:
        """Remove by these from now on."""
        if ages != self._ages:
            self._ages = ages
            self._changed.set()

    async def run(self, newest: tuple[int, float] | None, seq: Callable[[], int]) -> None:
        """Go round, until cancelled. `newest` is the seq of the newest base, and when it was written
        down (epoch seconds); `seq` tells how many facts there are."""
        based, written = newest or (-1, -inf)
        todo: Pruned | None = None
        while True:
            self._changed = trio.Event()
            now, age = self._clock.now(), self._ages.journal
            if age is None:
                await self._changed.wait()
                continue
            todo = todo or await self._journal.resume_pruning()
            if now is not None:
                due = not 0 <= now - written < age / BASES
                if due and seq() != based:
                    await self._desk.checkpoint(base=True)
                    based, written = seq(), now
                todo = await self._round(todo, now - age, max(0.0, self._ages.dedupe_window - age))
            with trio.move_on_after(round_every([age / BASES])):
                await self._changed.wait()

    async def _round(self, todo: Pruned, before: float, longer: float) -> Pruned:
        """Remove what was over before this moment (epoch seconds), ids that much longer ago; whether it has
        to be gone on with."""
        promoted = await self._journal.promote(before, self._readers(), before - READERS_KEPT)
        if promoted.more or todo.more:
            return await self._prune(before - longer)
        return todo

    async def _prune(self, files_before: float) -> Pruned:
        """Remove all that is over, with pauses, unless other ages count meanwhile; whether it has to be
        gone on with."""
        messages, facts, done = 0, 0, Pruned(0, 0, more=True)
        while done.more and not self._changed.is_set():
            began = trio.current_time()
            done = await self._journal.prune(LOT, files_before)
            messages, facts = messages + done.messages, facts + done.facts
            self.messages += done.messages
            self.left = self.left if done.failed else done.left
            await trio.sleep(max(SHORTEST_PAUSE, (trio.current_time() - began) * PAUSE))
            if self._clock.now() is None:
                break
        if messages or facts:
            self._emit(JournalPruned(messages, facts))
        return done._replace(more=self._trouble.note(done.failed) or done.more)
