"""What can still be read of a line that is no message: whose it was, for its result. Pure.

Raises nothing, whatever the octets are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
#: Characters of a destination or an id that a rejected line's result shows.
SHOWN = 200
_NESTED = frozenset(b"{[")
_QUOTE = ord('"')
#: So deep may lists and objects lie in one another: who reads results and events must be able to.
MOST_LEVELS = 64
_LEGIBLE = {
    name: re.compile(rb'"%s"\s*:\s*("(?:[^"\\]|\\.){0,200}"|-?\d{1,40})' % name.encode())
    for name in ("to", "id")
}


class Legible(NamedTuple):
    """The fields that come back in the result of a rejected line."""

    to: str = ""
    id: str | None = None
    echo: dict[str, bytes] | None = None


def what_can_be_read(raw: bytes) -> Legible:
    """Of an object its own fields, not those of an operation's `args`; of anything else what looks
    like them."""
    try:
        fields = _decode_fields(raw)
    except (ValueError, RecursionError):
        return Legible(*legible(raw))
    shown = {name: echoed(fields[name]) for name in fields if name.startswith("x-")}
    own = {name: value for name, value in shown.items() if value is not None}
    to, client_id = (_shown(bytes(fields.get(name, b"null"))) for name in ("to", "id"))
    return Legible(to or "", client_id, own or None)


def legible(raw: bytes) -> tuple[str, str | None]:
    """What looks like `to` and `id` in octets that are no whole JSON."""
    found = {
        name: _shown(match[1]) if (match := pattern.search(raw)) else None
        for name, pattern in _LEGIBLE.items()
    }
    return found["to"] or "", found["id"]


def shown_to(to: str | list[str]) -> str:
    """The destination as a rejected line's result shows it."""
    return (to if isinstance(to, str) else ", ".join(to))[:SHOWN]


def echoed(value: msgspec.Raw) -> bytes | None:
    """The same value without white space between its tokens: results hold one line each.

    None for what is JSON and no program can read: a number beyond all others, and what is nested without
    end. It would be in the results of this file and in the events of all.
    """
    octets = bytes(value)
    if octets[0] == _QUOTE:
        return octets
    try:
        found = _decode(octets)
    except (ValueError, RecursionError):
        return None
    if octets[0] not in _NESTED:
        return octets
    return None if _is_deep(found) else msgspec.json.format(octets, indent=-1)


#: What is wrong with what cannot be echoed, and the cure.
UNREADABLE = (
    "holds a number that is too large, or is nested too deeply",
    "write it as a text in quotes",
)


def _is_deep(value: object) -> bool:
    """Whether it is nested deeper than `MOST_LEVELS`."""
    level = [value]
    for _ in range(MOST_LEVELS):
        inner = [each for outer in level for each in _within(outer)]
        level = [each for each in inner if isinstance(each, dict | list)]
        if not level:
            return False
    return True


def _within(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _shown(value: bytes) -> str | None:
    """A text, a number or a list of them as a result shows it; None for anything else."""
    try:
        found = _decode(value)
        if isinstance(found, list):
            return shown_to([str(each) for each in found])
        is_plain = isinstance(found, str | int) and not isinstance(found, bool)
        return str(found)[:SHOWN] if is_plain else None
    except (ValueError, RecursionError):  # a number of thousands of digits, among others
        return None
