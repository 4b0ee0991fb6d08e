"""Removing from the journal what is over: files that are reported, with all their messages final.

What is over is told by a base: the accounts as they stood when they were written down, a while ago.
Whatever was final in it is removed, little by little, and the facts up to it that are about nothing
else. An audit begins with the base in force instead of from nothing, so that every state since is
recomputed. Each lot is one transaction, and a pass that was cut short is begun again: what is gone
already costs nothing. Raises what `store` raises.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from typing import NamedTuple

from smppd.journal.facts import FactTable
from smppd.journal.messages import MessageTable, there
from smppd.ledger.bundles import BUNDLES
from smppd.ledger.facts import QUEUE_SHIFT, Kind
from smppd.ledger.snapshot import Settled, read_chunk, read_settled
from smppd.ports import Base, Pruned

#: Rows that are removed at once, and rows of the log that are looked through at once: they may be bundles.
_STEP, _LOOKED_AT = 400, 50
_NOTHING = Pruned(0, 0, more=False)
_FIRST_MSG = 1 << QUEUE_SHIFT
#: The kinds that are about all messages of a stretch of a queue.
_TAKING = json.dumps([Kind.SENDING, Kind.EXPIRED, Kind.DEFERRED, Kind.PICKED])
_BUNDLES = json.dumps(list(BUNDLES))
#: The last of the messages that a fact is about.
_LAST = """CASE WHEN fact.part IS NULL AND fact.kind IN (SELECT value FROM json_each(?))
    THEN max(fact.msg, ifnull(fact.num, 0)) ELSE fact.msg END"""
#: The facts of a stretch of the log about messages of which none is there any more, or about none.
_OVER = f"""
    DELETE FROM fact WHERE seq > ? AND seq <= ? AND kind >= 10
        AND kind NOT IN (SELECT value FROM json_each(?)) AND (msg IS NULL OR (msg >= ?
        AND NOT {there("fact.msg", _LAST)}))
    RETURNING result IS NOT NULL, kind
