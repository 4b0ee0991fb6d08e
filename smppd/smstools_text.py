"""A message as smstools 3 writes it: `Name: value` headers, an empty line, and the body. Pure.

What it says becomes the fields of a message (`ports.spool`'s `Request`, as JSON has them); what it
asks for that SMPP cannot do is a mistake, and never another message. Headers that are not known
are kept. Nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from smppd.message import ErrorInfo
from smppd.smpp.text import decode_text

#: Every `error.code` that is only given here. Codes are never renamed.
CODES: Mapping[str, str] = MappingProxyType(
    {
        "NO_HEADERS": "a file that is no message of smstools",
        "BAD_HEADER": "a header whose value cannot be used",
        "NOT_BY_SMPP": "a header that asks for what SMPP, or this daemon, cannot do",
    }
)

_YES = ("true", "yes", "on", "1")
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)[ \t]*:(.*)")
_BLANK = re.compile(rb"\r?\n[ \t]*\r?\n")
_HEX = re.compile(r"[0-9A-Fa-f]{2}")
_NUMBER = re.compile(r"[0-9]+")
#: What may stand before a comment in a body of hexadecimal digits.
_COMMENTS = ("/", "'", "#", ":")
#: By the first three letters of the header: how the body is written.
_ALPHABETS = {
    **dict.fromkeys(("iso", "lat", "ans"), "iso"),
    **dict.fromkeys(("ucs", "chi", "uni"), "ucs2"),
    "utf": "utf-8",
    "gsm": "gsm",
    "bin": "binary",
}
#: Seconds of the words in a validity, the longest first where one begins another.
_UNITS = {
    "min": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_592_000,
    "year": 31_536_000,
}
#: Headers that mean something here, or ask for what is of no use over SMPP.
_KNOWN = frozenset(
    {"To", "From", "Alphabet", "Flash", "UDH", "UDH-DATA", "Hex", "Validity", "Report", "Priority"}
    | {"Queue", "Provider", "Class", "To_TOA", "Macro", "Autosplit", "Retries", "SMSC"}
    | {"Message_reference", "Reply_path", "Reject_duplicates", "Language", "Language_ext"}
)
#: Headers that ask for something else than a message, where they are given and not switched off.
_REFUSED = ("Voicecall", "Text_is_pdu", "Include", "System_message", "Ping", "Replace", "DCS_hex")


class SmsFile(msgspec.Struct):
    """A file, taken apart: its headers in their order, and the octets of its body."""

    headers: list[tuple[str, str]]
    body: bytes

    def get(self, name: str) -> str | None:
        """The value of a header, the last where it stands more than once."""
        return next((value for each, value in reversed(self.headers) if each == name), None)

    def says(self, name: str) -> bool:
        """Whether a header has one of the words for yes."""
        return (self.get(name) or "").lower() in _YES


class Habits(msgspec.Struct, frozen=True):
    """What holds where a file does not say: whether a receipt is asked for (None: whatever is usual),
    and the link or account for each queue, by its name in small letters (others are names of those
    themselves)."""

    report: bool | None = None
    queues: Mapping[str, str] = {}


def head_and_body(content: bytes) -> tuple[bytes, bytes]:
    """What stands before the first empty line, and behind it."""
    found = _BLANK.search(content)
    return (content, b"") if found is None else (content[: found.start()], content[found.end() :])


def take_apart(content: bytes) -> SmsFile | ErrorInfo:
    """The headers and the body of a file. The body is what stands behind the first empty line."""
    head, body = head_and_body(content.removeprefix(b"\xef\xbb\xbf"))
    headers = []
    for line in _decode(head).splitlines():
        header = _HEADER.match(line)
        if header is None:
            if line.strip():
                text = f'{line.strip()[:40]!r} is no header: write "To: 34600000001" and so on'
                return ErrorInfo("NO_HEADERS", text=f"{text}, then an empty line, then the text")
            continue
        headers.append((header[1], header[2].strip()))
    return SmsFile(headers, body)


def fields_of(file: SmsFile, habits: Habits) -> dict[str, Any] | ErrorInfo:
    """The message that a file asks for, as fields of a line; or what is wrong with it."""
    refused = _refused(file)
    if refused is not None:
        return refused
    to = file.get("To")
    if not to:
        return ErrorInfo("MISSING_TO", text="To: missing: add the destination, To: 34600000001")
    fields: dict[str, Any] = {"to": _number(to, (file.get("To_TOA") or "").lower())}
    for add in (_add_content, _add_sender, _add_manner):
        mistake = add(file, fields, habits)
        if mistake is not None:
            return mistake
    for name, value in file.headers:
        if name not in _KNOWN:
            fields[f"x-{name}"] = value
    return fields


def _refused(file: SmsFile) -> ErrorInfo | None:
    for name in _REFUSED:
        value = file.get(name)
        if value is not None and value.lower() not in ("", "no", "false", "off", "0"):
            return ErrorInfo("NOT_BY_SMPP", text=f"{name}: cannot be done here: leave it out")
    return None


# ── addresses ────────────────────────────────────────────────────────────────────────────────


def _number(text: str, kind: str) -> str:
    """A destination as lines have it: international without a plus, a short number behind an s."""
    digits = "".join(text.split())
    if digits[:1] in ("s", "S"):
        return digits[1:]
    if not _NUMBER.fullmatch(digits) or digits.startswith("00") or kind in ("national", "unknown"):
        return digits
    return f"+{digits}"


def _add_sender(file: SmsFile, fields: dict[str, Any], _habits: Habits) -> None:
    if sender := file.get("From"):
        fields["from"] = sender


# ── how it goes ──────────────────────────────────────────────────────────────────────────────


def _add_manner(file: SmsFile, fields: dict[str, Any], habits: Habits) -> None:
    report = file.get("Report")
    receipt = habits.report if report is None else file.says("Report")
    if receipt is not None:
        fields["receipt"] = receipt
    if file.says("Flash") or file.get("Class") == "0":
        fields["flash"] = True
    if (file.get("Priority") or "").lower() == "high":
        fields["priority"] = "high"
    queue = file.get("Queue") or file.get("Provider")
    if queue:
        fields["via"] = habits.queues.get(queue.lower(), queue)
    seconds = _validity(file.get("Validity") or "")
    if seconds is not None:
        fields["expires"] = f"{seconds}s"


def _validity(text: str) -> int | None:
    """Seconds; None for what is not understood, which smstools ignores, too."""
    number = _NUMBER.search(text)
    if number is None or len(number[0]) > 6:
        return None
    value, lowered = int(number[0]), text.lower()
    for word, seconds in _UNITS.items():
        if word in lowered:
            return value * seconds or None
    if number[0] != text or value > 255:
        return None
    if value <= 143:
        return (value + 1) * 300
    if value <= 167:
        return 43_200 + (value - 143) * 1800
    return (value - 166) * 86_400 if value <= 196 else (value - 192) * 604_800


# ── what it says ─────────────────────────────────────────────────────────────────────────────


def _add_content(file: SmsFile, fields: dict[str, Any], _habits: Habits) -> ErrorInfo | None:
    alphabet = _ALPHABETS.get((file.get("Alphabet") or "iso")[:3].lower(), "iso")
    body = _with_macros(file)
    if file.says("Hex") and alphabet != "ucs2":
        octets = _from_hex(body)
        if octets is None:
            text = "Hex: the body is not hexadecimal: write two digits for each octet, like 0A"
            return ErrorInfo("BAD_HEADER", text=text)
        body = octets
    udh = file.get("UDH-DATA")
    if udh is not None:
        found = "".join(udh.split())
        if not found or len(found) % 2 or not re.fullmatch(r"[0-9A-Fa-f]+", found):
            text = "UDH-DATA: not hexadecimal: write two digits for each octet, like 05 00 03"
            return ErrorInfo("BAD_HEADER", text=text)
        fields["udh"] = found.lower()
    if alphabet == "binary":
        return _add_binary(file, fields, body)
    fields["text"] = _text(alphabet, body)
    if alphabet == "ucs2":
        fields["encoding"] = "ucs2"
    return None


def _add_binary(file: SmsFile, fields: dict[str, Any], body: bytes) -> ErrorInfo | None:
    """Octets, which begin with a user data header unless UDH says no or UDH-DATA has it."""
    said = file.get("UDH")
    if "udh" not in fields and (said is None or said.lower() in _YES):
        length = body[0] + 1 if body else 0
        if not body or len(body) < length:
            text = "UDH: the body is shorter than the header that it begins with: write UDH: no"
            return ErrorInfo("BAD_HEADER", text=text)
        fields["udh"], body = body[:length].hex(), body[length:]
    fields["data"], fields["encoding"] = body.hex(), "binary"
    return None


def _text(alphabet: str, body: bytes) -> str:
    """The text, without white space at its end."""
    if alphabet == "ucs2":
        return _utf16(body).rstrip()
    if alphabet == "gsm":
        return decode_text(body, 0).rstrip()
    return _decode(body).rstrip()


def _utf16(body: bytes) -> str:
    order = "utf-16-le" if body.startswith(b"\xff\xfe") else "utf-16-be"
    if len(body) % 2:
        body = body[:-1]  # the newline with which an editor ended the file
    return body.decode(order, "replace").removeprefix("\ufeff")


def _decode(octets: bytes) -> str:
    """UTF-8 where it is that, else ISO 8859-15."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("iso-8859-15")


