"""The log as events, lot by lot, for every outlet: what one has just read another need not read again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import trio

from smppd.outlets.happenings import TOLD, Happening, Teller
from smppd.ports import Log

#: About so many events are made at once: a few milliseconds, in which nobody else gets the interpreter.
LOT = 300
#: So many lots are remembered.
_REMEMBERED = 8

RunSync = Callable[..., Awaitable[Any]]


class Lot(NamedTuple):
    """Events of the facts up to seq `end`."""

    happenings: list[Happening]
    end: int


class Source:
    """Reads the log in a thread, for one outlet at a time."""

    def __init__(self, log: Log, run_sync: RunSync = trio.to_thread.run_sync) -> None:
        self._log = log
        self._run_sync = run_sync
        self._turn = trio.Lock()
        self._lots: OrderedDict[tuple[int, bool], Lot] = OrderedDict()

    async def read(self, after: int, *, content: bool) -> Lot:
        """The next events behind this seq. There are no more facts when its `end` is the same."""
        async with self._turn:
            lot = self._lots.get((after, content))
            if lot is None:
                lot = await self._run_sync(self._read, after, content)
                self._remember((after, content), lot)
        return lot

    def _remember(self, key: tuple[int, bool], lot: Lot) -> None:
        if lot.end == key[0]:
            return  # there will be more
        self._lots[key] = lot
        if len(self._lots) > _REMEMBERED:
            self._lots.popitem(last=False)

    def _read(self, after: int, content: bool) -> Lot:
        found = self._log.read(after, TOLD, LOT)
        teller, happenings = Teller(found.files, content=content), list[Happening]()
        for fact in found.facts:
            lines = found.lines.get(fact.seq)
            if lines is not None:
                happenings += teller.admitted(fact, lines)
            else:
                happenings += teller.happened(fact, found.rows.get(fact.msg or 0))
        return Lot(happenings, max(found.end, after))
