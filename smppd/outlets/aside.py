"""`events/NAME.undelivered.jsonl`: events that were given up, so that nothing is lost unseen."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import trio

from smppd.events import Emit, OutletGaveUp
from smppd.outlets.happenings import Happening
from smppd.placing import FILE_MODE, fsync_folder

#: Seconds between two attempts to write what is given up.
_AGAIN = 10.0


class Undelivered:
    """The file of one outlet: a line for each event, as it would have been delivered. `count` is of
    those since the daemon started."""

    def __init__(
        self,
        folder: Path,
        outlet: str,
        run_sync: Callable[..., Awaitable[Any]],
        emit: Emit,
    ) -> None:
        name = outlet.rpartition(":")[2]
        self._outlet = outlet
        self._path = folder / f"{name}.undelivered.jsonl"
        self._run_sync = run_sync
        self._emit = emit
        self.count = 0

    async def put(self, lot: Sequence[Happening], reason: str) -> None:
        """Return when these are on disk, and somebody was told. A disk that fails is tried again."""
        while True:
            try:
                await self._run_sync(self._append, lot)
            except OSError:
                await trio.sleep(_AGAIN)
            else:
                self.count += len(lot)
                self._emit(OutletGaveUp(self._outlet, len(lot), reason, str(self._path)))
                return

    def _append(self, lot: Sequence[Happening]) -> None:
        self._path.parent.mkdir(exist_ok=True)
        opener = partial(os.open, mode=FILE_MODE)
        with open(self._path, "ab", buffering=0, opener=opener) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                rest = memoryview(b"\n".join([*(each.json for each in lot), b""]))
                while rest:  # a disk that is nearly full takes a part without a word
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise
        fsync_folder(self._path.parent)
