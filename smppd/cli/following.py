"""Following a file that was handed in, by looking at the spool: inbox, work, done or bad.

A file is known by its inode, since `done/` and `bad/` may give it another name. Looks in the
order in which files move, so that one that is moving is still found. Raises nothing: what this
user may not look at counts as not found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from smppd.cli.handin import HandedIn
from smppd.message import State

#: Every state after which nothing went wrong.
_GOOD = frozenset({State.DELIVERED.label, State.SENT.label})


class InInbox(msgspec.Struct, frozen=True):
    """Not claimed yet."""


class InWork(msgspec.Struct, frozen=True):
    """Claimed. `read`: every line is in the journal, so that `total` is final."""

    read: bool = False
    total: int = 0
    done: int = 0
    states: dict[str, int] = {}


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
    return Gone()


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


def _placed(file: HandedIn, place: str) -> Iterator[Path]:
    """The file in the folder of some day; its name may have got a number meanwhile."""
    for day in sorted(_folders(file.root / place), reverse=True):
        if _is(day / file.name, file):
            yield day / file.name
            continue
        yield from (found for found in _inodes(day, file.identity[1]) if _is(found, file))


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
