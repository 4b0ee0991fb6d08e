"""What a row of a CSV file says: a `Line`, good or with its mistake. Pure.

An empty cell is a field that is not given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from smppd.message import ErrorInfo, PlainRequest, Request
from smppd.ports import Line
from smppd.spool.csv_header import Layout, makes_calls, place_of
from smppd.spool.defaults import line_parser, missing_value
from smppd.spool.field_names import FIELDS
from smppd.spool.formats import judged
from smppd.spool.legible import shown_to
from smppd.spool.settings import Settings

#: What may stand between several numbers in one cell; none of it is ever in a number.
_BETWEEN_NUMBERS = re.compile(r"[,;|\n]")
_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})
_FLAGS = frozenset({"receipt", "transliterate", "flash", "confirm"})
_OBJECTS = frozenset({"tlv", "args"})
#: Fields that are no text.
_ODD = _FLAGS | _OBJECTS | {"expires", "params"}
_encode = msgspec.json.Encoder().encode


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
        self._template = template
        self._gaps = tuple(
            at
            for name in (() if template is None else template.names)
            if (at := place_of(name, columns)) is not None
        )
        self.read: Callable[[list[str], int], Line] = self._quickly
        defaults = settings.fields
        if makes_calls(layout, settings) or any(name.startswith("x-") for name in defaults):
            self._parse = line_parser(msgspec.structs.replace(settings, template=None))
            self.read = self._by_way_of_json
        self._defaults = self._as_attributes()
        self._plain = (
            _PLAIN.issuperset({*(name for _, name in self._texts), *self._defaults})
            and not self._odd
        )

    def _by_kind(
        self, columns: Sequence[str]
    ) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
        """Places and attributes of what is a text as it stands, and places of what is not."""
        fields = {field.encode_name: field.name for field in msgspec.structs.fields(Request)}
        given = [(at, each) for at, each in enumerate(columns) if each in FIELDS and each != "to"]
        odd = [(at, each) for at, each in given if each in _ODD]
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
        to = _numbers(row[self._to])
        if self._plain and to and values.get("text") and isinstance(to, str):
            return Line(number, PlainRequest(to=to, **values))  # type: ignore[arg-type]
        request = Request(to=to, **values)  # type: ignore[arg-type]
        line = judged(request, number)
        return line if line.mistake is None else self.rejected(row, number, line.mistake)

    def _complete(self, values: dict[str, object], row: list[str]) -> ErrorInfo | None:
        """The text of the file, where the row has none of its own."""
        own_text, own_data = "text" in values, "data" in values
        if own_text and own_data and "data" in self._defaults:
            del values["data"]
        if own_text or own_data or self._template is None:
            return None
        cells = tuple(row[at] for at in self._gaps)
        for cell, at in zip(cells, self._gaps, strict=True):
            if not cell or cell.isspace():
                name = self._layout.columns[at]
                return missing_value(name, f"column {at + 1} ({name})")
        text = self._template.filled(cells)
        if isinstance(text, ErrorInfo):
            return text
        values["text"] = text
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
            fields[name] = _numbers(row[at]) if name == "to" else value
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


def _numbers(cell: str) -> str | list[str]:
    """The number of a cell of `to`, or several."""
    if _BETWEEN_NUMBERS.search(cell) is None:
        return cell
    return [each.strip() for each in _BETWEEN_NUMBERS.split(cell)]


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
