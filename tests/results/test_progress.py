"""Progress: what people can watch while a file is worked on, and that it is never in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smppd.campaign import CampaignTerms
from smppd.ledger.accounts import Accounts
from smppd.ledger.snapshot import FileAccount, Pause
from smppd.message import State
from smppd.results.progress import AT_MOST, ProgressWriter
from smppd.results.tempo import LOOKS
from smppd.results.watchlist import PATIENCE


class Watched:
    """Files in work/, and a writer that looks at them."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.now = 1_800_000_000.0
        self.files: list[FileAccount] = []
        self.accounts = Accounts()
        self.writer = ProgressWriter(work, self.accounts, lambda: self.now)

    def add(self, name: str = "a.jsonl", token: str = "t1") -> FileAccount:
        (self.work / token).mkdir(exist_ok=True)
        file = FileAccount(len(self.files) + 1, token, name, 1, self.now)
        self.files.append(file)
        self.accounts.files[file.file_id] = file
        return file

    def look(self) -> None:
        self.now += 2.0
        self.writer.write()

    def path(self, name: str = "a.jsonl", token: str = "t1") -> Path:
        return self.work / token / f"{name}.progress.json"

    def read(self, name: str = "a.jsonl", token: str = "t1") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path(name, token).read_bytes())
        return found


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def count(file: FileAccount, **states: int) -> None:
    for name, number in states.items():
        file.states[State[name.upper()]] = number
    file.items = sum(file.states)
    file.done = file.states[State.DELIVERED]


def test_a_file_in_work_has_its_progress_beside_it(watched: Watched) -> None:
    count(watched.add(), queued=3, delivered=2)
    watched.look()
    assert watched.read() == {
        "file": "a.jsonl",
        "campaign": "a.jsonl",
        "read": False,
        "total": 5,
        "done": 2,
        "states": {"queued": 3, "delivered": 2},
        "rate": 0.0,
        "time_left": None,
        "held": None,
        "updated": "2027-01-15T08:00:02.000Z",
    }
    assert [path.name for path in watched.path().parent.iterdir()] == ["a.jsonl.progress.json"]


def test_a_file_that_is_done_within_a_second_leaves_no_trace(watched: Watched) -> None:
    watched.add()
    watched.now += 0.5
    watched.writer.write()
    assert not watched.path().exists()


def test_of_a_single_message_nothing_is_written_for_a_while(watched: Watched) -> None:
    file = watched.add()
    file.closed = True
    count(file, sent=1)
    watched.look()
    assert not watched.path().exists()
    watched.now += PATIENCE
    watched.writer.write()
    assert watched.read()["states"] == {"sent": 1}


def test_progress_is_written_when_something_has_changed(watched: Watched) -> None:
    file = watched.add()
    count(file, queued=2)
    watched.look()
    before = watched.path().stat().st_ino
    watched.look()
    assert watched.path().stat().st_ino == before
    count(file, queued=1, delivered=1)
    watched.look()
    assert watched.read()["done"] == 1


def test_it_says_when_all_of_the_file_has_been_read(watched: Watched) -> None:
    """Even when the link is down and no message changes its state."""
    file = watched.add()
    count(file, queued=2)
    watched.look()
    assert watched.read()["read"] is False
    file.closed = True
    watched.look()
    assert watched.read()["read"] is True


def test_a_file_that_is_reported_or_gone_is_left_alone(watched: Watched) -> None:
    count(watched.add("a.jsonl", "t1"), queued=1)
    reported = watched.add("b.jsonl", "t2")
    count(reported, queued=1)
    reported.reported = True
    gone = watched.add("c.jsonl", "t3")
    count(gone, queued=1)
    (watched.work / "t3").rmdir()
    watched.look()
    assert watched.path("a.jsonl", "t1").exists()
    assert not watched.path("b.jsonl", "t2").exists()
    assert not (watched.work / "t3").exists()


def test_progress_says_how_fast_it_goes_and_how_long_it_will_take(watched: Watched) -> None:
    file = watched.add()
    file.closed = True
    for sent in (0, 40, 80, 120):
        count(file, queued=200 - sent, sent=sent)
        watched.look()
    told = watched.read()
    assert (told["rate"], told["time_left"]) == (20.0, 4.0)
    (figures,) = watched.writer.campaigns(5)
    assert (figures.rate, figures.time_left, figures.total) == (20.0, 4.0, 200)


