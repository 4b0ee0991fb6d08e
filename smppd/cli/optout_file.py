"""A file of opt-outs: a number on each line, or CSV with what else is known of each.

Read line by line, however long the file is; what is wrong with a line is a value. Raises
`CommandError` for a file that cannot be read.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from smppd.address import Destination, Sender, classify_sender, normalise_destination
from smppd.cli.formulas import meant
from smppd.cli.terminal import CommandError
from smppd.optout.roll import OptOut, sender_key

#: What stands in an exported file, in this order.
COLUMNS = ("number", "sender", "since", "why")

#: Octets of a line; the longest reason is far shorter.
_LONGEST_LINE = 4096
_LONGEST_REASON = 500


class BadLine(NamedTuple):
    """A line that could not be used, by its number in the file, and why."""

    line: int
    why: str


def read_entries(file: str, default: OptOut, country: str) -> Iterator[OptOut | BadLine]:
    """The entries of a file (- for standard input), `default` where a line does not say.

    `country` is the dialling code of national numbers.
    """
    with _opened(file) as source:
        separator = ","
        for line, raw in _lines(source):
            text = raw if isinstance(raw, BadLine) else _text(line, raw)
            if isinstance(text, BadLine):
                yield text
                continue
            if line == 1:
                separator = next((each for each in ";\t" if each in text), ",")
            fields = _fields(text, separator)
            if not fields[0] or fields[0].startswith("#"):
                if any(fields[1:]) and not fields[0]:
                    yield BadLine(line, "has no number")
                continue
            if line == 1 and fields[0].lower() in ("number", "to"):
                continue
            found = _entry(fields, default, country)
            yield BadLine(line, found) if isinstance(found, str) else found


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with open(file, "rb") as source:  # noqa: PTH123 - a name as the shell gave it
            yield source
    except OSError as error:
        why = error.strerror or str(error)
        raise CommandError(f"{file}: cannot be read: {why}", exit_code=2) from None


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes | BadLine]]:
    number = 0
    while raw := source.readline(_LONGEST_LINE):
        number += 1
        if len(raw) < _LONGEST_LINE or raw.endswith(b"\n"):
            yield number, raw
            continue
        while raw and not raw.endswith(b"\n"):
            raw = source.readline(_LONGEST_LINE)
        yield number, BadLine(number, f"is longer than {_LONGEST_LINE} octets")


def _text(line: int, raw: bytes) -> str | BadLine:
    try:
        return raw.decode("utf-8-sig" if line == 1 else "utf-8").strip()
    except UnicodeDecodeError as error:
        return BadLine(line, f"is not UTF-8 (octet {error.start + 1}): convert the file")


def _fields(text: str, separator: str) -> list[str]:
    if '"' in text:
        return [field.strip() for field in next(csv.reader([text], delimiter=separator), [""])]
    return [field.strip() for field in text.split(separator)]


def _entry(fields: list[str], default: OptOut, country: str) -> OptOut | str:
    number = normalise_destination(fields[0], country)
    if not isinstance(number, Destination):
        return number
    if len(fields) == 1:
        return OptOut(number.digits, default.sender, default.at, default.why)
    given, since, why, *more = (*map(meant, fields[1:]), "", "", "")
    sender = _sender(given) if given else (True, default.sender)
    at = _epoch(since) if since else default.at
    mistake = ""
    if any(more):
        mistake = f"has {len(fields)} fields; there are {', '.join(COLUMNS)}"
    elif not sender[0]:
        mistake = f"sender: {sender[1]}"
    elif len(why) > _LONGEST_REASON:
        mistake = f"why: has {len(why)} characters; write at most {_LONGEST_REASON}"
    if mistake or at is None:
        return mistake or f"since: {since[:40]!r} is no time: write one like 2026-11-21T10:59:00Z"
    return OptOut(number.digits, sender[1], at, why or default.why)


@lru_cache(4096)
def _sender(text: str) -> tuple[bool, str]:
    """Whether it is a sender; as the list has it, or why not."""
    found = classify_sender(text)
    return (True, sender_key(text)) if isinstance(found, Sender) else (False, found)


@lru_cache(4096)
def _epoch(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    return found if 0 <= found < 1 << 32 else None
