"""How fast an account calls, and when it leaves its provider alone: pure, `now` comes in.

Raises nothing. All times are seconds.
"""

from __future__ import annotations

from math import floor, inf

#: A turn that is due within so little is due now: clocks and sums are not exact.
_EARLY = 1e-9

#: Waits while the provider does not answer, from the first to the longest; each up to so much
#: longer than it must be, so that several daemons do not come back together.
SHORTEST_WAIT = 1.0
LONGEST_WAIT = 60.0
JITTER = 0.25
#: So many requests in a row may get no readable answer before the account waits. One that could
#: not even be sent is enough.
PATIENCE = 5


class Pace:
    """So many requests per second, a tenth of a second's at once, 0 for no limit."""

    __slots__ = ("_burst", "_interval", "_next")

    def __init__(self, rate: float) -> None:
        self._go_by(rate)
        self._next = -inf

    def _go_by(self, rate: float) -> None:
        self._interval = 1.0 / rate if rate else 0.0
        self._burst = max(1.0, rate / 10)

    def change(self, rate: float, now: float) -> None:
        """Give turns at this rate from now on; those that are given stay as they were."""
        used = max(0.0, self._next - now) / self._interval if self._interval else 0.0
        self._go_by(rate)
        self._next = now + min(used, self._burst) * self._interval

    def available(self, now: float) -> float:
        """How many requests may leave now."""
        if not self._interval:
            return inf
        used = max(0.0, self._next - now) / self._interval
        return max(0, floor(self._burst - used + _EARLY))

    def take(self, now: float) -> float:
        """Take the next turn; in how many seconds it is."""
        if not self._interval:
            return 0.0
        turn = max(self._next, now)
        self._next = turn + self._interval
        return max(0.0, self._next - now - self._burst * self._interval)

    def next_at(self, now: float) -> float:
        """When `available` will be at least 1."""
        if self.available(now) >= 1:
            return now
        return self._next - (self._burst - 1) * self._interval


class Reach:
    """Whether the provider answers, and until when it is left alone while it does not."""

    __slots__ = ("_in_a_row", "_waits", "lost", "until")

    def __init__(self) -> None:
        self._in_a_row = 0
        self._waits = 0
        #: Whether nothing but one try at a time is to be made, and from when on.
        self.lost = False
        self.until = -inf

    def answered(self) -> bool:
        """It answered, whatever it said; whether that is news."""
        news, self.lost = self.lost, False
        self._in_a_row = self._waits = 0
        self.until = -inf
        return news

    def try_again(self) -> None:
        """There is a reason to try at once what waits because it did not answer."""
        self._waits = 0
        self.until = -inf

    def silent(self, now: float, *, sent: bool, chance: float) -> bool:
        """It did not answer what may have been `sent`; whether this is when it is first left alone.

        `chance` is a number in [0, 1). What was under way when that began lengthens no wait.
        """
        self._in_a_row += 1
        if now < self.until or (sent and not self.lost and self._in_a_row < PATIENCE):
            return False
        news = not self.lost
        self.lost = True
        wait = min(SHORTEST_WAIT * 2.0 ** min(self._waits, 30), LONGEST_WAIT)
        self.until = now + wait * (1.0 + JITTER * chance)
        self._waits += 1
        return news
