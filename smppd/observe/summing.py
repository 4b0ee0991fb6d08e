"""One line a second in place of thousands: sums of what happens too often to be told one by one. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

#: So many of a kind within a second are told one by one.
FEW = 10
#: Seconds that one sum is about.
SPAN = 1.0


class Summed(NamedTuple):
    """How a sum is told: the name of its line and how a person reads it; which fields of its events
    are numbers to be added up, and which are counts by name."""

    name: str
    says: str
    numbers: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()


class Summing:
    """The events of one kind. Once there were more than a few in a second, they are told as sums for
    as long as every second has more than a few. Times are seconds of any clock that goes on steadily."""

    def __init__(self, summed: Summed) -> None:
        self._summed = summed
        self._since = float("-inf")
        self._seen = 0
        self._busy = False
        self._start_anew()

    def _start_anew(self) -> None:
        self._held = 0
        self._numbers = dict.fromkeys(self._summed.numbers, 0)
        self._counts = {name: Counter[str]() for name in self._summed.counts}

    def takes(self, event: object) -> bool:
        """Whether it goes into the sum, and is not to be told itself. After `settle`."""
        self._seen += 1
        if not self._busy and self._seen <= FEW:
            return False
        self._held += 1
        for name in self._numbers:
            self._numbers[name] += getattr(event, name)
        for name, counts in self._counts.items():
            for key, count in getattr(event, name).items():
                counts[key] += count
        return True

    def settle(self, now: float, *, at_once: bool = False) -> Mapping[str, Any] | None:
        """What a second that is over came to beside what was told one by one, if anything; `at_once`
        what this one has come to so far."""
        passed = now - self._since
        if passed < SPAN and not (at_once and self._held):
            return None
        if passed >= SPAN:
            self._busy = self._seen > FEW and passed < 2 * SPAN
            self._since, self._seen = now, 0
        if not self._held:
            return None
        found = {"count": self._held} | self._numbers
        counts = {name: dict(each) for name, each in self._counts.items()}
        self._start_anew()
        return found | counts
