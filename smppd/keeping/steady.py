"""Whether the clock can be believed: what is old is judged by it, and what is removed is gone.

A clock that jumps, or a machine that comes up with another date, would make everything old at once.
So after a jump nothing is removed until the clock has run evenly for a while. Pure.
"""

from __future__ import annotations

from math import inf

#: How far (seconds) the time for people may move against the machine's own between two looks.
TOLERANCE = 60.0
#: How long ago the last run may have ended before the date is looked at twice.
ABSENCE = 86_400.0
#: For how long it must run evenly after a jump.
SETTLE = 3600.0


class Steady:
    """`last`: the last moment of an earlier run (epoch seconds), None when there was none."""

    def __init__(self, last: float | None = None) -> None:
        self._last = last
        self._offset: float | None = None
        self._until = -inf

    def believed(self, wall: float, machine: float) -> bool:
        """Whether what is old by `wall` (epoch seconds) may be removed, at this moment of a clock
        that never jumps (`machine`, seconds)."""
        offset = wall - machine
        if self._offset is None:
            absent = 0.0 if self._last is None else wall - self._last
            jumped = not -TOLERANCE <= absent <= ABSENCE
        else:
            jumped = abs(offset - self._offset) > TOLERANCE
        self._offset = offset
        if jumped:
            self._until = machine + SETTLE
        return machine >= self._until
