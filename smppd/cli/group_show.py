"""`smppd group show`: the columns of a group and its contacts, as whatever form the answer has."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterator

import msgspec

from smppd.cli.api import tell
from smppd.cli.caller import Caller
from smppd.cli.formulas import harmless
from smppd.cli.table import Records, columns_of, records_in, shown, text_of, value_of
from smppd.cli.terminal import CommandError, Terminal, plural
from smppd.provider.answers import Success
from smppd.provider.catalogue import OPERATIONS


def main(arguments: argparse.Namespace, caller: Caller, terminal: Terminal) -> int:
    """Ask for columns and contacts, and show them."""
    if arguments.json and arguments.csv:
        raise CommandError("group show takes either --json or --csv", exit_code=2)
    results: list[bytes] = []
    for name in ("group.getgroupcolumns", "group.getcontacts"):
        answer = caller.call(name, {"idgroup": arguments.idgroup})
        if not isinstance(answer, Success):
            return tell(OPERATIONS[name], answer, terminal, as_json=arguments.json)
        results.append(answer.result)
    columns, contacts = results
    if arguments.json:
        terminal.say_json({"columns": msgspec.Raw(columns), "contacts": msgspec.Raw(contacts)})
    elif arguments.csv:
        records = records_in(value_of(contacts))
        if records is None:
            raise CommandError("what the provider answers is no list of contacts: see --json")
        terminal.hand_on(as_csv(records, column_names(columns) or []))
    else:
        for line in in_words(columns, contacts):
            terminal.say(line)
    return 0


def in_words(columns: bytes, contacts: bytes) -> Iterator[str]:
    """Both for people."""
    names = column_names(columns)
    yield f"columns: {', '.join(names) if names else text_of(value_of(columns))}"
    yield from shown(contacts, "no contacts")
    records = records_in(value_of(contacts))
    if records:
        yield plural(len(records), "contact")


def as_csv(records: Records, columns: list[str]) -> str:
    """The contacts with a header, those columns first that the group is said to have."""
    present = columns_of(records)
    header = list(dict.fromkeys([*columns, *present]))
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(map(harmless, header))
    for record in records:
        writer.writerow([_cell(record.get(name, "")) for name in header])
    return written.getvalue()


def _cell(value: object) -> str:
    return harmless(value if isinstance(value, str) else text_of(value))


def column_names(columns: bytes) -> list[str] | None:
    """The names of a group's columns, where the answer is nothing but that: the documents say
    nothing of its form."""
    value = value_of(columns)
    if not isinstance(value, list) or not value:
        return None
    names = [each for each in value if isinstance(each, str) and each]
    return names if len(names) == len(value) else None
