"""Who has opted out of whose messages: a million numbers in some twenty megabytes, found at once.

A number is written as E.164 digits, or as a short code's. What it has opted out of is a sender's
messages, or everybody's (`EVERYONE`). Pure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from smppd.address import Sender, classify_sender

#: In place of a sender: the messages of all senders.
EVERYONE: Final = ""

#: Numbers in one piece of a roll, at most twice as many: what is moved to let one more in.
_PIECE = 1024
#: So many different reasons are told apart in memory; the journal has every one.
_MOST_REASONS = 0xFFFF
_MOST_DIGITS = 15


class OptOut(NamedTuple):
    """A number that wants no messages from a sender, since when (whole epoch seconds) and why."""

    number: str
    sender: str
    at: int
    why: str


class Change(NamedTuple):
    """An opt-out that begins (`out`) or ends. One that ends for the sender None ends for all
    senders, `EVERYONE` included."""

    number: str
    sender: str | None
    at: int
    why: str
    out: bool = True


def sender_key(text: str) -> str:
    """A sender as it stands in the list: a number's digits, or a name in capitals.

    What is no sender is kept as it is, so that nothing is lost that somebody wrote there.
    """
    found = classify_sender(text)
    return (found.text if isinstance(found, Sender) else text).upper()


def is_listable(number: str) -> bool:
    """Whether these are the digits of a number or a short code."""
    return 0 < len(number) <= _MOST_DIGITS and number.isascii() and number.isdecimal()


def _key(number: str) -> int:
    """A number as an integer, in the order of its text: leading zeros count."""
    return (int(number.ljust(_MOST_DIGITS, "0")) << 4) | len(number)


class _Piece:
    """A stretch of a roll: numbers in order, and of each since when and which reason."""

    __slots__ = ("at", "keys", "why")

    def __init__(self, keys: array[int], at: array[int], why: array[int]) -> None:
        self.keys = keys
        self.at = at
        self.why = why

    def halves(self) -> tuple[_Piece, _Piece]:
        middle = len(self.keys) // 2
        return (
            _Piece(self.keys[:middle], self.at[:middle], self.why[:middle]),
            _Piece(self.keys[middle:], self.at[middle:], self.why[middle:]),
        )


class _Roll:
    """The numbers that have opted out of one sender's messages, in order."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._firsts: list[int] = []
        self.count = 0

    def _place(self, key: int) -> tuple[int, int] | None:
        """The piece that a number is in, and where in it."""
        index = bisect_right(self._firsts, key) - 1
        if index < 0:
            return None
        keys = self._pieces[index].keys
        place = bisect_left(keys, key)
        return None if place == len(keys) or keys[place] != key else (index, place)

    def find(self, key: int) -> tuple[int, int] | None:
        """Since when and for which reason; None for who is not in it."""
        found = self._place(key)
        if found is None:
            return None
        piece, place = self._pieces[found[0]], found[1]
        return piece.at[place], piece.why[place]

    def put(self, key: int, at: int, why: int) -> bool:
        """Enter a number unless it is there."""
        index = max(bisect_right(self._firsts, key) - 1, 0)
        if not self._pieces:
            self._pieces.append(_Piece(array("Q"), array("I"), array("H")))
            self._firsts.append(key)
        piece = self._pieces[index]
        place = bisect_left(piece.keys, key)
        if place < len(piece.keys) and piece.keys[place] == key:
            return False
        piece.keys.insert(place, key)
        piece.at.insert(place, at)
        piece.why.insert(place, why)
        self._firsts[index] = piece.keys[0]
        if len(piece.keys) > 2 * _PIECE:
            self._pieces[index : index + 1] = halves = piece.halves()
            self._firsts[index : index + 1] = [half.keys[0] for half in halves]
        self.count += 1
        return True

    def remove(self, key: int) -> bool:
        """Strike a number out; False when it is not there."""
        found = self._place(key)
        if found is None:
            return False
        index, place = found
        piece = self._pieces[index]
        del piece.keys[place], piece.at[place], piece.why[place]
        if piece.keys:
            self._firsts[index] = piece.keys[0]
        else:
            del self._pieces[index], self._firsts[index]
        self.count -= 1
        return True

    def fill(self, keys: array[int], at: array[int], why: array[int]) -> None:
        """Take numbers that are in order, into a roll that is empty."""
        for start in range(0, len(keys), _PIECE):
            part = slice(start, start + _PIECE)
            self._pieces.append(_Piece(keys[part], at[part], why[part]))
            self._firsts.append(keys[start])
        self.count = len(keys)


