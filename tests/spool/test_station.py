"""The whole station: files in, lines admitted, each once, whatever happens meanwhile."""

from __future__ import annotations

import errno
import json
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
import trio
from trio.testing import MockClock

from smppd.campaign import NO_TERMS, CampaignTerms
from smppd.disk import Disk
from smppd.events import (
    DiskFailing,
    DiskRecovered,
    Event,
    FileClaimed,
    FileQuarantined,
    FileWaiting,
    InboxMadeAgain,
    InboxUnwatched,
)
from smppd.message import Lane, PlainRequest
from smppd.placing import fsync_folder
from smppd.ports import Brief, Claimed, Line, Unread
from smppd.spool import claiming, intake, lanes, station
from smppd.spool.chunks import CHUNK, Chunk, Source
from smppd.spool.claiming import claim
from smppd.spool.folders import INBOX, prepare_root
from smppd.spool.inbox import LOT
from smppd.spool.judging import IntakeRules
from smppd.spool.lanes import BACKLOG, LONG_AT_ONCE, SHORT_AT_ONCE
from smppd.spool.quarantine import Unusable, quarantine
from smppd.spool.reading import open_source
from smppd.spool.space import Space
from smppd.spool.station import Spool
from smppd.spool.watching import Overflow

T = TypeVar("T")


@dataclass
class AdmittedFile:
    """What the journal would hold of a file."""

    file_id: int
    claimed: Claimed
    offset: int = 0
    line: int = 0
    lines: list[Line] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)
    closed: int = 0
    terms: CampaignTerms = NO_TERMS


