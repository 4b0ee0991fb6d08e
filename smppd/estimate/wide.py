"""Which characters force UCS-2, where they stand, and what other characters would save. Pure."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from functools import cache

from smppd.estimate.findings import Place, Transliteration, Wide, WideCharacter
from smppd.message import Message
from smppd.smpp.text import Alphabet, fits

#: So many characters are told apart, and so many shown, each with so many places.
_MOST_KEPT = 5000
_MOST_SHOWN = 50
_PLACES = 5
#: No alphabet of data_coding 0 has a character beyond the euro sign.
_LAST = 0x20AC


@cache
def _narrow(alphabet: Alphabet) -> frozenset[str]:
    return frozenset(char for char in map(chr, range(_LAST + 1)) if fits(char, alphabet))


class _Seen:
    __slots__ = ("alone", "messages", "places")

    def __init__(self) -> None:
        self.messages = self.alone = 0
        self.places: list[Place] = []


class WideTexts:
    """Counts them. Beyond `_MOST_KEPT` characters only their messages are counted."""

    def __init__(self) -> None:
        self._messages = self._parts = 0
        self._seen: dict[str, _Seen] = {}
        self._narrowed = self._saved = 0
        self._cost_saved = Decimal(0)
        self._replaced: dict[str, tuple[str, int]] = {}

    def count(self, line: int, text: str, parts: int, alphabet: Alphabet) -> None:
        """A text that goes as UCS-2 where this is the alphabet of data_coding 0."""
        self._messages += 1
        self._parts += parts
        strange = set(text) - _narrow(alphabet)
        alone = len(strange) == 1
        for char in strange:
            seen = self._seen.get(char)
            if seen is None:
                if len(self._seen) >= _MOST_KEPT:
                    continue
                seen = self._seen[char] = _Seen()
            seen.messages += 1
            seen.alone += alone
            if len(seen.places) < _PLACES:
                seen.places.append(Place(line, text.index(char) + 1))

    def spare(self, parts: int, other: Message, price: Decimal | None) -> None:
        """Transliterated, what took so many parts would be this message."""
        saved = parts - len(other.segments)
        self._narrowed += 1
        self._saved += saved
        if price is not None:
            self._cost_saved += price * saved
        for char, to in (other.transliterated or {}).items():
            if char in self._replaced or len(self._replaced) < _MOST_KEPT:
                self._replaced[char] = (to, self._replaced.get(char, ("", 0))[1] + 1)

    def told(self, *, priced: bool) -> Wide:
        """All of it, the worst characters first."""
        order = sorted(self._seen.items(), key=lambda each: (-each[1].messages, each[0]))
        shown = [
            WideCharacter(
                char,
                f"U+{ord(char):04X}",
                unicodedata.name(char, "no name"),
                seen.messages,
                seen.alone,
                seen.places,
            )
            for char, seen in order[:_MOST_SHOWN]
        ]
        replaced = sorted(self._replaced.items(), key=lambda each: -each[1][1])
        return Wide(
            self._messages,
            self._parts,
            shown,
            len(order) - len(shown),
            Transliteration(
                self._narrowed,
                self._saved,
                self._cost_saved if priced else None,
                dict(replaced[:_MOST_SHOWN]),
            ),
        )
