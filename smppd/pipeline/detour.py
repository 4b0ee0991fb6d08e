"""A detour: one pool whose links are down, and whose messages go another way for so long.

Raises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from smppd.figures import FallbackFigures
from smppd.message import Lane, State
from smppd.pipeline.desk import Desk
from smppd.pipeline.pools import Pool
from smppd.pipeline.stretch import Stretch
from smppd.ports import Absence

_QUEUED = int(State.QUEUED)


class FallbackTerms(msgspec.Struct, frozen=True):
    """What falling back must know of a link: after how many seconds without a session the messages
    of these lanes go another way, and its default sender."""

    link: Absence
    after: float
    lanes: frozenset[Lane]
    sender: str = ""


class DetouredLane:
    """One queue that is taken over: how far it was looked through, and what was found unfit."""

    def __init__(self, desk: Desk, pool: Pool, lane: Lane) -> None:
        self.queue = pool.lanes[lane]
        self.stretch = Stretch(desk, self.queue.number)
        #: Of those that came back, and of those whose `send_at` has come: what stays.
        self.stay: list[int] = []
        self.unfit: set[int] = set()


class Detour:
    """One pool, and whether it is taken over. `terms` are those of all its links."""

    def __init__(self, desk: Desk, pool: Pool, terms: Sequence[FallbackTerms]) -> None:
        self.pool = pool
        self.active = False
        self.began = self.began_at = 0.0
        self.carried = 0
        self._desk = desk
        self._terms = terms
        self._wanted = frozenset(Lane).intersection(*(each.lanes for each in terms))
        self.lanes: dict[Lane, DetouredLane] = {}

    @property
    def name(self) -> str:
        """What is taken over, for people."""
        kind, _, route = self.pool.name.partition(":")
        return f"route {route}" if route else f"link {kind}"

    @property
    def sender(self) -> str:
        """The default sender with which its messages would leave."""
        return self._terms[0].sender

    def due_at(self, now: float) -> float:
        """When it is to be taken over if nothing changes meanwhile; or may be, if all is well now."""
        moments = []
        for each in self._terms:
            since = None if self._works(each) else each.link.unbound_since
            moments.append((now if since is None else since) + each.after)
        return max(moments)

    def is_down(self, now: float) -> bool:
        """Whether all its links have been down for so long."""
        return not any(map(self._works, self._terms)) and self.due_at(now) <= now

    def _works(self, terms: FallbackTerms) -> bool:
        paused = terms.link.name in self._desk.accounts.paused
        return paused or terms.link.unbound_since is None

    def begin(self, now: float) -> None:
        """Take it over."""
        self.active, self.carried = True, 0
        self.began, self.began_at = now, self._desk.wall()
        self.lanes = {
            lane: DetouredLane(self._desk, self.pool, lane) for lane in Lane if lane in self._wanted
        }

    def end(self) -> None:
        """Leave the rest to its links."""
        self.active, accounts = False, self._desk.accounts
        for lane in self.lanes.values():
            for msg_id in lane.stay:
                entry = accounts.entries.get(msg_id)
                if entry is not None and entry.state == _QUEUED:
                    accounts.wait(entry)
        self.lanes = {}
        self.pool.wake()

    def figures(self, account: str) -> FallbackFigures:
        """As it stands."""
        stay = sum(
            lane.stretch.stay + len(lane.stay) + len(lane.unfit) for lane in self.lanes.values()
        )
        return FallbackFigures(self.name, account, self.began_at, self.carried, stay)
