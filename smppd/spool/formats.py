"""From octets to messages: one line of a hand-in becomes a `Line`, good or with its mistake.

Every mistake is a value with a code that programs may rely on (`CODES`) and one sentence that
names the field and the cure. Only what the line itself shows is judged: whether a number exists,
a text fits or a link is known is not its business. It opens no files and raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType

import msgspec

from smppd import smstools_text
from smppd.message import MOST_ID, ErrorInfo, PlainRequest, Request
from smppd.placing import SIDECAR
from smppd.ports import Line
from smppd.smstools_text import Habits, fields_of, take_apart
from smppd.spool.careful import read_carefully
from smppd.spool.chunks import BOM, not_text
from smppd.spool.flaws import flaw
from smppd.spool.legible import SHOWN, shown_to
from smppd.spool.quarantine import Unusable
from smppd.spool.syntax import syntax_error

#: Every `error.code` this station gives to a rejected line. Codes are never renamed.
CODES: Mapping[str, str] = MappingProxyType(
    {
        "BAD_UTF8": "the line is not UTF-8",
        "BAD_JSON": "the line is not JSON",
        "NOT_OBJECT": "the line is JSON, but not an object",
        "LINE_TOO_LONG": "the line is longer than a line may be",
        "UNKNOWN_FIELD": "a field that does not exist",
        "BAD_TYPE": "a field holds a value of the wrong kind",
        "MISSING_TO": "there is no destination",
        "EMPTY_TO": "the destination, or one of them, is empty",
        "TOO_MANY_TO": "more destinations than a line may have",
        "MISSING_TEXT": "neither text nor data",
        "TEXT_AND_DATA": "both text and data",
        "EMPTY_TEXT": "text or data is empty",
        "EMPTY_ID": "the client's id is empty",
        "LONG_ID": "the client's id is longer than 500 characters",
        "BAD_HEX": "data or udh is not hexadecimal",
        "BAD_TLV": "a TLV's tag or value is not hexadecimal",
        "BAD_PRIORITY": "not one of the priorities",
        "BAD_ON_UNKNOWN": "not one of the choices",
        "BAD_ENCODING": "not one of the encodings, or one that does not go with the content",
        "BAD_EXPIRES": "not a duration or a time with offset",
        "BAD_SEND_AT": "not a time with offset",
        "BAD_OP": "an operation that does not exist",
        "WRONG_FIELD": "a field that does not go with another one",
        "MISSING_VALUE": "a gap in the campaign's text for which the line has nothing",
        "BAD_QUOTES": "a row of CSV whose quotes do not fit",
        "RAGGED": "a row of CSV with more or fewer cells than the header names",
        "NUL_OCTET": "a NUL octet",
        "NOT_CONFIRMED": "an operation that destroys, without the word for it",
    }
    | dict(smstools_text.CODES)
)


class Format(Enum):
    """A form of hand-in, told by the file's extension."""

    JSON = ".json"
    JSON_LINES = ".jsonl"
    CSV = ".csv"
    SMS = ".sms"
    TXT = ".txt"

    @property
    def is_smstools(self) -> bool:
        """Whether it is one message as smstools 3 writes it."""
        return self in {Format.SMS, Format.TXT}


#: What a compressed file's name ends in, behind the extension of what is in it.
PACKED = ".gz"


def format_of(name: str) -> Format | None:
    """The form a file of this name has, packed or not; None when we know none."""
    lowered = name.lower().removesuffix(PACKED)
    for form in Format:
        if lowered.endswith(form.value):
            return form
    return None


def known_formats() -> str:
    """The extensions, for people."""
    *others, last = (form.value for form in Format)
    return f"{', '.join(others)} or {last}, each also with {PACKED}"


def is_packed(name: str) -> bool:
    """Whether a file of this name is compressed."""
    return name.lower().endswith(PACKED)


def is_sidecar(name: str) -> bool:
    """Whether a file holds the settings of another one, and is no hand-in by itself."""
    return name.endswith(SIDECAR) and format_of(name.removesuffix(SIDECAR)) is not None


