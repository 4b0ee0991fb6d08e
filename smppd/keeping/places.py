"""The places of the spool that grow, and how a round through one of them goes.

A round is a generator of small steps, so that whoever drives it decides how much is done at once:
it blocks on the disk and runs in a thread. Nothing is removed that is young by the day of its folder
or by when it last changed; links are never followed; what is foreign stays. What cannot be removed
is noted and passed over: nothing is raised.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from pathlib import Path

from smppd.figures import PlaceFigures
from smppd.keeping.heaps import NOTHING, Entry, Group, Heap

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: Names that are looked at in one step.
STEP = 250
#: Names of foreign files that are told of one place.
MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A folder below the root, or one with a folder for each day. `age` (seconds) and `octets` are
    how much is kept, None for all of it."""

    name: str
    path: Path
    group: Group
    daily: bool = False
    age: float | None = None
    octets: int | None = None

    @property
    def clears(self) -> bool:
        """Whether anything is ever removed."""
        return self.age is not None or self.octets is not None


@dataclass(slots=True)
class Outcome:
    """What a round came to; `foreign` are names that were left alone, `failed` the first reason why
    something could not be removed."""

    files: int = 0
    octets: int = 0
    foreign: list[str] = field(default_factory=list)
    failed: str = ""


@dataclass(slots=True)
class _Leaf:
    """A folder with files, the first moment of its day, and what was in it when it was looked at:
    nothing has been put in or taken out while `stamp` is the same."""

    path: Path
    day: float = -inf
    stamp: int = 0
    octets: int = 0
    files: int = 0
    oldest: float = inf
    own: int = 0


class Keeper:
    """Goes round one place. `in_use`: days (YYYY-MM-DD) whose folder must stay, even empty: what is
    published next may belong there."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.figures = PlaceFigures(place.name)
        self.in_use: Collection[str] = ()
        self._leaves: dict[Path, _Leaf] = {}

    def round(self, now: float | None, outcome: Outcome) -> Iterator[None]:
        """Look through the place and remove what is too old or too much, in small steps. Without a
        time that can be believed (epoch seconds) nothing is too old."""
        limit = -inf if self.place.age is None or now is None else now - self.place.age
        leaves = list(self._folders(outcome))
        for leaf in leaves:
            yield from self._look(leaf, limit, outcome)
        if self.place.octets is not None:
            yield from self._shrink(leaves, self.place.octets, outcome)
        self._leaves = {leaf.path: leaf for leaf in leaves}
        self._sum_up(leaves, outcome)

    def _folders(self, outcome: Outcome) -> Iterator[_Leaf]:
        """The folders with files, the oldest first."""
        if not self.place.daily:
            yield self._leaves.get(self.place.path) or _Leaf(self.place.path)
            return
        for entry in sorted(_entries(self.place.path, outcome)):
            day = None if entry.octets >= 0 else _day(entry.name)
            path = self.place.path / entry.name
            if day is not None:
                yield self._leaves.get(path) or _Leaf(path, day)
            elif not entry.name.startswith("."):
                outcome.foreign.append(entry.name)

    def _look(self, leaf: _Leaf, limit: float, outcome: Outcome) -> Iterator[None]:
        stamp = _stamp(leaf.path)
        known = stamp == leaf.stamp and self.place.daily
        if known and not (leaf.day <= limit and leaf.oldest <= limit):
            return
        entries: list[Entry] = []
        for entry in _entries(leaf.path, outcome):
            entries.append(entry)
            if len(entries) % STEP == 0:
                yield
        grouped = self.place.group(entries) if self.place.clears else NOTHING
        outcome.foreign += (f"{leaf.path.name}/{each}" for each in grouped.foreign)
        leaf.stamp, leaf.own = stamp, len(grouped.heaps)
        leaf.files, leaf.octets = len(entries), sum(max(0, each.octets) for each in entries)
        leaf.oldest = min((each.changed for each in entries), default=inf)
        if leaf.day <= limit:
            yield from self._remove(leaf, _up_to(grouped.heaps, limit), outcome)

    def _shrink(self, leaves: list[_Leaf], most: int, outcome: Outcome) -> Iterator[None]:
        """Remove the oldest until no more than so many octets are left."""
        excess = sum(leaf.octets for leaf in leaves) - most
        for leaf in leaves:
            if excess <= 0:
                return
            before = leaf.octets
            heaps = self.place.group(list(_entries(leaf.path, outcome))).heaps
            yield from self._remove(leaf, _worth(heaps, excess), outcome)
            excess -= before - leaf.octets

    def _remove(self, leaf: _Leaf, heaps: Iterator[Heap], outcome: Outcome) -> Iterator[None]:
        for heap in heaps:
            if _unlink(leaf.path, heap, outcome):
                leaf.octets -= heap.octets
                leaf.files -= len(heap.names)
                leaf.stamp = 0
            yield
        if self.place.daily and not leaf.files and leaf.path.name not in self.in_use:
            try:
                leaf.path.rmdir()
            except OSError:  # not empty after all
                leaf.stamp = 0

    def _sum_up(self, leaves: list[_Leaf], outcome: Outcome) -> None:
        figures = self.figures
        figures.files = sum(leaf.files for leaf in leaves)
        figures.octets = sum(leaf.octets for leaf in leaves)
        oldest = min((leaf.oldest for leaf in leaves if leaf.files), default=inf)
        figures.oldest = None if oldest == inf else oldest
        figures.removed_files += outcome.files
        figures.removed_octets += outcome.octets


def _up_to(heaps: list[Heap], limit: float) -> Iterator[Heap]:
    return (heap for heap in heaps if heap.at <= limit)


def _worth(heaps: list[Heap], octets: int) -> Iterator[Heap]:
    """The first heaps that make up so many octets."""
    for heap in heaps:
        if octets <= 0:
            return
        octets -= heap.octets
        yield heap


def _unlink(folder: Path, heap: Heap, outcome: Outcome) -> bool:
    """Whether the whole heap is gone; what stays is found again in the next round."""
    for name in heap.names:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            outcome.failed = outcome.failed or f"{folder / name}: {error.strerror or error}"
            return False
        outcome.files += 1
    outcome.octets += heap.octets
    return True


def _entries(folder: Path, outcome: Outcome) -> Iterator[Entry]:
    """What stands in a folder; a folder itself has -1 octets."""
    try:
        with os.scandir(folder) as found:
            for each in found:
                try:
                    status = each.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                is_folder = stat.S_ISDIR(status.st_mode)
                plain = stat.S_ISREG(status.st_mode)
                yield Entry(each.name, status.st_mtime, -1 if is_folder else status.st_size, plain)
    except FileNotFoundError:
        return
    except OSError as error:
        outcome.failed = outcome.failed or f"{folder}: {error.strerror or error}"


def _stamp(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _day(name: str) -> float | None:
    """The first moment of a day (epoch seconds, UTC)."""
    if not _DAY.fullmatch(name):
        return None
    try:
        return datetime.strptime(name, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
