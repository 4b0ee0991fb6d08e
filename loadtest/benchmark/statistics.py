"""Quantiles, rates over time, and histograms between two moments. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from smppd.figures import BUCKETS

#: A curve has no more points than these; what lies closer together is drawn as one.
MOST_POINTS = 240

Curve = list[float | None]


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Of sorted values, the one below which this share (0..1) of them lies; None without any."""
    if not ordered:
        return None
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def between(later: Sequence[int], earlier: Sequence[int]) -> list[int]:
    """What a histogram of `smppd.figures` counted from one moment to another."""
    return [after - before for after, before in zip(later, earlier, strict=True)]


def bucket_quantile(counts: Sequence[int], share: float) -> float | None:
    """The same of a histogram's counts: within its bucket by straight line; None without any."""
    total = sum(counts)
    if not total:
        return None
    needed, lower = share * total, 0.0
    for bound, count in zip(BUCKETS, counts, strict=False):
        if count and needed <= count:
            return lower + (bound - lower) * needed / count
        needed -= count
        lower = bound
    return BUCKETS[-1]


def step_for(seconds: float, sampled: float) -> float:
    """How long the steps of curves are, for a run of so many seconds, sampled so often."""
    return max(sampled, seconds / MOST_POINTS)


def per_step(moments: Iterable[float], step: float, steps: int) -> Curve:
    """How many of these moments (seconds from the start) there are a second, in each step."""
    counts = [0] * steps
    for moment in moments:
        counts[min(max(int(moment / step), 0), steps - 1)] += 1
    return [count / step for count in counts]


def quantiles_per_step(
    found: Iterable[tuple[float, float]], step: float, steps: int, share: float
) -> Curve:
    """A quantile of (moment, value), in each step; None where there is no value."""
    values: dict[int, list[float]] = defaultdict(list)
    for moment, value in found:
        values[min(max(int(moment / step), 0), steps - 1)].append(value)
    return [
        quantile(sorted(values[each]), share) if each in values else None for each in range(steps)
    ]


def mean_per_step(found: Iterable[tuple[float, float]], step: float, steps: int) -> Curve:
    """The mean of (moment, value), in each step; None where there is no value."""
    values: dict[int, list[float]] = defaultdict(list)
    for moment, value in found:
        values[min(max(int(moment / step), 0), steps - 1)].append(value)
    return [
        sum(values[each]) / len(values[each]) if each in values else None for each in range(steps)
    ]
