"""How well a link's sessions hold, and whether the SMSC answers on those that do."""

from __future__ import annotations

from collections import deque
from math import inf

import trio

from smppd.events import AnswersMissing, Emit
from smppd.figures import LinkFigures

#: Losses within so many seconds are of late, of which so many are counted at most.
LATELY, MOST = 600.0, 100
#: Seconds at least between two lines about answers that are missing.
SAY_EVERY = 60.0

_HINT = "a late answer or a receipt settles them; if it goes on, ask the provider"


class Weather:
    """Of one link; moments are on trio's clock."""

    def __init__(self, figures: LinkFigures, emit: Emit) -> None:
        self._figures = figures
        self._emit = emit
        self._lost_at: deque[float] = deque(maxlen=MOST)
        #: Submits without an answer of which nobody was told yet.
        self._missing = 0
        self._said = -inf

    def lost(self) -> None:
        """A session that was bound is lost."""
        self._figures.losses += 1
        self._lost_at.append(trio.current_time())

    def lost_lately(self) -> int:
        """How many were."""
        since = trio.current_time() - LATELY
        return sum(at > since for at in self._lost_at)

    def missing(self, submits: int) -> None:
        """So many had no answer in time, on a session that goes on."""
        self._missing += submits
        now = trio.current_time()
        if now - self._said >= SAY_EVERY:
            self._emit(AnswersMissing(self._figures.name, self._missing, _HINT))
            self._missing, self._said = 0, now
