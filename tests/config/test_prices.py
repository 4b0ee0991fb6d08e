"""`[prices]`: what a part costs, and what is said of each mistake."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from smppd.config import Config, Prices, parse

LINKS = """
[link.main]
host = "a"
system_id = "a"
password_file = "a"
[link.cheap]
host = "b"
system_id = "b"
password_file = "b"
[http.web]
url = "https://api.example.net"
user = "u"
password_file = "c"
"""
FILE = Path("/etc/smppd/smppd.toml")


def prices(text: str) -> Prices:
    found = parse((LINKS + text).encode(), FILE, {})
    assert isinstance(found, Config), [str(each) for each in found]
    return found.prices


def mistakes(text: str) -> dict[str, str]:
    found = parse((LINKS + text).encode(), FILE, {})
    assert isinstance(found, list), found
    return {mistake.key: mistake.problem for mistake in found}


def test_the_longest_prefix_wins_and_a_links_own_price_goes_before() -> None:
    found = prices(
        '[prices]\ncurrency = "EUR"\ndefault = 0.1\nES = "0.045"\n"346" = 0.042\n"+33" = 1\n'
        '[prices.via.cheap]\nES = 0.03\n[prices.via.web]\ndefault = "0.5"\n'
    )
    assert found.currency == "EUR"
    assert found.of("34910000001", 1) == Decimal("0.045")
    assert found.of("34600000001", 3, "main") == Decimal("0.126")
    assert found.of("33600000001", 2) == Decimal(2)
    assert found.of("4915112345678", 1) == Decimal("0.1")
    assert found.of("34600000001", 1, "cheap") == Decimal("0.03")
    assert found.of("33600000001", 1, "cheap") == Decimal(1)
    assert found.of("34600000001", 1, "web") == Decimal("0.5")


def test_without_prices_nothing_costs_anything_that_is_known() -> None:
    assert not prices("")
    assert prices("").of("34600000001", 1) is None
    assert prices("") == Prices()
    partly = prices('[prices]\ncurrency = "EUR"\nES = 0.04\n')
    assert partly
    assert partly != Prices()
    assert partly.of("33600000001", 1) is None


def test_a_million_messages_add_up_to_the_last_decimal() -> None:
    found = prices('[prices]\ncurrency = "EUR"\nES = 0.000000001\n"33" = 0.1\n')
    one, other = found.price("34600000001"), found.price("33600000001")
    assert one is not None
    assert other is not None
    assert sum([one, other] * 500_000) == Decimal("50000.0005")


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes(
        '[prices]\ncurrency = "a currency far too long"\ndefault = -1\nes = 0.1\nSpain = 0.1\n'
        '"34" = 0.1\nES = 0.1\nFR = true\nDE = "cheap"\nIT = 1e-12\n"49" = 0.1\n"+49" = 0.2\n'
        "PT = [1]\n[prices.via.mian]\nES = 0.1\n[prices.via.main]\nXX = 0.1\n"
    )
    assert "12" in found["prices.currency"]
    assert found["prices.default"].startswith("-1 is not a price; write")
    assert found["prices.es"] == "is not a country's code; write ES"
    assert "ES" in found["prices.Spain"]
    assert found["prices.ES"].startswith("is the price of prices.34, too: both are all of Spain")
    assert {"prices.FR", "prices.DE", "prices.IT", "prices.PT"} <= found.keys()
    assert "stands twice" in found['prices."+49"']
    assert found["prices.via.mian"].endswith('; did you mean "main"?')
    assert found["prices.via.main.XX"].startswith("is neither a country nor a prefix")
    assert len(found) == 12


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("prices = 1\n", "prices"),
        ("[prices]\nES = 0.1\n", "prices.currency"),
        ("[prices]\ncurrency = 3\n", "prices.currency"),
        ('[prices]\ncurrency = ""\nES = 0.1\n', "prices.currency"),
        ('[prices]\ncurrency = "EUR"\nvia = 3\n', "prices.via"),
        ('[prices]\ncurrency = "EUR"\n[prices.via]\nmain = 3\n', "prices.via.main"),
    ],
)
def test_each_mistake_names_its_key(text: str, key: str) -> None:
    found = parse((text + LINKS if text.startswith("prices") else LINKS + text).encode(), FILE, {})
    assert isinstance(found, list), found
    assert [each.key for each in found] == [key]


def test_a_country_and_its_code_may_both_stand_where_others_share_it() -> None:
    found = prices('[prices]\ncurrency = "USD"\n"1" = 0.01\nCA = 0.02\n')
    assert found.of("12125550100", 1) == Decimal("0.01")
    assert found.of("14165550100", 1) == Decimal("0.02")
