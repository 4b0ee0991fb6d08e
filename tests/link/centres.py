"""SMSCs that allow so much and no more, each in its way, and a link's pace against one.

No event loop: time is a number that goes from one thing that happens to the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Protocol

from smppd.link.pace import Pace, Signs

#: By so much (seconds) is the link late whenever it wakes.
LATE = 0.0005


class Centre(Protocol):
    """What an SMSC makes of each submit. `rate` is how many it allows in a second."""

    rate: float

    def allows(self, now: float) -> bool:
        """Whether it takes one more."""


class Bucket:
    """A token bucket with `burst` seconds' worth at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self._burst = rate, max(1.0, rate * burst)
        self._left, self._at = self._burst, 0.0

    def allows(self, now: float) -> bool:
        self._left = min(self._burst, self._left + (now - self._at) * self.rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Seconds:
    """So many in each second of its own clock, which is not the link's."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._second = self._count = 0

    def allows(self, now: float) -> bool:
        second = int(now + 0.37)
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count <= self.rate


class Sliding:
    """So many in any second, wherever it begins."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._taken: deque[float] = deque()

    def allows(self, now: float) -> bool:
        while self._taken and self._taken[0] <= now - 1:
            self._taken.popleft()
        if len(self._taken) >= self.rate:
            return False
        self._taken.append(now)
        return True


KINDS: dict[str, Callable[[float], Centre]] = {
    "bucket of a tenth of a second": lambda rate: Bucket(rate, 0.1),
    "bucket of a second": lambda rate: Bucket(rate, 1.0),
    "bucket of five seconds": lambda rate: Bucket(rate, 5.0),
    "whole seconds": Seconds,
    "any second": Sliding,
}


class Run:
    """How many submits were taken and how many throttled in each second."""

    def __init__(self, seconds: int) -> None:
        self.taken = [0] * seconds
        self.throttled = [0] * seconds
        #: When the first throttle was heard.
        self.first = inf
        #: How many throttles had been under way by then, or were it.
        self.at_first = 0

    def share(self, begin: int, end: int, allowed: float) -> float:
        """What was taken from one second to another of what was allowed."""
        return sum(self.taken[begin:end]) / ((end - begin) * allowed)

    def least(self, begin: int, end: int, allowed: float, span: int = 5) -> float:
        """The least `share` of so many seconds on end."""
        return min(self.share(at, at + span, allowed) for at in range(begin, end - span + 1))

    def throttled_share(self, begin: int, end: int) -> float:
        """Which share of the submits from one second to another was throttled."""
        bad = sum(self.throttled[begin:end])
        return bad / (bad + sum(self.taken[begin:end]))


def play(
    pace: Pace,
    centre: Centre,
    seconds: int,
    *,
    window: int,
    latency: float,
    change: tuple[float, float] = (inf, 0.0),
) -> Run:
    """A link that always has something to submit. `change`: when another rate is allowed, and it."""
    run = Run(seconds)
    answers: deque[tuple[float, float, bool]] = deque()
    now = 0.0
    while now < seconds:
        if now >= change[0]:
            centre.rate = change[1]
        _hear(pace, answers, now, run)
        room = window - len(answers)
        look_again_at = inf
        if room:
            allowed = min(room, pace.available(now))
            for _ in range(allowed):
                well = centre.allows(now)
                (run.taken if well else run.throttled)[int(now)] += 1
                run.at_first += not well and now < run.first
                answers.append((now + latency, now, well))
            pace.take(allowed)
            if allowed < room:
                look_again_at = pace.felt(now)
        now = max(now, min(answers[0][0] if answers else inf, look_again_at)) + LATE
    return run


def _hear(pace: Pace, answers: deque[tuple[float, float, bool]], now: float, run: Run) -> None:
    batch = Signs()
    while answers and answers[0][0] <= now:
        _, since, well = answers.popleft()
        batch.answers += 1
        batch.waited += now - since
        batch.throttled += not well
        batch.refused += not well
    if batch.answers:
        pace.note(batch, now)
    if batch.throttled:
        run.first = min(run.first, now)
