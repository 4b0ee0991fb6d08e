"""The numbers that tell long messages to one handset apart (3GPP 23.040, 9.2.3.24.1).

A handset joins parts by sender, reference and number of parts. So each pair of sender and
destination counts for itself, over restarts: with eight bits in the header a reference comes back
after 255 other long messages of that pair. Pairs share 2^18 counters of 16 bits, found by a
checksum; pairs that meet in one only count on faster. Pure.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable

_BUCKETS = 1 << 18


def bucket_of(sender: str, to: str) -> int:
    """Which counter a pair of addresses has."""
    return zlib.crc32(f"{sender}\t{to}".encode()) & (_BUCKETS - 1)


def is_later(value: int, than: int) -> bool:
    """Whether a number comes after another, on the circle that 16 bits make."""
    return 0 < (value - than) & 0xFFFF < 0x8000


class References:
    """The last number used in each bucket. Half a megabyte, from the first number on."""

    def __init__(self) -> None:
        self._last = array("H")

    def last(self, bucket: int) -> int:
        """The last number used; 0 before the first."""
        return self._last[bucket] if self._last else 0

    def note(self, used: Iterable[tuple[int, int]]) -> None:
        """These (bucket, number) pairs were used. One from before the last changes nothing."""
        if not self._last:
            self._last = array("H", bytes(2 * _BUCKETS))
        last = self._last
        for bucket, value in used:
            if is_later(value, last[bucket]):
                last[bucket] = value

    def save(self) -> bytes:
        """All of them, for a snapshot."""
        return zlib.compress(_little_endian(self._last).tobytes(), 1) if self._last else b""

    def restore(self, saved: bytes) -> None:
        """As it was when it was saved."""
        if saved:
            self._last = _little_endian(array("H", zlib.decompress(saved)))


def _little_endian(numbers: array[int]) -> array[int]:
    """On disk, as in memory where that is little-endian."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers


class Numbering:
    """Gives out the next numbers, before the fact that says so is made.

    A number is never given out twice, whatever becomes of the message that it was for.
    """

    def __init__(self, references: References) -> None:
        self._references = references
        self._ahead: dict[int, int] = {}

    def next(self, sender: str, to: str) -> tuple[int, int]:
        """The (bucket, number) pair for the next long message from one to the other."""
        bucket = bucket_of(sender, to)
        last = self._references.last(bucket)
        ahead = self._ahead.get(bucket, last)
        number = ((ahead if is_later(ahead, last) else last) + 1) & 0xFFFF
        self._ahead[bucket] = number
        return bucket, number

    def noted(self, used: Iterable[tuple[int, int]]) -> None:
        """The fact with these pairs has been made: the references know them."""
        for bucket, number in used:
            if self._ahead.get(bucket) == number:
                del self._ahead[bucket]
