"""Which files of the inbox are finished, which wait, and which are refused."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from smppd.spool import inbox as inbox_module
from smppd.spool import sightings
from smppd.spool.inbox import LOT, LaneInbox, Look
from smppd.spool.judging import IntakeRules
from smppd.spool.quarantine import Unusable

GOOD = b'{"to": "1", "text": "a"}\n'


class Desk:
    """A lane's folder, with clocks that a test moves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[tuple[str, str]] = []
        self.refused: dict[str, Unusable] = {}
        self.now = 100.0
        self.wall = time.time()
        self.inbox = LaneInbox(
            folder,
            IntakeRules(poll_interval=1.0, settle=2.0, max_line=1000),
            lambda: self.wall,
            lambda path, reason: self.told.append((path.name, reason)),
        )

    def look(self, after: float = 0.0) -> list[str]:
        """List after this many seconds; the names that are ready."""
        self.now += after
        self.wall += after
        self.inbox.list_again()
        return self.look_on()

    def look_on(self) -> list[str]:
        names = []
        self.refused = {}
        while True:
            look = self.look_at_lot(10)
            names += [name for name, _ in look.found]
            self.refused |= dict(look.refused)
            if not self.inbox.has_more:
                return sorted(names)

    def look_at_lot(self, limit: int) -> Look:
        names = self.inbox.gather(limit, self.now)
        return self.inbox.judge(names, self.inbox.looking_at(names)(), self.now)

    def write(self, name: str, content: bytes = GOOD, age: float = 0.0) -> Path:
        """A file written in place whose last change, by its times, is this old."""
        path = self.folder / name
        path.write_bytes(content)
        self._age(path, age)
        return path

    def _age(self, path: Path, age: float) -> None:
        """Setting the times would look like a rename, so the clock is what is moved."""
        if age:
            self.wall = max(self.wall, path.stat().st_mtime + age)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_file_that_was_renamed_in_is_ready_at_once(desk: Desk) -> None:
    desk.write("a.jsonl", b"half a li")
    desk.inbox.expect("a.jsonl", moved=True)
    assert desk.look_on() == ["a.jsonl"]


def test_a_file_that_was_closed_must_rest(desk: Desk) -> None:
    desk.write("a.jsonl")
    desk.inbox.expect("a.jsonl", moved=False)
    assert desk.look_on() == []
    assert desk.inbox.next_due() == pytest.approx(desk.now + 2, abs=0.2)
    desk.now, desk.wall = desk.now + 2.1, desk.wall + 2.1
    assert desk.look_on() == ["a.jsonl"]


def test_listing_finds_what_nobody_told(desk: Desk) -> None:
    desk.write("a.jsonl")
    desk.write("b.json")
    assert desk.look() == []
    assert desk.look(after=2.1) == ["a.jsonl", "b.json"]


def test_a_file_that_still_grows_waits(desk: Desk) -> None:
    path = desk.write("a.jsonl")
    for _ in range(3):
        assert desk.look(after=1.5) == []
        with path.open("ab") as file:
            file.write(GOOD)
        os.utime(path, (desk.wall, desk.wall))
    assert desk.look(after=1.5) == []
    assert desk.look(after=1.0) == ["a.jsonl"]


def test_a_clock_that_went_back_holds_nothing_up(desk: Desk) -> None:
    desk.write("a.jsonl")
    desk.wall -= 3600
    assert desk.look() == []
    assert desk.look(after=2.1) == ["a.jsonl"]


@pytest.mark.parametrize(
    ("name", "half", "rest"),
    [("a.jsonl", GOOD + b'{"to"', b': "2", "text": "b"}\n'), ("a.json", GOOD[:9], GOOD[9:])],
)
def test_half_a_file_waits_and_the_operator_is_told_once(
    desk: Desk, name: str, half: bytes, rest: bytes
) -> None:
    path = desk.write(name, half)
    assert desk.look(after=50) == []
    assert desk.told == []
    assert desk.look(after=61) == []
    assert desk.look(after=61) == []
    ((told, reason),) = desk.told
    assert told == name
    assert "rename" in reason
    with path.open("ab") as file:
        file.write(rest)
    os.utime(path, (desk.wall, desk.wall))
    assert desk.look() == []
    assert desk.look(after=2.1) == [name]


