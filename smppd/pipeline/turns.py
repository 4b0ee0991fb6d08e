"""Who goes next: which link of a pool may take, and what each lane may have of a lot.

Pure: time comes in as an argument, in seconds on a clock that never goes back. Knows no queues and
no tasks; raises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

#: What `Turns.allowance` answers when nothing limits a link.
UNLIMITED = 1 << 30
#: Parts by which a link may be ahead of its share while the others have no room: as many at least, as
#: many at most, and between them this share of what waits. Where much does, few parts at once would cost
#: every message more, and nobody can see whose they were.
LEAD = 10
MOST_LEAD = 100
_LEAD_SHARE = 1 / 64

#: Of a lot, when all have work: so many parts for high, normal, bulk.
LANE_WEIGHTS = (16, 4, 1)


class Shares:
    """Parts a lane has a right to, from lot to lot: high goes first, the others never starve.

    Of every lot each lane with work is owed its weight's share; what the lanes do not use of it is
    there for the highest that has work. Fractions are kept, so that lots of one part are shared,
    too; a lane without work saves nothing up.
    """

    def __init__(self, weights: Sequence[int] = LANE_WEIGHTS) -> None:
        self._weights = weights
        self._owed = [0.0] * len(weights)

    def owed(self, room: int, working: Sequence[bool]) -> list[int]:
        """The parts of a lot of this size that each lane has a right to."""
        if sum(working) == 1:  # nearly always
            self._owed = [0.0] * len(self._weights)
            return [room if works else 0 for works in working]
        total = sum(w for w, works in zip(self._weights, working, strict=True) if works)
        for lane, works in enumerate(working):
            gains = self._owed[lane] + room * self._weights[lane] / total if works else 0.0
            # What cannot be used is not saved up for long.
            self._owed[lane] = min(gains, float(room + total))
        return [max(0, int(owed)) for owed in self._owed]

    def took(self, lane: int, parts: int) -> None:
        """So many parts of a lane went into the lot."""
        self._owed[lane] -= parts


class Turns:
    """The links of one pool: by preference, or by weight when weights are given.

    A link that has wanted to take and could not for `patience` seconds is out: the next one takes
    its place, and gives it back as soon as the first can take again. By weight a link that is ahead
    of its share waits for the others, unless they are out.
    """

    def __init__(
        self, links: Sequence[str], weights: Sequence[int] = (), patience: float = 10.0
    ) -> None:
        self.links = tuple(links)
        self.patience = patience
        self._lead = LEAD
        self._weights = dict(zip(links, weights, strict=True)) if weights else {}
        self._stuck: dict[str, float] = {}
        # Parts taken, by weight: whoever has the least is next.
        self._taken = dict.fromkeys(links, 0.0)

    def is_like(self, other: Turns) -> bool:
        """Whether it lets the same links take in the same order, whatever has happened since."""
        one, another = (
            (each.links, each._weights, each.patience)  # noqa: SLF001 - one of us
            for each in (self, other)
        )
        return one == another

    @property
    def weighted(self) -> bool:
        """Whether the links share by weight."""
        return bool(self._weights)

    def stuck(self, link: str, now: float) -> None:
        """It can take nothing from now on (unless it could not already)."""
        self._stuck.setdefault(link, now)

    def free(self, link: str) -> None:
        """It can take again."""
        self._stuck.pop(link, None)

    def is_out(self, link: str, now: float) -> bool:
        """Whether it has been unable to take for so long that others take its place."""
        since = self._stuck.get(link)
        return since is not None and now >= since + self.patience

    def allowance(self, link: str, now: float) -> int:
        """How many parts it may take now; 0 when it is not its turn."""
        if len(self.links) == 1:
            return UNLIMITED
        if not self._weights:
            before = self.links[: self.links.index(link)]
            return UNLIMITED if all(self.is_out(each, now) for each in before) else 0
        rivals = [each for each in self.links if each != link and not self.is_out(each, now)]
        if not rivals:
            return UNLIMITED
        own = self._taken[link]
        if any(each not in self._stuck and self._taken[each] < own for each in rivals):
            return 0
        behind = min(self._taken[each] for each in rivals) - own
        return max(0, self._lead + int(behind * self._weights[link]))

    def took(self, link: str, parts: int, waiting: int, now: float) -> None:
        """It has taken so many parts, and about so many messages wait still. Who is out does not save up
        a claim meanwhile."""
        if not self._weights:
            return
        self._lead = min(max(LEAD, int(waiting * _LEAD_SHARE)), MOST_LEAD)
        taken = self._taken
        taken[link] += parts / self._weights[link]
        for each in self.links:
            if taken[each] < taken[link] and self.is_out(each, now):
                taken[each] = taken[link]

    def look_again(self, link: str, now: float) -> float:
        """When its allowance may have changed by the passing of time alone."""
        moments = [
            self._stuck.get(each, now) + self.patience
            for each in self.links
            if each != link and not self.is_out(each, now)
        ]
        return min(moments, default=inf)
