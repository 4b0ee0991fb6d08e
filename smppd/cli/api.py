"""`smppd api`: one operation of the provider's HTTP API, what there is, and what was called."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from smppd.cli import history, operations
from smppd.cli.caller import Caller, lost
from smppd.cli.settings import add_config, read_config
from smppd.cli.table import shown
from smppd.cli.terminal import CommandError, Terminal
from smppd.cli.words import VALUES, duration, pairs
from smppd.provider.answers import Answer, Failure, NoAnswer, Success, outcome_name
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.operation import Effect, Operation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("-h", "--help", action="store_true", help="this, or about the operation")
    parser.add_argument("operation", metavar="CLASS.METHOD", nargs="?", help="see --list")
    parser.add_argument("pairs", metavar="KEY=VALUE", nargs="*", help=f"a parameter; {VALUES}")
    add_calling(parser)
    parser.add_argument("--confirm", action="store_true", help="do what cannot be undone")
    parser.add_argument("--json", action="store_true", help="JSON on a terminal, too")
    parser.add_argument("--list", action="store_true", help="show every operation")
    parser.add_argument("--history", action="store_true", help="show the log of calls")
    history.add_filters(parser)
    parser.epilog = (
        "User and password are those of the account in the configuration; they have no place on a "
        "command line. What a lost answer leaves in doubt is never sent again."
    )
    parser.set_defaults(help_of_command=parser.format_help)


def add_calling(parser: argparse.ArgumentParser) -> None:
    """The options of everything that calls the provider."""
    parser.add_argument(
        "--via",
        metavar="ACCOUNT",
        help="the [http.NAME] or [contacts.NAME]; the first unless given",
    )
    parser.add_argument(
        "--timeout", metavar="TIME", type=_patience, help='wait for the answer so long: "10s", say'
    )


def add_command(
    commands: Any, name: str, purpose: str, doing: Callable[..., int]
) -> argparse.ArgumentParser:
    """A command below one that calls the provider; `doing` does it."""
    own: argparse.ArgumentParser = commands.add_parser(
        name, help=purpose, description=purpose, allow_abbrev=False
    )
    add_config(own)
    add_calling(own)
    own.add_argument("--json", action="store_true", help="print what came of it as JSON")
    own.set_defaults(doing=doing)
    return own


def _patience(text: str) -> float:
    found = duration(text)
    if not found:
        raise argparse.ArgumentTypeError("an answer takes longer than no time")
    return found


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. 1 when the provider refused, or did not answer."""
    if arguments.list:
        return _list(arguments, terminal)
    if arguments.history:
        return history.tell(arguments, terminal)
    if history.filtered(arguments):
        raise CommandError("--account, --op, --since and --failed choose what --history shows", 2)
    if arguments.operation is None:
        if arguments.help:
            terminal.say(arguments.help_of_command().rstrip())
            return 0
        raise CommandError("api takes CLASS.METHOD: smppd api --list shows every one", 2)
    operation = _known(arguments.operation)
    if arguments.help:
        for line in operations.explained(operation):
            terminal.say(line)
        return 0
    given = pairs(arguments.pairs)
    caller = Caller(read_config(arguments), terminal, arguments.via, arguments.timeout)
    answer = caller.call(operation.name, given, confirmed=arguments.confirm)
    return tell(operation, answer, terminal, as_json=arguments.json or not terminal.interactive)


def _list(arguments: argparse.Namespace, terminal: Terminal) -> int:
    if arguments.json:
        terminal.say_json(operations.described())
        return 0
    for line in operations.listed():
        terminal.say(line)
    return 0


def _known(name: str) -> Operation:
    operation = OPERATIONS.get(name)
    if operation is None:
        near = get_close_matches(name.lower(), OPERATIONS, n=1)
        cure = f"did you mean {near[0]}?" if near else "smppd api --list shows every one"
        raise CommandError(f"there is no operation {name}: {cure}", exit_code=2)
    return operation


# ── what is told of an answer ────────────────────────────────────────────────────────────────


def tell(operation: Operation, answer: Answer, terminal: Terminal, *, as_json: bool) -> int:
    """Show an answer: the result on standard output, a refusal or a lost answer on standard error
    (and for programs as {"error": …}); the exit code."""
    if isinstance(answer, Success):
        if as_json:
            terminal.say_json(answer.result)
        else:
            nothing = "none" if operation.effect is Effect.READS else "done"
            for line in shown(answer.result, nothing, terminal.columns):
                terminal.say(line)
        return 0
    if as_json:
        terminal.say_json({"error": error_of(answer)})
    terminal.complain(in_words(operation, answer))
    return 1


def error_of(answer: Failure | NoAnswer) -> dict[str, Any]:
    """Why a call did not succeed, for programs; `sent` says whether it may be done nevertheless."""
    if isinstance(answer, Failure):
        return {"code": answer.code, "text": answer.text, "sent": False}
    return {"code": outcome_name(answer), "text": answer.reason, "sent": answer.sent}


def in_words(operation: Operation, answer: Failure | NoAnswer) -> str:
    """Why a call did not succeed, on one line."""
    if isinstance(answer, Failure):
        return f"{answer.code}: {answer.text}" if answer.text else answer.code
    return lost(operation, answer)