def test_no_more_files_are_remembered_than_there_is_room_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "REMEMBERED", 2)
    paths = [desk.write(f"{name}.jsonl", GOOD[:9]) for name in "abc"]
    assert desk.look(after=50) == []
    assert desk.look(after=61) == []
    assert len(desk.told) == 2
    for path in paths:
        path.write_bytes(GOOD)
        os.utime(path, (desk.wall - 10, desk.wall - 10))
    desk.look()
    assert desk.look(after=2.1) == ["a.jsonl", "b.jsonl", "c.jsonl"]


def test_what_can_never_be_taken_is_remembered_within_bounds_and_told_in_turn(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "REMEMBERED", 2)
    for number in range(3):
        (desk.folder / f"folder{number}").mkdir()
    assert desk.look() == []
    assert desk.look(after=1) == []
    first = [name for name, _ in desk.told]
    assert len(first) == 2, "each of them once, however often it is looked"
    (desk.folder / first[0]).rmdir()
    desk.look(after=1)
    desk.look(after=1)
    assert sorted(name for name, _ in desk.told) == ["folder0", "folder1", "folder2"]


def test_half_a_file_that_was_renamed_in_unseen_is_taken(desk: Desk) -> None:
    path = desk.write(".draft", GOOD[:9])
    os.utime(path, (1_000_000, 1_000_000))
    path.rename(desk.folder / "a.jsonl")
    assert desk.look() == ["a.jsonl"]


def test_a_broken_message_is_taken_so_that_its_writer_learns_why(desk: Desk) -> None:
    desk.write("a.json", b'{"to": nope}')
    assert desk.look(after=2.1) == ["a.json"]


def test_a_message_too_long_is_taken_once_it_closes(desk: Desk) -> None:
    desk.write("a.json", b'{"x-a": "' + b"a" * 5000)
    desk.write("b.json", b'{"x-a": "' + b"a" * 5000 + b'"}\n')
    assert desk.look(after=2.1) == ["b.json"]


def test_a_second_name_is_not_yet_a_hand_in(desk: Desk) -> None:
    draft = desk.write(".draft")
    os.link(draft, desk.folder / "a.jsonl")
    desk.inbox.expect("a.jsonl", moved=True)
    assert desk.look_on() == []
    assert desk.look(after=70) == []
    assert desk.look(after=70) == []
    assert [name for name, _ in desk.told] == ["a.jsonl"]
    assert "hard link" in desk.told[0][1]
    draft.unlink()
    assert desk.look(after=2.1) == ["a.jsonl"]


@pytest.mark.parametrize(
    "name", [".a.jsonl", "a.jsonl.tmp", "a.jsonl.part", ".a.jsonl.swp", "a.swp", "a.jsonl~"]
)
def test_drafts_are_ignored(desk: Desk, name: str) -> None:
    desk.write(name, b"")
    desk.inbox.expect(name, moved=True)
    assert desk.look(after=100) == []
    assert (desk.refused, desk.told) == ({}, [])


def test_our_own_folders_are_ignored_and_others_told_once(desk: Desk) -> None:
    for name in ("tmp", "high", "bulk", "july"):
        (desk.folder / name).mkdir()
        (desk.folder / name / "a.jsonl").write_bytes(GOOD)
    for _ in range(3):
        assert desk.look(after=100) == []
    assert [name for name, _ in desk.told] == ["july"]
    assert desk.refused == {}


def make_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("make", [make_link, os.mkfifo])
def test_links_and_pipes_are_refused(desk: Desk, make: Callable[[Path], None]) -> None:
    make(desk.folder / "a.jsonl")
    assert desk.look() == []
    assert "not a plain file" in desk.refused["a.jsonl"].reason


