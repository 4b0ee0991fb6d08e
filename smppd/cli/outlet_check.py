"""What `check` looks at of webhooks and hooks: secrets, certificates, hosts, commands."""

from __future__ import annotations

import os
from collections.abc import Iterator

from smppd.cli.findings import Finding
from smppd.cli.places import check_secret
from smppd.cli.reach import check_host_of_url, check_tls
from smppd.config import Config, HookConfig, read_secret


def known(config: Config) -> Iterator[Finding]:
    """What can be said without a network."""
    for webhook in config.webhooks:
        what = f"webhook {webhook.name}, secret"
        secret = read_secret(webhook)
        yield check_secret(what, secret, webhook.secret_file, webhook.secret_env)
        yield check_tls(webhook, "posted to")


def places(config: Config) -> Iterator[Finding]:
    """Whether what they lead to is there."""
    for webhook in config.webhooks:
        yield check_host_of_url(webhook)
    yield from commands(config)


def commands(config: Config) -> Iterator[Finding]:
    """Whether the commands of hooks are there, and may be run."""
    for hook in config.hooks:
        yield _command(hook)


def _command(hook: HookConfig) -> Finding:
    what, command = f"hook {hook.name}, command", hook.command[0]
    if not os.path.isfile(command):  # noqa: PTH113 - as the kernel takes it
        return Finding(
            what, False, f"there is no file {command}: put it there, or correct the path"
        )
    if not os.access(command, os.X_OK):
        return Finding(what, False, f"{command} cannot be run by this user: chmod +x")
    return Finding(what, True, f"is {command}")
