"""Lateness: by how much the event loop is behind, felt by who sleeps and is woken too late.

Whatever keeps the loop to itself, or keeps the interpreter from it, delays everything else by as
much: the answer to a receipt, a message of high priority.
"""

from __future__ import annotations

from collections import deque

import trio

from smppd.figures import LoopFigures

#: How many sleeps are recent: a minute of them.
RECENT = 240


class Lateness:
    """What it felt since the daemon started, and in the last minute."""

    def __init__(self) -> None:
        self._figures = LoopFigures()
        self._recent = deque[float](maxlen=RECENT)

    async def sleep(self, seconds: float) -> None:
        """Sleep for so long, and feel it."""
        due = trio.current_time() + seconds
        await trio.sleep_until(due)
        self.note(trio.current_time() - due)

    def note(self, late: float) -> None:
        """It was woken so late (seconds)."""
        self._figures.delay.observe(late)
        self._recent.append(late)

    def figures(self) -> LoopFigures:
        """As it stands now."""
        recent = sorted(self._recent)
        if recent:
            self._figures.usual = recent[len(recent) // 2]
            self._figures.tail = recent[int(len(recent) * 0.99)]
            self._figures.most = recent[-1]
        return self._figures
