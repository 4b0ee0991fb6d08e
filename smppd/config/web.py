"""The sections of what goes over HTTP: what their keys mean to one another and to the links.

`[http.NAME]`, `[contacts.NAME]`, `[chat]`, and the keys of a link that name an account. Notes
mistakes with the `Reading` it is given; raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple, get_args

from smppd.config.accounts import (
    AccountConfig,
    ChatChannel,
    ContactsConfig,
    HttpConfig,
    Kind,
    StatusWord,
    plain_word,
)
from smppd.config.credentials import find_credential
from smppd.config.mistakes import Reading, unknown
from smppd.config.named import check_secret, named_sections, read_named
from smppd.config.orders import check_order
from smppd.config.rules import choice, nearest, quoted
from smppd.config.sections import LinkConfig
from smppd.config.web_rules import place, provider_id

_SECTIONS: Mapping[Kind, type[AccountConfig]] = {"http": HttpConfig, "contacts": ContactsConfig}
_LINK_DEFAULTS = {each.name: each.default for each in fields(LinkConfig)}
_PLATFORMS = ("webchat", "whatsapp", "telegram", "operator")
_CHANNEL_KEYS = ("platform", "platformid")
_platform = choice(*_PLATFORMS)
_meaning = choice(*get_args(StatusWord))
_AFTER = "fallback_after"
_HOW = 'write [[chat.channel]], and below it platform = "whatsapp" and platformid = "100"'


class Accounts(NamedTuple):
    """The constructor's arguments of each account, and of `[chat]`, if there is one."""

    http: list[dict[str, Any]]
    contacts: list[dict[str, Any]]
    chat: dict[str, Any] | None


def read_accounts(
    reading: Reading, document: dict[str, Any], links: Sequence[dict[str, Any]]
) -> Accounts:
    """What the document says of accounts; what a link says of them is completed in `links`."""
    http = _read_kind(reading, "http", document.get("http", {}))
    contacts = _read_kind(reading, "contacts", document.get("contacts", {}))
    _check_names(reading, [("link", links), ("http", http), ("contacts", contacts)])
    chat = _read_chat(reading, document["chat"], http) if "chat" in document else None
    for link in links:
        _check_fallback(reading, link, http)
        _check_status_via(reading, link, http)
    return Accounts(http, contacts, chat)


def _read_kind(reading: Reading, kind: Kind, table: object) -> list[dict[str, Any]]:
    sections = named_sections(reading, kind, table)
    return [_read_account(reading, kind, name, each) for name, each in sections.items()]


def _read_account(reading: Reading, kind: Kind, name: str, table: dict[str, Any]) -> dict[str, Any]:
    key, section = (kind, name), _SECTIONS[kind]
    given = read_named(reading, key, table, section.credential)
    check_secret(reading, table, key, section.credential)
    for each in (f"{section.credential}_file", "tls_ca_file"):
        find_credential(reading, each, table, given)
    defaults = {each.name: each.default for each in fields(section)}
    check_order(reading, (table, given, defaults), key, ("retry_min", "retry_max"))
    if kind == "http":
        _check_user(reading, table, given, key)
        given["delivery_status"] = _meanings(
            reading, table.get("delivery_status", {}), (*key, "delivery_status")
        )
    elif "url" not in table:
        reading.refuse('is missing; write url = "https://...", as the provider says', *key, "url")
    check_plain_http(reading, {"url": defaults["url"], **given}, key)
    return {**given, "name": name}


def _check_user(
    reading: Reading, table: Mapping[str, Any], given: Mapping[str, Any], key: Sequence[str]
) -> None:
    if "user" not in table:
        reading.refuse('is missing; write user = "...", the account\'s name', *key, "user")
    elif given.get("auth") == "basic" and ":" in given.get("user", ""):
        reading.refuse(
            'has a colon in it, which HTTP Basic cannot carry; write auth = "form"', *key, "user"
        )


def check_plain_http(
    reading: Reading, given: Mapping[str, Any], key: Sequence[str], what: str = "the credentials"
) -> None:
    """Nothing goes in clear over a network, unless that was asked for."""
    where = place(given["url"])
    if where.scheme != "http":
        return
    if not where.is_local and not given.get("insecure_http"):
        reading.refuse(
            f"begins with http://, so everybody on the way could read {what}; write"
            " https://, or insecure_http = true if that is what you want",
            *(*key, "url"),
        )
    if given.get("tls_ca_file") is not None:
        reading.refuse("does nothing for a URL with http://; take it out", *key, "tls_ca_file")


def _meanings(reading: Reading, given: object, key: Sequence[str]) -> dict[str, str]:
    """What the provider's words mean, by the plain word."""
    found: dict[str, str] = {}
    for word, meaning in reading.table(given, *key).items():
        kept = reading.value(_meaning(meaning), *key, word)
        plain = plain_word(word)
        if not plain:
            reading.refuse("is no word; write one as the provider does", *key, word)
        elif plain in found:
            reading.refuse("stands there twice (case does not count); keep one", *key, word)
        elif kept:
            found[plain] = kept
    return found


