"""Messages from handsets onto disk, blocking: the whole ones into `new/`, parts into `parts/`.

A part lies in `parts/` as NAME-001.part until the others have come. The joined message is written
there as NAME.letter, then the journal notes it, then its parts are removed, and last it is renamed
into `new/`; each step is synced before the next. So a crash at any instant neither loses it nor gives it twice: the next
start does what is left of that. It stays in `parts/` under a second name, NAME.told, while a part
of it may be delivered once more. Calls come one at a time. A disk that fails is told in `news`, and
by not keeping what was to be kept.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import NamedTuple

import msgspec

from smppd.events import MailboxFailing, ReceivedIncomplete
from smppd.placing import fsync_folder, write_whole
from smppd.ports import Letter
from smppd.results.halves import NOBODY, REMEMBERED_FOR, SOON, Half, Halves, key_of
from smppd.results.letters import Alphabets, Piece, Received, join, letter_or_piece, unreadable
from smppd.smpp.codec import Undecodable
from smppd.smpp.pdu import DataSm, DeliverSm

Arrived = DeliverSm | DataSm | Undecodable

_encode = msgspec.json.Encoder().encode
_read_piece = msgspec.json.Decoder(Piece).decode
_read_letter = msgspec.json.Decoder(Received).decode

_CURE = "they are refused for now and come again: free space, or give the folder to the daemon"


class Given(NamedTuple):
    """What has come to be given out: every letter, and the joined messages that are to be moved to
    `new/` when the letters are noted."""

    letters: list[Letter]
    told: list[Half]


class Sorter:
    """Puts each message where it belongs. `news` is what the operator should hear."""

    def __init__(self, received: Path, alphabets: Alphabets) -> None:
        self._new = received / "new"
        self._parts = received / "parts"
        self._alphabets = alphabets
        self._count = itertools.count(1)
        self._halves = Halves()
        #: Messages written as NAME.letter, whose parts are to go and which are to move to `new/`.
        self._told: list[Half] = []
        #: Letters that nobody has noted yet: those in `new/`, and those of `_told` by their names.
        self._placed: list[Letter] = []
        self._joined: dict[str, Letter] = {}
        self._unsynced: set[Path] = set()
        self._now = 0.0
        self.news: list[MailboxFailing | ReceivedIncomplete] = []

    # ── what is asked of it ──────────────────────────────────────────────────────────────────

    def keep(self, link: str, messages: Sequence[Arrived], now: float) -> list[bool]:
        """Of each message that came on a link, whether it is on disk."""
        self._now = now
        kept = [self._keep_one(link, message) for message in messages]
        try:
            self._sync()
        except OSError as error:
            self._placed.clear()  # they come again
            self._tell_failure(error)
            return [False] * len(kept)
        self.give_up_before(-inf, now)
        return kept

    def give_up_before(self, began: float, now: float) -> bool:
        """Give out as they are messages that began before this time, and those beyond what can be
        kept; whether the disk let us."""
        self._now = now
        try:
            for name in self._halves.forget(now - REMEMBERED_FOR):
                self._told_file(name).unlink(missing_ok=True)
            for half in self._halves.overdue(began):
                self._give_up(half, "the other parts did not come within reassembly_timeout")
            while (oldest := self._halves.too_many()) is not None:
                self._give_up(oldest, "too many messages wait for other parts")
            self._sync()
        except OSError as error:
            self._tell_failure(error)
            return False
        return True

    def take_given(self) -> Given:
        """What is to be noted, and then to be moved; it is not named again. What is not synced
        waits for the next."""
        placed, self._placed = self._placed, []
        if self._unsynced:
            return Given(placed, [])
        given = Given([*placed, *self._joined.values()], self._told)
        self._joined, self._told = {}, []
        return given

    def recover(self, now: float) -> None:
        """Take up what the last run left in `parts/`. OSError when that cannot be read or mended."""
        self._now = now
        for ending in "*.told", "*.letter":
            for path in sorted(self._parts.glob(ending)):
                with suppress(msgspec.DecodeError):
                    self._remember(path.stem, _read_letter(path.read_bytes()))
        pieces: dict[str, list[Piece]] = defaultdict(list)
        for path in sorted(self._parts.glob("*.part")):
            try:
                piece = _read_piece(path.read_bytes())
            except msgspec.DecodeError as error:
                cure = "look at it and move it away: it is left where it is"
                self.news.append(MailboxFailing(f"{path} is no part of a message: {error}", cure))
            else:
                pieces[path.stem.rpartition("-")[0]].append(piece)
        for path in sorted(self._parts.glob("*.letter")):
            self._told.append(_half(path.stem, pieces.pop(path.stem, [])))
            self._joined[path.stem] = Letter(f"{path.stem}.json", path.read_bytes())
        for name, found in pieces.items():
            self._halves.restore(_half(name, found))

    # ── one message ──────────────────────────────────────────────────────────────────────────

    def _keep_one(self, link: str, message: Arrived) -> bool:
        try:
            if isinstance(message, Undecodable):
                self._put_letter(unreadable(link, self._now, message))
                return True
            found = letter_or_piece(link, self._now, message, self._alphabets)
            if isinstance(found, Piece):
                self._put_piece(found)
            else:
                self._put_letter(found)
        except OSError as error:
            self._tell_failure(error)
            return False
        return True

    def _put_letter(self, letter: Received) -> None:
        placed = Letter(f"{self._new_name(self._now)}.json", _encode(letter) + b"\n")
        write_whole(self._new / placed.name, placed.body)
        self._unsynced.add(self._new)
        self._placed.append(placed)

    def _put_piece(self, piece: Piece) -> None:
        half = self._halves.find(piece)
        there = half.pieces.get(piece.number) if half else None
        if there is not None and there.data == piece.data:
            return  # delivered once more
        if half is not None and (there is not None or self._is_stale(half, piece)):
            self._give_up(half, "its reference came again for another message")
            half = None
        if half is None:
            half = Half(key_of(piece), self._new_name(piece.at), piece.at)
        if len(half.pieces) + 1 == piece.total:
            self._tell(half, half.in_order(piece))
            return
        write_whole(self._part(half, piece.number), _encode(piece) + b"\n")
        self._unsynced.add(self._parts)
        self._halves.hold(half, piece)

    def _is_stale(self, half: Half, piece: Piece) -> bool:
        """Whether what is there are parts of a joined message that were delivered once more."""
        return half.again and not self._halves.is_again(piece) and piece.at - half.since > SOON

    def _new_name(self, at: float) -> str:
        return f"{int(at * 1000):013d}-{os.getpid()}-{next(self._count):06d}"

    def _part(self, half: Half, number: int) -> Path:
        return self._parts / f"{half.name}-{number:03d}.part"

    def _letter(self, half: Half) -> Path:
        return self._parts / f"{half.name}.letter"

    def _told_file(self, name: str) -> Path:
        return self._parts / f"{name}.told"

    # ── from parts to messages ───────────────────────────────────────────────────────────────

    def _give_up(self, half: Half, why: str) -> None:
        """Give out what there is of a message, unless all of that was given out before."""
        if half.again:
            self._halves.drop(half)
            self._told.append(half)
            return
        letter = self._tell(half, half.in_order())
        missing = ", ".join(map(str, letter.missing))
        self.news.append(ReceivedIncomplete(letter.link, letter.parts, missing, why))

    def _tell(self, half: Half, pieces: Sequence[Piece]) -> Received:
        letter = join(pieces, self._alphabets)
        body = _encode(letter) + b"\n"
        write_whole(self._letter(half), body)
        self._joined[half.name] = Letter(f"{half.name}.json", body)
        self._unsynced.add(self._parts)
        self._halves.drop(half)
        self._remember(half.name, letter)
        self._told.append(half)
        return letter

    def _remember(self, name: str, letter: Received) -> None:
        forgotten = self._halves.remember(self._now, name, letter)
        if forgotten is not None:
            with suppress(OSError):  # it goes with the next start, then
                self._told_file(forgotten).unlink()

    def _sync(self) -> None:
        """Put on disk what was written: on return it is there after any crash."""
        for folder in list(self._unsynced):
            fsync_folder(folder)
            self._unsynced.discard(folder)

    def move(self, told: Sequence[Half]) -> bool:
        """Remove the parts of what has been told, and move it into `new/`; whether the disk let us:
        else it is among what `take_given` gives next."""
        try:
            self._move(told)
        except OSError as error:
            self._told = [*told, *self._told]
            self._tell_failure(error)
            return False
        return True

    def _move(self, told: Sequence[Half]) -> None:
        for half in told:
            with suppress(OSError):  # a filesystem may have no second names: then we only know
                self._told_file(half.name).hardlink_to(self._letter(half))
            for number in half.pieces:
                self._part(half, number).unlink(missing_ok=True)
        fsync_folder(self._parts)
        for half in told:
            with suppress(FileNotFoundError):
                self._letter(half).rename(self._new / f"{half.name}.json")
        fsync_folder(self._new)
        fsync_folder(self._parts)

    def _tell_failure(self, error: OSError) -> None:
        where = error.filename or self._new.parent
        self.news.append(MailboxFailing(f"{where}: {error.strerror}", _CURE))


def _half(name: str, pieces: Sequence[Piece]) -> Half:
    """A message as its files in `parts/` have it."""
    found = {piece.number: piece for piece in pieces}
    if not pieces:
        return Half(NOBODY, name, 0.0)
    return Half(key_of(pieces[0]), name, min(piece.at for piece in pieces), found)
