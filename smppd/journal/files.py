"""The files there were: one row each, kept by the facts about it, for whoever asks afterwards."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence

from smppd.ledger.facts import Fact, Kind, read_names
from smppd.ports import FileRow

_COLUMNS = "file_id, token, name, lane, opened, campaign, items, closed, reported, placed, states, submitted"


class FileTable:
    """The statements about `file`, on the journal's connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def note(self, facts: Sequence[Fact]) -> None:
        """Keep what these facts say of files; part of the commit that writes them."""
        for fact in facts:
            if fact.kind <= _LAST and (step := _STEPS.get(fact.kind)) is not None:
                step(self._sql, fact)

    def by_ids(self, file_ids: Sequence[int]) -> list[FileRow]:
        """These files, as far as there were any."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM file WHERE file_id"  # noqa: S608
            " IN (SELECT value FROM json_each(?))",
            (json.dumps(file_ids),),
        )
        return [FileRow(*row) for row in rows]

    def has(self, name: str) -> bool:
        """Whether there ever was a file of this name."""
        found = self._sql.execute("SELECT 1 FROM file WHERE name = ? LIMIT 1", (name,)).fetchone()
        return found is not None

    def of_campaign(self, name: str, since: float) -> list[FileRow]:
        """The files of this campaign that were opened since (epoch seconds), the newest first."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM file WHERE campaign = ? AND opened >= ?"  # noqa: S608
            " ORDER BY file_id DESC",
            (name, since),
        )
        return [FileRow(*row) for row in rows]

    def newest(
        self, since: float, limit: int, name: str = "", *, unreported: bool = False
    ) -> list[FileRow]:
        """The files opened since (epoch seconds), the newest first; with `name` those that have it,
        or whose campaign does, where * and ? stand for anything."""
        where = ["opened >= ?"]
        values: list[object] = [since]
        if unreported:
            where.append("reported IS NULL")
        if name:
            where.append("(name GLOB ? OR campaign GLOB ?)")
            values += [name, name]
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM file WHERE {' AND '.join(where)}"  # noqa: S608
            " ORDER BY file_id DESC LIMIT ?",
            (*values, limit),
        )
        return [FileRow(*row) for row in rows]

    def called(self, name: str, limit: int) -> list[FileRow]:
        """The files of this name, or of this campaign, the newest first."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM file WHERE name = ? OR campaign = ?"  # noqa: S608
            " ORDER BY file_id DESC LIMIT ?",
            (name, name, limit),
        )
        return [FileRow(*row) for row in rows]

    def placed_at(self, path: str) -> list[FileRow]:
        """The file whose source was moved to this path."""
        rows = self._sql.execute(f"SELECT {_COLUMNS} FROM file WHERE placed = ?", (path,))  # noqa: S608
        return [FileRow(*row) for row in rows]


def _opened(sql: sqlite3.Connection, fact: Fact) -> None:
    assert fact.detail is not None
    token, name, lane = read_names(fact.detail)
    sql.execute(
        "INSERT INTO file (file_id, token, name, lane, opened) VALUES (?, ?, ?, ?, ?)",
        (fact.msg, token, name, lane, fact.at),
    )


def _named(sql: sqlite3.Connection, fact: Fact) -> None:
    if fact.text:
        sql.execute("UPDATE file SET campaign = ? WHERE file_id = ?", (fact.text, fact.msg))


def _closed(sql: sqlite3.Connection, fact: Fact) -> None:
    sql.execute(
        "UPDATE file SET closed = ?, items = ? WHERE file_id = ?", (fact.at, fact.num, fact.msg)
    )


def _withdrawn(sql: sqlite3.Connection, fact: Fact) -> None:
    sql.execute("DELETE FROM file WHERE file_id = ?", (fact.msg,))


def _reported(sql: sqlite3.Connection, fact: Fact) -> None:
    sql.execute(
        "UPDATE file SET reported = ?, placed = ?, states = ?, submitted = ? WHERE file_id = ?",
        (fact.at, fact.text, fact.detail, fact.num, fact.msg),
    )


_STEPS: dict[int, Callable[[sqlite3.Connection, Fact], None]] = {
    int(Kind.FILE_OPENED): _opened,
    int(Kind.CAMPAIGN): _named,
    int(Kind.FILE_CLOSED): _closed,
    int(Kind.FILE_WITHDRAWN): _withdrawn,
    int(Kind.FILE_REPORTED): _reported,
}
_LAST = max(_STEPS)
