"""Results of long files, begun while the rest is under way: the same octets, and nobody sees them before."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio.testing

from smppd.config import Prices
from smppd.journal.items import Items
from smppd.ledger.slots import BLOCK
from smppd.message import ErrorInfo
from smppd.pipeline import ahead
from smppd.pipeline.ahead import Ahead
from smppd.ports import Resting
from smppd.publishing import Where, _placer, beginning_apart, placing_apart
from smppd.results.placer import Placer
from smppd.results.report import ReportTerms
from smppd.results.reporter import Reporter
from tests.pipeline.conftest import Bench, Life

pytestmark = pytest.mark.usefixtures("autojump_clock")

PRICES = Prices("EUR", {"ES": Decimal("0.045")})
#: Messages that are final at once, in the first two blocks of their file.
FINAL = 2 * BLOCK


async def here(call: Callable[..., Any], *arguments: Any) -> Any:
    """What another process would do."""
    return call(*arguments)


def watch(life: Life, run_many: Callable[..., Any] = here) -> Ahead:
    reporter = life.publication._publisher
    assert isinstance(reporter, Reporter)
    where = Where(life.bench.root, life.bench.path, ReportTerms(PRICES))
    _placer.cache_clear()
    reporter.hand_over(placing_apart(where, run_many), beginning_apart(where, run_many))
    return Ahead(life.desk, reporter)


async def long_file(life: Life) -> None:
    """A file that waits for the last of its messages."""
    bad = [life.bench.sms(to="12", id=f"{number}") for number in range(FINAL)]
    await life.hand_in([*bad, life.bench.sms(id="last"), life.bench.sms(to="12")])
    await trio.testing.wait_all_tasks_blocked()


async def end(life: Life) -> None:
    """The last message ends, and the file is published: as if nothing had been begun before."""
    (file,), (slots,) = life.accounts.files.values(), life.accounts.slots.values()
    resting = Resting(msgspec.structs.replace(file, chunks=[*file.chunks]), slots, ())
    for part in list(life.wire.in_flight):
        await life.answer(part)
        await life.receive(life.receipt(life.name_of(part)))
    await life.publication.publish_ready()
    elsewhere = life.bench.root / "elsewhere"
    for folder in "work", "done":
        (elsewhere / folder).mkdir(parents=True)
    Placer(elsewhere, Items(life.reader), ReportTerms(PRICES)).place([resting], frozenset())
    expected = written(elsewhere)
    assert expected["a.jsonl.results.jsonl"].count(b"\n") == FINAL + 2
    assert set(expected) < set(written(life.bench.root))
    assert {name: written(life.bench.root)[name] for name in expected} == expected


def written(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (root / "done").glob("*/*")}


def begun(bench: Bench) -> list[int]:
    """How many lines there are of each file that was begun."""
    found = sorted((bench.root / "work" / ".results").glob(".*"))
    return [len(path.read_bytes().splitlines()) for path in found]


async def test_what_is_final_is_written_and_the_rest_behind_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "AT_ONCE", BLOCK)
    async with bench.up() as life:
        watching = watch(life)
        await long_file(life)
        for lines in (BLOCK, FINAL, FINAL):
            await watching.write()
            assert begun(bench) == [lines]
            assert not bench.done()
        await end(life)
    assert begun(bench) == []


async def test_a_disk_that_takes_none_of_it_keeps_nothing_from_being_published(
    bench: Bench,
) -> None:
    asked: list[str] = []

    async def full(call: Callable[..., Any], *arguments: Any) -> Any:
        asked.append(call.__name__)
        if call.__name__ == "_begin":
            raise OSError(28, "No space left on device")
        return call(*arguments)

    async with bench.up() as life:
        watching = watch(life, full)
        await long_file(life)
        await watching.write()
        await watching.write()
        assert asked == ["_begin"]  # it is not tried again before there is more
        await end(life)


async def test_what_an_earlier_run_left_is_written_anew(bench: Bench) -> None:
    async with bench.up() as life:
        watching = watch(life)
        await long_file(life)
        await watching.write()
        watching = watch(life)  # which knows of nothing
        life.accounts.filled.update(life.accounts.files)
        await watching.write()
        assert begun(bench) == [FINAL]
        await end(life)


async def test_nothing_is_begun_of_a_file_that_is_being_published(bench: Bench) -> None:
    called = list[str]()

    async def one_after_another(call: Callable[..., Any], *arguments: Any) -> Any:
        called.append(call.__name__)
        if call.__name__ == "_place":
            # What is begun now has its turn behind it, and lies there for ever.
            life.accounts.filled.update(life.accounts.files)
            await watched.write()
        return call(*arguments)

    async with bench.up() as life:
        watched = watch(life, one_after_another)
        await long_file(life)
        await end(life)
    assert called == ["_place"]


async def test_what_ends_while_the_disk_is_waited_for_is_not_written_before_it_is_there(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.up() as life:
        watching = watch(life)
        bad = [life.bench.sms(to="12", id=f"{number}") for number in range(FINAL - 1)]
        await life.hand_in([*bad, life.bench.sms(id="last"), life.bench.sms(id="waits")])
        await trio.testing.wait_all_tasks_blocked()
        part, commit = next(iter(life.wire.in_flight)), life.desk.commit

        async def and_then() -> None:
            await commit()
            if part.msg_id in life.accounts.entries:  # the facts of this are for the next commit
                life.ledger.refused(life.desk.wall(), part.msg_id, 0, ErrorInfo("NO", 1, "no"))

        monkeypatch.setattr(life.desk, "commit", and_then)
        await watching.write()
        assert begun(bench) == [BLOCK]
        await watching.write()
        assert begun(bench) == [FINAL]