"""  # noqa: S608
_COUNT = (
    "INSERT INTO removed VALUES (?, ?, ?, ?, ?) ON CONFLICT (queue) DO UPDATE SET"
    " messages = messages + excluded.messages, at_once = at_once + excluded.at_once,"
    " results = results + excluded.results, barred = barred + excluded.barred"
)


class Removed(NamedTuple):
    """How much was removed: messages by queue; of them those final when they were admitted; facts
    that ended one, and those of them that barred it."""

    messages: dict[int, int]
    at_once: int
    results: int
    barred: int


class Pruning:
    """The statements about bases and what is removed by them, on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        self._seq: int | None = None
        self._files = 0

    # ── bases ────────────────────────────────────────────────────────────────────────────────

    def keep(self, base: Base) -> None:
        """Write a base down, inside the transaction of whoever calls."""
        self._sql.execute(
            "INSERT OR IGNORE INTO base VALUES (?, ?, 0, ?, ?)",
            (base.seq, base.at, base.settled, base.data),
        )

    def newest(self) -> tuple[int, float] | None:
        """The seq of the newest base, and when it was written down (epoch seconds)."""
        found: tuple[int, float] | None = self._sql.execute(
            "SELECT seq, at FROM base ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        return found

    def in_force(self) -> tuple[int, bytes] | None:
        """The seq and the accounts of the base from which an audit begins."""
        found: tuple[int, bytes] | None = self._sql.execute(
            "SELECT seq, data FROM base WHERE in_force = 1 ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        return found

    def promote(self, before: float, readers: Sequence[str], anyway: float) -> Pruned:
        """Put the newest base in force that was written before this time (epoch seconds), and that
        all these readers of the log have passed, or that was written before `anyway`; whether there
        is something to remove by it."""
        passed = self._sql.execute(
            "SELECT min(seq) FROM cursor WHERE name IN (SELECT value FROM json_each(?))",
            (json.dumps(readers),),
        ).fetchone()[0]
        found = self._sql.execute(
            "SELECT max(seq) FROM base WHERE at <= ?1 AND in_force = 0"
            " AND (?2 IS NULL OR seq <= ?2 OR at <= ?3)",
            (before, passed, anyway),
        ).fetchone()[0]
        if found is None:
            return _NOTHING
        self._sql.execute("BEGIN IMMEDIATE")
        with self._sql:
            self._sql.execute("UPDATE base SET in_force = 1 WHERE seq = ?", (found,))
            self._sql.execute("DELETE FROM base WHERE seq < ?", (found,))
        return self.begin()

    # ── removing ─────────────────────────────────────────────────────────────────────────────

    def begin(self) -> Pruned:
        """Go through the log from its beginning; whether there is a base to do so by."""
        self._seq, self._files = 0, 0
        return Pruned(0, 0, more=self.in_force() is not None)

    def lot(self, seconds: float, files_before: float) -> Pruned:
        """Remove for so long, in one transaction. Rows of files go only when they were reported
        before this time (epoch): by them a campaign is known that is handed in again."""
        until = time.perf_counter() + seconds
        row = self._sql.execute(
            "SELECT seq, settled FROM base WHERE in_force = 1 ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        if row is None or self._seq is None:
            return _NOTHING
        end = row[0] - 1  # the log never becomes empty
        pass_ = _Pass(self._sql, end, read_settled(row[1]), until)
        self._sql.execute("BEGIN IMMEDIATE")
        with self._sql:
            seq, files = pass_.facts(self._seq), self._files
            if seq == end:
                files = pass_.file_rows(files, files_before)
            pass_.count()
        self._seq, self._files = seq, files
        more = seq < end or files < pass_.settled.last_file
        if not more:
            self._seq = None
        return Pruned(pass_.messages, pass_.removed_facts, more=more, left=end - seq)

    def removed(self) -> Removed:
        """What has been removed since the journal was made."""
        rows = self._sql.execute("SELECT queue, messages, at_once, results, barred FROM removed")
        messages, at_once, results, barred = dict[int, int](), 0, 0, 0
        for queue, count, final, ended, kept_back in rows:
            messages[queue] = count
            at_once, results, barred = at_once + final, results + ended, barred + kept_back
        return Removed(messages, at_once, results, barred)


class _Pass:
    """A stretch of the log, up to a moment."""

    def __init__(self, sql: sqlite3.Connection, base: int, settled: Settled, until: float) -> None:
        self._sql = sql
        self._log = FactTable(sql)
        self._messages = MessageTable(sql)
        self._base = base
        self._open = frozenset(settled.open)
        self._until = until
        self._by_queue: dict[int, list[int]] = {}
        self._results = self._barred = 0
        self.settled = settled
        self.messages = self.removed_facts = 0

    def facts(self, seq: int) -> int:
        """Remove what is over of the facts behind this seq, and the messages they admitted; how far
        that came."""
        while seq < self._base:
            last = self._sql.execute(
                "SELECT max(seq) FROM (SELECT seq FROM fact WHERE seq > ? AND seq <= ?"
                " ORDER BY seq LIMIT ?)",
                (seq, self._base, _LOOKED_AT),
            ).fetchone()[0]
            if last is None:
                return self._base
            if not self._of_files(seq, last):
                return seq
            self._of_messages(seq, last)
            self._of_bundles(seq, last)
            seq = last
            if time.perf_counter() >= self._until:
                return seq
        return seq

    def _is_over(self, file_id: int) -> bool:
        return file_id <= self.settled.last_file and file_id not in self._open

    def _of_files(self, seq: int, last: int) -> bool:
        """The facts about files; whether there was time for all of them."""
        rows = self._sql.execute(
            "SELECT seq, kind, msg, detail FROM fact WHERE seq > ? AND seq <= ? AND msg < ?",
            (seq, last, _FIRST_MSG),
        ).fetchall()
        for number, kind, file_id, detail in rows:
            if not self._is_over(file_id):
                continue
            if kind == Kind.ADMITTED:
                ranges = read_chunk(detail).ranges
                if not all(self._remove(first, end) for first, end, _ in ranges):
                    return False
                if any(end > self._head(end) for _, end, _ in ranges):
                    continue  # what is still to be passed over stays with its fact
            elif kind == Kind.FILE_REPORTED and not self._slots(file_id):
                return False
            self._sql.execute("DELETE FROM fact WHERE seq = ?", (number,))
            self.removed_facts += 1
        return True

    def _head(self, msg_id: int) -> int:
        return self.settled.heads.get(msg_id >> QUEUE_SHIFT, 0)

    def _remove(self, first: int, last: int) -> bool:
        """The messages of a stretch of a queue, as far as it was passed; whether there was time."""
        last = min(last, self._head(first))
        while first <= last:
            end = min(last, first + _STEP - 1)
            gone, at_once = self._messages.remove(first, end)
            counts = self._by_queue.setdefault(first >> QUEUE_SHIFT, [0, 0])
            counts[0] += gone
            counts[1] += at_once
            self.messages += gone
            first = end + 1
            if gone and first <= last and time.perf_counter() >= self._until:
                return False
        return True

    def _slots(self, file_id: int) -> bool:
        while True:
            found = self._sql.execute(
                "DELETE FROM slots WHERE rowid IN"
                " (SELECT rowid FROM slots WHERE file_id = ? LIMIT 16)",
                (file_id,),
            )
            if found.rowcount < 16:
                return True
            if time.perf_counter() >= self._until:
                return False

    def _of_messages(self, seq: int, last: int) -> None:
        values = (seq, last, _BUNDLES, _FIRST_MSG, _TAKING)
        gone = self._sql.execute(_OVER, values).fetchall()
        self.removed_facts += len(gone)
        self._results += sum(ended for ended, _ in gone)
        self._barred += sum(ended and kind == Kind.BARRED for ended, kind in gone)

    def _of_bundles(self, seq: int, last: int) -> None:
        """The facts in bundles about messages that are no longer there."""
        for bundle in list(self._log.orphans(seq, last)):
            left = [
                None if member is None or member.msg in bundle.missing else member
                for member in bundle.members
            ]
            gone = left.count(None) - bundle.members.count(None)
            self._log.keep_of_bundle(bundle.seq, left)
            self.removed_facts += gone
            if bundle.kind == Kind.DELIVERED_BUNDLE:
                self._results += gone

    def file_rows(self, after: int, before: float) -> int:
        """The rows of files that are over, behind this one; how far that came."""
        rows: Sequence[tuple[int, float | None]] = self._sql.execute(
            "SELECT file_id, reported FROM file WHERE file_id > ? AND file_id <= ?"
            " ORDER BY file_id LIMIT ?",
            (after, self.settled.last_file, _STEP),
        ).fetchall()
        self._sql.executemany(
            "DELETE FROM file WHERE file_id = ?",
            [
                (file_id,)
                for file_id, reported in rows
                if self._is_over(file_id) and (reported is None or reported < before)
            ],
        )
        return rows[-1][0] if len(rows) == _STEP else self.settled.last_file

    def count(self) -> None:
        """Keep count of what was removed, so that the accounts still add up."""
        counts = [(queue, *each, 0, 0) for queue, each in self._by_queue.items()]
        self._sql.executemany(_COUNT, [*counts, (0, 0, 0, self._results, self._barred)])
