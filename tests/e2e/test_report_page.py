"""The page of a report in a real browser: it asks for nothing, complains of nothing, shows its charts, and
prints on a few pages of A4."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from smppd.config import Prices
from smppd.message import ErrorInfo
from smppd.results.lines import ResultLine
from smppd.results.page import render_page
from smppd.results.tally import Tally
from smppd.results.totals import Heading
from smppd.told import iso

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
PATIENCE = 60

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason=f"there is no browser: none of {', '.join(NAMES)} is installed"
)

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


class Site:
    """Serves one page at /, and notes whatever is asked for."""

    def __init__(self, content: bytes) -> None:
        self.asked = asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200 if self.path == "/" else 404)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(content if self.path == "/" else b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Site:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(page()) as found:
        yield found


def browse(folder: Path, url: str, *options: str) -> tuple[str, str]:
    """Have the browser open it; its output, and what was said on the console."""
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--disable-dev-shm-usage", "--no-first-run", "--enable-logging=stderr"),
            f"--user-data-dir={folder / 'profile'}",
            *options,
            url,
        ],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE,
        check=True,
    )
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


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


def pixels(png: bytes) -> Counter[tuple[int, int, int]]:
    """How often each colour is in an image of eight bits a channel (PNG 1.2, 6 and 9)."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, data, width, kind = 8, b"", 0, 0
    while at < len(png):
        length, name = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + length]
        if name == b"IHDR":
            width, _, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            assert (depth, interlaced) == (8, 0)
        elif name == b"IDAT":
            data += body
        at += length + 12
    step = {2: 3, 6: 4}[kind]
    raw, size = zlib.decompress(data), width * step
    before, counts = bytearray(size), Counter[tuple[int, int, int]]()
    for start in range(0, len(raw), size + 1):
        line = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + size]), before, step)
        counts.update(zip(line[0::step], line[1::step], line[2::step], strict=True))
        before = line
    return counts


def _unfiltered(how: int, line: bytearray, above: bytearray, step: int) -> bytearray:
    for n in range(len(line)):
        left = line[n - step] if n >= step else 0
        up, corner = above[n], above[n - step] if n >= step else 0
        if how == 1:
            line[n] = (line[n] + left) & 255
        elif how == 2:
            line[n] = (line[n] + up) & 255
        elif how == 3:
            line[n] = (line[n] + (left + up) // 2) & 255
        elif how == 4:
            line[n] = (line[n] + _paeth(left, up, corner)) & 255
    return line


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))
