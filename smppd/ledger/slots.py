"""For each message of a file, the fact that ended it: eight octets, and only while they matter.

The slots of a file lie in blocks. A block in which every message has ended is handed over to be
written to the journal and dropped, and one in which none has is a number: memory holds the blocks
that are being filled, however long the file is.
"""

from __future__ import annotations

from array import array

#: Messages in a block.
BLOCK = 4096
_SHIFT = 12

#: What stands in the slot of a message that was final when it was admitted.
FINAL_AT_ADMISSION = -1


class Slots:
    """The slots of one file, by the message's number in it: 0 until the message has ended."""

    def __init__(self, items: int = 0) -> None:
        self._items = 0
        #: Blocks in which a message has ended.
        self._blocks: dict[int, array[int]] = {}
        #: How many messages have not, of every block that the journal has not got.
        self._open: dict[int, int] = {}
        self.extend(items)

    def extend(self, count: int) -> None:
        """Make room for so many more messages."""
        while count > 0:
            number, used = self._items >> _SHIFT, self._items & (BLOCK - 1)
            added = min(count, BLOCK - used)
            if number in self._blocks:
                self._blocks[number].extend([0] * added)
            self._open[number] = self._open.get(number, 0) + added
            self._items += added
            count -= added

    def end(self, item: int, seq: int) -> int | None:
        """The message ended with this fact; its block's number if that was the last one in it."""
        number = item >> _SHIFT
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = self._untouched(number)
        block[item & (BLOCK - 1)] = seq
        self._open[number] -= 1
        return number if not self._open[number] and len(block) == BLOCK else None

    def ended(self, item: int) -> bool:
        """Whether the message has ended."""
        number = item >> _SHIFT
        block = self._blocks.get(number)
        return number not in self._open if block is None else block[item & (BLOCK - 1)] != 0

    def drop(self, number: int) -> bytes:
        """Forget a block in which all have ended; its octets, for the journal."""
        del self._open[number]
        return self._blocks.pop(number).tobytes()

    def block(self, number: int) -> array[int] | None:
        """A block that the journal has not got; None if it has."""
        block = self._blocks.get(number)
        return self._untouched(number) if block is None and number in self._open else block

    def _untouched(self, number: int) -> array[int]:
        return array("q", bytes(8 * min(BLOCK, self._items - (number << _SHIFT))))

    @property
    def final_from_first(self) -> int:
        """How many messages have ended without one before them that has not: whole blocks that were
        handed over."""
        return min(self._open, default=self._items >> _SHIFT) << _SHIFT

    def copy(self) -> Slots:
        """The blocks in memory as they are now, to be read while these go on."""
        copied = Slots()
        copied._items = self._items
        copied._open = self._open.copy()
        copied._blocks = {number: block[:] for number, block in self._blocks.items()}
        return copied

    def save(self) -> dict[int, bytes]:
        """The blocks that the journal has not got, for a snapshot; of one in which no message has
        ended no octets."""
        blocks = self._blocks
        return {
            number: blocks[number].tobytes() if number in blocks else b"" for number in self._open
        }

    @classmethod
    def restore(cls, items: int, saved: dict[int, bytes]) -> Slots:
        """As it was when it was saved with so many messages; earlier versions saved the octets of
        every block."""
        slots = cls()
        slots._items = items
        for number, octets in saved.items():
            block = array("q", octets) if any(octets) else slots._untouched(number)
            slots._open[number] = block.count(0)
            if slots._open[number] < len(block):
                slots._blocks[number] = block
        return slots
