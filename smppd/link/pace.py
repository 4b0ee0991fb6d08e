"""The pace of a link: what it may submit per second, learnt from what the SMSC answers.

Shared by the link's sessions and counted in parts. What an SMSC allows is found in three steps:

1. What it took at once before its first throttle is a burst and no rate, unless that came at about
   the configured rate. The link goes on, evenly from now on, at half of that in a second, and
   doubles it every second until the next one.
2. What is allowed then lies between what was taken of late and what was asked for. The link goes
   on just below the first, towards a goal in the middle: quickly while that is far, slowly
   around it, and quickly again the further it gets beyond it, because more may be allowed now.
3. Each throttle makes the link pause until what was under way with it is answered, so that all of
   them are one complaint; one more soon after that doubles the pause, up to a second, for many
   SMSCs count whole seconds.

Congestion and growing latency lower the limit as well, without a pause unless the SMSC asks for
one. A limit that reaches the configured rate, or that nothing confirms for long, is none any more.

Pure: time comes in as an argument (seconds on a clock that never goes back); knows no sessions,
no PDUs, no tasks. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from math import inf

from smppd.link.measuring import Latency, Meter, TokenBucket
from smppd.statuses import Refusal

#: Where the SMSC has complained, parts leave so many seconds' worth at once at most.
EVEN = 0.025

#: What a decrease leaves of the limit, by cause.
HALVED = 0.5
EASED = 0.8
DRAINED = 0.9
#: After a throttle it leaves so much of what the SMSC took of late, which counts as no less than
#: HALVED of the limit.
LOWERED = 0.93
#: The goal is this share of the middle between what was taken and the limit that was refused.
GOAL = 0.95
#: What a second adds: this share of the limit while it has no goal yet, which by steps doubles it;
DOUBLING = 0.7
#: and then this share of the distance from the goal, but no less than this share of the limit.
CLOSING = 0.4
CREEPING = 0.01
#: It is added in steps of so many seconds.
STEP = 0.1
#: Seconds that the link pauses after a congestion_state of 100, and at most after a throttle.
PAUSE = 1.0
#: After a throttle it pauses for so many times the latency, in which what was under way is answered,
#: but for no less than so many seconds.
ANSWERED = 1.5
SHORT_PAUSE = 0.1
#: A throttle within so many seconds after a pause says that the pause was too short.
SOON = 0.5
#: A limit that nothing has confirmed for so many seconds is forgotten.
FORGET = 600.0
#: For so many seconds after a throttle, and as long as it limits us, order comes before speed.
CAREFUL = 60.0
#: No two decreases within so many seconds, which would punish the same submits twice, and no
#: increase before a decrease has shown what it does.
COOLDOWN = 1.0

#: congestion_state (SMPP 5.0, 4.8.4.18): from here on slow down, stop, or at least do not grow.
NEAR_CONGESTION = 90
CONGESTED = 100
OPTIMUM = 80

#: Answers that take so many times the shortest latency of late are late because the SMSC has more
#: than it can do.
SLOWER = 4.0

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
        "_full_since", "_goal", "_grown_at", "_hold", "_latency", "_meter", "_pause",
        "_paused_until", "_seen", "_used", "cause", "complaints", "limit",
    )  # fmt: skip

    def __init__(self, ceiling: float, floor: float, complaints: Mapping[int, Refusal]) -> None:
        self.complaints = complaints
        self._ceiling = ceiling
        self._floor = min(floor, ceiling) if ceiling else floor
        self._bucket = TokenBucket(ceiling)
        self._meter = Meter()
        self._latency = Latency()
        self._pause = SHORT_PAUSE
        self._paused_until = self._careful_until = self._decreased_at = -inf
        self._grown_at = 0.0
        #: What the limit makes for; None while it doubles.
        self._goal: float | None = None
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

    def change(
        self, ceiling: float, floor: float, complaints: Mapping[int, Refusal], now: float
    ) -> None:
        """Another configured rate from now on; what was learnt stays while it is below that."""
        self.complaints = complaints
        self._ceiling = ceiling
        self._floor = min(floor, ceiling) if ceiling else floor
        if self.limit is None or (ceiling and self.limit >= ceiling):
            self._forget(now)

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
            self._complain(now)
            self._careful_until = now + CAREFUL
        elif signs.full and self._seen >= FULL_SAMPLE and self._full > FULL_SHARE * self._seen:
            self._complain(now)
        elif signs.congestion is not None:
            self._heed(signs.congestion, now)
        elif self._latency.exceeds(SLOWER):
            self._hold = True
            self._decrease(DRAINED, Cause.LATENCY, now)
        else:
            self._hold = self._latency.exceeds(SLOWER / 2)

    def _reconsider(self, now: float) -> None:
        """The first complaint may be heard before the answers to what was taken with it."""
        if self._goal is None and self.limit and now - self._decreased_at < COOLDOWN:
            self._limit_to(max(self.limit, HALVED * self._taken(now)), now)

    def _complain(self, now: float) -> None:
        """It was too much. What is heard while the link pauses was under way by then."""
        if now < self._paused_until:
            return
        latency = self._latency.smoothed
        if now - self._paused_until < SOON + latency:
            self._pause = min(PAUSE, 2 * self._pause)
        else:
            self._pause = min(PAUSE, max(SHORT_PAUSE, ANSWERED * latency))
        self._paused_until = now + self._pause
        if self._is_told(now):
            return
        taken, refused = self._taken(now), self.limit or self._ceiling
        if self.limit is None and (not refused or taken < HALVED * refused):
            self._lower(HALVED * taken, None, Cause.THROTTLING, now)
            return
        taken = min(max(HALVED * refused, taken), refused)
        self._lower(LOWERED * taken, GOAL * (taken + refused) / 2, Cause.THROTTLING, now)
        self._meter.restart(now)

    def _heed(self, congestion: int, now: float) -> None:
        if congestion >= CONGESTED:
            self._decrease(HALVED, Cause.CONGESTION, now)
            self._paused_until = now + PAUSE
        elif congestion >= NEAR_CONGESTION:
            self._decrease(EASED, Cause.CONGESTION, now)
        self._hold = congestion >= OPTIMUM

    def _count(self, signs: Signs, now: float) -> None:
        if now - self._full_since > _FULL_SPAN:
            self._full_since, self._full, self._seen = now, 0, 0
        self._full += signs.full
        self._seen += signs.answers

    def _taken(self, now: float) -> float:
        return min(self._meter.rate(now), self._ceiling or inf)

    def _is_told(self, now: float) -> bool:
        """Whether what is complained of now may have left before the last decrease."""
        return now - self._decreased_at < max(COOLDOWN, min(2 * self._latency.smoothed, 30.0))

    def _decrease(self, share: float, cause: Cause, now: float) -> None:
        if not self._is_told(now):
            base = self._taken(now) if self.limit is None else self.limit
            self._lower(base * share, base, cause, now)

    def _lower(self, limit: float, goal: float | None, cause: Cause, now: float) -> None:
        self._decreased_at, self._grown_at = now, now + COOLDOWN
        self._goal, self.cause, self._used = goal, cause, False
        self._limit_to(max(self._floor, limit), now)

    def _grow(self, now: float) -> None:
        """Step by step, if the limit was felt and nobody complained."""
        elapsed = now - self._grown_at
        if elapsed < STEP or self.limit is None:
            return
        self._grown_at = now
        used, self._used = self._used, False
        if now - self._decreased_at >= FORGET:
            self._forget(now)
        elif used and not self._hold and now >= self._paused_until:
            if self._goal is None:
                more = DOUBLING * self.limit
            else:
                more = max(CREEPING * self.limit, CLOSING * abs(self._goal - self.limit))
            self._limit_to(self.limit + more * min(elapsed, 1.0), now)
            if self._ceiling and self.limit >= self._ceiling:
                self._forget(now)

    def _limit_to(self, limit: float, now: float) -> None:
        self.limit = limit
        self._bucket.change(limit, now, EVEN)

    def _forget(self, now: float) -> None:
        self.limit = self.cause = None
        self._hold = False
        self._bucket.change(self._ceiling, now)
