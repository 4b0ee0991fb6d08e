"""Which route takes a message: the first of the configuration whose conditions it meets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from smppd.address import Destination, normalise_destination
from smppd.config import LinkConfig, RouteConfig
from smppd.message import ErrorInfo, Lane, Request

_decode = msgspec.json.Decoder().decode

#: What a route's condition on a field is compared with.
Value = str | bool | int | float | None


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
    """Where a message waits and on whose terms it is made: the link that it names with `via`,
    else the first route that takes it, else the first link."""

    def __init__(
        self, links: Mapping[str, LinkConfig], routes: Sequence[RouteConfig], default_country: str
    ) -> None:
        self._links = links
        self.default = next(iter(links))
        countries = {name: each.default_country or default_country for name, each in links.items()}
        self._router = Router(routes, countries) if routes else None

    def choose(self, request: Request, to: str, lane: Lane) -> tuple[str, LinkConfig] | ErrorInfo:
        """The pool of the message, and the link; why its `via` cannot be."""
        via = request.via
        if via is not None:
            link = self._links.get(via)
            if link is None or link.bind == "receiver":
                return self._no_way(via, known=link is not None)
            return via, link
        route = self._router.choose(request, to, lane) if self._router else None
        if route is None:
            return self.default, self._links[self.default]
        return route.pool, self._links[route.links[0]]

    def _no_way(self, via: str, *, known: bool) -> ErrorInfo:
        names = [name for name, link in self._links.items() if link.bind != "receiver"]
        why = f'link "{via}" only receives' if known else f'there is no link called "{via}"'
        others = f"use one of: {', '.join(sorted(names))}" if names else "no link submits"
        return ErrorInfo("BAD_VIA", None, f"via: {why}; {others}")


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
