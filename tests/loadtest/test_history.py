"""What the benchmark reads in a journal: how long messages took, and which were overtaken."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from benchmark.history import Known, read_history

from smppd.journal.store import Batch, open_store
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import QUEUE_SHIFT, Fact, Kind, encode
from smppd.ledger.snapshot import Chunk
from smppd.message import Lane, Message, State


def _journal(path: Path, lane: Lane, *told: tuple[Kind, float, int]) -> int:
    """A journal of four messages, accepted at 10, and what happened to the first, second and so on; the
    msg_id of the first."""
    with closing(open_store(path)) as store:
        first = (store.enter_queue("main", lane) << QUEUE_SHIFT) + 1
        rows = []
        for n in range(4):
            message = Message(f"3460000000{n}", 1, 1, "A", 5, 0, 0, 0, "gsm7", (b"x",))
            body = encode(message)
            rows.append(MessageRow(first + n, 1, n, n + 1, None, int(State.QUEUED), body))
        chunk = msgspec.msgpack.encode(Chunk([(first, first + 3, 4)], 0, 4, 4, {}, 0, 4))
        facts = [Fact(1, 10.0, Kind.ADMITTED, num=1, detail=chunk)]
        facts += [
            Fact(seq, at, kind, first + n, 0, text="id", result=b"x")
            for seq, (kind, at, n) in enumerate(told, start=2)
        ]
        store.commit(Batch(messages=[rows], facts=facts))
    return first


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_times_count_from_the_fact_that_accepted_a_message(path: Path) -> None:
    _journal(path, Lane.HIGH, (Kind.SENT, 10.5, 0), (Kind.SENT, 12.0, 1), (Kind.RECEIPT, 13.0, 0))
    found = read_history(path, Known({"34600000001": 9.0}, {"34600000000": 10.25}, 0, 5.0))
    assert found.answers == {"high": [(10.5, 0.5), (12.0, 2.0)]}
    assert found.waits == [(12.0, 3.0)]
    assert found.submits == [(10.25, 0.25)]
    assert found.delivered == [13.0]
    assert found.answered == [10.5, 12.0]


def test_what_was_before_is_left_out(path: Path) -> None:
    _journal(path, Lane.BULK, (Kind.SENT, 10.5, 0), (Kind.THROTTLED, 10.6, 1), (Kind.SENT, 12.0, 1))
    found = read_history(path, Known({"34600000001": 9.0}, {}, 0, 11.0))
    assert found.answers == {"bulk": [(12.0, 2.0)]}
    assert (found.waits, found.throttled) == ([], [])


def test_who_is_taken_after_a_later_one_to_the_same_number_is_overtaken(path: Path) -> None:
    sent = [(Kind.SENT, 11.0 + n, msg) for n, msg in enumerate((2, 0, 1, 3))]
    _journal(path, Lane.BULK, *sent)
    assert read_history(path, Known({}, {}, 2, 0.0)).overtaken == 1
    assert read_history(path, Known({}, {}, 4, 0.0)).overtaken == 0
    assert read_history(path, Known({}, {}, 0, 0.0)).overtaken == 0