def test_a_rate_is_of_late_and_comes_to_nothing_when_nothing_leaves(watched: Watched) -> None:
    file = watched.add()
    file.closed = True
    count(file, queued=100, sent=100)
    watched.look()
    count(file, queued=50, sent=150)
    watched.look()
    assert watched.read()["rate"] == 25.0
    for _ in range(LOOKS):
        watched.look()
    assert (watched.read()["rate"], watched.read()["time_left"]) == (0.0, None)


def test_what_came_back_and_a_clock_set_back_make_no_rate_below_nothing(watched: Watched) -> None:
    file = watched.add()
    count(file, queued=10, sent=90)
    watched.look()
    count(file, queued=60, sent=40)
    watched.look()
    assert watched.read()["rate"] == 0.0
    watched.now -= 1.0
    count(file, queued=20, sent=80)
    watched.writer.write()
    assert watched.read()["rate"] == 0.0
    count(file, queued=10, sent=90)
    watched.look()
    assert watched.read()["rate"] == 5.0


def test_a_campaign_that_is_held_says_why_and_not_how_long_it_will_take(watched: Watched) -> None:
    file = watched.add()
    file.closed, file.terms = True, CampaignTerms("spring")
    count(file, queued=100)
    watched.look()
    count(file, queued=50, sent=50)
    file.held = Pause(watched.now, "paused by hand", "ana")
    watched.look()
    told = watched.read()
    assert (told["campaign"], told["held"]) == ("spring", "paused by hand (ana)")
    assert (told["rate"], told["time_left"]) == (25.0, None)


def test_the_campaigns_that_are_told_of_are_held_or_long(watched: Watched) -> None:
    for number in range(30):
        file = watched.add(f"{number}.jsonl", f"t{number}")
        file.closed = True
        count(file, queued=number)
    watched.files[3].held = Pause(watched.now, "paused by hand", "ana")
    names = [figures.file for figures in watched.writer.campaigns(3)]
    assert names == ["3.jsonl", "29.jsonl", "28.jsonl"]
    assert [figures.file for figures in watched.writer.campaigns(99)][-1] == "2.jsonl"
    assert watched.writer.campaigns_beyond(3) == 25
    assert watched.writer.campaigns_beyond(99) == 0


def test_a_campaign_that_moves_is_told_of_before_a_longer_one_that_waits(watched: Watched) -> None:
    for number in range(30):
        file = watched.add(f"{number}.jsonl", f"t{number}")
        file.closed = True
        count(file, queued=100 + number)
    watched.look()
    count(watched.files[7], queued=50, sent=50)
    watched.look()
    names = [figures.file for figures in watched.writer.campaigns(2)]
    assert names == ["7.jsonl", "29.jsonl"]


def test_of_very_many_files_of_one_message_some_are_looked_at_each_time(watched: Watched) -> None:
    files = [watched.add(f"{number}.json") for number in range(2 * AT_MOST + 50)]
    for file in files:
        file.closed = True
        count(file, queued=1)
    files[1].reported = True
    watched.now += PATIENCE
    for seen in (AT_MOST, 2 * AT_MOST, 2 * AT_MOST + 49):
        watched.look()
        assert len(list((watched.work / "t1").iterdir())) in (seen, seen - 1)
    assert not watched.path("1.json").exists()
    watched.path("0.json").unlink()
    watched.path("7.json").unlink()
    count(files[0], queued=0, sent=1)
    for _ in range(3):
        watched.look()
    assert watched.read("0.json")["states"] == {"sent": 1}
    assert not watched.path("7.json").exists(), "nothing has changed of it"


def test_what_is_done_is_looked_at_no_more(watched: Watched) -> None:
    for number in range(3 * AT_MOST):
        file = watched.add(f"{number}.json")
        file.closed = True
        count(file, delivered=1)
    last = watched.add("last.json")
    last.closed = True
    count(last, sent=1)
    watched.now += PATIENCE
    watched.look()
    assert [path.name for path in (watched.work / "t1").iterdir()] == ["last.json.progress.json"]


def test_a_file_of_one_message_that_is_held_is_told_of(watched: Watched) -> None:
    file = watched.add("one.json")
    file.closed = True
    count(file, queued=1)
    assert watched.writer.campaigns(5) == []
    file.held = Pause(watched.now, "paused by hand", "ana")
    watched.accounts.restrain(file)
    assert [figures.held for figures in watched.writer.campaigns(5)] == ["paused by hand (ana)"]
