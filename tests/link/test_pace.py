"""The token bucket: never more than the rate, never less than it for want of rounding."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from smppd.link.pace import UNLIMITED, TokenBucket


def test_rate_zero_never_limits() -> None:
    bucket = TokenBucket(0)
    bucket.take(1_000_000)
    assert bucket.available(0.0) == UNLIMITED
    assert bucket.ready_at(5.0) == inf


def test_a_full_bucket_gives_a_tenth_of_a_second_at_once() -> None:
    bucket = TokenBucket(200)
    assert bucket.available(100.0) == 20
    bucket.take(20)
    assert bucket.available(100.0) == 0
    assert bucket.available(100.05) == 10


def test_a_slow_rate_still_lets_one_part_through() -> None:
    bucket = TokenBucket(0.5)
    assert bucket.available(0.0) == 1
    bucket.take(1)
    assert bucket.ready_at(0.0) == 2.0


def test_idle_time_is_not_saved_up() -> None:
    bucket = TokenBucket(10)
    assert bucket.available(0.0) == 1
    assert bucket.available(3600.0) == 1


@given(
    rate=st.floats(0.1, 50_000),
    start=st.floats(0, 1e6),
    demand=st.lists(st.integers(1, 500), min_size=1, max_size=50),
)
def test_who_waits_until_ready_finds_a_token_and_the_rate_is_kept(
    rate: float, start: float, demand: list[int]
) -> None:
    bucket = TokenBucket(rate)
    bucket.available(start)
    now, taken = start, 0
    for wanted in demand:
        allowed = bucket.available(now)
        assert allowed >= 1
        count = min(wanted, allowed)
        bucket.take(count)
        taken += count
        assert taken <= max(1.0, rate / 10) + (now - start) * rate + 0.01
        now = bucket.ready_at(now)
