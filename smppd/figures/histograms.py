"""Durations, counted in buckets of growing size."""

from __future__ import annotations

from bisect import bisect_left
from typing import ClassVar

import msgspec

#: Upper bounds of the latency buckets in seconds: 1 ms times powers of two, up to about a minute.
BUCKETS: tuple[float, ...] = tuple(0.001 * 2**power for power in range(17))


#: The same for what may take days, as a receipt may: an eighth of a second up to a day and a half.
LONG_BUCKETS: tuple[float, ...] = tuple(0.125 * 2**power for power in range(21))


class Histogram(msgspec.Struct):
    """Observations counted in the buckets of `bounds`, and one more that is open-ended."""

    bounds: ClassVar[tuple[float, ...]] = BUCKETS

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0

    def observe(self, seconds: float, count: int = 1) -> None:
        """Count a duration, so many times."""
        self.counts[bisect_left(self.bounds, seconds)] += count
        self.total += count * seconds

    def quantile(self, share: float) -> float | None:
        """The upper bound of the bucket that holds this share (0..1); None when nothing was seen."""
        seen = sum(self.counts)
        if not seen:
            return None
        needed = share * seen
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            needed -= count
            if needed <= 0:
                return bound
        return float("inf")


class LongHistogram(Histogram):
    """One of `LONG_BUCKETS`."""

    bounds: ClassVar[tuple[float, ...]] = LONG_BUCKETS

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(LONG_BUCKETS) + 1))
