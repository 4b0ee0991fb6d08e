"""The table of what operators did."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from smppd.journal.store import Batch, open_store
from smppd.ports import Commanded


def command(seq: int, at: float, outcome: str = "done") -> Commanded:
    return Commanded(seq, at, "root (uid 0)", 0, "pause", "links main", outcome, "paused main")


def test_what_came_of_a_command_takes_the_place_of_its_beginning(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "j.db")) as store:
        assert store.commanded.last() == 0
        store.commit(Batch(commanded=[command(1, 10.0, "under way"), command(2, 20.0)]))
        store.commit(Batch(commanded=[command(1, 10.0)]))
        assert store.commanded.last() == 2
        assert store.commanded.read(0.0, 10) == [command(2, 20.0), command(1, 10.0)]
        assert store.commanded.read(15.0, 10) == [command(2, 20.0)]
        assert store.commanded.read(0.0, 10, "resume") == []


def test_the_old_are_forgotten_and_so_are_all_but_the_newest_so_many(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "j.db")) as store:
        store.commit(Batch(commanded=[command(n, n * 10.0) for n in range(1, 7)]))
        store.commanded.forget(25.0, 100)
        assert [each.seq for each in store.commanded.read(0.0, 10)] == [6, 5, 4, 3]
        store.commanded.forget(0.0, 2)
        assert [each.seq for each in store.commanded.read(0.0, 10)] == [6, 5]
