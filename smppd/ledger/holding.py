"""Messages that are held: until a moment that is not their own, or as long as their campaign is.

Eight octets each, as in the agenda. There are few such moments (the end of quiet hours, the next
day), so that a message is found by looking at each of them; a campaign that is let go is due at
once, whatever it holds, and none of its messages is touched. Pure.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from math import ceil

import msgspec

from smppd.ledger.agenda import Slot
from smppd.ledger.facts import QUEUE_SHIFT

_COUNT = (1 << QUEUE_SHIFT) - 1
#: When what was held for its campaign is due once that is let go.
_RELEASED = 0.0

#: What becomes due together: the moment (epoch seconds), and the campaign that was let go (0: none).
_Moment = tuple[float, int]


class SavedHolding(msgspec.Struct, array_like=True):
    """All that is held, for a snapshot: (queue, due, file_id, messages), and of the campaigns that
    are held (file_id, queue, messages)."""

    until: list[tuple[int, float, int, bytes]] = msgspec.field(default_factory=list)
    held: list[tuple[int, int, bytes]] = msgspec.field(default_factory=list)


class Holding:
    """What is held, by queue and moment, and by campaign (file_id) and queue."""

    def __init__(self) -> None:
        self._until: dict[int, dict[_Moment, Slot]] = {}
        self._held: dict[int, dict[int, Slot]] = {}
        #: Outstanding messages that came back and wait for their campaign: in memory anyway.
        self.back: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return sum(len(slot) for slot in self._slots())

    def _slots(self) -> Iterator[Slot]:
        for moments in self._until.values():
            yield from moments.values()
        for queues in self._held.values():
            yield from queues.values()

    def hold_until(self, due: float, msg_id: int) -> None:
        """It may go from this moment on."""
        moments = self._until.setdefault(msg_id >> QUEUE_SHIFT, {})
        moments.setdefault((float(ceil(due)), 0), Slot()).add(msg_id & _COUNT)

    def hold_for(self, file_id: int, msg_id: int) -> None:
        """It may go when its campaign is let go."""
        queues = self._held.setdefault(file_id, {})
        queues.setdefault(msg_id >> QUEUE_SHIFT, Slot()).add(msg_id & _COUNT)

    def release(self, file_id: int) -> list[int]:
        """A campaign is let go: the queues in which something is due now."""
        queues = self._held.pop(file_id, {})
        for queue, slot in queues.items():
            moments = self._until.setdefault(queue, {})
            moments[_RELEASED, file_id] = _joined(moments.get((_RELEASED, file_id)), slot)
        return list(queues)

    def retain(self, file_id: int) -> None:
        """A campaign is held: what was let go and has not left waits again."""
        for queue, moments in self._until.items():
            slot = moments.pop((_RELEASED, file_id), None)
            if slot is not None:
                queues = self._held.setdefault(file_id, {})
                queues[queue] = _joined(queues.get(queue), slot)

    def remove(self, file_id: int, msg_id: int) -> bool:
        """A message of this campaign is held no more; whether it was."""
        queue, count = msg_id >> QUEUE_SHIFT, msg_id & _COUNT
        queues = self._held.get(file_id)
        if queues is not None and (slot := queues.get(queue)) is not None and slot.remove(count):
            if not slot:
                del queues[queue]
            return True
        moments = self._until.get(queue)
        for moment, slot in moments.items() if moments else ():
            if moment[1] in {0, file_id} and slot.remove(count):
                assert moments is not None
                if not slot:
                    del moments[moment]
                return True
        return False

    def holds(self, file_id: int, msg_id: int) -> bool:
        """Whether a message of this campaign is held."""
        queue, count = msg_id >> QUEUE_SHIFT, msg_id & _COUNT
        slot = self._held.get(file_id, {}).get(queue)
        if slot is not None and slot.find(count) is not None:
            return True
        return any(
            moment[1] in {0, file_id} and each.find(count) is not None
            for moment, each in self._until.get(queue, {}).items()
        )

    def due(self, queue: int, now: float, limit: int) -> list[int]:
        """The msg_ids of a queue whose time has come, the earliest first, at most so many."""
        found: list[int] = []
        moments = self._until.get(queue)
        if not moments:
            return found
        for moment in sorted(moment for moment in moments if moment[0] <= now):
            slot, left = moments[moment], limit - len(found)
            if left <= 0:
                break
            slot.order()
            counts = slot.items[slot.gone : slot.gone + left]
            found += [(queue << QUEUE_SHIFT) + count for count in counts]
        return found

    def next_due(self, queue: int) -> float | None:
        """The moment of the earliest message of this queue that has one."""
        moments = self._until.get(queue)
        return min(moments)[0] if moments else None

    def holds_campaigns(self, queue: int) -> bool:
        """Whether a message of this queue waits for its campaign."""
        return any(queue in queues for queues in self._held.values())

    def save(self) -> SavedHolding:
        """All of it, for a snapshot."""
        return SavedHolding(
            [
                (queue, due, file_id, slot.save())
                for queue, moments in self._until.items()
                for (due, file_id), slot in moments.items()
            ],
            [
                (file_id, queue, slot.save())
                for file_id, queues in self._held.items()
                for queue, slot in queues.items()
            ],
        )

    def restore(self, saved: SavedHolding) -> None:
        """As it was when it was saved."""
        for queue, due, file_id, octets in saved.until:
            self._until.setdefault(queue, {})[due, file_id] = Slot(array("q", octets))
        for file_id, queue, octets in saved.held:
            self._held.setdefault(file_id, {})[queue] = Slot(array("q", octets))


def _joined(one: Slot | None, other: Slot) -> Slot:
    if one is None:
        return other
    items = one.items[one.gone :] + other.items[other.gone :]
    return Slot(array("q", sorted(items)), ordered=True)
