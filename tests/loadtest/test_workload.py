"""What the benchmark hands in: which file holds which messages, and when each goes."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from benchmark.profiles import FULL, PROFILES, Profile
from benchmark.workload import Workload


def _ids(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_what_goes_ahead_and_what_waits_are_files_of_their_own(tmp_path: Path) -> None:
    profile = replace(PROFILES["bulk"], messages=5, before=2, waiting=3)
    load = Workload(profile, tmp_path, "+346", receipts=True)
    load.prepare()
    lane = tmp_path / "inbox" / "bulk"
    lane.mkdir()
    load.begin_before()
    assert _ids(lane / "before.jsonl") == ["load-0", "load-1"]
    load.begin_waiting()
    assert _ids(lane / "waiting.jsonl") == ["load-2", "load-3", "load-4"]
    assert not (lane / "load-0.jsonl").exists()
    load.begin()
    assert _ids(lane / "load-0.jsonl") == ["load-5", "load-6"]
    assert (load.files, load.messages) == (3, 5)


def test_there_is_no_second_file_where_all_of_them_wait(tmp_path: Path) -> None:
    profile = replace(PROFILES["bulk"], messages=3, waiting=3)
    load = Workload(profile, tmp_path, "+346", receipts=True)
    load.prepare()
    lane = tmp_path / "inbox" / "bulk"
    lane.mkdir()
    load.begin_waiting()
    load.begin()
    assert [path.name for path in lane.iterdir()] == ["waiting.jsonl"]


def test_no_more_can_wait_than_there_are_lines() -> None:
    with pytest.raises(ValueError, match="of bulk more wait than its first stream has lines"):
        replace(PROFILES["bulk"], messages=3, waiting=4)
    with pytest.raises(ValueError, match="of files more wait"):
        replace(PROFILES["files"], waiting=4)


def test_there_is_a_text_for_one_to_ten_parts() -> None:
    assert list(FULL) == list(range(1, 11))
    assert Profile(name="x", about="", messages=1, text=FULL[10]).message(0, "bulk")["text"]


def _queued(spool: Path) -> Workload:
    """Two lines that wait, and singles, many a second, that have begun to come beside them."""
    profile = replace(PROFILES["queued"], messages=2, waiting=2, first=7).with_rate(1000.0)
    load = Workload(profile, spool, "+346", receipts=True)
    load.prepare()
    for lane in ("bulk", "high"):
        (spool / "inbox" / lane).mkdir()
    load.begin_waiting()
    load.begin()
    return load


def test_what_is_urgent_has_a_sender_of_its_own_and_comes_until_the_lines_are_reported(
    tmp_path: Path,
) -> None:
    load = _queued(tmp_path)
    urgent = tmp_path / "inbox" / "high" / "load-00000009.json"
    while not urgent.exists():
        assert load.handing_in()
        time.sleep(0.001)
    assert json.loads(urgent.read_text())["from"] == "URGENT"
    (bulk,) = (tmp_path / "inbox" / "bulk").iterdir()
    assert {json.loads(line)["from"] for line in bulk.read_text().splitlines()} == {"ACME"}
    assert _ids(bulk) == ["load-7", "load-8"]
    load.answered(1)
    assert load.handing_in()
    load.answered(1_000_000)
    while load.handing_in():
        time.sleep(0.001)
    assert load.messages == 2 + len(list(urgent.parent.iterdir()))


def test_what_comes_meanwhile_ends_when_the_lines_have_their_reports(tmp_path: Path) -> None:
    load = _queued(tmp_path)
    assert load.handing_in()
    (tmp_path / "done" / "day").mkdir(parents=True)
    (tmp_path / "done" / "day" / "waiting.jsonl.report.json").touch()
    while load.handing_in():
        time.sleep(0.001)


def test_few_destinations_have_their_messages_in_turn(tmp_path: Path) -> None:
    profile = replace(PROFILES["throttled"], messages=5, destinations=2)
    load = Workload(profile, tmp_path, "+346", receipts=True)
    load.prepare()
    lines = (tmp_path / "inbox" / "tmp" / "load-0.jsonl").read_text().splitlines()
    assert [json.loads(line)["to"][-1] for line in lines] == list("01010")
