"""Many rows to a statement: a commit runs beside the event loop, and gives way to it whenever a statement
ends and has to be let in again."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import TypeVar

T = TypeVar("T", None, bytes)

#: So many rows to a statement, the most first. A statement costs as much as some rows.
_AT_ONCE = (250, 100, 50, 25, 12, 6, 3, 2, 1)


def _as_it_is(value: T) -> T:
    return value


# What is bound and is no number or text is looked up among adapters, and for what has none the search goes
# on at length: for None and octets, which have none, it took a third of a commit.
sqlite3.register_adapter(type(None), _as_it_is)
sqlite3.register_adapter(bytes, _as_it_is)


def write_rows(
    sql: sqlite3.Connection, before: str, rows: Sequence[tuple[object, ...]], after: str = ""
) -> None:
    """Execute `before` VALUES … `after` with these rows, all of as many columns."""
    begun = 0
    for count in _AT_ONCE:
        while len(rows) - begun >= count:
            values = tuple(chain.from_iterable(rows[begun : begun + count]))
            sql.execute(_statement(before, len(rows[0]), count, after), values)
            begun += count


@cache
def _statement(before: str, columns: int, rows: int, after: str) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"{before} VALUES {', '.join([row] * rows)}{after}"
