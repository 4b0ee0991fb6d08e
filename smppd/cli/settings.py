"""What commands read first: the configuration, and the secrets that it names."""

from __future__ import annotations

import argparse
from dataclasses import replace

from smppd.cli.terminal import Misconfigured
from smppd.config import (
    Config,
    Mistake,
    account_tls,
    find_config,
    load,
    read_password,
    read_secret,
    tls_context,
)


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
    """The password of each link, and the password or token of each account, by its name, and the
    secret of each webhook by "webhook:" and its name. Raises `Misconfigured` with every mistake, those in the files that TLS needs included."""
    found = {link.name: read_password(link) for link in config.links}
    found |= {account.name: read_secret(account) for account in config.accounts}
    found |= {f"webhook:{each.name}": read_secret(each) for each in config.webhooks}
    secured = [tls_context(link) for link in config.links if link.tls]
    reached = (*config.accounts, *config.webhooks)
    secured += [account_tls(each) for each in reached if each.tls_ca_file]
    mistakes = [each for each in (*found.values(), *secured) if isinstance(each, Mistake)]
    if mistakes:
        raise Misconfigured([replace(each, file=config.file) for each in mistakes])
    return {name: each for name, each in found.items() if isinstance(each, str)}
