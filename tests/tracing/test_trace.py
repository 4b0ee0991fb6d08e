"""The life of a trace: it ends by time, by word, or because it cannot go on, and the link is let alone."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import trio

from smppd import events
from smppd.figures import TraceFigures
from smppd.ports import Tap
from smppd.smpp.codec import encode
from smppd.smpp.pdu import EnquireLink
from smppd.tracing import trace as trace_module
from smppd.tracing.ring import MOST_OCTETS, Ring
from smppd.tracing.station import Tracing
from smppd.tracing.trace import Ear, Terms, short_of_room

PDU = encode(EnquireLink(), 1)
ENDS = (("192.0.2.1", 40000), ("198.51.100.7", 2775))


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]


class Talk:
    """A connection on which nothing waits for an answer."""

    def message_of(self, number: int) -> int:
        return 0


TALK = Talk()


class Line:
    """A link of which one connection is open."""

    name = "main"

    def __init__(self) -> None:
        self.hears: Tap | None = None
        self.taps = 0

    def overhear(self, tap: Tap) -> None:
        self.hears = tap
        self.taps += 1
        tap.joined(TALK, *ENDS, b"")

    def leave_alone(self, tap: Tap) -> None:
        assert tap is self.hears
        self.hears = None

    def say(self, count: int = 1) -> None:
        for _ in range(count):
            assert self.hears is not None
            self.hears.said(TALK, PDU)


class Place:
    """A station for traces, and what it says."""

    def __init__(self, folder: Path) -> None:
        self.events: list[events.Event] = []
        self.over = trio.Event()
        self.tracing = Tracing(self._emit, lambda: 1e9)
        self.terms = Terms(folder, 60.0, False, "uid 7", 0)
        self.line = Line()

    def _emit(self, event: events.Event) -> None:
        self.events.append(event)
        if not isinstance(event, events.TraceStarted):
            self.over.set()

    async def start(self, **keys: object) -> TraceFigures:
        begun = await self.tracing.start(self.line, replace(self.terms, **keys))  # type: ignore[arg-type]
        assert isinstance(begun, TraceFigures), begun
        while self.line.hears is None:
            await trio.lowlevel.checkpoint()
        return begun

    async def end(self) -> events.TraceEnded | events.TraceBroken:
        with trio.fail_after(30):
            await self.over.wait()
            await trio.testing.wait_all_tasks_blocked()
        assert self.tracing.figures() == []
        _, last = self.events
        assert isinstance(last, events.TraceEnded | events.TraceBroken)
        assert self.line.hears is None
        return last


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(trace_module, "EVERY", 0.02)
    found = Place(tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(found.tracing.run)
        await trio.testing.wait_all_tasks_blocked()
        yield found
        nursery.cancel_scope.cancel()


async def test_it_ends_when_its_time_is_over(place: Place, tmp_path: Path) -> None:
    begun = await place.start(seconds=0.2)
    assert (begun.link, begun.who, begun.readable) == ("main", "uid 7", False)
    place.line.say(3)
    ended = await place.end()
    assert ended == events.TraceEnded("main", str(tmp_path), 3, "its time is over")
    (octets,) = contents(tmp_path)
    assert octets.count(PDU[:8]) == 3


async def test_it_ends_when_somebody_says_so_with_all_that_it_heard(
    place: Place, tmp_path: Path
) -> None:
    await place.start()
    place.line.say(2)
    assert place.tracing.stop("main", "uid 8") is not None
    assert await place.end() == events.TraceEnded("main", str(tmp_path), 2, "stopped by uid 8")
    assert place.tracing.stop("main", "uid 8") is None


async def test_it_ends_with_the_daemon(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(place.tracing.run)
        await trio.testing.wait_all_tasks_blocked()
        await place.start()
        place.line.say()
        nursery.cancel_scope.cancel()
    assert place.events[1] == events.TraceEnded("main", str(tmp_path), 1, "smppd stops")


async def test_it_ends_with_its_link_with_all_that_it_heard(place: Place, tmp_path: Path) -> None:
    await place.start()
    place.line.say(2)
    assert place.line.hears is not None
    place.line.hears.ended("a reload has removed the link")
    why = "a reload has removed the link"
    assert await place.end() == events.TraceEnded("main", str(tmp_path), 2, why)


async def test_a_link_has_one_trace_and_may_be_traced_again(place: Place) -> None:
    await place.start()
    again = await place.tracing.start(place.line, place.terms)
    assert again == "link main is traced already; end that with smppd trace --stop main"
    place.tracing.stop("main", "uid 8")
    await place.end()
    place.events.clear()
    other = replace(place.terms, folder=place.terms.folder / "b")
    other.folder.mkdir()
    assert isinstance(await place.tracing.start(place.line, other), TraceFigures)


async def test_what_cannot_be_begun_is_told_with_the_cure(place: Place, tmp_path: Path) -> None:
    nowhere = replace(place.terms, folder=tmp_path / "none")
    told = await place.tracing.start(place.line, nowhere)
    assert isinstance(told, str)
    assert "No such file" in told
    assert "--into" in told
    told = await place.tracing.start(place.line, replace(place.terms, least=1 << 60))
    assert isinstance(told, str)
    assert "of [spool] min_free: free space" in told
    assert place.events == []
    assert place.line.taps == 0
    assert contents(tmp_path) == []


@pytest.mark.parametrize(
    ("free", "enough"), [(3 * MOST_OCTETS, True), (3 * MOST_OCTETS - 1, False)]
)
def test_the_next_file_must_find_room_beside_what_is_to_stay_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, enough: bool
) -> None:
    told = SimpleNamespace(f_bavail=free, f_frsize=1)
    monkeypatch.setattr("os.statvfs", lambda _: told)
    assert (short_of_room(tmp_path, 2 * MOST_OCTETS) == "") == enough


async def test_a_full_disk_ends_it_with_one_event(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.start()
    write = os.write

    def full(descriptor: int, octets: bytes) -> int:
        if descriptor > 2 and bytes(octets[:4]) == b"\x06\0\0\0":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, octets)

    monkeypatch.setattr(os, "write", full)
    place.line.say()
    broken = await place.end()
    assert isinstance(broken, events.TraceBroken)
    assert broken.reason == "No space left on device"
    assert "--into" in broken.hint


async def test_a_disk_that_hangs_ends_it_and_holds_up_nobody(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    put = Ring.write

    def hang(ring: Ring, blocks: Sequence[bytes]) -> int:
        released.wait(30)
        return put(ring, blocks)

    monkeypatch.setattr(Ring, "write", hang)
    monkeypatch.setattr(trace_module, "SLOW", 0.1)
    await place.start()
    place.line.say()
    try:
        broken = await place.end()
    finally:
        released.set()
    assert isinstance(broken, events.TraceBroken)
    assert broken.reason == "the disk has not taken it for 0.1 s"


async def test_more_than_can_be_written_ends_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_module, "MOST_HEARD", 2000)
    await place.start()
    place.line.say(100)
    broken = await place.end()
    assert isinstance(broken, events.TraceBroken)
    assert broken.reason == "more has passed than could be written in time"


def test_an_ear_that_is_full_keeps_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_module, "MOST_HEARD", 1000)
    ear = Ear(lambda: 1.0, print)
    for _ in range(100):
        ear.heard("talk", PDU)
    assert ear.full
    assert len(ear.take()) == 4
    ear.heard("talk", PDU)
    assert ear.take() == []


async def test_what_is_heard_during_the_last_write_but_one_is_written_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, released, put = threading.Event(), threading.Event(), Ring.write

    def slow(ring: Ring, blocks: Sequence[bytes]) -> int:
        begun.set()
        released.wait(30)
        return put(ring, blocks)

    monkeypatch.setattr(trace_module, "EVERY", 0.01)
    monkeypatch.setattr(Ring, "write", slow)
    place = Place(tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(place.tracing.run)
        await trio.testing.wait_all_tasks_blocked()
        await place.start()
        place.line.say()
        assert await trio.to_thread.run_sync(begun.wait, 30)
        place.line.say()
        nursery.cancel_scope.cancel()
        released.set()
    assert place.events[1] == events.TraceEnded("main", str(tmp_path), 2, "smppd stops")
    (octets,) = contents(tmp_path)
    assert octets.count(PDU[:8]) == 2
