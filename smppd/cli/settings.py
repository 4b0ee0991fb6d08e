"""What commands read before they do anything: the configuration and the secrets of its links."""

from __future__ import annotations

import argparse

from smppd.cli.terminal import Misconfigured
from smppd.config import Config, Mistake, find_config, load, read_password, tls_context


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
    """The password of each link, by its name. Raises `Misconfigured` with every mistake, those in
    the files that TLS needs included."""
    found = {link.name: read_password(link) for link in config.links}
    secured = [tls_context(link) for link in config.links if link.tls]
    mistakes = [each for each in (*found.values(), *secured) if isinstance(each, Mistake)]
    if mistakes:
        raise Misconfigured(mistakes)
    return {name: each for name, each in found.items() if isinstance(each, str)}
