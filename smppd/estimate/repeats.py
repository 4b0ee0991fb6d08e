"""What stands in a file more than once, exactly, and in memory that does not grow with the file.

The file is looked through twice. The first look marks what it sees in a bitmap, by checksum, and
keeps the checksums of whatever fell on a mark: these few are suspects. The second look counts, and
remembers only what is suspect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smppd.estimate.findings import Repeated
from smppd.ports import Line

#: Octets of a bitmap at least and at most, and octets of a file for each of its bits.
_SMALLEST, _LARGEST = 1 << 14, 1 << 25
_OCTETS_PER_BIT = 2
_SEPARATORS = dict.fromkeys(map(ord, " -.()+"))
#: The last digits of a number are the same however much of it was written.
_TAIL = 7
_MOST_SHOWN = 10


def tail_of(number: str) -> str:
    """The last digits of a number; the same for all ways to write it."""
    tail = number[-_TAIL:]
    return tail if tail.isalnum() else number.translate(_SEPARATORS)[-_TAIL:]


class Suspects:
    """Checksums that were seen twice. `size` is that of the file in octets."""

    def __init__(self, size: int) -> None:
        octets = _SMALLEST
        while octets < min(size // (8 * _OCTETS_PER_BIT), _LARGEST):
            octets *= 2
        self._map = bytearray(octets)
        self._mask = 8 * octets - 1
        self.found: set[int] = set()

    def see(self, checksums: Iterable[int]) -> None:
        """More of them."""
        seen, mask, found = self._map, self._mask, self.found
        for checksum in checksums:
            place = checksum & mask
            at, bit = place >> 3, 1 << (place & 7)
            if seen[at] & bit:
                found.add(checksum)
            else:
                seen[at] |= bit


class FirstLook:
    """Finds the suspects among ids, numbers, and texts to the same number."""

    def __init__(self, size: int) -> None:
        self._ids, self._numbers, self._texts = Suspects(size), Suspects(size), Suspects(size)

    def look(self, lines: Sequence[Line]) -> None:
        """At more lines."""
        ids: list[str] = []
        numbers: list[str] = []
        texts: list[tuple[str, str | None]] = []
        for line in lines:
            request = line.request
            if request is None:
                continue
            to = request.to
            if isinstance(to, str):
                if request.id is not None:
                    ids.append(request.id)
                tail = to[-_TAIL:]
                if not tail.isalnum():
                    tail = tail_of(to)
                numbers.append(tail)
                texts.append((tail, request.text))
                continue
            if request.id is not None:
                ids += [f"{request.id}#{number}" for number in range(1, len(to) + 1)]
            tails = list(map(tail_of, to))
            numbers += tails
            texts += [(tail, request.text) for tail in tails]
        self._ids.see(map(hash, ids))
        self._numbers.see(map(hash, numbers))
        self._texts.see(map(hash, texts))

    def suspects(self) -> tuple[set[int], set[int], set[int]]:
        """The checksums of suspect ids, numbers and texts."""
        return self._ids.found, self._numbers.found, self._texts.found


class Counted:
    """Counts what is suspect."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def again(self, value: str) -> bool:
        """Whether it was there before; it is now."""
        count = self._counts.get(value, 0)
        self._counts[value] = count + 1
        return count > 0

    def free(self, value: str) -> None:
        """What came with this value last does not leave, so that it is no repetition of it."""
        if value in self._counts:
            self._counts[value] -= 1

    def told(self) -> Repeated:
        """What was there more than once."""
        found = [(value, count) for value, count in self._counts.items() if count > 1]
        found.sort(key=lambda each: -each[1])
        messages = sum(count - 1 for _, count in found)
        return Repeated(len(found), messages, dict(found[:_MOST_SHOWN]))
