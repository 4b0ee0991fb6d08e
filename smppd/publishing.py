"""Publishing in another process: what is sent there, and what it does with it.

It reads the journal by itself, so that of each file only its account goes there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence, Set
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from smppd.journal.items import Items
from smppd.journal.store import Store, open_reader
from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import LedgerError
from smppd.ledger.slots import Slots
from smppd.ledger.snapshot import FileAccount
from smppd.ports import Resting, Unreadable
from smppd.results.placer import Placer
from smppd.results.report import ReportTerms

RunMany = Callable[..., Awaitable[list[str | Unreadable]]]


class Where(NamedTuple):
    """Of which spool and journal, and what goes into reports."""

    root: Path
    journal: Path
    terms: ReportTerms

    def placer(self, reader: Store) -> Placer:
        """What puts results there."""
        return Placer(self.root, Items(reader), self.terms)


class _Sent(msgspec.Struct, array_like=True):
    """A `ports.Resting` on its way."""

    file: FileAccount
    slots: dict[int, bytes]
    unfinished: Sequence[Outstanding]


_encode = msgspec.msgpack.Encoder().encode
_read = msgspec.msgpack.Decoder(list[_Sent]).decode
_read_file = msgspec.msgpack.Decoder(FileAccount).decode


def placing_apart(
    where: Where, run_many: RunMany
) -> Callable[[Sequence[Resting], Set[int]], Awaitable[list[str | Unreadable]]]:
    """A `reporter.Place` that has `run_many` do it."""

    async def place(files: Sequence[Resting], again: Set[int]) -> list[str | Unreadable]:
        sent = [_Sent(each.file, each.slots.save(), each.unfinished) for each in files]
        return await run_many(_place, where, _encode(sent), again)

    return place


def _place(where: Where, sent: bytes, again: Set[int]) -> list[str | Unreadable]:
    files = [
        Resting(each.file, Slots.restore(each.file.items, each.slots), each.unfinished)
        for each in _read(sent)
    ]
    return _placer(where).place(files, again)


def beginning_apart(
    where: Where, run_many: Callable[..., Awaitable[bool]]
) -> Callable[[FileAccount, int], Awaitable[bool]]:
    """A `reporter.Begin` that has `run_many` do it, there where files are placed."""

    async def begin(file: FileAccount, final: int) -> bool:
        return await run_many(_begin, where, _encode(file), final)

    return begin


def _begin(where: Where, file: bytes, final: int) -> bool:
    try:
        _placer(where).begun.write(_read_file(file), final)
    except LedgerError:  # which is said when the file comes to rest
        return False
    return True


@lru_cache(maxsize=1)
def _placer(where: Where) -> Placer:
    return where.placer(open_reader(where.journal))
