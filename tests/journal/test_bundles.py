"""Facts that share a row: every reader finds what it would find if each had its own, in every window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smppd.journal import log as log_module
from smppd.journal.log import LogReader
from smppd.journal.past import reading_past
from smppd.journal.store import Batch, open_reader, open_store
from smppd.ledger.bundles import MOST_ENDS, NO_RESULT, bundled, members_of, mention
from smppd.ledger.entries import Ending, read_result
from smppd.ledger.facts import Fact, Kind, LedgerError
from smppd.message import State
from smppd.outlets.happenings import TOLD
from smppd.ports import Readers
from tests.journal.bundled import (
    BUNDLED,
    COUNT,
    MIXED,
    PLAIN,
    WAITING,
    Book,
)

#: Long before a journal has so many facts.
FAR = 1 << 41
_BUNDLES = (Kind.SENT_BUNDLE, Kind.DELIVERED_BUNDLE)

Make = Callable[..., Book]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made = list[Book]()

    def book(way: str, first: int = 0) -> Book:
        made.append(Book(tmp_path / f"{len(made)}", way, first))
        made[-1].write()
        return made[-1]

    yield book
    for each in made:
        each.store.close()


@pytest.fixture(params=[(BUNDLED, 0), (BUNDLED, FAR), (MIXED, 0)])
def both(request: pytest.FixtureRequest, make: Make) -> tuple[list[Fact], Book]:
    """The facts as each has a row, and the journal that has them in bundles."""
    way, first = request.param
    book = make(way, first)
    facts = make(PLAIN, first).raw()
    assert not any(fact.kind in _BUNDLES for fact in facts)
    assert len(book.raw()) < len(facts)
    return facts, book


def test_the_log_is_the_same_behind_every_fact(both: tuple[list[Fact], Book]) -> None:
    facts, book = both
    log = book.store.log
    for place, fact in enumerate(facts):
        assert list(log.facts(fact.seq)) == facts[place + 1 :]
    assert list(log.facts()) == facts


@pytest.mark.parametrize("kinds", [(), (Kind.SENT,), TOLD], ids=str)
def test_a_window_may_begin_and_end_inside_a_bundle(
    both: tuple[list[Fact], Book], kinds: tuple[int, ...]
) -> None:
    facts, book = both
    first = facts[0].seq - 1
    wanted = [fact for fact in facts if fact.result is not None or fact.kind in kinds]
    for after in range(0, len(facts), 7):
        for end in range(after, len(facts) + 3, 5):
            there = [fact for fact in wanted if after < fact.seq - first <= end]
            assert list(book.store.log.told(first + after, first + end, kinds)) == there


def test_receipts_are_found_behind_every_fact(both: tuple[list[Fact], Book]) -> None:
    facts, book = both
    receipts = [fact for fact in facts if fact.kind == Kind.RECEIPT]
    assert len(receipts) == 2 * COUNT - WAITING
    for fact in facts:
        there = [each for each in receipts if each.seq > fact.seq]
        assert list(book.store.log.receipts(fact.seq)) == there


def test_each_fact_is_found_by_its_seq_and_by_its_message(both: tuple[list[Fact], Book]) -> None:
    facts, book = both
    log = book.store.log
    for fact in facts:
        assert log.read_facts([fact.seq]) == {fact.seq: fact}
    assert log.read_facts([facts[-1].seq + 1]) == {}
    assert log.read_facts([fact.seq for fact in facts[::3]]) == {f.seq: f for f in facts[::3]}
    for row in book.rows[::9]:
        about = [fact for fact in facts if fact.kind == Kind.SENDING or fact.msg == row.msg_id]
        assert log.history(row.msg_id) == about


def test_endings_are_found_each_and_many_at_once_and_no_others(
    both: tuple[list[Fact], Book],
) -> None:
    facts, book = both
    endings = {
        fact.seq: Ending(fact.at, read_result(fact.result))
        for fact in facts
        if fact.result is not None
    }
    for seq, ending in endings.items():
        assert book.store.log.read_endings([seq]) == {seq: ending}
    some = list(endings)[::3]
    assert book.store.log.read_endings(some) == {seq: endings[seq] for seq in some}
    for nobodys in ([], [facts[0].seq - 1], [facts[-1].seq + 1]):
        assert book.store.log.read_endings(nobodys) == {}


@pytest.mark.parametrize("limit", [1, 2, 20, 1000])
def test_whoever_reads_on_from_where_he_was_is_told_everything_once(
    both: tuple[list[Fact], Book], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, book = both
    monkeypatch.setattr(log_module, "_LOOKED_AT", 5)
    wanted = [fact for fact in facts if fact.result is not None or fact.kind in TOLD]
    with closing(open_reader(book.path)) as store:
        reader = LogReader(store)
        assert (reader.oldest(), reader.head()) == (facts[0].seq, facts[-1].seq)
        assert all(reader.has(fact.seq, fact.at) for fact in facts)
        assert not any(reader.has(fact.seq, fact.at + 1) for fact in facts)
        for start in range(0, len(facts), 23):
            cursor, told = facts[start].seq - 1, list[Fact]()
            while cursor < reader.head():
                found = reader.read(cursor, TOLD, limit)
                assert {fact.msg for fact in found.facts if fact.kind == Kind.SENT} <= set(
                    found.rows
                )
                assert found.end > cursor
                told += found.facts
                cursor = found.end
            assert told == [fact for fact in wanted if fact.seq >= facts[start].seq]


def test_octets_that_look_like_a_message_in_a_bundle_about_others(make: Make) -> None:
    book = make(BUNDLED)
    row, seq = book.rows[5], book.ledger.accounts.seq
    before = book.store.log.history(row.msg_id)
    odd = [(row.msg_id + 1, "main\tx", mention(row.msg_id))]
    book.store.commit(Batch(facts=list(bundled(9.0, Kind.DELIVERED_BUNDLE, seq + 1, odd))))
    found = book.store.connection.execute(
        "SELECT count(*) FROM fact WHERE seq > ? AND instr(detail, ?)", (seq, mention(row.msg_id))
    )
    assert found.fetchone() == (1,), "it does look so"
    assert book.store.log.history(row.msg_id) == before


def test_to_find_one_result_no_more_than_so_many_are_read(make: Make) -> None:
    sizes = [row.num or 0 for row in make(BUNDLED).raw() if row.kind == Kind.DELIVERED_BUNDLE]
    assert max(sizes) == MOST_ENDS


# ── a journal of a version before ───────────────────────────────────────────────────────────────


def test_a_journal_of_a_version_before_bundles_goes_on_in_bundles(make: Make) -> None:
    book = make(PLAIN)
    book.store.close()
    book.tamper("UPDATE fact SET at = at")  # there are rows to keep
    with closing(open_store(book.path)) as old:
        old.connection.executescript("DROP TABLE operator_command; PRAGMA user_version = 6")
    book.store = open_store(book.path)
    accounts, _ = book.store.load()
    assert accounts.counts == book.ledger.accounts.counts
    book.ledger.accounts = accounts
    before = list(book.store.log.facts())
    book.deliver_the_rest()
    assert [row.kind for row in book.raw()[-1:]] == [Kind.DELIVERED_BUNDLE]
    late = list(book.store.log.facts())
    assert late[: len(before)] == before
    assert [fact.msg for fact in late[len(before) :]] == [r.msg_id for r in book.rows[-WAITING:]]
    assert book.failed() == []


# ── removing ─────────────────────────────────────────────────────────────────────────────────────


def about(book: Book) -> dict[int, int]:
    """How many facts each message has that is in the log."""
    found = dict[int, int]()
    for fact in book.store.log.facts():
        if fact.kind in {Kind.SENT, Kind.RECEIPT} and fact.msg is not None:
            found[fact.msg] = found.get(fact.msg, 0) + 1
    return found


def prune(book: Book, seconds: float = 10.0) -> int:
    """All that is over, with an audit after each lot; how many facts."""
    gone, more = 0, True
    while more:
        done = book.store.pruning.lot(seconds, 100.0)
        gone, more = gone + done.facts, done.more
        assert book.failed() == []
    return gone


@pytest.mark.parametrize("way", [BUNDLED, MIXED])
@pytest.mark.parametrize("seconds", [0.0, 10.0])
def test_some_of_a_bundle_go_and_the_others_later(make: Make, way: str, seconds: float) -> None:
    book = make(way)
    seqs = {fact.seq: fact.msg for fact in book.store.log.facts() if fact.msg is not None}
    book.report(0)
    book.base(10.0)
    prune(book, seconds)
    stay = {row.msg_id: 2 for row in book.rows if row.file_id == book.files[1]}
    stay |= {row.msg_id: 1 for row in book.rows[-WAITING:]}
    assert about(book) == stay
    left = {f.seq: f.msg for f in book.store.log.facts() if f.seq in seqs and f.msg in stay}
    assert left == {seq: msg for seq, msg in seqs.items() if msg in stay}, "each keeps its seq"
    assert book.store.pruning.removed().results == COUNT
    for row in book.rows:
        told = [fact.kind for fact in book.store.log.history(row.msg_id)]
        assert told.count(Kind.SENT) == (row.msg_id in stay)
    assert book.store.pruning.begin().more
    assert prune(book, seconds) == 0, "nothing is counted twice"
    book.deliver_the_rest()
    book.report(1)
    assert book.failed() == []
    book.base(20.0)
    prune(book, seconds)
    assert about(book) == {}
    assert [row.kind for row in book.raw()] == [Kind.INDEXED]
    assert book.store.pruning.removed().results == 2 * COUNT


def test_what_is_removed_of_a_bundle_is_found_by_nobody(make: Make) -> None:
    book = make(BUNDLED)
    book.report(0)
    facts = list(book.store.log.facts())
    book.base(10.0)
    prune(book)
    left = list(book.store.log.facts())
    log, there = book.store.log, {fact.seq: fact for fact in left}
    over = {row.msg_id for row in book.rows if row.file_id == book.files[0]}
    for fact in facts:
        assert log.read_facts([fact.seq]) == {s: f for s, f in there.items() if s == fact.seq}
        if fact.msg in over and fact.result is not None:
            assert log.read_endings([fact.seq]) == {}
    with closing(open_reader(book.path)) as store:
        reader = LogReader(store)
        assert reader.oldest() == left[0].seq
        told = [fact for fact in left if fact.result is not None or fact.kind in TOLD]
        assert reader.read(0, TOLD, 10_000).facts == told
    assert [fact.seq for fact in log.receipts(0)] == [f.seq for f in left if f.kind == Kind.RECEIPT]
    assert b"m0\t" not in b"".join(row.detail or b"" for row in book.raw())


def test_the_oldest_fact_may_be_one_inside_a_bundle(make: Make) -> None:
    book = make(BUNDLED)
    row = next(row for row in book.raw() if row.kind == Kind.SENT_BUNDLE and row.num != 3)
    book.tamper(f"DELETE FROM fact WHERE seq < {row.seq}")
    left = members_of(row.seq, row.num, row.detail)
    book.store.log.keep_of_bundle(row.seq, [None, None, *left[2:]])
    with closing(open_reader(book.path)) as store:
        assert LogReader(store).oldest() == row.seq - len(left) + 3


# ── taking texts out ─────────────────────────────────────────────────────────────────────────────


def stripped(book: Book) -> set[int]:
    """The messages whose texts are gone."""
    rows = book.store.messages.read([row.msg_id for row in book.rows])
    return {row.msg_id for row in rows if row.message.segments == (b"",)}


def test_texts_are_kept_for_a_reader_inside_a_bundle_and_go_when_he_is_through(make: Make) -> None:
    book = make(BUNDLED)
    store = book.store
    ended = {fact.seq: fact.msg for fact in store.log.facts() if fact.kind == Kind.RECEIPT}
    for cursor in range(min(ended) - 1, book.ledger.accounts.seq + 1, 5):
        store.commit(Batch(cursors={"hook": cursor}))
        store.stripping.lot(10.0, 100.0, Readers(["hook"], 0.0))
        through = {msg for seq, msg in ended.items() if seq <= cursor}
        gone = stripped(book)
        assert gone <= through, "nobody loses what he was not told yet"
        assert len(through - gone) < MOST_ENDS
    store.commit(Batch(cursors={"hook": book.ledger.accounts.seq}))
    assert not store.stripping.lot(10.0, 100.0, Readers(["hook"], 0.0)).more
    assert stripped(book) == set(ended.values())
    assert book.failed() == []


@pytest.mark.parametrize(("name", "value"), [("_STRETCH", 7), ("_STEP", 3)])
def test_texts_in_bundles_go_also_when_time_is_short(
    make: Make, name: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"smppd.journal.stripping.{name}", value)
    book = make(MIXED)
    lots, more = 0, True
    while more:
        more = book.store.stripping.lot(0.0, 100.0, Readers([], 0.0)).more
        lots += 1
    assert lots > 10
    ended = {fact.msg for fact in book.store.log.facts() if fact.kind == Kind.RECEIPT}
    assert stripped(book) == ended


# ── a file that was reported long ago ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", [PLAIN, BUNDLED, MIXED])
def test_the_end_of_each_message_of_a_file_without_an_account(make: Make, way: str) -> None:
    book = make(way)
    book.report(0)
    assert book.files[0] not in book.ledger.accounts.files
    book.base(10.0)
    with closing(open_reader(book.path)) as store, reading_past(store) as past:
        (row,) = store.files.by_ids([book.files[0]])
        found = past.find(row)
        assert found is not None
        lots = [each for lot in past.items(found) for each in lot]
    assert [message.item for message, _ in lots] == list(range(COUNT))
    for message, ending in lots:
        (fact,) = [f for f in book.store.log.history(message.msg_id) if f.result is not None]
        assert fact.result is not None
        assert ending == Ending(fact.at, read_result(fact.result))
        state = State.DELIVERED if fact.num == 2 else State.UNDELIVERED
        assert read_result(fact.result).state == state


# ── damage ───────────────────────────────────────────────────────────────────────────────────────

_FIRST = "WHERE seq = (SELECT min(seq) FROM fact WHERE kind = %d)"


@pytest.mark.parametrize("kind", _BUNDLES)
@pytest.mark.parametrize(
    "change",
    ["detail = x'00'", "detail = x'90'", "detail = NULL", "detail = 'text'", "detail = 7",
     "num = num + 1", "num = num - 1", "num = NULL", "kind = 12", "detail = substr(detail, 1, 40)"],
)  # fmt: skip
def test_an_audit_says_of_a_damaged_bundle_that_it_is(make: Make, kind: int, change: str) -> None:
    book = make(BUNDLED)
    assert book.failed() == []
    book.tamper(f"UPDATE fact SET {change} {_FIRST % kind}")
    if change != "kind = 12":
        with pytest.raises(LedgerError, match="is a bundle"):
            list(book.store.log.facts())
    failed = book.failed()
    assert failed
    assert "every fact follows from those before it" in failed[0]


@pytest.mark.parametrize("kind", _BUNDLES)
@pytest.mark.parametrize("change", ["detail = x'00'", "detail = NULL", "num = num + 1"])
def test_an_audit_looks_at_bundles_before_its_base(make: Make, kind: int, change: str) -> None:
    book = make(BUNDLED)
    book.report(0)
    book.base(10.0)
    prune(book)
    book.tamper(f"UPDATE fact SET {change} {_FIRST % kind}")
    assert book.failed()


def test_an_audit_misses_the_message_of_a_fact_in_a_bundle(make: Make) -> None:
    book = make(BUNDLED)
    book.tamper(f"DELETE FROM message WHERE msg_id = {book.rows[49].msg_id}")
    assert any(what.startswith("every fact is about a message") for what in book.failed())


def test_an_audit_misses_a_result_that_was_in_a_bundle_before_its_base(make: Make) -> None:
    book = make(BUNDLED)
    book.base(10.0)
    (row, *_) = [row for row in book.raw() if row.kind == Kind.DELIVERED_BUNDLE]
    first, *others = members_of(row.seq, row.num, row.detail)
    assert first is not None
    book.store.log.keep_of_bundle(row.seq, [None, *others])
    (failed,) = book.failed()
    assert failed.startswith("every finished message has one result")


def test_an_audit_misses_a_result_in_a_fact_that_is_there(make: Make) -> None:
    book = make(BUNDLED)
    (row, *_) = [row for row in book.raw() if row.kind == Kind.DELIVERED_BUNDLE]
    members = members_of(row.seq, row.num, row.detail)
    assert members[0] is not None
    members[0].result = NO_RESULT
    book.store.log.keep_of_bundle(row.seq, members)
    (failed,) = book.failed()
    assert failed.startswith("every finished message has one result")
