"""The store: what was committed is there, and nothing else; old and foreign files are told."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from smppd.journal.filter import Filter
from smppd.journal.items import Items
from smppd.journal.schema import MIGRATIONS, JournalError
from smppd.journal.store import Batch, Store, open_reader, open_store
from smppd.ledger import memory
from smppd.ledger.entries import MessageRow, Rejected
from smppd.ledger.facts import QUEUE_SHIFT, ReceiptFact, encode
from smppd.ledger.ledger import Ledger
from smppd.ledger.message_bundles import LARGEST
from smppd.ledger.snapshot import Chunk
from smppd.message import ErrorInfo, Lane, Message, State

QUEUE = 1
BASE = QUEUE << QUEUE_SHIFT


def body(text: bytes = b"hola") -> bytes:
    return encode(Message("34600000001", 1, 1, "ACME", 5, 0, 0, 0, "gsm7", (text,)))


def admit(ledger: Ledger, file_id: int, ids: list[str | None]) -> list[MessageRow]:
    accounts = ledger.accounts
    first, item = accounts.queue(QUEUE).tail + 1, accounts.files[file_id].items
    rows = [
        MessageRow(first + n, file_id, item + n, item + n + 1, id_, State.QUEUED, body())
        for n, id_ in enumerate(ids)
    ]
    ranges = [(first, first + len(ids) - 1, len(ids))]
    ledger.admitted(2.0, file_id, Chunk(ranges, item, len(ids), len(ids), {}, 10, item + len(ids)))
    return rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sub" / "journal.db"


def test_what_was_committed_is_read_back_by_another_process_like_connection(path: Path) -> None:
    store, ledger = open_store(path), Ledger()
    file_id = ledger.file_opened(1.0, "t", "a.jsonl", Lane.NORMAL)
    rows = admit(ledger, file_id, ["one", None, "three"])
    ledger.sending(3.0, "main", rows[:2], rows[1].msg_id)
    ledger.sent(4.0, "main", rows[0].msg_id, 0, "abc")
    store.commit(Batch(messages=[rows], facts=ledger.take_facts()))

    reader = open_reader(path)
    accounts, recent = reader.load()
    assert accounts.counts == ledger.accounts.counts
    assert accounts.in_doubt() == [(rows[1].msg_id, 0)]
    assert recent == {"one": (BASE + 1, 2.0), "three": (BASE + 3, 2.0)}
    assert [row.id for row in reader.messages.read_queue(BASE + 2, 10)] == ["three"]
    assert reader.messages.count() == 3
    reader.close()
    store.close()


def test_a_batch_is_written_whole_or_not_at_all(path: Path) -> None:
    store, ledger = open_store(path), Ledger()
    file_id = ledger.file_opened(1.0, "t", "a.jsonl", Lane.NORMAL)
    rows = admit(ledger, file_id, ["one"])
    facts = ledger.take_facts()
    with pytest.raises(sqlite3.IntegrityError):
        store.commit(Batch(messages=[rows], facts=[*facts, facts[0]]))
    assert store.messages.count() == 0
    assert list(store.log.facts()) == []
    store.close()


def test_a_start_from_a_snapshot_equals_a_start_from_the_beginning(path: Path) -> None:
    store, ledger = open_store(path), Ledger()
    file_id = ledger.file_opened(1.0, "t", "a.jsonl", Lane.NORMAL)
    rows = admit(ledger, file_id, [f"id{n}" for n in range(6)])
    ledger.sending(3.0, "main", rows[:4], rows[3].msg_id)
    for row in rows[:3]:
        ledger.sent(4.0, "main", row.msg_id, 0, f"m{row.msg_id}")
    snapshot = (ledger.accounts.seq, memory.snapshot(ledger.accounts))
    ledger_ids = {f"id{n}": (BASE + n + 1, 5.0) for n in range(6)}
    ledger.indexed(5.0)
    store.commit(Batch([rows], ledger.take_facts(), [], ledger_ids, [], snapshot, 5.0))
    where = ledger.accounts.message_ids.get(f"main\tm{rows[0].msg_id}")
    assert where is not None
    ledger.receipt(6.0, where, 2, ReceiptFact("main", "m", "000", "", ""))
    store.commit(Batch(facts=ledger.take_facts()))

    fast, recent = store.load()
    slow, _ = store.load(from_snapshot=False)
    assert recent == {}
    for accounts in (fast, slow):
        assert memory.snapshot(accounts) == memory.snapshot(ledger.accounts)
    assert store.lots.find_ids(["id3", "nobody"], since=0.0) == {"id3": BASE + 4}
    assert store.lots.find_ids(["id3"], since=5.1) == {}
    store.close()


def test_client_ids_are_told_apart_whatever_they_hold(path: Path) -> None:
    store = open_store(path)
    store.commit(Batch(ids={"a": (1, 5.0), "a\0b": (2, 5.0), "\0": (3, 5.0)}, at=5.0))
    assert store.lots.find_ids(["a\0b"], since=0.0) == {"a\0b": 2}
    assert store.lots.find_ids(["\0", "a", "a\0c"], since=0.0) == {"\0": 3, "a": 1}
    assert store.lots.find_ids(["\0"], since=6.0) == {}
    store.close()


def test_spilled_messages_are_found_by_receipt_key_newest_lot_last(path: Path) -> None:
    store = open_store(path)
    store.commit(Batch(waiting=[("main\tb", b"old"), ("main\ta", b"x")], at=1.0))
    store.commit(Batch(waiting=[("main\tb", b"new")], at=2.0))
    found = store.lots.find_waiting(["main\tb", "main\ta", "main\tz"])
    assert (sorted(found), found[-1]) == ([b"new", b"old", b"x"], b"new")
    (old, _), (new, _) = store.lots.of("waiting")
    all_of_them = [(old, "main\ta"), (old, "main\tb"), (new, "main\tb")]
    assert store.lots.read_keys("waiting", (0, ""), 9) == all_of_them
    assert store.lots.read_keys("waiting", (old, "main\ta"), 1) == all_of_them[1:2]
    assert not store.lots.drop(old).more
    assert store.lots.find_waiting(["main\ta", "main\tb"]) == [b"new"]
    store.close()


def test_items_come_in_the_order_of_the_file_with_what_ended_them(path: Path) -> None:
    store, ledger = open_store(path), Ledger()
    file_id = ledger.file_opened(1.0, "t", "a.jsonl", Lane.NORMAL)
    other = 2 << QUEUE_SHIFT
    error = ErrorInfo("BAD_TO", None, "no number")
    rows = [
        MessageRow(other + 1, file_id, 0, 1, None, State.QUEUED, body()),
        MessageRow(BASE + 1, file_id, 1, 2, None, State.REJECTED, encode(Rejected("x", error))),
        MessageRow(other + 2, file_id, 2, 3, None, State.QUEUED, body()),
    ]
    ranges = [(BASE + 1, BASE + 1, 0), (other + 1, other + 2, 2)]
    ledger.admitted(2.0, file_id, Chunk(ranges, 0, 3, 2, {1: State.REJECTED}, 9, 3))
    ledger.sending(3.0, "main", [rows[0]], other + 1)
    ledger.refused(4.0, other + 1, 0, ErrorInfo("ESME_RINVDSTADR", 11))
    store.commit(Batch(messages=[rows], facts=ledger.take_facts()))
    accounts = ledger.accounts
    (items,) = Items(store).of(accounts.files[file_id], accounts.slots[file_id])
    assert [row.item for row, _ in items] == [0, 1, 2]
    ended = [end.at if end else None for _, end in items]
    assert ended == [4.0, None, None]
    store.close()


def test_a_client_id_is_found_with_and_without_the_index(path: Path) -> None:
    store, ledger = open_store(path), Ledger()
    file_id = ledger.file_opened(1.0, "t", "a.jsonl", Lane.NORMAL)
    rows = admit(ledger, file_id, ["early", "late"])
    store.commit(Batch([rows], ledger.take_facts(), ids={"early": (BASE + 1, 1.0)}, at=1.0))
    for name, msg_id in (("early", BASE + 1), ("late", BASE + 2)):
        found = store.find_message(name)
        assert found is not None
        assert found.msg_id == msg_id
        assert store.admitted_at(found) == 2.0
    assert store.find_message("nobody") is None
    store.close()


def test_queue_numbers_are_given_once(path: Path) -> None:
    store = open_store(path)
    first = store.enter_queue("main", Lane.HIGH)
    assert store.enter_queue("main", Lane.BULK) != first
    assert store.enter_queue("main", Lane.HIGH) == first
    assert store.queues()[first] == ("main", Lane.HIGH)
    store.close()


# ── journals that cannot be used ─────────────────────────────────────────────────────────────


def test_a_journal_of_a_newer_version_is_refused_by_name(path: Path) -> None:
    open_store(path).close()
    raw = sqlite3.connect(path)
    raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    raw.close()
    for opener in (open_store, open_reader):
        with pytest.raises(JournalError, match=f"{path} is of version {len(MIGRATIONS) + 1}"):
            opener(path)


def test_another_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE theirs (x)")
    raw.commit()
    raw.close()
    with pytest.raises(JournalError, match="not a journal of smppd"):
        open_store(path)


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"hello, I am not a database at all\n" * 100)
    with pytest.raises(JournalError, match=str(path)):
        open_store(path)


def test_reading_a_journal_that_is_not_there_makes_none(path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal at"):
        open_reader(path)
    assert not path.exists()


def test_a_reader_cannot_write(path: Path) -> None:
    open_store(path).close()
    reader: Store = open_reader(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.enter_queue("main", Lane.HIGH)
    reader.close()


def test_a_filter_never_forgets_while_it_grows() -> None:
    known = Filter(bits=1 << 10)
    keys = [f"key{n}" for n in range(5000)]
    for begun in range(0, 5000, 70):
        known.add(keys[begun : begun + 70])
    others = [f"other{n}" for n in range(5000)]
    assert known.among(keys + others)[:5000] == keys
    assert len(known.among(others)) < 5000


def test_a_filter_seldom_sends_anybody_to_the_disk_for_nothing() -> None:
    known = Filter()
    known.add([f"key{n}" for n in range(100_000)])
    assert len(known.among([f"other{n}" for n in range(10_000)])) < 10


def test_large_messages_are_read_from_their_queue_a_few_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, ledger = open_store(path), Ledger()
    file_id = ledger.file_opened(1.0, "t", "a.jsonl", Lane.NORMAL)
    rows = admit(ledger, file_id, [str(n) for n in range(6)])
    for row in rows:
        row.body = body(b"x" * LARGEST)
    store.commit(Batch(messages=[rows], facts=ledger.take_facts()))
    assert len(store.messages.read_queue(BASE, 100)) == 6
    monkeypatch.setattr("smppd.journal.messages.READ_AT_ONCE", 2 * len(rows[0].body))
    found = store.messages.read_queue(BASE, 100)
    assert [row.id for row in found] == ["0", "1", "2"]
    assert [row.id for row in store.messages.read_queue(found[-1].msg_id, 2)] == ["3", "4"]
    monkeypatch.setattr("smppd.journal.messages.READ_AT_ONCE", 1)
    assert [row.id for row in store.messages.read_queue(BASE, 100)] == ["0"]
    store.close()


def test_whoever_waits_for_it_hears_that_it_is_at_work(path: Path) -> None:
    heard: list[None] = []
    store = open_store(path, lambda: heard.append(None))
    long = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 50000) SELECT max(x) FROM n"
    store.connection.execute(long).fetchone()
    assert (before := len(heard)) >= 3
    store.unheard()
    store.connection.execute(long).fetchone()
    assert len(heard) == before
    store.close()