@pytest.mark.parametrize(
    ("octets", "word"),
    [
        (b"a.xls", "no known extension"),
        (b"README", "no known extension"),
        (b"a\xff.jsonl", "unprintable"),
        (b"a\nb.jsonl", "unprintable"),
        (b"a" * 230 + b".jsonl", "longer than 200"),
        (b"a.jsonl.progress.json", "the daemon uses itself"),
    ],
)
def test_a_name_may_not_fit(desk: Desk, octets: bytes, word: str) -> None:
    name = os.fsdecode(octets)
    desk.write(name)
    assert desk.look() == []
    assert desk.refused == {}
    assert desk.look(after=2.1) == []
    assert word in desk.refused[name].reason
    assert desk.refused[name].cure


def test_an_unknown_extension_names_the_known_ones(desk: Desk) -> None:
    desk.write("a.xls")
    desk.look(after=2.1)
    assert (
        desk.refused["a.xls"].cure
        == "name it .json, .jsonl, .csv, .sms or .txt, each also with .gz"
    )


def test_progress_in_a_name_is_no_matter_of_itself(desk: Desk) -> None:
    desk.write("a.progress.json")
    assert desk.look(after=2.1) == ["a.progress.json"]


def test_an_empty_file_is_refused_once_it_rests(desk: Desk) -> None:
    desk.write("a.jsonl", b"")
    assert desk.look() == []
    assert desk.refused == {}
    desk.look(after=2.1)
    assert "empty" in desk.refused["a.jsonl"].reason


def test_an_unreadable_file_stays_and_is_told_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.write("a.jsonl")
    path.chmod(0)
    if os.geteuid() == 0:
        monkeypatch.setattr(os, "access", lambda *_args, **_options: False)
    assert desk.look() == []
    for _ in range(3):
        assert desk.look(after=2.1) == []
    assert [name for name, _ in desk.told] == ["a.jsonl"]
    assert "chmod" in desk.told[0][1]
    path.chmod(0o600)
    monkeypatch.undo()
    assert desk.look(after=1) == ["a.jsonl"]


def test_a_file_that_goes_away_is_forgotten(desk: Desk) -> None:
    path = desk.write("a.jsonl", GOOD[:5])
    desk.look(after=10)
    path.unlink()
    desk.look(after=61)
    desk.write("a.jsonl", GOOD[:5])
    desk.look(after=30)
    assert desk.told == []
    assert desk.look(after=61) == []
    assert len(desk.told) == 1


def test_many_files_come_in_lots_from_one_listing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted(f"{number:04}.json" for number in range(1000))
    for name in names:
        desk.write(name, age=5)
    listings = []
    real = os.scandir

    def scandir(folder: Path) -> object:
        listings.append(folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    found = []
    while desk.inbox.has_more:
        look = desk.look_at_lot(100)
        assert len(look.found) <= 100
        for name, _ in look.found:
            (desk.folder / name).unlink()
            found.append(name)
    assert sorted(found) == names
    assert len(listings) == 1


def test_one_look_is_bounded_even_when_nothing_is_ready(desk: Desk) -> None:
    for number in range(LOT * 2):
        desk.write(f"{number}.part")
    assert desk.look_at_lot(10).found == []
    assert desk.inbox.has_more


def test_too_many_names_told_fall_back_to_listing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "REMEMBERED", 2)
    desk.look()
    for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
        desk.write(name)
        desk.inbox.expect(name, moved=True)
    assert desk.look_on() == ["a.jsonl", "b.jsonl"]
    desk.wall += 2.1
    assert desk.look() == ["a.jsonl", "b.jsonl", "c.jsonl"]


def test_a_folder_that_is_gone_has_nothing_until_it_is_there_again(desk: Desk) -> None:
    desk.folder.rmdir()
    assert desk.look() == []
    desk.folder.mkdir()
    desk.write("a.jsonl")
    assert desk.look(after=2.1) == ["a.jsonl"]
