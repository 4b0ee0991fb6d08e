"""The slow second look at a line: what exactly is wrong with it, in words for its writer.

Good lines never come here, but for those with `x-…` fields and rarely used ones. Pure; raises
nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from smppd.message import CallRequest, ErrorInfo, Request
from smppd.ports import Line
from smppd.spool import call_lines
from smppd.spool.field_names import FIELDS, advice
from smppd.spool.flaws import flaw
from smppd.spool.legible import UNREADABLE, echoed, legible, what_can_be_read
from smppd.spool.syntax import syntax_error

_decode = msgspec.json.Decoder(Request).decode
_decode_call = msgspec.json.Decoder(CallRequest).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_A_TEXT = "a text in quotes"
_FORMS = {
    "to": "a number in quotes, or a list of them",
    "expires": "a duration or a time in quotes, or a number of seconds",
    "receipt": "true or false",
    "transliterate": "true or false",
    "flash": "true or false",
    "tlv": 'an object like {"0x1400": "0a1b"}',
    "args": 'an object like {"idgroup": 7}',
    "confirm": "true or false",
    "template": "the template's id",
    "params": 'an object like {"name": "Ana"}, or a text like "name:Ana"',
    "group": "the group's id",
    "country": 'a dialling code in quotes, like "34"',
}
_KINDS = {'"': _A_TEXT, "[": "a list", "{": "an object", "t": "true", "f": "false", "n": "null"}

#: Adds to a line's fields what its file has for all lines; a mistake when it cannot.
Complete = Callable[[dict[str, msgspec.Raw]], ErrorInfo | None]


def read_carefully(raw: bytes, number: int, complete: Complete | None = None) -> Line:
    """A line that the quick way could not take: it has `x-…` fields or a mistake.

    `complete` gives it the fields that its file has for all lines.
    """
    outcome = _read(raw, complete)
    mistake = flaw(outcome) if isinstance(outcome, Request) else outcome
    if isinstance(outcome, Request) and mistake is None:
        return Line(number, outcome)
    return Line(number, None, mistake, *what_can_be_read(raw))


def too_long(start: bytes, number: int, max_line: int) -> Line:
    """A line over the limit (octets); `start` is as much of it as was kept."""
    text = f"the line is longer than {max_line} octets: cut it, or raise max_line in [spool]"
    to, client_id = legible(start)
    return Line(number, None, ErrorInfo("LINE_TOO_LONG", text=text), to, client_id)


def _read(raw: bytes, complete: Complete | None) -> Request | ErrorInfo:
    problem = syntax_error(raw)
    if problem is not None:
        text = f"{problem.reason} in column {len(problem.before) + 1}: {problem.cure}"
        return ErrorInfo(problem.code, text=text)
    try:
        fields = _decode_fields(raw)
    except ValueError:
        text = f'not an object but {_kind(raw)}: write {{"to": …, "text": …}}'
        return ErrorInfo("NOT_OBJECT", text=text)
    if complete is not None and (mistake := complete(fields)) is not None:
        return mistake
    echo = {name: fields.pop(name) for name in list(fields) if name.startswith("x-")}
    for name in call_lines.NULLABLE & fields.keys():
        if bytes(fields[name]) == b"null":
            del fields[name]
    mistake = _misnamed(fields) or _mistyped(fields)
    if mistake is not None:
        return mistake
    plain = call_lines.FIELDS.isdisjoint(fields)
    request = (_decode if plain else _decode_call)(msgspec.json.encode(fields))
    return _with_echo(request, echo) if echo else request


def _with_echo(request: Request, given: dict[str, msgspec.Raw]) -> Request | ErrorInfo:
    request.echo = {}
    for name, value in given.items():
        if (octets := echoed(value)) is None:
            return ErrorInfo("BAD_TYPE", text=f"{name[:60]}: {': '.join(UNREADABLE)}")
        request.echo[name] = octets
    return request


def _misnamed(fields: dict[str, msgspec.Raw]) -> ErrorInfo | None:
    for name in fields:
        if name not in FIELDS:
            cure = ": put it into args" if "op" in fields else advice(name)
            return ErrorInfo("UNKNOWN_FIELD", text=f"{name[:60]}: unknown field{cure}")
    if "to" not in fields and call_lines.FIELDS.isdisjoint(fields):
        return ErrorInfo("MISSING_TO", text='to: missing: add the destination, "to": "+34…"')
    return None


def _mistyped(fields: dict[str, msgspec.Raw]) -> ErrorInfo | None:
    for name, value in fields.items():
        try:
            FIELDS[name].decode(value)
        except ValueError:
            form, kind = _FORMS.get(name, _A_TEXT), _kind(bytes(value))
            if kind in {"a list", "an object"} and kind in form:
                kind += " that holds something else"
            text = f"{name}: must be {form}, not {kind}"
            return ErrorInfo("BAD_TYPE", text=text)
    return None


def _kind(raw: bytes) -> str:
    return _KINDS.get(raw.lstrip()[:1].decode(), "a number")
