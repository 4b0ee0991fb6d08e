"""What keeps a link from submitting more, found where it stops and kept as shares of time.

Told whenever a session has submitted what it could, which is once for a batch and not for a
message. Pure: time comes in as an argument (seconds). Raises nothing.
"""

from __future__ import annotations

from enum import Enum

#: Shares are of about the last so many seconds.
SPAN = 5.0
#: What has held for so long (seconds) is what limits now, whatever did before.
SETTLED = 1.0


class Stop(Enum):
    """Why a session submits nothing more for the moment."""

    NOTHING_READY = "nothing ready"
    WINDOW = "window"
    PACE = "pace"


class Limiting:
    """Which `Stop` it was most of the time, and how much of it the journal was waited for."""

    __slots__ = ("_at", "_shares", "_since", "_stop", "_total", "_waited", "spent")

    def __init__(self) -> None:
        self._shares = dict.fromkeys(Stop, 0.0)
        self._stop = Stop.NOTHING_READY
        self._since = self._at = 0.0
        self._total = 0.0
        self._waited = 0.0
        #: For how long it was each, in seconds, since the start.
        self.spent = dict.fromkeys(Stop, 0.0)

    def stopped(self, stop: Stop, now: float) -> None:
        """A session has just submitted what it could, and stopped for this."""
        passed = now - self._at
        self._at = now
        self._shares[self._stop] += passed
        self.spent[self._stop] += passed
        self._total += passed
        if self._total > SPAN:
            self._fade()
        if stop is not self._stop:
            self._stop, self._since = stop, now

    def waited(self, seconds: float) -> None:
        """A session read nothing for so long, because what it had read was not on disk yet."""
        self._waited += seconds

    def main(self, now: float) -> tuple[Stop, bool]:
        """What stopped the sessions most of the time, and whether they spent more than half of it
        waiting for the journal."""
        self.stopped(self._stop, now)
        most = max(self._shares, key=self._shares.__getitem__)
        stop = self._stop if now - self._since >= SETTLED else most
        return stop, self._waited > self._total / 2 > 0

    def _fade(self) -> None:
        while self._total > SPAN:
            for stop in self._shares:
                self._shares[stop] /= 2
            self._total /= 2
            self._waited /= 2
