"""Unheard: a message whose receipt does not come is not waited for any longer. It stays `sent`, for
good, and its file may be forgotten like any other.

What waits in memory is looked through, and so are the messages spilled to disk, lot by lot; of each
lot it is remembered when the first of it may be due, so that it is not read again before. A few are
ended at once, with a pause behind them. What is of unknown outcome is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf

import trio

from smppd.events import Emit, ReceiptsGivenUp
from smppd.ledger.entries import Outstanding, read_outstanding
from smppd.ledger.facts import waiting_key
from smppd.message import State
from smppd.pipeline.desk import PAUSE, SHORTEST_PAUSE, Desk

#: Messages that are looked at, and ended, at once.
PAGE = 200
#: A lot is looked through so often, at most, in the time for which receipts are waited for.
LOOKS = 50
#: Seconds between two rounds, at least and at most.
SHORTEST_ROUND, ROUND = 0.25, 3600.0

_SENT = int(State.SENT)


def waits_until(entry: Outstanding, wait: float) -> float:
    """When a message that was sent has waited so long (seconds) for its receipt (epoch seconds): since
    a part of it last left, or the SMSC was to hold it, and never before its own time is over."""
    since = max(entry.left, entry.submitted or 0.0, entry.schedule or 0.0)
    return max(since + wait, entry.expires or 0.0)


class Unheard:
    """Waits for a receipt for so many seconds. `now` gives epoch seconds; None while they cannot be
    believed, and nothing may be ended by them."""

    def __init__(
        self, desk: Desk, wait: float, now: Callable[[], float | None], emit: Emit
    ) -> None:
        self._desk = desk
        self._wait = wait
        self._now = now
        self._emit = emit
        #: When each lot is to be looked through again (epoch seconds).
        self._again: dict[int, float] = {}

    async def run(self) -> None:
        """Look, again and again, until cancelled."""
        every = max(SHORTEST_ROUND, min(ROUND, self._wait / LOOKS))
        while True:
            await self.look()
            await trio.sleep(every)

    async def look(self) -> int:
        """End all that has waited long enough; how many."""
        now = self._now()
        if now is None:
            return 0
        done = await self._look_in_memory(now) + await self._look_on_disk(now)
        if done:
            self._emit(ReceiptsGivenUp(done, self._wait))
        return done

    def _is_due(self, entry: Outstanding, now: float) -> bool:
        return entry.state == _SENT and waits_until(entry, self._wait) <= now

    async def _end(self, now: float, msg_ids: Sequence[int]) -> int:
        """Those of these that are outstanding, and due, have their end."""
        began, ended, entries = trio.current_time(), 0, self._desk.accounts.entries
        for msg_id in msg_ids:
            entry = entries.get(msg_id)
            if entry is not None and self._is_due(entry, now):
                self._desk.ledger.unheard(now, msg_id)
                ended += 1
        if ended:
            await self._desk.commit()
            await trio.sleep(max(SHORTEST_PAUSE, (trio.current_time() - began) * PAUSE))
        else:
            await trio.lowlevel.checkpoint()
        return ended

    async def _look_in_memory(self, now: float) -> int:
        msg_ids, ended = list(self._desk.accounts.entries), 0
        for start in range(0, len(msg_ids), PAGE):
            ended += await self._end(now, msg_ids[start : start + PAGE])
        return ended

    # ── on disk ──────────────────────────────────────────────────────────────────────────────

    async def _look_on_disk(self, now: float) -> int:
        lots, ended = await self._desk.journal.lots("waiting"), 0
        self._again = {lot: self._again[lot] for lot, _ in lots if lot in self._again}
        for lot, written in lots:
            if self._again.get(lot, -inf) > now:
                continue
            here, first = await self._look_into(lot, now)
            ended += here
            if first < inf:
                self._again[lot] = max(first, now + self._wait / LOOKS)
            elif written + self._wait > now:  # late receipts find their message by it
                self._again[lot] = written + self._wait
            else:
                await self._desk.drop_lot(lot)
        return ended

    async def _look_into(self, lot: int, now: float) -> tuple[int, float]:
        """End what is due of a lot: how many, and when the first of the others will be."""
        place, ended, first = (lot, ""), 0, inf
        while rows := await self._desk.journal.read_waiting(place, PAGE):
            its = [row for row in rows if row[0] == lot]
            waiting = self._only_on_disk(read_outstanding(entry) for *_, entry in its)
            due = [entry for entry in waiting if self._is_due(entry, now)]
            if due:
                ended += await self._end(now, await self._fetch(now, due))
            later = (waits_until(entry, self._wait) for entry in self._only_on_disk(waiting))
            first = min(first, min(later, default=inf))
            if len(its) < PAGE:
                break
            place = rows[-1][:2]
        return ended, first

    def _only_on_disk(self, entries: Iterable[Outstanding]) -> list[Outstanding]:
        """Those that are neither final nor in memory."""
        accounts = self._desk.accounts
        return [
            entry
            for entry in entries
            if entry.msg_id not in accounts.entries
            and not accounts.is_final(entry.file_id, entry.item)
        ]

    async def _fetch(self, now: float, wanted: Sequence[Outstanding]) -> list[int]:
        """Bring them back to memory, as they are now: one that was spilled again stands in a newer
        lot, too, and that one counts."""
        keys = {key for entry in wanted for key in _keys(entry)}
        blobs = await self._desk.journal.find_waiting(sorted(keys))
        newest = {entry.msg_id: entry for entry in map(read_outstanding, blobs)}
        back = [newest[entry.msg_id] for entry in wanted if entry.msg_id in newest]
        back = self._only_on_disk({entry.msg_id: entry for entry in back}.values())
        due = [entry for entry in back if self._is_due(entry, now)]
        for entry in due:
            self._desk.ledger.recall(now, entry)
        return [entry.msg_id for entry in due]


def _keys(entry: Outstanding) -> list[str]:
    """Under what a spilled message lies."""
    if entry.op:
        return [waiting_key(entry.ids[0][1].partition("\t")[0], entry.msg_id)]
    return [key for _, key in entry.ids]
