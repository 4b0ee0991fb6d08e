"""Results and reports of files, put into `done/` beside their sources, many files at once.

The order makes a crash harmless: the results and reports of a lot are written and synced, then
they take their places, then the sources are moved there, and only then does the journal say that
the files are reported. A start after a crash in between does again what is missing, under the same
names. What had these names before is never touched.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from smppd.ledger.facts import LedgerError
from smppd.ledger.snapshot import FileAccount
from smppd.placing import SIDECAR, day_folder, first_free, fsync_folder, names_after
from smppd.ports import Resting, Unreadable
from smppd.results.begun import Beginnings
from smppd.results.drafts import Drafts
from smppd.results.page import PAGE
from smppd.results.report import (
    PLAIN,
    REPORT,
    RESULTS,
    Items,
    Report,
    ReportTerms,
    claim_in,
    claim_of,
)

#: A claim is looked for under so many names that differ in their number only.
FAR = 5000

#: Where drafts lie, inside `work/`.
DRAFTS = ".results"
_DAY = 86_400.0


class _Place(NamedTuple):
    """Where a file comes to rest. `source` is where it still is, None when that is nowhere;
    `written` says that its results are there already, `has_sidecar` that its settings lie beside it."""

    source: str | None
    target: str
    written: bool = False
    has_sidecar: bool = False


class Placer:
    """Puts results and reports where they belong. `items` reads files' messages from the journal.

    Where the terms keep no source the files handed in are removed instead, when their results are on
    disk. All calls block; OSError leaves them, and the same once more goes on from there.
    """

    def __init__(self, root: Path, items: Items, terms: ReportTerms = PLAIN) -> None:
        self._done = root / "done"
        self._work = root / "work"
        self._items = items
        self._terms = terms
        #: What `place` goes on with.
        self.begun = Beginnings(self._work / DRAFTS, items, terms.prices)

    def place(self, files: Sequence[Resting], again: Set[int]) -> list[str | Unreadable]:
        """Write results and reports, move the sources beside them; their new places. `again`: the
        file_ids of those whose publication may have been begun before. What cannot be read of one file
        is no matter of the others."""
        try:
            return list(self._place(files, again))
        except LedgerError as error:
            if len(files) == 1:
                return [Unreadable(str(error))]
        half = len(files) // 2
        return self.place(files[:half], again) + self.place(files[half:], again)

    def _place(self, files: Sequence[Resting], again: Set[int]) -> list[str]:
        places = self._find_places([each.file for each in files], again)
        unwritten = [each for each in zip(files, places, strict=True) if not each[1].written]
        numbers = [resting.file.file_id for resting, _ in unwritten]
        with Drafts(self._work / DRAFTS) as drafts, self.begun.taken(numbers) as begun:
            sources = (
                (resting.file, resting.slots, 0 if first is None else first.items)
                for (resting, _), first in zip(unwritten, begun, strict=True)
            )
            found = zip(unwritten, begun, self._items.of_each(sources), strict=True)
            for (resting, place), first, items in found:
                tally, path = (None, None) if first is None else (first.tally, first.path)
                report = Report(resting, items, self._terms, tally)
                drafts.write(place.target + RESULTS, report.results(), path)
                for ending, octets in report.documents():
                    drafts.write(place.target + ending, (octets,))
            drafts.place()
        for place in places:
            if place.source is not None and self._terms.keeps_source:
                # First what lies beside it: without its file nobody reads it.
                if place.has_sidecar:
                    os.rename(place.source + SIDECAR, place.target + SIDECAR)
                os.rename(place.source, place.target)
        for folder in {os.path.dirname(place.target) for place in places}:
            fsync_folder(Path(folder))
        if not self._terms.keeps_source:
            _remove([place.source for place in places if place.source is not None])
        self._clear_away([each.file for each in files])
        return [place.target for place in places]

    def _clear_away(self, files: Sequence[FileAccount]) -> None:
        """Remove what stood beside the sources, and the folders in which nothing is left."""
        beside = defaultdict[str, set[str]](set)
        for file in files:
            beside[file.token].add(f"{file.name}.progress.json")
        for token, progress in beside.items():
            folder = f"{self._work}/{token}"
            if _is_removed(folder):
                continue
            for name in progress.intersection(_names_in(folder)):
                os.unlink(f"{folder}/{name}")
            _is_removed(folder)

    # ── names ────────────────────────────────────────────────────────────────────────────────

    def _find_places(self, files: Sequence[FileAccount], again: Set[int]) -> list[_Place]:
        places, given = list[_Place](), set[str]()
        folders = dict[int, str]()
        left = {token: _names_in(f"{self._work}/{token}") for token in {f.token for f in files}}
        for file in files:
            # The day of the hand-in, so that a publication begun again after midnight finds its place.
            day = int(file.opened // _DAY)
            if day not in folders:
                folders[day] = str(day_folder(self._done, file.opened))
            claim = claim_of(file) if file.file_id in again else None
            target = _Target(folders[day], names_after(file.name), given, claim)
            places.append(self._find_place(file, target, left[file.token]))
            given.add(places[-1].target)
        return places

    def _find_place(self, file: FileAccount, target: _Target, left: Set[str]) -> _Place:
        """A name in `done/` that nobody has, or the one that this file was given before a crash."""
        free = first_free(target.is_taken)
        if file.name in left:
            source = f"{self._work}/{file.token}/{file.name}"
            has_sidecar = file.name + SIDECAR in left
            return _Place(source, target.path(free), has_sidecar=has_sidecar)
        if number := target.find_claim(free):
            return _Place(None, target.path(number), written=True)
        return _Place(None, target.path(free))


class _Target(NamedTuple):
    """Where a file may come to rest: the names it may have in a day's folder, those `given` to others
    of its lot, and its claim if it may lie there already."""

    folder: str
    named: Callable[[int], str]
    given: Set[str]
    claim: str | None

    def path(self, number: int) -> str:
        """Of the name with this number."""
        return f"{self.folder}/{self.named(number)}"

    def is_taken(self, number: int) -> bool:
        """Whether the name with this number is somebody else's."""
        path = self.path(number)
        return path in self.given or _is_used(path, self.claim)

    def find_claim(self, free: int) -> int:
        """The number of the name under which the claim lies there; 0 if under none.

        Looked for from the last name that is taken backwards: that is where a crash left it."""
        if self.claim is not None:
            for number in range(free, max(free - FAR, 0), -1):
                if _claim_at(self.path(number)) == self.claim:
                    return number
        return 0