class OptOutList:
    """The list as it is asked: by number, and by the senders that a message may count for."""

    def __init__(self, entries: Iterable[OptOut] = ()) -> None:
        self._rolls: dict[str, _Roll] = {}
        self._reasons: list[str] = ["(see smppd optout list)"]
        self._known: dict[str, int] = {}
        self._fill(entries)

    def _fill(self, entries: Iterable[OptOut]) -> None:
        """Take entries in the order of their numbers."""
        columns: dict[str, tuple[array[int], array[int], array[int]]] = {}
        for number, sender, at, why in entries:
            if sender not in columns:
                columns[sender] = array("Q"), array("I"), array("H")
            keys, since, reasons = columns[sender]
            keys.append((int(number.ljust(_MOST_DIGITS, "0")) << 4) | len(number))
            since.append(int(at))
            known = self._known.get(why)
            reasons.append(self._reason(why) if known is None else known)
        for sender, given in columns.items():
            self._rolls[sender] = roll = _Roll()
            roll.fill(*given)

    def __len__(self) -> int:
        return sum(roll.count for roll in self._rolls.values())

    def __bool__(self) -> bool:
        return bool(self._rolls)

    def find(self, number: str, senders: Sequence[str]) -> OptOut | None:
        """What keeps a message to this number back that counts for any of these senders (as
        `sender_key` writes them); None where nothing does."""
        if not is_listable(number):
            return None
        key = _key(number)
        for sender in (EVERYONE, *senders):
            roll = self._rolls.get(sender)
            if roll is not None and (found := roll.find(key)) is not None:
                return OptOut(number, sender, found[0], self._reasons[found[1]])
        return None

    def has(self, number: str, sender: str) -> bool:
        """Whether this very opt-out is in the list."""
        roll = self._rolls.get(sender)
        return roll is not None and roll.find(_key(number)) is not None

    def is_news(self, change: Change) -> bool:
        """Whether the change would change anything."""
        if change.out:
            return not self.has(change.number, change.sender or EVERYONE)
        return any(self.has(change.number, sender) for sender in self._meant(change))

    def make(self, change: Change) -> bool:
        """Change the list; False where that changes nothing: who is in it stays since when he was."""
        key = _key(change.number)
        if change.out:
            roll = self._rolls.setdefault(change.sender or EVERYONE, _Roll())
            return roll.put(key, change.at, self._reason(change.why))
        done = False
        for sender in self._meant(change):
            roll = self._rolls[sender]
            done |= roll.remove(key)
            if not roll.count:
                del self._rolls[sender]
        return done

    def _meant(self, change: Change) -> Iterator[str]:
        """The senders whose opt-outs the change ends, of those that have some."""
        if change.sender is None:
            yield from list(self._rolls)
        elif change.sender in self._rolls:
            yield change.sender

    def _reason(self, why: str) -> int:
        known = self._known.get(why)
        if known is None:
            if len(self._reasons) > _MOST_REASONS:
                return 0
            known = self._known[why] = len(self._reasons)
            self._reasons.append(why)
        return known


def confirmation_id(entry: OptOut) -> str:
    """The id of the one message that confirms an opt-out, and that it does not keep back."""
    return f"optout-stop-{entry.number}-{entry.sender or 'all'}-{entry.at}"
