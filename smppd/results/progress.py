"""`NAME.progress.json` beside a claimed file: how far it is, rewritten once a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import trio

from smppd.ledger.snapshot import FileAccount
from smppd.message import State
from smppd.told import iso

#: Files whose progress is written in one round, the oldest first.
AT_MOST = 100
EVERY = 1.0


class Progress(msgspec.Struct):
    """What people can watch. `total` is final once `read` is true."""

    file: str
    read: bool
    total: int
    done: int
    states: dict[str, int]
    updated: str | None


class ProgressWriter:
    """Keeps the progress of open files on disk; a courtesy, not a record, so it is not synced."""

    def __init__(
        self,
        work: Path,
        files: Callable[[], Iterable[FileAccount]],
        wall: Callable[[], float],
    ) -> None:
        self._work = work
        self._files = files
        self._wall = wall
        self._written: dict[int, list[int]] = {}

    async def run(self) -> None:
        """Write progress once a second, until cancelled."""
        while True:
            await trio.sleep(EVERY)
            self.write()

    def write(self) -> None:
        """Write what has changed of files that have been open for a second or more."""
        now = self._wall()
        ripe = [
            file
            for file in self._files()
            if now - file.opened > EVERY
            and not (file.reported or (file.closed and not file.pending))
        ]
        changed = [file for file in ripe if self._written.get(file.file_id) != _now(file)]
        self._written = {file.file_id: self._written.get(file.file_id, []) for file in ripe}
        for file in changed[:AT_MOST]:
            self._written[file.file_id] = _now(file)
            self._write(file, now)

    def _write(self, file: FileAccount, now: float) -> None:
        states = {state.label: count for state in State if (count := file.states[state])}
        progress = Progress(file.name, file.closed, file.items, file.done, states, iso(now))
        target = self._work / file.token / f"{file.name}.progress.json"
        draft = target.with_name(f".{target.name}.tmp")
        try:
            draft.write_bytes(msgspec.json.encode(progress) + b"\n")
            draft.replace(target)
        except OSError:
            return  # reported and cleared away meanwhile, or no room: it is only a courtesy


def _now(file: FileAccount) -> list[int]:
    return [file.closed, *file.states]
