"""How many messages left for a number on a day, for those days and numbers that are counted."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from smppd.ports import Counted


class TallyTable:
    """The statements about `tally`, on the journal's connection. Days are counted from 1970."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def set(self, counts: Sequence[Counted]) -> None:
        """Set these; part of the commit under way."""
        self._sql.executemany(
            "INSERT OR REPLACE INTO tally (day, number, count) VALUES (?, ?, ?)", counts
        )

    def counts_of(self, day: int, numbers: Sequence[str]) -> dict[str, int]:
        """The counts of these numbers on a day; none for a number of which there is none."""
        rows = self._sql.execute(
            "SELECT number, count FROM json_each(?) j CROSS JOIN tally t"
            " WHERE t.day = ? AND t.number = j.value",
            (json.dumps(numbers), day),
        )
        return dict(rows.fetchall())

    def forget(self, before: int, limit: int) -> bool:
        """Remove some of the counts of days before this one; whether there may be more."""
        with self._sql:
            gone = self._sql.execute(
                "DELETE FROM tally WHERE (day, number) IN"
                " (SELECT day, number FROM tally WHERE day < ? LIMIT ?)",
                (before, limit),
            ).rowcount
        return gone == limit
