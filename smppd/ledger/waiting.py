"""What waits for its time to go again, and what is remembered for a while."""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator
from itertools import chain

from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import made
from smppd.ledger.message_ids import Folds
from smppd.ledger.snapshot import REMEMBERED, Finished


class Retries:
    """Messages that came back, by queue and by when they are due (epoch seconds).

    An entry that has moved on, or has become due later, leaves a stale mark behind; whoever
    takes marks looks at the message itself.
    """

    def __init__(self) -> None:
        self._marks: dict[int, list[tuple[float, int]]] = {}

    def add(self, queue: int, due: float, msg_id: int) -> None:
        """The message is due then."""
        heapq.heappush(self._marks.setdefault(queue, []), (due, msg_id))

    def pop_due(self, queue: int, now: float) -> int | None:
        """The message with the earliest mark that is due; None when there is none."""
        marks = self._marks.get(queue)
        return heapq.heappop(marks)[1] if marks and marks[0][0] <= now else None

    def drop_stale(self, queue: int, waiting: Container[int]) -> None:
        """Forget the marks of messages that are none of these."""
        marks = [mark for mark in self._marks.get(queue, ()) if mark[1] in waiting]
        heapq.heapify(marks)
        self._marks[queue] = marks

    def next_due(self, queue: int) -> float | None:
        """When the next mark of this queue is due."""
        marks = self._marks.get(queue)
        return marks[0][0] if marks else None


class Remembered:
    """The message_ids of messages that became final not long ago, to know a repeated receipt."""

    def __init__(self) -> None:
        self._now: dict[str, Finished] = {}
        self._before: dict[str, Finished] = {}
        self._folds = Folds(self._keys)

    def add(self, entry: Outstanding) -> None:
        """Remember a message that is final."""
        now = self._now
        for part, key in entry.ids:
            if key[-1] != "\t":
                state = entry.part_states[part]
                now[key] = made(Finished, (entry.msg_id, entry.id, entry.to, part, state))
                if self._folds.table is not None:
                    self._folds.add(key)
        if len(now) > REMEMBERED:
            self._before, self._now = now, {}
            self._folds = Folds(self._keys)

    def save(self) -> dict[str, Finished]:
        """All of them, for a snapshot."""
        return self._before | self._now

    def restore(self, saved: dict[str, Finished]) -> None:
        """As it was when it was saved."""
        self._before = saved

    def get(self, key: str) -> Finished | None:
        """The final message behind a receipt key, if it is still remembered."""
        return self._now.get(key) or self._before.get(key)

    def get_folded(self, folded: str) -> Finished | None:
        """Like `get`, of a folded key: the first of those messages that it may mean."""
        keys = (folded, *self._folds.of(folded))
        return next(filter(None, map(self.get, keys)), None)

    def _keys(self) -> Iterator[str]:
        return chain(self._now, self._before)
