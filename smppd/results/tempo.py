"""How fast the messages of a file leave, and how long the rest of them will take. Pure."""

from __future__ import annotations

from collections import deque

from smppd.ledger.snapshot import FileAccount
from smppd.message import State

#: Looks at a file that its rate is made of: with one each second, so many seconds and one.
LOOKS = 11

_LEFT = (
    State.SENDING, State.SENT, State.DELIVERED, State.UNDELIVERED, State.FAILED, State.UNKNOWN,
)  # fmt: skip


class Tempo:
    """The rate of one file, from looks at it now and then. Times are epoch seconds."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque(maxlen=LOOKS)

    def note(self, file: FileAccount, now: float) -> None:
        """How the file stands now; a clock that was set back begins anew."""
        if self._looks and now <= self._looks[-1][0]:
            self._looks.clear()
        self._looks.append((now, sum(file.states[state] for state in _LEFT)))

    @property
    def rate(self) -> float:
        """Messages a second that left of late; what came back does not make it less than none."""
        if len(self._looks) < 2:
            return 0.0
        (began, before), (ended, after) = self._looks[0], self._looks[-1]
        return max(0.0, round((after - before) / (ended - began), 1))

    def time_left(self, file: FileAccount) -> float | None:
        """Seconds until the last message of a file has left, at this rate; None where nobody can say:
        it is still being read, held, or nothing leaves."""
        if not file.closed or file.why_held or not self.rate:
            return None
        return round(file.queued / self.rate, 1)
