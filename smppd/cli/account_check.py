"""What `check` looks at of an account at the provider's HTTP API: its secret, its host, a call."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import trio

from smppd.cli.findings import Finding
from smppd.cli.places import check_secret
from smppd.config import (
    AccountConfig,
    ChatChannel,
    ContactsConfig,
    HttpConfig,
    Mistake,
    account_tls,
)
from smppd.provider.answers import Answer, Failure, Success
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.chat import ChatChannelFound, read_channels

#: It reads, takes no parameters, and any account may ask it.
HARMLESS = "chat.getchatchannels"
_UNTRIED = "is not tried: without the id of a contact its API has no call that only reads"


def known(account: AccountConfig, secret: str | Mistake) -> Iterator[Finding]:
    """What can be said without a network: the secret, and what its server is verified against."""
    what = f"account {account.name}, {account.credential}"
    yield check_secret(what, secret, account.credential_file, account.credential_env)
    yield _tls(account)


def _tls(account: AccountConfig) -> Finding:
    what = f"account {account.name}, url {account.url}"
    if urlsplit(account.url).scheme == "http":
        why = "as insecure_http allows" if account.insecure_http else "on this machine"
        return Finding(what, True, f"is called in clear text, {why}")
    found = account_tls(account)
    if isinstance(found, Mistake):
        return Finding(what, False, str(found))
    trusted = account.tls_ca_file or "the CAs that this machine trusts"
    return Finding(what, True, f"is verified against {trusted}")


def host(account: AccountConfig) -> Finding:
    """Whether the host of its URL has an address."""
    parts = urlsplit(account.url)
    what = f"account {account.name}, host {parts.hostname}"
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return Finding(what, False, f"cannot resolve it ({why}): check the url and the DNS")
    addresses = sorted({str(place[0]) for *_, place in found})
    return Finding(what, True, f"is {', '.join(addresses)}")


def call(
    account: AccountConfig,
    secret: str | Mistake,
    channels: Sequence[ChatChannel] = (),
) -> Iterator[Finding]:
    """One call that changes nothing and costs nothing, if there is one; whether these channels, of
    which chats are to be fetched over it, are the account's."""
    what = f"account {account.name}, call"
    if isinstance(account, ContactsConfig):
        yield Finding(what, True, _UNTRIED)
    elif isinstance(secret, str):
        answer = trio.run(_ask, account, secret)
        yield _answered(account, answer)
        if isinstance(answer, Success):
            active = read_channels(answer.result)
            yield from (_channel(each, active) for each in channels)


def _channel(channel: ChatChannel, active: Sequence[ChatChannelFound]) -> Finding:
    what = f"chat channel {'/'.join(channel)}"
    for each in active:
        if (each.platform.lower(), each.platformid) == channel:
            return Finding(what, True, f"is one of the account's, called {each.name or 'nothing'}")
    known = ", ".join(f"{each.platform}/{each.platformid}" for each in active) or "none"
    says = f"is not among the account's active channels: correct [chat]; there are {known}"
    return Finding(what, False, says)


async def _ask(account: HttpConfig, password: str) -> Answer:
    from smppd.httpapi.client import ProviderClient  # noqa: PLC0415 - only where it is wanted

    client = ProviderClient(account, password)
    try:
        return await client.call(OPERATIONS[HARMLESS], {})
    finally:
        await client.aclose()


def _answered(account: HttpConfig, answer: Answer) -> Finding:
    what = f"account {account.name}, {HARMLESS}"
    if isinstance(answer, Success):
        return Finding(what, True, "was answered, so user and password are right")
    if isinstance(answer, Failure):
        return Finding(what, False, f"was refused with {answer.code}: {answer.text}")
    return Finding(what, False, f"got no answer: {answer.reason}")
