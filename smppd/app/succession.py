"""Links, running, one after another under each name: who takes a link's place begins when that has ended,
for an SMSC may allow no second session of an account."""

from __future__ import annotations

import trio

from smppd.link.link import Link


class Succession:
    """Runs links in a nursery."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        #: By its name, when the last link ends that is called so.
        self._ends: dict[str, trio.Event] = {}

    async def begin(self, link: Link) -> None:
        """Run the first link of its name; on return it does."""
        end = self._ends[link.name] = trio.Event()
        await self._nursery.start(self._run_at_once, link, end)

    def start(self, link: Link) -> None:
        """Run it, as soon as none runs any more that is called so; those have been told to drain."""
        before, end = self._ends.get(link.name), trio.Event()
        self._ends[link.name] = end
        self._nursery.start_soon(self._run, link, before, end)

    def drain(self, link: Link) -> None:
        """Have it drain and end."""
        self._nursery.start_soon(link.drain)

    async def wait_end(self, name: str) -> None:
        """Return when no link runs that is called so."""
        while (end := self._ends.get(name)) is not None and not end.is_set():
            await end.wait()

    async def _run_at_once(
        self,
        link: Link,
        end: trio.Event,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        try:
            await link.run(task_status=task_status)
        finally:
            end.set()

    async def _run(self, link: Link, before: trio.Event | None, end: trio.Event) -> None:
        try:
            if before is not None:
                await before.wait()
            await link.run()
        finally:
            end.set()
