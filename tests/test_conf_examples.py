"""The examples in `conf/`: each loads, and the commented one shows every key and its default."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest

from smppd.config import (
    ChatChannel,
    ChatConfig,
    Config,
    ContactsConfig,
    EventsConfig,
    HookConfig,
    HttpConfig,
    JournalConfig,
    LinkConfig,
    ObserveConfig,
    OptOutConfig,
    ReportsConfig,
    RetentionConfig,
    RoutingConfig,
    SmstoolsConfig,
    SpoolConfig,
    WebhookConfig,
    load,
    parse,
)
from smppd.config.sections import KEYS

CONF = Path(__file__).parents[1] / "conf"
EXAMPLES = sorted(CONF.glob("*.toml"))
FULL = CONF / "smppd.toml"

#: Keys that exclude one shown, or have no default, so that they stand in a comment.
ALTERNATIVES = {
    "link": {"hosts", "password_env", "tls_ca_file", "tls_cert_file", "tls_key_file"},
    "http": {"password_env", "tls_ca_file"},
    "contacts": {"token_env", "tls_ca_file"},
    "prices": {"default", "via"},
    "webhook": {"secret_env", "tls_ca_file"},
}


def loaded(path: Path, content: str | None = None) -> Config:
    found = load(path, {}) if content is None else parse(content.encode(), path, {})
    assert isinstance(found, Config), [str(mistake) for mistake in found]
    return found


def uncommented(*, accounts: bool = False) -> str:
    """The full example with its defaults written out; with what is for the HTTP APIs, or without
    its sections, which need more than they show by default."""
    text, _, rest = FULL.read_text().partition("#[http.afilnet]")
    return re.sub(r"(?m)^#(?=[a-z[])", "", text + ("#[http.afilnet]" + rest if accounts else ""))


def test_there_are_examples() -> None:
    names = {path.name for path in EXAMPLES}
    assert names >= {
        "smppd.toml",
        "minimal.toml",
        "bulk.toml",
        "otp.toml",
        "two-links.toml",
        "routing.toml",
        "api.toml",
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_loads_without_a_mistake(path: Path) -> None:
    assert loaded(path).links


def test_the_full_example_shows_every_key() -> None:
    document = tomllib.loads(uncommented(accounts=True))
    for kind, name in (
        ("link", "main"),
        ("http", "afilnet"),
        ("contacts", "book"),
        ("webhook", "shop"),
        ("hook", "crm"),
    ):
        document[kind] = document[kind][name]
    document["quiet"] = document["quiet"][0]
    shown = {section: set(table) for section, table in document.items()}
    for section, keys in ALTERNATIVES.items():
        shown[section] |= {key for key in keys if re.search(rf"\b{key}( = |\.)", FULL.read_text())}
    assert shown == {section: set(keys) for section, keys in KEYS.items()}


def test_the_full_example_shows_the_defaults() -> None:
    found = loaded(FULL, uncommented())
    assert found == loaded(FULL)
    assert (found.spool, found.journal) == (SpoolConfig(), JournalConfig())
    assert (found.observe, found.routing) == (ObserveConfig(), RoutingConfig())
    assert found.retention == RetentionConfig()
    assert found.optout == OptOutConfig()
    assert found.smstools == SmstoolsConfig()
    assert found.reports == ReportsConfig()
    account = {"name", "hosts", "system_id", "password_file"}
    given = {key: getattr(found.links[0], key) for key in account}
    assert found.links[0] == LinkConfig(**given)


def test_the_accounts_in_the_full_example_show_the_defaults() -> None:
    found = loaded(FULL, uncommented(accounts=True))
    (http,), (contacts,) = found.http, found.contacts
    secret, token = http.password_file, contacts.token_file
    assert http == HttpConfig(name="afilnet", user="me@example.net", password_file=secret)
    url = "https://api.example.net"
    assert contacts == ContactsConfig(name="book", url=url, token_file=token)
    assert found.chat == ChatConfig(channels=(ChatChannel("whatsapp", "100"),))


def test_the_outlets_in_the_full_example_show_the_defaults() -> None:
    found = loaded(FULL, uncommented(accounts=True))
    (webhook,), (hook,) = found.webhooks, found.hooks
    assert found.events == EventsConfig()
    url, secret = "https://shop.example.net/sms-events", webhook.secret_file
    assert webhook == WebhookConfig(name="shop", url=url, secret_file=secret)
    assert hook == HookConfig(name="crm", command=("/usr/local/bin/on-sms-event",))


def test_the_word_in_the_full_example_is_right() -> None:
    text = uncommented(accounts=True).replace("# DELIVERED = ", "DELIVERED = ")
    assert loaded(FULL, text).http[0].delivery_status == {"delivered": "delivered"}


def test_the_statuses_in_the_full_example_are_right() -> None:
    written_out = re.sub(r"(?m)^# (?=0x|ESME_)", "", FULL.read_text())
    assert loaded(FULL, written_out).links[0].status == {0x401: "operator", 0x45: "permanent"}


def test_examples_name_no_password() -> None:
    for path in EXAMPLES:
        assert not re.search(r"(?m)^#?password\s*=", path.read_text()), path.name


def test_two_links_are_in_order() -> None:
    assert [link.name for link in loaded(CONF / "two-links.toml").links] == ["main", "backup"]


def test_the_route_in_the_full_example_is_right() -> None:
    head, start, route_and_rest = FULL.read_text().partition("# [[routing.route]]")
    example, end, rest = route_and_rest.partition("\n\n")
    example = re.sub(r"(?m)^# (weights.*\n)?", "", start + example)
    written_out = head.replace("#route = []", "") + example + end + rest
    backup = '[link.backup]\nhost = "b"\nsystem_id = "b"\npassword_file = "b"\n'
    (route,) = loaded(FULL, written_out + backup).routing.routes
    assert (route.name, route.links, route.failover_after) == ("spain", ("main", "backup"), 10.0)
    assert (route.to, route.from_) == (("34",), ("ACME",))
    assert route.fields == {"x-campaign": "spring"}


def test_the_prices_in_the_full_example_are_right() -> None:
    written = '(?m)^# (?=(currency|default|ES|"346") = |\\[prices)'
    found = loaded(FULL, re.sub(written, "", FULL.read_text())).prices
    assert found.currency == "EUR"
    assert found.of("34600000001", 2) == Decimal("0.084")
    assert found.of("34910000001", 1) == Decimal("0.045")
    assert found.of("34910000001", 1, "main") == Decimal("0.04")
    assert found.of("33600000001", 1) == Decimal("0.08")


def test_the_routes_of_the_example_are_in_order() -> None:
    routes = loaded(CONF / "routing.toml").routing.routes
    assert [route.name for route in routes] == ["newsletter", "spain", "alerts", "elsewhere"]
    assert routes[0].weights == (3, 1)


def test_every_example_but_the_full_one_changes_something() -> None:
    for path in EXAMPLES:
        if path != FULL and path.name != "minimal.toml":
            link = loaded(path).links[0]
            changed = [each for each in fields(link) if getattr(link, each.name) != each.default]
            assert len(changed) > 5, path.name


def test_the_accounts_of_the_example() -> None:
    found = loaded(CONF / "api.toml")
    assert [each.name for each in found.http] == ["marketing", "alerts"]
    assert (found.links[0].fallback_via, found.links[0].fallback_after) == ("alerts", 120.0)
    assert found.http[1].delivery_status == {"delivered": "delivered", "failed": "undelivered"}
    assert [each.name for each in found.contacts] == ["book"]
    assert found.chat is not None
    assert (found.chat.account, len(found.chat.channels)) == ("marketing", 2)
