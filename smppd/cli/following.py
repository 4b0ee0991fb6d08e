"""Following a file that was handed in, by looking at the spool: inbox, work, done or bad.

A file is known by its inode, since `done/` and `bad/` may give it another name. One that is not
kept when it is done (`contents = "drop-when-final"`) is known by its report. Looks in the order in
which files move, so that one that is moving is still found. Raises nothing: what this user may not
look at counts as not found; only what he cannot see in `work/` is taken to be there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec

from smppd.cli.handin import HandedIn
from smppd.message import State
from smppd.placing import names_after

#: Every state after which nothing went wrong.
_GOOD = frozenset({State.DELIVERED.label, State.SENT.label})


class InInbox(msgspec.Struct, frozen=True):
    """Not claimed yet. `long`: for longer than a daemon that runs leaves it there."""

    long: bool = False


class InWork(msgspec.Struct, frozen=True):
    """Claimed. `read`: every line is in the journal, so that `total` is final."""

    read: bool = False
    total: int = 0
    done: int = 0
    states: dict[str, int] = {}
    #: Why nothing of it leaves for now, and its campaign's name.
    held: str | None = None
    campaign: str = ""


class Done(msgspec.Struct, frozen=True):
    """Reported. `report` is NAME.report.json as it stands."""

    source: Path
    report: dict[str, Any]

    @property
    def results(self) -> Path:
        """The result lines."""
        return self.source.with_name(self.source.name + ".results.jsonl")

    @property
    def states(self) -> dict[str, int]:
        """How many messages ended in which state."""
        states: dict[str, int] = self.report.get("states", {})
        return states

    @property
    def good(self) -> bool:
        """Whether every message was delivered, or sent where no receipt was asked for; or all of it
        had gone before, as what goes `once` may."""
        terms: dict[str, Any] = self.report.get("terms") or {}
        if terms.get("once") and self.states.keys() == {State.DUPLICATE.label}:
            return True
        return bool(self.states) and self.states.keys() <= _GOOD


class Bad(msgspec.Struct, frozen=True):
    """Quarantined: nothing of it was sent."""

    source: Path
    reason: str


class Gone(msgspec.Struct, frozen=True):
    """Nowhere: withdrawn from the inbox, or out of this user's sight."""


Whereabouts = InInbox | InWork | Done | Bad | Gone


def locate(file: HandedIn) -> Whereabouts:
    """Where a file is now."""
    if _is(file.path, file):
        return InInbox()
    for folder in _folders(file.root / "work"):
        if _is(folder / file.name, file):
            return _progress(folder / f"{file.name}.progress.json")
    for source in _placed(file, "done"):
        return Done(source, _read(source.with_name(source.name + ".report.json")))
    for source in _placed(file, "bad"):
        explained = _read(source.with_name(source.name + ".error.json"))
        return Bad(source, f"{explained.get('reason', 'unusable')}: {explained.get('cure', '')}")
    return _dropped(file) or (InWork() if _hides(file.root / "work") else Gone())


def _hides(folder: Path) -> bool:
    """Whether this user may not look into it: a member of the group that hands in, say."""
    return folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK, effective_ids=True)


def _is(path: Path, file: HandedIn) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == file.identity


def _folders(parent: Path) -> list[Path]:
    try:
        return [Path(entry) for entry in os.scandir(parent) if entry.is_dir()]
    except OSError:
        return []


def _dropped(file: HandedIn) -> Done | None:
    """What was reported of it where the file itself was not kept: under its name and not before it
    was handed in, the first; a later file of that name was handed in when this one had gone on."""
    found: list[tuple[str, Done]] = []
    since = datetime.fromtimestamp(int(file.at * 1000) / 1000, UTC)
    for day in _folders(file.root / "done"):
        if day.name < f"{since:%Y-%m-%d}":
            continue
        for numbered in map(names_after(file.name), count(1)):
            source = day / numbered
            report = _read(source.with_name(numbered + ".report.json"))
            if not report:
                break
            handed_in = str(report.get("handed_in") or "")
            ours = report.get("file") == file.name and report.get("lane") == file.lane.name.lower()
            if ours and _not_before(handed_in, since) and not source.exists():
                found.append((handed_in, Done(source, report)))
    return min(found, key=itemgetter(0))[1] if found else None


def _not_before(moment: str, since: datetime) -> bool:
    try:
        return datetime.fromisoformat(moment) >= since
    except (ValueError, TypeError):  # of no time, or without its offset
        return False


def _placed(file: HandedIn, place: str) -> Iterator[Path]:
    """The file in the folder of some day; its name may have got a number meanwhile."""
    for day in sorted(_folders(file.root / place), reverse=True):
        if _is(day / file.name, file):
            yield day / file.name
            continue
        found = _inodes(day, file.identity[1])
        yield from (path for path in found if _is(path, file) and _named_after(file, path.name))


def _named_after(file: HandedIn, name: str) -> bool:
    """Whether it may be this file under a number: an inode that was given back is used again."""
    number = name.rpartition("~")[2].partition(".")[0]
    numbered = names_after(file.name)
    return name == numbered(1) or (number.isdecimal() and name == numbered(int(number)))


def _inodes(folder: Path, inode: int) -> list[Path]:
    try:
        return [Path(entry) for entry in os.scandir(folder) if entry.inode() == inode]
    except OSError:
        return []


def _progress(path: Path) -> InWork:
    seen = _read(path)
    try:
        return msgspec.convert(seen, InWork)
    except msgspec.ValidationError:
        return InWork()


def _read(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return {}
