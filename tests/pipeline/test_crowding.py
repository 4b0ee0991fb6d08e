"""When more files in memory would serve nobody."""

from __future__ import annotations

import pytest

from smppd.ledger.accounts import Accounts
from smppd.ledger.ledger import Ledger
from smppd.ledger.snapshot import Chunk
from smppd.message import Lane
from smppd.pipeline import crowding
from smppd.pipeline.crowding import Crowding

QUEUES = {("main", lane): number for number, lane in enumerate(Lane, start=1)}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowding, "FILES", 5)
    monkeypatch.setattr(crowding, "WAITING", 3)


def opened(ledger: Ledger, lane: Lane, files: int) -> list[int]:
    return [ledger.file_opened(0.0, "t", f"{lane}-{n}.json", lane) for n in range(files)]


def queued(ledger: Ledger, file_id: int, lane: Lane, messages: int) -> None:
    queue = QUEUES["main", lane]
    first = ledger.accounts.queue(queue).tail + 1
    ranges = [(first, first + messages - 1, messages)]
    ledger.admitted(0.0, file_id, Chunk(ranges, 0, messages, messages, {}, 1, 1))


def test_a_long_file_alone_crowds_nothing() -> None:
    ledger = Ledger()
    (file_id,) = opened(ledger, Lane.BULK, 1)
    queued(ledger, file_id, Lane.BULK, 100)
    assert not Crowding(ledger.accounts, QUEUES).is_crowded(Lane.BULK)


def test_files_that_wait_for_receipts_alone_crowd_nothing() -> None:
    ledger = Ledger()
    opened(ledger, Lane.NORMAL, 100)
    assert not Crowding(ledger.accounts, QUEUES).is_crowded(Lane.NORMAL)


@pytest.mark.parametrize(("files", "messages"), [(6, 4), (6, 3), (5, 4)])
def test_many_files_with_much_to_send_crowd_their_lane_alone(files: int, messages: int) -> None:
    ledger = Ledger()
    last = opened(ledger, Lane.NORMAL, files)[-1]
    opened(ledger, Lane.HIGH, 6)
    queued(ledger, last, Lane.NORMAL, messages)
    found = Crowding(ledger.accounts, QUEUES)
    assert found.is_crowded(Lane.NORMAL) == (files > 5 and messages > 3)
    assert not found.is_crowded(Lane.HIGH)


@pytest.mark.parametrize("at_rest", [3, 4])
def test_many_files_to_report_crowd_their_lane_alone(at_rest: int) -> None:
    ledger = Ledger()
    for file_id in opened(ledger, Lane.BULK, 6)[:at_rest]:
        ledger.file_closed(0.0, file_id)
    opened(ledger, Lane.HIGH, 6)
    found = Crowding(ledger.accounts, QUEUES)
    assert found.is_crowded(Lane.BULK) == (at_rest > 3)
    assert not found.is_crowded(Lane.HIGH)


def test_what_a_start_finds_counts_but_for_what_was_reported() -> None:
    ledger = Ledger()
    first, *_ = opened(ledger, Lane.NORMAL, 6)
    queued(ledger, first, Lane.NORMAL, 4)
    assert Crowding(ledger.accounts, QUEUES).is_crowded(Lane.NORMAL)
    accounts = Accounts()
    for fact in ledger.facts:
        accounts.apply(fact)
    assert Crowding(accounts, QUEUES).is_crowded(Lane.NORMAL)
    ledger.file_closed(0.0, first)
    ledger.file_reported(0.0, first, "done/x")
    assert not Crowding(ledger.accounts, QUEUES).is_crowded(Lane.NORMAL)
