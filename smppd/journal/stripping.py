"""Taking the texts out of the journal: of messages that are final, and of receipts that quote them.

The log is walked behind a cursor, so that a crash costs nothing but a lot done twice. What results,
reports and receipts need of a message stays. Raises what `store` raises.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from itertools import takewhile
from math import inf
from typing import NamedTuple

import msgspec

from smppd.journal.cursors import CursorTable
from smppd.journal.messages import MessageTable
from smppd.ledger.bundles import numbered
from smppd.ledger.entries import read_message
from smppd.ledger.facts import Kind, encode, receipt_fact, receipt_text
from smppd.ports import Pruned, Readers

#: How far the texts of messages are taken out, and those of what came from outside, which wait on
#: the shelf for their message, or for whoever is told of them.
_FINAL, _LATE = "contents", "contents-late"
#: The facts that are looked for on each way: those that end a message, and receipts for known ones;
#: receipts that were parked, and messages from handsets and chats.
_FACTS = "SELECT seq, at, kind, msg, num, text, detail FROM fact WHERE seq > ? AND seq <= ?"
_ENDS = (
    f" AND (result IS NOT NULL OR kind IN ({Kind.RECEIPT:d}, {Kind.DELIVERED_BUNDLE:d}))"
    " ORDER BY seq LIMIT ?"
)
_COMES = f" AND kind IN ({Kind.PARKED:d}, {Kind.RECEIVED:d}) ORDER BY seq LIMIT ?"
#: Rows that are dealt with in one step, which may be bundles, and facts that are looked through.
_STEP, _STRETCH = 10, 20_000

#: A fact's seq, time, kind, msg, num, text and detail.
_Row = tuple[int, float, int, int | None, int | None, str | None, bytes | None]
#: Takes the texts out of a fact, adds the messages of which they go as well, and says how many it was about.
_Strip = Callable[[_Row, list[int]], int]


def stripped(body: bytes) -> bytes:
    """The body of a message without what it says: its parts are there, and empty."""
    message = read_message(body)
    call = message.call
    return encode(
        msgspec.structs.replace(
            message,
            segments=(b"",) * len(message.segments),
            tlv=(),
            call=None if call is None else msgspec.structs.replace(call, params={}),
        )
    )


class _Seen(NamedTuple):
    """What the readers have passed, and what is older than they are waited for."""

    passed: float
    anyway: float

    def has(self, row: _Row) -> bool:
        """Whether nobody needs the text of this fact, or of its message."""
        return row[0] <= self.passed or row[1] < self.anyway


class Stripping:
    """The statements that take texts out, on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        self._cursors = CursorTable(connection)
        self._messages = MessageTable(connection)

    def begin(self) -> Pruned:
        """From now on what is removed is overwritten as well."""
        self._sql.execute("PRAGMA secure_delete = ON")
        self._sql.execute("PRAGMA busy_timeout = 20")
        return Pruned(0, 0, more=True)

    def lot(self, seconds: float, shelved: float, readers: Readers) -> Pruned:
        """Work for so long, in one transaction. Since `shelved` (epoch seconds) receipts wait for
        their message; what these readers have not passed is left for them, unless it is too old."""
        until = time.perf_counter() + seconds
        passed = self._cursors.least(readers.names)
        seen = _Seen(inf if passed is None else passed, readers.anyway)
        self._sql.execute("BEGIN IMMEDIATE")
        with self._sql:
            messages, more = self._walk((_FINAL, _ENDS, inf), seen, self._strip_ended, until)
            facts, later = self._walk((_LATE, _COMES, shelved), seen, self._strip_late, until)
        return Pruned(messages, facts, more=more or later)

    def truncate(self) -> Pruned:
        """Empty the write-ahead log, in which old pages stand; more while somebody reads in it."""
        (busy, *_) = self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return Pruned(0, 0, more=bool(busy))

    def _walk(
        self, what: tuple[str, str, float], seen: _Seen, strip: _Strip, until: float
    ) -> tuple[int, bool]:
        """Go on behind a cursor; how many facts were dealt with, and whether there are more."""
        name, where, before = what
        end = int(self._sql.execute("SELECT max(seq) FROM fact").fetchone()[0] or 0)
        place, done, waits = self._cursors.all().get(name, 0), 0, False
        while place < end and not waits:
            stretch = min(end, place + _STRETCH)
            rows = self._sql.execute(_FACTS + where, (place, stretch, _STEP)).fetchall()
            due = list(takewhile(lambda row: row[1] < before and seen.has(row), rows))
            ended = list[int]()
            done += sum(strip(row, ended) for row in due)
            if ended:
                self._messages.change_bodies(ended, stripped)
            waits = len(due) < len(rows)
            if waits:  # the rest is needed still
                place = due[-1][0] if due else place
            else:
                place = rows[-1][0] if len(rows) == _STEP else stretch
            if time.perf_counter() >= until:
                break
        self._cursors.move({name: place})
        return done, place < end and not waits

    def _strip_ended(self, row: _Row, ended: list[int]) -> int:
        """Messages that came to their end, or a receipt for one that was known."""
        seq, _, kind, msg, num, text, detail = row
        if kind == Kind.DELIVERED_BUNDLE:
            over = [member.msg for _, member in numbered(seq, num, detail)]
            ended += over
            return len(over)
        if kind == Kind.RECEIPT:
            self._strip_receipt(seq, text)
        final = self._sql.execute(
            "SELECT result IS NOT NULL FROM fact WHERE seq = ?", (seq,)
        ).fetchone()[0]
        if final and msg is not None:
            ended.append(msg)
        return 1

    def _strip_late(self, row: _Row, _: list[int]) -> int:
        """A receipt that waited on the shelf, or a message from a handset or a chat."""
        seq, kind, text = row[0], row[2], row[5]
        if kind == Kind.PARKED:
            self._strip_receipt(seq, text)
        else:
            self._sql.execute("UPDATE fact SET detail = NULL WHERE seq = ?", (seq,))
        return 1

    def _strip_receipt(self, seq: int, text: str | None) -> None:
        what = receipt_fact(text or "")
        if what.quoted or what.octets:
            plain = receipt_text(what._replace(quoted="", octets=""))
            self._sql.execute("UPDATE fact SET text = ? WHERE seq = ?", (plain, seq))
