"""A filter in memory that says "certainly not there" without asking the disk.

One bit per key in a bitmap that is kept at sixteen bits a key or more, so that about one absent
key in sixteen costs a look-up. It grows by writing the bitmap twice: a key's place in the larger
map is one of the two copies of its old bit, so no key need be read again. The price is some three
more false alarms in a hundred for each doubling; it starts large enough for half a million keys.
"""

from __future__ import annotations

from zlib import crc32

_BITS_PER_KEY = 16


class Filter:
    """A growing set of text keys with false positives and no false negatives."""

    def __init__(self, bits: int = 1 << 23) -> None:
        self._map = bytearray(bits >> 3)
        self._mask = bits - 1
        self._keys = 0

    def __contains__(self, key: str) -> bool:
        place = crc32(key.encode()) & self._mask
        return bool(self._map[place >> 3] >> (place & 7) & 1)

    def add(self, key: str) -> None:
        """Remember a key."""
        self._keys += 1
        if self._keys * _BITS_PER_KEY > self._mask:
            self._map *= 2
            self._mask = len(self._map) * 8 - 1
        place = crc32(key.encode()) & self._mask
        self._map[place >> 3] |= 1 << (place & 7)
