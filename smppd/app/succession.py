"""Links and accounts, running, one after another under each name: who takes a place begins when that has
ended, for an SMSC may allow no second session of an account, and a provider no more calls at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import trio


class Way(Protocol):
    """A link or an account, as it runs."""

    @property
    def name(self) -> str: ...

    async def run(self, *, task_status: trio.TaskStatus[None] = ...) -> None:
        """Until it has been drained, or is cancelled."""

    async def drain(self) -> None:
        """Take nothing more, end what is under way, and have `run` return."""


class Moves(NamedTuple):
    """Who is to end, and who is to begin."""

    draining: list[Way]
    beginning: list[Way]


class Succession:
    """Runs them in a nursery."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        #: By its name, when the last one ends that is called so.
        self._ends: dict[str, trio.Event] = {}

    async def begin(self, way: Way) -> None:
        """Run the first one of its name; on return it does."""
        end = self._ends[way.name] = trio.Event()
        await self._nursery.start(self._run_at_once, way, end)

    def move(self, moves: Moves) -> None:
        """Have some drain, and others begin: each as soon as none runs any more that is called so."""
        self.drain(moves.draining)
        for way in moves.beginning:
            before, end = self._ends.get(way.name), trio.Event()
            self._ends[way.name] = end
            self._nursery.start_soon(self._run, way, before, end)

    def drain(self, ways: Iterable[Way]) -> None:
        """Have these drain and end."""
        for way in ways:
            self._nursery.start_soon(way.drain)

    async def wait_end(self, name: str) -> None:
        """Return when none runs that is called so."""
        while (end := self._ends.get(name)) is not None and not end.is_set():
            await end.wait()

    async def _run_at_once(
        self,
        way: Way,
        end: trio.Event,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        try:
            await way.run(task_status=task_status)
        finally:
            end.set()

    async def _run(self, way: Way, before: trio.Event | None, end: trio.Event) -> None:
        try:
            if before is not None:
                await before.wait()
            await way.run()
        finally:
            end.set()
