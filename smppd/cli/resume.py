"""`smppd resume`: have paused links of the running daemon submit again."""

from __future__ import annotations

import argparse

from smppd.cli.pause import act, add_links
from smppd.cli.terminal import Terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    add_links(parser)
    parser.epilog = (
        "What refused a message with a wrong account will pause the link again. A campaign that goes "
        "by its canary goes on whatever becomes of that."
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. 1 when no link was paused."""
    return act(arguments, terminal, "resume")
