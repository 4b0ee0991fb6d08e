"""The columns of a CSV file, and what a row of it says: a `Line`, good or with its mistake. Pure.

Columns are the fields of a message; with a template in the file's settings, columns that are none
are values for its gaps. An empty cell is a field that is not given.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches

import msgspec

from smppd.message import ErrorInfo, PlainRequest, Request
from smppd.ports import Line
from smppd.spool import call_lines
from smppd.spool.careful import FIELDS, meant_field
from smppd.spool.defaults import line_parser, missing_value
from smppd.spool.formats import judged
from smppd.spool.legible import shown_to
from smppd.spool.quarantine import Unusable
from smppd.spool.settings import Settings

#: What may stand between cells, the likeliest first.
_DELIMITERS = ",;\t"
#: What may stand between several numbers in one cell; none of it is ever in a number.
_BETWEEN_NUMBERS = re.compile(r"[,;|\n]")
_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})
_FLAGS = frozenset({"receipt", "transliterate", "flash", "confirm"})
_OBJECTS = frozenset({"tlv", "args"})
_encode = msgspec.json.Encoder().encode


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
        if template is None and not _calls(layout, settings):
            return Unusable(f"has an unknown column {name[:60]!r}", _cure(columns, name), 1, number)
        if meant and meant not in columns:
            cure = f"did you mean {meant}? If not, name it x-{name[:40]}"
            return Unusable(f"has an unknown column {name[:60]!r}", cure, 1, number)
    missing = next((name for name in gaps if _place_of(name, columns) is None), None)
    if missing is not None:
        close = get_close_matches(missing, columns, n=1)
        cure = f"did you mean {{{close[0]}}}?" if close else "add it, or take it out of the text"
        return Unusable(f"has no column {missing[:60]!r}, which the text names", cure, 1, 1)
    return _missing_field(columns, settings) if not _calls(layout, settings) else None


def _calls(layout: Layout, settings: Settings) -> bool:
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


def _place_of(name: str, columns: Sequence[str]) -> int | None:
    for column in (name, name.lower(), f"x-{name.lower()}"):
        if column in columns:
            return columns.index(column)
    return None


#: What a `PlainRequest` may say beside its destination.
_PLAIN = frozenset({"text", "from_", "id"})


class Rows:
    """Makes lines of rows. The layout must fit the settings (`first_misfit`)."""

    def __init__(self, layout: Layout, settings: Settings) -> None:
        columns = layout.columns
        self._layout = layout
        self._width = len(columns)
        self._settings = settings
        self._to = columns.index("to") if "to" in columns else None
        self._id = columns.index("id") if "id" in columns else None
        self._echo = [(at, each) for at, each in enumerate(columns) if each.startswith("x-")]
        self._texts, self._odd = self._by_kind(columns)
        template = settings.template
        self._pattern = "" if template is None else template.pattern
        self._gaps = tuple(
            at
            for name in (() if template is None else template.names)
            if (at := _place_of(name, columns)) is not None
        )
        self._no_template = template is None
        self.read: Callable[[list[str], int], Line] = self._quickly
        defaults = settings.fields
        if _calls(layout, settings) or any(name.startswith("x-") for name in defaults):
            self._parse = line_parser(msgspec.structs.replace(settings, template=None))
            self.read = self._by_way_of_json
        self._defaults = self._as_attributes()
        self._plain = _PLAIN.issuperset(
            {*(name for _, name in self._texts), *self._defaults}
        ) and not (self._odd or self._echo)

    def _by_kind(
        self, columns: Sequence[str]
    ) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
        """Places and attributes of what is a text as it stands, and places of what is not."""
        fields = {field.encode_name: field.name for field in msgspec.structs.fields(Request)}
        given = [(at, each) for at, each in enumerate(columns) if each in FIELDS and each != "to"]
        odd = [(at, each) for at, each in given if each in _FLAGS | _OBJECTS | {"expires"}]
        texts = [(at, fields.get(each, each)) for at, each in given if (at, each) not in odd]
        return texts, odd

    def _as_attributes(self) -> dict[str, object]:
        if self.read == self._by_way_of_json or not self._settings.fields:
            return {}
        example = msgspec.json.encode({"to": "", **self._settings.fields})
        request = msgspec.json.decode(example, type=Request)
        return {
            field.name: getattr(request, field.name)
            for field in msgspec.structs.fields(Request)
            if field.encode_name in self._settings.fields
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names."""
        return self._layout.columns

    # ── one row ──────────────────────────────────────────────────────────────────────────────

    def _quickly(self, row: list[str], number: int) -> Line:
        if len(row) != self._width:
            return self.rejected(row, number, self._ragged(row))
        values = dict(self._defaults)
        for at, name in self._texts:
            if cell := row[at]:
                values[name] = cell
        for at, name in self._odd:
            if row[at]:
                value = _value(name, row[at])
                if isinstance(value, ErrorInfo):
                    return self.rejected(row, number, value)
                values[name] = value
        if self._echo:
            values["echo"] = {name: _encode(row[at]) for at, name in self._echo if row[at]} or None
        mistake = self._complete(values, row)
        if mistake is not None:
            return self.rejected(row, number, mistake)
        assert self._to is not None
        to = row[self._to]
        if self._plain and to and values.get("text") and _BETWEEN_NUMBERS.search(to) is None:
            return Line(number, PlainRequest(to=to, **values))  # type: ignore[arg-type]
        request = Request(to=to if _BETWEEN_NUMBERS.search(to) is None else _numbers(to), **values)  # type: ignore[arg-type]
        line = judged(request, number)
        return line if line.mistake is None else self.rejected(row, number, line.mistake)

    def _complete(self, values: dict[str, object], row: list[str]) -> ErrorInfo | None:
        """The text of the file, where the row has none of its own."""
        own_text, own_data = "text" in values, "data" in values
        if own_text and own_data and "data" in self._defaults:
            del values["data"]
        if own_text or own_data or self._no_template:
            return None
        cells = tuple(row[at] for at in self._gaps)
        for cell, at in zip(cells, self._gaps, strict=True):
            if not cell or cell.isspace():
                name = self._layout.columns[at]
                return missing_value(name, f"column {at + 1} ({name})")
        values["text"] = self._pattern % cells
        return None

    def _by_way_of_json(self, row: list[str], number: int) -> Line:
        if len(row) != self._width:
            return self.rejected(row, number, self._ragged(row))
        fields: dict[str, object] = {}
        for at, name in enumerate(self._layout.columns):
            if not row[at] or (name not in FIELDS and not name.startswith("x-")):
                continue
            value = _value(name, row[at]) if name in _ODD else row[at]
            if isinstance(value, ErrorInfo):
                return self.rejected(row, number, value)
            fields[name] = _numbers(row[at]) if name == "to" and _several(row[at]) else value
        if not {"text", "data", "op", "template"} & {*fields, *self._settings.fields}:
            mistake = self._complete(fields, row)
            if mistake is not None:
                return self.rejected(row, number, mistake)
        return self._parse(_encode(fields), number)

    def rejected(self, row: Sequence[str], number: int, mistake: ErrorInfo) -> Line:
        """A row with a mistake, and what it says of whose it is."""
        to = "" if self._to is None else _cell(row, self._to)
        echo = {name: _encode(row[at]) for at, name in self._echo if _cell(row, at)}
        client_id = None if self._id is None else _cell(row, self._id)[:200] or None
        return Line(number, None, mistake, shown_to(to)[:200], client_id, echo or None)

    def _ragged(self, row: list[str]) -> ErrorInfo:
        names, shown = len(self._layout.columns), self._layout.delimiter.replace("\t", "tab")
        if len(row) > names:
            cure = f"put a cell that holds a {shown} into double quotes"
        else:
            cure = f"write one {shown} for each cell, also for empty ones"
        text = f"the row has {len(row)} cells and the header names {names} columns: {cure}"
        return ErrorInfo("RAGGED", text=text)


