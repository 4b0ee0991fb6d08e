"""A filter in memory that says "certainly not there" without asking the disk.

Three bits per key in a bitmap that is kept at sixteen bits a key or more, so that at most one absent
key in two hundred costs a look-up, and mostly far fewer. It grows by writing the bitmap twice: a key's
places in the larger map are among the copies of its old bits, so no key need be read again. The price
is more false alarms after each doubling; it starts large enough for two million keys. Places come from
Python's own hash of a text, which is another in each process: a filter is never stored.
"""

from __future__ import annotations

_BITS_PER_KEY = 16


class Filter:
    """A growing set of text keys with false positives and no false negatives."""

    def __init__(self, bits: int = 1 << 25) -> None:
        self._map = bytearray(bits >> 3)
        self._mask = bits - 1
        self._keys = 0

    def __contains__(self, key: str) -> bool:
        places = hash(key)
        bits, mask = self._map, self._mask
        place = places & mask
        if not bits[place >> 3] >> (place & 7) & 1:
            return False
        place = places >> 18 & mask
        if not bits[place >> 3] >> (place & 7) & 1:
            return False
        place = places >> 36 & mask
        return bool(bits[place >> 3] >> (place & 7) & 1)

    def add(self, key: str) -> None:
        """Remember a key."""
        self._keys += 1
        if self._keys * _BITS_PER_KEY > self._mask:
            self._map *= 2
            self._mask = len(self._map) * 8 - 1
        places = hash(key)
        for place in (places & self._mask, places >> 18 & self._mask, places >> 36 & self._mask):
            self._map[place >> 3] |= 1 << (place & 7)
