"""Connections that cannot be taken, because the daemon has as many files open as it may: said once a minute.

Trio goes on listening, and logs each attempt, ten a second, with its traceback: this is told instead.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from smppd.events import ConnectionsRefused, Emit

_LISTENS = "trio.serve_listeners"
_EVERY = 60.0
_HINT = "messages go on; raise LimitNOFILE= of the unit (ulimit -n), or see who holds so many connections"


class _Teller(logging.Handler):
    def __init__(self, emit: Emit, clock: Callable[[], float]) -> None:
        super().__init__()
        self._emit = emit
        self._clock = clock
        self._said = -inf

    def emit(self, record: logging.LogRecord) -> None:
        now = self._clock()
        if now - self._said >= _EVERY:
            self._said = now
            error = record.exc_info[1] if record.exc_info else None
            reason = error.strerror if isinstance(error, OSError) else None
            self._emit(ConnectionsRefused(reason or record.getMessage(), _HINT))


@contextmanager
def telling_refusals(emit: Emit, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """As long as this is open."""
    logger, teller = logging.getLogger(_LISTENS), _Teller(emit, clock)
    spread, logger.propagate = logger.propagate, False
    logger.addHandler(teller)
    try:
        yield
    finally:
        logger.removeHandler(teller)
        logger.propagate = spread
