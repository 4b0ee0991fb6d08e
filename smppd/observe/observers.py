"""Tells everybody who listens what happened, and lets no listener stop the traffic.

Knows neither logs nor metrics: an observer is any callable that takes an event. Raises nothing.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import TextIO

from smppd.events import Event

Observer = Callable[[Event], None]


class Observers:
    """The observers of a daemon, told in the order given. `stderr` is None for the process's."""

    def __init__(self, *observers: Observer, stderr: TextIO | None = None) -> None:
        self._observers = observers
        self._stderr = stderr
        self._reported: set[int] = set()

    def emit(self, event: Event) -> None:
        """Tell every observer. Each one's first failure is reported on stderr, no further one."""
        for place, observer in enumerate(self._observers):
            try:
                observer(event)
            except Exception as failure:  # noqa: BLE001 - an observer must not stop traffic
                if place not in self._reported:
                    self._reported.add(place)
                    self._report(observer, event, failure)

    def _report(self, observer: Observer, event: Event, failure: Exception) -> None:
        name = getattr(observer, "__qualname__", type(observer).__qualname__)
        text = (
            f"smppd: an observer failed ({name} on {type(event).__name__}:"
            f" {type(failure).__name__}: {failure}); traffic goes on, and further failures"
            " of this observer are not reported\n"
        )
        # Where stderr itself is what failed, there is nobody left to tell.
        with contextlib.suppress(OSError, ValueError):
            (self._stderr or sys.stderr).write(text)
