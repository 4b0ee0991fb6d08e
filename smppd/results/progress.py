"""`NAME.progress.json` beside a claimed file: how far it is, rewritten once a second."""

from __future__ import annotations

from collections.abc import Callable
from heapq import nsmallest
from pathlib import Path

import msgspec
import trio

from smppd.figures import CampaignFigures
from smppd.ledger.accounts import Accounts
from smppd.ledger.snapshot import FileAccount
from smppd.message import State
from smppd.results.tempo import Tempo
from smppd.results.watchlist import EVERY, Watchlist
from smppd.told import iso

#: Files whose progress is written in one round, the oldest first; and as many of one message.
AT_MOST = 100
_NO_TEMPO = Tempo()


class Progress(msgspec.Struct):
    """What people can watch. `total` is final once `read` is true.

    `rate` is messages a second that left of late, `time_left` seconds until the last one has left, where
    that can be said; `held` is why not all of it leaves that could.
    """

    file: str
    campaign: str
    read: bool
    total: int
    done: int
    states: dict[str, int]
    rate: float
    time_left: float | None
    held: str | None
    updated: str | None


class _Watched:
    """A file that is open, as it was last written, and its tempo."""

    def __init__(self) -> None:
        self.written: list[object] = []
        self.tempo = Tempo()


class ProgressWriter:
    """Keeps the progress of open files on disk; a courtesy, not a record, so it is not synced."""

    def __init__(
        self,
        work: Path,
        accounts: Accounts,
        wall: Callable[[], float],
    ) -> None:
        self._work = work
        self._list = Watchlist(accounts)
        self._wall = wall
        self._watched: dict[int, _Watched] = {}

    async def run(self) -> None:
        """Write progress once a second, until cancelled."""
        while True:
            await trio.sleep(EVERY)
            self.write()

    def write(self) -> None:
        """Write what has changed of files that have been open for a second or more, and of some of those
        of one message that have been for a while."""
        now, written = self._wall(), 0
        files = self._list.long(now)
        self._watched = {
            file.file_id: self._watched.get(file.file_id) or _Watched() for file in files
        }
        for file, watched in zip(files, self._watched.values(), strict=True):
            watched.tempo.note(file, now)
            stands = [file.closed, *file.states, watched.tempo.rate, file.why_held]
            if written < AT_MOST and watched.written != stands:
                watched.written = stands
                written += 1
                self._write(file, watched.tempo, now)
        for file in self._list.single(now, AT_MOST):
            self._write(file, _NO_TEMPO, now)

    def _write(self, file: FileAccount, tempo: Tempo, now: float) -> None:
        progress = Progress(
            file.name,
            file.campaign,
            file.closed,
            file.items,
            file.done,
            _states(file),
            tempo.rate,
            tempo.time_left(file),
            file.why_held or None,
            iso(now),
        )
        target = self._work / file.token / f"{file.name}.progress.json"
        draft = target.with_name(f".{target.name}.tmp")
        try:
            draft.write_bytes(msgspec.json.encode(progress) + b"\n")
            draft.replace(target)
        except OSError:
            return  # reported and cleared away meanwhile, or no room: it is only a courtesy

    def campaigns(self, at_most: int) -> list[CampaignFigures]:
        """The open files of more than one message: first those that are held, then those of which something
        leaves, and of each the longest first."""

        def place(file: FileAccount) -> tuple[bool, bool, int]:
            return not file.restrained, not self._tempo(file).rate, -file.pending

        return [self._figures(file) for file in nsmallest(at_most, self._list.campaigns(), place)]

    def campaigns_beyond(self, told_of: int) -> int:
        """How many more there are than so many."""
        return max(0, len(self._list.campaigns()) - told_of)

    def _tempo(self, file: FileAccount) -> Tempo:
        watched = self._watched.get(file.file_id)
        return watched.tempo if watched else _NO_TEMPO

    def _figures(self, file: FileAccount) -> CampaignFigures:
        tempo = self._tempo(file)
        return CampaignFigures(
            file.campaign,
            file.name,
            read=file.closed,
            total=file.items,
            done=file.done,
            states=_states(file),
            rate=tempo.rate,
            time_left=tempo.time_left(file),
            held=file.why_held,
        )


def _states(file: FileAccount) -> dict[str, int]:
    return {state.label: count for state in State if (count := file.states[state])}
