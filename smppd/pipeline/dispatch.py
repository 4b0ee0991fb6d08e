"""Dispatch: queued messages go to a link, `sending` on disk before they are handed over.

One dispatcher for each link, so that a link in trouble stops only its own traffic. It takes from
every pool that its link serves (see `pools`), what came back before what is new, and of each lot
gives every lane its share, a higher lane first (see `turns`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import inf

import trio

from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import OWN_TIME, Damaged, Wait
from smppd.message import ErrorInfo, Lane, Part, State
from smppd.pipeline.desk import Desk
from smppd.pipeline.passage import Passage, is_over
from smppd.pipeline.pools import Pool
from smppd.pipeline.turns import Shares
from smppd.ports import Route

#: Messages that had come back and go again in one lot, at most.
AGAIN = 200
#: Seconds between two looks at the clock while something waits for its time.
LOOK_UP = 30.0
#: Messages that go nowhere now (past their time, or before it) in one lot, about.
ASIDE = 2000

_LANES = tuple(Lane)
#: Of a message at the head of its queue whose time is over.
_TOO_LATE = object()


def _has_times(row: MessageRow) -> bool:
    message = row.message
    return message.expires is not None or message.send_at is not None


class Dispatcher:
    """Keeps one route supplied from its pools."""

    def __init__(self, desk: Desk, route: Route, pools: Sequence[Pool]) -> None:
        self._desk = desk
        self._gate = desk.gate
        self._passage = Passage(desk)
        self._route = route
        self._pools = list(pools)
        # For each lane by itself: two lanes that shared one order would each serve one pool only.
        self._order = [list(pools) for _ in _LANES]
        self._shared = [pool for pool in pools if pool.shared]
        self._shares = Shares()
        self._work = trio.Event()
        # Whether the lot under way has made facts, be it parts or messages that go nowhere.
        self._moved = False
        for pool in pools:
            pool.join(route.name, self.wake)

    def wake(self) -> None:
        """Something was put into one of the queues."""
        self._work.set()

    async def run(self) -> None:
        """Hand over parts whenever the route has room, until cancelled."""
        while True:
            self._note_stuck()
            await self._route.wait_room()
            self._note_free()
            self._work = trio.Event()
            # What is on disk as sending must reach the link, or it would be in doubt for nothing.
            with trio.CancelScope(shield=True):
                lots = await self._next_lots(self._route.room)
                parts = [part for lot in lots for part in lot]
                if parts:
                    self._route.submit(parts, len(lots[Lane.HIGH]))
            if not self._moved:
                await self._wait_work()

    def _note_stuck(self) -> None:
        now = trio.current_time()
        for pool in self._shared:
            pool.turns.stuck(self._route.name, now)
            if pool.turns.weighted:
                pool.wake()  # while this link has no room, the others may go ahead of it

    def _note_free(self) -> None:
        for pool in self._shared:
            pool.turns.free(self._route.name)

    @property
    def has_work(self) -> bool:
        """Whether something could be submitted now, if its link took it."""
        return any(self._has_work(lane) for lane in _LANES)

    async def _wait_work(self) -> None:
        """Return when something was put in, is due to go again, or may be this link's turn.

        With others beside it the link looks up now and then even so: whether it has room still.
        What is due goes by the time for people, whose clock may jump: it is looked at again and
        again, too.
        """
        wait, now = inf, trio.current_time()
        for pool in self._pools:
            if self._allowance(pool):
                due = min(lane.next_due() for lane in pool.lanes)
                wait = min(wait, due - self._desk.wall(), LOOK_UP if due < inf else inf)
        for pool in self._shared:
            again = min(pool.turns.look_again(self._route.name, now), now + pool.turns.patience)
            wait = min(wait, again - now)
        with trio.move_on_after(max(0.0, wait)):
            await self._work.wait()

    def _allowance(self, pool: Pool) -> int:
        return pool.turns.allowance(self._route.name, trio.current_time())

    # ── a lot ────────────────────────────────────────────────────────────────────────────────

    async def _next_lots(self, room: int) -> list[list[Part]]:
        """The next parts to leave, of each lane, on disk as `sending`."""
        self._moved = False
        lots: list[list[Part]] = [[] for _ in _LANES]
        owed = self._shares.owed(room, [self._has_work(lane) for lane in _LANES])
        for lane in _LANES:
            if owed[lane]:
                lots[lane] += await self._from_lane(lane, min(owed[lane], room))
                room -= len(lots[lane])
        for lane in _LANES:
            if room > 0:
                more = await self._from_lane(lane, room)
                lots[lane] += more
                room -= len(more)
        for lane in _LANES:
            self._shares.took(lane, len(lots[lane]))
        # Another commit may have taken our facts along while a lane was read: it is waited for.
        if self._moved:
            await self._desk.commit()
        return lots

    def _has_work(self, lane: Lane) -> bool:
        link, now = self._route.name, self._desk.wall()
        for pool in self._pools:
            queue = pool.lanes[lane]
            if queue.has_reserved(link):
                return True
            if (queue.has_new or queue.next_due() <= now) and self._allowance(pool) > 0:
                return True
        return False

    async def _from_lane(self, lane: Lane, room: int) -> list[Part]:
        """Parts of one lane from all pools; the one that was served first is the last next time."""
        parts: list[Part] = []
        served: Pool | None = None
        order = self._order[lane]
        for pool in order:
            if len(parts) < room:
                parts += await self._from_pool(pool, lane, room - len(parts))
                served = served or (pool if parts else None)
        if served is not None and len(order) > 1:
            order.remove(served)
            order.append(served)
        return parts

    async def _from_pool(self, pool: Pool, lane: Lane, room: int) -> list[Part]:
        queue, aside = pool.lanes[lane], 0
        if queue.damage:
            return []
        try:
            parts = await self._again(pool, lane, room)
        except Damaged as damage:
            queue.give_up(damage)
            return []
        again = self._desk.accounts.retries.next_due(queue.number)
        if again is not None and again <= self._desk.wall():
            return parts  # what is new would overtake the rest of what came back
        # Whether it is still this link's turn is asked after each reading: others may have taken.
        while len(parts) < room and aside < ASIDE and await queue.fill():
            allowed = min(room - len(parts), self._allowance(pool))
            if allowed <= 0:
                break
            rows = queue.take(allowed)
            new = self._new(rows)
            aside += len(rows) if not new else 0
            self._took(pool, len(new))
            parts += new
        return parts

    def _took(self, pool: Pool, parts: int) -> None:
        if pool.shared and parts:
            pool.took(self._route.name, parts, trio.current_time())

    def _new(self, rows: list[MessageRow]) -> list[Part]:
        """Take rows from the head of their queue. Those past their time go nowhere, nor do barred
        ones, and those before it, or held, wait elsewhere."""
        now, ledger, parts = self._desk.wall(), self._desk.ledger, list[Part]()
        self._moved = True
        judge = None if self._gate.is_open else self._gate.new
        if judge is None and rows and not any(map(_has_times, rows)):  # nearly always
            return self._set_out(rows, now)

        def when(row: MessageRow) -> object:
            message = row.message
            if message.expires is not None and message.expires <= now:
                return _TOO_LATE
            if message.send_at is not None and message.send_at > now:
                return OWN_TIME
            return None if judge is None else judge(row, now)

        for moment, run in groupby(rows, when):
            lot = list(run)
            if moment is _TOO_LATE:
                ledger.expired_in_queue(now, lot)
            elif isinstance(moment, ErrorInfo):
                ledger.barred_in_queue(now, lot, moment)
            elif isinstance(moment, float | Wait):
                ledger.deferred(now, lot, moment)
            else:
                parts += self._set_out(lot, now)
        return parts

    def _set_out(self, rows: list[MessageRow], now: float) -> list[Part]:
        """The parts of rows that leave from the head of their queue."""
        self._desk.ledger.sending(now, self._route.name, rows, rows[-1].msg_id)
        parts = []
        for row in rows:
            message = row.message
            for index in range(len(message.segments)):
                parts.append(Part(row.msg_id, index, message))
        return parts

    # ── what came back ───────────────────────────────────────────────────────────────────────

    def _due(self, pool: Pool, lane: Lane, room: int) -> list[int]:
        """Messages that had come back and are due, about as many as fill `room`."""
        link, queue = self._route.name, pool.lanes[lane]
        due = queue.reserved(link, min(room, AGAIN))
        room = min(room - len(due), self._allowance(pool))
        now = self._desk.wall()
        waiting = queue.due(now)
        while room > 0 and len(due) < AGAIN and (entry := next(waiting, None)) is not None:
            owner = pool.owner(entry) if pool.shared else None
            over = entry.expires is not None and entry.expires <= now  # anybody can see to its end
            if owner is not None and owner != link and not over:
                pool.leave_to(owner, lane, entry)
                continue
            due.append(entry.msg_id)
            room -= entry.part_states.count(State.QUEUED)
        return due

    async def _again(self, pool: Pool, lane: Lane, room: int) -> list[Part]:
        """Parts of messages that had come back and are due, and of those whose time has come."""
        now = self._desk.wall()
        due = self._due(pool, lane, room)
        limit = min(room - len(due), AGAIN, self._allowance(pool))
        scheduled = pool.lanes[lane].scheduled(now, limit) if limit > 0 else []
        if not due and not scheduled:
            return []
        found = await self._desk.journal.read_messages(due + scheduled)
        for row in found:
            row.message  # noqa: B018 - before the first of them leaves
        await self._gate.learn(found)
        rows, parts = {row.msg_id: row for row in found}, list[Part]()
        for msg_id in due:
            parts += self._resume(rows[msg_id], now)
        for msg_id in scheduled:
            # Another link of the pool, or a cancel, may have come first.
            if len(parts) < room:
                self._moved = True
                if self._passage.call_up(rows[msg_id], now):
                    parts += self._leave(rows[msg_id], now)
        self._took(pool, len(parts))
        return parts

    def _resume(self, row: MessageRow, now: float) -> list[Part]:
        """The queued parts of an outstanding message; none if it was settled meanwhile."""
        still = self._desk.accounts.entries.get(row.msg_id)
        if still is None or still.state != State.QUEUED:
            return []
        self._moved = True
        if not is_over(row, now) and not self._passage.goes_again(row, still, now):
            return []
        return self._leave(row, now)

    def _leave(self, row: MessageRow, now: float) -> list[Part]:
        """The queued parts of an outstanding message, unless its time is over."""
        if is_over(row, now):
            self._desk.ledger.expired(now, row.msg_id)
            return []
        indexes = self._desk.ledger.sending_again(now, self._route.name, row.msg_id)
        return [Part(row.msg_id, index, row.message) for index in indexes]
