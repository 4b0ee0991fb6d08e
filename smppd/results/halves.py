"""Long messages of which not every part has come yet: what is there, and what is to be given up.

Pure: no clock and no disk; times are epoch seconds. Nothing raises. Whoever holds it writes first
and tells it after, so that memory never knows more than the disk.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from smppd.results.letters import Piece, Received

#: So many parts are kept without the rest of their message, and so many octets (in hex) of them;
#: beyond that the oldest message is given up. A flood of half messages fills no disk.
MOST_PIECES = 10_000
MOST_OCTETS = 16 << 20
#: So many joined messages are remembered, and for so long (seconds), to know a part that is
#: delivered once more because its SMSC did not hear our answer.
REMEMBERED = 2_000
REMEMBERED_FOR = 3600.0
#: For so long what looks like such a part may be that of a new message which says the same there.
SOON = 60.0

#: Source, destination, kind of reference, reference, total: parts that share them belong together,
#: over whichever link they come.
Key = tuple[str, str, str, int, int]


#: The key of a message of which no part is known.
NOBODY: Key = ("", "", "", 0, 0)


def key_of(piece: Piece) -> Key:
    """What a part has in common with the others of its message."""
    return piece.source, piece.destination, piece.reference_kind, piece.reference, piece.total


class Half(msgspec.Struct, eq=False):
    """What has come of one message. `name` is that of its files; `since` when its first part came.

    `again`: every part of it is one of a message joined before, delivered once more.
    """

    key: Key
    name: str
    since: float
    pieces: dict[int, Piece] = msgspec.field(default_factory=dict)
    again: bool = False

    def in_order(self, last: Piece | None = None) -> list[Piece]:
        """The parts by their numbers, with `last` among them."""
        pieces = [*self.pieces.values(), *([last] if last is not None else [])]
        return sorted(pieces, key=lambda piece: piece.number)


class _Joined(NamedTuple):
    """A message that was joined: when, the name of its files, what it says, which parts it lacks."""

    at: float
    name: str
    octets: bytes
    missing: frozenset[int]

    def has(self, piece: Piece) -> bool:
        """Whether this part is in it: its octets stand where this number can be."""
        if piece.number in self.missing:
            return False
        if piece.number == 1:
            return self.octets.startswith(piece.octets)
        if piece.number == piece.total:
            return self.octets.endswith(piece.octets)
        return piece.octets in self.octets


class Halves:
    """All of them, the oldest first."""

    def __init__(self) -> None:
        self._halves: dict[Key, Half] = {}
        self._joined: dict[tuple[str, str, int, int], _Joined] = {}
        self._pieces = 0
        self._octets = 0

    def __len__(self) -> int:
        return len(self._halves)

    def restore(self, half: Half) -> None:
        """Take up a message that an earlier run began. They come in the order of their names,
        after what is remembered."""
        self._halves[half.key] = half
        half.again = all(map(self.is_again, half.pieces.values()))
        self._count(half, 1)

    def find(self, piece: Piece) -> Half | None:
        """The message that this part belongs to, if any of it has come."""
        return self._halves.get(key_of(piece))

    def hold(self, half: Half, piece: Piece) -> None:
        """This part is on disk."""
        again = self.is_again(piece)
        half.again = again if not half.pieces else half.again and again
        self._halves.setdefault(half.key, half)
        half.pieces[piece.number] = piece
        self._pieces += 1
        self._octets += len(piece.data)

    def is_again(self, piece: Piece) -> bool:
        """Whether a message was joined with this very part in it."""
        key = (piece.source, piece.destination, piece.reference, piece.total)
        joined = self._joined.get(key)
        return joined is not None and joined.has(piece)

    def drop(self, half: Half) -> None:
        """This message has been told, or is not to be."""
        if self._halves.get(half.key) is half:
            del self._halves[half.key]
            self._count(half, -1)

    def remember(self, at: float, name: str, letter: Received) -> str | None:
        """This message was joined, in the files of this name; the name of one now forgotten."""
        assert isinstance(letter.reference, int)
        key = (letter.source, letter.destination, letter.reference, letter.parts)
        before = self._joined.pop(key, None)
        octets, missing = bytes.fromhex(letter.data), frozenset(letter.missing)
        self._joined[key] = _Joined(at, name, octets, missing)
        return before.name if before else None

    def forget(self, before: float) -> list[str]:
        """The names of joined messages that need be remembered no more."""
        forgotten = []
        for key, joined in list(self._joined.items()):
            if joined.at > before and len(self._joined) <= REMEMBERED:
                break
            del self._joined[key]
            forgotten.append(joined.name)
        return forgotten

    def overdue(self, before: float) -> list[Half]:
        """Those that began before this time."""
        found = []
        for half in self._halves.values():
            if half.since > before:
                break
            found.append(half)
        return found

    def too_many(self) -> Half | None:
        """The oldest, when there are more than can be kept."""
        if self._pieces <= MOST_PIECES and self._octets <= MOST_OCTETS:
            return None
        return next(iter(self._halves.values()))

    def _count(self, half: Half, sign: int) -> None:
        self._pieces += sign * len(half.pieces)
        self._octets += sign * sum(len(piece.data) for piece in half.pieces.values())
