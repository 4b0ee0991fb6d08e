"""Waiting for a disk: what is told of it, and for how long."""

from __future__ import annotations

from errno import ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from smppd.disk import LONGEST, PATIENCE, RESULTS, Disk
from smppd.events import DiskFailing, DiskRecovered, Event
from smppd.spool.space import CLAIMING, LOOK_EVERY, Space

if TYPE_CHECKING:
    from trio.testing import MockClock

FULL = OSError(ENOSPC, "No space left on device", "/spool/done")


class Full:
    """A disk that takes something at this moment only."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.attempts: list[float] = []

    async def write(self) -> str:
        self.attempts.append(trio.current_time())
        if trio.current_time() < self.until:
            raise FULL
        return "written"


async def test_what_fails_is_tried_until_it_works_with_one_event_each(
    autojump_clock: MockClock,
) -> None:
    events: list[Event] = []
    disk, full = Disk(events.append), Full(60.0)
    assert await disk.insist(RESULTS, full.write) == "written"
    assert [type(event) for event in events] == [DiskFailing, DiskRecovered]
    assert isinstance(events[0], DiskFailing)
    assert events[0].reason == "/spool/done: No space left on device"
    assert disk.troubles == {}
    assert 60.0 <= full.attempts[-1] <= 60.0 + LONGEST
    assert len(full.attempts) < 60


async def test_what_waits_can_be_seen_meanwhile(autojump_clock: MockClock) -> None:
    disk = Disk()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(disk.insist, RESULTS, Full(30.0).write)
        await trio.sleep(10)
        assert disk.troubles == {RESULTS: "/spool/done: No space left on device"}


async def test_a_daemon_that_stops_does_not_wait_for_ever(autojump_clock: MockClock) -> None:
    disk = Disk()
    await trio.sleep(100)
    disk.stop_waiting()
    with pytest.raises(OSError, match="No space left"):
        await disk.insist(RESULTS, Full(1e9).write)
    assert trio.current_time() <= 100 + PATIENCE + LONGEST


def test_little_room_stops_claiming_and_more_than_enough_lets_it_go_on() -> None:
    events: list[Event] = []
    free = {Path("/spool"): 1000, Path("/journal"): 1000}
    space = Space(list(free), 500, Disk(events.append))

    def look(now: float, journal: int) -> bool:
        free[Path("/journal")] = journal
        return space.is_short(now, free.__getitem__)

    times = [n * LOOK_EVERY for n in range(7)]
    assert [look(*each) for each in zip(times, [500, 499, 0, 549, 550, 501, 499], strict=True)] == [
        False, True, True, True, False, False, True,
    ]  # fmt: skip
    assert [type(event) for event in events] == [DiskFailing, DiskRecovered, DiskFailing]
    assert isinstance(events[0], DiskFailing)
    assert events[0].what == CLAIMING
    assert events[0].reason.startswith("/journal has 0 MiB free, less than min_free")


def test_room_is_not_looked_at_all_the_time_nor_where_there_is_no_limit() -> None:
    looks: list[Path] = []

    def free(place: Path) -> int:
        looks.append(place)
        return 0

    none = Space([Path("/")], 0, Disk())
    assert not none.is_short(0.0, free)
    assert looks == []
    space = Space([Path("/")], 1, Disk())
    assert [space.is_short(now, free) for now in (0.0, 0.1, LOOK_EVERY - 0.1)] == [True] * 3
    assert len(looks) == 1
