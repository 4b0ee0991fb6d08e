"""How far each reader of the log has come: a row for each that has ever read."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping


class CursorTable:
    """The statements about `cursor`, on the journal's connection. A cursor is the seq of the last
    fact that its reader is done with."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def all(self) -> dict[str, int]:
        """Every reader's cursor, those of readers that are not configured any more included."""
        return dict(self._sql.execute("SELECT name, seq FROM cursor").fetchall())

    def least(self, names: Collection[str]) -> int | None:
        """The fact up to which all of these readers are done; None when none of them has begun."""
        return min((seq for name, seq in self.all().items() if name in names), default=None)

    def move(self, cursors: Mapping[str, int]) -> None:
        """Set these; part of the commit under way."""
        self._sql.executemany("INSERT OR REPLACE INTO cursor VALUES (?, ?)", cursors.items())
