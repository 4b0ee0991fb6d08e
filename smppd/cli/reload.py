"""`smppd reload`: have the running daemon read its configuration again."""

from __future__ import annotations

import argparse

from smppd.cli.asking import ask_anyway
from smppd.cli.terminal import Terminal

#: Seconds for an answer: what is being handed over is finished first.
_PATIENCE = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("--json", action="store_true", help="print what has changed as JSON")
    parser.epilog = (
        "As SIGHUP does, and tells what came of it. A link, account or webhook that did not change does "
        "not notice; a file with a mistake, or with a change that wants a restart, changes nothing."
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. 1 when the daemon has refused the file."""
    answer = ask_anyway(arguments, "reload", _PATIENCE)
    refused = answer["refused"]
    if arguments.json:
        terminal.say_json(answer)
    elif refused:
        terminal.complain_all([*refused, "nothing has changed: smppd goes on as it was"])
    else:
        for change in answer["changed"] or ["nothing has changed in the configuration"]:
            terminal.say(change)
    return 1 if refused else 0
