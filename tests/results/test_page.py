"""The page of a report: whole HTML that needs nothing else, and escapes what people wrote."""

from __future__ import annotations

from decimal import Decimal
from html.parser import HTMLParser

import pytest

from smppd.config import Prices
from smppd.message import ErrorInfo
from smppd.results.charts import duration, money, share_of
from smppd.results.page import FEWEST_MESSAGES, render_page, wants_page
from smppd.results.tally import Tally
from smppd.results.totals import Heading, Totals
from tests.results.test_totals import HEADING, PRICES, line, rejected

#: Elements that have no end tag.
_VOID = {"meta", "br", "hr", "img", "link", "input"}
HOSTILE = [
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "</style><style>*{display:none}",
    "\u202egnp.lmth\x00\x07",
    "half \ud83d of a pair",
    "x" * 5000,
]


class Outline(HTMLParser):
    """Holds that every element is closed in its turn; gathers what there is."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.cells: list[str] = []
        self.words = ""
        self.feed(page.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in _VOID:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.words += data
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data


def totals(heading: Heading = HEADING, prices: Prices = PRICES) -> Totals:
    tally = Tally(prices)
    for number in range(60):
        tally.count(line(to=f"346000000{number:02d}", possible_duplicate=number == 7))
    tally.count(line("undelivered", "33600000001", error=ErrorInfo("UNDELIVERABLE", None, "Hola")))
    tally.count(line("sent", "4915112345678"))
    tally.count(rejected("BAD_TO"))
    return tally.totals(heading)


def test_the_page_says_what_the_report_says() -> None:
    page = Outline(render_page(totals()))
    assert page.tags.count("table") >= 6
    assert {"chart-states", "chart-time", "chart-countries", "chart-errors"} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    row = page.cells.index("Spain")
    assert page.cells[row : row + 5] == ["Spain", "60", "60", "100.0 %", "2.70"]
    row = page.cells.index("Germany")
    assert page.cells[row + 4] == "", "what has no price is not free"
    assert {"UNDELIVERABLE", "BAD_TO", "delivered", "rejected"} <= set(page.cells)
    assert "1 message to numbers for which there is no price" in page.words
    assert "Hola" not in page.words


def test_it_needs_nothing_else() -> None:
    octets = render_page(totals())
    page = Outline(octets)
    assert not {"script", "link", "img", "iframe", "object", "form", "a"} & set(page.tags)
    assert not {"src", "href", "action", "background", "srcset"} & {
        name for name, _ in page.attributes
    }
    assert b"url(" not in octets
    assert b"@import" not in octets
    assert b"http:" not in octets
    assert b"https:" not in octets
    assert b"default-src 'none'" in octets


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name)[:12])
def test_names_are_words_and_nothing_else(name: str) -> None:
    heading = Heading(name, f"t/{name}", "bulk", None, name, {"repeats": name})
    tally = Tally(Prices(name, {"default": Decimal("0.1")}))
    tally.count(line(link=name, encoding=name))
    tally.count(line("failed", error=ErrorInfo(name)))
    page = Outline(render_page(tally.totals(heading)))
    plain = Outline(render_page(_named_plainly()))
    assert page.tags == plain.tags
    assert [each for each, _ in page.attributes] == [each for each, _ in plain.attributes]
    assert name.encode(errors="replace").decode().replace("\x00", "\ufffd")[
        :3
    ] in page.words.replace("\x00", "\ufffd")


def _named_plainly() -> Totals:
    tally = Tally(Prices("EUR", {"default": Decimal("0.1")}))
    tally.count(line(link="a", encoding="b"))
    tally.count(line("failed", error=ErrorInfo("c")))
    return tally.totals(Heading("a", "t/a", "bulk", None, "a", {"repeats": "a"}))


def test_a_report_of_nothing_is_a_page_too() -> None:
    page = Outline(render_page(Tally(Prices()).totals(HEADING, complete=False)))
    assert "Not complete" in page.words
    assert "chart-time" not in page.ids


def test_very_many_countries_and_errors_fit() -> None:
    tally = Tally(Prices())
    for number in range(300):
        tally.count(line("failed", f"{200 + number}123456789", error=ErrorInfo(f"E{number}")))
    page = Outline(render_page(tally.totals(HEADING)))
    assert "261 more" in page.cells
    assert page.tags.count("tr") < 200


def test_which_files_have_a_page() -> None:
    assert wants_page("auto", FEWEST_MESSAGES)
    assert not wants_page("auto", FEWEST_MESSAGES - 1)
    assert wants_page("always", 0)
    assert not wants_page("never", 1_000_000)


def test_numbers_for_people() -> None:
    assert [share_of(*each) for each in [(0, 0), (0, 5), (1, 9999), (9999, 10_000), (1, 3)]] == [
        *("-", "0.0 %", "< 0.1 %", "> 99.9 %", "33.3 %"),
    ]
    assert money(Decimal("1234.5"), "EUR") == "1,234.50 EUR"
    assert money(Decimal("0.000000001"), "EUR") == "0.000000001 EUR"
    assert money(Decimal("12.345678"), "") == "12.3457"
    assert [duration(each) for each in (0, 1, 61, 3600, 90_061)] == [
        *("less than 1 s", "1 s", "1 min 1 s", "1 h", "1 d 1 h"),
    ]
