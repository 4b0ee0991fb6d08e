"""The page of the benchmark: one file, everything in it, nothing from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from benchmark.document import Document, ReadError, read_document, write_document
from benchmark.drawing import HEIGHT, WIDTH, chart, rounded_up, stretches, time_ticks
from benchmark.figures import BY_KEY, FIGURES, Value, shown
from benchmark.overview import HEAD, overview, overview_lines
from benchmark.report import render, table
from benchmark.results import Baseline, Run

SMPPLIB = Baseline(name="smpplib", messages=4, seconds=4.0, rate=1.0, cpu=100_000.0, delivered=4)
NPM = Baseline(name="npm smpp", left_out="there is no node")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not {name for name, _ in attrs} & {"src", "onload", "onclick"}
        assert all((value or "").startswith("#") for name, value in attrs if name == "href")
        if tag not in {"meta", "line", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _tags(page: str) -> list[str]:
    found = _Tags()
    found.feed(page)
    assert not found.open
    return found.seen


def test_the_page_is_whole_and_loads_nothing(document: Document) -> None:
    page = render(document)
    tags = _tags(page)
    assert not {"script", "link", "img", "iframe"} & set(tags)
    assert "url(" not in page
    assert tags.count("figure") == 10
    # As many curves as the run has: each has a value somewhere.
    assert len(re.findall(r"<polyline[^>]*><title>", page)) >= len(document.runs[0].curves)


def test_every_figure_stands_there_with_how_it_is_measured(document: Document) -> None:
    page = render(document)
    (run,) = document.runs
    for figure in FIGURES:
        assert (figure.key in run.figures) == (f'<th scope="row">{figure.title}</th>' in page)
    assert "2/s" in page
    assert "/proc, RSS of it and its children" in page


def test_names_are_escaped(document: Document) -> None:
    document.runs[0].about = "<b>&"
    assert "&lt;b&gt;&amp;" in render(document)


def test_baselines_stand_beside_with_ratios(document: Document) -> None:
    document.runs[0].baselines = [SMPPLIB, NPM]
    page = render(document)
    cells = re.findall(r"<td>([^<]*)</td>", page)
    assert cells[:5] == ["1/s", "100,000.0 µs", "10%", "2.00", "0.50"]
    assert "left out: there is no node" in page
    words = "\n".join(table(document.runs[0]))
    assert "smppd has 2.00 times its rate, 0.50 times its CPU" in words
    assert "npm smpp: left out, there is no node" in words


def test_a_run_that_went_badly_says_so(document: Document) -> None:
    run = document.runs[0]
    assert 'class="bad"' not in render(document)
    run.complete = False
    run.figures["lost"] = 3
    page = render(document)
    assert '<p class="bad">time was up before everything had its result</p>' in page
    assert '<p class="bad">lost: 3</p>' in page


def test_several_runs_stand_beside_one_another(document: Document) -> None:
    (run,) = document.runs
    assert "All profiles" not in render(document)
    run.baselines = [SMPPLIB, NPM]
    other = msgspec.convert(msgspec.to_builtins(run), Run)
    other.profile, other.figures["overtaken"], other.baselines = "slow", 2, []
    document.runs.append(other)
    page = render(document)
    assert '<a href="#slow">slow</a> <span class="bad">!</span>' in page
    assert '<section id="slow">' in page
    first, second = overview(document.runs)
    assert dict(zip(HEAD, first.cells, strict=True)) == {
        "profile": "bulk", "messages/s": "2/s", "CPU a message": "50,000.0 µs", "of a core": "10%",
        "memory": "120 MB", "commit p99": "4.0 ms", "high lane p99": "5.0 ms",
        "the limit was": "window", "rate by smpplib": "2.00", "rate by npm smpp": "-",
    }  # fmt: skip
    assert (first.faults, second.faults) == ([], ["overtaken at their destination: 2"])
    lines = overview_lines(document.runs)
    assert [line.split()[0] for line in lines[2:5]] == ["profile", "bulk", "slow"]
    assert lines[5:] == ["  slow: overtaken at their destination: 2"]
    assert "none was lost" in overview_lines([run])[-1]


def _luminance(colour: str) -> float:
    wide = "".join(2 * each for each in colour) if len(colour) == 3 else colour
    parts = [int(wide[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [(x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4) for x in parts]
    return sum(share * x for share, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_colours_stand_out_by_day_and_by_night(document: Document) -> None:
    """As WCAG 2.1 counts it: 4.5 for text (1.4.3), 3 for graphics (1.4.11)."""
    schemes = re.findall(r":root \{([^}]*--paper[^}]*)\}", render(document))
    assert len(schemes) == 2
    for scheme in schemes:
        colours = {name: _luminance(each) for name, each in re.findall(r"--(\w+): #(\w+)", scheme)}

        def contrast(one: str, other: str, colours: dict[str, float] = colours) -> float:
            dark, light = sorted((colours[one], colours[other]))
            return (light + 0.05) / (dark + 0.05)

        assert min(contrast(text, "paper") for text in ("ink", "soft", "bad", "c1")) >= 4.5
        assert min(contrast(text, "ground") for text in ("ink", "soft")) >= 4.5
        assert min(contrast(line, "paper") for line in ("c1", "c2", "c3", "c4")) >= 3


def test_what_is_written_is_read_again(document: Document, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_document(document, path)
    assert read_document(path) == document


@pytest.mark.parametrize("octets", [b"", b"[]", b'{"form": 1}', b"\xff\xfe"])
def test_what_is_no_report_is_refused_in_one_line(octets: bytes, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_bytes(octets)
    with pytest.raises(ReadError, match=r"out\.json is no report of bench\.py: .*") as caught:
        read_document(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ReadError, match=r"cannot read .*none\.json: No such file"):
        read_document(tmp_path / "none.json")


# ── drawing ──────────────────────────────────────────────────────────────────────────────────


def test_a_curve_is_cut_where_nothing_was_seen() -> None:
    assert stretches([1.0, 2.0, None, 2.0], 4, 2.0) == [
        f"{WIDTH / 8:.1f},{HEIGHT / 2:.1f} {WIDTH * 3 / 8:.1f},0.0",
        # A point that is alone is as long as its step.
        f"{WIDTH * 3 / 4:.1f},0.0 {WIDTH:.1f},0.0",
    ]


def test_axes_have_round_numbers() -> None:
    assert [rounded_up(each) for each in (0.0, 0.0031, 1.0, 7.0, 10.0, 8231.0)] == pytest.approx(
        [1.0, 0.005, 1.0, 10.0, 10.0, 10_000.0]
    )
    assert [label for _, label in time_ticks(12.0)] == [f"{n} s" for n in range(0, 13, 2)]
    assert time_ticks(0.5)[-1] == (WIDTH, "0.5 s")


def test_a_chart_without_any_value_is_not_drawn() -> None:
    assert chart("x", "y", {"a": [None, None]}, 0.5, str) is None
    assert chart("x", "y", {}, 0.5, str) is None
    drawn = chart("x", "y", {"a": [0.0, 0.0], "b": [None, None]}, 0.5, str)
    assert drawn is not None
    assert [line.name for line in drawn.lines] == ["a"]
    assert drawn.levels == [(HEIGHT, "0.0"), (HEIGHT / 2, "0.5"), (0.0, "1.0")]


# ── figures ──────────────────────────────────────────────────────────────────────────────────


def test_figures_are_shown_in_their_unit() -> None:
    told: dict[str, tuple[Value, str]] = {
        "messages": (1234567, "1,234,567"),
        "rate": (2345.6, "2,346/s"),
        "daemon_cpu": (65.44, "65.4 µs"),
        "daemon_load": (0.456, "46%"),
        "rss": (100 << 20, "100 MB"),
        "written": (985.2, "985 octets"),
        "commit_p50": (0.0041, "4.1 ms"),
        "seconds": (12.345, "12.35 s"),
        "limit": ("window", "window"),
        "lost": (None, "-"),
    }
    for key, (value, words) in told.items():
        assert shown(BY_KEY[key], value) == words
    assert len(BY_KEY) == len(FIGURES)
