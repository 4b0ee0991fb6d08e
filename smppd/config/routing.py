"""The `[routing]` section: routes over several links, and what their keys mean to one another.

Notes mistakes with the `Reading` it is given; raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from smppd.config.mistakes import Reading, unknown
from smppd.config.rules import Problem, nearest, quoted, sender, shown
from smppd.config.sections import ROUTE_KEYS, LinkConfig, RouteConfig, failover_after
from smppd.config.terms import TextTerms

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_PREFIX = re.compile(r"\+?[0-9]{1,15}")
#: Fields of a message that a route may ask for, beside the client's own `x-…`.
MATCHABLE = ("priority", "encoding", "flash", "receipt", "on_unknown")
#: A message is made once, for whichever link of its route carries it: what shapes it must agree.
_AGREED = (*TextTerms.__dataclass_fields__, "default_country", "on_unknown", "schedule")
_DEFAULTS = {field.name: field.default for field in fields(LinkConfig)}
_LIST = ("to", "from", "links", "weights")

_HOW = 'write [[routing.route]] on a line of its own, and below it name = "..." and links = [...]'


def read_routes(
    reading: Reading, table: dict[str, Any], links: Sequence[dict[str, Any]]
) -> list[RouteConfig]:
    """The routes of a document's `routing` table; `links` are the arguments of its links."""
    found = table.get("route", [])
    for key in table:
        if key != "route":
            reading.refuse(unknown(key, ("route",)), "routing", key)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        reading.refuse(f"is not a list of routes; {_HOW}", "routing", "route")
        return []
    before = len(reading.mistakes)
    routes = [_read_route(reading, number, each, links) for number, each in enumerate(found, 1)]
    if len(reading.mistakes) > before:
        return []
    _check_order(reading, routes)
    return routes


def _read_route(
    reading: Reading, number: int, table: dict[str, Any], links: Sequence[dict[str, Any]]
) -> RouteConfig:
    name = table.get("name")
    named = isinstance(name, str) and bool(_NAME.fullmatch(name))
    key = ("routing", "route", str(name) if named else str(number))
    if "name" not in table:
        reading.refuse('is missing; write name = "spain", or what you call it', *key, "name")
    elif not named:
        reading.refuse(
            f"{shown(name)} is no name for a route; use up to 32 letters, digits, - and _",
            *(*key, "name"),
        )
    given: dict[str, Any] = {"name": str(name)}
    for each, value in table.items():
        if each == "name":
            continue
        if each not in ROUTE_KEYS:
            reading.refuse(unknown(each, ROUTE_KEYS), *key, each)
        elif each in _LIST and not isinstance(value, list):
            reading.refuse(f"is not a list; write {each} = [{shown(value)}]", *key, each)
            given.update({each: ()} if each == "links" else {})
        elif each == "failover_after":
            given[each] = reading.value(failover_after(value), *key, each) or 0.0
        else:
            given[f"{each}_" if each == "from" else each] = value
    _check_links(reading, given, links, key)
    _check_weights(reading, given, key)
    _check_conditions(reading, given, key)
    return RouteConfig(**given)


# ── the links of a route ─────────────────────────────────────────────────────────────────────


def _check_links(
    reading: Reading, given: dict[str, Any], links: Sequence[dict[str, Any]], key: Sequence[str]
) -> None:
    configured = {link["name"]: link for link in links}
    names = given.get("links", [])
    given["links"] = tuple(str(name) for name in names)
    if names == []:
        reading.refuse("is missing; write links = [...], the best one first", *key, "links")
    for name in dict.fromkeys(given["links"]):
        if given["links"].count(name) > 1:
            reading.refuse(f"names {quoted(name)} twice; keep one of them", *key, "links")
        if name not in configured:
            near = nearest(name, configured)
            reading.refuse(
                f"there is no link {quoted(name)}; write names of [link.NAME]{near}", *key, "links"
            )
        elif configured[name].get("bind") == "receiver":
            reading.refuse(
                f"link {quoted(name)} only receives; name links that submit", *key, "links"
            )
    _check_terms(reading, [configured[name] for name in names if name in configured], key)


def _check_terms(reading: Reading, links: Sequence[dict[str, Any]], key: Sequence[str]) -> None:
    """A message is encoded once, so the links that may carry it must agree on how."""
    for other in links[1:]:
        differing = [term for term in _AGREED if _term(links[0], term) != _term(other, term)]
        if differing:
            reading.refuse(
                f"links {quoted(links[0]['name'])} and {quoted(other['name'])} differ in "
                f"{', '.join(differing)}, and a message is made once for whichever carries it;"
                " make those keys the same, or use two routes",
                *(*key, "links"),
            )


def _term(link: dict[str, Any], term: str) -> object:
    value = link.get(term, _DEFAULTS[term])
    return value and link.get("interface_version") != "3.3" if term == "tlvs" else value


def _check_weights(reading: Reading, given: dict[str, Any], key: Sequence[str]) -> None:
    weights = given.get("weights", [])
    given["weights"] = tuple(weights)
    wrong = [each for each in weights if type(each) is not int or not 1 <= each <= 1000]
    if wrong:
        reading.refuse(
            f"{shown(wrong[0])} is no weight; write whole numbers from 1 to 1000", *key, "weights"
        )
    elif "weights" in given and weights and len(weights) != len(given["links"]):
        reading.refuse(
            f"has {len(weights)} for {len(given['links'])} links; write one for each, or none",
            *(*key, "weights"),
        )


# ── what a route takes ───────────────────────────────────────────────────────────────────────


def _check_conditions(reading: Reading, given: dict[str, Any], key: Sequence[str]) -> None:
    prefixes, senders = given.get("to", []), given.get("from_", [])
    for prefix in prefixes:
        if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
            reading.refuse(
                f"{shown(prefix)} is no prefix; write the digits that numbers begin with, country"
                ' code first, in quotes: "34" or "+346"',
                *(*key, "to"),
            )
    for each in senders:
        problem = sender(each)
        if isinstance(problem, Problem):
            reading.refuse(problem.why, *key, "from")
    for name, argument in (("to", "to"), ("from", "from_")):
        if given.get(argument) == []:
            reading.refuse("is empty; leave it out to take everything", *key, name)
    given["to"] = tuple(str(prefix).removeprefix("+") for prefix in prefixes)
    given["from_"] = tuple(str(each) for each in senders)
    given["fields"] = _fields(reading, given.get("fields", {}), key)


def _fields(reading: Reading, given: object, key: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in reading.table(given, *key, "fields").items():
        if not name.startswith("x-") and name not in MATCHABLE:
            reading.refuse(
                "is no field that a route can ask for; there are: "
                f"{', '.join(MATCHABLE)} and your own x-…{nearest(name, MATCHABLE)}",
                *(*key, "fields", name),
            )
        elif not isinstance(value, str | bool | int | float):
            reading.refuse(
                f"{shown(value)} is nothing to compare with; write a text, a number, true or false",
                *(*key, "fields", name),
            )
        else:
            found[name] = value
    return found


def _check_order(reading: Reading, routes: Sequence[RouteConfig]) -> None:
    """Names are used once, and no route stands behind one that takes everything."""
    names: set[str] = set()
    takes_all = ""
    for route in routes:
        if route.name in names:
            reading.refuse(
                "is the name of two routes; rename one", "routing", "route", route.name, "name"
            )
        names.add(route.name)
        if takes_all:
            reading.refuse(
                f"is never reached, because route {takes_all} before it takes everything;"
                " put it before that one",
                *("routing", "route", route.name),
            )
        elif not (route.to or route.from_ or route.fields):
            takes_all = route.name
