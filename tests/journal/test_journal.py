"""Group commit: nobody returns before their rows are on disk, and many share one commit."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import trio
import trio.testing

from smppd.journal.journal import Journal
from smppd.journal.known import KEYS_AT_ONCE
from smppd.journal.schema import JournalError
from smppd.journal.store import Batch, Store, open_reader, open_store
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Damaged, Fact, Kind
from smppd.message import State
from smppd.ports import Checkpoint, Pruned, Readers
from tests.journal.test_store import BASE, body


async def inline(function: Any, *arguments: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return function(*arguments)


def fact(seq: int) -> Fact:
    return Fact(seq, 1.0, Kind.INDEXED)


async def test_a_commit_returns_only_when_the_rows_are_on_disk(tmp_path: Path) -> None:
    store = open_store(tmp_path / "j.db")
    reader = open_reader(tmp_path / "j.db")
    journal = Journal(store)
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        await journal.commit([fact(1)])
        assert [row.seq for row in reader.log.facts()] == [1]
        nursery.cancel_scope.cancel()
    reader.close()
    store.close()


async def test_who_is_woken_by_one_commit_shares_the_next_one(tmp_path: Path) -> None:
    """One who was woken has more at once, another after two passes of the event loop."""
    store = open_store(tmp_path / "j.db")
    journal = Journal(store, run_sync=inline)

    async def go_on(passes: int, seq: int) -> None:
        await journal.commit([fact(seq)])
        for _ in range(passes):
            await trio.lowlevel.checkpoint()
        await journal.commit([fact(seq + 10)])

    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        async with trio.open_nursery() as writers:
            writers.start_soon(go_on, 0, 1)
            writers.start_soon(go_on, 2, 2)
        nursery.cancel_scope.cancel()
    assert journal.figures.commits == 2
    store.close()


@pytest.mark.parametrize("fails", [False, True])
async def test_only_what_is_not_urgent_does_not_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """SQLite's synchronous is 2 for FULL, 1 for NORMAL."""
    store, seen = open_store(tmp_path / "j.db"), list[int]()

    def drop(lot: int) -> Pruned:
        seen.extend(store.connection.execute("PRAGMA synchronous").fetchone())
        if fails:
            raise sqlite3.OperationalError("disk I/O error")
        return Pruned(0, 0, more=False)

    monkeypatch.setattr(store.lots, "drop", drop)
    journal = Journal(store, run_sync=inline)
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        assert bool((await journal.drop_lot(1)).failed) == fails
        await journal.commit([fact(1)])
        seen.extend(store.connection.execute("PRAGMA synchronous").fetchone())
        nursery.cancel_scope.cancel()
    assert seen == [1, 2]
    store.close()


async def test_what_gathers_while_a_commit_runs_shares_the_next_one(tmp_path: Path) -> None:
    store = open_store(tmp_path / "j.db")
    journal = Journal(store, run_sync=inline)
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        async with trio.open_nursery() as writers:
            for seq in range(1, 101):
                writers.start_soon(journal.commit, [fact(seq)])
        nursery.cancel_scope.cancel()
    assert len(list(store.log.facts())) == 100
    assert journal.figures.commits <= 3
    assert journal.figures.rows == 100
    store.close()


async def test_a_read_sees_what_was_committed_in_the_same_turn(tmp_path: Path) -> None:
    store = open_store(tmp_path / "j.db")
    journal = Journal(store, run_sync=inline)
    found: dict[str, int] = {}
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)

        async def look() -> None:
            found.update(await journal.find_ids(["a"], since=0.0))

        async with trio.open_nursery() as both:
            both.start_soon(journal.commit, [], [], [], Checkpoint(5.0, {"a": (7, 5.0)}, [], None))
            await trio.testing.wait_all_tasks_blocked()
            both.start_soon(look)
        nursery.cancel_scope.cancel()
    assert found == {"a": 7}
    store.close()


async def test_absent_keys_do_not_touch_the_disk(tmp_path: Path) -> None:
    store = open_store(tmp_path / "j.db")
    store.commit(Batch(ids={"a": (1, 1.0)}, waiting=[("k", b"v")], at=1.0))
    journal = Journal(store, run_sync=inline)
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        await journal.learn_keys()
        nursery.cancel_scope.cancel()
    # run() has ended: a look-up that went to disk would fail.
    with trio.fail_after(5):
        assert await journal.find_ids(["b"], since=0.0) == {}
        assert await journal.find_waiting(["l"]) == []
    store.close()


