"""message_ids: the forms in which a receipt may name one, and the parts behind them.

A message_id is opaque (3.4, 5.2.23): it is kept as the SMSC answered it and looked up as it is
first. But many an SMSC names a message differently in its receipts: in the other case, without
the leading zeros, in decimal where it answered in hex. What such a form leads to is a candidate,
no more; who decides must see that it is the only one. Pure; raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal

#: How the SMSC's receipts name its messages: as it answered; the same but for case and leading
#: zeros; answered in hex and named in decimal; answered in decimal and named in hex.
Form = Literal["exact", "folded", "hex-decimal", "decimal-hex"]
EXACT: Final = "exact"
FOLDED: Final = "folded"
HEX_DECIMAL: Final = "hex-decimal"
DECIMAL_HEX: Final = "decimal-hex"

#: So many older parts of one id are kept: an SMSC that gives the same id to all names none.
OLDER = 100
#: So many keys may come while nobody asks for a folded one before the table of them is given up.
UNASKED = 10_000

#: A part: its message's msg_id, and its number from 0.
Place = tuple[int, int]

#: Longer ids are never numbers: the specification allows 64 characters.
_LONGEST_NUMBER = 64
_HEX = re.compile(r"[0-9a-f]+")


def fold(message_id: str) -> str:
    """The id without the difference of case and of leading zeros; of nothing but zeros, one."""
    return message_id.lower().lstrip("0") or ("0" if message_id else "")


def in_other_radix(folded: str) -> Iterator[tuple[Form, str]]:
    """What a folded id of a receipt may have been answered as: the number in the other radix."""
    if len(folded) > _LONGEST_NUMBER or not _HEX.fullmatch(folded):
        return
    if folded.isdecimal():
        yield HEX_DECIMAL, f"{int(folded):x}"
    yield DECIMAL_HEX, str(int(folded, 16))


def folded_key(key: str) -> str | None:
    """A receipt key with its message_id folded; None where that changes nothing, as mostly."""
    if "\t0" not in key and key.lower() == key:  # nearly always
        return None
    link, _, message_id = key.partition("\t")
    folded = message_id.lower().lstrip("0")
    if message_id in (folded, "0"):
        return None
    return f"{link}\t{folded or '0'}"


def related_keys(key: str) -> Iterator[str]:
    """The folded keys of all forms that this receipt key may have on the other side."""
    link, _, message_id = key.partition("\t")
    folded = fold(message_id)
    yield f"{link}\t{folded}"
    for _, other in in_other_radix(folded):
        if other != folded:
            yield f"{link}\t{other}"


class Folds:
    """From a folded key to those of `keys` that it stands for, where the two differ.

    Of an SMSC that names its messages as it answered hardly anybody asks: the table is made when
    somebody does, and kept up until nobody has while `UNASKED` keys came.
    """

    def __init__(self, keys: Callable[[], Iterable[str]]) -> None:
        self._all = keys
        #: None while nobody asks: then there is nothing to add, and nothing to remove.
        self.table: dict[str, list[str]] | None = None
        self._unasked = 0

    def add(self, key: str) -> None:
        """The key is one of all from now on."""
        if self.table is None:
            return
        self._unasked += 1
        if self._unasked > UNASKED:
            self.table = None
        else:
            _enter(self.table, key)

    def remove(self, key: str) -> None:
        """The key is none of all any more."""
        if self.table is None:
            return
        folded = folded_key(key)
        keys = None if folded is None else self.table.get(folded)
        if folded is not None and keys is not None and key in keys:
            keys.remove(key)
            if not keys:
                del self.table[folded]

    def of(self, folded: str) -> Sequence[str]:
        """The keys whose folded form this is, not counting itself."""
        self._unasked = 0
        if self.table is None:
            self.table = {}
            for key in self._all():
                _enter(self.table, key)
        return self.table.get(folded, ())


def _enter(table: dict[str, list[str]], key: str) -> None:
    folded = folded_key(key)
    if folded is not None:
        keys = table.setdefault(folded, [])
        if key not in keys:
            keys.append(key)


class MessageIds:
    """The outstanding part behind each receipt key, and older ones of the same key.

    An SMSC that counts from the beginning again gives one id to two messages of which neither is
    final: both are kept, the newest first.
    """

    def __init__(self) -> None:
        self._newest: dict[str, Place] = {}
        #: The newest part of this very id: `get(key)`.
        self.get = self._newest.get
        self._older: dict[str, list[Place]] = {}
        self._folds = Folds(self._newest.keys)
        #: How often a link gave an id to a second message while it still led to a first.
        self.conflicts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._newest)

    def places(self, key: str) -> list[Place]:
        """Every part of this very id, the newest first."""
        newest = self._newest.get(key)
        if newest is None:
            return []
        return [newest, *reversed(self._older[key])] if key in self._older else [newest]

    def folded_places(self, folded: str) -> list[Place]:
        """Every part whose id is this one, but for case and leading zeros."""
        found = self.places(folded)
        for key in self._folds.of(folded):
            found += self.places(key)
        return found

    def items(self) -> Iterable[tuple[str, Place]]:
        """Every key with its newest part."""
        return self._newest.items()

    def add(self, key: str, place: Place) -> None:
        """This part is known by this id from now on."""
        before = self._newest.get(key)
        self._newest[key] = place
        if before is None:
            if self._folds.table is not None:
                self._folds.add(key)
        elif before != place:
            self._note_conflict(key, before, place)
            older = self._older.setdefault(key, [])
            if place in older:
                older.remove(place)
            older.append(before)
            del older[:-OLDER]

    def add_older(self, key: str, place: Place) -> None:
        """Like `add`, but whatever has the id by now is newer."""
        newest = self._newest.get(key)
        if newest is None:
            self.add(key, place)
        elif place not in self.places(key):
            self._note_conflict(key, newest, place)
            older = self._older.setdefault(key, [])
            if len(older) < OLDER:
                older.insert(0, place)

    def _note_conflict(self, key: str, one: Place, other: Place) -> None:
        if one[0] != other[0]:
            link = key.partition("\t")[0]
            self.conflicts[link] = self.conflicts.get(link, 0) + 1

    def remove(self, key: str, msg_id: int) -> None:
        """This message is known by this id no more; an older one of the same id comes forth."""
        newest = self._newest.get(key)
        if newest is not None and newest[0] == msg_id and key not in self._older:  # nearly always
            del self._newest[key]
            if self._folds.table is not None:
                self._folds.remove(key)
            return
        older = self._older.pop(key, [])
        left = [place for place in older if place[0] != msg_id]
        if newest is not None and newest[0] != msg_id:
            left.append(newest)
        if left:
            self._newest[key] = left.pop()
            if left:
                self._older[key] = left
        elif newest is not None:
            del self._newest[key]
            self._folds.remove(key)
