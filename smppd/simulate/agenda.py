"""What is to be done later, in the order of its time. Knows no clock; raises nothing of its own."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any


class Agenda:
    """Calls to be made, each at its time, with that of the run as its first argument."""

    __slots__ = ("_entries", "_serial")

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._serial = 0

    def at(self, when: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call this then. What is due at the same time runs in the order of its entry."""
        self._serial += 1
        heappush(self._entries, (when, self._serial, call, arguments))

    @property
    def next_due(self) -> float:
        """When there is something to do next; infinity for never."""
        return self._entries[0][0] if self._entries else float("inf")

    def run(self, now: float) -> None:
        """Do what is due."""
        entries = self._entries
        while entries and entries[0][0] <= now:
            _, _, call, arguments = heappop(entries)
            call(now, *arguments)