_decode = msgspec.json.Decoder(Request).decode
_decode_plain = msgspec.json.Decoder(PlainRequest).decode


#: Makes a `Line` of one line's octets and its number.
Parse = Callable[[bytes, int], Line]


def parse_line(raw: bytes, number: int) -> Line:
    """One line, without its newline. `number` counts from 1, blank lines included."""
    if b'"x-' in raw:
        return read_carefully(raw, number)
    try:
        request = _decode(raw)
    except (ValueError, RecursionError):
        return read_carefully(raw, number)
    if request.echo is not None:
        return read_carefully(raw, number)
    return judged(request, number)


def judged(request: Request, number: int) -> Line:
    """A request whose types are right, as a line: good, or with its mistake."""
    if request.text and request.to and request.data is None and _is_plain(request):
        return Line(number, request)
    mistake = flaw(request)
    if mistake is None:
        return Line(number, request)
    client_id = request.id and request.id[:SHOWN]
    return Line(number, None, mistake, shown_to(request.to), client_id)


def _is_plain(request: Request) -> bool:
    """Whether nothing is set that would have to be looked at."""
    return (
        request.encoding == "auto"
        and request.expires is None
        and request.priority is None
        and request.on_unknown is None
        and (request.id is None or 0 < len(request.id) <= MOST_ID)
        and request.udh is None
        and request.tlv is None
        and request.send_at is None
        and type(request.to) is str
    )


def parse_document(raw: bytes, parse: Parse = parse_line) -> Line | Unusable:
    """A file that holds one message, over as many lines as it likes.

    A message with a mistake is a `Line`, as in a file of many; what is no JSON object at all is
    an unusable file.
    """
    line = parse(raw, 1)
    if line.mistake is None or line.mistake.code not in {"BAD_UTF8", "BAD_JSON", "NOT_OBJECT"}:
        return line
    if raw.lstrip()[:1] == b"[":
        reason = "holds a list where one message was expected"
        return Unusable(reason, "hand it in as .jsonl: one message per line, no brackets", 1, 1)
    problem = syntax_error(raw)
    if problem is None:
        return Unusable("is JSON, but not an object", 'write {"to": …, "text": …}', 1, 1)
    before = problem.before
    row = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    reason = f"{problem.reason} in line {row}, column {column}"
    return Unusable(reason, problem.cure, row, column)


def parse_brief(raw: bytes) -> Line | None:
    """What `parse_document` makes of a message, quicker for most; None for an unusable file."""
    if b'"x-' not in raw:
        try:
            request = _decode_plain(raw)
        except (ValueError, RecursionError):
            pass
        else:
            if request.echo is None:
                return Line(1, request)
    if not_text(raw) is not None or not raw.strip():
        return None
    line = parse_document(raw.removeprefix(BOM))
    return None if isinstance(line, Unusable) else line


def parse_smstools(raw: bytes, parse: Parse = parse_line) -> Line | Unusable:
    """A file that holds one message as smstools 3 writes it. What is none is an unusable file."""
    file = take_apart(raw)
    if isinstance(file, ErrorInfo):
        return Unusable("is no message of smstools", file.text, 1, 1)
    fields = fields_of(file, Habits())
    if isinstance(fields, ErrorInfo):
        return Line(1, None, fields, shown_to(file.get("To") or ""))
    return parse(msgspec.json.encode(fields), 1)


def closes(form: Format, content: bytes) -> bool:
    """Whether a file's structure is whole, so that nobody can still be writing it.

    `content` is all of a JSON file, or the end of one of lines. What is broken before its
    end counts as whole: no further octet would mend it. NUL at the end is space to be filled.
    """
    if form.is_smstools:
        return bool(content.strip())  # nothing shows where such a message ends
    if content.endswith(b"\0"):
        return False
    if form is not Format.JSON:
        return content.endswith(b"\n") or b"\0" in content
    if not content.strip():
        return False
    problem = syntax_error(content)
    return problem is None or not problem.at_end
