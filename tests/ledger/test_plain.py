"""Answers and receipts a lot at a time make the same facts and the same accounts as one by one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppd.campaign import CampaignTerms, Canary
from smppd.ledger.bundles import MOST, single
from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import Fact, ReceiptFact, receipt_key
from smppd.ledger.plain import DeliveredLot, TakenLot
from smppd.message import ErrorInfo
from tests.ledger.test_ledger import DELIVRD, Desk, message, picture

#: What becomes of a message of which each number is one: (what, message).
Happening = tuple[str, int]
BODIES = [message(), message(), message(receipt=False), message(parts=2), message(), message()]
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(
            ["sent", "sent", "nameless", "delivered", "delivered", "refused", "unknown", "again",
             "same id", "parked"]
        ),
        st.integers(0, len(BODIES) - 1),
    ),
    max_size=25,
)  # fmt: skip


def begin(trial: int | None) -> Desk:
    desk = Desk()
    if trial is not None:
        terms = CampaignTerms("spring", canary=Canary(trial))
        desk.ledger.campaign(1.0, desk.file, terms)
    msg_ids = desk.admit(*BODIES)
    desk.ledger.file_closed(2.0, desk.file)
    desk.send(*msg_ids)
    return desk


class Lots:
    """A lot of each kind, open at the same time."""

    def __init__(self, desk: Desk) -> None:
        self._taken = TakenLot(desk.ledger, 4.0)
        self._delivered = DeliveredLot(desk.ledger, 4.0)
        self.sent = self._taken.sent
        self.delivered = self._delivered.delivered

    def end(self) -> None:
        for lot in (self._taken, self._delivered):
            lot.__exit__(None, None, None)


class OneByOne:
    """What lots are compared with: every fact for itself."""

    def sent(self, msg_id: int, key: str) -> bool:
        return False

    def delivered(self, entry: Outstanding, text: str) -> int:
        return 0

    def end(self) -> None:
        pass


def happen(desk: Desk, lot: Lots | OneByOne, what: str, number: int) -> None:
    ledger, accounts = desk.ledger, desk.accounts
    msg_id = desk.rows[number].msg_id
    message_id = "" if what == "nameless" else "0A" if what == "same id" else f"m{number}"
    if what in {"sent", "nameless", "same id"}:
        if not lot.sent(msg_id, receipt_key("main", message_id)):
            ledger.sent(4.0, "main", msg_id, 0, message_id)
    elif what == "delivered":
        place = accounts.message_ids.get(f"main\tm{number}")
        if place is not None:
            text = f"main\tm{number}\t000\t2611210000\t34600000001"
            if not lot.delivered(accounts.entries[place[0]], text):
                ledger.told(4.0, place, DELIVRD, text)
    elif what == "refused":
        ledger.refused(4.0, msg_id, 0, ErrorInfo("X", 8, "refused"))
    elif what == "unknown":
        ledger.unknown(4.0, msg_id, 0, "no answer")
    elif what == "parked":
        ledger.park(4.0, DELIVRD, ReceiptFact("main", f"m{number}", "000", "", "34600000001"))
    elif msg_id in accounts.held:
        ledger.requeued(4.0, msg_id, "ana", 0.0)
        ledger.sending_again(4.0, "main", msg_id)


def read_back(rows: Sequence[Fact]) -> list[Fact]:
    """The facts that these rows stand for, in the order of the log."""
    return [fact for row in sorted(rows, key=lambda row: row.seq) for fact in single(row)]


def whole(desk: Desk) -> dict[str, Any]:
    accounts = desk.accounts
    file = accounts.files[desk.file]
    return picture(accounts) | {
        "touched": accounts.touched,
        "remembered": accounts.finished.save(),
        "trial": file.trial and (file.trial.states, file.trial.done),
        "conflicts": accounts.message_ids.conflicts,
        "unclaimed": (accounts.unclaimed.waiting, accounts.unclaimed.ghosts),
    }


@settings(max_examples=300)
@given(HAPPENINGS, st.sampled_from([None, 2, 100]))
def test_a_lot_makes_what_its_facts_make_one_by_one(
    happenings: list[Happening], trial: int | None
) -> None:
    desks = begin(trial), begin(trial)
    lots: tuple[Lots | OneByOne, ...] = Lots(desks[0]), OneByOne()
    for desk, lot in zip(desks, lots, strict=True):
        for what, number in happenings:
            happen(desk, lot, what, number)
        lot.end()
    ours, theirs = desks
    assert read_back(ours.ledger.facts) == theirs.ledger.facts
    assert whole(ours) == whole(theirs)
    assert picture(ours.replayed()) == picture(ours.accounts)


@pytest.mark.parametrize("trial", [None, 2])
def test_a_plain_message_needs_nothing_else(trial: int | None) -> None:
    desk = begin(trial)
    lot, msg_id = Lots(desk), desk.rows[0].msg_id
    assert lot.sent(msg_id, "main\tm0")
    assert not lot.sent(msg_id, "main\tm0")
    assert lot.delivered(desk.accounts.entries[msg_id], "main\tm0\t000\t\t34600000001")
    lot.end()
    assert msg_id not in desk.accounts.entries
    assert desk.accounts.files[desk.file].done == 1


@pytest.mark.parametrize(
    "happenings", [("parked", "sent", "delivered"), ("unknown", "sent", "delivered", "parked")]
)
def test_what_waited_for_the_message_waits_no_more(happenings: tuple[str, ...]) -> None:
    desks = begin(None), begin(None)
    lots: tuple[Lots | OneByOne, ...] = Lots(desks[0]), OneByOne()
    for desk, lot in zip(desks, lots, strict=True):
        for what in happenings:
            happen(desk, lot, what, 0)
        lot.end()
    assert whole(desks[0]) == whole(desks[1])


def test_a_bundle_has_only_so_many_facts_and_only_those_without_others_between_them() -> None:
    desk = Desk()
    msg_ids = desk.admit(*[message()] * (MOST + 10))
    desk.send(*msg_ids)
    desk.ledger.take_facts()
    with TakenLot(desk.ledger, 4.0) as taken:
        for number, msg_id in enumerate(msg_ids):
            if number == 3:
                desk.ledger.paused(4.0, "main", "why", "ana")
            assert taken.sent(msg_id, f"main\tm{number}")
    rows = sorted(desk.ledger.facts, key=lambda row: row.seq)
    assert [row.num for row in rows] == [3, None, MOST, 7]
    facts = read_back(rows)
    first = facts[0].seq
    assert [fact.seq for fact in facts] == list(range(first, first + len(msg_ids) + 1))
    assert [fact.msg for fact in facts if fact.msg] == msg_ids


def test_what_was_made_before_a_fault_of_the_program_has_its_rows() -> None:
    desk = Desk()
    msg_ids = desk.admit(message(), message())
    desk.send(*msg_ids)
    with suppress(ZeroDivisionError), TakenLot(desk.ledger, 4.0) as taken:
        assert taken.sent(msg_ids[0], "main\tm0")
        raise ZeroDivisionError
    assert desk.replayed().seq == desk.accounts.seq
    assert picture(desk.replayed()) == picture(desk.accounts)
