"""A stretch of a queue, looked through without being taken: some are picked, the others stay.

What stays is passed over and leaves nothing behind in memory. Raises nothing of its own; what the
journal raises passes through.
"""

from __future__ import annotations

from collections import deque

from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import OWN_TIME, Until
from smppd.message import State
from smppd.pipeline.desk import Desk

#: Messages read at once.
PAGE = 500
#: Stretches of a queue that were picked behind one that stays, at most: each is remembered until
#: the head of the queue has passed it.
MOST_PICKED = 100_000


class Stretch:
    """What waits in a queue from its head on. Between `read` and `pick` nothing may await."""

    def __init__(self, desk: Desk, number: int) -> None:
        self._desk = desk
        self._queue = desk.accounts.queue(number)
        self._read = self._queue.head
        self._page: deque[MessageRow] = deque()
        self._gate = desk.gate
        self._learnt = -1
        #: From this msg_id on nothing is queued that was left before where we are.
        self._clear = self._queue.head + 1
        #: How many were left where they are.
        self.stay = 0

    async def read(self) -> bool:
        """Whether there may be more, read from disk if need be."""
        if self._queue.passed.weight >= MOST_PICKED:
            return False
        if not self._page and self._read < self._queue.tail:
            rows = await self._desk.journal.read_queue(self._read, PAGE)
            if rows:
                self._read, self._learnt = rows[-1].msg_id, -1
                self._page.extend(rows)
        if self._page and self._gate.tally is not None:
            self._learnt = await self._gate.learn(list(self._page), self._learnt)
        return bool(self._page)

    def next(self) -> MessageRow | None:
        """The next message that waits here still; None at the end of what was read."""
        queue = self._queue
        while self._page:
            row = self._page.popleft()
            waits = row.state == State.QUEUED and row.msg_id > queue.head
            if waits and row.msg_id not in queue.passed:
                return row
        return None

    def leave(self, row: MessageRow) -> None:
        """It stays."""
        self._clear = row.msg_id + 1
        self.stay += 1

    def pick(self, row: MessageRow, until: Until = OWN_TIME) -> None:
        """It is taken out of its turn, maybe to be held."""
        first = max(self._clear, self._queue.head + 1)
        self._desk.ledger.picked(self._desk.wall(), [row], first, until)
        self._clear = row.msg_id + 1
