"""What takes the texts out of the journal when messages are final, in lots between the commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol

import trio

from smppd.events import Emit
from smppd.keeping.pruner import READERS_KEPT, Believed, FailingJournal
from smppd.ports import Pruned, Readers

#: Seconds between two looks; of a lot in the journal's thread; how many times as long the pause is.
LOOK_EVERY, LOT, PAUSE = 1.0, 0.005, 3.0


class Strippable(Protocol):
    """The journal; see `journal.journal`."""

    async def begin_stripping(self) -> Pruned:
        """Overwrite what is removed, from now on."""

    async def strip(self, seconds: float, shelved: float, readers: Readers) -> Pruned:
        """Take texts out for so long."""

    async def truncate(self) -> Pruned:
        """Empty the write-ahead log."""


class Snapshots(Protocol):
    """What writes the accounts down: the pipeline's desk."""

    async def checkpoint(self, *, final: bool = False) -> None:
        """With a snapshot, if `final`."""


class Stripper:
    """`shelved` tells since when the oldest receipt waits for its message (epoch seconds), None for
    none; what these `readers` of the log have not passed keeps its text for them, for as long as
    `READERS_KEPT`."""

    def __init__(
        self,
        journal: Strippable,
        desk: Snapshots,
        shelved: Callable[[], float | None],
        readers: Callable[[], Sequence[str]],
        clock: Believed,
        emit: Emit,
    ) -> None:
        self._journal = journal
        self._desk = desk
        self._shelved = shelved
        self._readers = readers
        self._clock = clock
        self._trouble = FailingJournal(emit)

    async def run(self) -> None:
        """Go on, until cancelled."""
        await self._journal.begin_stripping()
        stale = True  # the write-ahead log of the last run may hold anything
        while True:
            stale = await self.round(stale=stale)
            await trio.sleep(LOOK_EVERY)

    async def round(self, *, stale: bool) -> bool:
        """Take out all there is; whether the write-ahead log still has to be emptied."""
        messages, facts, done = 0, 0, Pruned(0, 0, more=True)
        while done.more:
            oldest, now = self._shelved(), self._clock.now()
            anyway = -inf if now is None else now - READERS_KEPT
            began = trio.current_time()
            done = await self._journal.strip(
                LOT, inf if oldest is None else oldest, Readers(self._readers(), anyway)
            )
            messages, facts = messages + done.messages, facts + done.facts
            if done.more:
                await trio.sleep((trio.current_time() - began) * PAUSE)
        if facts:
            await self._desk.checkpoint(final=True)  # the last one had these receipts on its shelf
        if messages or facts or stale:
            emptied = await self._journal.truncate()
            stale = emptied.more or bool(emptied.failed)
        self._trouble.note(done.failed)
        return stale
