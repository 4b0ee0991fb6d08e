"""Plain texts as parameters, and how a mistake is said. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Wrong(NamedTuple):
    """What is wrong with a value, with its cure."""

    why: str


def line(value: object) -> str | Wrong:
    """A text of one line; a whole number is one."""
    return _text(value, _CONTROL, "control characters or line ends")


def body(value: object) -> str | Wrong:
    """A text that may have line ends and tabs."""
    return _text(value, _CONTROL_BUT_LINES, "control characters")


def _text(value: object, strange: re.Pattern[str], what: str) -> str | Wrong:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**100:
        return str(value)
    if not isinstance(value, str):
        return Wrong("is no text; write it in quotes")
    if "\0" in value:
        return Wrong("contains a NUL; take it out")
    if strange.search(value):
        return Wrong(f"contains {what}; take them out")
    if _SURROGATE.search(value):
        return Wrong("contains half a character (an unpaired surrogate); write it anew")
    return value
