"""The slow second look at a line: what exactly is wrong with it, in words for its writer.

Good lines never come here, but for those with `x-…` fields and rarely used ones. Pure; raises
nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache
from math import inf

import msgspec

from smppd.expiry import parse_expires, parse_send_at
from smppd.message import CallRequest, ErrorInfo, Request
from smppd.ports import Line
from smppd.spool import call_lines
from smppd.spool.legible import UNREADABLE, echoed, legible, what_can_be_read
from smppd.spool.wide import too_many

#: What the first line of a file may hold instead of a message.
CAMPAIGN = "campaign"

_ECHO_FIELD = "x-*"
_decode = msgspec.json.Decoder(Request).decode
_decode_call = msgspec.json.Decoder(CallRequest).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
#: Every field of a line, with what reads it.
FIELDS = {
    field.encode_name: msgspec.json.Decoder(field.type)
    for field in msgspec.structs.fields(CallRequest)
    if field.encode_name != _ECHO_FIELD
}
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
#: What other gateways call our fields.
_ALIASES = {
    "body": "text",
    "content": "text",
    "msg": "text",
    "message": "text",
    "sms": "text",
    "mobile": "to",
    "msisdn": "to",
    "number": "to",
    "phone": "to",
    "recipient": "to",
    "destination": "to",
    "sender": "from",
    "source": "from",
    "at": "send_at",
    "schedule": "send_at",
    "validity": "expires",
    "operation": "op",
    "method": "op",
    "parameters": "args",
    "idgroup": "group",
    "idtemplate": "template",
    "countrycode": "country",
    "link": "via",
}
_WORDS = {
    "priority": ("high", "normal", "bulk"),
    "on_unknown": ("hold", "resend", "fail"),
    "encoding": ("auto", "gsm7", "ucs2", "latin1", "binary"),
}


# ── what is no JSON ──────────────────────────────────────────────────────────────────────────


class SyntaxProblem(msgspec.Struct, frozen=True):
    """Why octets are no JSON: `before` is the text up to that place, `at_end` its last."""

    code: str
    reason: str
    cure: str
    before: str
    at_end: bool = False


def syntax_error(raw: bytes) -> SyntaxProblem | None:
    """What keeps these octets from being JSON; None when they are some JSON value."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return _not_utf8(raw, error)
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
    except RecursionError:
        return SyntaxProblem("BAD_JSON", "nested too deeply", "write it flat", "")
    except msgspec.DecodeError as error:
        half = _half_surrogate(text)
        if half is not None:
            reason, cure = "not JSON: half a surrogate pair", "write the character itself in UTF-8"
            return SyntaxProblem("BAD_JSON", reason, cure, text[:half])
        match = re.fullmatch(r"JSON is malformed: (.*) \(byte (\d+)\)", str(error))
        if match is None:
            reason, cure = "not JSON: it ends too early", "write the rest of it"
            return SyntaxProblem("BAD_JSON", reason, cure, text.rstrip(), at_end=True)
        before = raw[: int(match[2])].decode(errors="ignore")
        return SyntaxProblem("BAD_JSON", f"not JSON: {match[1]}", "correct it", before)
    return None


def _not_utf8(raw: bytes, error: UnicodeDecodeError) -> SyntaxProblem:
    reason = f"not UTF-8: octet 0x{raw[error.start]:02x}"
    before = raw[: error.start].decode()
    at_end = error.end >= len(raw) and "end of data" in error.reason
    return SyntaxProblem("BAD_UTF8", reason, "save it as UTF-8", before, at_end)


def _half_surrogate(text: str) -> int | None:
    """Where half a surrogate pair is escaped, if that is all that is wrong with the text."""
    half = re.search(r"\\u[dD][89a-fA-F]", text)
    if half is None:
        return None
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return half.start()


def _refuse(constant: str) -> None:
    raise ValueError(constant)


#: Adds to a line's fields what its file has for all lines; a mistake when it cannot.
Complete = Callable[[dict[str, msgspec.Raw]], ErrorInfo | None]

# ── from octets to a request, or a mistake ───────────────────────────────────────────────────


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
            advice = ": put it into args" if "op" in fields else _advice(name)
            return ErrorInfo("UNKNOWN_FIELD", text=f"{name[:60]}: unknown field{advice}")
    if "to" not in fields and call_lines.FIELDS.isdisjoint(fields):
        return ErrorInfo("MISSING_TO", text='to: missing: add the destination, "to": "+34…"')
    return None


