"""`events/NAME.undelivered.jsonl`: events that were given up, so that nothing is lost unseen."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import trio

from smppd.outlets.happenings import Happening
from smppd.placing import fsync_folder

#: Seconds between two attempts to write what is given up.
_AGAIN = 10.0


class Undelivered:
    """The file of one outlet: a line for each event, as it would have been delivered."""

    def __init__(self, folder: Path, name: str, run_sync: Callable[..., Awaitable[Any]]) -> None:
        self.path = folder / f"{name}.undelivered.jsonl"
        self._run_sync = run_sync

    async def put(self, lot: Sequence[Happening], _reason: str = "") -> str:
        """Return when these are on disk: where. A disk that fails is tried again."""
        while True:
            try:
                await self._run_sync(self._append, lot)
            except OSError:
                await trio.sleep(_AGAIN)
            else:
                return str(self.path)

    def _append(self, lot: Sequence[Happening]) -> None:
        self.path.parent.mkdir(exist_ok=True)
        with self.path.open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                file.write(b"\n".join([*(each.json for each in lot), b""]))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise
        fsync_folder(self.path.parent)
