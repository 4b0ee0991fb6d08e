"""Who may call, and what each account of the provider holds. Plain data; raises nothing."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from smppd.simulate.provider.script import Access, GroupAtFirst, Http, Template
from smppd.simulate.provider.wire import Credentials


class Group(msgspec.Struct):
    """A group: its columns, and its contacts by their ids. `main` is the column that tells
    contacts apart, `by_main` finds them by it."""

    id: str
    name: str
    main: str
    columns: list[str]
    contacts: dict[str, dict[str, str]] = {}
    by_main: dict[str, str] = {}
    country: str = ""
    written: int = 0

    def add(self, contact: dict[str, str]) -> str | None:
        """Put a contact in; its id, or None where there is one like it."""
        if contact[self.main] in self.by_main:
            return None
        self.written += 1
        number = str(self.written)
        self.contacts[number] = contact
        self.by_main[contact[self.main]] = number
        return number


class ChatMessage(msgspec.Struct):
    """A message of a chat. `ours`: the account sent it. `at` is on the clock of the sessions."""

    message_id: str
    text: str
    ours: bool
    at: float
    unread: bool = False


class Line(msgspec.Struct):
    """A chat channel with its chats, by whom they are held with."""

    platform: str
    platformid: str
    name: str
    chats: dict[str, list[ChatMessage]] = {}


class Account(msgspec.Struct):
    """One user with all that is his."""

    user: str
    password: str
    balance: Decimal
    groups: dict[str, Group] = {}
    templates: dict[str, Template] = {}
    lines: dict[tuple[str, str], Line] = {}
    #: Whether he has called yet.
    known: bool = False


class Accounts:
    """Finds the account of who calls; where any user is let in, each gets one of his own."""

    def __init__(self, http: Http) -> None:
        self._http = http
        listed = http.account or (
            (Access(user=http.user, password=http.password, balance=http.balance),)
            if http.user
            else ()
        )
        self._open = not listed
        self._accounts = {access.user: self._furnish(access) for access in listed}
        self._next_group = max((int(group.id) for group in http.group), default=1000)

    def find(self, credentials: Credentials) -> Account | None:
        """The account of these credentials; None where there is none, or the password is wrong."""
        account = self._accounts.get(credentials.user)
        if account is None and self._open:
            access = Access(
                user=credentials.user, password=self._http.password, balance=self._http.balance
            )
            account = self._accounts[credentials.user] = self._furnish(access)
        if account is None or account.password not in ("", credentials.password):
            return None
        return account

    def of(self, user: str) -> Account | None:
        """A user's account, if he has one by now."""
        return self._accounts.get(user)

    def number_of_group(self) -> str:
        """The id of a new group; no two are the same, whoever made them."""
        self._next_group += 1
        return str(self._next_group)

    def _furnish(self, access: Access) -> Account:
        """An account with what the script says is there at first."""
        http, user = self._http, access.user
        return Account(
            user,
            access.password,
            Decimal(str(access.balance)),
            {each.id: _group(each) for each in http.group if each.user in ("", user)},
            {each.id: each for each in http.template if each.user in ("", user)},
            {
                (each.platform, each.platformid): Line(
                    each.platform, each.platformid, each.name or each.platform
                )
                for each in http.channel
                if each.user in ("", user)
            },
        )


def _group(told: GroupAtFirst) -> Group:
    group = Group(told.id, told.name, told.type, list(told.fields))
    for contact in told.contacts:
        if contact.get(told.type):
            group.add({name: contact.get(name, "") for name in told.fields})
    return group
