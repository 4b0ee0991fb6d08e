"""When the first message of a range of keys expires, at the earliest, of those that may still wait. Pure.

A number for each range of some thousands of msg_ids, and none where nothing expires: it says which ranges are
worth a look, and is no more than a bound. Who has looked through one says what there is.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import msgspec

from smppd.ledger.facts import QUEUE_SHIFT

#: A range of keys has so many messages of one queue: this power of two. Snapshots have numbers of ranges.
_SHIFT = 12


def queue_of(number: int) -> int:
    """The queue that this range is in."""
    return number >> (QUEUE_SHIFT - _SHIFT)


def bounds(number: int) -> tuple[int, int]:
    """Behind which msg_id this range begins, and the last that it may have. In a queue they count from 1."""
    first, queue = number << _SHIFT, queue_of(number)
    return max(first - 1, queue << QUEUE_SHIFT), first + (1 << _SHIFT) - 1


class Deadlines(msgspec.Struct, array_like=True):
    """By range, in epoch seconds: of messages that were never taken from their queue (`new`), and of those
    that wait for their moment or are held (`aside`). `looking`: a range that is being looked through, and
    about which nothing is known but what came since. A shape on disk."""

    new: dict[int, float] = msgspec.field(default_factory=dict)
    aside: dict[int, float] = msgspec.field(default_factory=dict)
    looking: int | None = None

    def __bool__(self) -> bool:
        return bool(self.new or self.aside)

    def admit(self, first: int, last: int, expires: float) -> None:
        """The first of these new messages expires then."""
        for number in range(first >> _SHIFT, (last >> _SHIFT) + 1):
            _note(self.new, number, expires)

    def put_aside(self, msg_id: int, expires: float | None) -> None:
        """A message that expires then, if ever, waits for its moment or is held."""
        if expires is not None:
            _note(self.aside, msg_id >> _SHIFT, expires)

    def learn_of(self, queues: Iterable[tuple[int, int]]) -> None:
        """Nothing is known of these queues (number, last msg_id) up to now: all of it is worth a look."""
        for queue, tail in queues:
            for number in range(queue << (QUEUE_SHIFT - _SHIFT), (tail >> _SHIFT) + 1):
                self.new[number] = self.aside[number] = 0.0

    def due(self, now: float) -> list[int]:
        """The ranges in which something may be over by now, in rising order."""
        return sorted({n for each in (self.new, self.aside) for n in each if each[n] <= now})

    def begin(self, number: int) -> None:
        """This range is looked through from now on."""
        self.looking = number
        self.new.pop(number, None)
        self.aside.pop(number, None)

    def end(self, new: float, aside: float) -> None:
        """It was looked through, and the first of those that wait still expire then (`inf`: none)."""
        number, self.looking = self.looking, None
        if number is not None:
            _note(self.new, number, new)
            _note(self.aside, number, aside)


def _note(firsts: dict[int, float], number: int, expires: float) -> None:
    if expires < firsts.get(number, inf):
        firsts[number] = expires
