"""Ranges: all that was given, each range behind the one before, about as large as was wanted."""

from __future__ import annotations

from itertools import chain, pairwise

from hypothesis import given
from hypothesis import strategies as st

from smppd.ledger.ranges import in_ranges


@given(st.lists(st.text("abc", max_size=3)), st.integers(1, 10))
def test_ranges_hold_what_was_given_one_behind_the_other(keys: list[str], size: int) -> None:
    ranges = in_ranges(keys, str, size)
    assert sorted(chain.from_iterable(ranges)) == sorted(keys)
    assert all(ranges)
    assert all(max(before) < min(after) for before, after in pairwise(ranges))


def test_ranges_are_about_as_large_as_was_wanted() -> None:
    keys = [f"{number * 7919 % 50_000:x}" for number in range(50_000)]
    sizes = [len(each) for each in in_ranges(keys, str, 3000)]
    assert len(sizes) == 16
    assert max(sizes) < 6000


def test_few_are_one_range() -> None:
    assert in_ranges(["b", "a"], str, 3) == [["b", "a"]]
    assert in_ranges([], str, 3) == []
