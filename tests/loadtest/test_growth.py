"""How cost grows: which points there are, what is said of a curve, and how it is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from benchmark.commands import COMMANDS
from benchmark.document import (
    Document,
    document,
    merged_documents,
    read_document,
    write_document,
)
from benchmark.drawing import HEIGHT, WIDTH, brief, log_chart, round_levels
from benchmark.figures import BY_KEY
from benchmark.growing import choose
from benchmark.growth import Growth, Point, merged, shape
from benchmark.growth_comparison import growth_lines, new_faults, ratios
from benchmark.growth_tables import faults, rows, said, text_table
from benchmark.profiles import PARTS
from benchmark.report import render
from benchmark.series import AHEAD, MESSAGES, SERIES, size
from benchmark.setting import BenchError
from benchmark.tables import NoPlace, renewed


def figures(cpu: float, **more: Any) -> dict[str, Any]:
    """Of one run."""
    told = {"daemon_cpu": cpu, "rate": 1e6 / cpu, "wrote": 900.0, "written": 0.0, "journal": 400.0,
            "rss": 100 << 20, "left": 0, "lost": 0, "twice": 0, "audit": "holds"}  # fmt: skip
    return told | more


def point(at: int, *cpus: float, **more: Any) -> Point:
    """Run once for each of these microseconds of CPU."""
    return Point(at=at, messages=at, medium="tmpfs", runs=[figures(cpu, **more) for cpu in cpus])


def growth(*points: Point, series: str = "messages", ordinary: int = 1_000) -> Growth:
    """A series that should be flat."""
    return Growth(
        series=series,
        title="Messages",
        about="in a file",
        ordinary=ordinary,
        flat=True,
        points=list(points),
    )


@pytest.fixture
def grown() -> Growth:
    return growth(point(1_000, 30.0, 60.0, 33.0), point(1_000_000, 36.0))


# ── which points ─────────────────────────────────────────────────────────────────────────────


def test_every_number_that_the_cost_may_grow_with_has_a_series() -> None:
    assert list(SERIES) == ["messages", "history", "queue", "window", "sessions", "links", "parts"]
    assert SERIES["messages"].points == (10_000, 100_000, 1_000_000, 10_000_000)
    assert SERIES["window"].points == (1, 3, 10, 30, 100, 300, 1_000)
    assert SERIES["queue"].points == (0, 1_000, 10_000, 100_000, 1_000_000)
    assert all(series.ordinary in series.points for series in SERIES.values())


@pytest.mark.parametrize("name", SERIES)
def test_a_point_varies_one_number(name: str) -> None:
    series = SERIES[name]
    ordinary = SERIES["sessions"].profile(1)
    for at in series.points:
        load = series.profile(at)
        numbers = {"window": load.window, "sessions": load.sessions, "links": load.links,
                   "parts": PARTS[load.text], "queue": load.waiting, "history": load.before,
                   "messages": load.messages}  # fmt: skip
        assert numbers.pop(name) == at
        varied = {"window": 100, "sessions": 1, "links": 1, "parts": 1, "queue": 0}
        assert {key: numbers[key] for key in varied if key in numbers} == {
            key: value for key, value in varied.items() if key != name
        }
    assert (ordinary.messages, ordinary.before) == (MESSAGES, AHEAD)


def test_no_point_takes_more_messages_than_are_wanted_unless_it_is_named() -> None:
    every = choose([], 1_000_000, MESSAGES)
    assert [each.series.name for each in every] == list(SERIES)
    assert max(size(load) for each in every for load in each.loads.values()) == 1_000_000
    (few,) = choose(["queue"], 20_000, 2_000)
    assert list(few.loads) == [0, 1_000, 10_000]
    (named,) = choose(["messages:5,10000000"], 20_000, 2_000)
    assert [load.messages for load in named.loads.values()] == [5, 10_000_000]


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("speed", "there is no series 'speed'; there are messages, history, "),
        ("messages", "messages has no point of up to 10 messages; name some, messages:N,N"),
        ("window:x", "window:x has a point that cannot be: 'x' is no number; write window:N,N"),
        ("window:", "window: has a point that cannot be: '' is no number; write window:N,N"),
        ("queue:-1", "queue:-1 has a point that cannot be: '-1' is no number; write queue:N,N"),
        ("sessions:0", "sessions:0 has a point that cannot be: sessions of sessions 0 is below 1"),
        ("parts:11", "parts:11 has a point that cannot be: a text fills from 1 to 10 parts; "),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(word: str, why: str) -> None:
    with pytest.raises(BenchError) as caught:
        choose([word], 10, 10)
    assert str(caught.value).startswith(why)
    assert "\n" not in str(caught.value)


# ── what is said ─────────────────────────────────────────────────────────────────────────────


def test_a_point_is_the_median_of_its_runs(grown: Growth) -> None:
    first, last = grown.points
    assert (first.figure("daemon_cpu"), first.spread("daemon_cpu")) == (33.0, (30.0, 60.0))
    assert (last.figure("daemon_cpu"), last.spread("daemon_cpu")) == (36.0, None)
    assert last.figure("late_p99") is None


def test_a_point_is_beside_the_ordinary_one_of_its_own_round() -> None:
    # The second hour was twice as slow, for both.
    found = growth(point(1_000, 30.0, 60.0), point(10_000, 33.0, 66.0), point(100_000, 60.0))
    beside = [found.relative(each, "daemon_cpu") for each in found.points]
    assert beside == [1.0, pytest.approx(1.1), 2.0]
    alone = growth(point(10, 3.0))
    assert alone.relative(alone.points[0], "daemon_cpu") is None


def test_one_run_that_lost_a_message_is_not_outvoted() -> None:
    runs = point(10, 30.0, 30.0, 30.0)
    runs.runs[1] |= {"lost": 1, "audit": "FAILED"}
    assert runs.faults == ["lost: 1", "smppd audit found the journal wrong"]
    assert faults(growth(runs))[0] == "at 10: lost: 1"
    assert "  ! at 10: lost: 1" in text_table(growth(runs))


def test_what_is_said_of_a_curve_is_its_last_by_its_first(grown: Growth) -> None:
    found = shape(grown, BY_KEY["daemon_cpu"])
    assert found is not None
    assert (found.first, found.last, round(found.ratio, 3)) == (1_000, 1_000_000, 1.091)
    assert said(grown) == (
        "CPU per message at 1,000,000 is 1.09 times that at 1,000; it should be the same"
    )
    assert said(growth(point(10, 3.0))) == ""


def test_a_row_has_the_spread_and_the_ratio(grown: Growth) -> None:
    first, last = rows(grown)
    assert first[:3] == ["1,000", "33.0 µs (30.0 to 60.0)", "1.00"]
    assert last[:3] == ["1,000,000", "36.0 µs", "1.20"]
    assert last[-3:] == ["tmpfs", "1,000,000", "1"]


# ── documents and pages ──────────────────────────────────────────────────────────────────────


def test_points_that_were_measured_apart_are_one_curve(grown: Growth) -> None:
    more = growth(point(1_000, 31.0), point(10_000_000, 40.0))
    other = growth(point(3, 1.0), series="window")
    found = merged(iter([grown, more, other]))
    assert [(each.series, [point.at for point in each.points]) for each in found] == [
        ("messages", [1_000, 1_000_000, 10_000_000]),
        ("window", [3]),
    ]
    assert found[0].points[0].figure("daemon_cpu") == 31.0
    assert len(grown.points) == 2


def test_a_document_keeps_runs_and_series(
    document_of_both: Document, grown: Growth, tmp_path: Path
) -> None:
    path = tmp_path / "out.json"
    write_document(document_of_both, path)
    assert read_document(path) == document_of_both
    both = merged_documents([document_of_both, document([], [grown])])
    assert ([run.profile for run in both.runs], len(both.growths)) == (["bulk"], 1)


@pytest.fixture
def document_of_both(document: Document, grown: Growth) -> Document:
    document.growths.append(grown)
    return document


def test_the_page_has_a_curve_for_each_figure_that_there_is(document_of_both: Document) -> None:
    page = render(document_of_both)
    (part,) = re.findall(r"<h2>Messages</h2>.*?</section>", page, re.DOTALL)
    # What was written to the disk was nothing, which has no logarithm.
    assert part.count("<figure>") == 5
    assert part.count("<circle") == 10
    assert "1.09 times that at 1,000" in part
    assert page.count('id="g1-1"') == 1


def test_a_page_says_what_went_wrong(document_of_both: Document) -> None:
    document_of_both.growths[0].points[0].runs[0]["twice"] = 2
    assert '<p class="bad">at 1,000: taken twice by the SMSC: 2</p>' in render(document_of_both)


def test_logarithmic_axes_have_round_numbers() -> None:
    # At least a decade, so that what hardly changes looks so.
    assert round_levels(30.0, 36.0) == [10.0, 20.0, 50.0, 100.0]
    assert round_levels(1.0, 1_000.0)[0] == 1.0
    assert round_levels(1.0, 1_000.0)[-1] == 1_000.0
    assert [brief(at) for at in (0, 300, 1_000, 1_500, 1_234, 3_000_000)] == [
        "0", "300", "1k", "1.5k", "1,234", "3M",
    ]  # fmt: skip


def test_a_curve_runs_over_the_whole_width_and_0_stands_before_all() -> None:
    drawn = log_chart("x", "y", {"a": [(0, 10.0), (10, 10.0), (100, 100.0)]}, str)
    assert drawn is not None
    (line,) = drawn.lines
    assert line.marks == [(0.0, HEIGHT), (WIDTH / 2, HEIGHT), (WIDTH, 0.0)]
    assert [label for _, label in drawn.ticks] == ["0", "10", "100"]
    assert log_chart("x", "y", {"a": [(1, 0.0)]}, str) is None


# ── beside each other ────────────────────────────────────────────────────────────────────────


def test_two_measurements_have_a_ratio_at_each_point_and_a_worst_one() -> None:
    before = growth(point(1_000, 30.0), point(10_000, 33.0), point(7, 1.0))
    after = growth(point(1_000, 45.0), point(10_000, 66.0))
    found = ratios([before], [after], 0.2)
    cpu = [each for each in found if each.figure.key == "daemon_cpu"]
    assert [(each.at, each.ratio, each.verdict) for each in cpu] == [
        (1_000, 1.5, "worse"),
        (10_000, 2.0, "worse"),
    ]
    assert cpu[1].shape == pytest.approx(2.0 / 1.5)
    words = growth_lines(found)
    assert words[0].startswith("messages, how cost grows")
    assert any(re.search(r"10,000: daemon CPU.* 2\.00 +1\.33  worse$", line) for line in words)
    assert words[-2:] == [
        "the worst of CPU per message: 2.00, daemon CPU per message at messages 10,000",
        "the worst of CPU beside the ordinary point: 1.33, daemon CPU per message at messages 10,000",
    ]


def test_a_fall_to_a_half_is_as_far_as_a_rise_to_the_double() -> None:
    before = growth(point(1_000, 40.0), point(10_000, 40.0))
    after = growth(point(1_000, 16.0), point(10_000, 80.0))
    assert growth_lines(ratios([before], [after], 0.2))[-2].endswith(
        ": 0.40, daemon CPU per message at messages 1,000"
    )


def test_a_fault_that_was_not_there_before_is_told(grown: Growth) -> None:
    after = growth(point(1_000, 30.0, lost=3))
    assert new_faults([grown], [after]) == ["messages 1,000: lost: 3"]
    assert new_faults([after], [after]) == []


# ── tables in a text ─────────────────────────────────────────────────────────────────────────

TEXT = """# Results
<!-- machine -->
<!-- end -->
<!-- series: messages -->
of yesterday
<!-- end -->
How to read it.
<!-- series: window -->
kept
<!-- end -->
<!-- profile: bulk -->
<!-- end -->
<!-- overview -->
<!-- end -->
"""


def test_a_text_has_its_tables_renewed_and_all_else_kept(document_of_both: Document) -> None:
    found = renewed(TEXT, document_of_both)
    assert "of yesterday" not in found
    assert "<!-- series: window -->\nkept\n<!-- end -->" in found
    assert "| 1,000,000 | 36.0 µs | 1.20 |" in found
    assert "| bulk | 2/s |" in found
    assert "| messages/s, hand-in to results | 2/s |" in found
    assert "; lost 0; taken twice by the SMSC 0; files out of place 0; smppd audit" in found
    assert "How to read it." in found
    assert "2030-01-01, cores 2." in found
    assert renewed(found, document_of_both) == found


def test_a_text_without_a_place_is_refused(document_of_both: Document, tmp_path: Path) -> None:
    with pytest.raises(NoPlace):
        renewed("# Results\n", document_of_both)
    text, written = tmp_path / "R.md", tmp_path / "out.json"
    text.write_text("# Results\n")
    write_document(document_of_both, written)
    with pytest.raises(BenchError, match=r"R\.md: there is no place for a table"):
        COMMANDS["show"]([str(written), "--into", str(text)])


def test_several_files_are_shown_as_one(
    document_of_both: Document, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, page = (tmp_path / name for name in ("one.json", "two.json", "page.html"))
    write_document(document_of_both, one)
    write_document(document([], [growth(point(5, 9.0), series="window")]), two)
    assert COMMANDS["show"]([str(one), str(two), "--report", str(page)]) == 0
    assert "bulk, messages, window</title>" in page.read_text()
    assert COMMANDS["show"]([str(one), str(two)]) == 0
    assert "CPU/message" in capsys.readouterr().out
