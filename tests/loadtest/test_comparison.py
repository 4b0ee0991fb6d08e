"""Two reports of the benchmark beside each other."""

from __future__ import annotations

import msgspec
import pytest
from benchmark.comparison import compare, lines, only_in_one, summary, verdict
from benchmark.document import Document
from benchmark.figures import BY_KEY


@pytest.fixture
def after(document: Document) -> Document:
    return msgspec.convert(msgspec.to_builtins(document), Document)


def test_ratios_say_what_got_better_and_worse(document: Document, after: Document) -> None:
    figures = after.runs[0].figures
    figures |= {"rate": 4.0, "daemon_cpu": 60_000.0, "rss": 121 << 20, "lost": 1, "commits": 400}
    (compared,) = compare(document, after)
    changes = {change.figure.key: change for change in compared.changes}
    assert (changes["rate"].ratio, changes["rate"].verdict) == (2.0, "better")
    assert (changes["daemon_cpu"].ratio, changes["daemon_cpu"].verdict) == (1.2, "worse")
    assert changes["rss"].verdict == "same"
    # From none to one there is no ratio, and yet it is worse.
    assert (changes["lost"].ratio, changes["lost"].verdict) == (None, "worse")
    assert changes["commits"].verdict == ""
    assert not compared.remarks


def test_a_journal_that_no_longer_holds_is_worse(document: Document, after: Document) -> None:
    after.runs[0].figures["audit"] = "2 findings"
    assert summary(compare(document, after)) == [
        "bulk, worse: smppd audit of the journal holds no longer: 2 findings"
    ]
    assert summary(compare(after, document)) == ["nothing got better or worse"]


def test_a_report_is_the_same_as_itself(document: Document, after: Document) -> None:
    (compared,) = compare(document, after)
    assert {change.verdict for change in compared.changes} == {"same", ""}


def test_a_change_within_the_noise_is_none() -> None:
    rate, cpu = BY_KEY["rate"], BY_KEY["daemon_cpu"]
    assert verdict(rate, 100, 109, 0.1) == "same"
    assert verdict(rate, 100, 111, 0.1) == "better"
    assert verdict(rate, 100, 109, 0.05) == "better"
    assert verdict(cpu, 100, 111, 0.1) == "worse"
    assert verdict(cpu, 100, 80, 0.1) == "better"


def test_tails_and_instants_differ_by_more() -> None:
    median, tail, far = (BY_KEY[f"high_{each}"] for each in ("p50", "p99", "p999"))
    assert verdict(median, 0.1, 0.12, 0.1) == "worse"
    assert verdict(tail, 0.1, 0.12, 0.1) == "same"
    assert verdict(tail, 0.1, 0.14, 0.1) == verdict(far, 0.1, 0.16, 0.1) == "worse"
    assert verdict(far, 0.1, 0.14, 0.1) == "same"
    # Half a millisecond is nothing.
    assert verdict(median, 0.0005, 0.0009, 0.1) == "same"


def test_what_changed_is_summed_up_by_name(document: Document, after: Document) -> None:
    assert summary(compare(document, after)) == ["nothing got better or worse"]
    after.runs[0].figures |= {"rate": 4.0, "daemon_cpu": 60_000.0, "lost": 1}
    assert summary(compare(document, after)) == [
        "bulk, better: messages/s, hand-in to results x 2.00",
        "bulk, worse: daemon CPU per message x 1.20; lost from 0",
    ]


def test_what_makes_two_runs_no_equals_is_said(document: Document, after: Document) -> None:
    run = after.runs[0]
    run.settings["window"] = 10
    run.complete = False
    run.figures["messages"] = 5
    after.machine["cores"] = "64"
    (compared,) = compare(document, after)
    assert compared.remarks == [
        "window: 100 before, 10 after",
        "another machine: cores 2 before, 64 after",
        "not the same number of messages",
        "after, time was up before everything had its result",
    ]


def test_profiles_that_only_one_has_are_named(document: Document, after: Document) -> None:
    after.runs[0].profile = "files"
    assert compare(document, after) == []
    assert only_in_one(document, after) == ["bulk", "files"]


def test_a_line_has_both_values_their_ratio_and_the_verdict(
    document: Document, after: Document
) -> None:
    after.runs[0].figures["rate"] = 1.0
    del after.runs[0].figures["twice"]
    (compared,) = compare(document, after)
    found = lines(compared)
    assert found[0] == "bulk"
    (rate,) = (line for line in found if "messages/s" in line)
    assert rate.split()[-4:] == ["2/s", "1/s", "0.50", "worse"]
    (twice,) = (line for line in found if "taken twice" in line)
    assert twice.split()[-2:] == ["0", "-"]
