"""Slots: what ended each message, in blocks that leave memory when they are full."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from smppd.ledger.slots import BLOCK, Slots


def test_a_block_is_full_when_its_last_message_has_ended_in_any_order() -> None:
    slots = Slots(2 * BLOCK)
    for item in range(BLOCK - 1, 0, -1):
        assert slots.end(item, item + 1) is None
    assert slots.end(0, 1) == 0
    assert array("q", slots.drop(0)).tolist() == list(range(1, BLOCK + 1))
    assert slots.block(0) is None
    assert slots.ended(5)
    assert not slots.ended(BLOCK)


def test_a_block_that_may_still_grow_is_not_full() -> None:
    slots = Slots(3)
    assert [slots.end(item, 9) for item in range(3)] == [None, None, None]
    slots.extend(BLOCK)
    assert not slots.ended(3)


@given(st.lists(st.integers(1, 3000), max_size=8), st.randoms(use_true_random=False))
def test_saved_slots_go_on_as_they_were(counts: list[int], chance: object) -> None:
    slots, ended = Slots(), set[int]()
    for count in counts:
        slots.extend(count)
        total = sum(counts[: counts.index(count) + 1])
        for item in range(0, total, 3):
            if item not in ended and not slots.ended(item):
                slots.end(item, item + 1)
                ended.add(item)
    again = Slots.restore(sum(counts), slots.save())
    assert again.save() == slots.save()
    for item in range(sum(counts)):
        assert again.ended(item) == slots.ended(item)


def test_what_has_ended_from_the_first_on_is_known_in_whole_blocks() -> None:
    slots = Slots(2 * BLOCK + 3)
    assert [slots.end(item, 7) for item in range(BLOCK, 2 * BLOCK)][-1] == 1
    slots.drop(1)
    assert slots.final_from_first == 0
    for item in range(BLOCK):
        slots.end(item, 7)
    assert slots.final_from_first == 0  # the journal has not got it
    slots.drop(0)
    assert slots.final_from_first == 2 * BLOCK
    for item in range(3):
        slots.end(2 * BLOCK + item, 7)
    assert slots.final_from_first == 2 * BLOCK


def test_blocks_in_which_nothing_has_ended_take_no_room() -> None:
    slots = Slots(2 * BLOCK + 3)
    slots.end(BLOCK + 1, 7)
    saved = slots.save()
    assert (saved[0], len(saved[1]), saved[2]) == (b"", 8 * BLOCK, b"")
    for same in (Slots.restore(2 * BLOCK + 3, saved), slots.copy()):
        assert [same.ended(item) for item in (0, BLOCK + 1, 2 * BLOCK + 2)] == [False, True, False]
        assert same.block(0) == array("q", bytes(8 * BLOCK))
        assert same.block(2) == array("q", bytes(24))
        assert same.block(3) is None
        same.extend(BLOCK)
        assert len(same.block(2) or ()) == BLOCK


def test_blocks_that_an_earlier_version_saved_are_the_same() -> None:
    slots = Slots(BLOCK + 2)
    slots.end(0, 7)
    old = {0: array("q", [7, *[0] * (BLOCK - 1)]).tobytes(), 1: bytes(16)}
    again = Slots.restore(BLOCK + 2, old)
    assert again.save() == slots.save()
    assert not again.ended(BLOCK)
    for item in range(1, BLOCK - 1):
        again.end(item, 9)
    assert again.end(BLOCK - 1, 9) == 0
    again.drop(0)
    assert again.ended(3)
