"""What operators had the daemon do: one row for each command, forgotten by age and number.

It is no part of the accounts: nothing is decided by what stands here. Raises what `store` raises.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from smppd.ports import Commanded

_COLUMNS = "seq, at, who, uid, command, what, outcome, told"


class CommandTable:
    """The statements on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def put(self, rows: Sequence[Commanded]) -> None:
        """Write these down, or what has come of them, inside the transaction of whoever calls."""
        self._sql.executemany(
            "INSERT OR REPLACE INTO operator_command VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    def last(self) -> int:
        """The number of the newest row, 0 for none."""
        return int(self._sql.execute("SELECT max(seq) FROM operator_command").fetchone()[0] or 0)

    def read(self, since: float, limit: int, command: str | None = None) -> list[Commanded]:
        """The newest that were given since then (epoch), the newest first."""
        wanted, given = ("AND command = ? ", [command]) if command is not None else ("", [])
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM operator_command WHERE at >= ? {wanted}"  # noqa: S608
            "ORDER BY seq DESC LIMIT ?",
            (since, *given, limit),
        )
        return [Commanded._make(row) for row in rows]

    def forget(self, before: float, most: int) -> None:
        """Forget those that are older, and of the rest those behind the newest so many."""
        with self._sql:
            self._sql.execute(
                "DELETE FROM operator_command WHERE at < ? OR seq <= ?",
                (before, self.last() - most),
            )
