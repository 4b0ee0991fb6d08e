"""Answers of the provider for people: whatever JSON came, as a table where it is one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.cells import cell_len, set_cell_size

#: Columns of the terminal that one cell takes at most; --json shows all of it.
_WIDEST = 60

#: Rows of a table: each with its columns, which need not be the same in all.
Records = Sequence[Mapping[str, Any]]


def shown(result: bytes, nothing: str = "done") -> Iterator[str]:
    """The lines that show a `result`; `nothing` where it is empty."""
    value = value_of(result)
    records = records_in(value)
    if records is not None:
        yield from table(records) if records else [nothing]
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


def table(records: Records) -> Iterator[str]:
    """A head, and a line for each record."""
    columns = columns_of(records)
    rows = [columns, *([text_of(record.get(each, "")) for each in columns] for record in records)]
    widths = [min(max(map(cell_len, column)), _WIDEST) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (_fitted(cell, width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


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
