"""The pace of a link: a token bucket that counts parts.

Pure: time comes in as an argument (seconds on a clock that never goes back); knows no sessions,
no PDUs, no tasks. Raises nothing.
"""

from __future__ import annotations

from math import inf

#: What `available` answers when there is no limit.
UNLIMITED = 1 << 30

#: A part may leave this share of a token early: the sum of many fractions is never exact, and a
#: writer that wakes for a token must find it.
_EARLY = 1e-3


class TokenBucket:
    """Lets `rate` parts per second through, and at most a tenth of a second's worth at once.

    `rate` 0 means no limit. The bucket starts full.
    """

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._burst = max(1.0, rate / 10)
        self._tokens = self._burst
        self._at = 0.0

    def available(self, now: float) -> int:
        """How many parts may leave now."""
        if not self._rate:
            return UNLIMITED
        self._refill(now)
        return max(0, int(self._tokens + _EARLY))

    def take(self, count: int) -> None:
        """Use up what `available` offered; what was taken early is owed."""
        if self._rate:
            self._tokens -= count

    def ready_at(self, now: float) -> float:
        """When the next part may leave; `now` when one may, infinity when nothing limits."""
        if not self._rate:
            return inf
        self._refill(now)
        return now + max(0.0, 1.0 - self._tokens) / self._rate

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
