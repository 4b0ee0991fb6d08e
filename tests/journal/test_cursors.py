"""How far readers of the log have come, and that they hear of new facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trio
import trio.testing

from smppd.journal.journal import Journal
from smppd.journal.store import open_reader, open_store
from smppd.ledger.ledger import Ledger
from smppd.message import Lane


async def inline(function: Any, *arguments: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return function(*arguments)


async def test_a_cursor_is_there_when_it_was_moved(tmp_path: Path) -> None:
    store = open_store(tmp_path / "j.db")
    journal = Journal(store, run_sync=inline)
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        await journal.move_cursor("stream", 7)
        await journal.move_cursor("webhook:shop", 3)
        await journal.move_cursor("stream", 9)
        nursery.cancel_scope.cancel()
    store.close()
    reader = open_reader(tmp_path / "j.db")
    assert reader.cursors.all() == {"stream": 9, "webhook:shop": 3}
    reader.close()


async def test_only_those_that_are_asked_for_hold_facts_back(tmp_path: Path) -> None:
    store = open_store(tmp_path / "j.db")
    journal = Journal(store, run_sync=inline)
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        await journal.move_cursor("stream", 9)
        await journal.move_cursor("webhook:gone", 3)
        nursery.cancel_scope.cancel()
    assert store.cursors.least(["stream", "webhook:shop"]) == 9
    assert store.cursors.least(["stream", "webhook:gone"]) == 3
    assert store.cursors.least(["webhook:shop"]) is None
    store.close()


async def test_readers_hear_of_facts_and_not_of_cursors(tmp_path: Path) -> None:
    store, ledger, heard = open_store(tmp_path / "j.db"), Ledger(), list[int]()
    journal = Journal(store, run_sync=inline)
    journal.on_facts(lambda: heard.append(len(list(store.log.facts()))))
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        await journal.move_cursor("stream", 0)
        assert heard == []
        ledger.file_opened(1.0, "t", "a.jsonl", Lane.NORMAL)
        ledger.received(2.0, "1.json", b"{}")
        await journal.commit(ledger.take_facts())
        await trio.testing.wait_all_tasks_blocked()
        assert heard == [2]  # they are on disk by then
        nursery.cancel_scope.cancel()
    store.close()
