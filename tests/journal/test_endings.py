"""What results are made of is found wherever it stands: alone or in a bundle, close together or far apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from smppd.journal.store import Batch, Store, open_store
from smppd.ledger.bundles import MOST, bundled
from smppd.ledger.entries import Ending, Result
from smppd.ledger.facts import Fact, Kind, encode
from smppd.message import State

ANSWER = b'{"messageid":"7"}'


def result(msg: int) -> Result:
    return Result(State.DELIVERED, 1.0, 1, [str(msg)], False, None, "main")


def facts(random: Random) -> Iterator[Fact]:
    """Bundles of all lengths, some of whose members are gone; answers of calls; what ends nothing."""
    seq = 0
    for _ in range(60):
        length = random.randint(1, 2 * MOST)
        members: list[object] = [
            (each, f"main\t{each}", result(each)) if random.random() < 0.9 else None
            for each in range(seq + 1, seq + length + 1)
        ]
        seq += length
        yield from bundled(float(seq), Kind.DELIVERED_BUNDLE, seq, members)
        for kind in random.choices((Kind.SENT, Kind.ANSWERED, Kind.RECEIPT), k=3):
            seq += random.choice((1, 1, 1000))
            detail, ends = (ANSWER if kind == Kind.ANSWERED else b"other"), kind != Kind.SENT
            of_it = encode(result(seq)) if ends else None
            yield Fact(seq, float(seq), kind, seq, 0, None, "main\tx", detail, of_it)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "journal.db")
    store.commit(Batch(facts=list(facts(Random(1)))))
    yield store
    store.close()


@pytest.mark.parametrize("apart", [1, 3, 20])
def test_endings_are_those_of_their_facts(store: Store, apart: int) -> None:
    ended = {fact.seq: Ending.of(fact) for fact in store.log.facts() if fact.result is not None}
    assert len(ended) > 1000
    random, seqs = Random(apart), list(ended)
    for begin in range(0, len(seqs), 100 * apart):
        wanted = seqs[begin : begin + 100 * apart : apart]
        random.shuffle(wanted)
        found = store.log.read_endings(wanted)
        assert found == {seq: ended[seq] for seq in wanted}
        assert [found[seq].result for seq in wanted] == list(map(result, wanted))
    assert {each.response for each in ended.values()} == {None, ANSWER}


def test_what_is_gone_ended_nothing(store: Store) -> None:
    there = {fact.seq for fact in store.log.facts()}
    last = max(there)
    gone = [seq for seq in range(1, last + 50) if seq not in there]
    for wanted in (gone[:40], gone[-40:], gone[::50], [last, last + 1]):
        assert store.log.read_endings(wanted).keys() == {last} & set(wanted)
    assert store.log.read_endings([]) == {}
