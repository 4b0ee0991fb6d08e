"""The `[link.NAME]` sections: what their keys mean to one another.

Notes mistakes with the `Reading` it is given; raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, get_args

from smppd.config.credentials import find_credential, too_long
from smppd.config.mistakes import Reading
from smppd.config.named import check_secret, how_to_name, named_sections, read_named
from smppd.config.orders import check_order
from smppd.config.rules import DEFAULT_PORT, Address, Problem, address, choice, host, nearest, whole
from smppd.config.sections import BindClass, LinkConfig, StatusClass
from smppd.config.text_keys import check_tlvs, read_ton_npi
from smppd.config.transport import check_transport
from smppd.smpp.fields import LONG_CREDENTIAL_SIZE
from smppd.smpp.vocabulary import CommandStatus

#: SMPP 3.4, 5.2.1: at most 16 octets with the final NUL.
SYSTEM_ID_LIMIT = 15

#: Of each pair, the first may not be longer than the second.
_ORDERED = (
    ("enquire_link_timeout", "enquire_link_interval"),
    ("reconnect_min", "reconnect_max"),
    ("retry_min", "retry_max"),
)
_DEFAULTS = {field.name: field.default for field in fields(LinkConfig)}
_CREDENTIALS = ("password_file", "tls_ca_file", "tls_cert_file", "tls_key_file")
_CODE = re.compile(r"0[xX][0-9A-Fa-f]{1,8}|[0-9]{1,10}")
_STATUSES = {name: int(code) for name, code in CommandStatus.__members__.items() if code}

_port = whole(1, 65_535)
#: The tables of statuses, and what may stand in each.
_CLASSES = {
    "status": choice(*get_args(StatusClass)),
    "bind_status": choice(*get_args(BindClass)),
}


def read_links(reading: Reading, table: object, *, required: bool = True) -> list[dict[str, Any]]:
    """The constructor's arguments of each link in the `link` table of a document; there must be
    one where it is `required`, because nothing else could send anything."""
    if table == {} and required:
        cure = f"{how_to_name('link')}, or an account, [http.NAME]"
        reading.refuse(f"no link is configured; {cure}", "link")
    sections = named_sections(reading, "link", table)
    links = [_read_link(reading, name, link) for name, link in sections.items()]
    _check_first(reading, links)
    _check_shared(reading, links)
    return links


def _read_link(reading: Reading, name: str, table: dict[str, Any]) -> dict[str, Any]:
    key = ("link", name)
    given = read_named(reading, key, table, "password")
    _check_credentials(reading, table, given, key)
    for order in _ORDERED:
        check_order(reading, (table, given, _DEFAULTS), key, order)
    hosts = _hosts(reading, table, key)
    check_transport(reading, given, hosts, key)
    check_tlvs(reading, given, key)
    _check_questions(reading, given, key)
    if given.get("schedule") == "smsc" and given.get("times") == "omit":
        reading.refuse(
            'is "smsc", and times = "omit" leaves the SMSC without the time; change one of them',
            *(*key, "schedule"),
        )
    _check_floor(reading, given, key)
    return {
        **given,
        "name": name,
        "hosts": hosts,
        **{each: _statuses(reading, table.get(each, {}), (*key, each)) for each in _CLASSES},
        "ton_npi": read_ton_npi(reading, table.get("ton_npi", {}), key),
    }


def _check_questions(reading: Reading, given: dict[str, Any], key: Sequence[str]) -> None:
    for name in ("query_sm", "cancel_sm"):
        if given.get(name) and given.get("bind") == "receiver":
            problem = "needs a link that may submit, and this one only receives; leave it out"
            reading.refuse(problem, *key, name)


def _check_first(reading: Reading, links: list[dict[str, Any]]) -> None:
    """The first link carries what names no other, so it must not be one that only receives."""
    receives = [link.get("bind") == "receiver" for link in links]
    if receives[:1] == [True] and not all(receives):
        reading.refuse(
            "only receives, and the first link carries the messages that name none;"
            " put a link that submits before it",
            *("link", links[0]["name"], "bind"),
        )


def _check_shared(reading: Reading, links: list[dict[str, Any]]) -> None:
    """One SMSC names messages in one way, over whichever link of an account."""
    first = dict[str, dict[str, Any]]()
    for link in links:
        account = link.get("smsc_account")
        other = first.setdefault(account, link) if account else link
        form, its = (each.get("message_id_form", "auto") for each in (link, other))
        if form != its:
            reading.refuse(
                f'is "{form}", and link {other["name"]} of the same smsc_account has "{its}";'
                " write the same in both",
                *("link", link["name"], "message_id_form"),
            )


def _hosts(reading: Reading, table: dict[str, Any], key: Sequence[str]) -> tuple[Address, ...]:
    port = reading.value(_port(table.get("port", DEFAULT_PORT)), *key, "port") or DEFAULT_PORT
    if "hosts" in table:
        if "host" in table:
            reading.refuse("stands beside host; keep one of the two", *key, "hosts")
        return _several_hosts(reading, table["hosts"], port, key)
    if "host" not in table:
        reading.refuse('is missing; write host = "smpp.example.net"', *key, "host")
        return ()
    return ((reading.value(host(table["host"]), *key, "host"), port),)


def _several_hosts(
    reading: Reading, given: object, port: int, key: Sequence[str]
) -> tuple[Address, ...]:
    if not isinstance(given, list) or not given:
        reading.refuse('is not a list; write hosts = ["a.example.net:2775", ...]', *key, "hosts")
        return ()
    found = [reading.value(address(port)(each), *key, "hosts") for each in given]
    if len(set(found) - {None}) < len([each for each in found if each]):
        reading.refuse("names an address twice; keep one of them", *key, "hosts")
    return tuple(found)


def _check_credentials(
    reading: Reading, table: dict[str, Any], given: dict[str, Any], key: Sequence[str]
) -> None:
    system_id = given.get("system_id", "")
    limit = LONG_CREDENTIAL_SIZE - 1 if given.get("long_credentials") else SYSTEM_ID_LIMIT
    if "system_id" not in table:
        reading.refuse(
            'is missing; write system_id = "...", the account\'s name', *key, "system_id"
        )
    elif len(system_id) > limit:
        reading.refuse(too_long(len(system_id), limit), *key, "system_id")
    check_secret(reading, table, key, "password")
    for name in _CREDENTIALS:
        find_credential(reading, name, table, given)


def _check_floor(reading: Reading, given: dict[str, Any], key: Sequence[str]) -> None:
    floor, rate = given.get("rate_floor", 0.0), given.get("rate", 0.0)
    if 0 < rate < floor:
        reading.refuse(
            f"is {floor:g} parts/s, more than rate with {rate:g}; lower it, or raise rate",
            *(*key, "rate_floor"),
        )


def _statuses(reading: Reading, given: object, key: Sequence[str]) -> dict[int, str]:
    """A table of statuses with their classes; the last word of its key says which."""
    found: dict[int, str] = {}
    for name, word in reading.table(given, *key).items():
        code = reading.value(_status_code(name), *key, name)
        status_class = reading.value(_CLASSES[key[-1]](word), *key, name)
        if code in found:
            reading.refuse("is the same status as another line; keep one", *key, name)
        elif code:
            found[code] = status_class
    return found


def _status_code(name: str) -> int | Problem:
    """A command_status by number or by the specification's name. 0 is success and no class."""
    if _CODE.fullmatch(name):
        code = int(name, 16 if name[:2] in ("0x", "0X") else 10)
        if 0 < code <= 0xFFFFFFFF:
            return code
    elif name in _STATUSES:
        return _STATUSES[name]
    near = nearest(name, _STATUSES)
    return Problem(
        f'is no command_status that can fail; write one like "0x401" or "ESME_RTHROTTLED"{near}'
    )
