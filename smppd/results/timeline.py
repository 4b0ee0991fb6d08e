"""When things happened, counted in few numbers however long it took. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from smppd.told import to_the_second

#: Columns of a timeline at most.
MOST_COLUMNS = 60
#: How much of a moment in ISO 8601 is kept: to the second, the minute, the hour, the day.
_WIDTHS = (19, 16, 13, 10)
_REST = "0000-01-01T00:00:00"
#: Moments counted one by one before they are counted by the next coarser unit.
_MOST = 4096
_STEPS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200, 86_400),
)
_DAY = 86_400
#: What comes after this share of everything may be left out, when it would take most of the width.
_BULK = 0.98
_LONG_TAIL = 3


class Timeline(msgspec.Struct):
    """Counts in steps of `step` seconds from `start` on (ISO 8601); `later` came after the last."""

    start: str
    step: int
    submitted: list[int]
    delivered: list[int]
    later: dict[str, int] | msgspec.UnsetType = msgspec.UNSET


class Moments:
    """Counts when messages were first submitted and when they were delivered, in ISO 8601 cut to
    `width` characters: coarser the longer it takes, so that memory is flat."""

    def __init__(self) -> None:
        self.submitted = defaultdict[str, int](int)
        self.delivered = defaultdict[str, int](int)
        self.width = _WIDTHS[0]

    def settle(self) -> None:
        """Count by a coarser unit if there are too many by now; to be called now and then."""
        while self.width > _WIDTHS[-1] and max(len(self.submitted), len(self.delivered)) > _MOST:
            self.width = _WIDTHS[_WIDTHS.index(self.width) + 1]
            self.submitted = _cut(self.submitted, self.width)
            self.delivered = _cut(self.delivered, self.width)

    def add(self, other: Moments) -> None:
        """Count what another counted, too."""
        self.width = min(self.width, other.width)
        for mine, others in (("submitted", other.submitted), ("delivered", other.delivered)):
            counts = _cut(getattr(self, mine), self.width)
            for moment, count in _cut(others, self.width).items():
                counts[moment] += count
            setattr(self, mine, counts)
        self.settle()

    def timeline(self) -> Timeline | None:
        """All of it in equal steps; None when nothing happened."""
        self.settle()
        at = {
            name: {_seconds(moment): count for moment, count in counts.items()}
            for name, counts in (("submitted", self.submitted), ("delivered", self.delivered))
        }
        every = sorted({second for counts in at.values() for second in counts})
        if not every:
            return None
        first, last = every[0], _last(every, at)
        step = _step(last - first + 1)
        start = first - first % step
        length = (last - start) // step + 1
        columns = {name: [0] * length for name in at}
        later = dict.fromkeys(at, 0)
        for name, counts in at.items():
            for second, count in counts.items():
                if second <= last:
                    columns[name][(second - start) // step] += count
                else:
                    later[name] += count
        return Timeline(
            f"{to_the_second(start)}Z",
            step,
            columns["submitted"],
            columns["delivered"],
            later if any(later.values()) else msgspec.UNSET,
        )


def of_one(submitted: str | None, delivered: str | None) -> Timeline | None:
    """The timeline of a single message, as `Moments` would draw it."""
    moments = [_seconds(moment[: _WIDTHS[0]]) for moment in (submitted, delivered) if moment]
    if not moments:
        return None
    first, last = min(moments), max(moments)
    step = _step(last - first + 1)
    start = first - first % step
    columns = [[0] * ((last - start) // step + 1) for _ in range(2)]
    for column, moment in zip(columns, (submitted, delivered), strict=True):
        if moment:
            column[(_seconds(moment[: _WIDTHS[0]]) - start) // step] = 1
    return Timeline(f"{to_the_second(start)}Z", step, columns[0], columns[1])


def _cut(counts: Mapping[str, int], width: int) -> defaultdict[str, int]:
    coarser = defaultdict[str, int](int)
    for moment, count in counts.items():
        coarser[moment[:width]] += count
    return coarser


@lru_cache(maxsize=64)
def _seconds(moment: str) -> int:
    whole = moment + _REST[len(moment) :]
    return int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())


def _last(every: Sequence[int], at: Mapping[str, Mapping[int, int]]) -> int:
    """The last second that is shown: a few late ones must not squeeze all others into a line."""
    totals = Counter[int]()
    for counts in at.values():
        totals.update(counts)
    wanted, seen = totals.total() * _BULK, 0
    for second in every:
        seen += totals[second]
        if seen >= wanted:
            tail = every[-1] - every[0] > max(_LONG_TAIL * (second - every[0]), MOST_COLUMNS)
            return second if tail else every[-1]
    return every[-1]


def _step(length: int) -> int:
    """The shortest step with which so many seconds fit, an odd start included."""
    for step in _STEPS:
        if length <= step * (MOST_COLUMNS - 1):
            return step
    return -(-length // (_DAY * (MOST_COLUMNS - 1))) * _DAY
