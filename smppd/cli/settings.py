"""What commands read first: the configuration, and the secrets that it names."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from smppd.cli.terminal import Misconfigured
from smppd.config import Config, ObserveConfig, find_config, load, read_secrets

_CONTROL = re.compile(r"""^\s*control\s*=\s*["']([^"'\n]+)["']""", re.MULTILINE)


def add_config(parser: argparse.ArgumentParser, *, default: str | None = argparse.SUPPRESS) -> None:
    """Declare --config; what a command before it took stays unless it is given again."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=default,
        help="the configuration, else $SMPPD_CONFIG, else /etc/smppd/smppd.toml",
    )


def read_config(arguments: argparse.Namespace) -> Config:
    """The configuration that the command line asks for. Raises `Misconfigured`."""
    found = load(find_config(arguments.config))
    if isinstance(found, list):
        raise Misconfigured(found)
    return found


def read_passwords(config: Config) -> dict[str, str]:
    """Every password, token and secret by its name. Raises `Misconfigured` with every mistake, those
    in the files that TLS needs included."""
    found = read_secrets(config)
    if isinstance(found, list):
        raise Misconfigured(found)
    return found


def find_control(arguments: argparse.Namespace) -> Path:
    """Where the daemon listens, as far as that can be read: also a file with mistakes elsewhere must
    not keep an operator from asking. Raises `Misconfigured` for one that cannot be read at all."""
    file = find_config(arguments.config)
    found = load(file)
    if not isinstance(found, list):
        return found.observe.control
    try:
        content = file.read_text(errors="replace")
    except (OSError, ValueError):
        raise Misconfigured(found) from None
    named = _CONTROL.search(content)
    control = Path(named[1]) if named else ObserveConfig().control
    return file.absolute().parent / control
