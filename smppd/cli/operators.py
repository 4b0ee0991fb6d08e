"""`smppd operators`: what operators had the daemon do, beside a running daemon or without one."""

from __future__ import annotations

import argparse

from smppd.cli.lookup import reading
from smppd.cli.settings import read_config
from smppd.cli.table import table
from smppd.cli.terminal import Terminal
from smppd.cli.words import count, moment
from smppd.ports import Commanded
from smppd.told import iso

_SHOWN = 50
_MOST = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("--json", action="store_true", help="print them as JSON")
    parser.add_argument(
        "--since",
        metavar="WHEN",
        type=moment,
        help='"2h" ago, or a time like 2030-01-31T09:30 (UTC)',
    )
    parser.add_argument("--command", dest="given", metavar="NAME", help="this command alone")
    parser.add_argument(
        "--limit", metavar="N", type=count(_MOST), default=_SHOWN, help=f"else {_SHOWN}"
    )
    parser.epilog = (
        "Every command that changes something, the newest first: who gave it, and what came of it. They are "
        "kept as long as messages are ([retention] journal)."
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    with reading(read_config(arguments)) as store:
        found = store.commanded.read(arguments.since or 0.0, arguments.limit, arguments.given)
    if arguments.json:
        told = [each._asdict() | {"at": iso(each.at)} for each in found]
        terminal.say_json({"commands": told})
    elif not found:
        terminal.say("no operator has had the daemon do anything like that")
    else:
        for line in table([_row(each) for each in found], terminal.columns):
            terminal.say(line)
    return 0


def _row(each: Commanded) -> dict[str, str]:
    return {
        "at": iso(each.at) or "",
        "who": each.who,
        "command": f"{each.command} {each.what}".strip(),
        "outcome": f"{each.outcome}: {each.told}" if each.told else each.outcome,
    }
