"""What `check` looks at of an account at the provider's HTTP API: its secret, its server, a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import trio

from smppd.cli.findings import Finding
from smppd.cli.places import check_secret
from smppd.cli.reach import check_tls
from smppd.config import (
    AccountConfig,
    ChatChannel,
    ContactsConfig,
    HttpConfig,
    Mistake,
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
    yield check_tls(account, "called")


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
