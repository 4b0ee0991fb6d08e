"""The log of calls: read newest first, forgotten oldest first, written beside everything else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import trio

from smppd.journal import calls
from smppd.journal.aside import log_calls
from smppd.journal.journal import Journal
from smppd.journal.schema import MIGRATIONS
from smppd.journal.store import Batch, Store, open_reader, open_store
from smppd.ledger.facts import Fact, Kind
from smppd.locking import AlreadyLocked, take_lock
from smppd.ports import ApiCall


def call(at: float, account: str = "afilnet", op: str = "sms.sendsms", **more: str) -> ApiCall:
    outcome = more.get("outcome", "SUCCESS")
    return ApiCall(at, account, op, '{"to":"34…01"}', outcome, '{"messageid":"7"}', 0.25)


def store_of(path: Path, *logged: ApiCall) -> Store:
    store = open_store(path)
    store.commit(Batch(calls=list(logged)))
    return store


def test_calls_are_read_newest_first_and_by_what_is_wanted_of_them(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    logged = [
        call(1.0),
        call(2.0, "second"),
        call(3.0, op="chat.getchats"),
        call(4.0, outcome="NO_CREDITS"),
    ]
    with closing(store_of(path, *logged)), closing(open_reader(path)) as reader:
        assert reader.calls.read() == logged[::-1]
        assert reader.calls.read(limit=2) == [logged[3], logged[2]]
        assert reader.calls.read(account="second") == [logged[1]]
        assert reader.calls.read(op="chat.getchats") == [logged[2]]
        assert reader.calls.read(since=3.0) == [logged[3], logged[2]]
        assert reader.calls.read(account="nobody") == []


def test_the_oldest_are_forgotten_in_bounded_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "STEP", 4)
    with closing(store_of(tmp_path / "j.db", *(call(float(n)) for n in range(10)))) as store:
        assert store.calls.forget(7.0)
        assert [each.at for each in store.calls.read()] == [9, 8, 7, 6, 5, 4]
        assert not store.calls.forget(7.0)
        assert [each.at for each in store.calls.read()] == [9, 8, 7]
        assert not store.calls.forget(7.0)
        assert len(store.calls.read()) == 3


async def test_calls_share_the_commit_of_the_facts_beside_them(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "j.db")) as store:
        journal = Journal(store)
        async with trio.open_nursery() as nursery:
            await nursery.start(journal.run)
            async with trio.open_nursery() as writers:
                writers.start_soon(journal.commit, [Fact(1, 1.0, Kind.INDEXED)])
                writers.start_soon(journal.log_calls, [call(1.0)])
            assert journal.figures.commits == 1
            assert [fact.seq for fact in store.log.facts()] == [1]
            assert store.calls.read() == [call(1.0)]
            assert not await journal.forget_calls(2.0)
            nursery.cancel_scope.cancel()
        assert store.calls.read() == []


def test_a_call_is_written_into_a_journal_that_no_daemon_has(tmp_path: Path) -> None:
    path = tmp_path / "new" / "j.db"
    log_calls(path, [call(1.0)])
    log_calls(path, [call(2.0)])
    with closing(open_reader(path)) as reader:
        assert [each.at for each in reader.calls.read()] == [2.0, 1.0]
    with take_lock(path.with_name("j.db.lock"), "journal"), pytest.raises(AlreadyLocked):
        log_calls(path, [call(3.0)])


def test_an_older_journal_gets_its_log_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    old = sqlite3.connect(path)
    old.executescript(
        f"{MIGRATIONS[0]} PRAGMA application_id = 0x736D7070; PRAGMA user_version = 1;"
    )
    old.close()
    with closing(store_of(path, call(1.0))) as store:
        assert store.calls.read() == [call(1.0)]


def test_those_that_did_not_succeed_can_be_read_alone(tmp_path: Path) -> None:
    logged = [call(1.0), call(2.0, outcome="NO_CREDITS"), call(3.0, outcome="NOT_SENT")]
    with closing(store_of(tmp_path / "j.db", *logged)) as store:
        assert store.calls.read(failed=True) == [logged[2], logged[1]]
        assert store.calls.read(failed=True, since=3.0) == [logged[2]]
