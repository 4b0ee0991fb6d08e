"""What goes and what stays in the spool, on a real folder."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd.app.keeping import places_of
from smppd.config import Config, RetentionConfig, SpoolConfig
from smppd.events import ClockDoubted, Event, ForeignFiles, PlaceCleared, RetentionFailing
from smppd.keeping import station
from smppd.keeping.places import Place
from smppd.keeping.station import Clock, Housekeeping

NOW = datetime(2030, 3, 31, 12, tzinfo=UTC).timestamp()
DAY = 86_400.0


class Spool:
    """A spool at a moment; `skew` moves the clock for people."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.events: list[Event] = []
        self.skew = 0.0
        self.days: set[str] = set()
        for name in ("done", "receipts", "events", "received/new", "bad"):
            (root / name).mkdir(parents=True)

    def wall(self) -> float:
        return NOW + self.skew + trio.current_time()

    def put(self, place: str, days_ago: float, octets: int = 100) -> Path:
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * octets)
        os.utime(path, times=(NOW - days_ago * DAY,) * 2)
        return path

    def campaign(self, day: str, name: str, days_ago: float, octets: int = 100) -> None:
        for ending in (".results.jsonl", ".report.json", ""):
            self.put(f"done/{day}/{name}{ending}", days_ago, octets)

    def names(self, place: str = "done") -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in (self.root / place).rglob("*"))

    def housekeeping(
        self, terms: RetentionConfig, run_sync: Callable[..., Awaitable[Any]] | None = None
    ) -> Housekeeping:
        config = Config(spool=SpoolConfig(path=self.root), retention=terms)
        clock = Clock(self.wall, None, self.events.append)

        async def at_once(function: Callable[..., Any], *arguments: Any) -> Any:
            await trio.lowlevel.checkpoint()
            return function(*arguments)

        days: Any = lambda: frozenset(self.days)  # noqa: E731
        return Housekeeping(places_of(config), clock, self.events.append, run_sync or at_once, days)

    async def go_round(self, house: Housekeeping, seconds: float = 1.0) -> None:
        with trio.move_on_after(seconds):
            await house.run()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


MONTH = RetentionConfig()


async def test_old_campaigns_go_whole_and_their_day_with_them(
    spool: Spool, autojump_clock: object
) -> None:
    spool.campaign("2030-01-05", "old.csv", 80)
    spool.campaign("2030-03-30", "new.csv", 1)
    house = spool.housekeeping(MONTH)
    await spool.go_round(house)
    day = "done/2030-03-30"
    kept = ["new.csv", "new.csv.report.json", "new.csv.results.jsonl"]
    assert spool.names() == [day, *(f"{day}/{name}" for name in kept)]
    assert spool.events == [PlaceCleared("done", 3, 300)]
    figures = house.figures()[0]
    assert (figures.files, figures.octets, figures.oldest) == (3, 300, NOW - DAY)
    assert (figures.removed_files, figures.removed_octets) == (3, 300)


async def test_what_is_young_by_its_day_or_by_its_last_change_stays(
    spool: Spool, autojump_clock: object
) -> None:
    spool.campaign("2030-03-30", "touched-back.csv", 400)
    spool.campaign("2030-01-05", "written-anew.csv", 80)
    spool.put("done/2030-01-05/written-anew.csv.results.jsonl", 1)
    before = spool.names()
    await spool.go_round(spool.housekeeping(MONTH))
    assert spool.names() == before
    assert spool.events == []


async def test_foreign_files_and_links_stay_and_are_told_once(
    spool: Spool, autojump_clock: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "x.report.json").write_text("{}")
    os.utime(elsewhere / "x.report.json", times=(0, 0))
    (spool.root / "done/2029-01-01").symlink_to(elsewhere)
    spool.put("done/2030-01-05/notes.txt", 80)
    spool.put("done/README", 80)
    house = spool.housekeeping(MONTH)
    await spool.go_round(house, 8000.0)  # several rounds
    assert (elsewhere / "x.report.json").exists()
    assert spool.names() == sorted(
        ["done/2029-01-01", "done/2030-01-05", "done/2030-01-05/notes.txt", "done/README"]
    )
    assert spool.events == [ForeignFiles("done", 3, "2029-01-01, README, 2030-01-05/notes.txt")]


async def test_the_oldest_go_until_the_rest_is_small_enough(
    spool: Spool, autojump_clock: object
) -> None:
    for day in (1, 2, 3):
        spool.campaign(f"2030-03-0{day}", "a.csv", 40 - day, octets=1 << 20)
    spool.campaign("2030-03-03", "b.csv", 36.5, octets=1 << 20)
    await spool.go_round(spool.housekeeping(RetentionConfig(done=None, done_size=7 << 20)))
    left = [name for name in spool.names() if name.endswith(".csv")]
    assert left == ["done/2030-03-03/a.csv", "done/2030-03-03/b.csv"]


