"""What is wrong with a request whose fields are there and have their types, as far as it alone shows. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import inf

from smppd.expiry import parse_expires, parse_send_at
from smppd.message import CallRequest, ErrorInfo, Request
from smppd.spool import call_lines
from smppd.spool.wide import flaw_of_id, too_many

_WORDS = {
    "priority": ("high", "normal", "bulk"),
    "on_unknown": ("hold", "resend", "fail"),
    "encoding": ("auto", "gsm7", "ucs2", "latin1", "binary"),
}


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
    return flaw_of_id(request.id)


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
