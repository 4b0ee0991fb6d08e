"""The outlets, running; they come and go, and those that stay notice nothing of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import trio

from smppd.events import Emit, OutletLeft
from smppd.figures import OutletFigures
from smppd.outlets.outlet import Outlet

#: What an operator should know of events that nobody was told.
HINT = (
    "they are told when it is configured again under its name, as far as the journal has them then"
)


class Outlets:
    """All of them. `closed` closes what one has, when it has left."""

    def __init__(self, emit: Emit, closed: Callable[[str], Awaitable[None]]) -> None:
        self._emit = emit
        self._closed = closed
        self._outlets: dict[str, Outlet] = {}
        self._leaving: dict[str, Outlet] = {}
        self._scopes: dict[str, trio.CancelScope] = {}
        self._ends = trio.lowlevel.ParkingLot()
        self._nursery: trio.Nursery | None = None

    @property
    def names(self) -> list[str]:
        """The names of their cursors: facts that these have not passed must stay."""
        return [*self._outlets, *self._leaving]

    @property
    def by_name(self) -> Mapping[str, Outlet]:
        """Those that stay."""
        return self._outlets

    async def gone(self, names: Collection[str]) -> None:
        """Return when none of these is about to leave any more: its cursor is on disk."""
        while any(name in self._leaving for name in names):
            await self._ends.park()

    def change(self, outlets: Sequence[Outlet], head: int, seconds: float) -> None:
        """Have these from now on. One that goes tells first what happened up to this fact, as far as it
        can within so many seconds."""
        before, self._outlets = self._outlets, {each.name: each for each in outlets}
        for name, outlet in self._outlets.items():
            if name not in before and self._nursery is not None:
                self._start(outlet, self._nursery)
        for name, outlet in before.items():
            if name not in self._outlets:
                self._leaving[name] = outlet
                outlet.leave(head)
                self._scopes[name].deadline = trio.current_time() + seconds

    def wake(self) -> None:
        """There are new facts on disk."""
        for each in (*self._outlets.values(), *self._leaving.values()):
            each.wake()

    def figures(self, head: int) -> list[OutletFigures]:
        """How each stands."""
        return [each.stand(head) for each in self._outlets.values()]

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with trio.open_nursery() as self._nursery:
            for each in self._outlets.values():
                self._start(each, self._nursery)
            await trio.sleep_forever()

    def _start(self, outlet: Outlet, nursery: trio.Nursery) -> None:
        self._scopes[outlet.name] = trio.CancelScope()
        nursery.start_soon(self._run, outlet)

    async def _run(self, outlet: Outlet) -> None:
        """One of them, until it has left."""
        with self._scopes[outlet.name]:
            await outlet.run()
        await outlet.save()
        if outlet.untold:
            self._emit(OutletLeft(outlet.name, int(outlet.untold), HINT))
        await self._closed(outlet.name)
        del self._leaving[outlet.name], self._scopes[outlet.name]
        self._ends.unpark_all()

    async def drain(self, head: int, seconds: float) -> None:
        """Wait so many seconds at most until what happened up to this fact is delivered, as far as
        it can be."""
        with trio.move_on_after(seconds):
            for each in self._outlets.values():
                each.wake()
                await each.drained(head)
        for each in (*self._outlets.values(), *self._leaving.values()):
            await each.save()
