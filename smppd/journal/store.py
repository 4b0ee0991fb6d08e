"""Every SQL statement of the journal, synchronous; one connection, one thread at a time.

Raises `JournalError` when a journal cannot be opened. Any other sqlite3 error means that the
disk is full or broken: it is not caught, the daemon stops, and the journal is safe.
"""

from __future__ import annotations

import os
import sqlite3
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from smppd.journal.calls import CallTable
from smppd.journal.chats import Chats
from smppd.journal.commanded import CommandTable
from smppd.journal.cursors import CursorTable
from smppd.journal.facts import FactTable
from smppd.journal.files import FileTable
from smppd.journal.lots import LotTable
from smppd.journal.messages import MessageTable
from smppd.journal.optouts import OptOutTable
from smppd.journal.pruning import Pruning
from smppd.journal.schema import MIGRATIONS, JournalError, check_version, migrate
from smppd.journal.stripping import Stripping
from smppd.journal.tally import TallyTable
from smppd.ledger import memory
from smppd.ledger.accounts import Accounts
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Fact, Kind, LedgerError
from smppd.ledger.slots import BLOCK
from smppd.ledger.snapshot import FullBlock, read_chunk
from smppd.message import Lane, State
from smppd.optout.roll import Change
from smppd.ports import ApiCall, Base, Commanded, Counted

#: Steps of SQLite's machine between two words that it is at work: some tens of milliseconds.
STEPS = 100_000


class Batch(msgspec.Struct):
    """What one commit writes, the messages in chunks as they were admitted."""

    messages: list[Sequence[MessageRow]] = msgspec.field(default_factory=list)
    facts: list[Fact] = msgspec.field(default_factory=list)
    blocks: list[FullBlock] = msgspec.field(default_factory=list)
    ids: dict[str, tuple[int, float]] = msgspec.field(default_factory=dict)
    waiting: list[tuple[str, bytes]] = msgspec.field(default_factory=list)
    snapshot: tuple[int, bytes] | None = None
    at: float = 0.0
    calls: list[ApiCall] = msgspec.field(default_factory=list)
    cursors: dict[str, int] = msgspec.field(default_factory=dict)
    commanded: list[Commanded] = msgspec.field(default_factory=list)
    opt_outs: list[Change] = msgspec.field(default_factory=list)
    base: Base | None = None
    counts: list[Counted] = msgspec.field(default_factory=list)
    goes_on: bool = False

    @property
    def rows(self) -> int:
        """How much it writes, snapshot aside: messages, facts, and other rows."""
        accounted = sum(map(len, self.messages)) + len(self.facts) + len(self.ids)
        asides = (
            len(self.commanded)
            + len(self.calls)
            + len(self.cursors)
            + len(self.opt_outs)
            + len(self.counts)
        )
        return accounted + len(self.waiting) + asides

    @property
    def new_lot(self) -> float | None:
        """When the lot was begun that its ids and spilled messages go to (epoch seconds); None: they are
        more of the last one."""
        return None if self.goes_on else self.at


