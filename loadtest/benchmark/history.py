"""What the journal tells of a run, when it is over: what was answered, delivered and throttled, and when."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from smppd.journal.store import Store, open_reader
from smppd.ledger.facts import QUEUE_SHIFT, Fact, Kind
from smppd.ledger.snapshot import read_chunk

_KINDS = [int(Kind.ADMITTED), int(Kind.SENT), int(Kind.THROTTLED), int(Kind.RECEIPT)]


@dataclass
class History:
    """Moments are epoch seconds. `answers`, by lane: (when, seconds since the commit that accepted
    it), for each part that the SMSC took; `waits`: the same since its file was handed in, for
    messages that had one of their own. `submits`: (when, seconds since it was accepted) for each message
    of whose arrival the SMSC told. `delivered`: when each message's last receipt was noted. `overtaken`:
    how many were taken by the SMSC after a later one to the same destination, where few have it all."""

    answers: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    waits: list[tuple[float, float]] = field(default_factory=list)
    submits: list[tuple[float, float]] = field(default_factory=list)
    delivered: list[float] = field(default_factory=list)
    throttled: list[float] = field(default_factory=list)
    overtaken: int = 0

    @property
    def answered(self) -> list[float]:
        """When each part was."""
        return sorted(at for lane in self.answers.values() for at, _ in lane)


class Known(NamedTuple):
    """What the journal does not tell: when messages were `handed` in, and their `arrivals` at the SMSC,
    by destination; how many `destinations` have it all (0: any number of them); and `since` when what
    happened is asked for (epoch seconds)."""

    handed: Mapping[str, float]
    arrivals: Mapping[str, float]
    destinations: int
    since: float


def read_history(journal: Path, known: Known) -> History:
    """All of it. Raises JournalError."""
    store = open_reader(journal)
    try:
        return _Reading(store, known).read()
    finally:
        store.close()


class _Reading:
    def __init__(self, store: Store, known: Known) -> None:
        self._store = store
        self._known = known
        self._latest: dict[int, int] = {}
        self._lanes = {number: lane.name.lower() for number, (_, lane) in store.queues().items()}
        self._accepted: list[tuple[int, float]] = []
        self._firsts: list[int] = []
        self._own: dict[int, float] = {}
        self.history = History()

    def read(self) -> History:
        """Read the log to its end."""
        for fact in self._store.log.told(0, 1 << 62, _KINDS):
            if fact.kind == Kind.ADMITTED:
                self._admitted(fact)
            elif fact.at < self._known.since:
                continue
            elif fact.kind == Kind.SENT:
                self._sent(fact)
            elif fact.kind == Kind.THROTTLED:
                self.history.throttled.append(fact.at)
            elif fact.kind == Kind.RECEIPT and fact.result is not None:
                self.history.delivered.append(fact.at)
        return self.history

    def _admitted(self, fact: Fact) -> None:
        assert fact.detail is not None
        for first, last, _ in read_chunk(fact.detail).ranges:
            place = bisect_right(self._firsts, first)
            self._firsts.insert(place, first)
            self._accepted.insert(place, (first, fact.at))
            if fact.at >= self._known.since and (self._known.handed or self._known.arrivals):
                for row in self._store.messages.read_range(first, last):
                    to = row.message.to
                    if (at := self._known.handed.get(to)) is not None:
                        self._own[row.msg_id] = at
                    if (at := self._known.arrivals.get(to)) is not None:
                        self.history.submits.append((at, at - fact.at))

    def _sent(self, fact: Fact) -> None:
        assert fact.msg is not None
        accepted = self._accepted[bisect_right(self._firsts, fact.msg) - 1][1]
        lane = self._lanes[fact.msg >> QUEUE_SHIFT]
        if self._known.destinations:  # one queue, in which each has its turn
            place = fact.msg % self._known.destinations
            self.history.overtaken += fact.msg < self._latest.get(place, 0)
            self._latest[place] = fact.msg
        self.history.answers.setdefault(lane, []).append((fact.at, fact.at - accepted))
        if (handed := self._own.get(fact.msg)) is not None:
            self.history.waits.append((fact.at, fact.at - handed))