async def test_the_newest_receipts_stay_however_old(spool: Spool, autojump_clock: object) -> None:
    for hour in range(5):
        spool.put(f"receipts/receipts-20300101-0{hour}.jsonl", 80)
    spool.put("receipts/.position", 80)
    await spool.go_round(spool.housekeeping(MONTH))
    hours = ["receipts/receipts-20300101-03.jsonl", "receipts/receipts-20300101-04.jsonl"]
    assert spool.names("receipts") == ["receipts/.position", *hours]


async def test_what_handsets_sent_and_what_was_bad_stay_unless_it_is_said(
    spool: Spool, autojump_clock: object
) -> None:
    spool.put("received/new/1.json", 400)
    spool.put("bad/2029-01-01/x.jsonl", 400)
    house = spool.housekeeping(MONTH)
    await spool.go_round(house)
    assert spool.names("received/new") == ["received/new/1.json"]
    assert {each.name: each.files for each in house.figures()}["bad"] == 1
    await spool.go_round(spool.housekeeping(RetentionConfig(received=DAY)))
    assert spool.names("received/new") == []
    assert len(spool.names("bad")) == 2


async def test_a_clock_that_jumps_removes_nothing(spool: Spool, autojump_clock: object) -> None:
    spool.campaign("2030-03-30", "new.csv", 1)
    house = spool.housekeeping(MONTH)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(house.run)
        await trio.sleep(10)
        spool.skew = 400 * DAY
        await trio.sleep(3600)  # the next round
        assert len(spool.names()) == 4
        assert [type(event) for event in spool.events] == [ClockDoubted]
        await trio.sleep(7200)  # it stays so: it is the date
        assert spool.names() == []
        nursery.cancel_scope.cancel()


async def test_a_folder_that_is_about_to_be_written_to_stays(
    spool: Spool, autojump_clock: object
) -> None:
    spool.campaign("2030-01-05", "old.csv", 80)
    spool.days = {"2030-01-05"}
    await spool.go_round(spool.housekeeping(MONTH))
    assert spool.names() == ["done/2030-01-05"]


async def test_what_cannot_be_removed_is_passed_over_and_told_once(
    spool: Spool, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.campaign("2030-01-05", "a.csv", 80)
    spool.campaign("2030-01-05", "b.csv", 80)
    plain = Path.unlink
    stuck = True

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if stuck and self.name == "a.csv.results.jsonl":
            raise PermissionError(1, "Operation not permitted")
        plain(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    house = spool.housekeeping(MONTH)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(house.run)
        await trio.sleep(8000)
        assert [name for name in spool.names() if "b.csv" in name] == []
        failing = [event for event in spool.events if isinstance(event, RetentionFailing)]
        assert len(failing) == 1
        assert "a.csv.results.jsonl: Operation not permitted" in failing[0].reason
        # Its report is still there, by which it is known.
        assert "done/2030-01-05/a.csv.report.json" in spool.names()
        stuck = False
        await trio.sleep(4000)
        assert spool.names() == []
        nursery.cancel_scope.cancel()


async def test_a_large_day_goes_in_small_lots(
    spool: Spool, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station, "LOT", 0.0)
    for number in range(300):
        spool.campaign("2030-01-05", f"{number}.csv", 80, octets=1)
    lots = 0

    async def run_sync(function: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal lots
        lots += 1
        return function(*arguments)

    await spool.go_round(spool.housekeeping(MONTH, run_sync))
    assert spool.names() == []
    assert lots > 300


async def test_other_numbers_count_at_once_and_the_round_under_way_is_given_up_for_them(
    spool: Spool, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station, "LOT", 0.0)
    for n in range(40):
        spool.campaign("2030-01-01", f"{n}.jsonl", 60)
    kept = [RetentionConfig(done=None)]

    def left() -> int:
        return len(spool.names()) // 3

    def places(terms: RetentionConfig) -> list[Place]:
        return places_of(Config(spool=SpoolConfig(path=spool.root), retention=terms))

    async def in_lots(function: Callable[..., Any], *arguments: Any) -> Any:
        await trio.lowlevel.checkpoint()
        done = function(*arguments)
        if kept and left() == 30:
            house.change(places(kept.pop()))
        return done

    house = spool.housekeeping(MONTH, in_lots)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(house.run)
        await trio.sleep(10_000)
        assert left() == 30
        house.change(places(MONTH))
        await trio.sleep(2)
        assert left() < 30
        nursery.cancel_scope.cancel()
