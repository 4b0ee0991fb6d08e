"""For each message of a file, the fact that ended it: eight octets, and only while they matter.

The slots of a file lie in blocks. A block in which every message has ended is handed over to be
written to the journal and dropped, so that memory holds the blocks that are still being filled,
however long the file is.
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
        self._blocks: dict[int, array[int]] = {}
        self._open: dict[int, int] = {}
        self.extend(items)

    def extend(self, count: int) -> None:
        """Make room for so many more messages."""
        while count > 0:
            number, used = self._items >> _SHIFT, self._items & (BLOCK - 1)
            added = min(count, BLOCK - used)
            self._blocks.setdefault(number, array("q")).extend([0] * added)
            self._open[number] = self._open.get(number, 0) + added
            self._items += added
            count -= added

    def end(self, item: int, seq: int) -> int | None:
        """The message ended with this fact; its block's number if that was the last one in it."""
        number = item >> _SHIFT
        block = self._blocks[number]
        block[item & (BLOCK - 1)] = seq
        self._open[number] -= 1
        return number if not self._open[number] and len(block) == BLOCK else None

    def ended(self, item: int) -> bool:
        """Whether the message has ended."""
        block = self._blocks.get(item >> _SHIFT)
        return block is None or block[item & (BLOCK - 1)] != 0

    def drop(self, number: int) -> bytes:
        """Forget a block in which all have ended; its octets, for the journal."""
        del self._open[number]
        return self._blocks.pop(number).tobytes()

    def block(self, number: int) -> array[int] | None:
        """A block that is in memory; None if the journal has it."""
        return self._blocks.get(number)

    def copy(self) -> Slots:
        """The blocks in memory as they are now, to be read while these go on."""
        copied = Slots()
        copied._items = self._items
        copied._blocks = {number: block[:] for number, block in self._blocks.items()}
        return copied

    def save(self) -> dict[int, bytes]:
        """The blocks in memory, for a snapshot."""
        return {number: block.tobytes() for number, block in self._blocks.items()}

    @classmethod
    def restore(cls, items: int, saved: dict[int, bytes]) -> Slots:
        """As it was when it was saved with so many messages."""
        slots = cls()
        slots._items = items
        for number, octets in saved.items():
            slots._blocks[number] = array("q", octets)
            slots._open[number] = slots._blocks[number].count(0)
        return slots