class MemoryAdmission:
    """Keeps what it is given; each call takes `before` seconds, then has its effect, then `after`."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], AdmittedFile] = {}
        self.withdrawn: list[str] = []
        self.before = 0.0
        self.after = 0.0
        self.commits = 0
        self.at_once = 0
        self.most_at_once = 0
        self.order: list[str] = []
        self.brief = 0
        self.crowded: set[Lane] = set()
        self._given = 0
        self._changed = trio.Event()

    async def _commit(self, seconds: float) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await trio.sleep(seconds)
        finally:
            self.at_once -= 1

    def _happened(self) -> None:
        self.commits += 1
        self._changed.set()
        self._changed = trio.Event()

    def _file(self, file_id: int) -> AdmittedFile:
        return next(each for each in self.files.values() if each.file_id == file_id)

    async def open_file(self, claimed: Claimed) -> Unread:
        await self._commit(self.before)
        key = claimed.token, claimed.name
        if key not in self.files:
            self._given += 1
            self.files[key] = AdmittedFile(self._given, claimed)
        file = self.files[key]
        self._happened()
        await self._commit(self.after)
        return Unread(file.file_id, claimed, file.offset, file.line, file.terms)

    async def note_terms(self, file_id: int, terms: CampaignTerms) -> None:
        await self._commit(self.before)
        self._file(file_id).terms = terms
        self._happened()
        await self._commit(self.after)

    async def admit(self, file_id: int, lines: Sequence[Line], offset: int, line: int) -> None:
        await self._commit(self.before)
        file = self._file(file_id)
        assert offset > file.offset
        assert lines[0].number > file.line
        assert line >= lines[-1].number
        file.lines += lines
        file.chunks.append(len(lines))
        file.offset, file.line = offset, line
        self.order.append(file.claimed.name)
        self._happened()
        await self._commit(self.after)

    async def close_file(self, file_id: int) -> None:
        await self._commit(self.before)
        self._file(file_id).closed += 1
        self._happened()
        await self._commit(self.after)

    def has_closed(self, count: int) -> bool:
        return len(self.closed_names()) >= count

    def is_crowded(self, lane: Lane) -> bool:
        return lane in self.crowded

    async def admit_brief(self, files: Sequence[Brief]) -> None:
        await self._commit(self.before)
        for each in files:
            self._given += 1
            key = each.claimed.token, each.claimed.name
            assert key not in self.files
            file = self.files[key] = AdmittedFile(self._given, each.claimed)
            file.lines.append(each.line)
            file.chunks.append(1)
            file.offset, file.line, file.closed = each.octets, 1, 1
            self.order.append(each.claimed.name)
        self.brief += len(files)
        self._happened()
        await self._commit(self.after)

    async def withdraw_file(self, file_id: int) -> None:
        await self._commit(self.before)
        file = self._file(file_id)
        assert not file.lines
        self.withdrawn.append(file.claimed.name)
        del self.files[file.claimed.token, file.claimed.name]
        self._happened()
        await self._commit(self.after)

    def is_read(self, token: str, name: str) -> bool:
        file = self.files.get((token, name))
        return file is not None and file.closed > 0

    def named(self, name: str) -> list[AdmittedFile]:
        return [file for (_, each), file in self.files.items() if each == name]

    def closed_names(self) -> list[str]:
        return sorted(file.claimed.name for file in self.files.values() if file.closed)

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(1000):
            while not condition():
                await self._changed.wait()


class Events:
    """Everything that was emitted."""

    def __init__(self) -> None:
        self.all: list[Event] = []
        self._changed = trio.Event()

    def emit(self, event: Event) -> None:
        self.all.append(event)
        self._changed.set()
        self._changed = trio.Event()

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.all if isinstance(event, kind)]

    async def wait_for(self, kind: type[T], count: int = 1) -> list[T]:
        with trio.fail_after(1000):
            while len(self.of(kind)) < count:
                await self._changed.wait()
        return self.of(kind)


async def run_here(sync_fn: Callable[..., T], *args: object) -> T:
    """Instead of a thread: a moment passes, then the call is made in place."""
    await trio.sleep(0.001)
    return sync_fn(*args)


class Bench:
    """A spool's root with what a test does to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.admission = MemoryAdmission()
        self.events = Events()
        self.rules = IntakeRules(poll_interval=1.0, settle=2.0, max_line=100_000)
        self._ahead: float | None = None

    def wall(self) -> float:
        """The files' clock, moving as the test's does."""
        if self._ahead is None:
            self._ahead = time.time() - trio.current_time()
        return self._ahead + trio.current_time()

    def spool(self) -> Spool:
        return Spool(
            self.root,
            self.admission,
            self.events.emit,
            rules=self.rules,
            wall=self.wall,
            run_sync=run_here,
        )

    def inbox(self, lane: Lane = Lane.NORMAL) -> Path:
        return self.root / INBOX[lane]

    def hand_in(self, name: str, content: bytes, lane: Lane = Lane.NORMAL) -> Path:
        """As the contract asks: written aside, renamed in."""
        draft = self.root / "inbox" / "tmp" / name
        draft.write_bytes(content)
        return draft.rename(self.inbox(lane) / name)

    def write(self, name: str, content: bytes, lane: Lane = Lane.NORMAL) -> Path:
        """Straight into the inbox."""
        path = self.inbox(lane) / name
        path.write_bytes(content)
        return path

    def files_in(self, folder: str) -> list[str]:
        """Every file below a folder of the spool, without the day."""
        return sorted(path.name for path in (self.root / folder).rglob("*") if not path.is_dir())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    assert prepare_root(tmp_path / "spool") is None
    return tmp_path / "spool"


@pytest.fixture
def bench(root: Path) -> Bench:
    return Bench(root)


def message(number: int) -> bytes:
    return b'{"to": "%d", "text": "Hola"}\n' % (34_600_000_000 + number)


def batch(count: int) -> bytes:
    return b"".join(message(number) for number in range(1, count + 1))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def numbers(lines: list[Line]) -> list[int]:
    return [line.number for line in lines]


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Spool]:
    """The station at work; cancelled at the end, as by a kill."""
    spool = bench.spool()
    async with trio.open_nursery() as nursery:
        await nursery.start(spool.run)
        yield spool
        nursery.cancel_scope.cancel()


@pytest.fixture(params=["inotify", "polling"])
def _noticing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "polling":
        monkeypatch.setattr(station, "Watch", no_watches_left)


