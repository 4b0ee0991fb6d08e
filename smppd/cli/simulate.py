"""`smppd simulate`: an SMSC and the HTTP APIs on this machine, with as many faults as asked for."""

from __future__ import annotations

import argparse

import trio

from smppd.cli.terminal import CommandError, Terminal
from smppd.simulate import commandline


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    commandline.add_arguments(parser)


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. Runs until SIGTERM or SIGINT."""
    try:
        script = commandline.script_from_arguments(arguments)
    except commandline.ScriptError as error:
        raise CommandError(str(error), exit_code=2) from None

    def say(line: str) -> None:
        terminal.say(line)
        terminal.flush()

    failures: list[str] = []
    try:
        trio.run(commandline.main, script, say)
    except* OSError as group:
        failures = [_in_words(each) for each in group.exceptions]
    for failure in failures:
        terminal.complain(failure)
    return 1 if failures else 0


def _in_words(error: BaseException) -> str:
    why = getattr(error, "strerror", None) or str(error)
    return f"the simulated SMSC cannot go on: {why}: check listen, http-listen, the files for TLS, and the tally's file"