def open_store(path: Path, busy: Callable[[], None] | None = None) -> Store:
    """Open the journal for writing, making or migrating it as needed. `busy` is called now and then
    while it is at work, until `Store.unheard`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.set_progress_handler(busy, STEPS if busy else 0)
        version = check_version(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA cache_size = -16000")
        migrate(connection, version)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(
            f"cannot open journal {path}: {error}: check [journal] path and its permissions"
        ) from error
    return Store(connection)


def open_reader(path: Path) -> Store:
    """Open an existing journal for reading, beside a running daemon or without one."""
    if not os.access(path, os.R_OK, effective_ids=True):
        raise JournalError(_why_not_read(path))
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA query_only = 1")
        if check_version(connection, path) < len(MIGRATIONS):
            raise JournalError(
                f"journal {path} is of an older version: start smppd run once to bring it up to date"
            )
    except sqlite3.Error as error:
        raise JournalError(
            f"cannot read journal {path}: {error}: run this with sudo, or as the daemon's user"
        ) from error
    return Store(connection)


def _why_not_read(path: Path) -> str:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return f"there is no journal at {path}: check [journal] path"
    except OSError as error:
        why = error.strerror
    else:
        why = "Permission denied"
    return f"cannot read journal {path}: {why}: run this with sudo, or as the daemon's user"


class Store:
    """The journal's statements on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = self.connection = connection
        self.calls = CallTable(connection)
        self.commanded = CommandTable(connection)
        self.chats = Chats(connection)
        self.files = FileTable(connection)
        self.lots = LotTable(connection)
        self.log = FactTable(connection)
        self.messages = MessageTable(connection)
        self.cursors = CursorTable(connection)
        self.pruning = Pruning(connection)
        self.stripping = Stripping(connection)
        self.opt_outs = OptOutTable(connection)
        self.tally = TallyTable(connection)

    def unheard(self) -> None:
        """Nobody is told any more that it is at work."""
        self._sql.set_progress_handler(None, 0)

    def close(self) -> None:
        """Close the connection; the last writer's close folds the write-ahead log in."""
        self._sql.close()

    # ── writing ──────────────────────────────────────────────────────────────────────────

    def commit(self, batch: Batch) -> None:
        """Write a batch in one transaction; on return it is on disk."""
        sql = self._sql
        if sql.in_transaction:  # one that could not even be rolled back for want of room
            sql.rollback()
            sql.execute("PRAGMA synchronous = FULL")  # it may have been a chore's
        sql.execute("BEGIN IMMEDIATE")
        with sql:
            self.messages.append(batch.messages)
            self.log.append(batch.facts)
            self.files.note(batch.facts)
            if batch.blocks:
                sql.executemany("INSERT OR REPLACE INTO slots VALUES (?, ?, ?)", batch.blocks)
            self.lots.put(batch.ids, batch.waiting, batch.new_lot)
            if batch.calls:
                self.calls.append(batch.calls)
            if batch.commanded:
                self.commanded.put(batch.commanded)
            if batch.cursors:
                self.cursors.move(batch.cursors)
            if batch.opt_outs:
                self.opt_outs.make(batch.opt_outs)
            if batch.counts:
                self.tally.set(batch.counts)
            if batch.snapshot is not None:
                sql.execute("INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?)", batch.snapshot)
            if batch.base is not None:
                self.pruning.keep(batch.base)

    def change_opt_outs(self, changes: Sequence[Change]) -> int:
        """Make these changes in one transaction; how many changed anything."""
        self._sql.execute("BEGIN IMMEDIATE")
        with self._sql:
            return self.opt_outs.make(changes)

    def enter_queue(self, link: str, lane: Lane) -> int:
        """The number of a link's lane, given out on first use and never changed."""
        self._sql.execute("INSERT OR IGNORE INTO queue (link, lane) VALUES (?, ?)", (link, lane))
        return int(
            self._sql.execute(
                "SELECT number FROM queue WHERE link = ? AND lane = ?", (link, lane)
            ).fetchone()[0]
        )

    # ── reading what is queued or outstanding ────────────────────────────────────────────

    def queues(self) -> dict[int, tuple[str, Lane]]:
        """Every queue's link and lane."""
        rows = self._sql.execute("SELECT number, link, lane FROM queue")
        return {number: (link, Lane(lane)) for number, link, lane in rows}

    # ── the log ──────────────────────────────────────────────────────────────────────────

    def load(self, *, from_snapshot: bool = True) -> tuple[Accounts, dict[str, tuple[int, float]]]:
        """The accounts, and the client ids that no lot holds yet, with msg_id and time."""
        accounts, recent = Accounts(), dict[str, tuple[int, float]]()
        if from_snapshot:
            saved = self._sql.execute("SELECT data FROM snapshot").fetchone()
            if saved is not None:
                memory.restore(accounts, saved[0])
        elif (base := self.pruning.in_force()) is not None:
            memory.restore(accounts, base[1])
        indexed = self._indexed_up_to(accounts.seq)
        for fact in self.log.facts(accounts.seq):
            if fact.kind == Kind.ADMITTED and fact.seq > indexed:
                recent.update(self._ids_admitted(fact))
                assert fact.msg is not None
                if accounts.files[fact.msg].terms.unique_text:
                    recent.update(self._texts_admitted(fact))
            if accounts.needs_rows(fact):
                assert fact.msg is not None
                assert fact.num is not None
                accounts.take(fact, self.messages.read_range(fact.msg, fact.num))
            else:
                accounts.apply(fact)
        return accounts, recent

    def _indexed_up_to(self, after: int) -> int:
        """The last fact behind `after` that says that all client ids before it are in lots, or 0."""
        found = self._sql.execute(
            "SELECT max(seq) FROM fact WHERE seq > ? AND kind = ?", (after, Kind.INDEXED)
        ).fetchone()
        return found[0] or 0

    def _ids_admitted(self, fact: Fact) -> Iterator[tuple[str, tuple[int, float]]]:
        assert fact.detail is not None
        for first, last, _ in read_chunk(fact.detail).ranges:
            for row in self.messages.read_range(first, last):
                if row.id is not None and row.state == State.QUEUED:
                    yield row.id, (row.msg_id, fact.at)

    def _texts_admitted(self, fact: Fact) -> Iterator[tuple[str, tuple[int, float]]]:
        """The keys of texts that are unique in their campaign, also of those taken out since."""
        assert fact.detail is not None
        for first, last, _ in read_chunk(fact.detail).ranges:
            for row in self.messages.read_range(first, last):
                if row.state == State.QUEUED:
                    yield row.message.text_key, (row.msg_id, fact.at)

    def full_block(self, file_id: int, number: int) -> array[int]:
        """A block of a file's slots that was handed over when it was full."""
        found = self._sql.execute(
            "SELECT data FROM slots WHERE file_id = ? AND block = ?", (file_id, number)
        ).fetchone()
        if found is None or len(found[0]) != 8 * BLOCK:
            raise LedgerError(
                f"of file {file_id} the journal does not have what ended its messages"
            )
        return array("q", found[0])

    # ── looking one message up ───────────────────────────────────────────────────────────

    def find_message(self, client_id: str) -> MessageRow | None:
        """The newest message of this client id, by the index or by looking at every one."""
        known = self.lots.find_ids([client_id], since=0.0).get(client_id)
        rows = [] if known is None else self.messages.read([known])
        return rows[0] if rows else self.messages.newest(client_id)

    def find_admitted(self, fact: Fact, client_id: str) -> MessageRow | None:
        """The message of this client id among those of an ADMITTED fact that were queued."""
        assert fact.detail is not None
        for first, last, _ in read_chunk(fact.detail).ranges:
            for row in self.messages.read_range(first, last):
                if row.id == client_id and row.state == State.QUEUED:
                    return row
        return None

    def admitted_at(self, row: MessageRow) -> float | None:
        """When the chunk with this message was committed."""
        found = self._sql.execute(
            "SELECT at FROM fact WHERE kind = ? AND msg = ? AND num > ? ORDER BY seq LIMIT 1",
            (Kind.ADMITTED, row.file_id, row.item),
        ).fetchone()
        return None if found is None else float(found[0])
