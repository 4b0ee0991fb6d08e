"""Which route takes a message: the first of the configuration whose conditions it meets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from smppd.address import Destination, normalise_destination
from smppd.config import AccountConfig, ContactsConfig, HttpConfig, LinkConfig, RouteConfig
from smppd.message import ErrorInfo, Lane, Request
from smppd.provider.operation import Api

_decode = msgspec.json.Decoder().decode

#: What a route's condition on a field is compared with.
Value = str | bool | int | float | None
#: A pool, and on whose terms what waits there is made.
Way = tuple[str, LinkConfig | AccountConfig]

_ADD = {
    Api.PROVIDER: "no account of the HTTP API is configured: add [http.NAME]",
    Api.CONTACTS: "no account of contacts is configured: add [contacts.NAME]",
}


class Router:
    """Chooses among routes. `countries` has, by the first link of each route, the dialling code
    of national numbers."""

    def __init__(self, routes: Sequence[RouteConfig], countries: Mapping[str, str]) -> None:
        self._routes = [(route, countries.get(route.links[0], "")) for route in routes]
        self._senders = {
            route.name: frozenset(_plain(each) for each in route.from_) for route in routes
        }

    def choose(self, request: Request, to: str, lane: Lane) -> RouteConfig | None:
        """The first route that takes this request to this destination, in this lane."""
        digits: dict[str, str] = {}
        sender = None if request.from_ is None else _plain(request.from_)
        for route, country in self._routes:
            if route.to:
                if country not in digits:
                    digits[country] = _digits(to, country)
                if not digits[country].startswith(route.to):
                    continue
            if route.from_ and sender not in self._senders[route.name]:
                continue
            if route.fields and not _has(request, lane, route.fields):
                continue
            return route
        return None


class Ways:
    """Where a message waits and on whose terms it is made: the link or account that it names with
    `via`, else the first route that takes it, else the first link. Where none submits, the first
    account of the provider's HTTP API carries messages, too.

    There must be a link or an account; `default` is the pool of what goes nowhere.
    """

    def __init__(
        self,
        links: Mapping[str, LinkConfig],
        routes: Sequence[RouteConfig],
        default_country: str,
        accounts: Mapping[str, AccountConfig] = MappingProxyType({}),
    ) -> None:
        self._links = links
        self._accounts = accounts
        self._names = {
            Api.PROVIDER: [n for n, each in accounts.items() if isinstance(each, HttpConfig)],
            Api.CONTACTS: [n for n, each in accounts.items() if isinstance(each, ContactsConfig)],
        }
        self._submitting = [name for name, link in links.items() if link.bind != "receiver"]
        usual = [*self._submitting[:1], *self._names[Api.PROVIDER], *links, *accounts]
        self.default = usual[0]
        countries = {name: each.default_country or default_country for name, each in links.items()}
        self._router = Router(routes, countries) if routes else None
        link = links.get(self.default)
        #: The way of every message that names none, where there are no routes to choose from.
        self.usual = None if link is None or routes else (self.default, link)

    def choose(self, request: Request, to: str, lane: Lane) -> Way | ErrorInfo:
        """The pool of the message, and the link or account; why its `via` cannot be."""
        if request.via is not None:
            return self._named(request.via)
        route = self._router.choose(request, to, lane) if self._router else None
        if route is not None:
            return route.pool, self._links[route.links[0]]
        link = self._links.get(self.default)
        return (self.default, link) if link is not None else self._without_links()

    def choose_account(self, via: str | None, api: Api) -> Way | ErrorInfo:
        """The pool of an operation of this API, and the account: the one that it names, or the
        first. Credentials of the two APIs never meet."""
        names = self._names[api]
        if via is None or (via == "http" and api is Api.PROVIDER):
            if not names:
                return ErrorInfo("NO_ACCOUNT", None, f"via: {_ADD[api]}")
            return names[0], self._accounts[names[0]]
        if via in names:
            return via, self._accounts[via]
        others = f"use one of: {', '.join(sorted(names))}" if names else _ADD[api]
        return ErrorInfo("BAD_VIA", None, f"via: {self._kind(via)}; {others}")

    def _named(self, via: str) -> Way | ErrorInfo:
        link = self._links.get(via)
        if link is not None and link.bind != "receiver":
            return via, link
        if link is None and (via == "http" or via in self._names[Api.PROVIDER]):
            return self.choose_account(via, Api.PROVIDER)
        why = self._kind(via) if link is None else f'link "{via}" only receives'
        names = sorted([*self._submitting, *self._names[Api.PROVIDER]])
        others = f"use one of: {', '.join(names)}" if names else "no link submits"
        return ErrorInfo("BAD_VIA", None, f"via: {why}; {others}")

    def _without_links(self) -> Way | ErrorInfo:
        if self._names[Api.PROVIDER]:
            return self.choose_account(None, Api.PROVIDER)
        why = "no link or account that carries messages is configured: add [link.NAME]"
        return ErrorInfo("NO_ACCOUNT", None, f"via: {why} or [http.NAME]")

    def _kind(self, via: str) -> str:
        """Why what `via` names is not what is needed."""
        if via in self._links:
            return f'"{via}" is a link, which carries no operations'
        if via in self._names[Api.CONTACTS]:
            return f'account "{via}" is for operations contacts.* alone'
        if via in self._names[Api.PROVIDER] or via == "http":
            return f'account "{via}" carries no operations contacts.*'
        kinds = "link or account" if self._accounts else "link"
        return f'there is no {kinds} called "{via}"'


def _digits(to: str, country: str) -> str:
    """The destination with its country code; nothing when it is none."""
    destination = normalise_destination(to, country)
    return destination.digits if isinstance(destination, Destination) else ""


def _plain(sender: str) -> str:
    """A sender as it is compared: a number without + or 00 before it."""
    bare = sender.strip().removeprefix("+")
    return bare.removeprefix("00") if bare.isdecimal() else sender.strip()


def _has(request: Request, lane: Lane, fields: Mapping[str, Value]) -> bool:
    return all(_same(_field(request, lane, name), value) for name, value in fields.items())


def _field(request: Request, lane: Lane, name: str) -> Value:
    if name.startswith("x-"):
        raw = (request.echo or {}).get(name)
        value: Value = None if raw is None else _decode(raw)
        return value
    if name == "priority":
        return lane.name.lower()
    found: Value = getattr(request, name)
    return found


def _same(found: Value, wanted: Value) -> bool:
    """Whether two values are equal, where true is not 1."""
    return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)
