"""Asking the running daemon for a command. Raises `CommandError` when there is none, or it says no."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from smppd.cli.settings import find_control, read_config
from smppd.cli.terminal import CommandError
from smppd.config import Config
from smppd.control import ControlRefused, ControlUnavailable, ask


def ask_daemon(
    config: Config, command: str, timeout: float = 10.0, /, **arguments: Any
) -> dict[str, Any]:
    """The daemon's answer, within `timeout` seconds."""
    return ask_on(config.observe.control, command, timeout, **arguments)


def ask_anyway(
    arguments: argparse.Namespace, command: str, timeout: float = 10.0, /
) -> dict[str, Any]:
    """As `ask_daemon`, of the daemon that the configuration names, which may have mistakes otherwise.
    Raises `Misconfigured` with them only where nobody answers."""
    try:
        return ask_on(find_control(arguments), command, timeout)
    except CommandError:
        read_config(arguments)
        raise


def ask_on(
    control: Path, command: str, timeout: float = 10.0, /, **arguments: Any
) -> dict[str, Any]:
    """As `ask_daemon`, of the daemon that listens there."""
    try:
        return ask(control, command, timeout, **arguments)
    except (ControlUnavailable, ControlRefused) as error:
        raise CommandError(str(error)) from None
