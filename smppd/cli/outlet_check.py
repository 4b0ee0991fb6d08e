"""What `check` looks at of webhooks and hooks: secrets, certificates, hosts, commands."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from smppd.cli.findings import Finding
from smppd.cli.places import check_secret
from smppd.config import Config, HookConfig, Mistake, WebhookConfig, account_tls, read_secret


def known(config: Config) -> Iterator[Finding]:
    """What can be said without a network."""
    for webhook in config.webhooks:
        what = f"webhook {webhook.name}, secret"
        secret = read_secret(webhook)
        yield check_secret(what, secret, webhook.secret_file, webhook.secret_env)
        yield _tls(webhook)


def places(config: Config) -> Iterator[Finding]:
    """Whether what they lead to is there."""
    for webhook in config.webhooks:
        yield _host(webhook)
    for hook in config.hooks:
        yield _command(hook)


def _tls(webhook: WebhookConfig) -> Finding:
    what = f"webhook {webhook.name}, url {webhook.url}"
    if urlsplit(webhook.url).scheme == "http":
        why = "as insecure_http allows" if webhook.insecure_http else "on this machine"
        return Finding(what, True, f"is posted to in clear text, {why}")
    found = account_tls(webhook)
    if isinstance(found, Mistake):
        return Finding(what, False, str(found))
    trusted = webhook.tls_ca_file or "the CAs that this machine trusts"
    return Finding(what, True, f"is verified against {trusted}")


def _host(webhook: WebhookConfig) -> Finding:
    parts = urlsplit(webhook.url)
    what = f"webhook {webhook.name}, host {parts.hostname}"
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return Finding(what, False, f"cannot resolve it ({why}): check the url and the DNS")
    addresses = sorted({str(place[0]) for *_, place in found})
    return Finding(what, True, f"is {', '.join(addresses)}")


def _command(hook: HookConfig) -> Finding:
    what, command = f"hook {hook.name}, command", hook.command[0]
    if not os.path.isfile(command):  # noqa: PTH113 - as the kernel takes it
        return Finding(
            what, False, f"there is no file {command}: put it there, or correct the path"
        )
    if not os.access(command, os.X_OK):
        return Finding(what, False, f"{command} cannot be run by this user: chmod +x")
    return Finding(what, True, f"is {command}")
