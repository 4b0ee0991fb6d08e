"""The station that has files' results and reports written: here, or in another process where it is much.

The files of one call are published together (`placer`), and count as published when all of them are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence, Set
from typing import Any

import trio

from smppd.disk import RESULTS, Disk
from smppd.ledger.snapshot import FileAccount
from smppd.ports import Resting, Unreadable
from smppd.results.placer import Placer

#: From so many messages at once on they are work for another process.
MANY = 16
#: Unless it would have to be told of so many that are not final.
MOST_UNFINISHED = 1000

RunSync = Callable[..., Awaitable[Any]]
Place = Callable[[Sequence[Resting], Set[int]], Awaitable[list[str | Unreadable]]]
#: Whether it could be begun.
Begin = Callable[[FileAccount, int], Awaitable[bool]]


class Reporter:
    """Has results placed; a `ports.Publisher`.

    `earlier` is the number of the last file that an earlier run may have begun to publish.
    While the disk fails nothing counts as published, and publishing the same files once more goes
    on from there.
    """

    def __init__(
        self,
        placer: Placer,
        run_sync: RunSync = trio.to_thread.run_sync,
        *,
        earlier: int = 0,
        disk: Disk | None = None,
    ) -> None:
        self._placer = placer
        self._run_sync = run_sync
        self._place_many: Place = self._place_here
        self._begin: Begin | None = None
        #: Files that were begun in the other process, where the rest has to follow.
        self._begun: set[int] = set()
        #: Files that are being published now.
        self._publishing: set[int] = set()
        self._earlier = earlier
        self._disk = disk or Disk()
        #: Files whose publication the disk broke off.
        self._broken_off: set[int] = set()

    def change(self, placer: Placer) -> None:
        """Have this place from now on; whoever handed over hands over again."""
        self._placer = placer

    def hand_over(self, place_many: Place, begin: Begin | None = None) -> None:
        """Let this place what is many messages at once, and begin with what is final before."""
        self._place_many = place_many
        self._begin = begin

    async def publish(self, files: Sequence[Resting]) -> list[str | Unreadable]:
        """See `ports.Publisher`."""
        numbers = {each.file.file_id for each in files}
        self._publishing |= numbers
        try:
            return await self._disk.insist(RESULTS, lambda: self._attempt(files))
        finally:
            self._publishing -= numbers

    async def begin(self, file: FileAccount, final: int) -> bool:
        """See `ports.Publisher`."""
        if self._begin is None or file.file_id in self._publishing:
            return False  # behind its publication it would be begun anew, and nobody would take it
        self._begun.add(file.file_id)
        try:
            return await self._begin(file, final)
        except OSError:  # `publish` will wait for the disk
            return False

    async def _attempt(self, files: Sequence[Resting]) -> list[str | Unreadable]:
        numbers = {each.file.file_id for each in files}
        again = {each for each in numbers if each <= self._earlier} | numbers & self._broken_off
        unfinished = sum(len(each.unfinished) for each in files)
        many = sum(each.file.items for each in files) >= MANY and unfinished <= MOST_UNFINISHED
        many = many or not numbers.isdisjoint(self._begun)
        try:
            places = await (self._place_many if many else self._place_here)(files, again)
        except OSError:
            self._broken_off |= numbers
            raise
        self._broken_off -= numbers
        self._begun -= numbers
        return places

    async def _place_here(
        self, files: Sequence[Resting], again: Set[int]
    ) -> list[str | Unreadable]:
        places: list[str | Unreadable] = await self._run_sync(self._placer.place, files, again)
        return places
