"""A reader that keeps the clock: what has arrived is read before it is told that time has passed."""

from __future__ import annotations

from math import inf

import pytest
import trio
from trio.testing import MemoryReceiveStream, MockClock

from smppd.link import reading as reading_module
from smppd.link.reading import Reading


class Rig:
    """A stream, and when its reader is to look up."""

    def __init__(self) -> None:
        self.stream = MemoryReceiveStream()
        self.due = inf
        self.reading = Reading(self.stream, lambda: self.due)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(reading_module, "READ_SIZE", 4)
    return Rig()


async def test_it_knows_whether_all_was_read_that_had_arrived(rig: Rig) -> None:
    rig.stream.put_data(b"abcdef")
    found = []
    for _ in range(2):
        found.append((await rig.reading.receive(), rig.reading.exhausted))
    rig.stream.put_eof()
    found.append((await rig.reading.receive(), rig.reading.exhausted))
    assert found == [(b"abcd", False), (b"ef", True), (b"", True)]


async def test_what_is_overdue_waits_for_what_has_arrived(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.due = -1.0
    rig.stream.put_data(b"ab")
    assert await rig.reading.receive() == b"ab"
    assert await rig.reading.receive() is None


async def test_it_looks_up_when_something_is_due_or_becomes_due(
    rig: Rig, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    rig.due = 5.0
    assert await rig.reading.receive() is None
    assert trio.current_time() == pytest.approx(5.0)

    async def hurry() -> None:
        await trio.sleep(1.0)
        rig.due = 8.0
        rig.reading.set_alarm()
        rig.due = 20.0
        rig.reading.set_alarm()  # no later than that again

    rig.due = inf
    nursery.start_soon(hurry)
    assert await rig.reading.receive() is None
    assert trio.current_time() == pytest.approx(8.0)


async def test_an_interrupt_is_heeded_once_whether_it_waits_or_not(
    rig: Rig, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    rig.stream.put_data(b"ab")
    rig.reading.interrupt()
    assert await rig.reading.receive() is None
    assert await rig.reading.receive() == b"ab"

    async def interrupt() -> None:
        await trio.sleep(1.0)
        rig.reading.interrupt()
        rig.stream.put_data(b"cd")

    nursery.start_soon(interrupt)
    assert await rig.reading.receive() is None
    assert await rig.reading.receive() == b"cd"


async def test_a_broken_stream_is_told_as_it_is(rig: Rig) -> None:
    await rig.stream.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await rig.reading.receive()
    assert rig.reading.exhausted
