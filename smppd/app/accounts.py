"""The accounts at the provider's HTTP APIs, built. What speaks HTTP is imported only for those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from smppd.config import Config
from smppd.httpapi.account import Account
from smppd.httpapi.caller import AccountConfig, Around, Client
from smppd.ports import ApiLog, Calls

if TYPE_CHECKING:
    from smppd.httpapi.transport import Transport


def account_pools(config: Config) -> dict[str, str]:
    """By each account's name, that of its queues in the journal: no link's queues are called so,
    lest a link that is given an account's name submit its calls."""
    return {account.name: f"http:{account.name}" for account in config.http} | {
        account.name: f"contacts:{account.name}" for account in config.contacts
    }


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
        (section, Account(section, client, calls, log, around))
        for section, client in _clients(config, secrets, transport)
    ]


def _clients(
    config: Config, secrets: Mapping[str, str], transport: Transport | None
) -> Iterator[tuple[AccountConfig, Client]]:
    if config.http:
        from smppd.httpapi.client import ProviderClient  # noqa: PLC0415 - see above

        for each in config.http:
            yield each, ProviderClient(each, secrets[each.name], transport)
    if config.contacts:
        from smppd.httpapi.contacts import ContactsClient  # noqa: PLC0415 - see above

        for other in config.contacts:
            yield other, ContactsClient(other, secrets[other.name], transport)
