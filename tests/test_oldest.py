"""Which file waits longest in each lane."""

from __future__ import annotations

import pytest

from smppd.app import oldest
from smppd.app.oldest import OldestQueued
from smppd.ledger.accounts import Accounts
from smppd.ledger.snapshot import FileAccount
from smppd.message import Lane, State

EVERY_LANE = list(Lane)


def accounts(*files: tuple[Lane, int, int]) -> Accounts:
    """Files opened a second after the other, each of a lane with so many queued and scheduled."""
    found = Accounts()
    for number, (lane, queued, scheduled) in enumerate(files, 1):
        file = FileAccount(number, f"t{number}", f"f{number}", lane, float(number))
        file.states[State.QUEUED], file.scheduled = queued, scheduled
        found.files[number] = file
        found.counts[State.QUEUED] += queued
    return found


def test_the_oldest_of_each_lane_of_which_something_could_leave() -> None:
    books = accounts(
        (Lane.NORMAL, 0, 0),
        (Lane.BULK, 5, 5),
        (Lane.BULK, 5, 4),
        (Lane.NORMAL, 1, 0),
        (Lane.BULK, 9, 0),
    )
    assert OldestQueued(books).by_lane(EVERY_LANE) == {"normal": 4.0, "bulk": 3.0}


def test_where_nothing_could_leave_there_is_none() -> None:
    assert OldestQueued(accounts((Lane.HIGH, 0, 0))).by_lane(EVERY_LANE) == {}


def test_of_very_many_files_a_few_are_looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oldest, "AT_ONCE", 10)
    done = [(Lane.NORMAL, 0, 0)] * 25
    books = accounts(*done, (Lane.NORMAL, 1, 0), (Lane.HIGH, 1, 0))
    found = OldestQueued(books)
    told = [found.by_lane([Lane.NORMAL, Lane.HIGH]) for _ in range(4)]
    assert told == [{}, {}, {"high": 27.0, "normal": 26.0}, {"high": 27.0, "normal": 26.0}]
    books.files[26].states[State.QUEUED] = 0
    assert found.by_lane([Lane.HIGH]) == {"high": 27.0}, "what has left since is not told"
    del books.files[27]
    assert [found.by_lane([Lane.HIGH]) for _ in range(6)][-1] == {}
