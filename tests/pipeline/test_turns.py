"""Whose turn it is: links by preference and by weight, lanes by their shares."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smppd.message import Lane
from smppd.pipeline.turns import LANE_WEIGHTS, LEAD, MOST_LEAD, UNLIMITED, Shares, Turns

# ── lanes ────────────────────────────────────────────────────────────────────────────────────


def lots(room: int, queued: list[int], count: int) -> list[list[int]]:
    """What each lane gets of so many lots, taken as the dispatcher does."""
    shares, found = Shares(), []
    for _ in range(count):
        owed = shares.owed(room, [n > 0 for n in queued])
        taken, left = [0] * len(queued), room
        for by_right in (True, False):
            for lane in range(len(queued)):
                n = min(owed[lane] if by_right else left, left, queued[lane])
                queued[lane] -= n
                taken[lane] += n
                left -= n
        for lane, n in enumerate(taken):
            shares.took(lane, n)
        found.append(taken)
    return found


def test_when_all_have_work_each_lane_gets_its_share() -> None:
    assert lots(21, [1000] * 3, 2) == [[16, 4, 1], [16, 4, 1]]


def test_lots_of_one_part_are_shared_over_time_high_first() -> None:
    found = lots(1, [1000] * 3, 210)
    assert found[0] == [1, 0, 0]
    totals = [sum(lot[lane] for lot in found) for lane in Lane]
    assert all(abs(totals[lane] - 10 * LANE_WEIGHTS[lane]) <= 1 for lane in Lane)


def test_what_a_lane_does_not_use_goes_to_the_highest_that_has_work() -> None:
    assert lots(100, [5, 1000, 1000], 2) == [[5, 91, 4], [0, 80, 20]]
    assert lots(100, [0, 0, 1000], 1) == [[0, 0, 100]]


@given(
    st.integers(1, 300),
    st.lists(st.integers(0, 5000), min_size=3, max_size=3),
    st.integers(1, 40),
)
def test_nothing_is_left_over_and_no_lane_starves(room: int, queued: list[int], count: int) -> None:
    before = list(queued)
    found = lots(room, queued, count)
    waited = 0
    for n, lot in enumerate(found):
        left = [had - sum(each[lane] for each in found[:n]) for lane, had in enumerate(before)]
        assert sum(lot) == min(room, sum(left)), "room was left although there was work"
        waited = 0 if lot[Lane.BULK] or not left[Lane.BULK] else waited + room
        assert waited <= 2 * sum(LANE_WEIGHTS), "bulk starves"


# ── links by preference ──────────────────────────────────────────────────────────────────────


def test_one_link_alone_may_always_take() -> None:
    turns = Turns(["a"])
    turns.stuck("a", 0.0)
    assert turns.allowance("a", 100.0) == UNLIMITED


def test_the_next_link_takes_over_after_its_patience_and_gives_back_at_once() -> None:
    turns = Turns(["a", "b", "c"], (), 10.0)
    assert [turns.allowance(link, 0.0) for link in "abc"] == [UNLIMITED, 0, 0]
    turns.stuck("a", 5.0)
    turns.stuck("a", 9.0)  # it is still the same trouble
    assert turns.look_again("b", 9.0) == 15.0
    assert turns.allowance("b", 14.9) == 0
    assert [turns.allowance(link, 15.0) for link in "abc"] == [UNLIMITED, UNLIMITED, 0]
    turns.stuck("b", 15.0)
    assert turns.allowance("c", 25.0) == UNLIMITED
    turns.free("a")
    assert [turns.allowance(link, 25.0) for link in "abc"] == [UNLIMITED, 0, 0]


def test_a_link_whose_first_choice_is_well_looks_again_after_its_patience() -> None:
    turns = Turns(["a", "b"], (), 10.0)
    assert turns.look_again("b", 100.0) == 110.0


# ── links by weight ──────────────────────────────────────────────────────────────────────────


def share(
    turns: Turns, wants: dict[str, int], rounds: int, now: float = 0.0, waiting: int = 0
) -> dict[str, int]:
    """Each link takes what it may, up to what it has room for, in turn."""
    taken = dict.fromkeys(wants, 0)
    for _ in range(rounds):
        for link, room in wants.items():
            n = min(room, turns.allowance(link, now))
            if n:
                turns.took(link, n, waiting, now)
                taken[link] += n
    return taken


def test_links_share_by_weight_whatever_their_rooms() -> None:
    taken = share(Turns(["a", "b"], (3, 1)), {"a": 40, "b": 100}, 200)
    assert abs(taken["a"] / 3 - taken["b"]) <= LEAD


def test_single_messages_are_shared_too() -> None:
    taken = share(Turns(["a", "b"], (3, 1)), {"a": 1, "b": 1}, 100)
    total = sum(taken.values())
    assert abs(taken["a"] - total * 3 / 4) <= 2


def test_a_link_with_no_room_holds_the_others_until_it_is_out() -> None:
    turns = Turns(["a", "b"], (1, 1), 10.0)
    turns.stuck("a", 0.0)
    assert share(turns, {"b": 1000}, 50, 9.0) == {"b": LEAD}
    assert turns.allowance("b", 9.0) == 0
    assert turns.look_again("b", 9.0) == 10.0
    assert turns.allowance("b", 10.0) == UNLIMITED
    turns.took("b", 5000, 0, 10.0)
    turns.free("a")  # it has no claim to what went over the other
    assert turns.allowance("a", 11.0) == turns.allowance("b", 11.0) == LEAD


def test_where_much_waits_a_link_takes_more_at_once_and_less_towards_the_end() -> None:
    turns = Turns(["a", "b"], (1, 1), 10.0)
    turns.took("a", 1, 1_000_000, 0.0)
    turns.took("b", 1, 1_000_000, 0.0)
    assert turns.allowance("a", 0.0) == turns.allowance("b", 0.0) == MOST_LEAD
    turns.took("a", MOST_LEAD, 1_600, 0.0)
    assert (turns.allowance("a", 0.0), turns.allowance("b", 0.0)) == (0, MOST_LEAD + 25)
    turns.took("b", MOST_LEAD, 100, 0.0)
    assert turns.allowance("a", 0.0) == turns.allowance("b", 0.0) == LEAD


def test_the_shares_are_as_exact_in_the_end_however_much_waited() -> None:
    turns, taken = Turns(["a", "b"], (3, 1)), dict.fromkeys("ab", 0)
    left = 10_000
    while left:
        for link in "ab":
            n = min(left, 100, turns.allowance(link, 0.0))
            if n:
                left -= n
                turns.took(link, n, left, 0.0)
                taken[link] += n
    assert abs(taken["b"] - 2_500) <= LEAD


def test_turns_are_alike_whatever_has_happened_since() -> None:
    one, other = Turns(["a", "b"], [3, 1]), Turns(["a", "b"], [3, 1])
    one.took("a", 5, 0, 1.0)
    one.stuck("b", 1.0)
    assert one.is_like(other)
    assert not one.is_like(Turns(["b", "a"], [3, 1]))
    assert not one.is_like(Turns(["a", "b"], [1, 1]))
    assert not one.is_like(Turns(["a", "b"], [3, 1], 5.0))
