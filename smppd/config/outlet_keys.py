"""What the keys of `[webhook.NAME]` and `[hook.NAME]` mean to one another.

Notes mistakes with the `Reading` it is given; raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from smppd.config.credentials import find_credential
from smppd.config.mistakes import Reading
from smppd.config.named import check_secret, named_sections, read_named
from smppd.config.orders import check_order
from smppd.config.outlets import HookConfig, WebhookConfig
from smppd.config.web import check_plain_http


class Outlets(NamedTuple):
    """The constructor's arguments of each webhook and hook."""

    webhooks: list[dict[str, Any]]
    hooks: list[dict[str, Any]]


def read_outlets(reading: Reading, document: dict[str, Any]) -> Outlets:
    """What the document says of where events go."""
    sections = named_sections(reading, "webhook", document.get("webhook", {}))
    webhooks = [_read_webhook(reading, name, each) for name, each in sections.items()]
    sections = named_sections(reading, "hook", document.get("hook", {}))
    hooks = [_read_hook(reading, name, each) for name, each in sections.items()]
    taken = {each["name"] for each in webhooks}
    for each in hooks:
        if each["name"] in taken:
            why = f"is the name of [webhook.{each['name']}], too; rename one of them"
            reading.refuse(why, "hook", each["name"])
    return Outlets(webhooks, hooks)


def _read_webhook(reading: Reading, name: str, table: dict[str, Any]) -> dict[str, Any]:
    key = ("webhook", name)
    given = read_named(reading, key, table, "secret")
    check_secret(reading, table, key, "secret")
    for each in ("secret_file", "tls_ca_file"):
        find_credential(reading, each, table, given)
    if "url" not in table:
        reading.refuse('is missing; write url = "https://...", where events go', *key, "url")
    if "url" in given:
        check_plain_http(reading, given, key, "the events")
    _check_delays(reading, WebhookConfig, (table, given), key)
    return {**given, "name": name}


def _read_hook(reading: Reading, name: str, table: dict[str, Any]) -> dict[str, Any]:
    key = ("hook", name)
    given = read_named(reading, key, table, "")
    if "command" not in table:
        cure = 'write command = ["/usr/local/bin/on-event"]'
        reading.refuse(f"is missing; {cure}", *key, "command")
    _check_delays(reading, HookConfig, (table, given), key)
    return {**given, "name": name}


def _check_delays(
    reading: Reading,
    section: type[WebhookConfig | HookConfig],
    found: tuple[Mapping[str, Any], Mapping[str, Any]],
    key: tuple[str, str],
) -> None:
    defaults = {each.name: each.default for each in fields(section)}
    check_order(reading, (*found, defaults), key, ("retry_min", "retry_max"))
