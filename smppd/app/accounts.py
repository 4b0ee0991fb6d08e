"""The accounts at the provider's HTTP APIs, built, made known to who hears what they report, and changed.
What speaks HTTP is imported only for those."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from smppd.app.succession import Moves, Way
from smppd.config import AccountConfig, Config, HttpConfig
from smppd.httpapi.account import Account
from smppd.httpapi.caller import Around, Client
from smppd.pipeline.calls import CallSettlement, CallTerms
from smppd.pipeline.refusals import LinkTerms, Refusals
from smppd.policy import Retries
from smppd.ports import ApiLog

if TYPE_CHECKING:
    from smppd.app.reloading import Wanted
    from smppd.app.surroundings import Surroundings
    from smppd.httpapi.transport import Transport


def account_pool(account: AccountConfig) -> str:
    """The name of its queues in the journal: no link's queues are called so, lest a link that is given an
    account's name submit its calls."""
    return f"{account.kind}:{account.name}"


def client_of(account: AccountConfig, secret: str, transport: Transport | None = None) -> Client:
    """What speaks to the provider of an account with its password or token."""
    if isinstance(account, HttpConfig):
        from smppd.httpapi.client import ProviderClient  # noqa: PLC0415 - see above

        return ProviderClient(account, secret, transport)
    from smppd.httpapi.contacts import ContactsClient  # noqa: PLC0415 - see above

    return ContactsClient(account, secret, transport)


class HttpAccounts:
    """Keeps the accounts `by_name`, in the order of the configuration."""

    def __init__(
        self,
        calls: CallSettlement,
        refusals: Refusals,
        log: ApiLog,
        around: Around,
        surroundings: Surroundings,
    ) -> None:
        self._run_sync = surroundings.run_sync
        self._calls = calls
        self._refusals = refusals
        self._log = log
        self._around = around
        self._transport = surroundings.transport
        self.by_name: dict[str, Account] = {}

    def build(self, config: Config, secrets: Mapping[str, str]) -> None:
        """Those of the configuration with which the daemon starts; `secrets` by their names."""
        for section in config.accounts:
            account = self.by_name[section.name] = self._account(section, secrets[section.name])
            self._introduce(section, account)

    async def prepare(self, config: Config) -> None:
        """What takes long, and changes nothing."""
        if config.accounts and not self.by_name:
            await self._run_sync(import_module, "smppd.httpapi.access")

    def change(self, old: Config, wanted: Wanted) -> Moves:
        """Have the accounts that are wanted. One that stays is the same, whatever is said of it: nothing
        of it outlives a call but the pace."""
        sections = {account_pool(section): section for section in old.accounts}
        before = {account_pool(each): self.by_name[each.name] for each in old.accounts}
        self.by_name.clear()
        beginning = list[Way]()
        for section in wanted.config.accounts:
            pool, secret = account_pool(section), wanted.secrets[section.name]
            account = before.pop(pool, None)
            if account is None:
                account = self._account(section, secret)
                beginning.append(account)
                self._introduce(section, account)
            elif section != sections[pool]:
                account.change(section, client_of(section, secret, self._transport))
                self._introduce(section, account)
            elif section.name in wanted.secrets_changed:
                account.renew(secret)
            self.by_name[section.name] = account
        return Moves(list(before.values()), beginning)

    def _account(self, section: AccountConfig, secret: str) -> Account:
        client = client_of(section, secret, self._transport)
        return Account(section, client, self._calls, self._log, self._around)

    def _introduce(self, section: AccountConfig, account: Account) -> None:
        limits = Retries(section.max_attempts, section.retry_min, section.retry_max)
        self._refusals.introduce(section.name, LinkTerms(limits, {}, account))
        asks = isinstance(section, HttpConfig) and section.status_after > 0
        self._calls.introduce(section.name, CallTerms(limits, asks))
