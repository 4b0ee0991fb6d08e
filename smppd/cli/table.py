"""Answers of the provider for people: whatever JSON came, as a table where it is one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.cells import cell_len, set_cell_size

#: Columns of the terminal that one cell takes at most; --json shows all of it.
_WIDEST = 60
#: And at least, before lines are wider than the terminal.
_NARROWEST = 12
#: Between two columns.
_GAP = "  "

#: Rows of a table: each with its columns, which need not be the same in all.
Records = Sequence[Mapping[str, Any]]


def shown(result: bytes, nothing: str = "done", columns: int | None = None) -> Iterator[str]:
    """The lines that show a `result`; `nothing` where it is empty. Tables fit into so many
    `columns` of a terminal, if they can."""
    value = value_of(result)
    records = records_in(value)
    if records is not None:
        yield from table(records, columns) if records else [nothing]
    elif isinstance(value, dict) and value:
        yield from _fields(value)
    elif isinstance(value, list) and value:
        yield from map(text_of, value)
    else:
        yield nothing if value in (None, "", [], {}) else text_of(value)


def value_of(result: bytes) -> Any:
    """What a `result` holds; its text where that goes beyond what can be held (1e999, say)."""
    try:
        return msgspec.json.decode(result)
    except (msgspec.DecodeError, RecursionError):
        return result.decode("utf-8", "replace")


def records_in(value: Any) -> Records | None:
    """The objects of a list, or of a map from an id to each, also where that list is all that an
    object has; None for anything else."""
    if isinstance(value, dict) and len(value) == 1:
        (value,) = (each if isinstance(each, list) else value for each in value.values())
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return value
    by_id = isinstance(value, dict) and value and all(key.isdecimal() for key in value)
    if by_id and all(isinstance(each, dict) for each in value.values()):
        return [each if "id" in each else {"id": key, **each} for key, each in value.items()]
    return None


def columns_of(records: Records) -> list[str]:
    """Every column of any record, in the order in which they come."""
    return list(dict.fromkeys(column for record in records for column in record))


def table(records: Records, columns: int | None = None) -> Iterator[str]:
    """A head, and a line for each record. Where that is wider than `columns` of a terminal, the
    widest cells are cut."""
    names = columns_of(records)
    rows = [names, *([text_of(record.get(each, "")) for each in names] for record in records)]
    widths = [min(max(map(cell_len, column)), _WIDEST) for column in zip(*rows, strict=True)]
    _narrow(widths, columns)
    for row in rows:
        cells = (_fitted(cell, width) for cell, width in zip(row, widths, strict=True))
        yield _GAP.join(cells).rstrip()


def fitted(line: str, columns: int | None) -> str:
    """A line, cut where it is wider than that."""
    return line if columns is None else _fitted(line, columns).rstrip()


def _narrow(widths: list[int], columns: int | None) -> None:
    """Take from the widest columns what a terminal has not; none where that would not do."""
    if columns is None:
        return
    room = columns - len(_GAP) * (len(widths) - 1)
    if sum(min(width, _NARROWEST) for width in widths) > room:
        return
    while sum(widths) > room:
        widths[widths.index(max(widths))] -= 1


def text_of(value: Any) -> str:
    """One value on one line."""
    if isinstance(value, str):
        return " ".join(value.split())
    return "" if value is None else msgspec.json.encode(value).decode()


def _fitted(cell: str, width: int) -> str:
    if cell_len(cell) > width:
        return set_cell_size(cell, width - 1) + "…"
    return set_cell_size(cell, width)


def _fields(value: Mapping[str, Any], *, nested: bool = False) -> Iterator[str]:
    """A line for each field; a list of objects, or one object, stands below its name."""
    width = max(map(cell_len, value))
    for name, field in value.items():
        records = records_in(field)
        if records:
            below = table(records)
        elif isinstance(field, dict) and field and not nested:
            below = _fields(field, nested=True)
        else:
            yield f"{name}{' ' * (width - cell_len(name))}  {text_of(field)}".rstrip()
            continue
        yield f"{name}:"
        yield from (f"  {line}" for line in below)
