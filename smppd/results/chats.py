"""Chat messages on their way into `received/new/`, each exactly once.

A letter is written whole into `received/chat/`, under a name that says which message of which
conversation it is; then the journal notes that message, and the letter; then it is renamed into `new/`.
Each step is on disk before the next. So after a crash whatever the journal has noted is moved, and
the rest is removed: it will be fetched again. Whoever takes letters out of `new/` is not asked.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import trio

from smppd.events import Emit, MailboxFailing, MailboxRecovered
from smppd.placing import free_name, fsync_folder, write_whole
from smppd.ports import ChatLetter, Letter
from smppd.told import iso

_ENDING = ".letter"
#: A draft's name: that of the letter, the number of its conversation, and its key.
_NAME = re.compile(r"[^.]+\.(\d+)-((?:[0-9a-f]{2})+)" + re.escape(_ENDING))
_CURE = "they are fetched again: free space, or give the folder to the daemon"

_encode = msgspec.json.Encoder().encode

#: Whether the journal has noted this message (its key) of this conversation (its number).
Noted = Callable[[int, bytes], bool]
#: Returns when it is on disk that these letters have come.
Note = Callable[[Sequence[Letter]], Awaitable[None]]


class ChatReceived(msgspec.Struct):
    """A message from a chat, for people. Names are those of a handset's message where they mean
    the same: `link` is the account, `source` the other side, `destination` our side of the
    channel. `provided` is everything that the provider said of it, as it came."""

    link: str
    received: str | None
    source: str
    destination: str
    text: str
    kind: str
    platform: str
    platformid: str
    messageid: str
    status: str
    datetime: str
    provided: msgspec.Raw


class ChatLetterbox:
    """Writes and gives out letters; a `ports.Letterbox`. `wall` gives epoch seconds."""

    def __init__(
        self,
        root: Path,
        wall: Callable[[], float],
        emit: Emit,
        run_sync: Callable[..., Awaitable[Any]] = trio.to_thread.run_sync,
    ) -> None:
        self._drafts = root / "received" / "chat"
        self._new = root / "received" / "new"
        self._wall = wall
        self._emit = emit
        self._run_sync = run_sync
        self._count = itertools.count(1)
        self._turn = trio.Lock()
        #: Noted, and not moved yet because the disk did not let us.
        self._owed: list[str] = []
        self._failing = False
        self._note: Note | None = None

    def note_with(self, note: Note) -> None:
        """What notes every letter before it is given out."""
        self._note = note

    def recover(
        self, noted: Noted, note: Callable[[Sequence[Letter]], None] = lambda _: None
    ) -> None:
        """Finish what the last run began, and have whatever that gives out noted. It blocks;
        OSError when the disk fails."""
        for leftover in self._drafts.glob(".*.tmp"):
            leftover.unlink()
        for draft in sorted(self._drafts.glob(f"*{_ENDING}")):
            found = _NAME.fullmatch(draft.name)
            if found is not None and noted(int(found[1]), bytes.fromhex(found[2])):
                self._owed.append(draft.name)
            else:
                draft.unlink()
        if self._owed:
            note([self._read(name) for name in self._owed])
        self._move([])

    async def draft(self, letters: Sequence[ChatLetter]) -> list[str] | None:
        """Put them on disk where nobody looks; their names, None when the disk does not let us."""
        async with self._turn:
            try:
                names: list[str] = await self._run_sync(self._write, letters, self._wall())
            except OSError as error:
                self._tell(error)
                return None
        return names

    async def give_out(self, drafts: Sequence[str]) -> None:
        """Move these into `new/`; those that cannot be moved now go with the next."""
        if not drafts and not self._owed:
            return
        async with self._turn:
            try:
                if drafts and self._note is not None:
                    await self._note([await self._run_sync(self._read, name) for name in drafts])
                await self._run_sync(self._move, drafts)
            except OSError as error:
                self._tell(error)
            else:
                self._tell(None)

    def _write(self, letters: Sequence[ChatLetter], now: float) -> list[str]:
        names: list[str] = []
        try:
            for letter in letters:
                name = f"{int(now * 1000):013d}-{os.getpid()}-c{next(self._count):06d}"
                name += f".{letter.number}-{letter.message.key.hex()}{_ENDING}"
                write_whole(self._drafts / name, _encode(_received(letter, now)) + b"\n")
                names.append(name)
            fsync_folder(self._drafts)
        except OSError:
            for name in names:
                with suppress(OSError):  # it goes with the next start, then
                    (self._drafts / name).unlink()
            raise
        return names

    def _read(self, draft: str) -> Letter:
        return Letter(_letter_name(draft), (self._drafts / draft).read_bytes())

    def _move(self, drafts: Sequence[str]) -> None:
        self._owed.extend(drafts)
        if not self._owed:
            return
        for name in self._owed:
            with suppress(FileNotFoundError):  # a clock that was set back may repeat a name
                letter = free_name(self._new, _letter_name(name))
                (self._drafts / name).rename(letter)
        fsync_folder(self._new)
        fsync_folder(self._drafts)
        self._owed.clear()

    def _tell(self, error: OSError | None) -> None:
        """Tell the operator of a failing disk once, until it works again."""
        if error is not None and not self._failing:
            where = error.filename or self._new.parent
            self._emit(MailboxFailing(f"{where}: {error.strerror}", _CURE))
        elif error is None and self._failing:
            self._emit(MailboxRecovered())
        self._failing = error is not None


def _letter_name(draft: str) -> str:
    return f"{draft.partition('.')[0]}.json"


def _received(letter: ChatLetter, now: float) -> ChatReceived:
    channel, message = letter.channel, letter.message
    return ChatReceived(
        channel.account,
        iso(now),
        letter.destination,
        channel.platformid,
        message.text,
        "chat",
        channel.platform,
        channel.platformid,
        message.messageid,
        message.status,
        message.datetime,
        msgspec.Raw(message.raw),
    )
