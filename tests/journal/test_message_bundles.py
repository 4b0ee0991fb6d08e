"""Messages that share a row: every reader finds what it would find if each had its own."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from smppd.journal import messages as messages_module
from smppd.journal.messages import MessageTable
from smppd.journal.schema import MIGRATIONS, JournalError
from smppd.journal.store import Batch, Store, open_reader, open_store
from smppd.ledger.entries import MessageRow, Rejected, read_message
from smppd.ledger.facts import QUEUE_SHIFT, Kind, LedgerError, encode
from smppd.ledger.message_bundles import BUNDLE, LARGEST, MOST, mention
from smppd.message import ErrorInfo, State
from smppd.ports import Readers
from tests.journal.bundled import BUNDLED, DELIVERED, MIXED, PLAIN, Book
from tests.journal.test_store import body

QUEUE, OTHER = 1 << QUEUE_SHIFT, 2 << QUEUE_SHIFT
#: Messages of each chunk; they are of two files in turns.
CHUNKS = (100, 130, 1, 2, 70, 3)


def messages() -> list[list[MessageRow]]:
    """Chunks of lines: every seventh goes to another queue, some have no id, one is large, and some are
    rejected."""
    chance, tails, items = random.Random(6), {QUEUE: QUEUE, OTHER: OTHER}, Counter[int]()
    chunks = list[list[MessageRow]]()
    for number, length in enumerate(CHUNKS):
        chunks.append([])
        for _ in range(length):
            file_id = number % 2 + 1
            item, queue = items[file_id], QUEUE if chance.randrange(7) else OTHER
            items[file_id] += 1
            tails[queue] += 1
            state, octets = State.QUEUED, body(b"%d" % item)
            if item == 20:
                octets = body(b"x" * LARGEST)
            elif item % 41 == 40:
                state = State.DUPLICATE if item % 2 else State.REJECTED
                octets = encode(Rejected("x", ErrorInfo("BAD_TO", None, "no number")))
            id_ = f"{file_id}-{item}" if chance.randrange(5) else None
            row = MessageRow(tails[queue], file_id, item, item * 2 + 1, id_, state, octets)
            chunks[-1].append(row)
    return chunks


def plain(chunks: Sequence[Sequence[MessageRow]]) -> list[Sequence[MessageRow]]:
    return [[row] for chunk in chunks for row in chunk]


WAYS: dict[str, Callable[[list[list[MessageRow]]], list[Sequence[MessageRow]]]] = {
    PLAIN: plain,
    BUNDLED: list,
    MIXED: lambda chunks: [*plain(chunks[:1]), *chunks[1:2], *plain(chunks[2:4]), *chunks[4:]],
}


@pytest.fixture
def chunks() -> list[list[MessageRow]]:
    return messages()


@pytest.fixture(params=WAYS)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, chunks: list[list[MessageRow]]
) -> Iterator[Store]:
    with closing(open_store(tmp_path / "journal.db")) as made:
        made.commit(Batch(messages=WAYS[request.param](chunks)))
        yield made


@pytest.fixture
def table(store: Store) -> MessageTable:
    return store.messages


@pytest.fixture
def rows(chunks: list[list[MessageRow]]) -> list[MessageRow]:
    """All of them, by their msg_ids."""
    return sorted((row for chunk in chunks for row in chunk), key=lambda row: row.msg_id)


Raw = tuple[int, int, int, int, str | None, int]


def raw(store: Store) -> list[Raw]:
    """The rows as they stand."""
    return store.connection.execute(
        "SELECT msg_id, file_id, item, line, id, state FROM message ORDER BY msg_id"
    ).fetchall()


def test_only_what_was_queued_at_once_for_a_file_shares_a_row(
    tmp_path: Path, chunks: list[list[MessageRow]], rows: list[MessageRow]
) -> None:
    with closing(open_store(tmp_path / "journal.db")) as store:
        store.commit(Batch(messages=list(chunks)))
        there = raw(store)
    chunk_of = {row.msg_id: n for n, chunk in enumerate(chunks) for row in chunk}
    by_id = {row.msg_id: row for row in rows}
    seen = list[int]()
    for last, file_id, item, line, id_, state in there:
        count = line if state == BUNDLE else 1
        inside = [by_id[each] for each in range(last - count + 1, last + 1)]
        seen += [row.msg_id for row in inside]
        assert {row.file_id for row in inside} == {file_id}
        assert len({chunk_of[row.msg_id] for row in inside}) == 1
        assert inside[0].item == item
        if state == BUNDLE:
            assert id_ is None
            assert 2 <= count <= MOST
            assert {row.state for row in inside} == {State.QUEUED}
            assert max(len(row.body) for row in inside) <= LARGEST
        else:
            assert (line, id_, state) == (inside[0].line, inside[0].id, inside[0].state)
    assert seen == [row.msg_id for row in rows]
    counts = [line for *_, line, _, state in there if state == BUNDLE]
    assert max(counts) == MOST
    assert len(there) < len(rows) / 3
    assert BUNDLE not in set(State)


def test_a_message_by_itself_has_a_row_as_before(tmp_path: Path) -> None:
    row = MessageRow(QUEUE + 1, 1, 0, 1, "a", State.QUEUED, body())
    with closing(open_store(tmp_path / "journal.db")) as store:
        store.commit(Batch(messages=[[row]]))
        assert raw(store) == [(QUEUE + 1, 1, 0, 1, "a", State.QUEUED)]


def test_files_that_are_admitted_at_once_share_no_row(tmp_path: Path) -> None:
    rows = [MessageRow(QUEUE + n, n // 3, 0, 1, None, State.QUEUED, body()) for n in range(1, 9)]
    with closing(open_store(tmp_path / "journal.db")) as store:
        store.commit(Batch(messages=[rows]))
        shared = [(last - QUEUE, file_id, line) for last, file_id, _, line, *_ in raw(store)]
        assert shared == [(2, 0, 2), (5, 1, 3), (8, 2, 3)]
        assert store.messages.read_range(0, OTHER) == rows


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("limit", [1, 2, 63, 64, 65, 1000])
def test_a_queue_is_read_behind_every_message(
    table: MessageTable, rows: list[MessageRow], limit: int
) -> None:
    for queue in (QUEUE, OTHER):
        its_own = [row for row in rows if row.msg_id >> QUEUE_SHIFT == queue >> QUEUE_SHIFT]
        assert len(its_own) > 30
        for place in range(len(its_own) + 1):
            found = table.read_queue(queue + place, limit)
            assert found == its_own[place : place + limit]


def test_no_more_of_a_queue_is_read_at_once_than_so_many_octets_and_a_bundle(
    table: MessageTable, rows: list[MessageRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages_module, "READ_AT_ONCE", 3000)
    its_own = [row for row in rows if row.msg_id < OTHER]
    read = list[MessageRow]()
    while found := table.read_queue(read[-1].msg_id if read else QUEUE, 1000):
        assert sum(len(row.body) for row in found[:-MOST]) <= 3000
        assert len(found) < len(its_own)
        read += found
    assert read == its_own


def test_a_range_may_begin_and_end_inside_a_bundle(
    table: MessageTable, rows: list[MessageRow]
) -> None:
    for first in range(QUEUE, QUEUE + 260, 7):
        for last in range(first - 1, QUEUE + 330, 9):
            there = [row for row in rows if first <= row.msg_id <= last]
            assert table.read_range(first, last) == there
    assert table.read_range(0, 1 << 60) == rows
    edge = [row for row in rows if QUEUE + 200 <= row.msg_id <= OTHER + 5]
    assert table.read_range(QUEUE + 200, OTHER + 5) == edge
    assert table.read_range(3 << QUEUE_SHIFT, 4 << QUEUE_SHIFT) == []


def test_messages_are_found_by_their_numbers_and_no_others(
    table: MessageTable, rows: list[MessageRow]
) -> None:
    nobodys = [0, QUEUE, rows[-1].msg_id + 1, OTHER, 3 << QUEUE_SHIFT]
    assert table.read(nobodys) == []
    assert table.read([]) == []
    for row in rows:
        assert table.read([row.msg_id]) == [row]
    for some in (rows, rows[::3], rows[40:130:2]):
        wanted = [row.msg_id for row in some]
        random.Random(2).shuffle(wanted)
        found = table.read([*wanted, *nobodys, wanted[0]])
        assert sorted(found, key=lambda row: row.msg_id) == list(some)
    few = [row for n, row in enumerate(rows[:100]) if n % 3]
    found = table.read([row.msg_id for row in few])
    assert sorted(found, key=lambda row: row.msg_id) == few
    asked = {row.msg_id for row in rows[::4]}
    assert table.missing({*asked, *nobodys}) == set(nobodys)


def test_whether_one_of_several_is_there(store: Store, rows: list[MessageRow]) -> None:
    by_id = {row.msg_id for row in rows}
    ends = [*range(QUEUE - 2, QUEUE + 4), *range(QUEUE + 60, QUEUE + 70), rows[-1].msg_id]
    ends += [OTHER - 1, OTHER, OTHER + 1, rows[-1].msg_id + 1, rows[-1].msg_id + 9]
    says = messages_module.there("?1", "?2")
    for first in ends:
        for last in (each for each in ends if each >= first):
            (found,) = store.connection.execute(f"SELECT {says}", (first, last)).fetchone()
            assert found == any(first <= each <= last for each in by_id)


# ── looking for a client's id ────────────────────────────────────────────────────────────────────


def test_each_client_id_is_found_without_the_index(
    table: MessageTable, rows: list[MessageRow]
) -> None:
    for row in rows:
        if row.id is not None:
            assert table.newest(row.id) == row
    for nobodys in ("", "1-", "3-0", "34600000001", "gsm7", "1-999"):
        assert table.newest(nobodys) is None


def test_octets_that_look_like_an_id_in_a_bundle_of_others(tmp_path: Path) -> None:
    rows = [
        MessageRow(QUEUE + n + 1, 1, n, n + 1, None, State.QUEUED, body(mention("mine")))
        for n in range(3)
    ]
    with closing(open_store(tmp_path / "journal.db")) as store:
        store.commit(Batch(messages=[rows]))
        looks = "SELECT count(*) FROM message WHERE instr(body, ?)"
        assert store.connection.execute(looks, (mention("mine"),)).fetchone() == (1,)
        assert store.find_message("mine") is None


@pytest.mark.parametrize("apart", [False, True])
def test_of_several_with_one_id_the_newest_that_was_queued_is_meant(
    tmp_path: Path, apart: bool
) -> None:
    rejected = encode(Rejected("x", ErrorInfo("DUPLICATE", None, "again")))
    rows = [
        MessageRow(QUEUE + 1, 1, 0, 1, "twice", State.QUEUED, body(b"old")),
        MessageRow(QUEUE + 2, 1, 1, 2, "twice", State.QUEUED, body(b"new")),
        MessageRow(QUEUE + 3, 1, 2, 3, "never", State.DUPLICATE, rejected),
        MessageRow(QUEUE + 4, 1, 3, 4, "twice", State.DUPLICATE, rejected),
        MessageRow(QUEUE + 5, 1, 4, 5, "never", State.DUPLICATE, rejected),
    ]
    with closing(open_store(tmp_path / "journal.db")) as store:
        store.commit(Batch(messages=plain([rows]) if apart else [rows]))
        assert store.find_message("twice") == rows[1]
        assert store.find_message("never") == rows[4]
        store.commit(Batch(ids={"twice": (QUEUE + 1, 1.0)}, at=1.0))
        assert store.find_message("twice") == rows[0], "what the index knows"


def test_ids_of_bundles_are_known_after_a_start(tmp_path: Path) -> None:
    for way in (PLAIN, BUNDLED):
        book = Book(tmp_path / way, way)
        book.write()
        _, recent = book.store.load()
        assert recent == {row.id: (row.msg_id, 2.0) for row in book.rows}
        book.store.close()


# ── counting ─────────────────────────────────────────────────────────────────────────────────────


def test_each_is_counted(table: MessageTable, rows: list[MessageRow]) -> None:
    assert table.count() == len(rows)
    for queue, messages, first, last in table.numbering():
        its_own = [row.msg_id for row in rows if row.msg_id >> QUEUE_SHIFT == queue]
        assert (messages, first, last) == (len(its_own), its_own[0], its_own[-1])
    assert len(list(table.numbering())) == 2
    final = sum(row.state != State.QUEUED for row in rows)
    assert table.final_at_once() == final > 3


# ── removing ─────────────────────────────────────────────────────────────────────────────────────


def test_a_bundle_goes_with_its_last_message(store: Store, rows: list[MessageRow]) -> None:
    last_of = dict[int, int]()
    for last, *_, line, _, state in raw(store):
        count = line if state == BUNDLE else 1
        last_of |= dict.fromkeys(range(last - count + 1, last + 1), last)
    left, first = rows, QUEUE + 1
    for end in range(QUEUE + 50, QUEUE + 400, 50):
        goes = [row for row in left if first <= last_of[row.msg_id] <= end]
        over = sum(row.state != State.QUEUED for row in goes)
        assert store.messages.remove(first, end) == (len(goes), over)
        left = [row for row in left if row not in goes]
        assert store.messages.read_range(0, 1 << 60) == left
        assert store.messages.count() == len(left)
        first = end + 1
    assert {row.msg_id >> QUEUE_SHIFT for row in left} == {OTHER >> QUEUE_SHIFT}


class Ahead(Book):
    """A journal with a file whose last messages were cancelled before the first had left: its queue is
    passed up to the middle of a row."""

    def write(self) -> None:
        self._admit(self.files[0], 0)
        self.ledger.file_closed(3.0, self.files[0])
        for row in self.rows[4:]:
            self.ledger.cancelled(3.0, "ana", row.msg_id, row)
        self._deliver_all(self.rows[:4])

    def go_on(self) -> None:
        """Another file comes, and the queue passes all there is."""
        self._admit(self.files[1], 0)
        self.ledger.file_closed(7.0, self.files[1])
        self._deliver_all(self.rows[10:])

    def _deliver_all(self, rows: Sequence[MessageRow]) -> None:
        self.ledger.sending(7.0, "main", rows, rows[-1].msg_id)
        for row in rows:
            self.ledger.sent(7.0, "main", row.msg_id, 0, f"m{row.msg_id}")
            text = f"main\tm{row.msg_id}\t000\t2611210000\t34600000001"
            self.ledger.told(7.0, (row.msg_id, 0), DELIVERED, text)
        self.commit()

    def prune(self) -> None:
        """By a base of now, with an audit after each lot."""
        self.base(10.0 + self.ledger.accounts.seq)
        while self.store.pruning.lot(0.0, 0.0).more:
            assert self.failed() == []
        assert self.failed() == []

    def there(self) -> list[int]:
        return [row.msg_id for row in self.store.messages.read_range(0, 1 << 60)]


@pytest.mark.parametrize(("way", "stays"), [(PLAIN, 6), (BUNDLED, 10)])
def test_what_is_ahead_of_its_queue_stays_and_what_shares_its_row(
    tmp_path: Path, way: str, stays: int
) -> None:
    book = Ahead(tmp_path / "a", way)
    book.write()
    book.report(0)
    assert book.failed() == []
    book.prune()
    assert book.there() == [row.msg_id for row in book.rows[-stays:]]
    about = {fact.msg for fact in book.store.log.facts() if fact.kind in (Kind.SENT, Kind.RECEIPT)}
    assert about <= set(book.there()), "the facts stay with what they are about"
    book.go_on()
    assert book.failed() == []
    book.prune()
    assert book.there() == [row.msg_id for row in book.rows[10:]]
    removed = book.store.pruning.removed()
    assert (removed.messages[1], removed.results) == (10, 10)
    book.report(1)
    book.prune()
    assert book.there() == []
    assert [fact.kind for fact in book.store.log.facts()] == [Kind.INDEXED]
    book.store.close()


# ── taking texts out ─────────────────────────────────────────────────────────────────────────────


def test_bodies_are_changed_each_row_once_and_no_others(
    store: Store, rows: list[MessageRow]
) -> None:
    some = [row for row in rows if row.state == State.QUEUED][::3]
    wanted = {row.msg_id for row in some}
    written = list[str]()
    store.connection.set_trace_callback(written.append)
    store.messages.change_bodies([*wanted, rows[-1].msg_id + 1], lambda body: body[::-1])
    store.connection.set_trace_callback(None)
    expected = [row.body[::-1] if row.msg_id in wanted else row.body for row in rows]
    assert [row.body for row in store.messages.read_range(0, 1 << 60)] == expected
    bundles = [(last - line, last) for last, *_, line, _, state in raw(store) if state == BUNDLE]
    keys = {
        next((last for before, last in bundles if before < each <= last), each) for each in wanted
    }
    assert sum(each.startswith("UPDATE message") for each in written) == len(keys)


def test_in_place_of_a_message_that_is_not_there_no_other_is_changed(tmp_path: Path) -> None:
    row = MessageRow(QUEUE + 2, 1, 0, 1, "a", State.QUEUED, body())
    with closing(open_store(tmp_path / "journal.db")) as store:
        store.commit(Batch(messages=[[row]]))
        store.messages.change_bodies([QUEUE + 1], lambda _: b"")
        assert store.messages.read([QUEUE + 2]) == [row]


def test_texts_of_a_bundle_are_taken_out_in_one_go(tmp_path: Path) -> None:
    book = Book(tmp_path / "a", BUNDLED)
    book.write()
    written = list[str]()
    book.store.connection.set_trace_callback(written.append)
    while book.store.stripping.lot(10.0, 100.0, Readers([], 0.0)).more:
        pass
    book.store.connection.set_trace_callback(None)
    ended = {fact.msg for fact in book.store.log.facts() if fact.result is not None}
    left = {row.msg_id: row.body for row in book.rows if row.msg_id not in ended}
    assert left
    for row in book.store.messages.read_range(0, 1 << 60):
        if row.msg_id in ended:
            assert read_message(row.body).segments == (b"",)
        else:
            assert row.body == left[row.msg_id]
    bundles = len(raw(book.store))
    changes = sum(each.startswith("UPDATE message") for each in written)
    assert bundles == 14
    assert changes <= 2 * bundles < len(ended)
    assert book.failed() == []
    book.store.close()


# ── other versions, and damage ───────────────────────────────────────────────────────────────────


def test_a_version_that_knows_no_bundles_refuses_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    with closing(open_store(path)) as store:
        (version,) = store.connection.execute("PRAGMA user_version").fetchone()
    assert version == len(MIGRATIONS) > 8
    monkeypatch.setattr("smppd.journal.schema.MIGRATIONS", MIGRATIONS[:8])
    for opener in (open_store, open_reader):
        with pytest.raises(
            JournalError, match=f"is of version {version}, this smppd knows up to 8"
        ):
            opener(path)


_FIRST = f"WHERE msg_id = (SELECT min(msg_id) FROM message WHERE state = {BUNDLE})"


@pytest.mark.parametrize(
    "change",
    ["body = x'00'", "body = x'94'", "body = 'text'", "body = 7", "line = line + 1",
     "line = line - 1", "line = 0", "line = -1", "body = substr(body, 1, 40)", "state = 1",
     "line = 0, body = x'9490909090'"],
)  # fmt: skip
def test_an_audit_says_of_a_damaged_bundle_that_it_is(tmp_path: Path, change: str) -> None:
    book = Book(tmp_path / "a", BUNDLED)
    book.write()
    assert book.failed() == []
    book.tamper(f"UPDATE message SET {change} {_FIRST}")
    failed = book.failed()
    assert failed
    if change != "state = 1":
        said = r"message \d+ is a bundle (that cannot be read|of -?\d+ that has \d+)"
        for read in (
            lambda: book.store.messages.read_queue(QUEUE, 100),
            lambda: book.store.messages.read_range(QUEUE, OTHER),
            lambda: book.store.messages.read([QUEUE + 10]),
            lambda: book.store.messages.change_bodies([QUEUE + 10], bytes),
        ):
            with pytest.raises(LedgerError, match=said):
                read()
        assert [each for each in book.store.messages.unreadable() if re.search(said, each)]
        assert any(re.search(said, what) for what in failed)
    book.store.close()


def test_an_audit_looks_into_bundles_that_no_fact_sends_it_to(tmp_path: Path) -> None:
    book = Book(tmp_path / "a", BUNDLED)
    book.write()
    book.base(10.0)
    book.tamper(f"UPDATE message SET body = x'00' {_FIRST}")
    (failed,) = book.failed()
    assert "is a bundle that cannot be read" in failed
    book.store.close()


def test_an_audit_misses_a_bundle(tmp_path: Path) -> None:
    book = Book(tmp_path / "a", BUNDLED)
    book.write()
    book.base(10.0)
    book.tamper(f"DELETE FROM message {_FIRST}")
    failed = book.failed()
    for what in ("every accepted message", "every queue is numbered", "every fact is about"):
        assert any(each.startswith(what) for each in failed)
    book.store.close()
