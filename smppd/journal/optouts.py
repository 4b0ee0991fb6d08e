"""The opt-out list on disk. Raises what `store` raises."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby

from smppd.optout.roll import Change, OptOut, OptOutList

_ENTRY = "SELECT number, sender, CAST(at AS INTEGER), why FROM opt_out"
#: Rows read at once, so that nobody holds a read transaction open while a person looks.
_AT_ONCE = 10_000


class OptOutTable:
    """The statements about `opt_out`, on the journal's connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def make(self, changes: Sequence[Change]) -> int:
        """Make these changes in their order, inside the transaction of whoever calls; how many of
        them changed anything. Who is in the list already stays in it since when he was."""
        done = 0
        for out, run in groupby(changes, lambda change: change.out):
            if out:
                rows = [(each.number, each.sender or "", each.at, each.why) for each in run]
                found = self._sql.executemany(
                    "INSERT OR IGNORE INTO opt_out VALUES (?, ?, ?, ?)", rows
                )
                done += found.rowcount
                continue
            for each in run:
                found = self._sql.execute(
                    "DELETE FROM opt_out WHERE number = ?1 AND (?2 IS NULL OR sender = ?2)",
                    (each.number, each.sender),
                )
                done += found.rowcount > 0
        return done

    def load(self) -> OptOutList:
        """The whole list, to be asked."""
        rows = self._sql.execute(f"{_ENTRY} ORDER BY number, sender")
        return OptOutList(rows)

    def entries(self, sender: str | None = None, number: str | None = None) -> Iterator[OptOut]:
        """The list in the order of its numbers: all of it, or that of a sender, or a number."""
        after = ("", "")
        while True:
            rows = self._sql.execute(
                f"{_ENTRY} WHERE (number, sender) > (?, ?) AND (?3 IS NULL OR sender = ?3)"
                " AND (?4 IS NULL OR number = ?4) ORDER BY number, sender LIMIT ?5",
                (*after, sender, number, _AT_ONCE),
            ).fetchall()
            yield from map(OptOut._make, rows)
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1][0], rows[-1][1]

    def count(self) -> int:
        """How many opt-outs there are."""
        return int(self._sql.execute("SELECT count(*) FROM opt_out").fetchone()[0])
