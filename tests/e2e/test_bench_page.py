"""The page of the benchmark in a real browser, with every profile in it: it asks for nothing, says what the
runs came to, and shows it so that nothing lies over anything else or beyond the edge."""

from __future__ import annotations

import json
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from benchmark.document import Document
from benchmark.figures import BY_KEY, FIGURES, shown
from benchmark.profiles import PROFILES
from benchmark.report import render
from benchmark.results import Baseline, add_up

from tests.e2e.browser import Site, browse, needs_browser, pixels
from tests.loadtest.conftest import history, observed

pytestmark = needs_browser

BLUE, ORANGE = (0x2B, 0x6C, 0xB0), (0xC0, 0x56, 0x21)
#: Read by a script that the page itself would not let run: it is let in for this alone.
LOOKS = """
<script>
const box = (each) => each.getBoundingClientRect();
const over = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
const texts = [...document.querySelectorAll("figcaption b, figcaption .soft, .legend span, .axis, dt, dd, h2, h3")];
const found = { overlaps: [], outside: [], runs: {}, wide: document.documentElement.scrollWidth };
for (const [n, one] of texts.entries()) {
  const place = box(one);
  if (place.left < 0 || place.right > innerWidth) found.outside.push(one.textContent);
  for (const other of texts.slice(n + 1, n + 40)) {
    if (over(place, box(other))) found.overlaps.push([one.textContent, other.textContent]);
  }
}
for (const section of document.querySelectorAll("section[id]")) {
  const rows = [...section.querySelectorAll(".figures tr")];
  found.runs[section.id] = Object.fromEntries(rows.map((row) => [row.cells[0].innerText, row.cells[1].innerText]));
}
document.body.innerHTML = "<pre>" + JSON.stringify(found).replaceAll("<", "&lt;") + "</pre>";
</script>
"""


@pytest.fixture
def document() -> Document:
    beside = [
        Baseline(name="smpplib", messages=4, seconds=4.0, rate=1.0, cpu=100.0, delivered=4),
        Baseline(name="npm smpp", left_out="there is no node"),
    ]
    runs = []
    for profile in PROFILES.values():
        run = add_up(profile, observed(), history())
        run.baselines = beside
        runs.append(run)
    seen = replace(observed(), tally=None, smsc_cpu=None, complete=False)
    elsewhere = add_up(replace(PROFILES["bulk"], name="elsewhere"), seen, history())
    return Document(made="2030", smppd="1", machine={"cores": "2"}, runs=[*runs, elsewhere])


def test_it_asks_for_nothing_and_complains_of_nothing(document: Document, tmp_path: Path) -> None:
    with Site(render(document).encode()) as site:
        dom, console = browse(tmp_path, site.url, "--dump-dom")
    assert console == ""
    assert [path for path in site.asked if path != "/favicon.ico"] == ["/"]
    assert dom.count("<section") == len(document.runs) + 1


def _looked_at(document: Document, folder: Path, size: str) -> dict[str, Any]:
    page = render(document)
    policy = """content="default-src 'none'; style-src 'unsafe-inline'">"""
    assert policy in page
    page = page.replace(policy, "content=''>").replace("</body>", f"{LOOKS}</body>")
    with Site(page.encode()) as site:
        dom, _ = browse(folder, site.url, "--dump-dom", f"--window-size={size}")
    told = unescape(dom.partition("<pre>")[2].partition("</pre>")[0])
    found: dict[str, Any] = json.loads(told)
    return found


@pytest.mark.parametrize("width", [500, 1280])
def test_nothing_lies_over_anything_else_or_beyond_the_edge(
    width: int, document: Document, tmp_path: Path
) -> None:
    found = _looked_at(document, tmp_path, f"{width},2000")
    assert found["overlaps"] == []
    assert found["outside"] == []
    assert found["wide"] <= width


def test_its_numbers_are_those_of_the_runs(document: Document, tmp_path: Path) -> None:
    found = _looked_at(document, tmp_path, "1280,2000")["runs"]
    assert list(found) == [run.profile for run in document.runs]
    for run in document.runs:
        wanted = {
            figure.title: shown(figure, run.figures[figure.key])
            for figure in FIGURES
            if figure.key in run.figures
        }
        wanted |= {BY_KEY[key].title: "left out" for key in run.left_out}
        assert found[run.profile] == wanted


def test_its_curves_are_seen(document: Document, tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    with Site(render(document).encode()) as site:
        browse(tmp_path, site.url, f"--screenshot={shot}", "--window-size=1280,2600")
    colours = pixels(shot.read_bytes())
    assert colours[BLUE] > 1_000
    assert colours[ORANGE] > 300
