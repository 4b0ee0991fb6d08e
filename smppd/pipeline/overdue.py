"""Overdue: what waits past its time ends in time, also where nobody can take it.

Who takes from a queue sees to the end of what is over itself. While no link does, or not soon, this looks
for it: new in its queue, waiting for its moment, held, or come back. Only ranges of keys in which something
is over are looked through (see `Deadlines`), page by page, with a pause behind each. What has left, or may
have, is let alone: an answer or a receipt may still tell. Raises nothing of its own; what the journal raises
passes through.
"""

from __future__ import annotations

from math import inf

import trio

from smppd.ledger.deadlines import bounds, queue_of
from smppd.ledger.entries import MessageRow, Outstanding
from smppd.ledger.facts import QUEUE_SHIFT, Damaged
from smppd.message import State
from smppd.pipeline.desk import PAUSE, SHORTEST_PAUSE, Desk

#: Seconds between two looks at what may be over.
LOOK_EVERY = 1.0
#: Seconds until a range with a damaged message in it is looked through again: it may be mended by then.
LOOK_AT_DAMAGE_EVERY = 3600.0
#: Messages read at once, and of these in one go: to find one aside among a million takes a while.
PAGE = 500
STEP = 50
#: Messages that came back and are looked at in one go.
AT_ONCE = 5000
#: Stretches of a queue that ended between others that wait, at most: each is remembered (some sixty octets)
#: until the head of the queue has passed it. Beyond that, the rest of the queue ends in its turn.
MOST_PASSED = 500_000

_QUEUED = int(State.QUEUED)


class Overdue:
    """Ends what is over, of all queues there are: nobody need take from them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._accounts = desk.accounts
        self._deadlines = desk.accounts.deadlines

    async def run(self) -> None:
        """Look again and again while something may expire, until cancelled."""
        while True:
            if not self._accounts.may_expire:
                self._desk.timed = trio.Event()
                await self._desk.timed.wait()
            if not await self._look():
                await trio.sleep(LOOK_EVERY)

    async def _look(self) -> bool:
        """End what is over; of new and waiting messages those in one range of each queue, so that no queue
        waits for all of another. Whether there is more to look through."""
        now = self._desk.wall()
        if self._accounts.back_expires <= now:
            await self._look_at_what_came_back(now)
        due = [number for number in self._deadlines.due(now) if self._is_worth_it(number, now)]
        first = dict[int, int]()
        for number in due:
            first.setdefault(queue_of(number), number)
        for number in first.values():
            await self._look_through(number)
        return len(due) > len(first)

    # ── what came back ───────────────────────────────────────────────────────────────────────

    async def _look_at_what_came_back(self, now: float) -> None:
        """It is in memory, all of it, among what is under way."""
        accounts, first = self._accounts, inf
        accounts.back_expires = inf
        entries = list(accounts.entries.values())
        for begin in range(0, len(entries), AT_ONCE):
            for entry in entries[begin : begin + AT_ONCE]:
                if entry.expires is None or not _waits_whole(entry):
                    continue
                if entry.expires > now:
                    first = min(entry.expires, first)
                elif accounts.entries.get(entry.msg_id) is entry:
                    self._desk.ledger.expired(now, entry.msg_id)
            await self._desk.commit()
        accounts.back_expires = min(first, accounts.back_expires)

    # ── what is not in memory ────────────────────────────────────────────────────────────────

    def _is_worth_it(self, number: int, now: float) -> bool:
        """Whether something may be over in a range that is due. What is known of messages that have left
        meanwhile is forgotten."""
        accounts, deadlines = self._accounts, self._deadlines
        queue = accounts.queue(queue_of(number))
        if min(bounds(number)[1], queue.tail) <= queue.head:
            deadlines.new.pop(number, None)
        if deadlines.new.get(number, inf) <= now and queue.passed.weight < MOST_PASSED:
            return True
        if deadlines.aside.get(number, inf) > now:
            return False
        if accounts.holding.holds_campaigns(queue.number):
            return True
        # It expires no sooner than it may leave: what is over aside is due.
        moments = [each.next_due(queue.number) for each in (accounts.agenda, accounts.holding)]
        waiting = [moment for moment in moments if moment is not None]
        if not waiting:
            del deadlines.aside[number]
        return any(moment <= now for moment in waiting)

    async def _look_through(self, number: int) -> None:
        accounts, new, aside = self._accounts, inf, inf
        after, last = bounds(number)
        last = min(last, accounts.queue(queue_of(number)).tail)
        self._deadlines.begin(number)
        while after < last:
            began = trio.current_time()
            try:
                rows = await self._desk.journal.read_queue(after, min(PAGE, last - after))
            except Damaged as damage:  # who takes from the queue says it
                after, again = damage.last, self._desk.wall() + LOOK_AT_DAMAGE_EVERY
                new, aside = min(new, again), min(aside, again)
                continue
            after, seq = rows[-1].msg_id if rows else last, accounts.seq
            for count, row in enumerate(rows, start=1):
                if (expires := self._expiry_of(row)) is not None:
                    if self._is_new(row):
                        new = min(new, self._end_new(row, expires))
                    else:
                        aside = min(aside, self._end_aside(row, expires))
                if not count % STEP:
                    await trio.lowlevel.checkpoint()
            if accounts.seq != seq:
                await self._desk.commit()
            await trio.sleep(max(SHORTEST_PAUSE, (trio.current_time() - began) * PAUSE))
        # What had waited aside was called up before it ended.
        accounts.retries.drop_stale(queue_of(number), accounts.entries)
        self._deadlines.end(new, aside)

    def _expiry_of(self, row: MessageRow) -> float | None:
        """When a message expires that may wait; None for never, or for one that ended."""
        if row.state != _QUEUED or self._accounts.is_final(row.file_id, row.item):
            return None
        try:
            return row.message.expires
        except Damaged:
            return None

    def _is_new(self, row: MessageRow) -> bool:
        """Whether it was never taken from its queue."""
        queue = self._accounts.queue(row.msg_id >> QUEUE_SHIFT)
        return row.msg_id > queue.head and row.msg_id not in queue.passed

    def _end_new(self, row: MessageRow, expires: float) -> float:
        """End it if it is over; when it expires if it is not."""
        now = self._desk.wall()
        if expires > now:
            return expires
        self._desk.ledger.expired_out_of_turn(now, row)
        return inf

    def _end_aside(self, row: MessageRow, expires: float) -> float:
        """Likewise, if it waits for its moment, or is held. What is in memory is looked at there."""
        ledger, now = self._desk.ledger, self._desk.wall()
        if row.msg_id in self._accounts.entries:
            return inf
        if expires > now:
            return expires if ledger.waits(row) else inf
        if ledger.called_up(now, row):
            ledger.expired(now, row.msg_id)
        return inf


def _waits_whole(entry: Outstanding) -> bool:
    """Whether a message that came back waits, and nobody can have anything of it."""
    touched = entry.possible_duplicate or entry.ids
    return (
        entry.state == _QUEUED
        and not touched
        and entry.part_states.count(_QUEUED) == len(entry.part_states)
    )
