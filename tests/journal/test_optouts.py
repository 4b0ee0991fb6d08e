"""The opt-out list on disk: what was changed is there, and can be looked at beside a daemon."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from smppd.journal import optouts
from smppd.journal.aside import change_opt_outs
from smppd.journal.journal import Journal
from smppd.journal.store import open_reader, open_store
from smppd.locking import AlreadyLocked, take_lock
from smppd.optout.roll import Change, OptOut

NUMBER, OTHER = "34600000001", "34600000002"
OUT = Change(NUMBER, "2580", 7, "STOP")
FOR_ALL = Change(NUMBER, "", 8, "by hand")
BACK = Change(NUMBER, "2580", 9, "", out=False)


def entries(path: Path, sender: str | None = None, number: str | None = None) -> list[OptOut]:
    store = open_reader(path)
    try:
        assert list(store.opt_outs.entries()) == sorted(store.opt_outs.entries())
        assert len(store.opt_outs.load()) == store.opt_outs.count()
        return list(store.opt_outs.entries(sender, number))
    finally:
        store.close()


async def test_the_daemons_changes_are_on_disk_when_it_hears_of_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    store = open_store(path)
    async with trio.open_nursery() as nursery:
        journal = Journal(store)
        await nursery.start(journal.run)
        await journal.change_opt_outs([OUT, FOR_ALL])
        assert entries(path) == [
            OptOut(NUMBER, "", 8, "by hand"),
            OptOut(NUMBER, "2580", 7, "STOP"),
        ]
        await journal.change_opt_outs([OUT._replace(at=99, why="again"), BACK, BACK])
        assert entries(path) == [OptOut(NUMBER, "", 8, "by hand")]
        nursery.cancel_scope.cancel()
    store.close()


def test_without_a_daemon_lots_are_written_under_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert change_opt_outs(path, [[OUT, OUT], [FOR_ALL]]) == 2
    assert change_opt_outs(path, [[OUT], [BACK, FOR_ALL]]) == 1
    assert change_opt_outs(path, [[OUT]]) == 1
    assert change_opt_outs(path, [[Change(NUMBER, None, 9, "", out=False)]]) == 1
    assert entries(path) == []
    with take_lock(path.with_name("journal.db.lock"), "journal"):
        with pytest.raises(AlreadyLocked):
            change_opt_outs(path, [[OUT]])


def test_a_part_of_the_list_can_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optouts, "_AT_ONCE", 2)
    path = tmp_path / "journal.db"
    change_opt_outs(path, [[Change(OTHER, "ACME", 1, ""), OUT, FOR_ALL]])
    change_opt_outs(path, [[Change(f"3460000001{each}", "", 1, "") for each in range(4)]])
    assert len(entries(path)) == 7
    assert [each.number for each in entries(path, sender="2580")] == [NUMBER]
    assert [each.sender for each in entries(path, number=NUMBER)] == ["", "2580"]
    assert entries(path, sender="2580", number=OTHER) == []
