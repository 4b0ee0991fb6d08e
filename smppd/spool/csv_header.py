"""The columns of a CSV file. Pure.

Columns are the fields of a message; with a template in the file's settings, columns that are none
are values for its gaps.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from difflib import get_close_matches

import msgspec

from smppd.spool import call_lines
from smppd.spool.field_names import FIELDS, meant_field
from smppd.spool.quarantine import Unusable
from smppd.spool.settings import Settings

#: What may stand between cells, the likeliest first.
_DELIMITERS = ",;\t"
#: No hand-in needs more columns, and what is done with each would take long for thousands.
MOST_COLUMNS = 1000


class Layout(msgspec.Struct, array_like=True, frozen=True):
    """How a CSV file is written: what stands between its cells, and its columns in their order."""

    delimiter: str
    columns: tuple[str, ...]


def read_header(text: str) -> Layout | Unusable:
    """The layout, from the first row of a file with its line ends."""
    found = [row for each in _DELIMITERS if (row := _split(text, each)) is not None]
    layout = max(found, key=_likelihood, default=None)
    if layout is None or (len(found) < len(_DELIMITERS) and not _likelihood(layout)[0]):
        return Unusable("has wrong quotes in its header row", "write to,text without quotes", 1, 1)
    if len(layout.columns) > MOST_COLUMNS:
        reason = f"has {len(layout.columns):,} columns, more than {MOST_COLUMNS:,}"
        return Unusable(reason, "remove those that no message needs", 1, 1)
    for number, name in enumerate(layout.columns, start=1):
        if not name:
            cure = "name it, or remove it with what stands below it"
            return Unusable(f"has no name for column {number} in its header row", cure, 1, number)
    for name in layout.columns:
        if layout.columns.count(name) > 1:
            at = layout.columns.index(name) + 1
            return Unusable(f"has the column {name[:60]!r} twice", "remove one of them", 1, at)
    return layout


def _split(text: str, delimiter: str) -> Layout | None:
    try:
        rows = list(csv.reader([f"{text}\n"], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return Layout(delimiter, tuple(_column(cell) for cell in rows[0])) if rows else None


def _column(cell: str) -> str:
    """A column's name: that of a field however it is capitalised, anything else as it stands."""
    name = cell.strip()
    lowered = name.lower()
    return lowered if lowered in FIELDS or lowered.startswith("x-") else name


def _likelihood(layout: Layout) -> tuple[int, int]:
    known = sum(name in FIELDS for name in layout.columns)
    return known, len(layout.columns)


def first_misfit(layout: Layout, settings: Settings) -> Unusable | None:
    """Why these columns cannot be those of a hand-in with these settings."""
    columns, template = layout.columns, settings.template
    gaps = () if template is None else template.names
    for number, name in enumerate(columns, start=1):
        if name in FIELDS or name.startswith("x-") or name in gaps:
            continue
        meant = meant_field(name)
        if template is None and not makes_calls(layout, settings):
            return Unusable(f"has an unknown column {name[:60]!r}", _cure(columns, name), 1, number)
        if meant and meant not in columns:
            cure = f"did you mean {meant}? If not, name it x-{name[:40]}"
            return Unusable(f"has an unknown column {name[:60]!r}", cure, 1, number)
    missing = next((name for name in gaps if place_of(name, columns) is None), None)
    if missing is not None:
        close = get_close_matches(missing, columns, n=1)
        cure = f"did you mean {{{close[0]}}}?" if close else "add it, or take it out of the text"
        return Unusable(f"has no column {missing[:60]!r}, which the text names", cure, 1, 1)
    return _missing_field(columns, settings) if not makes_calls(layout, settings) else None


def makes_calls(layout: Layout, settings: Settings) -> bool:
    """Whether rows may be operations of the HTTP API."""
    given = {*layout.columns, *settings.fields}
    return not call_lines.FIELDS.isdisjoint(given)


def _missing_field(columns: Sequence[str], settings: Settings) -> Unusable | None:
    if "to" not in columns:
        cure = "its first line names the columns: to,text, for example"
        return Unusable("has no column named to", cure, 1, 1)
    if settings.template or "data" in settings.fields or not {"text", "data"}.isdisjoint(columns):
        return None
    return Unusable("has no column named text, and its settings have none", "add one", 1, 1)


def _cure(columns: Sequence[str], name: str) -> str:
    if "to" not in columns and not meant_field(name):
        return "its first line names the columns: to,text, for example"
    if meant := meant_field(name):
        return f"did you mean {meant}?"
    return f"remove it, name it x-{name[:40]} to have it echoed, or give the file a text with gaps"


def place_of(name: str, columns: Sequence[str]) -> int | None:
    """The number of the column that fills a gap of this name."""
    for column in (name, name.lower(), f"x-{name.lower()}"):
        if column in columns:
            return columns.index(column)
    return None