async def test_what_an_earlier_run_wrote_is_found_before_its_keys_are_known(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    store = open_store(tmp_path / "j.db")
    ids = {f"id-{n}": (n, 1.0) for n in range(3 * KEYS_AT_ONCE)}
    store.commit(Batch(ids=ids, waiting=[("k", b"v")], at=1.0))
    journal = Journal(store, run_sync=inline)

    async def check() -> None:
        assert await journal.find_ids(["id-0", f"id-{len(ids) - 1}", "x"], since=0.0) == {
            "id-0": 0,
            f"id-{len(ids) - 1}": len(ids) - 1,
        }
        assert await journal.find_waiting(["k", "l"]) == [b"v"]

    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        await check()
        nursery.start_soon(journal.learn_keys)
        for _ in range(5):
            await check()
        await trio.testing.wait_all_tasks_blocked()
        await journal.learn_keys()
        await check()
        nursery.cancel_scope.cancel()
    store.close()


async def test_keys_that_cannot_be_read_are_not_taken_for_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path / "j.db")
    store.commit(Batch(ids={"a": (1, 1.0)}, at=1.0))
    failing = Mock(side_effect=sqlite3.OperationalError("disk I/O error"))
    monkeypatch.setattr(store.lots, "read_keys", failing)
    journal = Journal(store, run_sync=inline)
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        await journal.learn_keys()
        assert await journal.find_ids(["a"], since=0.0) == {"a": 1}
        nursery.cancel_scope.cancel()
    store.close()


async def test_a_failing_disk_stops_the_journal_with_a_clear_word(tmp_path: Path) -> None:
    store: Store = open_store(tmp_path / "j.db")
    journal = Journal(store, run_sync=inline)
    store.close()
    failed: list[str] = []

    async def wait_shielded(seq: int) -> None:
        with trio.CancelScope(shield=True):
            try:
                await journal.commit([fact(seq)])
            except JournalError as failure:
                failed.append(str(failure))

    with pytest.RaisesGroup(pytest.RaisesExc(JournalError, match="cannot be written")):
        async with trio.open_nursery() as nursery:
            await nursery.start(journal.run)
            nursery.start_soon(wait_shielded, 1)
            nursery.start_soon(wait_shielded, 2)
    await wait_shielded(3)
    assert len(failed) == 3


async def test_a_chore_that_leaves_its_transaction_open_leaves_commits_as_safe_as_before(
    tmp_path: Path,
) -> None:
    """As one does that finds the disk too full even to be rolled back."""
    store = open_store(tmp_path / "j.db")
    journal = Journal(store, run_sync=inline)

    def begin() -> Pruned:
        store.connection.execute("BEGIN IMMEDIATE")
        raise sqlite3.OperationalError("database or disk is full")

    store.pruning.begin = begin  # type: ignore[method-assign]
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        assert (await journal.resume_pruning()).failed
        await journal.commit([fact(1)])
        nursery.cancel_scope.cancel()
    assert store.connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert [row.seq for row in store.log.facts()] == [1]
    store.close()


async def test_a_damaged_row_is_told_to_whoever_reads_it_and_nobody_else(tmp_path: Path) -> None:
    """What removes and strips says so, too, and commits go on."""
    with closing(open_store(tmp_path / "j.db")) as store:
        rows = [MessageRow(BASE + n, 1, n, n, None, State.QUEUED, body()) for n in (1, 2)]
        ended = Fact(1, 1.0, Kind.FAILED, BASE + 1, result=b"\xc0")
        store.commit(Batch(messages=[rows], facts=[ended]))
        store.connection.execute("UPDATE message SET body = x'00'")
        journal = Journal(store, run_sync=inline)
        said = f"^message {BASE + 2} is a bundle that cannot be read"
        async with trio.open_nursery() as nursery:
            await nursery.start(journal.run)
            outcome = await journal.strip(1.0, 0.0, Readers([], 0.0))
            assert re.match(said, outcome.failed)
            with pytest.raises(Damaged, match=said):
                await journal.read_queue(BASE, 10)
            await journal.commit([fact(2)])
            nursery.cancel_scope.cancel()
        assert [row.seq for row in store.log.facts()] == [1, 2]
