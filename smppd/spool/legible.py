"""What can still be read of a line that is no message: whose it was, for its result. Pure.

Raises nothing, whatever the octets are.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
_NESTED = frozenset(b"{[")
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
    own = {name: on_one_line(fields[name]) for name in fields if name.startswith("x-")}
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
    return to if isinstance(to, str) else ", ".join(to)[:200]


def on_one_line(value: msgspec.Raw) -> bytes:
    """The same value without white space between its tokens: results hold one line each."""
    octets = bytes(value)
    return msgspec.json.format(octets, indent=-1) if octets[0] in _NESTED else octets


def _shown(value: bytes) -> str | None:
    """A text, a number or a list of them as a result shows it; None for anything else."""
    try:
        found = _decode(value)
        if isinstance(found, list):
            return shown_to([str(each) for each in found])
        is_plain = isinstance(found, str | int) and not isinstance(found, bool)
        return str(found)[:200] if is_plain else None
    except (ValueError, RecursionError):  # a number of thousands of digits, among others
        return None
