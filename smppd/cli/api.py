"""`smppd api`: what operations the provider's HTTP API has."""

from __future__ import annotations

import argparse

from smppd.cli import operations
from smppd.cli.terminal import CommandError, Terminal
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.operation import Operation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("-h", "--help", action="store_true", help="this, or about the operation")
    parser.add_argument("operation", metavar="CLASS.METHOD", nargs="?", help="see --list")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.add_argument("--list", action="store_true", help="show every operation")
    parser.set_defaults(help_of_command=parser.format_help)


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    if arguments.list:
        return _list(arguments, terminal)
    if arguments.operation is None:
        if arguments.help:
            terminal.say(arguments.help_of_command().rstrip())
            return 0
        raise CommandError("api takes CLASS.METHOD: smppd api --list shows every one", 2)
    operation = _known(arguments.operation)
    for line in operations.explained(operation):
        terminal.say(line)
    return 0


def _list(arguments: argparse.Namespace, terminal: Terminal) -> int:
    if arguments.json:
        terminal.say_json(operations.described())
        return 0
    for line in operations.listed():
        terminal.say(line)
    return 0


def _known(name: str) -> Operation:
    operation = OPERATIONS.get(name.lower())
    if operation is None:
        raise CommandError(
            f"there is no operation {name}: smppd api --list shows every one", exit_code=2
        )
    return operation
