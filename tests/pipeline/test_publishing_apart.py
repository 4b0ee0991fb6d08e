"""Results written by another process: the same octets, and what was broken off there goes on here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from smppd.config import Prices
from smppd.errands import Errands
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

    async def failing_once(call: Callable[..., list[str]], *arguments: Any) -> list[str]:
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
