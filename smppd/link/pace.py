"""The pace of a link: what it may submit per second, learnt from what the SMSC answers.

Additive increase, multiplicative decrease, shared by the link's sessions and counted in parts:
a throttle halves the limit and makes the link pause, congestion and growing latency lower it,
and without any of them it grows until it is no limit any more.

Pure: time comes in as an argument (seconds on a clock that never goes back); knows no sessions,
no PDUs, no tasks. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from math import inf

from smppd.statuses import Refusal

#: What `available` answers when there is no limit.
UNLIMITED = 1 << 30

#: A part may leave this share of a token early: the sum of many fractions is never exact, and a
#: writer that wakes for a token must find it.
_EARLY = 1e-3

#: What a decrease leaves of the limit, by cause.
HALVED = 0.5
EASED = 0.8
DRAINED = 0.9
#: What a second without a complaint adds, as a share of the limit or of what it was before.
GROWTH = 0.05
#: Seconds that the link pauses after a throttle or a congestion_state of 100.
PAUSE = 1.0
#: A limit that nothing has confirmed for so many seconds is forgotten.
FORGET = 600.0
#: For so many seconds after a throttle, and as long as it limits us, order comes before speed.
CAREFUL = 60.0
#: No two decreases within so many seconds: they would punish the same submits twice.
COOLDOWN = 1.0

#: congestion_state (SMPP 5.0, 4.8.4.18): from here on slow down, stop, or at least do not grow.
NEAR_CONGESTION = 90
CONGESTED = 100
OPTIMUM = 80

#: Answers that take longer than this (seconds) and so many times the shortest of late are late
#: because the SMSC has more than it can do.
SLOW = 1.0
SLOWER = 4.0
#: For how long the shortest latency is remembered, at least.
_BASELINE = 150.0

#: ESME_RMSGQFUL is about the link, not about a destination, when it is more than this share of
#: so many answers at least.
FULL_SHARE = 0.2
FULL_SAMPLE = 20
_FULL_SPAN = 10.0


class Cause(Enum):
    """Why a link has a limit beside its configured rate."""

    THROTTLING = "throttling"
    CONGESTION = "congestion"
    LATENCY = "latency"


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

    def change(self, rate: float, now: float) -> None:
        """Another rate from now on; what had gathered is kept as far as it may be."""
        if self._rate:
            self._refill(now)
        else:
            self._tokens, self._at = 0.0, now
        self._rate = rate
        self._burst = max(1.0, rate / 10)
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
        """When the next part may leave; `now` when one may, infinity when nothing limits."""
        if not self._rate:
            return inf
        self._refill(now)
        return now + max(0.0, 1.0 - self._tokens) / self._rate

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


class Meter:
    """How many per second: over the last whole second or two, at first over what there was."""

    __slots__ = ("_count", "_last", "_since")

    def __init__(self) -> None:
        self._since = -inf
        self._count = 0
        self._last: float | None = None

    def add(self, count: int, now: float) -> None:
        """So many more."""
        self._turn(now)
        self._count += count

    def rate(self, now: float) -> float:
        """Per second."""
        self._turn(now)
        return float(self._count) if self._last is None else self._last

    def _turn(self, now: float) -> None:
        passed = now - self._since
        if passed >= 1.0:
            self._last = self._count / passed if passed < 2.0 else None
            self._since, self._count = now, 0


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


class Signs:
    """What one batch of answers says of our pace. `waited` is the sum of their latencies;
    `congestion` the last congestion_state, None when there was none."""

    __slots__ = ("answers", "congestion", "full", "refused", "throttled", "waited")

    def __init__(self) -> None:
        self.answers = 0
        self.refused = 0
        self.throttled = 0
        self.full = 0
        self.waited = 0.0
        self.congestion: int | None = None


class Pace:
    """The limit of one link. `ceiling` is its configured rate, 0 for none; parts per second.

    `complaints` are the statuses with which the SMSC says that we are too fast, by class.
    """

    __slots__ = (
        "_bucket", "_careful_until", "_ceiling", "_decreased_at", "_floor", "_full",
        "_full_since", "_grown_at", "_hold", "_latency", "_meter", "_paused_until", "_reference",
        "_seen", "_unsure_until", "_used", "cause", "complaints", "limit",
    )  # fmt: skip

    def __init__(self, ceiling: float, floor: float, complaints: Mapping[int, Refusal]) -> None:
        self.complaints = complaints
        self._ceiling = ceiling
        self._floor = min(floor, ceiling) if ceiling else floor
        self._bucket = TokenBucket(ceiling)
        self._meter = Meter()
        self._latency = Latency()
        self._paused_until = -inf
        self._careful_until = self._unsure_until = -inf
        self._decreased_at = -inf
        self._grown_at = 0.0
        self._reference = 0.0
        self._used = False
        self._hold = False
        self._full = self._seen = 0
        self._full_since = 0.0
        #: Parts per second learnt from the SMSC, and why; None when nothing was complained of.
        self.limit: float | None = None
        self.cause: Cause | None = None

    @property
    def rate(self) -> float:
        """Parts per second that may leave now, 0 for no limit."""
        return self._ceiling if self.limit is None else self.limit

    # ── for who submits ──────────────────────────────────────────────────────────────────────

    def available(self, now: float) -> int:
        """How many parts may leave now."""
        if self.limit is not None:
            self._grow(now)
        if now < self._paused_until:
            return 0
        return self._bucket.available(now)

    def take(self, count: int) -> None:
        """Use up what `available` offered."""
        self._bucket.take(count)

    def felt(self, now: float) -> float:
        """More would have left, had the pace let it; when the next part may leave."""
        self._used = True
        ready_at = self._bucket.ready_at(now)
        return self._paused_until if ready_at == inf else max(ready_at, self._paused_until)

    def is_careful(self, now: float) -> bool:
        """Whether what is refused now must not be overtaken: the link has been throttled."""
        return self.cause is Cause.THROTTLING or now < self._careful_until

    # ── for who hears the answers ────────────────────────────────────────────────────────────

    def note(self, signs: Signs, now: float) -> None:
        """Learn from a batch of answers."""
        self._meter.add(signs.answers - signs.refused, now)
        self._latency.add(signs.waited / signs.answers, signs.answers, now)
        self._count(signs, now)
        if self.limit is not None:
            self._reconsider(now)
            self._grow(now)
        if signs.throttled:
            self._stop(now, Cause.THROTTLING)
            self._careful_until = now + CAREFUL
        elif signs.full and self._seen >= FULL_SAMPLE and self._full > FULL_SHARE * self._seen:
            self._stop(now, Cause.THROTTLING)
        elif signs.congestion is not None:
            self._heed(signs.congestion, now)
        elif self._latency.exceeds(SLOWER):
            self._hold = True
            self._decrease(DRAINED, Cause.LATENCY, now)
        else:
            self._hold = self._latency.exceeds(SLOWER / 2)

    def _reconsider(self, now: float) -> None:
        """The first complaint may be heard before the answers to what was taken with it."""
        if now < self._unsure_until and self.limit is not None:
            taken = min(self._meter.rate(now), self._ceiling or inf)
            if HALVED * taken > self.limit:
                self._reference, self.limit = taken, HALVED * taken
                self._bucket.change(self.limit, now)

    def _stop(self, now: float, cause: Cause) -> None:
        self._decrease(HALVED, cause, now)
        self._paused_until = now + PAUSE

    def _heed(self, congestion: int, now: float) -> None:
        if congestion >= CONGESTED:
            self._stop(now, Cause.CONGESTION)
        elif congestion >= NEAR_CONGESTION:
            self._decrease(EASED, Cause.CONGESTION, now)
        self._hold = congestion >= OPTIMUM

    def _count(self, signs: Signs, now: float) -> None:
        if now - self._full_since > _FULL_SPAN:
            self._full_since, self._full, self._seen = now, 0, 0
        self._full += signs.full
        self._seen += signs.answers

    def _decrease(self, share: float, cause: Cause, now: float) -> None:
        if now - self._decreased_at < max(COOLDOWN, min(2 * self._latency.smoothed, 30.0)):
            return
        base = self.limit
        if base is None:
            base = min(self._meter.rate(now), self._ceiling or inf)
            self._unsure_until = now + COOLDOWN
        self._decreased_at = self._grown_at = now
        self._reference, self._used = base, False
        self.cause = cause
        self.limit = max(self._floor, base * share)
        self._bucket.change(self.limit, now)

    def _grow(self, now: float) -> None:
        """Once a second, if the limit was felt and nobody complained."""
        elapsed = now - self._grown_at
        if elapsed < 1.0:
            return
        self._grown_at = now
        used, self._used = self._used, False
        if now - self._decreased_at >= FORGET:
            self._forget(now)
        elif used and not self._hold and self.limit is not None and now >= self._paused_until:
            self.limit += GROWTH * max(self.limit, self._reference)
            self._bucket.change(self.limit, now)
            if self._ceiling and self.limit >= self._ceiling:
                self._forget(now)

    def _forget(self, now: float) -> None:
        self.limit = self.cause = None
        self._hold = False
        self._bucket.change(self._ceiling, now)
