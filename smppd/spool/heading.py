"""The first line of a JSON-lines file, where it is about the file: `{"campaign": {…}}`. Pure."""

from __future__ import annotations

import re
from difflib import get_close_matches

import msgspec

from smppd.spool.field_names import CAMPAIGN, FIELDS, LONGEST_NAME
from smppd.spool.quarantine import Unusable
from smppd.spool.settings import Settings, read_settings
from smppd.spool.syntax import syntax_error

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_MEANT = re.compile(rb'\s*\{\s*"campaign"\s*:')


def read_heading(raw: bytes, number: int) -> Settings | Unusable | None:
    """The settings in a file's first line; None when it is a line like others.

    What is meant as settings and is none makes the file unusable: its messages would go otherwise
    than was meant.
    """
    try:
        fields = _decode_fields(raw)
    except (ValueError, RecursionError):
        return _broken(raw, number) if _MEANT.match(raw) else None
    if CAMPAIGN not in fields:
        return _misspelt(fields, number)
    if len(fields) > 1:
        cure = 'write {"campaign": {…}} alone in the first line, fields inside it'
        return Unusable("campaign: stands beside other fields", cure, number, 1)
    found = read_settings(bytes(fields[CAMPAIGN]), CAMPAIGN)
    if isinstance(found, Unusable):
        return msgspec.structs.replace(found, line=number)
    return found


def _misspelt(fields: dict[str, msgspec.Raw], number: int) -> Unusable | None:
    """A first line with nothing but an object under a name that is nearly ours."""
    if len(fields) != 1:
        return None
    [(name, value)] = fields.items()
    if name in FIELDS or bytes(value)[:1] != b"{":
        return None
    if not get_close_matches(name[:LONGEST_NAME].lower(), [CAMPAIGN], n=1):
        return None
    reason = f"has {name[:60]!r} in its first line"
    return Unusable(reason, "did you mean campaign?", number, 1)


def _broken(raw: bytes, number: int) -> Unusable:
    problem = syntax_error(raw)
    if problem is None:
        return Unusable("campaign: is no object", "correct it", number, 1)
    column = len(problem.before) + 1
    reason = f"campaign: {problem.reason} in line {number}, column {column}"
    cure = "write it on one line" if problem.at_end else problem.cure
    return Unusable(reason, cure, number, column)
