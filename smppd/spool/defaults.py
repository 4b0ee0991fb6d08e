"""Lines of a file that has settings: each gets the fields and the text that the file has for all.

A line's own field wins. The text of the file stands in for a line that has neither text nor data;
the gaps of a template are filled from the line's `x-…` fields: `{name}` from `x-name`. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from smppd.message import ErrorInfo, Request
from smppd.ports import Line
from smppd.spool import call_lines
from smppd.spool.careful import read_carefully
from smppd.spool.formats import Parse, judged, parse_line
from smppd.spool.quarantine import Unusable
from smppd.spool.settings import Raw, Settings
from smppd.spool.templates import MOST_CHARACTERS, TOO_LONG, Template

#: What a line may have instead of the file's text; what brings a text of its own.
_CONTENT = frozenset({"text", "data"})
_OWN_TEXT = frozenset({"op", "template", "data"})
#: What an operation of an HTTP API takes from the file beside what is echoed.
_FOR_CALLS = frozenset({"priority", "via", "send_at", "expires", "on_unknown"})

_QUOTE = ord('"')
_decode_text = msgspec.json.Decoder(str).decode


def line_parser(settings: Settings) -> Parse:
    """What makes lines of octets in a file with these settings."""
    return _Completing(settings).parse if settings.fields or settings.template else parse_line


def first_flaw(settings: Settings) -> Unusable | None:
    """What is wrong with the fields of settings, whatever the lines are."""
    given = {"to": Raw(b'"34600000001"'), **settings.fields}
    calls = not call_lines.FIELDS.isdisjoint(settings.fields)
    if not calls and "data" not in given:
        given["text"] = Raw(b'"a"')
    mistake = read_carefully(msgspec.json.encode(given), 1).mistake
    if mistake is None or (calls and mistake.code != "BAD_TYPE"):
        return None
    field, _, why = mistake.text.partition(": ")
    reason, _, cure = why.partition(": ")
    return Unusable(f"campaign: {field}: {reason}", cure or "correct it", 1, 1)


class _Completing:
    def __init__(self, settings: Settings) -> None:
        self._fields = settings.fields
        self._gaps = None if settings.template is None else Gaps(settings.template)
        odd = any(name.startswith("x-") or name == "tlv" for name in settings.fields)
        plain = call_lines.FIELDS.isdisjoint(settings.fields) and not odd
        self._decode = _decoder(settings) if plain else None
        gapless = settings.template is not None and not settings.template.names
        self._text = settings.template.filled(()) if gapless and settings.template else None

    def parse(self, raw: bytes, number: int) -> Line:
        """See `formats.parse_line`."""
        if self._decode is None or b'"x-' in raw:
            return read_carefully(raw, number, self._complete)
        try:
            request = self._decode(raw)
        except (ValueError, RecursionError):
            return read_carefully(raw, number, self._complete)
        if request.echo is not None or (request.text is not None and request.data is not None):
            return read_carefully(raw, number, self._complete)
        if request.text is None and request.data is None and self._gaps is not None:
            if self._text is None:
                return read_carefully(raw, number, self._complete)
            request.text = self._text
        return judged(request, number)

    def _complete(self, fields: dict[str, Raw]) -> ErrorInfo | None:
        for name in _CONTENT:
            if name in fields and bytes(fields[name]) == b"null":
                del fields[name]
        content = _CONTENT & fields.keys()
        for name, value in self._fields.items():
            if (name in _FOR_CALLS or "op" not in fields) and not (name == "data" and content):
                fields.setdefault(name, value)
        if self._gaps is None or content or not _OWN_TEXT.isdisjoint(fields):
            return None
        text = self._gaps.filled(fields)
        if isinstance(text, ErrorInfo):
            return text
        fields["text"] = Raw(msgspec.json.encode(text))
        return None


def _decoder(settings: Settings) -> Any:
    """Reads a line with the defaults in place of ours, in one go."""
    if not settings.fields:
        return msgspec.json.Decoder(Request).decode
    example = msgspec.json.encode({"to": "", **settings.fields})
    given = msgspec.json.decode(example, type=Request)
    fields = [
        (each.name, each.type, msgspec.field(default=getattr(given, each.name), name=encoded))
        for each in msgspec.structs.fields(Request)
        if (encoded := each.encode_name) in settings.fields
    ]
    completed = msgspec.defstruct(
        "CompletedRequest", fields, bases=(Request,), kw_only=True, forbid_unknown_fields=True
    )
    return msgspec.json.Decoder(completed).decode


class Gaps:
    """Those of a template, filled from a line's `x-…` fields."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._fields = [
            (name, name if name.startswith("x-") else f"x-{name}") for name in template.names
        ]

    def filled(self, fields: Mapping[str, Raw | bytes]) -> str | ErrorInfo:
        """The text with these fields in it, each as its JSON; a mistake where one lacks."""
        values, length = [], 0
        for name, field in self._fields:
            raw = fields.get(field)
            value = None if raw is None else _shown(bytes(raw))
            if not value or value.isspace():
                return missing_value(name, field)
            values.append(value)
            length += len(value)
            if length > MOST_CHARACTERS:  # before the rest is decoded
                return TOO_LONG
        return self._template.filled(values)


def _shown(octets: bytes) -> str | None:
    """A text as it is, a number as it was written."""
    if octets[0] == _QUOTE:
        return _decode_text(octets)
    return octets.decode() if octets[0] in b"-0123456789" else None


def missing_value(name: str, where: str) -> ErrorInfo:
    """A line lacks what the text needs; `where` it should stand."""
    text = f"{where}: missing or empty, but the text needs it for {{{name}}}: fill it in"
    return ErrorInfo("MISSING_VALUE", text=text)