def _with_macros(file: SmsFile) -> bytes:
    body = file.body
    for name, value in file.headers:
        key, equals, text = value.partition("=")
        if name == "Macro" and equals and key:
            body = body.replace(key.encode(), text.encode())
    return body


# ── hexadecimal bodies ───────────────────────────────────────────────────────────────────────


def _from_hex(body: bytes) -> bytes | None:
    """The octets of a body of hexadecimal digits, comments and words; None if it is none."""
    found = bytearray()
    counted: int | None = None
    for raw in _decode(body).splitlines():
        line = raw.lstrip()
        word = next((each for each in _STRINGS if line.startswith(each)), None)
        if word is not None:
            found += _STRINGS[word](line[len(word) :].encode())
        elif line.startswith("LENGTH"):
            if counted is None:
                counted = len(found)
                found.append(0)
            else:
                if len(found) - counted - 1 > 0xFF:
                    return None
                found[counted], counted = len(found) - counted - 1, None
        elif not _add_digits(line, found):
            return None
    return bytes(found) if counted is None else None


_STRINGS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {"INLINESTRING:": lambda text: b"\x03" + text + b"\x00", "STRING:": lambda text: text}
)


def _add_digits(line: str, found: bytearray) -> bool:
    """Read a line up to its comment; False where it is no digits."""
    at = 0
    while at < len(line) and not line[at].startswith(_COMMENTS):
        if line[at].isspace():
            at += 1
            continue
        if not _HEX.match(line, at):
            return False
        found.append(int(line[at : at + 2], 16))
        at += 2
    return True


# ── names in checked/ ────────────────────────────────────────────────────────────────────────


class CheckedName(NamedTuple):
    """The name under which a file lies in `checked/`: its lot, its number there, its own name."""

    lot: int
    number: int
    name: str

    def __str__(self) -> str:
        return f"{self.lot}-{self.number}-{self.name}"

    @property
    def id(self) -> str:
        """The client's id of its message."""
        return f"smstools-{self.lot}-{self.number}"


_CHECKED = re.compile(r"([0-9]{1,20})-([0-9]{1,5})-(.+)", re.DOTALL)
_ID = re.compile(r"smstools-([0-9]{1,20})-([0-9]{1,5})")


def read_checked(name: str) -> CheckedName | None:
    """What the name of a file in `checked/` says; None for what is none of ours."""
    found = _CHECKED.fullmatch(name)
    return None if found is None else CheckedName(int(found[1]), int(found[2]), found[3])


def is_checked_id(id_: str) -> bool:
    """Whether this is the id of a message that came from a file of smstools."""
    return _ID.fullmatch(id_) is not None
