"""The page of a report in a real browser: it asks for nothing, complains of nothing, shows its charts, and
prints on a few pages of A4."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from smppd.config import Prices
from smppd.message import ErrorInfo
from smppd.results.lines import ResultLine
from smppd.results.page import render_page
from smppd.results.tally import Tally
from smppd.results.totals import Heading
from smppd.told import iso
from tests.e2e.browser import Site, browse, needs_browser, pixels

pytestmark = needs_browser

HOSTILE = "Sale</title><script>console.error('run')</script><img src='/stolen.png'>"
#: Of charts, as the page's style has them.
DELIVERED, FAILED, SUBMITTED = (0x2A, 0x7F, 0x5F), (0xB9, 0x3A, 0x3A), (0xA9, 0xC6, 0xE2)


def page() -> bytes:
    """A campaign of thousands to many countries, with every name a hostile one."""
    tally = Tally(Prices("EUR", {"ES": Decimal("0.045"), "default": Decimal("0.09")}))
    start = 1_795_000_000.0
    for number in range(6000):
        code = ("346", "336", "4915", "4477", "1416", "3519", "3934", "5255")[number % 97 % 8]
        bad = number % 11 == 0
        tally.count(
            ResultLine(
                number,
                "i",
                f"{code}{number:08d}"[:11],
                "failed" if bad else "delivered",
                1 + number % 2,
                "gsm7",
                [],
                iso(start + number / 10),
                iso(start + number / 10 + 4),
                ErrorInfo(HOSTILE if number % 2 else "ESME_RSUBMITFAIL") if bad else None,
                1,
                number % 500 == 0,
                HOSTILE,
            )
        )
    terms = {"spread": 600.0, "repeats": HOSTILE}
    heading = Heading(f"{HOSTILE}.jsonl", "t/x", "bulk", iso(start), HOSTILE, terms)
    return render_page(tally.totals(heading, complete=False))


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(page()) as found:
        yield found


def test_it_asks_for_nothing_and_complains_of_nothing(site: Site, tmp_path: Path) -> None:
    dom, console = browse(tmp_path, site.url, "--dump-dom")
    assert console == ""
    assert [path for path in site.asked if path != "/favicon.ico"] == ["/"]
    assert "<script" not in dom
    assert "<img" not in dom
    assert dom.count("<svg") == 4
    assert "&lt;script&gt;console.error" in dom
    assert dom.count("</table>") >= 6


def test_a_page_that_asks_and_complains_would_be_noticed(tmp_path: Path) -> None:
    with Site(f"<!DOCTYPE html><html><body>{HOSTILE}</body></html>".encode()) as site:
        dom, console = browse(tmp_path, site.url, "--dump-dom")
    assert "run" in console
    assert "/stolen.png" in site.asked
    assert "<img" in dom


def test_its_charts_are_seen(site: Site, tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    half = ("--window-size=1100,2600", "--force-device-scale-factor=0.5")
    browse(tmp_path, site.url, f"--screenshot={shot}", *half)
    colours = pixels(shot.read_bytes())
    assert colours[DELIVERED] > 5_000, "states, countries, columns of what was delivered"
    assert colours[SUBMITTED] > 1_000, "columns of what was submitted"
    assert colours[FAILED] > 1_000, "errors"


def test_it_prints_on_a_few_pages_of_a4(site: Site, tmp_path: Path) -> None:
    paper = tmp_path / "paper.pdf"
    browse(tmp_path, site.url, f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    octets = paper.read_bytes()
    pages = len(re.findall(rb"/Type\s*/Page\b", octets))
    assert 1 <= pages <= 3
    boxes = re.findall(rb"/MediaBox\s*\[\s*0\s+0\s+([0-9.]+)\s+([0-9.]+)\s*\]", octets)
    assert {(round(float(width)), round(float(height))) for width, height in boxes} == {(595, 842)}
