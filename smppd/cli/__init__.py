"""The command line: the only place that prints and exits.

Each command is a module of this package, imported when it is asked for. `main` returns the exit
code: 0 done, 1 failed, 2 wrong use or configuration. A user's mistake is one line, never a
traceback.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, cast

from smppd import __version__
from smppd.cli.settings import add_config
from smppd.cli.terminal import CommandError, Misconfigured, Terminal, drop_output
from smppd.cli.words import Parser

#: Every command with what it does; the module of that name in this package does it.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "run": "run the daemon in the foreground",
        "check": "check the configuration and what it names; with --connect, bind each link",
        "doctor": "look at everything that may be wrong, and say how to mend it",
        "submit": "hand in a file, or one message",
        "estimate": "say what a file would come to: parts, cost, what is wrong; nothing is sent",
        "status": "show what the running daemon is doing",
        "top": "watch the running daemon live",
        "show": "show one message: its result, its history and its parts",
        "campaigns": "list the files that were handed in, open and finished",
        "report": "write a file's results and report anew, and show what it came to",
        "events": "print what happens to messages, from where a consumer left off",
        "audit": "recompute every account from the journal and compare",
        "requeue": "send messages again whose outcome is unknown",
        "cancel": "take messages back that are not delivered yet",
        "pause": "have links submit nothing until they are resumed",
        "resume": "have paused links submit again",
        "reload": "have the running daemon read its configuration again",
        "log-level": "log more for a while: of everything, of a link's PDUs, of one message",
        "operators": "list what operators had the daemon do: who, when, what came of it",
        "trace": "write what passes on a link to files that Wireshark reads",
        "optout": "who wants no more messages: add, remove, list, import, export",
        "api": "call an operation of the provider's HTTP API, or show what was called",
        "group": "make groups at the provider, load contacts from CSV, show and delete them",
        "chat": "show chats of the provider's, and answer them",
        "template": "send a template of the provider's",
        "completion": "print what bash, zsh or fish needs to complete these commands",
        "simulate": "run a simulated SMSC and the HTTP APIs on this machine",
        "demo": "send messages to a simulated SMSC and watch",
    }
)
#: Whose --help is about what else stands on the line: they declare it themselves.
_EXPLAIN_THEMSELVES = frozenset({"api"})


class Command(Protocol):
    """What the module of a command offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's own arguments."""

    def main(self, arguments: argparse.Namespace, terminal: Terminal) -> int:
        """Do it; the exit code. Raises `CommandError` or `Misconfigured`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command of the command line (`sys.argv` unless given); the exit code."""
    _open_what_was_closed()
    terminal = Terminal()
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        code = _run(words, terminal)
        terminal.flush()
    except Misconfigured as error:
        terminal.complain_all(map(str, error.mistakes))
        return 2
    except CommandError as error:
        terminal.complain(str(error))
        return error.exit_code
    except BrokenPipeError:
        drop_output()  # whoever read it has left
        return 1
    except KeyboardInterrupt:
        return 1
    return code


def _open_what_was_closed() -> None:
    """Whoever closed our output, as `>&-` does, wants none of it: it goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 (for as long as we run)


def _run(words: Sequence[str], terminal: Terminal) -> int:
    commands = {name: _load(name) for name in COMMANDS if name in words}
    try:
        arguments = _parser(commands).parse_args(words)
    except SystemExit as done:
        return int(done.code or 0)
    return commands[arguments.command].main(arguments, terminal)


def _load(name: str) -> Command:
    return cast("Command", importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))


def whole_parser() -> Parser:
    """The parser with the arguments of every command, for whoever tells what there is."""
    return _parser({name: _load(name) for name in COMMANDS})


def _parser(commands: Mapping[str, Command]) -> Parser:
    """The parser; only these commands have their arguments declared, no other can be meant."""
    parser = Parser(
        prog="smppd",
        description="An SMS sending daemon: a spool in, SMPP out, every message accounted for.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"smppd {__version__}")
    add_config(parser, default=None)
    choices = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        own = choices.add_parser(
            name,
            help=purpose,
            description=purpose,
            allow_abbrev=False,
            add_help=name not in _EXPLAIN_THEMSELVES,
        )
        add_config(own)
        if name in commands:
            commands[name].add_arguments(own)
    return parser
