"""What the pace of a link is kept and judged with: a token bucket, a meter, a latency.

Pure: time comes in as an argument (seconds on a clock that never goes back). Raises nothing.
"""

from __future__ import annotations

from math import inf

#: What `available` answers when there is no limit.
UNLIMITED = 1 << 30

#: A part may leave this share of a token early: the sum of many fractions is never exact, and a
#: writer that wakes for a token must find it.
_EARLY = 1e-3

#: So many seconds' worth may leave at once, unless said otherwise.
BURST = 0.1
#: Who waits is woken for so many seconds' worth, or for one part where that is less than one.
LOT = 0.005

#: Answers that take no longer than this (seconds) are not slow.
SLOW = 1.0
#: For how long the shortest latency is remembered, at least.
_BASELINE = 150.0


class TokenBucket:
    """Lets `rate` parts per second through, and at most `BURST` seconds' worth at once.

    `rate` 0 means no limit. The bucket starts full.
    """

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._burst = max(1.0, rate * BURST)
        self._tokens = self._burst
        self._at = 0.0

    def change(self, rate: float, now: float, burst: float = BURST) -> None:
        """Another rate from now on, and `burst` seconds' worth of it at once; what had gathered is
        kept as far as it may be."""
        if self._rate:
            self._refill(now)
        else:
            self._tokens, self._at = 0.0, now
        self._rate = rate
        self._burst = max(1.0, rate * burst)
        self._tokens = min(self._tokens, self._burst)

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
        """When the next lot may leave; `now` when it may, infinity when nothing limits."""
        if not self._rate:
            return inf
        self._refill(now)
        return now + max(0.0, max(1.0, self._rate * LOT) - self._tokens) / self._rate

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


class Meter:
    """How many per second, over the last second or two. What comes at once after a silence is
    taken for what a second brings."""

    __slots__ = ("_before", "_count", "_least", "_passed", "_since")

    def __init__(self) -> None:
        self.restart(-inf)

    def restart(self, now: float, least: float = 0.5) -> None:
        """Forget what was. What comes from now on in less than `least` seconds is taken for what
        comes in as many."""
        self._since, self._least = now, least
        self._count = self._before = 0
        #: How many seconds `_before` was counted in.
        self._passed = 0.0

    def add(self, count: int, now: float) -> None:
        """So many more have come until now."""
        passed = now - self._since
        if passed >= 2.0:
            self.restart(now, 1.0)
        self._count += count
        if 1.0 <= passed < 2.0:
            self._before, self._passed = self._count, passed
            self._since, self._count = now, 0

    def rate(self, now: float) -> float:
        """Per second, as far as that can be said."""
        return (self._before + self._count) / max(self._least, self._passed + now - self._since)


class Latency:
    """The latency of answers, smoothed, and the shortest of the last minutes. Seconds."""

    __slots__ = ("_before", "_shortest", "_since", "smoothed")

    def __init__(self) -> None:
        self.smoothed = 0.0
        self._before = inf
        self._shortest = inf
        self._since = 0.0

    def add(self, mean: float, count: int, now: float) -> None:
        """So many answers that took so long on average."""
        if self._shortest == inf and self._before == inf:
            self.smoothed, self._since = mean, now
        self.smoothed += (mean - self.smoothed) * min(1.0, count / 8)
        if now - self._since >= _BASELINE:
            self._before, self._shortest, self._since = self._shortest, inf, now
        self._shortest = min(self._shortest, mean)

    def exceeds(self, times: float) -> bool:
        """Whether answers take so many times longer than they can, and long for anybody."""
        return self.smoothed > max(SLOW, times * min(self._before, self._shortest))
