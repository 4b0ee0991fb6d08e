"""`smppd status`: what the running daemon is doing, asked over its control socket."""

from __future__ import annotations

import argparse

import msgspec

from smppd.cli.asking import ask_anyway
from smppd.cli.status_words import overview
from smppd.cli.terminal import Terminal
from smppd.figures import (
    DaemonFigures,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    answer = ask_anyway(arguments, "status")
    if arguments.json:
        terminal.say_json(answer)
    else:
        for line in overview(msgspec.convert(answer, DaemonFigures, strict=False)):
            terminal.say(line)
    return 0
