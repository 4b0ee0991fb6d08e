"""The accounts at the provider's HTTP APIs, built. What speaks HTTP is imported only for those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from smppd.config import AccountConfig, Config, HttpConfig
from smppd.httpapi.account import Account
from smppd.httpapi.caller import Around, Client
from smppd.ports import ApiLog, Calls

if TYPE_CHECKING:
    from smppd.httpapi.transport import Transport


def account_pools(config: Config) -> dict[str, str]:
    """By each account's name, that of its queues in the journal: no link's queues are called so,
    lest a link that is given an account's name submit its calls."""
    return {account.name: f"{account.kind}:{account.name}" for account in config.accounts}


def build_accounts(
    config: Config,
    secrets: Mapping[str, str],
    calls: Calls,
    log: ApiLog,
    around: Around,
    transport: Transport | None,
) -> list[tuple[AccountConfig, Account]]:
    """Every account beside its section; `secrets` are passwords and tokens by name."""
    return [
        (each, Account(each, client_of(each, secrets[each.name], transport), calls, log, around))
        for each in config.accounts
    ]


def client_of(account: AccountConfig, secret: str, transport: Transport | None = None) -> Client:
    """What speaks to the provider of an account with its password or token."""
    if isinstance(account, HttpConfig):
        from smppd.httpapi.client import ProviderClient  # noqa: PLC0415 - see above

        return ProviderClient(account, secret, transport)
    from smppd.httpapi.contacts import ContactsClient  # noqa: PLC0415 - see above

    return ContactsClient(account, secret, transport)
