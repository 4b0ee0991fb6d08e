"""Pools: the queues from which one link takes, or several links of one route.

The queue of a lane is read ahead a little, once for all links of its pool. Where it comes to a message that
is damaged in the journal nothing more is taken from it, and that is said: all others go on. Raises nothing of
its own; what the journal raises otherwise passes through.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from math import inf

import trio

from smppd.events import Emit, JournalDamaged, RouteMoved
from smppd.ledger.entries import MessageRow, Outstanding
from smppd.ledger.facts import QUEUE_SHIFT, Damaged
from smppd.message import Lane, State
from smppd.pipeline.desk import Desk
from smppd.pipeline.turns import Turns

_HINT = (
    "they wait until it is mended, and everything else goes on; smppd audit says what is damaged"
)

#: Messages read from a queue at once.
READ_AHEAD = 1000
#: Messages that wait in memory at most, read ahead or come straight from admission.
AHEAD = 5000

_QUEUED = int(State.QUEUED)


class PoolLane:
    """One queue of a pool, with the messages read ahead from it.

    Between `fill` and `take` nothing may await: what is taken becomes a fact in the order of the
    queue, whichever link takes it.
    """

    def __init__(self, desk: Desk, number: int, tell: Callable[[str], None]) -> None:
        self.number = number
        self._tell = tell
        #: Why nothing more is taken: a message is damaged. Empty as long as none is known to be.
        self.damage = ""
        self._desk = desk
        self._read = desk.accounts.queue(number).head
        self._ahead: deque[MessageRow] = deque()
        self._reading = trio.Lock()
        self._learnt = -1
        self._reserved: dict[str, deque[int]] = {}

    @property
    def has_new(self) -> bool:
        """Whether there may be messages that were never taken."""
        return not self.damage and self._may_have_new()

    def give_up(self, damage: Damaged) -> None:
        """Have nothing more taken: this is what is damaged."""
        self.damage = str(damage)
        self._ahead.clear()
        self._tell(self.damage)

    def _may_have_new(self) -> bool:
        return bool(self._ahead) or self._reached < self._desk.accounts.queue(self.number).tail

    @property
    def _reached(self) -> int:
        """Up to here nothing is to be read: what may leave stands behind it."""
        return max(self._read, self._desk.accounts.queue(self.number).head)

    @property
    def waiting(self) -> int:
        """About how many messages were never taken."""
        queue = self._desk.accounts.queue(self.number)
        return queue.tail - queue.head

    def has_reserved(self, link: str) -> bool:
        """Whether a message that came back was left to this link alone."""
        return bool(self._reserved.get(link))

    def next_due(self) -> float:
        """When the next message that came back, waits for its time, or is held, is due."""
        if self.damage:
            return inf
        accounts, number = self._desk.accounts, self.number
        moments = (
            accounts.retries.next_due(number),
            accounts.agenda.next_due(number),
            accounts.holding.next_due(number),
        )
        return min((each for each in moments if each is not None), default=inf)

    async def fill(self) -> bool:
        """Whether there is a message at the head, read from disk if need be."""
        try:
            await self._fill()
        except Damaged as damage:
            self.give_up(damage)
        return bool(self._ahead)

    async def _fill(self) -> None:
        if not self._ahead and self.has_new:
            await self._read_ahead()
        gate = self._desk.gate
        if self._ahead and gate.tally is not None:
            async with self._reading:
                self._learnt = await gate.learn(list(self._ahead), self._learnt)

    async def _read_ahead(self) -> None:
        async with self._reading:
            while not self._ahead and self.has_new:
                rows = await self._desk.journal.read_queue(self._reached, READ_AHEAD)
                if not rows:
                    break
                self._read, self._learnt = rows[-1].msg_id, -1
                self._ahead.extend(row for row in rows if row.state == _QUEUED)

    def take_offers(self) -> None:
        """Let rows come that are on their way to the disk. Several links have to see first whose turn
        it is, for which reading gives them the time."""
        self._desk.on_rows(self.number, self._offered)

    def _offered(self, rows: Sequence[MessageRow]) -> None:
        """Rows that are on their way to the disk: where all before them was taken, or waits here, they
        need not be read from there, and leave a turn of the journal sooner."""
        if len(self._ahead) + len(rows) > AHEAD or self._reading.locked() or self.damage:
            return
        if self._ahead and self._desk.gate.tally is not None:
            return  # which would have to learn of all of them again
        own = [row for row in rows if row.msg_id >> QUEUE_SHIFT == self.number]
        if own and own[0].msg_id == self._reached + 1:
            self._read, self._learnt = own[-1].msg_id, -1
            self._ahead.extend(row for row in own if row.state == _QUEUED)

    def take(self, room: int) -> list[MessageRow]:
        """Messages from the head whose parts fill `room`; a long one may overfill it."""
        rows, ahead = list[MessageRow](), self._ahead
        queue = self._desk.accounts.queue(self.number)
        head, passed = queue.head, queue.passed if queue.passed else ()
        while ahead and room > 0:
            row = ahead.popleft()
            if row.msg_id <= head or row.msg_id in passed:
                continue
            try:
                room -= len(row.message.segments)
            except Damaged as damage:
                self.give_up(damage)
                break
            rows.append(row)
        return rows

    def due(self, now: float) -> Iterator[Outstanding]:
        """Take messages that came back and are due, the earliest first."""
        return self._desk.accounts.due_retries(self.number, now)

    def scheduled(self, now: float, limit: int) -> list[int]:
        """Messages whose `send_at` has come, or until when they were held, at most so many; they are
        not taken by this."""
        accounts = self._desk.accounts
        found = accounts.agenda.due(self.number, now, limit)
        return found + accounts.holding.due(self.number, now, limit - len(found))

    def reserve(self, link: str, entry: Outstanding) -> None:
        """Leave a message that came back to this link alone. When its time is over it is due for
        all of them: that link may be down by then."""
        self._reserved.setdefault(link, deque()).append(entry.msg_id)
        if entry.expires is not None:
            self._desk.accounts.retries.add(self.number, entry.expires, entry.msg_id)

    def release(self, kept: Collection[str] = ()) -> None:
        """Leave to everybody what was left to links that are none of these."""
        accounts = self._desk.accounts
        for link in [link for link in self._reserved if link not in kept]:
            for msg_id in self._reserved.pop(link):
                entry = accounts.entries.get(msg_id)
                if entry is not None and entry.state == _QUEUED:
                    accounts.wait(entry)

    def unlearn(self) -> None:
        """Who counts messages counts otherwise now: what is read ahead is looked up again."""
        self._learnt = -1

    def reserved(self, link: str, limit: int) -> list[int]:
        """Take what was left to this link."""
        left = self._reserved.get(link)
        return [left.popleft() for _ in range(min(limit, len(left)))] if left else []


class Pool:
    """The queues, in the order of `Lane`, and the links that take from them."""

    def __init__(
        self, desk: Desk, name: str, queues: Sequence[int], turns: Turns, emit: Emit
    ) -> None:
        self.name = name
        self.turns = turns
        self._desk = desk
        self._emit = emit
        self._carrier = turns.links[0]
        self.lanes = [
            PoolLane(desk, number, partial(self._tell_damage, lane))
            for lane, number in zip(Lane, queues, strict=True)
        ]
        self._wakers: dict[str, Callable[[], None]] = {}
        for number in queues:
            desk.on_work(number, self.wake)
        if not self.shared:
            for lane in self.lanes:
                lane.take_offers()

    def _tell_damage(self, lane: Lane, why: str) -> None:
        what = f"messages of lane {lane.name.lower()} of {self.name}"
        self._emit(JournalDamaged(what, why, _HINT))

    @property
    def shared(self) -> bool:
        """Whether several links take from it."""
        return len(self.turns.links) > 1

    def change(self, turns: Turns) -> None:
        """Have these links take from it from now on, none of which has joined yet. Nobody may be taking
        just now."""
        self.turns = turns
        self._wakers.clear()
        if self._carrier not in turns.links:
            self._carrier = turns.links[0]
        for lane in self.lanes:
            lane.release(turns.links)
            if self.shared:
                self._desk.keep_rows(lane.number)
            else:
                lane.take_offers()

    def leave(self) -> None:
        """Nobody takes from it any more: what waits there waits in the journal."""
        self._wakers.clear()
        for lane in self.lanes:
            lane.release()
            self._desk.leave(lane.number)

    def join(self, link: str, wake: Callable[[], None]) -> None:
        """Whom to wake when there is something for this link."""
        self._wakers[link] = wake

    def wake(self) -> None:
        """There is something to take, or somebody else's turn."""
        for wake in self._wakers.values():
            wake()

    def took(self, link: str, parts: int, now: float) -> None:
        """A link has taken so many parts."""
        self.turns.took(link, parts, sum(lane.waiting for lane in self.lanes), now)
        if self.turns.weighted:
            self.wake()
        elif link != self._carrier:
            self._carrier = link
            place = self.turns.links.index(link) + 1
            self._emit(RouteMoved(self.name.partition(":")[2], link, place))

    def owner(self, entry: Outstanding) -> str | None:
        """The link that a message must go over again: the one that has taken parts of it. None for
        any: nothing of it has left, or that link takes from this pool no more."""
        if entry.link not in self._wakers:
            return None
        return None if all(s == State.QUEUED for s in entry.part_states) else entry.link

    def leave_to(self, link: str, lane: int, entry: Outstanding) -> None:
        """A message that came back may go over this link alone."""
        self.lanes[lane].reserve(link, entry)
        self._wakers[link]()
