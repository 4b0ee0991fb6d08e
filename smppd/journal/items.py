"""A file's messages in its order, each with the fact that ended it: what its results are made of.

Long files stream, however long they are. Short ones are read many at a time, because of a file of one
message the statements cost more than everything else. Blocks.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from smppd.journal.store import Store
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Fact
from smppd.ledger.slots import BLOCK, Slots
from smppd.ledger.snapshot import FileAccount
from smppd.message import State

#: A file's messages in its order, each with the fact that ended it.
Ended = Iterator[tuple[MessageRow, Fact | None]]
#: A file, and which facts ended its messages as far as the journal has not got them.
Source = tuple[FileAccount, Slots]

#: So many results of calls are read at once: what a call answers may be large.
CALLS_AT_ONCE = 10
#: Messages that a file has at most to be read along with others, and that are read at once then.
SHORT = 10
SHORT_AT_ONCE = 100


class Items:
    """Reads from a store of its own, in one thread at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_each(self, files: Iterable[Source]) -> Iterator[Ended]:
        """The messages of each of these files, in their order; of each before the next one's."""
        group, messages = list[Source](), 0
        for file, slots in files:
            if group and (file.items > SHORT or messages + file.items > SHORT_AT_ONCE):
                yield from self._of_short(group)
                group, messages = [], 0
            if file.items > SHORT:
                yield self.of(file, slots)
            else:
                group.append((file, slots))
                messages += file.items
        if group:
            yield from self._of_short(group)

    def of(self, file: FileAccount, slots: Slots) -> Ended:
        """The messages of one file."""
        number, block = -1, array("q")
        for chunk in file.chunks:
            rows = [
                row
                for first, last, _ in chunk.ranges
                for row in self._store.read_range(first, last)
            ]
            rows.sort(key=_item)
            ends = []
            for row in rows:
                if row.item // BLOCK != number:
                    number = row.item // BLOCK
                    block = slots.block(number) or self._store.full_block(file.file_id, number)
                ends.append(block[row.item % BLOCK])
            at_once = CALLS_AT_ONCE if any(map(_is_call, rows)) else len(rows)
            for start in range(0, len(rows), at_once or 1):
                lot = slice(start, start + at_once)
                facts = self._store.read_facts([seq for seq in ends[lot] if seq > 0])
                for row, seq in zip(rows[lot], ends[lot], strict=True):
                    yield row, facts.get(seq)

    def _of_short(self, files: Sequence[Source]) -> Iterator[Ended]:
        """Of files that have not filled a block of slots: all of it is in memory."""
        found = defaultdict[int, list[MessageRow]](list)
        for row in self._store.read_messages(list(_numbers(files))):
            found[row.file_id].append(row)
        if any(_is_call(row) for rows in found.values() for row in rows):
            yield from (self.of(*each) for each in files)
            return
        ends = [seq for _, slots in files for seq in slots.block(0) or () if seq > 0]
        facts = self._store.read_facts(ends)
        for file, slots in files:
            rows, block = found[file.file_id], slots.block(0) or array("q")
            rows.sort(key=_item)
            yield ((row, facts.get(block[row.item])) for row in rows)


def _numbers(files: Iterable[Source]) -> Iterator[int]:
    for file, _ in files:
        for chunk in file.chunks:
            for first, last, _queued in chunk.ranges:
                yield from range(first, last + 1)


def _is_call(row: MessageRow) -> bool:
    """Whether it is one of the HTTP API; the rows are decoded for their results anyway."""
    return row.state == State.QUEUED and row.message.call is not None


_item = attrgetter("item")
