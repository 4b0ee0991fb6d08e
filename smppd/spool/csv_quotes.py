"""Where the quotes of a CSV row are wrong, for its writer. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def wrong_quotes(text: str, delimiter: str, columns: Sequence[str]) -> tuple[list[str], str]:
    """The cells of a row's first line as far as they can be read, and what is wrong, with the cure."""
    cells: list[str] = []
    at = 0
    text = text.rstrip("\r")
    while True:
        if text[at : at + 1] != '"':
            end = text.find(delimiter, at)
            cells.append(text[at : end if end >= 0 else None])
            if end < 0:
                return cells, f"wrong quotes: {_CURE}"
            at = end + 1
            continue
        where = f"in column {at + 1}, cell {_named(columns, len(cells))}"
        end = _closing(text, at + 1)
        cells.append(text[at + 1 : end].replace('""', '"'))
        if end == len(text):
            return cells, f"the quote {where}, is not closed: close it; {_CURE}"
        if end + 1 == len(text):
            return cells, f"wrong quotes: {_CURE}"
        if text[end + 1] != delimiter:
            where = f"in column {end + 1}, cell {_named(columns, len(cells) - 1)}"
            return cells, f"the quote {where}, ends the cell before its end: {_CURE}"
        at = end + 2


_CURE = 'write a quote inside a cell twice ("")'


def _closing(text: str, at: int) -> int:
    """Where the quote is that ends a cell; the text's length if none does."""
    while True:
        at = text.find('"', at)
        if at < 0:
            return len(text)
        if text[at + 1 : at + 2] != '"':
            return at
        at += 2


def _named(columns: Sequence[str], number: int) -> str:
    return columns[number][:60] if number < len(columns) else str(number + 1)
