"""Rates and latencies of late, felt by looking at the counts of the figures now and then.

Pure: time is what the figures say. Raises nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from operator import add, sub
from typing import NamedTuple

from smppd.figures import AccountFigures, DaemonFigures, Histogram, LinkFigures

#: Seconds that rates and latencies are of.
SPAN = 5.0
#: Looks kept at most, however often somebody looks.
_MOST = 12


class Counts(NamedTuple):
    """What a link or an account had counted at one look: latencies in the buckets of `Histogram`."""

    submitted: int = 0
    answered: int = 0
    taken: int = 0
    throttled: int = 0
    receipts: int = 0
    buckets: Sequence[int] = ()


class Flow(NamedTuple):
    """What happened of late: per second, but for the seconds within which half of the answers came
    and 99 % of them (None: none came), and `seconds`, of how many it tells."""

    submitted: float = 0.0
    answered: float = 0.0
    taken: float = 0.0
    throttled: float = 0.0
    receipts: float = 0.0
    half: float | None = None
    tail: float | None = None
    seconds: float = 0.0


class _Look(NamedTuple):
    at: float
    counts: dict[str, Counts]


_NOTHING = Counts()


class Pulse:
    """Looks at one daemon after another of the same configuration: one that was started anew, or a
    clock that was set back, begins anew."""

    def __init__(self) -> None:
        self._looks: deque[_Look] = deque(maxlen=_MOST)
        self._run = 0.0
        self._flows: dict[tuple[str, ...], Flow] = {}

    def feel(self, figures: DaemonFigures) -> None:
        """How it stands now."""
        looks, now = self._looks, figures.now
        self._flows.clear()
        if figures.started != self._run or (looks and now <= looks[-1].at):
            self._run = figures.started
            looks.clear()
        while len(looks) > 1 and now - looks[1].at >= SPAN:
            looks.popleft()
        counts = {link.name: _of_link(link) for link in figures.links}
        looks.append(
            _Look(now, counts | {each.name: _of_account(each) for each in figures.accounts})
        )

    def flow(self, *names: str) -> Flow:
        """Of these links or accounts together."""
        found = self._flows.get(names)
        if found is None:
            found = self._flows[names] = self._flow(names)
        return found

    def _flow(self, names: Sequence[str]) -> Flow:
        looks = self._looks
        if len(looks) < 2:
            return Flow()
        first, last = looks[0], looks[-1]
        before = _together([first.counts.get(name, _NOTHING) for name in names])
        after = _together([last.counts.get(name, _NOTHING) for name in names])
        seconds = last.at - first.at
        buckets = list(after.buckets)
        if before.buckets:
            buckets = list(map(sub, after.buckets, before.buckets))
        seen = Histogram(buckets) if buckets else Histogram()
        return Flow(
            submitted=(after.submitted - before.submitted) / seconds,
            answered=(after.answered - before.answered) / seconds,
            taken=(after.taken - before.taken) / seconds,
            throttled=(after.throttled - before.throttled) / seconds,
            receipts=(after.receipts - before.receipts) / seconds,
            half=seen.quantile(0.5),
            tail=seen.quantile(0.99),
            seconds=seconds,
        )


def _together(counts: Sequence[Counts]) -> Counts:
    if len(counts) == 1:
        return counts[0]
    buckets = list[int]()
    for each in counts:
        if each.buckets:
            buckets = list(map(add, buckets, each.buckets)) if buckets else list(each.buckets)
    return Counts(
        sum(each.submitted for each in counts),
        sum(each.answered for each in counts),
        sum(each.taken for each in counts),
        sum(each.throttled for each in counts),
        sum(each.receipts for each in counts),
        buckets,
    )


def _of_link(link: LinkFigures) -> Counts:
    return Counts(
        link.submitted,
        sum(link.answers.values()),
        link.answers.get(0, 0),
        link.throttled,
        sum(link.receipts.values()),
        tuple(link.latency.counts),
    )


def _of_account(account: AccountFigures) -> Counts:
    calls, taken = sum(account.outcomes.values()), account.outcomes.get("SUCCESS", 0)
    return Counts(calls, calls, taken, 0, 0, tuple(account.seconds.counts))
