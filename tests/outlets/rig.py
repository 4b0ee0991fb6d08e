"""Outlets on a real journal, with a consumer that does as it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

from smppd.events import Event
from smppd.journal.journal import Journal
from smppd.journal.log import LogReader
from smppd.journal.store import open_reader, open_store
from smppd.ledger.ledger import Ledger
from smppd.outlets.aside import Undelivered
from smppd.outlets.happenings import Happening
from smppd.outlets.outlet import Outlet, Sink, Terms, Trouble, World
from smppd.outlets.source import Source

EPOCH = 1_800_000_000.0


async def inline(function: Any, *arguments: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return function(*arguments)


class Consumer:
    """A sink: `troubles` in turn, then it takes everything."""

    def __init__(self, batch: int = 100) -> None:
        self.batch = batch
        self.troubles: list[Trouble | None] = []
        self.always: Trouble | None = None
        self.poison: set[int] = set()
        self.taken: list[Happening] = []
        self.calls: list[tuple[float, int]] = []

    async def deliver(self, lot: Sequence[Happening]) -> Trouble | None:
        await trio.lowlevel.checkpoint()
        self.calls.append((trio.current_time(), len(lot)))
        if self.troubles and (trouble := self.troubles.pop(0)) is not None:
            return trouble
        if self.always is not None:
            return self.always
        if any(each.seq in self.poison for each in lot):
            return Trouble("HTTP 422", refused=True, divisible=True)
        self.taken += lot
        return None

    @property
    def seqs(self) -> list[int]:
        return [each.seq for each in self.taken]


class Rig:
    """A journal with letters in it, which are the simplest events there are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = open_store(folder / "j.db")
        self.journal = Journal(self.store, run_sync=inline)
        self.log = LogReader(open_reader(folder / "j.db"))
        self.source = Source(self.log, inline)
        self.ledger = Ledger()
        self.ledger.accounts, _ = self.store.load()
        self.events: list[Event] = []

    @staticmethod
    def wall() -> float:
        return EPOCH + trio.current_time()

    def outlet(self, sink: Sink, *, cursor: int | None = None, **terms: Any) -> Outlet:
        """An outlet that goes on where the journal says."""
        known = self.store.cursors.all().get("webhook:shop", 0)
        world = World(self.source, self.journal, self.events.append, self.wall, lambda: 1.0)
        aside = Undelivered(self.folder / "events", "webhook:shop", inline, self.events.append)
        wanted = Terms(**({"events": ("received",)} | terms))
        at = known if cursor is None else cursor
        found = Outlet("webhook:shop", sink, wanted, at, world, aside)
        self.journal.on_facts(found.wake)
        return found

    async def letters(self, count: int = 1) -> None:
        """So many events happen, in one commit."""
        for _ in range(count):
            self.ledger.received(self.wall(), f"{self.ledger.accounts.seq}.json", b"{}")
        await self.journal.commit(self.ledger.take_facts())

    @property
    def cursor(self) -> int:
        """How far the outlet has come, on disk."""
        return self.store.cursors.all().get("webhook:shop", 0)

    def close(self) -> None:
        self.log.close()
        self.store.close()


@contextmanager
def rigged(folder: Path) -> Iterator[Rig]:
    rig = Rig(folder)
    try:
        yield rig
    finally:
        rig.close()


async def live(rig: Rig, outlet: Outlet, nursery: trio.Nursery) -> None:
    """Have this outlet tell what is in the journal, which runs."""
    await nursery.start(rig.journal.run)
    nursery.start_soon(outlet.run)
