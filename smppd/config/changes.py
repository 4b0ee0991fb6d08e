"""What differs between two configurations, key by key, and which of it wants a restart.

Pure, and raises nothing: what cannot be taken over by a running daemon is a `Mistake` like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from smppd.config.mistakes import Mistake, dotted
from smppd.config.sections import Config, LinkConfig

#: What stands for a section or key that is not there.
_NOTHING = object()
#: Keys and sections (those that end in a dot with all their keys) that a running daemon takes over.
_LIVE = (
    "link",
    "link.",
    "link (order)",
    "http.",
    "http (order)",
    "contacts.",
    "contacts (order)",
    "webhook.",
    "hook.",
    "events.",
    "retention.done",
    "retention.receipts",
    "retention.events",
    "retention.received",
    "retention.journal",
    "retention.done_size",
    "retention.receipts_size",
    "retention.events_size",
    "spool.dedupe_window",
    "routing.",
    "routing.route (order)",
    "quiet",
    "policy.",
    "optout.",
    "prices",
    "reports.",
    "spool.default_country",
    "spool.min_free",
    "observe.log_level",
    "journal.api_history",
)

#: Fields that hold several sections, each with a name, and what these are called in the file.
_NAMED: Mapping[str, str] = MappingProxyType(
    {
        "links": "link",
        "http": "http",
        "contacts": "contacts",
        "webhooks": "webhook",
        "hooks": "hook",
    }
)
_BOUND_WITH = (
    "hosts",
    "system_id",
    "system_type",
    "interface_version",
    "long_credentials",
    "bind",
    "sessions",
    "local_address",
    "tls",
    "tls_ca_file",
    "tls_cert_file",
    "tls_key_file",
    "tls_server_name",
    "tls_verify",
    "first_sequence_number",
    "max_pdu_length",
)
#: Why a change is refused, and the cure.
RESTART = "cannot change while smppd runs; put it back, or have it so with: systemctl restart smppd"


class Change(NamedTuple):
    """One key, or a whole section, that differs; None for what is not there."""

    key: str
    old: object = None
    new: object = None

    def __str__(self) -> str:
        if self.new is True and self.old is None:
            return f"{self.key} added"
        if self.old is True and self.new is None:
            return f"{self.key} removed"
        if _plain(self.old) and _plain(self.new):
            return f"{self.key} {_written(self.old)} -> {_written(self.new)}"
        return f"{self.key} changed"


def bound_anew_for(old: LinkConfig, new: LinkConfig) -> list[str]:
    """The keys of a link that differ and are said in a bind, or settle how many sessions there are: for
    these it is bound anew, where all others change under its sessions."""
    return [key for key in _BOUND_WITH if getattr(old, key) != getattr(new, key)]


def changes_between(old: Config, new: Config) -> list[Change]:
    """Every key that differs, in the order of the file; a section that comes or goes is one of them."""
    before, after = _flat(old), _flat(new)
    found: list[Change] = []
    for section in dict.fromkeys([*before, *after]):
        was, becomes = before.get(section), after.get(section)
        if was is None or becomes is None:
            found.append(Change(section, was is not None or None, becomes is not None or None))
            continue
        for key in dict.fromkeys([*was, *becomes]):
            one, other = was.get(key, _NOTHING), becomes.get(key, _NOTHING)
            if one != other:
                found.append(Change(f"{section}.{key}" if key else section, one, other))
    if old.chat == new.chat and old.chat_account != new.chat_account:
        found.append(Change("chat.account", old.chat_account, new.chat_account))
    return [*found, *_reordered(old, new)]


def _reordered(old: Config, new: Config) -> Iterator[Change]:
    """Of some the order says something, too: which is the default, which comes first."""
    for key, before, after in (
        ("link", old.links, new.links),
        ("http", old.http, new.http),
        ("contacts", old.contacts, new.contacts),
        ("routing.route", old.routing.routes, new.routing.routes),
    ):
        names, others = ([each.name for each in some] for some in (before, after))
        if [name for name in names if name in others] != [n for n in others if n in names]:
            yield Change(f"{key} (order)", tuple(names), tuple(others))


def refusals(changes: list[Change], new: Config) -> list[Mistake]:
    """Those of these that a running daemon cannot take over; `new` is what they lead to."""
    return [Mistake(each.key, RESTART, new.file) for each in changes if not _is_live(each.key)]


def _is_live(key: str) -> bool:
    return any(key.startswith(live) if live.endswith(".") else key == live for live in _LIVE)


def _flat(config: Config) -> Mapping[str, Mapping[str, object]]:
    """The keys of each section by its name; what is compared as a whole has one, without a name."""
    found: dict[str, Mapping[str, object]] = {}
    for field in fields(Config):
        value = getattr(config, field.name)
        if field.name == "file":
            continue
        if field.name in _NAMED:
            for each in value:
                found[dotted(_NAMED[field.name], each.name)] = dict(_keys(each))
        elif field.name == "routing":
            for route in value.routes:
                found[dotted("routing", "route", route.name)] = dict(_keys(route))
        elif field.name in ("chat", "quiet", "prices"):
            found[field.name] = {"": value}
        else:
            found[field.name] = dict(_keys(value))
    return found


def _keys(section: Any) -> Iterator[tuple[str, object]]:
    for field in fields(section):
        if field.name != "name" and field.compare:
            yield field.name.rstrip("_"), getattr(section, field.name)


def _plain(value: object) -> bool:
    return isinstance(value, str | int | float | Path)


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str | Path) else f"{value:g}"
