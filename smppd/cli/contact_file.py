"""Contacts from a CSV file: its header row names the fields, every row is checked before any is loaded.

Pure but for `read_octets`. Rows are numbered as a spreadsheet does: the header is row 1.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from smppd.address import FEWEST_DIGITS, MOST_DIGITS, normalise_destination
from smppd.cli.formulas import meant
from smppd.cli.terminal import CommandError, plural
from smppd.provider.fields import contacts

#: What a group is of: the field that each of its contacts must have, by the provider's word for it.
MainField = Literal["mobile", "email"]

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_SEPARATORS = str.maketrans("", "", " -.()\u00a0")


class Row(NamedTuple):
    """A contact as it is sent, one JSON object, and the row that it stands in."""

    number: int
    contact: str


class Flaw(NamedTuple):
    """What is wrong with a row, in words that do not repeat the number. `duplicate`: nothing but
    that its main field stands in an earlier row, too."""

    row: int
    text: str
    duplicate: bool = False


class ContactFile(NamedTuple):
    """What a file holds: its fields, the rows that can be loaded, and what is wrong with others."""

    fields: Sequence[str]
    main: MainField
    rows: Sequence[Row]
    flaws: Sequence[Flaw]


def read_octets(name: str) -> bytes:
    """A file's content, or with "-" that of standard input. Raises `CommandError` (2)."""
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        why = error.strerror or str(error)
        raise CommandError(f"{name}: cannot be read: {why}", exit_code=2) from None


def read_contacts(octets: bytes, main: MainField | None = None) -> ContactFile | str:
    """The contacts, or why this is no such file. `main` unless its header says: the first of
    mobile and email that it has."""
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as mistake:
        return f"is not UTF-8 (octet {mistake.start + 1}): save it as CSV UTF-8"
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    rows = _rows(lines)
    header = next(rows, None)
    if header is None or isinstance(header, Flaw):
        return "its first row must name the fields, like mobile,name"
    fields = [field.strip() for field in header[1]]
    known: tuple[MainField, ...] = ("mobile", "email") if main is None else (main,)
    chosen = next((each for each in known if each in fields), None)
    flaw = _flaw_of_header(fields)
    if flaw is None and chosen is None:
        flaw = f"must name the field {' or '.join(known)}; it names {', '.join(fields)}"
    if flaw is not None or chosen is None:
        return f"its first row {flaw}"
    return _checked(fields, chosen, rows)


def _delimiter(text: str) -> str:
    head = text[: text.find("\n") + 1 or None]
    return ";" if head.count(";") > head.count(",") else ","


def _rows(lines: Iterator[list[str]]) -> Iterator[tuple[int, list[str]] | Flaw]:
    """The rows that are not empty, by number; nothing after one that is no CSV."""
    number = 0
    while True:
        number += 1
        try:
            cells = next(lines, None)
        except csv.Error as mistake:
            yield Flaw(number, f"is no CSV, and nothing behind it can be read: {mistake}")
            return
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield number, [meant(cell) for cell in cells]


def _flaw_of_header(fields: Sequence[str]) -> str | None:
    for place, field in enumerate(fields, start=1):
        if not field:
            return f"names no field in column {place}"
        if fields.count(field) > 1:
            return f"names {field} twice"
    return None


def _checked(
    fields: Sequence[str], main: MainField, rows: Iterator[tuple[int, list[str]] | Flaw]
) -> ContactFile:
    place = fields.index(main)
    good, flaws, seen = list[Row](), list[Flaw](), dict[str, int]()
    for row in rows:
        if isinstance(row, Flaw):
            flaws.append(row)
            continue
        number, cells = row
        if len(cells) != len(fields):
            flaws.append(
                Flaw(number, f"has {plural(len(cells), 'cell')}, the header {len(fields)}")
            )
            continue
        value = _number(cells[place]) if main == "mobile" else _email(cells[place])
        if isinstance(value, Flaw):
            flaws.append(value._replace(row=number))
        elif (first := seen.setdefault(value.lower(), number)) != number:
            flaws.append(Flaw(number, f"has the {main} of row {first}", duplicate=True))
        else:
            cells[place] = value
            listed = contacts([dict(zip(fields, cells, strict=True))])
            if isinstance(listed, str):
                good.append(Row(number, listed[1:-1]))
            else:
                flaws.append(Flaw(number, listed.why.removeprefix("contact 1 ")))
    return ContactFile(fields, main, good, flaws)


def _number(text: str) -> str | Flaw:
    """Digits, as the provider's examples have them. A national number stays one: whoever sends to
    a group says its country."""
    digits = text.translate(_SEPARATORS)
    if not digits:
        return Flaw(0, "has no mobile")
    if digits.startswith(("+", "00")):
        found = normalise_destination(text.strip().replace("\u00a0", " "))
        return Flaw(0, f"mobile: {found}") if isinstance(found, str) else found.digits
    if not (digits.isascii() and digits.isdecimal()):
        return Flaw(0, "mobile: a number has digits alone, behind a + or not")
    if not FEWEST_DIGITS <= len(digits) <= MOST_DIGITS:
        length = f"{FEWEST_DIGITS} to {MOST_DIGITS}"
        return Flaw(0, f"mobile: the number has {len(digits)} digits; one has {length}")
    return Flaw(0, "mobile: leave the (0) out") if "(0)" in text else digits


def _email(text: str) -> str | Flaw:
    address = text.strip()
    if not address:
        return Flaw(0, "has no email")
    if not _EMAIL.fullmatch(address):
        return Flaw(0, "email: is no address")
    return address