# ── files in ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("_noticing")
async def test_hand_ins_of_all_lanes_are_admitted(bench: Bench, autojump_clock: MockClock) -> None:
    bench.hand_in("before.jsonl", batch(3))
    async with running(bench) as spool:
        bench.hand_in("urgent.json", message(1), Lane.HIGH)
        bench.hand_in("news.jsonl", batch(700), Lane.BULK)
        bench.write("copied.json", message(1))
        await bench.admission.wait_until(lambda: len(bench.admission.closed_names()) == 4)
        await trio.testing.wait_all_tasks_blocked()
    assert bench.admission.closed_names() == [
        "before.jsonl",
        "copied.json",
        "news.jsonl",
        "urgent.json",
    ]
    (news,) = bench.admission.named("news.jsonl")
    assert numbers(news.lines) == list(range(1, 701))
    assert news.chunks == [CHUNK, CHUNK, 200]
    assert news.claimed.lane is Lane.BULK
    assert (spool.figures.claimed, spool.figures.admitted, spool.figures.lines) == (4, 4, 705)
    claimed = {(event.file, event.lane) for event in bench.events.of(FileClaimed)}
    assert ("urgent.json", "high") in claimed
    assert bench.files_in("inbox") == []
    assert bench.files_in("work") == bench.admission.closed_names()


async def test_a_rename_is_noticed_without_waiting_for_a_listing(bench: Bench) -> None:
    """On the real clock: the next listing would come in an hour."""
    bench.rules = type(bench.rules)(poll_interval=3600.0, settle=3600.0, max_line=1000)
    async with running(bench):
        await trio.testing.wait_all_tasks_blocked(0.01)
        bench.hand_in("a.json", message(1))
        bench.write("b.json", message(1))
        await bench.admission.wait_until(lambda: bench.admission.closed_names() == ["a.json"])
    assert bench.files_in("inbox") == ["b.json"]