@lru_cache(256)
def meant_field(name: str) -> str:
    """The field that somebody may have meant by this name; empty for none."""
    lowered = name.lower()
    if lowered in _ALIASES:
        return _ALIASES[lowered]
    near = get_close_matches(lowered, [*FIELDS, *_ALIASES], n=1, cutoff=0.8)
    near = near or get_close_matches(lowered, FIELDS, n=1)
    return _ALIASES.get(near[0], near[0]) if near else ""


def _advice(name: str) -> str:
    if name == CAMPAIGN:
        return ": it goes before all messages, in the first line"
    if meant := meant_field(name):
        return f": did you mean {meant}?"
    return ": leave it out, or begin its name with x- to have it echoed"


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


# ── what is wrong with a request whose types are right ───────────────────────────────────────


def flaw(request: Request) -> ErrorInfo | None:
    """The first thing in a request that the line alone shows to be wrong."""
    checks = _CALL_CHECKS if isinstance(request, CallRequest) else _CHECKS
    for check in checks:
        mistake = check(request)
        if mistake is not None:
            return mistake
    return None


def _addressing(request: Request) -> ErrorInfo | None:
    if not request.to or (isinstance(request.to, list) and not all(request.to)):
        return ErrorInfo("EMPTY_TO", text="to: empty: write the destination's number")
    if (mistake := too_many(request.to)) is not None:
        return mistake
    if request.id == "":
        return ErrorInfo("EMPTY_ID", text="id: empty: write an id, or leave the field out")
    return None


def _content(request: Request) -> ErrorInfo | None:
    if request.text is None and request.data is None:
        return ErrorInfo("MISSING_TEXT", text="text: missing: add text, or data in hexadecimal")
    if request.text is not None and request.data is not None:
        return ErrorInfo("TEXT_AND_DATA", text="text and data: both given: leave one out")
    if not request.text and not request.data:
        name = "text" if request.data is None else "data"
        return ErrorInfo("EMPTY_TEXT", text=f"{name}: empty: there is nothing to send")
    if request.text is not None and request.encoding == "binary":
        text = "encoding: binary goes with data, not with text: write auto, or use data"
        return ErrorInfo("BAD_ENCODING", text=text)
    return None


def _words(request: Request) -> ErrorInfo | None:
    for name, known in _WORDS.items():
        word: str | None = getattr(request, name)
        if word is not None and word not in known:
            text = f"{name}: {word[:40]!r} is none of {', '.join(known)}"
            return ErrorInfo(f"BAD_{name.upper()}", text=text)
    return None


def _times(request: Request) -> ErrorInfo | None:
    if request.send_at is not None:
        moment = parse_send_at(request.send_at, inf)
        if isinstance(moment, str):
            return ErrorInfo("BAD_SEND_AT", text=moment)
    if request.expires is not None:
        moment = parse_expires(request.expires, 0.0)
        if isinstance(moment, str):
            return ErrorInfo("BAD_EXPIRES", text=moment)
    return None


def _octets(request: Request) -> ErrorInfo | None:
    for name, value in (("data", request.data), ("udh", request.udh)):
        if value is not None and not _is_hex(value):
            text = f"{name}: not hexadecimal: write two digits for each octet, like 0500"
            return ErrorInfo("BAD_HEX", text=text)
    for tag, value in (request.tlv or {}).items():
        if not re.fullmatch(r"0[xX][0-9a-fA-F]{1,4}", tag) or not (value == "" or _is_hex(value)):
            text = f'tlv: {tag[:20]!r} or its value is not hexadecimal: write "0x1400": "0a1b"'
            return ErrorInfo("BAD_TLV", text=text)
    return None


def _is_hex(value: str) -> bool:
    try:
        return bool(bytes.fromhex(value))
    except ValueError:
        return False


def _call(request: Request) -> ErrorInfo | None:
    return call_lines.flaw_of_call(request) if isinstance(request, CallRequest) else None


_CHECKS: tuple[Callable[[Request], ErrorInfo | None], ...] = (
    _addressing,
    _content,
    _words,
    _times,
    _octets,
)
_CALL_CHECKS = (_call, _words, _times)
