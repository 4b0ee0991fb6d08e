"""When refusals are no longer about single messages: counted over a link's recent answers.

Pure: time comes in as an argument (seconds); knows no messages. Raises nothing.
"""

from __future__ import annotations

from collections import deque

#: Recent: the last minute, and on a slow link at least so many answers.
SPAN = 60.0
SAMPLE = 20
#: So many suspect refusals at least, and more than this share of the recent answers, and the
#: link pauses: no more than these few messages are lost to a status that nobody knows.
SUSPECTS = 10
SHARE = 0.5
#: So many statuses are counted apart at most.
MOST_STATUSES = 1000
#: More than so many of one status within a minute are worth a line in the log.
MANY = 5


class Suspicion:
    """One link's recent answers, and how many of them failed a message for a reason that lies
    with the account or that nobody knows."""

    __slots__ = ("_answers", "_recent", "_suspects", "_told")

    def __init__(self) -> None:
        #: Per second: when, answers, suspects.
        self._recent: deque[list[float]] = deque()
        self._answers = 0.0
        self._suspects = 0.0
        self._told: dict[int, tuple[float, int]] = {}

    def answers(self, count: int, now: float) -> None:
        """So many answers came."""
        recent = self._recent
        if recent and now - recent[-1][0] < 1.0:
            recent[-1][1] += count
        else:
            recent.append([now, count, 0])
        self._answers += count
        while recent[0][0] < now - SPAN and self._answers - recent[0][1] >= SAMPLE:
            _, answers, suspects = recent.popleft()
            self._answers -= answers
            self._suspects -= suspects

    def suspect(self) -> bool:
        """One of those answers is suspect; whether the link had better pause."""
        if self._recent:
            self._recent[-1][2] += 1
            self._suspects += 1
        return self._suspects >= SUSPECTS and self._suspects > SHARE * self._answers

    def clear(self) -> None:
        """Somebody has looked: begin anew."""
        self._recent.clear()
        self._answers = self._suspects = 0.0
        self._told.clear()

    def worth_telling(self, status: int, now: float, *, at_once: bool) -> int:
        """How many refusals with this status there were of late, if that is news: the first one
        in a minute, or the first beyond `MANY`; otherwise 0."""
        since, count = self._told.get(status, (now, 0))
        if now - since > SPAN:
            since, count = now, 0
        count += 1
        if len(self._told) > MOST_STATUSES:
            self._told.clear()  # whoever answers with endless numbers is told of now and then
        self._told[status] = (since, count)
        return count if count == (1 if at_once else MANY + 1) else 0
