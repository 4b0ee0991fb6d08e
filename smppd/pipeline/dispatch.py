"""Dispatch: queued messages go to their link, `sending` on disk before they are handed over.

One dispatcher for each link, so that a link in trouble stops only its own traffic. It reads
ahead a little, takes what came back before what is new, and a higher lane before a lower one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import groupby, islice

import trio

from smppd.ledger.facts import MessageRow
from smppd.message import Part, State
from smppd.pipeline.desk import Desk
from smppd.ports import Route

#: Messages read from a queue at once.
READ_AHEAD = 1000
#: Messages that had come back and go again in one lot, at most.
AGAIN = 200


class _Lane:
    """One queue of the link, with the messages read ahead from it."""

    def __init__(self, desk: Desk, number: int) -> None:
        self.number = number
        self._desk = desk
        self._read = desk.accounts.queue(number).head
        self._ahead: deque[MessageRow] = deque()

    async def fill(self) -> bool:
        """Whether there is a message at the head, read from disk if need be."""
        while not self._ahead and self._read < self._desk.accounts.queue(self.number).tail:
            rows = await self._desk.journal.read_queue(self._read, READ_AHEAD)
            if not rows:
                break
            self._read = rows[-1].msg_id
            self._ahead.extend(row for row in rows if row.state == State.QUEUED)
        return bool(self._ahead)

    def take(self, room: int) -> list[MessageRow]:
        """Messages from the head whose parts fill `room`; a long one may overfill it."""
        rows = []
        cancelled = self._desk.accounts.queue(self.number).cancelled
        while self._ahead and room > 0:
            row = self._ahead.popleft()
            if cancelled and row.msg_id in cancelled:
                continue
            rows.append(row)
            room -= len(row.message.segments)
        return rows


class Dispatcher:
    """Keeps one route supplied from its queues, given in the order in which lanes go."""

    def __init__(self, desk: Desk, route: Route, queues: Sequence[int]) -> None:
        self._desk = desk
        self._route = route
        self._lanes = [_Lane(desk, number) for number in queues]
        self._work = trio.Event()
        self._held_until = 0.0
        for number in queues:
            desk.on_work(number, self.wake)

    def wake(self) -> None:
        """Something was put into one of the queues."""
        self._work.set()

    def hold(self, seconds: float) -> None:
        """Submit nothing for a while: the SMSC asked for it."""
        self._held_until = max(self._held_until, trio.current_time() + seconds)

    async def run(self) -> None:
        """Hand over parts whenever the route has room, until cancelled."""
        while True:
            await self._route.wait_room()
            if (held := self._held_until - trio.current_time()) > 0:
                await trio.sleep(held)
                continue
            self._work = trio.Event()
            # What is on disk as sending must reach the link, or it would be in doubt for nothing.
            with trio.CancelScope(shield=True):
                parts = await self._next_lot(self._route.room)
                if parts:
                    self._route.submit(parts)
            if not parts:
                await self._wait_work()

    async def _wait_work(self) -> None:
        """Return when something was put in, or is due to go again."""
        due = [self._desk.accounts.retries.next_due(lane.number) for lane in self._lanes]
        wait = min((moment for moment in due if moment is not None), default=float("inf"))
        with trio.move_on_after(max(0.0, wait - self._desk.wall())):
            await self._work.wait()

    async def _next_lot(self, room: int) -> list[Part]:
        """The next parts to leave, on disk as `sending`."""
        before = self._desk.accounts.seq
        parts = await self._again(room)
        for lane in self._lanes:
            while len(parts) < room and await lane.fill():
                parts += self._new(lane.take(room - len(parts)))
        # Another commit may have taken our facts along while a lane was read: it is waited for.
        if self._desk.accounts.seq != before:
            await self._desk.commit()
        return parts

    def _new(self, rows: list[MessageRow]) -> list[Part]:
        """Take rows from the head of their queue; those past their time go nowhere."""
        now, ledger, parts = self._desk.wall(), self._desk.ledger, list[Part]()

        def too_late(row: MessageRow) -> bool:
            return row.message.expires is not None and row.message.expires <= now

        for late, run in groupby(rows, too_late):
            lot = list(run)
            if late:
                ledger.expired_in_queue(now, lot)
                continue
            ledger.sending(now, self._route.name, lot, lot[-1].msg_id)
            parts += [
                Part(row.msg_id, index, row.message)
                for row in lot
                for index in range(len(row.message.segments))
            ]
        return parts

    async def _again(self, room: int) -> list[Part]:
        """Parts of messages that had come back and are due."""
        now, accounts = self._desk.wall(), self._desk.accounts
        due: list[int] = []
        for lane in self._lanes:
            left = min(room, AGAIN) - len(due)
            due += [entry.msg_id for entry in islice(accounts.due_retries(lane.number, now), left)]
        if not due:
            return []
        rows = {row.msg_id: row for row in await self._desk.journal.read_messages(due)}
        parts = []
        for msg_id in due:
            still = accounts.entries.get(msg_id)
            if still is None or still.state != State.QUEUED:
                continue  # settled while its message was read
            message = rows[msg_id].message
            if message.expires is not None and message.expires <= now:
                self._desk.ledger.expired(now, msg_id)
                continue
            indexes = self._desk.ledger.sending_again(now, self._route.name, msg_id)
            parts += [Part(msg_id, index, message) for index in indexes]
        return parts
