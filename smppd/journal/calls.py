"""The log of calls: every call of the provider's HTTP APIs, one row each, forgotten by age.

It is no part of the accounts: nothing is decided by what stands here. Rows are appended, and the
oldest go first. Raises what `store` raises.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from smppd.ports import ApiCall
from smppd.provider.answers import SUCCESS

#: Rows that one step of `forget` looks at, so that no commit waits long for it.
STEP = 5000

_COLUMNS = "at, account, op, params, outcome, answer, seconds"


class CallTable:
    """The log's statements on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def append(self, calls: Sequence[ApiCall]) -> None:
        """Write these down, inside the transaction of whoever calls."""
        self._sql.executemany(
            f"INSERT INTO api_call ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            calls,
        )

    def read(
        self,
        *,
        account: str | None = None,
        op: str | None = None,
        failed: bool = False,
        since: float | None = None,
        limit: int = 100,
    ) -> list[ApiCall]:
        """The newest calls that are meant, the newest first; `since` is epoch seconds, `failed`
        leaves out those that succeeded."""
        wanted = {
            "account = ?": account,
            "op = ?": op,
            "outcome != ?": SUCCESS if failed else None,
            "at >= ?": since,
        }
        given = {term: value for term, value in wanted.items() if value is not None}
        where = f"WHERE {' AND '.join(given)} " if given else ""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM api_call {where}ORDER BY seq DESC LIMIT ?",  # noqa: S608
            (*given.values(), limit),
        )
        return [ApiCall._make(row) for row in rows]

    def forget(self, before: float) -> bool:
        """Forget some of the calls made before this time (epoch); whether there may be more."""
        with self._sql:
            found = self._sql.execute(
                "DELETE FROM api_call WHERE seq IN (SELECT seq FROM"
                " (SELECT seq, at FROM api_call ORDER BY seq LIMIT ?) WHERE at < ?)",
                (STEP, before),
            )
        return found.rowcount == STEP
