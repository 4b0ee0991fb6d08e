"""`outgoing/`: which files are taken, and that a crash between any two steps hands each in once."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from smppd.events import Event, FileWaiting
from smppd.message import ErrorInfo
from smppd.placing import write_whole
from smppd.smstools_text import CheckedName, Habits, is_checked_id, read_checked
from smppd.spool import smstools
from smppd.spool.smstools import FOLDERS, Outgoing, OutgoingRules

if TYPE_CHECKING:
    from trio.testing import MockClock

NOW = 1_795_258_740.0


class DiedError(Exception):
    """The process is gone."""


class Rig:
    """The folders, and what a daemon and a journal would know."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in (*FOLDERS, "inbox/tmp", "work"):
            (root / name).mkdir(parents=True)
        self.known: set[str] = set()
        self.told: list[Event] = []
        self.expected: list[CheckedName] = []
        self.refused: list[tuple[str, str]] = []

    def expect(self, name: CheckedName) -> None:
        self.expected.append(name)

    async def refuse(self, name: CheckedName, mistake: ErrorInfo) -> None:
        self.refused.append((name.name, mistake.code))
        (self.root / "checked" / str(name)).unlink()

    async def run(self, seconds: float = 10.0, *, dies_in: str = "") -> None:
        """A daemon for some time; `dies_in`: it ends when it has done this step."""

        async def run_sync(step: Callable[..., Any], *arguments: Any) -> Any:
            await trio.lowlevel.checkpoint()
            found = step(*arguments)
            if found and step.__name__ == dies_in:
                raise DiedError
            return found

        rules = OutgoingRules(1.0, 2.0, Habits(report=False))
        around = (lambda: NOW + trio.current_time(), run_sync)
        outgoing = Outgoing(
            self.root, rules, self, self.known.__contains__, self.told.append, around
        )
        with trio.move_on_after(seconds):
            await outgoing.run()

    def put(self, name: str, content: str = "To: 34600000001\n\nx", *, moved: bool = True) -> Path:
        path = self.root / "outgoing" / name
        path.write_text(content)
        if moved:
            os.utime(path, (1, 1))
        return path

    @property
    def lines(self) -> list[dict[str, Any]]:
        paths = sorted(path for path in (self.root / "inbox").iterdir() if path.is_file())
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).iterdir())


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_a_file_that_was_moved_in_is_taken_at_once(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.put("send_Ab12")
    await rig.run(0.5)
    (line,) = rig.lines
    (name,) = rig.expected
    assert line == {"to": "+34600000001", "text": "x", "receipt": False, "id": name.id}
    assert (name.name, is_checked_id(name.id)) == ("send_Ab12", True)
    assert rig.names("checked") == [str(name)]
    assert read_checked(str(name)) == name


async def test_one_that_is_still_written_is_not(rig: Rig, autojump_clock: MockClock) -> None:
    rig.put("growing", moved=False)
    rig.put("mktemp", "", moved=True)
    rig.put(".hidden")
    rig.put("LOCKED.1")
    rig.put("a.LOCK")
    rig.put("a")
    (rig.root / "outgoing" / "folder").mkdir()
    (rig.root / "outgoing" / "link").symlink_to("a")
    await rig.run(1.5)
    assert rig.lines == []
    await rig.run(4.0)
    assert [name.name for name in rig.expected] == ["growing"]


async def test_the_oldest_go_first_in_lots(
    rig: Rig, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smstools, "LOT", 3)
    for number in range(7):
        os.utime(rig.put(f"{9 - number}", f"To: 34600000001\n\n{number}"), (number, number))
    await rig.run()
    assert [line["text"] for line in rig.lines] == list("0123456")
    assert len({line["id"] for line in rig.lines}) == 7
    assert len([path for path in (rig.root / "inbox").iterdir() if path.is_file()]) == 3


async def test_what_cannot_be_sent_is_refused_and_the_rest_is_not(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.put("good")
    rig.put("letter", "dear all, this is no message")
    rig.put("call", "To: 34600000001\nVoicecall: yes\n\nTONE: 1")
    await rig.run()
    assert len(rig.lines) == 1
    assert sorted(rig.refused) == [("call", "NOT_BY_SMPP"), ("letter", "NO_HEADERS")]


@pytest.mark.parametrize("dies_in", ["_take", "_hand_in"])
async def test_a_crash_hands_nothing_in_twice_and_loses_nothing(
    rig: Rig, autojump_clock: MockClock, dies_in: str
) -> None:
    for number in range(3):
        rig.put(f"f{number}")
    rig.put("bad", "no message")
    with pytest.raises(DiedError):
        await rig.run(dies_in=dies_in)
    assert rig.names("outgoing") == []
    assert len(rig.names("checked")) == 4
    for _ in range(2):
        await rig.run()
        assert len(rig.lines) == 3
        assert rig.refused == [("bad", "NO_HEADERS")]


@pytest.mark.parametrize("where", ["work", "journal"])
async def test_what_was_claimed_before_the_crash_is_known(
    rig: Rig, autojump_clock: MockClock, where: str
) -> None:
    rig.put("a")
    await rig.run()
    (handed_in,) = (path for path in (rig.root / "inbox").iterdir() if path.is_file())
    if where == "work":
        (rig.root / "work" / "token").mkdir()
        handed_in.rename(rig.root / "work" / "token" / handed_in.name)
    else:
        rig.known.add(handed_in.name)
        handed_in.unlink()
    await rig.run()
    assert rig.lines == []


async def test_a_failing_disk_is_told_once_and_tried_again(
    rig: Rig, autojump_clock: MockClock
) -> None:
    (rig.root / "inbox" / "tmp").rmdir()
    rig.put("a")

    async def mend() -> None:
        await trio.sleep(5)
        assert [type(each) for each in rig.told] == [FileWaiting]
        (rig.root / "inbox" / "tmp").mkdir()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(mend)
        await rig.run()
    assert len(rig.lines) == 1
    assert len(rig.told) == 1


async def test_a_disk_that_fails_in_the_middle_of_a_lot_strands_none_of_it(
    rig: Rig, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        os.utime(rig.put(f"f{number}", f"To: 34600000001\n\n{number}"), (number, number))
    rename, fails = Path.rename, ["f1"]

    def full(path: Path, target: Path) -> Path:
        if path.name in fails:
            fails.remove(path.name)
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    await rig.run()
    assert sorted(line["text"] for line in rig.lines) == list("012")
    assert len(rig.told) == 1


@pytest.mark.parametrize("dies_in", ["", "_take"])
async def test_what_is_taken_stays_taken_before_it_is_handed_in(
    rig: Rig, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    order: list[str] = []
    monkeypatch.setattr(smstools, "fsync_folder", lambda folder: order.append(folder.name))

    def write(path: Path, content: bytes) -> None:
        order.append("handed in")
        write_whole(path, content)

    monkeypatch.setattr(smstools, "write_whole", write)
    rig.put("a")
    if dies_in:
        with pytest.raises(DiedError):
            await rig.run(dies_in=dies_in)
        order.clear()
    await rig.run()
    assert set(order[: order.index("handed in")]) == {"checked", "outgoing"}


async def test_a_file_that_no_message_fills_is_refused_and_not_read(
    rig: Rig, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smstools, "LONGEST", 1000)
    rig.put("huge", "To: 34600000001\n\n" + "x" * 1000)
    rig.put("fits", "To: 34600000001\n\n" + "x" * 900)
    await rig.run()
    assert rig.refused == [("huge", "LINE_TOO_LONG")]
    assert len(rig.lines) == 1


async def test_a_link_put_in_the_place_of_what_was_taken_is_not_followed(
    rig: Rig, tmp_path: Path, autojump_clock: MockClock
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("To: 34600000001\n\nsecret")
    (rig.root / "checked" / str(CheckedName(1, 0, "a"))).symlink_to(secret)
    with pytest.raises(OSError, match="symbolic links"):
        smstools._content(rig.root / "checked" / str(CheckedName(1, 0, "a")))
