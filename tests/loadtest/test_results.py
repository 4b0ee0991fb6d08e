"""What the benchmark adds up: figures, curves, and who was the limit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from benchmark.history import History
from benchmark.profiles import PROFILES
from benchmark.results import Run, add_up, faults, limit

from tests.loadtest.conftest import BEGAN, history, observed, sample


def test_figures_are_by_message_and_by_second(run: Run) -> None:
    figures = run.figures
    assert (figures["messages"], figures["parts"], figures["delivered"]) == (4, 4, 4)
    assert (figures["rate"], figures["seconds"]) == (2.0, 2.0)
    assert figures["submit_rate"] == pytest.approx(4.0)
    assert figures["daemon_cpu"] == pytest.approx(50_000)
    assert figures["smsc_cpu"] == pytest.approx(5_000)
    assert figures["daemon_load"] == pytest.approx(0.1)
    assert figures["written"] == 1000
    assert figures["single_p50"] == 0.03
    assert figures["high_submit_p999"] == 0.005
    assert (figures["high_p50"], figures["bulk_p99"]) == (0.01, 1.1)
    assert figures["commits"] == 4
    assert 0.002 <= float(str(figures["commit_p50"])) <= 0.004


def test_curves_add_up_to_what_was_sent_and_delivered(run: Run) -> None:
    assert run.step == 0.5
    assert {name: len(curve) for name, curve in run.curves.items()} == dict.fromkeys(run.curves, 4)
    assert run.curves["sent/s"] == [4.0, 0.0, 4.0, 0.0]
    assert run.curves["delivered/s"] == [2.0, 2.0, 2.0, 2.0]
    assert run.curves["high p50"] == [None, None, 0.01, None]
    assert run.curves["submit p99"] == [None, None, 0.005, None]
    assert run.curves["daemon CPU"][:2] == [pytest.approx(0.2), pytest.approx(0.1)]
    assert run.curves["in flight"] == [7, 7, None, None]


def test_all_is_well_when_every_message_arrived_once(run: Run) -> None:
    assert [run.figures[name] for name in ("left", "lost", "twice")] == [0, 0, 0]


def test_what_the_smsc_never_saw_is_lost_even_where_others_came_twice() -> None:
    seen = observed(tally={"accepted": 4, "taken_twice": 1})
    figures = add_up(PROFILES["bulk"], seen, history()).figures
    assert (figures["lost"], figures["twice"]) == (1, 1)


def test_what_nobody_knows_the_end_of_is_left() -> None:
    seen = observed(messages=5, states={"delivered": 3, "unknown": 1}, complete=False)
    run = add_up(PROFILES["bulk"], seen, history())
    assert run.figures["left"] == 2
    assert not run.complete


def test_what_was_refused_is_a_fault_for_it_was_not_sent() -> None:
    states = {"delivered": 2, "rejected": 1, "failed": 1}
    run = add_up(PROFILES["bulk"], observed(messages=4, states=states), history())
    assert (run.figures["refused"], run.figures["left"]) == (2, 0)
    assert "refused by the daemon or the SMSC: 2" in faults(run)


def test_what_only_our_own_smsc_tells_is_left_out_by_name() -> None:
    without = replace(history(), submits=[])
    run = add_up(PROFILES["bulk"], observed(tally=None, smsc_cpu=None), without)
    assert set(run.left_out) == {"smsc_cpu", "smsc_load", "lost", "twice", "high_submit_p50"}
    assert not set(run.left_out) & set(run.figures)
    assert "SMSC CPU" not in run.curves


def test_what_is_throttled_late_is_a_share_of_the_submits_since_then() -> None:
    seen = History(
        answers={"bulk": [(BEGAN + at, 0.1) for at in (1.0, 2.0, 12.0, 13.0, 14.0)]},
        throttled=[BEGAN + 1.5, BEGAN + 15.0],
        overtaken=2,
    )
    figures = add_up(PROFILES["throttled"], observed(), seen).figures
    assert (figures["throttled"], figures["throttled_late"]) == (2, 0.25)
    assert figures["overtaken"] == 2
    assert (
        not {"throttled_late", "overtaken"}
        & add_up(PROFILES["bulk"], observed(), history()).figures.keys()
    )


def test_the_limit_is_whose_core_is_full() -> None:
    busy = [sample(0.0, 0, 0.0), sample(1.0, 10, 0.95), sample(9.0, 10, 1.0)]
    assert limit(busy) == "daemon's CPU"
    smsc = [sample(0.0, 0, 0.0, smsc_cpu=0.0), sample(1.0, 10, 0.5, smsc_cpu=0.97)]
    assert limit(smsc) == "SMSC's CPU"


def test_the_limit_is_else_what_the_daemon_said_most_often_while_it_sent() -> None:
    samples = [sample(0.0, 0, 0.0), sample(1.0, 10, 0.3), sample(2.0, 20, 0.6)]
    samples += [sample(3.0 + n, 20, 0.6, limited_by="nothing queued") for n in range(9)]
    assert limit(samples) == "window"
    assert limit([]) == "-"


def test_what_went_ahead_is_in_no_figure_but_the_journal_has_it() -> None:
    seen = observed(before=4, states={"delivered": 8}, tally={"accepted": 8, "taken_twice": 0})
    figures = add_up(PROFILES["bulk"], seen, history()).figures
    assert figures["rate"] == 2.0
    assert figures["daemon_cpu"] == pytest.approx(50_000)
    assert (figures["wrote"], figures["journal"]) == (1500, 375)
    assert (figures["left"], figures["lost"]) == (0, 0)
