"""`smppd group`: groups at the provider, and their contacts from CSV files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

import msgspec

from smppd.cli import group_load, group_show
from smppd.cli.api import add_command, tell
from smppd.cli.caller import Caller
from smppd.cli.settings import read_config
from smppd.cli.table import value_of
from smppd.cli.terminal import CommandError, Terminal
from smppd.provider.answers import Success
from smppd.provider.catalogue import OPERATIONS

_Doing = Callable[[argparse.Namespace, Caller, Terminal], int]

#: Under which of these an answer may name the group that was made; the documents name none.
_IDS = ("id", "idgroup", "groupid", "group_id")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    commands = parser.add_subparsers(dest="group_command", metavar="COMMAND", required=True)
    made = add_command(commands, "create", "make a group", _create)
    made.add_argument("name", metavar="NAME", help="what it is called")
    made.add_argument(
        "--fields", metavar="F,…", help="the fields of its contacts, like mobile,name"
    )
    made.add_argument("--type", choices=("mobile", "email"), default="mobile")
    made.add_argument("--load", dest="file", metavar="CSV", help="and load these contacts")
    group_load.add_options(made)
    made.set_defaults(from_row=None)
    loaded = add_command(commands, "load", "load contacts from a CSV file", group_load.main)
    loaded.add_argument("idgroup", metavar="IDGROUP", help="the provider's id of the group")
    loaded.add_argument("file", metavar="CSV", help="its first row names the fields; - for stdin")
    loaded.add_argument("--type", choices=("mobile", "email"), help="else what the first row says")
    group_load.add_options(loaded)
    group_load.add_from_row(loaded)
    shown = add_command(commands, "show", "show columns and contacts", group_show.main)
    shown.add_argument("idgroup", metavar="IDGROUP", help="the provider's id of the group")
    shown.add_argument("--csv", action="store_true", help="the contacts as CSV")
    deleted = add_command(commands, "delete", "delete a group, with its contacts", _delete)
    deleted.add_argument("idgroup", metavar="IDGROUP", help="the provider's id of the group")
    deleted.add_argument("--confirm", action="store_true", help="yes, with every contact in it")


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    caller = Caller(read_config(arguments), terminal, arguments.via, arguments.timeout)
    doing: _Doing = arguments.doing
    return doing(arguments, caller, terminal)


def _create(arguments: argparse.Namespace, caller: Caller, terminal: Terminal) -> int:
    """Make a group, and load contacts into it where its id is known."""
    contacts = None
    fields = arguments.fields or arguments.type
    if arguments.file is not None:
        contacts = group_load.read(arguments, terminal)
        fields = arguments.fields or ",".join(contacts.fields)
        group_load.check_columns(contacts, [field.strip() for field in fields.split(",")])
    operation = OPERATIONS["group.creategroup"]
    params = {"name": arguments.name, "type": arguments.type, "fields": fields}
    answer = caller.call(operation.name, params)
    if not isinstance(answer, Success):
        return tell(operation, answer, terminal, as_json=arguments.json)
    idgroup = id_in(answer.result)
    if contacts is not None and idgroup is not None:
        terminal.complain(f"group {arguments.name} is made: {idgroup}")
        return group_load.load(arguments, caller, terminal, (idgroup, contacts))
    if arguments.json:
        terminal.say_json({"idgroup": idgroup, "answer": msgspec.Raw(answer.result)})
    elif idgroup is not None:
        terminal.say(f"group {arguments.name} is made: {idgroup}")
    else:
        terminal.say(f"group {arguments.name} is made")
    if idgroup is not None:
        return 0
    terminal.complain(
        "the provider's answer names no id: look it up in the provider's panel, then"
        f" smppd group load IDGROUP {arguments.file or 'CSV'}"
    )
    return 0 if contacts is None else 1


def id_in(result: bytes) -> str | None:
    """The id in the answer of creategroup, which documents none; None when there is none."""
    value = value_of(result)
    if isinstance(value, Mapping):
        value = next((value[name] for name in _IDS if name in value), None)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return text if text.isascii() and text.isdecimal() else None


def _delete(arguments: argparse.Namespace, caller: Caller, terminal: Terminal) -> int:
    if not arguments.confirm:
        raise CommandError(
            f"group delete takes --confirm: group {arguments.idgroup} and every contact in it"
            " cannot be had back",
            exit_code=2,
        )
    operation = OPERATIONS["group.deletegroup"]
    answer = caller.call(operation.name, {"idgroup": arguments.idgroup}, confirmed=True)
    if isinstance(answer, Success) and not arguments.json:
        terminal.say(f"group {arguments.idgroup} is deleted")
        return 0
    return tell(operation, answer, terminal, as_json=arguments.json)