def _names_in(folder: str) -> Set[str]:
    """What is in a folder of `work/`; nothing where it is gone."""
    try:
        return set(os.listdir(folder))
    except FileNotFoundError:
        return frozenset()


def _is_removed(folder: str) -> bool:
    """Remove it, unless there is anything in it: other files of the same claim are being worked on."""
    try:
        os.rmdir(folder)
    except OSError:
        return False
    return True


def _is_there(path: str) -> bool:
    """Whether there is anything of this name, also a link that leads nowhere."""
    return os.access(path, os.F_OK, follow_symlinks=False)


def _remove(sources: Sequence[str]) -> None:
    """Remove these for good: one that came back when the power fails would be sent again."""
    for source in sources:
        Path(source + SIDECAR).unlink(missing_ok=True)
        Path(source).unlink()
    for folder in {os.path.dirname(source) for source in sources}:
        fsync_folder(Path(folder))


def _is_used(path: str, claim: str | None) -> bool:
    """Whether a name in `done/` is somebody else's. A publication of this claim may have left its
    results and report there before its source; without one, whatever is there is another's."""
    if _is_there(path):
        return True
    if claim is None:
        return any(_is_there(path + ending) for ending in (RESULTS, REPORT, PAGE, SIDECAR))
    there = _claim_at(path)
    return there is not None and there != claim


def _claim_at(path: str) -> str | None:
    try:
        with open(path + REPORT, "rb") as file:
            return claim_in(file.read())
    except FileNotFoundError:
        return None
