"""A filter in memory that says "certainly not there" without asking the disk.

Each key sets up to five bits of one word of 64, which word and which bits by its hash, and there are
sixteen bits a key or more: at most one absent key in two hundred costs a look-up, and mostly far fewer.
It grows by writing the words twice: a key's word in the larger map is among the copies of its old one,
so no key need be read again. The price is more false alarms after each doubling; it starts large enough
for two million keys. Places come from Python's own hash of a text, which is another in each process: a
filter is never stored.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence

_BITS_PER_KEY = 16
_WORD = 64


def _pattern(number: int) -> int:
    """The bits of a word that one in 4096 of the keys sets."""
    scattered = (number + 1) * 0x9E3779B97F4A7C15
    return sum({1 << (scattered >> shift & 63) for shift in (34, 40, 46, 52, 58)})


_PATTERNS = tuple(map(_pattern, range(4096)))


class Filter:
    """A growing set of text keys with false positives and no false negatives."""

    def __init__(self, bits: int = 1 << 25) -> None:
        self._words = array("Q", bytes(bits // 8))
        self._keys = 0

    def among(self, keys: Sequence[str]) -> list[str]:
        """Those of these keys that may be there."""
        words, mask, patterns = self._words, len(self._words) - 1, _PATTERNS
        return [
            key
            for key in keys
            if words[(places := hash(key)) & mask] & (bits := patterns[places >> 48 & 4095]) == bits
        ]

    def add(self, keys: Collection[str]) -> list[str]:
        """Remember keys; those of them that may have been there before."""
        self._keys += len(keys)
        while self._keys * _BITS_PER_KEY > len(self._words) * _WORD:
            self._words *= 2
        words, mask, patterns, before = self._words, len(self._words) - 1, _PATTERNS, list[str]()
        for key in keys:
            places = hash(key)
            at, bits = places & mask, patterns[places >> 48 & 4095]
            word = words[at]
            if word & bits == bits:
                before.append(key)
            else:
                words[at] = word | bits
        return before
