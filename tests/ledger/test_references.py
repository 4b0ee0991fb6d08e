"""The numbers of long messages: each used once in a round, whatever the order of commits."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from smppd.ledger import memory
from smppd.ledger.accounts import Accounts
from smppd.ledger.facts import encode
from smppd.ledger.references import Numbering, References, bucket_of, is_later
from smppd.ledger.snapshot import Chunk, Snapshot, read_chunk


def test_each_pair_counts_for_itself() -> None:
    numbering = Numbering(References())
    acme = [numbering.next("ACME", "34600000001")[1] for _ in range(3)]
    others = [numbering.next(*pair)[1] for pair in (("ACME", "34600000002"), ("A", "34600000001"))]
    assert (acme, others) == ([1, 2, 3], [1, 1])


def test_a_bucket_is_below_two_to_the_eighteenth_and_stays_the_same() -> None:
    buckets = {bucket_of("ACME", f"346{n:08d}") for n in range(100_000)}
    assert max(buckets) < 1 << 18
    assert len(buckets) > 75_000
    assert bucket_of("ACME", "34600000001") == 95_810


def test_numbers_go_round() -> None:
    references = References()
    references.note([(5, 0x7FFF)])
    references.note([(5, 0xFFFE)])
    assert references.last(5) == 0xFFFE
    references.note([(5, 1)])
    assert references.last(5) == 1
    assert is_later(0, 0xFFFF)
    assert not is_later(0xFFFF, 0)
    assert not is_later(7, 7)


def test_an_earlier_number_that_is_noted_later_changes_nothing() -> None:
    references = References()
    references.note([(5, 3)])
    references.note([(5, 2), (6, 1)])
    assert (references.last(5), references.last(6), references.last(7)) == (3, 1, 0)


def test_what_is_saved_is_restored() -> None:
    references = References()
    assert references.save() == b""
    references.note([(0, 1), (9, 0x1234), ((1 << 18) - 1, 0x7FFF)])
    again = References()
    again.restore(references.save())
    assert [again.last(n) for n in (0, 9, (1 << 18) - 1, 1)] == [1, 0x1234, 0x7FFF, 0]
    again.restore(b"")
    assert again.last(9) == 0x1234


def test_a_snapshot_of_few_numbers_is_small() -> None:
    references = References()
    references.note([(n * 100, 1) for n in range(1000)])
    assert len(references.save()) < 20_000


def test_the_facts_and_snapshots_of_earlier_versions_are_read() -> None:
    chunk = Chunk([(1, 2, 2)], 0, 2, 2, {}, 10, 2, {5: 9})
    as_before = msgspec.msgpack.encode(msgspec.msgpack.decode(encode(chunk))[:7])
    assert read_chunk(encode(chunk)) == chunk
    assert read_chunk(as_before) == msgspec.structs.replace(chunk, references={})

    accounts = Accounts()
    accounts.references.note([(5, 9)])
    saved = memory.snapshot(accounts)
    fields = msgspec.msgpack.decode(saved)
    place = Snapshot.__struct_fields__.index("references")
    for data, last in ((saved, 9), (msgspec.msgpack.encode(fields[:place]), 0)):
        restored = Accounts()
        memory.restore(restored, data)
        assert restored.references.last(5) == last


PAIRS = st.sampled_from([("A", "1"), ("A", "2"), ("B", "1")])


@given(st.lists(st.tuples(PAIRS, st.booleans(), st.integers(0, 3)), max_size=400))
def test_no_number_comes_twice_in_a_round(steps: list[tuple[tuple[str, str], bool, int]]) -> None:
    references = References()
    numbering = Numbering(references)
    given_out: dict[int, list[int]] = {}
    open_facts: list[dict[int, int]] = [{} for _ in range(4)]
    for pair, commits, fact in steps:
        bucket, number = numbering.next(*pair)
        given_out.setdefault(bucket, []).append(number)
        open_facts[fact][bucket] = number
        if commits:
            used, open_facts[fact] = open_facts[fact], {}
            references.note(used.items())
            numbering.noted(used.items())
    for numbers in given_out.values():
        assert numbers == list(range(1, len(numbers) + 1))
