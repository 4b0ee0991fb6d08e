"""What `check` looks at of hosts and URLs, whatever they are of: an address, and who vouches for the server."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from smppd.cli.findings import Finding
from smppd.config import AccountConfig, Mistake, WebhookConfig, account_tls


def check_host(what: str, host: str, port: int, named: str) -> Finding:
    """Whether a host has an address; `named` is where its name stands."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return Finding(what, False, f"cannot resolve it ({why}): check the {named} and the DNS")
    addresses = sorted({str(place[0]) for *_, place in found})
    return Finding(what, True, f"is {', '.join(addresses)}")


def check_host_of_url(section: AccountConfig | WebhookConfig) -> Finding:
    """Whether the host of its URL has an address."""
    parts = urlsplit(section.url)
    what, host = f"{_kind(section)} {section.name}, host {parts.hostname}", parts.hostname or ""
    return check_host(what, host, parts.port or (443 if parts.scheme == "https" else 80), "url")


def check_tls(section: AccountConfig | WebhookConfig, done: str) -> Finding:
    """What the server of its URL is verified against; `done` is what is done with the URL."""
    what = f"{_kind(section)} {section.name}, url {section.url}"
    if urlsplit(section.url).scheme == "http":
        why = "as insecure_http allows" if section.insecure_http else "on this machine"
        return Finding(what, True, f"is {done} in clear text, {why}")
    found = account_tls(section)
    if isinstance(found, Mistake):
        return Finding(what, False, str(found))
    trusted = section.tls_ca_file or "the CAs that this machine trusts"
    return Finding(what, True, f"is verified against {trusted}")


def _kind(section: AccountConfig | WebhookConfig) -> str:
    return "webhook" if isinstance(section, WebhookConfig) else "account"
