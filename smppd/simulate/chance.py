"""Chance and measure: seeded draws, and a rate that is not to be passed.

A draw is made only where chance has a say, so that a script without shares costs nothing, and
two runs with one seed and the same messages in the same order come out the same. Raises nothing.
"""

from __future__ import annotations

import random
from collections.abc import Mapping


class Chance:
    """Draws from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random  # noqa: S311 - a run is to repeat, not to be safe

    def happens(self, share: float) -> bool:
        """Whether something that happens this often happens now."""
        return share > 0 and self._random() < share

    def pick(self, shares: Mapping[str, float]) -> str | None:
        """One of these by its share; None for what is left of 1."""
        if not shares:
            return None
        drawn = self._random()
        for name, share in shares.items():
            drawn -= share
            if drawn < 0:
                return name
        return None

    def up_to(self, most: float) -> float:
        """A number from 0 to this one."""
        return self._random() * most if most else 0.0


class Throttle:
    """So many per second, and no more than a second's worth at once. A rate of 0 is no limit."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._left = max(rate, 1.0)
        self._at = now

    def allows(self, now: float) -> bool:
        """Whether one more is within the rate; if so, it is counted."""
        if not self._rate:
            return True
        self._left = min(self._left + (now - self._at) * self._rate, max(self._rate, 1.0))
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