def no_watches_left(_folders: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_without_inotify_somebody_is_told_and_files_are_found_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setattr(station, "Watch", no_watches_left)
    async with running(bench):
        bench.hand_in("a.json", message(1))
        await bench.admission.wait_until(lambda: bench.admission.closed_names() == ["a.json"])
    told = bench.events.of(InboxUnwatched)
    assert [event.reason for event in told] == ["No space left on device"]


@pytest.mark.parametrize("moved", [False, True])
async def test_a_folder_of_the_inbox_that_somebody_took_away_is_made_and_watched_again(
    bench: Bench, autojump_clock: MockClock, moved: bool
) -> None:
    bench.rules = type(bench.rules)(poll_interval=3600.0, settle=0.0, max_line=1000)
    high = bench.root / "inbox" / "high"
    async with running(bench):
        await trio.testing.wait_all_tasks_blocked(0.01)
        if moved:
            high.rename(bench.root / "elsewhere")
        else:
            high.rmdir()
        assert await bench.events.wait_for(InboxMadeAgain) == [InboxMadeAgain("inbox/high")]
        bench.hand_in("b.json", message(1), Lane.HIGH)
        with trio.fail_after(60):  # long before the folder is listed again
            await bench.admission.wait_until(lambda: bench.admission.closed_names() == ["b.json"])


async def test_a_file_for_which_bad_has_no_room_waits_and_holds_up_nothing_else_for_good(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    attempts = 0

    def full_twice(*arguments: Any) -> Path:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return quarantine(*arguments)

    monkeypatch.setattr(intake, "quarantine", full_twice)
    async with running(bench):
        bench.hand_in("a.xml", b"<sms/>\n")
        bench.hand_in("b.json", message(1))
        await bench.admission.wait_until(lambda: bench.admission.closed_names() == ["b.json"])
        await bench.events.wait_for(FileQuarantined)
    assert bench.files_in("inbox") == []
    assert attempts == 3


async def test_files_are_read_that_were_claimed_before_the_disk_took_no_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    rename, fails = os.rename, ["b.json"]

    def full(path: str, target: str) -> None:
        if Path(path).name in fails:
            raise OSError(errno.ENOSPC, "No space left on device", path)
        rename(path, target)

    for name in ("a.json", "b.json", "c.json"):
        bench.hand_in(name, message(1))
    monkeypatch.setattr(os, "rename", full)
    async with running(bench):
        await trio.sleep(20)
        assert "b.json" not in bench.admission.closed_names()
        assert all(path.is_file() for path in bench.root.glob("inbox/b.json"))
        work = [path.name for path in bench.root.glob("work/*/*.json")]
        assert sorted(work) == sorted(bench.admission.closed_names()), "nothing lies there unread"
        fails.clear()
        await bench.admission.wait_until(lambda: len(bench.admission.closed_names()) == 3)


async def test_a_claim_that_the_disk_does_not_take_is_synced_before_it_is_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    failures = 3

    def failing(folder: Path) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise OSError(errno.EIO, "Input/output error", str(folder))
        fsync_folder(folder)

    monkeypatch.setattr(claiming, "fsync_folder", failing)
    async with running(bench) as spool:
        spool.mind(Space([bench.root], 0, Disk(bench.events.emit)))
        bench.hand_in("a.json", message(1))
        await bench.events.wait_for(DiskFailing)
        assert bench.files_in("work") == ["a.json"]
        assert bench.admission.files == {}, "not before it is safe"
        await bench.events.wait_for(DiskRecovered)
        await bench.admission.wait_until(lambda: bench.admission.closed_names() == ["a.json"])
    assert bench.admission.commits == 1


async def test_lost_news_make_everything_be_listed_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    bench.rules = type(bench.rules)(poll_interval=3600.0, settle=0.0, max_line=1000)

    class Deaf:
        """A watch that only ever says that it lost something."""

        def __init__(self) -> None:
            self.lost = trio.Event()

        async def wait(self) -> None:
            await self.lost.wait()

        def news(self) -> list[Overflow]:
            if not self.lost.is_set():
                return []
            self.lost = trio.Event()
            return [Overflow()]

        def close(self) -> None:
            pass

    watch = Deaf()
    monkeypatch.setattr(station, "Watch", lambda _folders: watch)
    async with running(bench):
        await trio.testing.wait_all_tasks_blocked(0.01)
        bench.hand_in("a.json", message(1))
        watch.lost.set()
        with trio.fail_after(60):
            await bench.admission.wait_until(lambda: bench.admission.closed_names() == ["a.json"])


async def test_a_bad_line_is_handed_on_and_the_rest_goes_through(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.hand_in(
        "a.jsonl", message(1) + b"rubbish\n\n" + b'{"to": "1", "txt": "a"}\n' + message(5)
    )
    async with running(bench) as spool:
        await bench.admission.wait_until(lambda: bench.admission.closed_names() == ["a.jsonl"])
    (file,) = bench.admission.named("a.jsonl")
    assert [(line.number, line.mistake and line.mistake.code) for line in file.lines] == [
        (1, None),
        (2, "BAD_JSON"),
        (4, "UNKNOWN_FIELD"),
        (5, None),
    ]
    assert spool.figures.rejected_lines == 2


# ── files that cannot be used ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b"\n\n", "is empty"),
        ("a.json", b"hello", "not JSON"),
        ("a.jsonl", b"\0\1\2", "binary"),
        ("a.xls", b"x", "no known extension"),
    ],
)
async def test_an_unusable_file_goes_to_bad_with_its_reason(
    bench: Bench, autojump_clock: MockClock, name: str, content: bytes, reason: str
) -> None:
    bench.hand_in(name, content)
    async with running(bench) as spool:
        (event,) = await bench.events.wait_for(FileQuarantined)
    assert reason in event.reason
    assert bench.files_in("bad") == [name, f"{name}.error.json"]
    assert (bench.root / event.placed).read_bytes() == content
    explanation = json.loads((bench.root / f"{event.placed}.error.json").read_text())
    assert explanation["reason"] == event.reason
    assert bench.files_in("inbox") == bench.files_in("work") == []
    assert list((bench.root / "work").iterdir()) == []
    assert bench.admission.files == {}
    assert spool.figures.quarantined == 1


async def test_the_same_bad_name_again_overwrites_nothing(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with running(bench):
        for count in range(1, 4):
            bench.hand_in("a.json", b"bad %d" % count)
            await bench.events.wait_for(FileQuarantined, count)
    placed = [bench.root / event.placed for event in bench.events.of(FileQuarantined)]
    assert [path.read_bytes() for path in placed] == [b"bad 1", b"bad 2", b"bad 3"]


async def test_links_and_pipes_are_moved_and_never_followed(
    bench: Bench, tmp_path: Path, autojump_clock: MockClock
) -> None:
    secret = tmp_path / "secret.json"
    secret.write_bytes(message(1))
    (bench.inbox() / "link.json").symlink_to(secret)
    os.mkfifo(bench.inbox(Lane.HIGH) / "pipe.jsonl")
    (bench.inbox() / "folder.json").mkdir()
    async with running(bench):
        await bench.events.wait_for(FileQuarantined, 2)
        (waiting,) = await bench.events.wait_for(FileWaiting)
        await trio.sleep(300)
    assert len(bench.events.of(FileWaiting)) == 1
    assert waiting.file == "inbox/folder.json"
    assert secret.read_bytes() == message(1)
    assert bench.admission.commits == 0
    assert {name for name in bench.files_in("bad") if "error" not in name} == {
        "link.json",
        "pipe.jsonl",
    }


async def test_a_link_that_replaced_a_file_just_before_its_claim_is_not_followed(
    bench: Bench, tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.json"
    secret.write_bytes(message(1))
    path = bench.hand_in("a.json", message(2))

    def swap(*args: Any) -> object:
        path.unlink()
        path.symlink_to(secret)
        return claim(*args)

    monkeypatch.setattr(station, "claim", swap)
    async with running(bench):
        (event,) = await bench.events.wait_for(FileQuarantined)
    assert "cannot be read" in event.reason
    assert (bench.root / event.placed).is_symlink()
    assert bench.admission.files == {}


async def test_a_file_that_cannot_be_moved_stays_and_is_told_once(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def refuse(path: str, target: str) -> None:
        if Path(path).parent == bench.inbox():
            raise PermissionError(1, "Operation not permitted", path)
        rename(path, target)

    bench.hand_in("a.json", message(1))
    bench.hand_in("a.xls", b"x")
    monkeypatch.setattr(os, "rename", refuse)
    async with running(bench):
        await bench.events.wait_for(FileWaiting, 2)
        await trio.sleep(300)
    assert sorted(event.file for event in bench.events.of(FileWaiting)) == [
        "inbox/a.json",
        "inbox/a.xls",
    ]
    assert bench.files_in("inbox") == ["a.json", "a.xls"]
    assert bench.files_in("work") == bench.files_in("bad") == []


async def test_a_disk_error_midway_leaves_the_file_for_the_next_start(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.hand_in("a.jsonl", batch(600))
    reads = 0

    class Failing:
        """The first chunk comes, then the disk fails."""

        def __init__(self, source: Source) -> None:
            self._source = source

        def next_chunk(self) -> Chunk | Unusable:
            nonlocal reads
            reads += 1
            if reads > 1:
                raise OSError(5, "Input/output error")
            return self._source.next_chunk()

        def close(self) -> None:
            self._source.close()

    with monkeypatch.context() as patch:
        patch.setattr(intake, "open_source", lambda *args: Failing(open_source(*args)))
        async with running(bench):
            (event,) = await bench.events.wait_for(FileWaiting)
    assert "Input/output error" in event.reason
    async with running(bench):
        await bench.admission.wait_until(lambda: bench.admission.closed_names() == ["a.jsonl"])
    (file,) = bench.admission.named("a.jsonl")
    assert numbers(file.lines) == list(range(1, 601))


# ── fairness and lots ────────────────────────────────────────────────────────────────────────


async def test_a_long_bulk_file_holds_up_nobody(bench: Bench, autojump_clock: MockClock) -> None:
    bench.admission.before = 0.01
    bench.hand_in("bulk.jsonl", batch(20_000), Lane.BULK)
    async with running(bench):
        await bench.admission.wait_until(lambda: "bulk.jsonl" in bench.admission.order)
        begun = trio.current_time()
        bench.hand_in("urgent.json", message(1), Lane.HIGH)
        await bench.admission.wait_until(lambda: "urgent.json" in bench.admission.closed_names())
        assert trio.current_time() - begun < 0.1
    assert "bulk.jsonl" not in bench.admission.closed_names()


async def test_long_files_of_a_lane_take_turns(bench: Bench, autojump_clock: MockClock) -> None:
    bench.admission.before = 0.01
    names = [f"{number}.jsonl" for number in range(LONG_AT_ONCE + 2)]
    async with running(bench):
        for name in names:
            bench.hand_in(name, batch(5_000))
        await bench.admission.wait_until(lambda: bench.admission.closed_names() == names)
    first = bench.admission.order[: LONG_AT_ONCE * 10]
    # One that was claimed before the others is ahead by a turn.
    assert all(9 <= first.count(name) <= 11 for name in names[:LONG_AT_ONCE])
    assert all(first.count(name) == 0 for name in names[LONG_AT_ONCE:])


async def test_short_files_are_admitted_together(bench: Bench, autojump_clock: MockClock) -> None:
    bench.admission.before = 0.01
    count = SHORT_AT_ONCE * 3
    async with running(bench):
        begun = trio.current_time()
        for number in range(count):
            bench.hand_in(f"{number}.jsonl", batch(2))
        await bench.admission.wait_until(lambda: len(bench.admission.closed_names()) == count)
        assert trio.current_time() - begun < 0.2
    assert bench.admission.most_at_once == SHORT_AT_ONCE


async def test_files_of_one_short_message_are_one_commit(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.admission.before = 0.01
    good = [f"{number}.json" for number in range(SHORT_AT_ONCE)]
    for number, name in enumerate(good):
        bench.hand_in(name, message(number))
    rejected, unusable = ["no-to.json", "no-hex.json"], ["list.json", "text.json"]
    bench.hand_in("no-to.json", b'{"text": "a"}')
    bench.hand_in("no-hex.json", b'{"to": "1", "data": "x"}')
    bench.hand_in("list.json", b"[1]")
    bench.hand_in("text.json", b"hello")
    bench.hand_in("marked.json", b"\xef\xbb\xbf" + message(1))
    async with running(bench) as spool:
        done = sorted([*good, *rejected, "marked.json"])
        await bench.admission.wait_until(lambda: sorted(bench.admission.closed_names()) == done)
        await bench.events.wait_for(FileQuarantined, 2)
    assert bench.admission.brief == len(done)
    assert bench.admission.commits < 20
    assert spool.figures.rejected_lines == len(rejected)
    assert sorted(bench.admission.withdrawn) == sorted(unusable)
    for number, name in enumerate(good):
        (file,) = bench.admission.named(name)
        assert [line.request for line in file.lines] == [
            msgspec.json.decode(message(number), type=PlainRequest)
        ]
        assert file.offset == len(message(number))


async def test_of_a_crowded_lane_a_lot_a_second_is_taken_and_others_as_ever(
    bench: Bench, autojump_clock: MockClock
) -> None:
    admission = bench.admission
    admission.crowded.add(Lane.NORMAL)
    async with running(bench):
        for number in range(LOT * 4):
            bench.hand_in(f"{number}.json", message(number))
        await admission.wait_until(lambda: admission.has_closed(LOT))
        begun = trio.current_time()
        await admission.wait_until(lambda: admission.has_closed(LOT * 2))
        assert 0.9 < trio.current_time() - begun < 1.5
        bench.hand_in("urgent.json", message(1), Lane.HIGH)
        await admission.wait_until(lambda: "urgent.json" in admission.closed_names())
        assert not admission.has_closed(LOT * 3 + 1)
        admission.crowded.clear()
        await admission.wait_until(lambda: admission.has_closed(LOT * 4 + 1))
        assert trio.current_time() - begun < 2


async def test_the_inbox_keeps_what_there_is_no_room_for(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "SHORT_AT_ONCE", 1)
    bench.admission.before = 0.01
    count = BACKLOG + 300
    for number in range(count):
        bench.hand_in(f"{number}.json", message(number))
    async with running(bench) as spool:
        await bench.admission.wait_until(lambda: len(bench.admission.closed_names()) >= 5)
        assert spool.figures.claimed <= BACKLOG + 10
        await bench.admission.wait_until(lambda: len(bench.admission.closed_names()) == count)


# ── stopping and starting again ──────────────────────────────────────────────────────────────


async def test_closing_finishes_the_chunk_in_hand(bench: Bench, autojump_clock: MockClock) -> None:
    bench.admission.before = 0.01
    bench.hand_in("a.jsonl", batch(20_000))
    spool = bench.spool()
    async with trio.open_nursery() as nursery:
        await nursery.start(spool.run)
        await bench.admission.wait_until(lambda: len(bench.admission.order) == 3)
        await trio.sleep(0.005)  # the next commit is under way
        spool.close()
        bench.hand_in("b.json", message(1))
    (file,) = bench.admission.named("a.jsonl")
    assert len(file.chunks) == 4
    assert bench.files_in("inbox") == ["b.json"]
    async with running(bench):
        await bench.admission.wait_until(lambda: len(bench.admission.closed_names()) == 2)
    assert numbers(file.lines) == list(range(1, 20_001))


async def test_a_station_closed_before_it_ran_ends_at_once(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.hand_in("a.json", message(1))
    spool = bench.spool()
    spool.close()
    await spool.run()
    assert bench.files_in("inbox") == ["a.json"]


@pytest.mark.parametrize("seed", range(12))
async def test_every_line_is_admitted_once_however_often_it_is_killed(
    bench: Bench, autojump_clock: MockClock, seed: int
) -> None:
    chance = random.Random(seed)
    bench.admission.before, bench.admission.after = 0.003, 0.002
    sizes = {f"{number}.jsonl": chance.choice([1, 3, 260, 2_000]) for number in range(20)}
    for name, size in sizes.items():
        bench.hand_in(name, batch(size), chance.choice(list(Lane)))
    bench.hand_in("bad.json", b"hello")
    bench.hand_in("worse.jsonl", b"\0\n")
    kills = 0
    while len(bench.admission.closed_names()) < len(sizes):
        kills += 1
        with trio.move_on_after(chance.uniform(0.001, 0.03) * kills):
            await bench.spool().run()
    assert kills > 2
    with trio.move_on_after(10):
        await bench.spool().run()
    for name, size in sizes.items():
        (file,) = bench.admission.named(name)
        assert numbers(file.lines) == list(range(1, size + 1))
        assert file.claimed.path.read_bytes() == batch(size)
        assert file.closed == 1
    assert bench.files_in("inbox") == []
    assert bench.files_in("work") == sorted(sizes)
    assert {name for name in bench.files_in("bad") if "error" not in name} == {
        "bad.json",
        "worse.jsonl",
    }


async def test_a_claim_is_on_disk_before_the_journal_knows_the_file(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []

    def record(folder: Path) -> None:
        assert bench.admission.commits == 0
        synced.append(folder)

    monkeypatch.setattr("smppd.spool.claiming.fsync_folder", record)
    bench.hand_in("a.json", message(1), Lane.HIGH)
    async with running(bench):
        await bench.admission.wait_until(lambda: bench.admission.closed_names() == ["a.json"])
    (file,) = bench.admission.named("a.json")
    assert synced == [file.claimed.path.parent, bench.root / "work", bench.inbox(Lane.HIGH)]


async def test_what_is_read_already_is_not_opened_again(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.hand_in("a.json", message(1))
    async with running(bench):
        await bench.admission.wait_until(lambda: bench.admission.closed_names() == ["a.json"])
    commits = bench.admission.commits
    async with running(bench):
        await trio.sleep(10)
    assert bench.admission.commits == commits
    assert bench.files_in("work") == ["a.json"]


async def test_a_claimed_file_that_somebody_took_away_is_passed_over(
    bench: Bench, autojump_clock: MockClock
) -> None:
    folder = bench.root / "work" / "20260101T000000000Z-000001-high"
    folder.mkdir()
    (folder / "a.json").write_bytes(message(1))
    bench.admission.before = 0.01
    async with running(bench):
        await trio.sleep(0.005)
        (folder / "a.json").unlink()
        bench.hand_in("b.json", message(1), Lane.HIGH)
        await bench.admission.wait_until(lambda: bench.admission.closed_names() == ["b.json"])


async def test_files_are_closed_when_it_ends(bench: Bench, autojump_clock: MockClock) -> None:
    bench.admission.before = 0.01
    open_before = open_files()
    for number in range(6):
        bench.hand_in(f"{number}.jsonl", batch(5_000))
    async with running(bench):
        # Four are read at once, so the chunks of one moment may be more than one.
        await bench.admission.wait_until(lambda: len(bench.admission.order) >= 6)
    assert open_files() == open_before


# ── housekeeping ─────────────────────────────────────────────────────────────────────────────


async def test_old_drafts_are_swept(bench: Bench, autojump_clock: MockClock) -> None:
    draft = bench.root / "inbox" / "tmp" / "a.json"
    draft.write_bytes(message(1))
    (bench.root / "inbox" / "tmp" / "folder").mkdir()
    bench.rules = type(bench.rules)(poll_interval=600.0, settle=2.0, max_line=1000)
    async with running(bench):
        await trio.sleep(35 * 3600)
        assert draft.exists()
        await trio.sleep(2 * 3600)
        assert not draft.exists()
