"""Results written by another process: the same octets, and what was broken off there goes on here."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from smppd.config import Prices
from smppd.errands import Errands
from smppd.events import JournalDamaged
from smppd.ledger.message_bundles import BUNDLE
from smppd.ports import Unreadable
from smppd.publishing import Where, placing_apart
from smppd.results.report import ReportTerms
from smppd.results.reporter import MANY, Reporter
from tests.pipeline.conftest import Bench, Life

PRICES = Prices("EUR", {"ES": Decimal("0.045")}, {"other": {"ES": Decimal("0.01")}})


@pytest.fixture
def errands() -> Iterator[Errands]:
    with Errands() as errands:
        yield errands


async def come_to_rest(life: Life) -> None:
    """Files of all sorts: long and short, with mistakes, held, and one name twice."""
    sms = life.bench.sms
    for number in range(MANY):
        await life.hand_in([sms(id=f"{number}")], f"{number}.json")
    await life.hand_in([sms(id=f"l-{number}") for number in range(60)])
    await life.hand_in([sms(to="12"), b"no json", life.bench.long_sms(3)], "a.jsonl", token="t2")
    await life.hand_in([], "empty.jsonl")
    await trio.testing.wait_all_tasks_blocked()
    while life.wire.in_flight:
        for place, part in enumerate(list(life.wire.in_flight)):
            if place == 1:
                await life.lose(part)
            else:
                await life.answer(part)
                await life.receive(life.receipt(life.name_of(part)))
        await trio.testing.wait_all_tasks_blocked()


def written(bench: Bench) -> dict[str, bytes]:
    done = bench.root / "done"
    return {f"{path.relative_to(done)}": path.read_bytes() for path in done.glob("*/*")}


async def published(bench: Bench, errands: Errands | None) -> dict[str, bytes]:
    async with bench.up() as life:
        reporter = life.publication._publisher
        assert isinstance(reporter, Reporter)
        where = Where(bench.root, bench.path, ReportTerms(PRICES))
        if errands is None:
            reporter._placer = where.placer(life.reader)
        else:
            reporter.hand_over(placing_apart(where, errands.run_sync))
        await come_to_rest(life)
        await life.publication.publish_ready()
        assert not [file for file in life.accounts.files.values() if not file.reported]
    return written(bench)


async def test_another_process_writes_the_same(
    tmp_path: Path, errands: Errands, autojump_clock: trio.testing.MockClock
) -> None:
    here = await published(Bench(tmp_path / "here"), None)
    autojump_clock.autojump_threshold = float("inf")  # what another process does takes real time
    apart = await published(Bench(tmp_path / "apart"), errands)
    assert apart == here
    assert len(here) == 3 * (MANY + 3) + 1
    (name,) = (name for name in apart if name.endswith("/3.json.report.json"))
    assert json.loads(apart[name])["cost"]["estimated"] == 0.045


async def test_what_was_broken_off_there_is_published_under_the_same_names(
    bench: Bench, errands: Errands
) -> None:
    asked: list[int] = []

    async def failing_once(
        call: Callable[..., list[str | Unreadable]], *arguments: Any
    ) -> list[str | Unreadable]:
        placed = await errands.run_sync(call, *arguments)
        asked.append(len(arguments[-1]))
        if len(asked) == 1:
            raise OSError(28, "No space left on device")
        return placed

    async with bench.up() as life:
        reporter = life.publication._publisher
        assert isinstance(reporter, Reporter)
        where = Where(bench.root, bench.path, ReportTerms())
        reporter.hand_over(placing_apart(where, failing_once))
        for number in range(MANY):
            await life.hand_in([bench.sms(to="12")], f"{number}.json")
        await life.publication.publish_ready()
        assert asked == [0, MANY]
        assert len(bench.done()) == 3 * MANY


@pytest.mark.parametrize("beside", [False, True], ids=["here", "apart"])
@pytest.mark.parametrize(
    "damage",
    [
        f"UPDATE message SET body = x'c1' WHERE msg_id = (SELECT min(msg_id) FROM message WHERE state = {BUNDLE})",
        f"DELETE FROM message WHERE msg_id = (SELECT min(msg_id) FROM message WHERE state = {BUNDLE})",
        "UPDATE message SET body = x'c1' WHERE msg_id = (SELECT max(msg_id) FROM message)",
    ],
    ids=["bundle", "gone", "row"],
)
async def test_what_is_damaged_of_one_file_keeps_no_other_from_its_results(
    bench: Bench, errands: Errands, damage: str, *, beside: bool
) -> None:
    others = {f"{number}.json" for number in range(MANY)}
    async with bench.up() as life:
        reporter = life.publication._publisher
        assert isinstance(reporter, Reporter)
        if beside:
            where = Where(bench.root, bench.path, ReportTerms())
            reporter.hand_over(placing_apart(where, errands.run_sync))
        for name in sorted(others):
            await life.hand_in([bench.sms(to="12")], name)
        await life.hand_in([bench.sms(receipt=False) for _ in range(3)], "hurt.jsonl")
        await trio.testing.wait_all_tasks_blocked()
        for part in list(life.wire.in_flight):
            await life.answer(part)
        await life.desk.commit()
        whole = damaged(bench, damage)
        await life.publication.publish_ready()
        (hurt,) = life.accounts.files.values()
        assert {Path(name).name for name in written(bench)} >= others
        assert [path.name for path in (bench.root / "work").glob("*/*.json*")] == ["hurt.jsonl"]
        assert list(life.publication.unreadable) == [hurt.file_id]
        life.accounts.touched.add(hurt.file_id)
        assert not await life.publication.publish_ready()
        told = [event for event in life.events if isinstance(event, JournalDamaged)]
        assert [event.what for event in told] == ["results of hurt.jsonl"]
        assert told[0].reason
    restore(bench, whole)
    async with bench.up() as life:
        life.accounts.touched.update(life.accounts.files)
        await life.publication.publish_ready()
        assert not life.accounts.files
    assert sum(name.endswith("/hurt.jsonl.results.jsonl") for name in written(bench)) == 1


def damaged(bench: Bench, damage: str) -> list[tuple[object, ...]]:
    """The messages as they stood in the journal before."""
    with sqlite3.connect(bench.path) as journal:
        whole = journal.execute("SELECT * FROM message").fetchall()
        assert journal.execute(damage).rowcount == 1
    journal.close()
    return whole


def restore(bench: Bench, whole: list[tuple[object, ...]]) -> None:
    with sqlite3.connect(bench.path) as journal:
        marks = ", ".join("?" * len(whole[0]))
        journal.executemany(f"INSERT OR REPLACE INTO message VALUES ({marks})", whole)
    journal.close()
