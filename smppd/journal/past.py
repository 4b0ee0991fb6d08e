"""Files of any age, as the journal knows them: also those that are reported and of which no account is kept.

Of a file whose messages are all final the journal has no account, only its row, the facts that admitted
its lines, and the full blocks of its slots. What ended the messages of its last block is looked for in the
facts that came after. Reads one moment of the journal, beside a running daemon or without one.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from smppd.campaign import NO_TERMS, CampaignTerms
from smppd.journal.items import Items, Lot
from smppd.journal.schema import one_moment
from smppd.journal.store import Store
from smppd.ledger.accounts import Accounts
from smppd.ledger.bundles import numbered
from smppd.ledger.entries import Outstanding, read_outstanding
from smppd.ledger.facts import Kind
from smppd.ledger.slots import BLOCK, FINAL_AT_ADMISSION, Slots
from smppd.ledger.snapshot import Chunk, FileAccount, read_chunk
from smppd.ledger.steps.queues import TAKING
from smppd.message import State
from smppd.ports import FileRow

_read_terms = msgspec.msgpack.Decoder(CampaignTerms).decode


class PastFile(msgspec.Struct):
    """A file with what is needed to report it. `unfinished` are its messages, by their number in it,
    that were taken from their queues and are not final."""

    row: FileRow
    file: FileAccount
    slots: Slots
    unfinished: dict[int, Outstanding]


@contextmanager
def reading_past(store: Store) -> Iterator[Past]:
    """The journal as it is now, whatever is written meanwhile. Raises `JournalError`."""
    with one_moment(store.connection):
        yield Past(store)


class Past:
    """The journal at one moment (`reading_past`)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sql = store.connection
        self._accounts: Accounts | None = None

    @property
    def accounts(self) -> Accounts:
        """How everything stands."""
        if self._accounts is None:
            self._accounts, _ = self._store.load()
        return self._accounts

    def find(self, row: FileRow) -> PastFile | None:
        """What there is of a file; None when its messages are no longer in the journal."""
        known = self.accounts.files.get(row.file_id)
        if known is not None and not known.reported:
            return PastFile(row, known, self.accounts.slots[row.file_id], self._unfinished(known))
        admitted = self._admitted(row)
        if admitted is None:
            return None
        chunks, terms, since = admitted
        if known is not None:
            file = msgspec.structs.replace(known, chunks=chunks)
            return PastFile(row, file, self.accounts.slots[row.file_id], self._unfinished(file))
        items = sum(chunk.items for chunk in chunks)
        file = FileAccount(row.file_id, row.token, row.name, row.lane, row.opened)
        file.items = file.done = items
        file.closed = file.reported = True
        file.chunks, file.terms = chunks, terms
        slots = self._last_block(items, chunks, since)
        return None if slots is None else PastFile(row, file, slots, {})

    def items(self, past: PastFile) -> Iterator[Lot]:
        """Its messages in the order of the file, each with what made it final."""
        return Items(self._store).of(past.file, past.slots)

    def _unfinished(self, file: FileAccount) -> dict[int, Outstanding]:
        found = {
            entry.item: entry
            for entry in self.accounts.entries.values()
            if entry.file_id == file.file_id
        }
        if len(found) < file.pending:
            spilled = dict[int, Outstanding]()
            for entry in map(read_outstanding, self._store.lots.all_waiting()):
                its_own = entry.file_id == file.file_id
                if its_own and not self.accounts.is_final(entry.file_id, entry.item):
                    spilled[entry.item] = entry  # the newest is the last
            found = spilled | found
        return found

    # ── of a file without an account ─────────────────────────────────────────────────────────

    def _admitted(self, row: FileRow) -> tuple[list[Chunk], CampaignTerms, int] | None:
        """The chunks of a file, its terms, and a fact that all others about it follow; None when the
        log no longer has them all."""
        # Facts are in the order of their times, unless somebody set the clock back.
        for after in (self._seq_at(row.opened), 0):
            chunks, terms = list[Chunk](), NO_TERMS
            for kind, detail in self._sql.execute(
                "SELECT kind, detail FROM fact WHERE seq >= ? AND kind <= ? AND msg = ?"
                " ORDER BY seq",
                (after, Kind.CAMPAIGN, row.file_id),
            ):
                if kind == Kind.ADMITTED:
                    chunks.append(read_chunk(detail))
                elif kind == Kind.CAMPAIGN:
                    terms = _read_terms(detail)
                elif kind == Kind.FILE_CLOSED:
                    break
            if sum(chunk.items for chunk in chunks) == row.items:
                return chunks, terms, after
        return None

    def _seq_at(self, at: float) -> int:
        """The first fact of this moment or a later one, found in some twenty steps."""
        low, high = self._sql.execute("SELECT min(seq), max(seq) FROM fact").fetchone()
        low, high = low or 0, high or 0
        while low < high:
            middle = (low + high) // 2
            found = self._sql.execute(
                "SELECT at FROM fact WHERE seq >= ? ORDER BY seq LIMIT 1", (middle,)
            ).fetchone()
            if found is not None and found[0] < at:
                low = middle + 1
            else:
                high = middle
        return int(low)

    def _last_block(self, items: int, chunks: Sequence[Chunk], since: int) -> Slots | None:
        """The slots of the messages behind the last full block; None when the log no longer says
        what ended them all."""
        number, length = divmod(items, BLOCK)
        if not length:
            return Slots.restore(items, {})
        block, waiting = array("q", [FINAL_AT_ADMISSION] * length), dict[int, int]()
        first = number * BLOCK
        for chunk in chunks:
            if chunk.first_item + chunk.items <= first:
                continue
            for low, high, _ in chunk.ranges:
                waiting |= {
                    row.msg_id: row.item - first
                    for row in self._store.messages.read_range(low, high)
                    if row.item >= first and row.state == State.QUEUED
                }
        for seq, msg_id in self._endings(waiting, since) if waiting else ():
            item = waiting.pop(msg_id, None)
            if item is not None:
                block[item] = seq
            if not waiting:
                break
        return None if waiting else Slots.restore(items, {number: block.tobytes()})

    def _endings(self, waiting: Mapping[int, int], since: int) -> Iterator[tuple[int, int]]:
        """Facts that ended messages, with each that may be one of these."""
        low, high = min(waiting), max(waiting)
        for seq, kind, msg, num, detail in self._sql.execute(
            "SELECT seq, kind, msg, num, detail FROM fact WHERE seq >= ? AND (kind = ?"
            " OR result IS NOT NULL AND msg <= ? AND (msg >= ? OR num >= ?)) ORDER BY seq",
            (since, Kind.DELIVERED_BUNDLE, high, low, low),
        ):
            if kind == Kind.DELIVERED_BUNDLE:
                for each, member in numbered(seq, num, detail):
                    yield each, member.msg
            elif kind in TAKING and num is not None and num != msg:
                yield from ((seq, each) for each in list(waiting) if msg <= each <= num)
            else:
                yield seq, msg
