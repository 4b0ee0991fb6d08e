"""What an account's answer makes of a message: pure facts, no journal."""

from __future__ import annotations

import time

import msgspec
import pytest

from smppd.ledger import memory
from smppd.ledger.accounts import Accounts
from smppd.ledger.calls import Response
from smppd.ledger.entries import MessageRow, Outstanding, read_outstanding, read_result
from smppd.ledger.facts import QUEUE_SHIFT, ReceiptFact, encode
from smppd.ledger.ledger import Ledger
from smppd.ledger.snapshot import Chunk
from smppd.message import Lane, Message, State

FIRST = (1 << QUEUE_SHIFT) + 1
DELIVERED, UNDELIVERABLE, REJECTED = 2, 5, 8


class Book:
    """A ledger with one message, of so many parts, on its way over an account."""

    def __init__(self, parts: int = 1) -> None:
        self.ledger = Ledger()
        segments = tuple(b"%d" % n for n in range(parts))
        message = Message("34600000001", 1, 1, "ACME", 5, 0, 0, 0, "gsm7", segments)
        row = MessageRow(FIRST, 1, 0, 1, "a", State.QUEUED, encode(message))
        self.ledger.file_opened(1.0, "t", "a.jsonl", Lane.NORMAL)
        self.ledger.admitted(1.0, 1, Chunk([(FIRST, FIRST, 1)], 0, 1, 1, {}, 0, 1))
        self.ledger.sending(2.0, "acme", [row], FIRST, "sms.sendsms")

    @property
    def accounts(self) -> Accounts:
        return self.ledger.accounts

    @property
    def entry(self) -> Outstanding:
        return self.accounts.entries[FIRST]

    def answer(self, *taken: tuple[str, str], group: bool = False, asked: bool = True) -> None:
        response = Response("sms.sendsms", b"{}", list(taken), group, asked)
        self.ledger.answered(3.0, "acme", FIRST, response)

    def hear(self, part: int, state: int, at: float = 4.0, word: str = "") -> None:
        what = ReceiptFact("acme", f"m{part}", "", "", "", word=word)
        self.ledger.queried(at, (FIRST, part), state, what, 0)


def test_parts_become_what_was_taken() -> None:
    book = Book(parts=3)
    book.answer(("m0", "34600000001"))
    assert book.entry.part_states == [State.SENT]
    assert book.entry.ids == [(0, "acme\tm0")]
    assert book.entry.submitted == 3.0
    assert len(book.accounts.message_ids) == 0
    assert book.accounts.called == 1


def test_of_parts_that_an_smsc_has_nothing_changes() -> None:
    """The fallback leaves such messages alone; were one to slip through, nothing breaks."""
    book = Book(parts=2)
    book.ledger.sent(2.5, "main", FIRST, 0, "s0")
    book.answer(("m0", "34600000001"))
    assert book.entry.part_states == [State.SENT, State.SENT]
    assert book.entry.ids == [(0, "main\ts0")]


@pytest.mark.parametrize(
    ("states", "whole", "error"),
    [
        ([DELIVERED, DELIVERED], State.DELIVERED, None),
        ([DELIVERED, UNDELIVERABLE], State.UNDELIVERED, "1 of 2 destinations were not reached"),
        ([REJECTED, UNDELIVERABLE], State.UNDELIVERED, "2 of 2 destinations were not reached"),
    ],
)
def test_a_group_comes_to_the_end_of_all_its_destinations(
    states: list[int], whole: State, error: str | None
) -> None:
    book = Book()
    book.answer(("m0", "1"), ("m1", "2"), group=True)
    book.hear(0, states[0], at=4.0, word="ONE")
    assert book.accounts.counts[State.SENT] == 1
    book.hear(0, DELIVERED, at=4.5)  # the first word stands
    book.hear(1, states[1], at=5.0, word="TWO")
    assert book.accounts.counts[whole] == 1
    last = book.ledger.facts[-1]
    assert last.result is not None
    result = read_result(last.result)
    assert (result.error.text if result.error else None) == error
    assert result.destinations is not None
    assert [each.done for each in result.destinations] == [4.0, 5.0]
    assert [each.message_id for each in result.destinations] == ["m0", "m1"]
    codes = [each.error.code if each.error else None for each in result.destinations]
    names = {DELIVERED: None, UNDELIVERABLE: "UNDELIVERABLE", REJECTED: "REJECTED"}
    assert codes == [names[state] for state in states]


def test_two_destinations_of_one_message_id_are_two() -> None:
    book = Book()
    book.answer(("m", "1"), ("m", "2"), group=True)
    book.hear(0, DELIVERED)
    assert book.entry.part_states == [State.DELIVERED, State.SENT]
    book.hear(1, DELIVERED)
    assert book.accounts.counts[State.DELIVERED] == 1
    assert book.accounts.called == 0


def test_an_smsc_cannot_claim_what_went_over_an_account() -> None:
    book = Book()
    book.ledger.unknown(3.0, FIRST, 0, "no answer")
    assert not book.accounts.unclaimed
    book.ledger.requeued(4.0, FIRST, "ana", 4.0)
    book.ledger.sending_again(5.0, "main", FIRST)
    assert not book.accounts.unclaimed.ghosts
    assert book.entry.op == ""  # now it is with a link
    book.ledger.unknown(6.0, FIRST, 0, "no answer")
    assert book.accounts.unclaimed.near("main", "34600000001") == [FIRST]


def test_a_snapshot_keeps_what_is_known_of_a_call() -> None:
    book = Book()
    book.answer(("m0", "1"), ("", "2"), ("m2", "3"), group=True)
    book.hear(0, UNDELIVERABLE, word="NO")
    restored = Accounts()
    memory.restore(restored, memory.snapshot(book.accounts))
    assert restored.entries == book.accounts.entries
    assert restored.called == book.accounts.called == 1


def test_what_an_earlier_version_wrote_is_read() -> None:
    book = Book()
    fields = msgspec.msgpack.decode(encode(book.entry))
    before = fields[: Outstanding.__struct_fields__.index("op")]
    read = read_outstanding(encode(before))
    assert (read.op, read.answer, read.destinations) == ("", b"", None)
    assert read.part_states == book.entry.part_states


def test_a_large_group_costs_little_for_each_destination() -> None:
    book, count = Book(), 20_000
    book.answer(*[(f"m{n}", f"346{n:08d}") for n in range(count)], group=True)
    began = time.process_time()
    for part in range(count):
        book.hear(part, DELIVERED)
    assert book.accounts.counts[State.DELIVERED] == 1
    assert (time.process_time() - began) / count < 0.001
