"""`smppd group load`: a CSV file checked row by row, loaded lot by lot, and what became of each."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from smppd.cli.api import error_of, in_words, tell
from smppd.cli.caller import Caller
from smppd.cli.contact_file import ContactFile, Flaw, read_contacts, read_octets
from smppd.cli.contact_load import Loaded, watching
from smppd.cli.contact_load import load as load_lots
from smppd.cli.group_show import column_names
from smppd.cli.terminal import CommandError, Terminal, plural
from smppd.cli.words import count
from smppd.provider.answers import Success
from smppd.provider.catalogue import OPERATIONS

_LOT = 500
_MOST = 10_000
_LAST_ROW = 10**9
#: So many flaws are told one by one.
_TOLD = 20

_ADD, _COLUMNS = OPERATIONS["group.addcontactlist"], OPERATIONS["group.getgroupcolumns"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of loading."""
    parser.add_argument(
        "--lot",
        metavar="N",
        type=count(_MOST),
        default=_LOT,
        help="rows at once (default: %(default)s)",
    )
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave out rows that are bad or stand there twice"
    )
    parser.epilog = (
        "Every row is checked before any is loaded. A lot whose answer is lost is not repeated: what"
        " is in and what is in doubt is said, and how to go on."
    )


def add_from_row(parser: argparse.ArgumentParser) -> None:
    """Where to go on."""
    parser.add_argument(
        "--from-row", metavar="N", type=count(_LAST_ROW), help="go on there; the header is row 1"
    )


def main(arguments: argparse.Namespace, caller: Caller, terminal: Terminal) -> int:
    """Check the file and the group's columns, and load. 0 only when every row is in."""
    contacts = read(arguments, terminal)
    answer = caller.call(_COLUMNS.name, {"idgroup": arguments.idgroup})
    if not isinstance(answer, Success):
        return tell(_COLUMNS, answer, terminal, as_json=arguments.json)
    known = column_names(answer.result)
    if known is not None:
        check_columns(contacts, known, arguments.idgroup)
    return load(arguments, caller, terminal, (arguments.idgroup, contacts))


# ── before anything is loaded ────────────────────────────────────────────────────────────────


def read(arguments: argparse.Namespace, terminal: Terminal) -> ContactFile:
    """The file, every row of it good or left out on demand. Raises `CommandError` (2)."""
    name = arguments.file
    found = read_contacts(read_octets(name), arguments.type)
    if isinstance(found, str):
        raise CommandError(f"{name}: {found}", exit_code=2)
    if found.flaws:
        terminal.complain_all(_told(name, found.flaws))
        if not arguments.skip_bad:
            raise CommandError(
                f"{name}: nothing was loaded: correct {_counted(found.flaws)}, or leave them out"
                " with --skip-bad",
                exit_code=2,
            )
    rows = [row for row in found.rows if row.number >= (arguments.from_row or 0)]
    if not rows:
        raise CommandError(f"{name}: has no contact to load", exit_code=2)
    return found._replace(rows=rows)


def _told(name: str, flaws: Sequence[Flaw]) -> Iterator[str]:
    for flaw in flaws[:_TOLD]:
        yield f"{name} row {flaw.row}: {flaw.text}"
    if len(flaws) > _TOLD:
        yield f"{name}: and {plural(len(flaws) - _TOLD, 'row')} more"


def _counted(flaws: Sequence[Flaw]) -> str:
    twice = sum(flaw.duplicate for flaw in flaws)
    bad = len(flaws) - twice
    counts = [plural(bad, "bad row")] * bool(bad) + [plural(twice, "duplicate")] * bool(twice)
    return " and ".join(counts)


def check_columns(contacts: ContactFile, known: Sequence[str], idgroup: str = "") -> None:
    """Raises `CommandError` (2) when the file has a field that its group has not."""
    strange = [field for field in contacts.fields if field not in known]
    if strange:
        cure = f"smppd api group.addcolumntogroup idgroup={idgroup} field={shlex.quote(strange[0])}"
        raise CommandError(
            f"the group has no column {', '.join(strange)}; it has {', '.join(known)}: rename it in"
            f" the file's first row, or {cure if idgroup else 'name it in --fields'}",
            exit_code=2,
        )


# ── loading, and what is told of it ──────────────────────────────────────────────────────────


def load(
    arguments: argparse.Namespace,
    caller: Caller,
    terminal: Terminal,
    what: tuple[str, ContactFile],
) -> int:
    """Load the contacts into the group with this id; say which rows are in."""
    idgroup, contacts = what
    with watching(terminal, len(contacts.rows), quiet=arguments.json) as watcher:
        loaded = load_lots(caller.call, idgroup, contacts.rows, arguments.lot, watcher)
    if arguments.json:
        terminal.say_json(_described(idgroup, loaded))
    else:
        terminal.say(f"{plural(loaded.done, 'contact')} loaded into group {idgroup}")
    if loaded.why is not None:
        terminal.complain(in_words(_ADD, loaded.why))
        terminal.complain_all(_advice(arguments, idgroup, loaded))
    return 0 if loaded.complete else 1


def _described(idgroup: str, loaded: Loaded) -> dict[str, Any]:
    rows, done, doubted = loaded.rows, loaded.done, loaded.doubted
    left = rows[done + doubted :]
    return {
        "idgroup": idgroup,
        "contacts": len(rows),
        "loaded": done,
        "in_doubt": [rows[done].number, rows[done + doubted - 1].number] if doubted else None,
        "next_row": left[0].number if left else None,
        "error": None if loaded.why is None else error_of(loaded.why),
    }


def _advice(arguments: argparse.Namespace, idgroup: str, loaded: Loaded) -> Iterator[str]:
    rows, done, doubted = loaded.rows, loaded.done, loaded.doubted
    if done:
        yield f"in the group: rows {rows[0].number} to {rows[done - 1].number}"
    again = _again(arguments, idgroup)
    if not doubted:
        yield f"not in it: rows {rows[done].number} to {rows[-1].number}; go on with"
        yield f"  {again} {rows[done].number}"
        return
    behind = rows[done + doubted :]
    yield f"in doubt: rows {rows[done].number} to {rows[done + doubted - 1].number}; look with"
    yield f"  smppd group show {idgroup}"
    yield f"not in it: rows {behind[0].number} to {rows[-1].number}" if behind else "no row is left"
    if behind:
        yield f"if those in doubt are in the group, go on with\n  {again} {behind[0].number}"
    yield f"if they are not, go on with\n  {again} {rows[done].number}"


def _again(arguments: argparse.Namespace, idgroup: str) -> str:
    """The command that goes on at the row to be appended."""
    words = ["smppd", "group", "load", idgroup, arguments.file]
    for option, value in (
        ("--config", arguments.config),
        ("--via", arguments.via),
        ("--type", arguments.type),
    ):
        words += [option, value] if value is not None else []
    words += ["--lot", str(arguments.lot)] if arguments.lot != _LOT else []
    words += ["--skip-bad"] if arguments.skip_bad else []
    return shlex.join([*words, "--from-row"])
