"""`smppd completion`: what a shell needs to complete smppd's commands, options and their values."""

from __future__ import annotations

import argparse

from smppd.cli import whole_parser
from smppd.cli.shells import SHELLS
from smppd.cli.terminal import Terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("shell", metavar="SHELL", choices=tuple(SHELLS), help=", ".join(SHELLS))
    parser.epilog = (
        'bash: eval "$(smppd completion bash)" in ~/.bashrc. zsh: the same in ~/.zshrc, behind '
        "compinit. fish: smppd completion fish > ~/.config/fish/completions/smppd.fish"
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    terminal.say(SHELLS[arguments.shell](whole_parser().declared()).rstrip("\n"))
    return 0
