"""Which message a receipt's message_id names: forms, collisions, and what a link learns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.ledger.destinations import agrees, tail
from smppd.ledger.message_ids import MessageIds, Place, fold, in_other_radix, related_keys
from smppd.pipeline.naming import UNLEARN, Naming, candidates

MINE, OTHER = "34600000001", "34600000002"
AUTO = ("auto", "exact", "folded", "hex-decimal", "decimal-hex")


def key(message_id: str) -> str:
    return f"main\t{message_id}"


class World:
    """Messages answered by id, each to a destination, and receipts that name them."""

    def __init__(self, form: str = "auto") -> None:
        self.ids = MessageIds()
        self.to: dict[Place, str] = {}
        self.naming = Naming(form)

    def answer(self, message_id: str, to: str = MINE) -> Place:
        place = (len(self.to) + 1, 0)
        self.to[place] = to
        self.ids.add(key(message_id), place)
        return place

    def find(self, message_id: str, source: str = MINE) -> Place | None:
        found = candidates(self.ids, key(message_id), lambda place: agrees(source, self.to[place]))
        chosen = self.naming.choose(found)
        if chosen is None:
            return None
        self.naming.note(chosen)
        return chosen.place


@pytest.mark.parametrize(
    ("answered", "named", "form"),
    [
        ("0123456789", "0123456789", "exact"),
        ("6f9a-11.x/2@smsc", "6f9a-11.x/2@smsc", "exact"),
        ("39F99DD5", "39f99dd5", "folded"),
        ("00B8BE19", "b8be19", "folded"),
        ("b8be19", "00000000B8BE19", "folded"),
        ("123456", "0000123456", "folded"),
        ("39f99dd5", "0972660181", "hex-decimal"),
        ("39F99DD5", "972660181", "hex-decimal"),
        ("972660181", "39f99dd5", "decimal-hex"),
        ("0972660181", "39F99DD5", "decimal-hex"),
        ("ffffffffffffffffff", str(0xFFFFFFFFFFFFFFFFFF), "hex-decimal"),
        (str(1 << 63), "8000000000000000", "decimal-hex"),
    ],
)
@pytest.mark.parametrize("configured", AUTO)
def test_p47_each_form_is_found_and_learnt(
    answered: str, named: str, form: str, configured: str
) -> None:
    world = World(configured)
    place = world.answer(answered)
    allowed = configured in ("auto", form) or (configured, form) == ("folded", "exact")
    assert world.find(named) == (place if allowed else None)
    assert world.naming.form == (form if configured == "auto" else configured)


def test_p47_a_form_that_is_not_exact_needs_the_handset() -> None:
    for source in (OTHER, "", "ACME"):
        world = World()
        world.answer("39f99dd5")
        assert world.find("972660181", source) is None
    world = World("hex-decimal")
    place = world.answer("39f99dd5")
    assert world.find("972660181", OTHER) is None
    assert world.find("972660181", "") == place


def test_p47_an_exact_id_alone_counts_whatever_the_addresses_say() -> None:
    for source in (OTHER, "", "ACME"):
        world = World()
        place = world.answer("abc-1")
        assert world.find("abc-1", source) == place


def test_p47_the_collision_pair_is_told_apart_by_the_handset() -> None:
    world = World()
    decimal, hexadecimal = world.answer("16", MINE), world.answer("10", OTHER)
    assert world.find("16", MINE) == decimal
    world = World()
    decimal, hexadecimal = world.answer("16", MINE), world.answer("10", OTHER)
    assert world.find("16", OTHER) == hexadecimal
    assert world.naming.form == "hex-decimal"


def test_p47_the_collision_pair_is_told_apart_by_what_was_learnt() -> None:
    for teacher, form, meant in [("99", "exact", 0), ("153", "hex-decimal", 1)]:
        world = World()
        pair = [world.answer("16"), world.answer("10")]
        world.answer("99")
        assert world.find("16") is None, "a guess"
        assert world.find(teacher) is not None
        assert world.naming.form == form
        assert world.find("16") == pair[meant]


def test_p47_without_an_address_a_collision_is_not_guessed() -> None:
    world = World()
    world.answer("16")
    world.answer("10")
    assert world.find("16", "") is None


def test_p47_one_odd_receipt_does_not_unlearn_what_is_known_and_several_do() -> None:
    world = World()
    for n in range(UNLEARN + 2):
        world.answer(f"{0x39F99D00 + n:x}")
        world.answer(f"x{n}")
    assert world.find(str(0x39F99D00))
    assert world.naming.form == "hex-decimal"
    for n in range(UNLEARN):
        assert world.naming.form == "hex-decimal"
        assert world.find(f"x{n}")
    assert world.naming.form == "exact"


def test_p47_two_ids_that_fold_to_one_are_not_guessed() -> None:
    world = World()
    world.answer("0a1")
    world.answer("A1")
    assert world.find("a1") is None
    assert world.find("A1") == (2, 0)


def test_p52_an_id_used_again_leads_to_the_newest_of_its_handset() -> None:
    world = World()
    older, newer = world.answer("7x", MINE), world.answer("7x", OTHER)
    assert world.ids.conflicts == {"main": 1}
    assert world.find("7x", OTHER) == newer
    assert world.find("7x", MINE) == older
    assert world.find("7x", "") == newer
    assert world.find("7x", "34699999999") is None
    world.ids.remove(key("7x"), newer[0])
    assert world.find("7x", "") == older
    world.ids.remove(key("7x"), older[0])
    assert world.find("7x", MINE) is None
    assert not len(world.ids)


@given(st.text("0123456789abcdefABCDEFxyz-", max_size=40))
def test_folding_is_idempotent_and_forms_are_mutual(message_id: str) -> None:
    folded = fold(message_id)
    assert fold(folded) == folded
    for _, other in in_other_radix(folded):
        assert key(folded) in set(related_keys(key(other)))


def test_nothing_but_zeros_stays_a_zero_and_a_very_long_id_no_number() -> None:
    assert [fold(each) for each in ("0", "000", "", "0a", "00A")] == ["0", "0", "", "a", "a"]
    assert list(in_other_radix("1" * 65)) == []
    assert list(in_other_radix("é1")) == []
    assert list(in_other_radix("١٢")) == []


@pytest.mark.parametrize(
    ("written", "verdict"),
    [
        ("34600000001", True),
        ("+34600000001", True),
        ("0034600000001", True),
        ("600000001", True),
        ("0600000001", True),
        ("34600000002", False),
        ("33600000001", False),
        ("000001", False),
        ("12345", False),
        ("", None),
        ("ACME", None),
        ("+", None),
    ],
)
def test_an_address_of_the_smscs_writing(written: str, verdict: bool | None) -> None:
    assert agrees(written, "34600000001") is verdict
    if verdict:
        assert tail(written) == tail("34600000001")


def test_a_short_code_is_only_itself() -> None:
    assert agrees("5000", "5000") is True
    assert agrees("345000", "5000") is False
