"""An outlet: reads events behind its cursor, has them delivered, and moves the cursor when they are.

So each event is delivered at least once and in order, whatever fails and whoever dies; nobody waits
for an outlet but the outlets' own readers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import inf
from typing import NamedTuple, Protocol

import msgspec
import trio

from smppd.events import Emit, OutletFailing, OutletRecovered
from smppd.figures import OutletFigures
from smppd.ledger.facts import Damaged
from smppd.outlets.happenings import Happening
from smppd.outlets.source import Source
from smppd.ports import Cursors

#: Seconds in which new facts gather before they are looked at.
GATHER = 0.05
#: A cursor that has passed nothing that was wanted is moved on disk after so many facts.
_PASSED = 20_000
#: ... or so many seconds: what it has passed is not kept for it any longer.
_LAGGING = 5.0


class Trouble(NamedTuple):
    """Why a lot was not delivered. `refused`: the other side does not want it as it is; `divisible`:
    for what stands in it, so that a part of it may pass."""

    reason: str
    refused: bool = False
    divisible: bool = False


class Sink(Protocol):
    """Where events go. `batch` is how many it takes at once."""

    @property
    def batch(self) -> int: ...

    async def deliver(self, lot: Sequence[Happening]) -> Trouble | None:
        """Return when these are where they are to go for good, or why they are not."""


class Aside(Protocol):
    """Where goes what is given up, and how much that was."""

    @property
    def count(self) -> int: ...

    async def put(self, lot: Sequence[Happening], reason: str) -> None:
        """Return when it is on disk, and said. It waits for as long as it is not."""


class Terms(msgspec.Struct, frozen=True):
    """Which events an outlet wants, and how it tries again. Times are seconds; the cursor is moved on
    disk no more often than every `save_every`."""

    events: Collection[str]
    content: bool = False
    retry_min: float = 1.0
    retry_max: float = 300.0
    give_up_after: float = inf
    save_every: float = 0.0


class World(NamedTuple):
    """What every outlet needs of the daemon. `wall` gives epoch seconds, `chance` a number from 0 to
    1."""

    source: Source
    cursors: Cursors
    emit: Emit
    wall: Callable[[], float]
    chance: Callable[[], float]


class Outlet:
    """One of them. `name` is that of its cursor: "stream", or its kind, a colon and its own name."""

    def __init__(
        self, name: str, sink: Sink, terms: Terms, cursor: int, world: World, aside: Aside
    ) -> None:
        self.name = name
        self._sink = sink
        self._terms = terms
        self._world = world
        self._aside = aside
        self._cursor = self._saved = cursor
        self._saved_at = 0.0
        self._news = trio.Event()
        self._since: float | None = None
        self._failing_since: float | None = None
        self._calm = trio.lowlevel.ParkingLot()
        self._done_with = -1
        self._until: float = inf
        self._changed = trio.Event()
        #: Of the events behind the cursor, those that were told before the terms changed.
        self._told: set[tuple[int, int]] = set()
        self.figures = OutletFigures(name)

    def wake(self) -> None:
        """There are new facts on disk."""
        self._news.set()

    def stand(self, head: int) -> OutletFigures:
        """Its figures; `head` is the last fact there is."""
        figures = self.figures
        figures.given_up = self._aside.count
        figures.behind = max(0, head - self._cursor)
        figures.waiting_since, figures.failing_since = self._since, self._failing_since
        return figures

    def change(self, terms: Terms) -> None:
        """Tell on these terms what is not told yet. Whatever is on its way now gets there first, and a
        wait for another attempt is over."""
        self._terms = terms
        self._changed.set()

    def leave(self, head: int) -> None:
        """End when it has told what happened up to this fact, or cannot for now."""
        self._until = head
        self._changed.set()
        self.wake()

    @property
    def untold(self) -> float:
        """How many facts it has not passed before it may `leave`; infinitely many while it stays."""
        return max(0, self._until - self._cursor)

    @property
    def _over(self) -> bool:
        return not self.untold or (self._until < inf and self._failing_since is not None)

    async def run(self) -> None:
        """Deliver until cancelled, or until it may `leave`."""
        self._saved_at = trio.current_time()
        unreadable = 0
        while not self._over:
            self._news, self._changed = trio.Event(), trio.Event()
            try:
                advanced = await self._advance()
            except Damaged as damage:  # no matter of the messages', nor of who needs no events
                self._note(Trouble(damage.of_the_journal))
                await self._wait(unreadable)
                unreadable += 1
                continue
            if unreadable:
                self._recovered()
                unreadable = 0
            if advanced:
                continue
            self._done_with = self._cursor
            await self._save()
            self._calm.unpark_all()
            with trio.move_on_after(self._until_save()):
                await self._news.wait()
            await trio.sleep(GATHER)

    async def drained(self, head: int) -> None:
        """Return when it has delivered what happened up to this fact, or cannot for now."""
        while self._done_with < head and self._failing_since is None:
            await self._calm.park()

    async def _advance(self) -> bool:
        """Deliver the next lot, if there is one."""
        wanted, end = await self._read()
        if self._changed.is_set():
            return True  # other events may be wanted
        if end == self._cursor:
            return False
        if not await self._deliver_all(wanted):
            return True
        self._told.clear()
        self._cursor, self._since = end, None
        await self._save(wanted=bool(wanted))
        return True

    async def _read(self) -> tuple[list[Happening], int]:
        """What is to be told next, and up to which fact that is all."""
        wanted, end, terms, batch = list[Happening](), self._cursor, self._terms, self._sink.batch
        while len(wanted) < batch:
            lot = await self._world.source.read(end, content=terms.content)
            if lot.end == end:
                break
            wanted += [each for each in lot.happenings if each.event in terms.events]
            end = lot.end
            if end - self._cursor > _PASSED:
                break
        if self._told:
            wanted = [each for each in wanted if each[:2] not in self._told]
        if end > self._until:  # what happened after that is not for it any more
            wanted, end = [each for each in wanted if each.seq <= self._until], int(self._until)
        return wanted, end

    async def _save(self, *, wanted: bool = False) -> None:
        """Move the cursor on disk, if that is worth while."""
        moved = self._cursor - self._saved
        at_once = wanted and not self._terms.save_every
        if moved and (at_once or moved >= _PASSED or not self._until_save()):
            await self.save()

    def _until_save(self) -> float:
        """In how many seconds the cursor is to be moved on disk."""
        if self._cursor == self._saved:
            return inf
        every = self._terms.save_every or _LAGGING
        return max(0.0, self._saved_at + every - trio.current_time())

    async def save(self) -> None:
        """Have on disk how far it has come."""
        if self._cursor != self._saved:
            self._saved, self._saved_at = self._cursor, trio.current_time()
            await self._world.cursors.move_cursor(self.name, self._cursor)

    # ── one lot ──────────────────────────────────────────────────────────────────────────────

    async def _deliver_all(self, wanted: Sequence[Happening]) -> bool:
        """Whether all are told. Whoever stops in between knows how far it has come."""
        batch = self._sink.batch
        for start in range(0, len(wanted), batch):
            rest = await self._deliver(wanted[start : start + batch])
            left = rest[:1] or wanted[start + batch : start + batch + 1]
            if left:
                self._cursor = max(self._cursor, left[0].seq - 1)
            if rest:
                open_ = {each[:2] for each in (*rest, *wanted[start + batch :])}
                self._told |= {each[:2] for each in wanted} - open_
                return False
        return True

    async def _deliver(self, lot: Sequence[Happening]) -> Sequence[Happening]:
        """What is left of these because the terms have changed, or because it leaves and cannot."""
        attempts = 0
        while lot:
            if self._changed.is_set() or self._over:
                return lot
            self._since = lot[0].at
            aside = self._aside.count
            trouble = await self._sink.deliver(lot)
            if trouble is None:
                self.figures.delivered += len(lot) - (self._aside.count - aside)
                self._recovered()
                return ()
            self._note(trouble)
            if trouble.divisible and len(lot) > 1:
                middle = len(lot) // 2
                if rest := await self._deliver(lot[:middle]):
                    return [*rest, *lot[middle:]]
                return await self._deliver(lot[middle:])
            if trouble.refused:
                lot = await self._without_old(lot, trouble.reason)
            if lot and not self._over:
                await self._wait(attempts)
                attempts += 1
        return ()

    async def _without_old(self, lot: Sequence[Happening], reason: str) -> Sequence[Happening]:
        """What is young enough to be tried again; the rest is put aside, and said."""
        before = self._world.wall() - self._terms.give_up_after
        old = [each for each in lot if each.at <= before]
        if not old:
            return lot
        await self._aside.put(old, reason)
        return [each for each in lot if each.at > before]

    async def _wait(self, attempts: int) -> None:
        terms = self._terms
        longest = min(terms.retry_max, terms.retry_min * 2.0 ** min(attempts, 30))
        with trio.move_on_after(longest * (0.5 + self._world.chance() / 2)):
            await self._changed.wait()

    def _note(self, trouble: Trouble) -> None:
        self.figures.failures += 1
        self.figures.last_error = trouble.reason
        if self._failing_since is None:
            self._failing_since = self._world.wall()
            self._world.emit(OutletFailing(self.name, trouble.reason))
        self._calm.unpark_all()

    def _recovered(self) -> None:
        if self._failing_since is not None:
            lasted = self._world.wall() - self._failing_since
            self._failing_since = None
            self._world.emit(OutletRecovered(self.name, lasted))