def _check_names(
    reading: Reading, kinds: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]
) -> None:
    """`via` takes any of them, so no two share a name."""
    taken: dict[str, str] = {}
    for kind, sections in kinds:
        for each in sections:
            other = taken.setdefault(each["name"], kind)
            if other != kind:
                reading.refuse(
                    f"is the name of [{other}.{each['name']}], too, and `via` could mean either;"
                    " rename one of them",
                    *(kind, each["name"]),
                )


# ── what names an account ────────────────────────────────────────────────────────────────────


def _check_account(
    reading: Reading, name: str | None, http: Sequence[Mapping[str, Any]], *key: str
) -> None:
    """A name that is given must be that of an `[http.NAME]`."""
    known = [each["name"] for each in http]
    if not name or name in known:
        return
    there = f"write names of [http.NAME]{nearest(name, known)}" if known else "there is none yet"
    reading.refuse(f"there is no account {quoted(name)}; {there}", *key)


def _check_status_via(
    reading: Reading, link: dict[str, Any], http: Sequence[Mapping[str, Any]]
) -> None:
    key, name = ("link", str(link["name"]), "status_via"), link.get("status_via")
    _check_account(reading, name, http, *key)
    account = next((each for each in http if name and each["name"] == name), None)
    if account is not None and not account.get("status_after"):
        cure = f"set status_after in [http.{name}]"
        reading.refuse(f"does nothing, because that account is never asked; {cure}", *key)
    if name and link.get("query_sm"):
        why = "and query_sm ask the same of two; take one of them out"
        reading.refuse(why, *key)


def _check_fallback(
    reading: Reading, link: dict[str, Any], http: Sequence[Mapping[str, Any]]
) -> None:
    key, name = ("link", str(link["name"])), link.get("fallback_via")
    _check_account(reading, name, http, *key, "fallback_via")
    if not link.get("fallback_after"):
        for each in ("fallback_via", "fallback_priorities"):
            if link.get(each, _LINK_DEFAULTS[each]) != _LINK_DEFAULTS[each]:
                reading.refuse(
                    "does nothing without fallback_after; set that, or take this out", *key, each
                )
        return
    if link.get("bind") == "receiver":
        reading.refuse("has nothing to do where a link only receives; take it out", *key, _AFTER)
        return
    if not http:
        reading.refuse("needs an account to fall back to; add [http.NAME]", *key, _AFTER)
        return
    accounts = {each["name"]: each for each in http}
    link["fallback_via"] = name = name or next(iter(accounts))
    if name in accounts and not link.get("from_") and not accounts[name].get("from_"):
        reading.refuse(
            f"is missing, and account {quoted(name)}, to which this link falls back, needs a"
            f" sender for messages that name none; write from here or in [http.{name}]",
            *(*key, "from"),
        )


# ── chat ─────────────────────────────────────────────────────────────────────────────────────


def _read_chat(
    reading: Reading, table: object, http: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    section = reading.table(table, "chat")
    given = reading.fields("chat", section, "chat")
    _check_account(reading, given.get("account"), http, "chat", "account")
    if not http:
        reading.refuse("needs an account to fetch over; add [http.NAME]", "chat")
    channels = section.get("channel", [])
    if not isinstance(channels, list) or not all(isinstance(each, dict) for each in channels):
        reading.refuse(f"is not a list of channels; {_HOW}", "chat", "channel")
        return given
    if not channels:
        reading.refuse(f"is missing; {_HOW}", "chat", "channel")
    found = [_read_channel(reading, number, each) for number, each in enumerate(channels, 1)]
    for number, each in enumerate(found, 1):
        if each is not None and each in found[: number - 1]:
            first = found.index(each) + 1
            why = f"is the same as chat.channel.{first}; keep one of them"
            reading.refuse(why, "chat", "channel", str(number))
    return {**given, "channels": tuple(each for each in found if each)}


def _read_channel(reading: Reading, number: int, table: dict[str, Any]) -> ChatChannel | None:
    key, before = ("chat", "channel", str(number)), len(reading.mistakes)
    for name in table:
        if name not in _CHANNEL_KEYS:
            reading.refuse(unknown(name, _CHANNEL_KEYS), *key, name)
    for name in _CHANNEL_KEYS:
        if name not in table:
            reading.refuse(f"is missing; {_HOW}", *key, name)
    platform = reading.value(_platform(table.get("platform", "webchat")), *key, "platform")
    platformid = reading.value(provider_id(table.get("platformid", 0)), *key, "platformid")
    return ChatChannel(platform, platformid) if len(reading.mistakes) == before else None