def _cell(row: Sequence[str], at: int) -> str:
    return row[at] if at < len(row) else ""


def _several(to: str) -> bool:
    return _BETWEEN_NUMBERS.search(to) is not None


def _numbers(to: str) -> list[str]:
    return [each.strip() for each in _BETWEEN_NUMBERS.split(to)]


_ODD = _FLAGS | _OBJECTS | {"expires", "params"}


def _value(name: str, cell: str) -> object:
    """What a cell says where a field is no text; an `ErrorInfo` when it says nothing of the kind."""
    if name in _FLAGS:
        word = cell.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        text = f"{name}: must be true or false, not {cell[:40]!r}"
        return ErrorInfo("BAD_TYPE", text=text)
    if name == "expires":
        return float(cell) if re.fullmatch(r" *\d{1,12}(\.\d{1,9})? *", cell, re.ASCII) else cell
    try:
        value = msgspec.json.decode(cell)
    except (msgspec.DecodeError, RecursionError):
        value = None
    if isinstance(value, dict):
        return (
            value
            if name != "tlv" or all(isinstance(each, str) for each in value.values())
            else _not_object(name)
        )
    return cell if name == "params" else _not_object(name)


def _not_object(name: str) -> ErrorInfo:
    like = '{"0x1400": "0a1b"}' if name == "tlv" else '{"idgroup": 7}'
    return ErrorInfo("BAD_TYPE", text=f"{name}: must be an object like {like}")
