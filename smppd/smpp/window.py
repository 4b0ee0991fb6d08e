"""Requests on their way: which sequence_number belongs to which, and for how long.

A request takes a slot from its sending until its answer, or until nobody waits for it any more;
its number then stays reserved, so that an answer that comes late still finds its owner. Knows
nothing of PDUs beyond the command_id that answers a request, and of time only what it is told.
Raises nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

#: Sequence numbers run from 1 to this one and start again (3.4, 3.2 and 5.1.4).
LAST_SEQUENCE_NUMBER = 0x7FFFFFFF

#: How many requests without an answer are remembered for their late answers. Only an SMSC that
#: swallows answers for days comes near; then the oldest are forgotten rather than memory filled.
MOST_OVERDUE = 100_000


class Outstanding(msgspec.Struct, frozen=True, gc=False):
    """A request that waits for its answer: whose it is, what answers it, when it was sent."""

    token: Any
    response_id: int
    sent_at: float


class Window:
    """The requests of one side of one session. A slot is freed by an answer, not by a write.

    Requests are entered in the order of time, which keeps the oldest first in the dictionary:
    finding what has timed out looks at nothing that has not.
    """

    __slots__ = ("_next", "_overdue", "_without_slot", "_wrapped", "outstanding", "size")

    def __init__(self, size: int, first_sequence_number: int = 1) -> None:
        self.size = size
        self._next = first_sequence_number
        #: Until numbers start again none can be taken.
        self._wrapped = False
        #: The requests in slots by their numbers.
        self.outstanding: dict[int, Outstanding] = {}
        self._overdue: OrderedDict[int, Outstanding] = OrderedDict()
        self._without_slot: dict[int, Outstanding] = {}

    @property
    def in_flight(self) -> int:
        """How many slots are taken."""
        return len(self.outstanding)

    @property
    def room(self) -> int:
        """How many slots are free."""
        return self.size - len(self.outstanding)

    @property
    def oldest_sent_at(self) -> float | None:
        """When the oldest request in a slot was sent; None when there is none."""
        for request in self.outstanding.values():
            return request.sent_at
        return None

    def tokens(self) -> Iterator[Any]:
        """Whose the requests in slots are, the oldest first."""
        return (request.token for request in self.outstanding.values())

    def next_number(self) -> int:
        """The number the next request is to carry: none that is outstanding or overdue."""
        if self._wrapped:
            while self.expected(self._next) is not None:
                self.skip(self._next)
        return self._next

    def enter(self, number: int, token: Any, response_id: int, now: float) -> None:
        """Take a slot for the request that carries `next_number()`."""
        self.outstanding[number] = Outstanding(token, response_id, now)
        self.skip(number)

    def enter_each(self, tokens: Sequence[Any], response_id: int, now: float) -> Sequence[int]:
        """Take a slot for each of these; the numbers that their requests carry."""
        numbers = range(self._next, self._next + len(tokens))
        if self._wrapped or numbers.stop > LAST_SEQUENCE_NUMBER:
            used: Sequence[int] = [self._use_next() for _ in tokens]
        else:
            used, self._next = numbers, numbers.stop
        requests = [Outstanding(token, response_id, now) for token in tokens]
        self.outstanding.update(zip(used, requests, strict=True))
        return used

    def _use_next(self) -> int:
        number = self.next_number()
        self.skip(number)
        return number

    def enter_without_slot(self, number: int, response_id: int, now: float) -> None:
        """Note a request of the session itself (bind, enquire_link, unbind): it needs no slot."""
        self._without_slot[number] = Outstanding(None, response_id, now)
        self.skip(number)

    def skip(self, number: int) -> None:
        """This number went out with a PDU that has no answer."""
        if number < LAST_SEQUENCE_NUMBER:
            self._next = number + 1
        else:
            self._next, self._wrapped = 1, True

    def answer(self, number: int, command_id: int) -> Outstanding | None:
        """Free the slot of the request this response answers; None when it answers none."""
        request = self.outstanding.get(number)
        if request is None or request.response_id != command_id:
            return None
        del self.outstanding[number]
        return request

    def answer_late(self, number: int, command_id: int) -> Outstanding | None:
        """The overdue request this response answers, which is thereby forgotten."""
        return _take(self._overdue, number, command_id)

    def answer_without_slot(self, number: int, command_id: int) -> Outstanding | None:
        """The session's own request this response answers, which is thereby forgotten."""
        return _take(self._without_slot, number, command_id)

    def expected(self, number: int) -> int | None:
        """The command_id that would answer this number; None when nothing waits under it."""
        for waiting in (self.outstanding, self._overdue, self._without_slot):
            if number in waiting:
                return waiting[number].response_id
        return None

    def token(self, number: int) -> Any:
        """Whose request carries this number and waits for its answer, late or not; None if nobody's."""
        request = self.outstanding.get(number) or self._overdue.get(number)
        return None if request is None else request.token

    def expire(self, timeout: float, now: float) -> list[Outstanding]:
        """Free the slots of requests sent `timeout` seconds ago; a late answer still counts."""
        expired: list[tuple[int, Outstanding]] = []
        for number, request in self.outstanding.items():
            if request.sent_at + timeout > now:
                break
            expired.append((number, request))
        for number, request in expired:
            del self.outstanding[number]
            self._overdue[number] = request
        while len(self._overdue) > MOST_OVERDUE:
            self._overdue.popitem(last=False)
        return [request for _, request in expired]

    def clear(self) -> list[Outstanding]:
        """Forget everything; what still held a slot is returned, oldest first."""
        lost = list(self.outstanding.values())
        self.outstanding.clear()
        self._overdue.clear()
        self._without_slot.clear()
        return lost


def _take(waiting: dict[int, Outstanding], number: int, command_id: int) -> Outstanding | None:
    request = waiting.get(number)
    if request is None or request.response_id != command_id:
        return None
    del waiting[number]
    return request
