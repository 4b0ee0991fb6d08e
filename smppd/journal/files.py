"""The files there were: one row each, kept by the facts about it, for whoever asks afterwards."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from smppd.journal.many_rows import write_rows
from smppd.ledger.facts import Fact, Kind, read_names
from smppd.ports import FileRow

Row = tuple[object, ...]

_COLUMNS = "file_id, token, name, lane, opened, campaign, items, closed, reported, placed, states, submitted"


class FileTable:
    """The statements about `file`, on the journal's connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def note(self, facts: Sequence[Fact]) -> None:
        """Keep what these facts say of files; part of the commit that writes them. Of each file they
        come in the order of the kinds, whatever lies between them."""
        found: dict[int, list[Row]] = {}
        for fact in facts:
            if fact.kind <= _LAST and (row := _row(fact)) is not None:
                found.setdefault(fact.kind, []).append(row)
        for kind, (before, after) in _STATEMENTS.items():
            if kind in found:
                write_rows(self._sql, before, found[kind], after)

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


def _row(fact: Fact) -> Row | None:
    """What a fact says of its file, its number first; None when that is nothing."""
    if fact.kind == Kind.FILE_OPENED:
        assert fact.detail is not None
        return fact.msg, *read_names(fact.detail), fact.at
    if fact.kind == Kind.CAMPAIGN:
        return (fact.msg, fact.text) if fact.text else None
    if fact.kind == Kind.FILE_CLOSED:
        return fact.msg, fact.at, fact.num
    if fact.kind == Kind.FILE_WITHDRAWN:
        return (fact.msg,)
    if fact.kind == Kind.FILE_REPORTED:
        return fact.msg, fact.at, fact.text, fact.detail, fact.num
    return None


def _update(*columns: str) -> tuple[str, str]:
    """What is written around the rows, their first column being the file's number."""
    news = ", ".join(f"{name} = v.column{place}" for place, name in enumerate(columns, 2))
    return f"UPDATE file SET {news} FROM (", ") AS v WHERE file_id = v.column1"  # noqa: S608


#: What stands around the rows of each kind, in the order in which they come of one file.
_STATEMENTS: dict[int, tuple[str, str]] = {
    int(Kind.FILE_OPENED): ("INSERT INTO file (file_id, token, name, lane, opened)", ""),
    int(Kind.CAMPAIGN): _update("campaign"),
    int(Kind.FILE_CLOSED): _update("closed", "items"),
    int(Kind.FILE_REPORTED): _update("reported", "placed", "states", "submitted"),
    int(Kind.FILE_WITHDRAWN): ("DELETE FROM file WHERE file_id IN (", ")"),
}
_LAST = max(_STATEMENTS)
