"""A file's messages in its order, each with the fact that ended it: what its results are made of.

Long files stream, however long they are, in lots. Short ones are read many at a time, because of a file of
one message the statements cost more than everything else. Blocks.

Raises `LedgerError` where what the journal has of a file is damaged, OSError where its disk fails.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from errno import EIO
from operator import attrgetter

import msgspec

from smppd.journal.store import Store
from smppd.ledger.entries import Ending, MessageRow
from smppd.ledger.facts import LedgerError
from smppd.ledger.slots import BLOCK, Slots
from smppd.ledger.snapshot import Chunk, FileAccount
from smppd.message import State

#: Some messages of a file in its order, each with what ended it.
Lot = Sequence[tuple[MessageRow, Ending | None]]
#: A file, which facts ended its messages as far as the journal has not got them, and from which
#: message on it is read.
Source = tuple[FileAccount, Slots, int]

#: Messages that are read at once.
AT_ONCE = 250
#: So many results of calls are read at once: what a call answers may be large.
CALLS_AT_ONCE = 10
#: Messages that a file has at most to be read along with others, and that are read at once then.
SHORT = 10
SHORT_AT_ONCE = 100

_QUEUED = int(State.QUEUED)


@contextmanager
def _reading() -> Iterator[None]:
    """What comes of rows that cannot be read."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OSError(EIO, f"the journal cannot be read: {error}") from error
    except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
        raise LedgerError(f"the journal cannot be read: {error}") from error


def _expect(file: FileAccount, rows: Sequence[MessageRow], items: int) -> None:
    """Nobody is told less than what is to be told."""
    if len(rows) != items:
        raise LedgerError(f"of {items} messages of {file.name} the journal has {len(rows)}")


class _Blocks(dict[int, "array[int]"]):
    """The blocks of a file's slots by their numbers, of which one at a time is in memory."""

    def __init__(self, store: Store, file: FileAccount, slots: Slots) -> None:
        super().__init__()
        self._store = store
        self._file_id = file.file_id
        self._slots = slots

    def __missing__(self, number: int) -> array[int]:
        self.clear()
        block = self._slots.block(number) or self._store.full_block(self._file_id, number)
        self[number] = block
        return block


class Items:
    """Reads from a store of its own, in one thread at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_each(self, files: Iterable[Source]) -> Iterator[Iterator[Lot]]:
        """The messages of each of these files, in their order; of each before the next one's."""
        group, messages = list[Source](), 0
        for file, slots, begin in files:
            if group and (file.items > SHORT or messages + file.items > SHORT_AT_ONCE):
                yield from self._of_short(group)
                group, messages = [], 0
            if file.items > SHORT:
                yield self.of(file, slots, begin)
            else:
                group.append((file, slots, begin))
                messages += file.items
        if group:
            yield from self._of_short(group)

    def of(
        self, file: FileAccount, slots: Slots, begin: int = 0, end: int | None = None
    ) -> Iterator[Lot]:
        """The messages of one file, by their numbers in it from `begin` on and before `end`."""
        blocks, end = _Blocks(self._store, file, slots), file.items if end is None else end
        with _reading():
            for chunk in file.chunks:
                after = chunk.first_item + chunk.items
                if after <= begin or chunk.first_item >= end:
                    continue
                rows = self._rows(chunk)
                _expect(file, rows, chunk.items)
                if chunk.first_item < begin or after > end:
                    rows = [row for row in rows if begin <= row.item < end]
                at_once = CALLS_AT_ONCE if _has_calls(rows) else AT_ONCE
                for start in range(0, len(rows), at_once):
                    yield self._with_endings(rows[start : start + at_once], blocks)

    def _rows(self, chunk: Chunk) -> list[MessageRow]:
        rows = list[MessageRow]()
        for first, last, _ in chunk.ranges:
            rows += self._store.messages.read_range(first, last)
        if len(chunk.ranges) > 1:
            rows.sort(key=_item)
        return rows

    def _with_endings(self, rows: Sequence[MessageRow], blocks: _Blocks) -> Lot:
        seqs = [blocks[row.item // BLOCK][row.item % BLOCK] for row in rows]
        endings = self._store.log.read_endings([seq for seq in seqs if seq > 0])
        return list(zip(rows, map(endings.get, seqs), strict=True))

    def _of_short(self, files: Sequence[Source]) -> Iterator[Iterator[Lot]]:
        """Of files that have not filled a block of slots: all of it is in memory."""
        found = defaultdict[int, list[MessageRow]](list)
        with _reading():
            for row in self._store.messages.read(list(_numbers(files))):
                found[row.file_id].append(row)
            for file, *_ in files:
                _expect(file, found[file.file_id], file.items)
            if any(map(_has_calls, found.values())):
                yield from (self.of(*each) for each in files)
                return
            ends = [seq for _, slots, _ in files for seq in slots.block(0) or () if seq > 0]
            endings = self._store.log.read_endings(ends)
        for file, slots, _ in files:
            rows, block = found[file.file_id], slots.block(0) or array("q")
            rows.sort(key=_item)
            yield iter([[(row, endings.get(block[row.item])) for row in rows]])


def _numbers(files: Iterable[Source]) -> Iterator[int]:
    for file, *_ in files:
        for chunk in file.chunks:
            for first, last, _queued in chunk.ranges:
                yield from range(first, last + 1)


def _has_calls(rows: Iterable[MessageRow]) -> bool:
    """Whether any is one of the HTTP API; the rows are decoded for their results anyway."""
    calls = False
    for row in rows:
        if row.state == _QUEUED:
            calls |= row.message.call is not None
    return calls


_item = attrgetter("item")
