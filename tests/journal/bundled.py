"""One history written in three ways: a row for each message and each fact, as versions before bundles did, in
bundles, and some of each; whoever reads it finds the same."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from smppd.journal.audit import audit
from smppd.journal.store import Batch, open_store
from smppd.ledger import memory
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Fact
from smppd.ledger.ledger import Ledger
from smppd.ledger.plain import DeliveredLot, TakenLot
from smppd.ledger.snapshot import Chunk
from smppd.message import Lane, State
from smppd.ports import Base
from tests.journal.test_store import QUEUE, body

PLAIN, BUNDLED, MIXED = "a row for each", "in bundles", "some of each"
#: Messages of each of the two files, and how many of each are admitted in turns.
COUNT, CHUNK = 70, 10
#: Those of the second file that get no receipt.
WAITING = 4
DELIVERED, UNDELIVERABLE = 2, 5


class Book:
    """A journal in a folder. Its `ledger` begins behind the seq `first`."""

    def __init__(self, folder: Path, way: str, first: int = 0) -> None:
        folder.mkdir()
        self.folder, self.way = folder, way
        self.path = folder / "journal.db"
        self.store = open_store(self.path)
        assert self.store.enter_queue("main", Lane.NORMAL) == QUEUE
        self.ledger = Ledger()
        self.ledger.accounts.seq = first
        self.rows: list[MessageRow] = []
        self.files = [
            self.ledger.file_opened(1.0, f"t{name}", f"{name}.jsonl", Lane.NORMAL) for name in "ab"
        ]
        for name in "ab":
            source = folder / "work" / f"t{name}" / f"{name}.jsonl"
            source.parent.mkdir(parents=True)
            source.touch()

    def write(self) -> None:
        """Everything that happens to the two files, but that they are reported."""
        for item in range(0, COUNT, CHUNK):
            for file_id in self.files:
                self._admit(file_id, item)
        for file_id in self.files:
            self.ledger.file_closed(3.0, file_id)
        self.ledger.sending(4.0, "main", self.rows, self.rows[-1].msg_id)
        self._take()
        self._deliver()
        self.commit()

    def _admit(self, file_id: int, item: int) -> None:
        first = self.ledger.accounts.queue(QUEUE).tail + 1
        new = [
            MessageRow(
                first + n, file_id, item + n, item + n + 1, f"{file_id}-{item + n}", State.QUEUED,
                body(b"Geheimnis"),
            )
            for n in range(CHUNK)
        ]  # fmt: skip
        ranges = [(first, first + CHUNK - 1, CHUNK)]
        chunk = Chunk(ranges, item, CHUNK, CHUNK, {}, 10, item + CHUNK)
        self.ledger.admitted(2.0, file_id, chunk)
        self.rows += new
        apart = self.way == PLAIN or (self.way == MIXED and item % 20)
        self.store.commit(Batch(messages=[[row] for row in new] if apart else [new]))

    def _take(self) -> None:
        with TakenLot(self.ledger, 5.0) as lot:
            for number, row in enumerate(self.rows):
                if number == 3:
                    self.ledger.paused(5.0, "main", "why", "ana")
                if self.way != BUNDLED or not lot.sent(row.msg_id, f"main\tm{number}"):
                    self.ledger.sent(5.0, "main", row.msg_id, 0, f"m{number}")

    def _deliver(self) -> None:
        """The receipts come in any order; now and then one says that its message is lost."""
        order = list(enumerate(self.rows))[: 2 * COUNT - WAITING]
        random.Random(1).shuffle(order)
        with DeliveredLot(self.ledger, 6.0) as lot:
            for number, (at, row) in enumerate(order):
                if self.way == MIXED and number == COUNT:
                    self.way = BUNDLED
                text = f"main\tm{at}\t000\t2611210000\t34600000001"
                if number % 40 == 39:
                    self.ledger.told(6.0, (row.msg_id, 0), UNDELIVERABLE, text)
                elif self.way != BUNDLED or not lot.delivered(
                    self.ledger.accounts.entries[row.msg_id], text
                ):
                    self.ledger.told(6.0, (row.msg_id, 0), DELIVERED, text)

    def deliver_the_rest(self) -> None:
        """The receipts that nobody waited for any more."""
        with DeliveredLot(self.ledger, 8.0) as lot:
            for row in self.rows[-WAITING:]:
                entry = self.ledger.accounts.entries[row.msg_id]
                text = f"main\tlate{row.item}\t000\t2611210000\t34600000001"
                assert lot.delivered(entry, text)
        self.commit()

    def commit(self) -> None:
        facts, blocks = self.ledger.take_facts(), self.ledger.take_full_blocks()
        self.store.commit(Batch(facts=facts, blocks=blocks))

    def report(self, number: int) -> None:
        """A file is done with."""
        self.ledger.file_reported(7.0, self.files[number], "done")
        self.commit()

    def base(self, at: float) -> None:
        """Write a base down, as the desk does, and put it in force."""
        self.ledger.indexed(at)
        accounts = self.ledger.accounts
        data = memory.snapshot(accounts, base=True)
        kept = Base(accounts.seq, at, memory.settled(accounts), data)
        snapshot = (accounts.seq, memory.snapshot(accounts))
        facts = self.ledger.take_facts()
        self.store.commit(Batch(facts=facts, snapshot=snapshot, base=kept))
        assert self.store.pruning.promote(at + 1, [], 0.0).more

    def raw(self) -> list[Fact]:
        """The rows as they stand."""
        columns = "seq, at, kind, msg, part, num, text, detail, result"
        rows = self.store.connection.execute(f"SELECT {columns} FROM fact ORDER BY seq")
        return [Fact(*row) for row in rows]

    def failed(self) -> list[str]:
        """The checks of an audit that do not hold."""
        checks = audit(self.path, self.folder).checks
        return [f"{each.what}: {each.says}" for each in checks if not each.ok]

    def tamper(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            assert connection.execute(statement).rowcount
