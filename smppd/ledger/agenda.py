"""Messages that wait for their `send_at`: eight octets each, whatever they are. Pure.

A million of them is a few megabytes: they lie in arrays of ten minutes each, as seconds within
these and the count within their queue, and only the earliest are ever sorted.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from math import ceil

from smppd.ledger.facts import QUEUE_SHIFT

#: Seconds that share an array.
_WIDTH = 600
_COUNT = (1 << QUEUE_SHIFT) - 1


class Slot:
    """What is due together, or nearly: items up to `gone` have been taken."""

    __slots__ = ("gone", "items", "ordered")

    def __init__(self, items: array[int] | None = None, *, ordered: bool = False) -> None:
        self.items = array("q") if items is None else items
        self.gone = 0
        self.ordered = ordered or not self.items

    def __len__(self) -> int:
        return len(self.items) - self.gone

    def add(self, item: int) -> None:
        self.ordered = not self.items or (self.ordered and item > self.items[-1])
        self.items.append(item)

    def order(self) -> None:
        if not self.ordered:
            self.items = array("q", sorted(self.items[self.gone :]))
            self.gone, self.ordered = 0, True

    def find(self, item: int) -> int | None:
        self.order()
        at = bisect_left(self.items, item, self.gone)
        return at if at < len(self.items) and self.items[at] == item else None

    def remove(self, item: int) -> bool:
        """Whether it was here; it is no more."""
        index = self.find(item)
        if index is None:
            return False
        gone, items = self.gone, self.items
        if (
            index - gone < len(items) - index
        ):  # what is before it moves, or what is behind it: the less
            items[gone + 1 : index + 1] = items[gone:index]
            self.gone += 1
        else:
            del items[index]
        return True

    def save(self) -> bytes:
        return self.items[self.gone :].tobytes()


class Agenda:
    """The messages of each queue that wait, by the second (epoch) from which they may go."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[int, Slot]] = {}
        self._first: dict[int, float] = {}

    def __len__(self) -> int:
        return sum(len(slot) for slots in self._slots.values() for slot in slots.values())

    def add(self, at: float, msg_id: int) -> None:
        """It may go from this moment on, to the second."""
        queue, number, item = _place(at, msg_id)
        slots = self._slots.setdefault(queue, {})
        if number not in slots:
            slots[number] = Slot()
        slots[number].add(item)
        # Not looked up: that would sort what is there after every few that are added.
        if queue in self._first:
            self._first[queue] = min(self._first[queue], float(ceil(at)))

    def holds(self, at: float, msg_id: int) -> bool:
        """Whether this message, with this moment, waits here."""
        queue, number, item = _place(at, msg_id)
        slot = self._slots.get(queue, {}).get(number)
        return slot is not None and slot.find(item) is not None

    def remove(self, at: float, msg_id: int) -> bool:
        """It waits here no more; whether it did."""
        queue, number, item = _place(at, msg_id)
        slot = self._slots.get(queue, {}).get(number)
        if slot is None or not slot.remove(item):
            return False
        if not slot:
            del self._slots[queue][number]
        self._first.pop(queue, None)
        return True

    def due(self, queue: int, now: float, limit: int) -> list[int]:
        """The msg_ids of a queue whose time has come, the earliest first, at most so many."""
        found: list[int] = []
        first = self.next_due(queue)
        if first is None or first > now:
            return found
        slots = self._slots[queue]
        for number in sorted(number for number in slots if number * _WIDTH <= now):
            slot = slots[number]
            slot.order()
            until = (int(now) - number * _WIDTH + 1) << QUEUE_SHIFT
            end = min(bisect_left(slot.items, until, slot.gone), slot.gone + limit - len(found))
            found += [(queue << QUEUE_SHIFT) + (i & _COUNT) for i in slot.items[slot.gone : end]]
            if len(found) >= limit:
                break
        return found

    def next_due(self, queue: int) -> float | None:
        """The moment of the earliest message of this queue."""
        if queue not in self._first:
            slots = self._slots.get(queue)
            if not slots:
                return None
            number = min(slots)
            slot = slots[number]
            slot.order()
            self._first[queue] = number * _WIDTH + (slot.items[slot.gone] >> QUEUE_SHIFT)
        return self._first[queue]

    def save(self) -> dict[int, dict[int, bytes]]:
        """All of them by queue, for a snapshot."""
        return {
            queue: {number: slot.save() for number, slot in slots.items()}
            for queue, slots in self._slots.items()
            if slots
        }

    def restore(self, saved: dict[int, dict[int, bytes]]) -> None:
        """As it was when it was saved."""
        self._slots = {
            queue: {number: Slot(array("q", items)) for number, items in slots.items()}
            for queue, slots in saved.items()
        }


def _place(at: float, msg_id: int) -> tuple[int, int, int]:
    """A message's queue, the number of its array, and what stands in it."""
    number, second = divmod(ceil(at), _WIDTH)
    return msg_id >> QUEUE_SHIFT, number, (second << QUEUE_SHIFT) | (msg_id & _COUNT)
