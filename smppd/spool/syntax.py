"""What keeps octets from being JSON, in words for their writer. Pure; raises nothing."""

from __future__ import annotations

import json
import re

import msgspec


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
