"""Lines of a file read many at once: many times as fast as one by one, and it comes to the same. Pure.

What most lines say is declared in a class: the fields of a `PlainRequest`, with what the file has for
all of them, and the `x-…` fields that its lines turn out to have. A line that says anything else, or
has a mistake, is left to who reads one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, TypeVar

import msgspec

from smppd.message import ErrorInfo, PlainRequest, Request
from smppd.ports import Line
from smppd.spool.defaults import Gaps, line_parser
from smppd.spool.legible import echoed
from smppd.spool.settings import Settings
from smppd.spool.templates import Template

#: The fields that a file may have for all lines while they are plain ones, beside `x-…`.
_PLAIN = frozenset({"from", "receipt", "flash"})
#: So many `x-…` fields are declared at most.
_MOST_NAMES = 50
#: A name that stands in the octets of a file as it is, and what looks like the key of one.
_NAME = re.compile(r'x-[^"\\\0-\x1f]*')
_KEY = re.compile(rb'"(%s)"\s*:' % _NAME.pattern.encode())
#: The field that no name declares, for `Request.echo` has it; no JSON is such a number.
_UNDECLARED = "x-*"
_NOTHING = Annotated[int, msgspec.Meta(gt=1, lt=0)]

_TEXT = next(each.type for each in msgspec.structs.fields(PlainRequest) if each.name == "text")

T = TypeVar("T")
Decoder = msgspec.json.Decoder[PlainRequest]


class AtOnce:
    """Reads the lines of a file with these settings."""

    def __init__(self, settings: Settings) -> None:
        self._read = line_parser(settings)
        self._template = settings.template
        self._gaps = None if settings.template is None else Gaps(settings.template)
        self._defaults = tuple((name, bytes(value)) for name, value in settings.fields.items())
        self._names: tuple[str, ...] = ()
        self._decoder: Decoder | None = None
        if all(name in _PLAIN or _may_be_declared(name) for name in settings.fields):
            self._decoder = self._declared([name for name in settings.fields if name not in _PLAIN])

    def lot(self, lines: Sequence[bytes], number: int) -> list[Line] | None:
        """Lines without their newlines, from this number on; None unless each of them is an object
        and says no more than most do."""
        if self._decoder is None:
            return None
        ends = {line[-1:] for line in lines}
        if b"\r" in ends:
            lines = [line.removesuffix(b"\r") for line in lines]
            ends = {line[-1:] for line in lines}
        # No string goes over a line's end, so that what ends there is an object: with as many objects
        # as lines, each line is one.
        if ends != {b"}"}:
            return None
        text = b"\n".join(lines)
        requests = self._decoded(self._decoder.decode_lines, text)
        if requests is None and (names := self._new_names(text)):
            self._decoder = self._declared(names)
            requests = self._decoded(self._decoder.decode_lines, text)
        if requests is None or len(requests) != len(lines):
            return None
        numbers = range(number, number + len(lines))
        if self._is_complete:
            return list(map(Line, numbers, requests))
        return list(map(self._completed, requests, lines, numbers))

    def line(self, raw: bytes, number: int) -> Line:
        """One line, good or with its mistake: most lines beside a rare one are plain."""
        request = None if self._decoder is None else self._decoded(self._decoder.decode, raw)
        return self._read(raw, number) if request is None else self._completed(request, raw, number)

    def _declared(self, names: Sequence[str]) -> Decoder:
        """Knows lines to have these `x-…` fields, too."""
        self._names = (*self._names, *names)
        self._places = [(name, _place(number)) for number, name in enumerate(self._names)]
        self._is_complete = not self._places and not (self._template and self._template.names)
        return _decoder(self._names, self._defaults, self._template)

    def _decoded(self, decode: Callable[[bytes], T], text: bytes) -> T | None:
        try:
            if self._places:
                text.decode()  # what is echoed is not looked into
            return decode(text)
        except (ValueError, RecursionError):
            return None

    def _new_names(self, text: bytes) -> list[str]:
        """The `x-…` fields that are not declared yet. One too many does no harm."""
        found = dict.fromkeys(_KEY.findall(text))
        names = [name.decode(errors="replace") for name in found]
        names = [name for name in names if name not in self._names and name != _UNDECLARED]
        return names if len(self._names) + len(names) <= _MOST_NAMES else []

    def _completed(self, request: Request, raw: bytes, number: int) -> Line:
        """With its echo, and the text where the file has it."""
        echo = {}
        for name, place in self._places:
            value = getattr(request, place)
            if value is not None:
                if (octets := echoed(value)) is None:
                    return self._read(raw, number)
                echo[name] = octets
        if request.text is None and self._gaps is not None:
            text = self._gaps.filled(echo)
            if isinstance(text, ErrorInfo):
                return self._read(raw, number)
            request.text = text
        if echo:
            request.echo = echo
        return Line(number, request)


def _may_be_declared(name: str) -> bool:
    return name != _UNDECLARED and _NAME.fullmatch(name) is not None


def _place(number: int) -> str:
    return f"x_{number}"


@lru_cache(64)
def _decoder(
    names: tuple[str, ...], defaults: tuple[tuple[str, bytes], ...], template: Template | None
) -> Decoder:
    """Reads a plain line with these `x-…` fields, and with the defaults in place of ours."""
    given = dict(defaults)
    plain = {name: msgspec.Raw(value) for name, value in defaults if name in _PLAIN}
    example = msgspec.json.encode({"to": "0", "text": "a", **plain})
    usual = msgspec.json.decode(example, type=PlainRequest)
    fields: list[tuple[str, object, object]] = [
        (each.name, each.type, msgspec.field(default=getattr(usual, each.name), name=name))
        for each in msgspec.structs.fields(PlainRequest)
        if (name := each.encode_name) in plain
    ]
    if template is not None:
        text = None if template.names else template.filled(())
        fields.append(("text", _TEXT, msgspec.field(default=text)))
    fields.append(("echo", _NOTHING, msgspec.field(default=None, name=_UNDECLARED)))
    for number, name in enumerate(names):
        value = msgspec.Raw(given[name]) if name in given else None
        fields.append((_place(number), msgspec.Raw, msgspec.field(default=value, name=name)))
    declared = msgspec.defstruct(
        "DeclaredRequest", fields, bases=(PlainRequest,), kw_only=True, forbid_unknown_fields=True
    )
    return msgspec.json.Decoder(declared)
