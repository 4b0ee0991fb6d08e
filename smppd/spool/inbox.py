"""Noticing: what lies in one lane of the inbox, and which of it is finished and ours to take.

Listing is the truth; names told by a watch only come to be looked at sooner. A folder is listed
once and looked at in lots, never sorted, and memory holds only what must wait. Nothing is
claimed, moved or followed here. OSError leaves it only when the inbox itself cannot be listed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from smppd.spool.glance import Glance, glance
from smppd.spool.judging import IntakeRules, Judge
from smppd.spool.quarantine import Unusable
from smppd.spool.sightings import Sightings

#: Files looked at before others get their turn.
LOT = 500

#: Names from the watch that are kept at most.
REMEMBERED = 10_000

#: Names ending so are drafts of editors and uploaders.
_IGNORED = (".tmp", ".part", ".swp", "~")


class Look(msgspec.Struct):
    """What one look found: files to claim (name, octets) and files to put in `bad/`."""

    found: list[tuple[str, int]]
    refused: list[tuple[str, Unusable]]


class LaneInbox:
    """One lane's folder. All times are monotonic seconds but for `wall`, which files go by."""

    def __init__(
        self,
        folder: Path,
        rules: IntakeRules,
        wall: Callable[[], float],
        tell: Callable[[Path, str], None],
    ) -> None:
        self._folder = folder
        self._rules = rules
        self._wall = wall
        self._waiting = Sightings(folder, tell)
        self._judge = Judge(folder, rules, wall, self._waiting)
        self._fresh: dict[str, bool] = {}
        self._listing: Generator[str, None, None] | None = None
        self._list_next = True

    def list_again(self) -> None:
        """Let the next looks go over everything in the folder."""
        self._list_next = True

    def expect(self, name: str, *, moved: bool) -> None:
        """Look at this file soon; `moved`: a rename brought it, so it is finished."""
        if len(self._fresh) < REMEMBERED:
            self._fresh[name] = moved or self._fresh.get(name, False)
        else:
            self._list_next = True

    @property
    def has_more(self) -> bool:
        """Whether there is something to look at without waiting."""
        return bool(self._fresh) or self._list_next or self._listing is not None

    def next_due(self) -> float:
        """When the next waiting file will have rested long enough; infinity if none waits."""
        return self._waiting.next_due()

    def gather(self, limit: int, now: float) -> list[tuple[str, bool]]:
        """Names to look at now, so many at most, and whether a rename has brought each."""
        names: dict[str, bool] = {}
        for name, moved in self._names(limit, now):
            if not name.startswith(".") and not name.endswith(_IGNORED):
                names[name] = moved or names.get(name, False)
        return list(names.items())

    def looking_at(self, names: Sequence[tuple[str, bool]]) -> Callable[[], list[Glance | str]]:
        """What looks at them, here or in another process."""
        rested = self._wall() - self._rules.settle
        return partial(glance, str(self._folder), names, self._rules.max_line, rested)

    def judge(
        self, names: Sequence[tuple[str, bool]], glances: Sequence[Glance | str], now: float
    ) -> Look:
        """What comes of these names, by what was seen of them."""
        look = Look([], [])
        for (_, moved), seen in zip(names, glances, strict=True):
            if isinstance(seen, str):
                self._waiting.forget(seen)
                continue
            verdict = self._judge.judge(seen, now, moved=moved)
            if isinstance(verdict, Unusable):
                look.refused.append((seen.name, verdict))
            elif verdict:
                look.found.append((seen.name, seen.size))
        return look

    def leave(self, name: str, reason: str, now: float) -> None:
        """A file that could not be moved stays; the operator is told once."""
        self._waiting.stay(name, reason, now)

    def close(self) -> None:
        """Stop listing, and whatever is being looked at."""
        self._judge.close()
        self._stop_listing()

    def _stop_listing(self) -> None:
        if self._listing is not None:
            self._listing.close()
            self._listing = None

    # ── which files to look at ───────────────────────────────────────────────────────────────

    def _names(self, limit: int, now: float) -> Iterator[tuple[str, bool]]:
        """So many names: told ones, then due ones, then listed ones."""
        due = self._waiting.due(now)
        for _ in range(limit):
            if self._fresh:
                name = next(iter(self._fresh))
                yield name, self._fresh.pop(name)
            elif due:
                yield due.pop(), False
            elif (listed := self._next_listed()) is not None:
                yield listed, False
            else:
                return

    def _next_listed(self) -> str | None:
        if self._listing is None:
            if not self._list_next:
                return None
            self._list_next = False
            self._listing = _names_in(self._folder)
        listed = next(self._listing, None)
        if listed is None:
            self._stop_listing()
            self._waiting.forget_gone()
        return listed


def _names_in(folder: Path) -> Generator[str, None, None]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return  # removed by somebody: it will be made again
    with entries:
        for entry in entries:
            yield entry.name
