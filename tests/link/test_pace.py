"""The pace of a link: the token bucket, and what the answers of an SMSC make of its rate."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppd.link import pace as pacing
from smppd.link.measuring import UNLIMITED, TokenBucket
from smppd.link.pace import Cause, Pace, Signs
from tests.link.centres import KINDS, play


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


def test_a_bucket_that_changes_its_rate_keeps_only_what_it_may() -> None:
    bucket = TokenBucket(0)
    bucket.change(10, 5.0)
    assert bucket.available(5.0) == 0
    assert bucket.ready_at(5.0) == 5.1
    bucket.change(1000, 6.0)
    assert bucket.available(6.0) == 1
    assert bucket.available(7.0) == 100
    bucket.change(10, 7.0)
    assert bucket.available(7.0) == 1


# ── what the answers make of it ──────────────────────────────────────────────────────────────


def signs(
    taken: int = 0,
    *,
    throttled: int = 0,
    full: int = 0,
    refused: int = 0,
    latency: float = 0.01,
    congestion: int | None = None,
) -> Signs:
    """A batch of answers."""
    found = Signs()
    found.refused = throttled + full + refused
    found.answers = taken + found.refused
    found.throttled, found.full = throttled, full
    found.waited = latency * found.answers
    found.congestion = congestion
    return found


def run(pace: Pace, start: float, seconds: float, rate: int, **more: float) -> float:
    """So many taken each second, with more waiting; the time after it."""
    for second in range(int(seconds)):
        now = start + second + 1
        pace.take(min(rate, pace.available(now)))
        pace.felt(now)
        pace.note(signs(rate, **more), now)  # type: ignore[arg-type]
    return start + int(seconds)


@pytest.fixture
def pace() -> Pace:
    return Pace(0, 1, {})


def test_nothing_limits_who_is_not_complained_of(pace: Pace) -> None:
    now = run(pace, 0, 600, 1000, latency=0.5)
    assert pace.limit is None
    assert pace.available(now) == UNLIMITED
    assert not pace.is_careful(now)


@pytest.mark.parametrize(("latency", "pause"), [(0.01, 0.1), (0.2, 0.3), (5.0, 1.0)])
def test_the_first_throttle_halves_what_was_taken_and_pauses_the_link_until_it_is_answered(
    pace: Pace, latency: float, pause: float
) -> None:
    now = run(pace, 0, 5, 40, latency=latency)
    pace.note(signs(0, throttled=3, latency=latency), now)
    assert pace.limit == pytest.approx(20, rel=0.1)
    assert pace.cause is Cause.THROTTLING
    assert pace.is_careful(now)
    assert pace.available(now + 0.99 * pause) == 0
    assert pace.felt(now) == pytest.approx(now + pause)
    assert pace.available(now + pause + 0.01) > 0


def test_the_first_burst_counts_as_a_second_of_what_is_allowed(pace: Pace) -> None:
    pace.note(signs(20, throttled=10), 0.01)
    assert pace.limit == 10


def test_what_was_taken_together_with_a_first_throttle_counts_though_it_is_heard_after(
    pace: Pace,
) -> None:
    pace.note(signs(0, throttled=10), 0.1)
    assert pace.limit == 1
    pace.note(signs(10), 0.11)
    pace.note(signs(10), 0.12)
    assert pace.limit == pytest.approx(10, rel=0.05)


def test_the_throttles_of_one_burst_are_one_complaint(pace: Pace) -> None:
    now = run(pace, 0, 5, 40)
    pace.note(signs(0, throttled=3), now)
    limit = pace.limit
    for heard in (0.02, 0.05, 0.09):
        pace.note(signs(0, throttled=10), now + heard)
        assert pace.felt(now + heard) == pytest.approx(now + pacing.SHORT_PAUSE)
    assert pace.limit == limit


def test_a_throttle_soon_after_a_pause_doubles_it_up_to_a_second(pace: Pace) -> None:
    now = run(pace, 0, 5, 40)
    limit, pauses = None, []
    for _ in range(5):
        pace.note(signs(0, throttled=1), now)
        limit = limit or pace.limit
        pauses.append(pace.felt(now) - now)
        now += pauses[-1] + 0.01
        assert pace.available(now) > 0
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0])
    assert limit is not None
    assert pace.limit is not None
    assert 0.45 * limit < pace.limit < limit  # lowered once: the others came too soon after another


def test_a_decrease_is_no_deeper_than_half_for_who_had_little_to_send(pace: Pace) -> None:
    now = run(pace, 0, 5, 400)
    pace.note(signs(0, throttled=1), now)
    limit = pace.limit
    now = run(pace, now, 5, 10)
    before = pace.limit
    assert limit is not None
    assert before is not None
    assert before > limit
    pace.note(signs(0, throttled=1), now)
    assert pace.limit == before * pacing.HALVED * pacing.LOWERED


def test_it_never_falls_below_the_floor_and_rises_from_it() -> None:
    pace = Pace(0, 5, {})
    now = 0.0
    for _ in range(10):
        now += 5
        pace.note(signs(0, throttled=1), now)
    assert pace.limit == 5
    run(pace, now + 2, 20, 5)
    assert pace.limit > 7


def steps(pace: Pace, begin: float, seconds: float) -> list[float]:
    """What the limit is each tenth of a second, felt all the time and taken whole."""
    found = []
    for step in range(round(seconds * 10)):
        now = begin + step / 10
        pace.available(now)
        pace.felt(now)
        assert pace.limit is not None
        pace.note(signs(round(pace.limit / 10)), now)
        found.append(pace.limit)
    return found


def test_after_the_first_throttle_it_doubles_each_second(pace: Pace) -> None:
    now = run(pace, 0, 5, 1000)
    pace.note(signs(0, throttled=1), now)
    limits = steps(pace, now + 0.1, 4)
    assert limits[8] == limits[0] == pytest.approx(500, rel=0.1)
    assert limits[29] == pytest.approx(2 * limits[19], rel=0.05)
    assert limits[39] == pytest.approx(4 * limits[19], rel=0.1)


def test_after_the_second_it_is_quick_far_from_its_goal_and_slow_around_it(pace: Pace) -> None:
    now = run(pace, 0, 5, 1000)
    pace.note(signs(0, throttled=1), now)
    refused = steps(pace, now + 0.1, 4)[-1]
    pace.note(signs(0, throttled=1), now + 4.1)
    limits = steps(pace, now + 4.3, 30)
    goal = pace._goal
    assert goal is not None
    assert limits[0] < goal < refused
    each = [limits[at + 10] - limits[at] for at in range(10, 290, 10)]
    around = next(at for at in range(28) if limits[20 + 10 * at] > goal)
    assert each[0] > 3 * each[around]
    assert each[around] == pytest.approx(pacing.CREEPING * goal, rel=0.2)
    assert each[around + 10] > 5 * each[around]


def test_a_limit_that_nobody_feels_does_not_grow_and_is_forgotten_in_the_end(pace: Pace) -> None:
    now = run(pace, 0, 5, 100)
    pace.note(signs(0, throttled=1), now)
    limit = pace.limit
    pace.available(now + 2)
    pace.available(now + 300)
    assert pace.limit == limit
    pace.available(now + pacing.FORGET)
    assert pace.limit is None
    assert not pace.is_careful(now + pacing.FORGET)


def test_at_its_configured_rate_nothing_is_left_to_learn() -> None:
    pace = Pace(100, 1, {})
    now = run(pace, 0, 5, 100)
    pace.note(signs(0, throttled=1), now)
    assert pace.limit == pytest.approx(100 * pacing.LOWERED, rel=0.02)
    run(pace, now + 1, 20, 95)
    assert pace.limit is None
    assert pace.rate == 100


def test_below_half_of_its_configured_rate_that_says_nothing_of_what_is_allowed() -> None:
    pace = Pace(100, 1, {})
    now = run(pace, 0, 5, 40)
    pace.note(signs(0, throttled=1), now)
    assert pace.limit == pytest.approx(20, rel=0.1)


def test_a_floor_above_the_configured_rate_is_that_rate() -> None:
    pace = Pace(0.5, 1, {})
    pace.note(signs(0, throttled=1), 1.0)
    assert pace.limit == 0.5


@pytest.mark.parametrize(
    ("congestion", "limited", "paused"),
    [(0, False, False), (79, False, False), (89, False, False), (90, True, False),
     (99, True, False), (100, True, True)],
)  # fmt: skip
def test_congestion_slows_the_link_and_stops_it(
    pace: Pace, congestion: int, limited: bool, paused: bool
) -> None:
    now = run(pace, 0, 5, 40)
    pace.note(signs(1, congestion=congestion), now)
    assert (pace.limit is not None) is limited
    assert (pace.available(now + 0.5) == 0) is paused
    assert pace.cause is (Cause.CONGESTION if limited else None)
    assert not pace.is_careful(now)


def test_near_its_optimum_the_smsc_is_given_no_more_and_below_it_more_again(pace: Pace) -> None:
    now = run(pace, 0, 5, 40)
    pace.note(signs(1, congestion=95), now)
    now = run(pace, now, 10, 30, congestion=85)
    held = pace.limit
    now = run(pace, now, 10, 30, congestion=85)
    assert pace.limit == held
    run(pace, now, 15, 30, congestion=50)
    assert held is not None
    assert pace.limit is not None
    assert pace.limit > 1.3 * held


def test_answers_that_take_ever_longer_slow_the_link_until_they_do_not(pace: Pace) -> None:
    now = run(pace, 0, 60, 100, latency=0.05)
    now = run(pace, now, 5, 100, latency=3.0)
    assert pace.cause is Cause.LATENCY
    assert pace.limit is not None
    assert 60 < pace.limit <= 90
    slowed = pace.limit
    run(pace, now, 10, 80, latency=0.05)
    assert pace.limit > slowed


def test_jitter_of_short_latencies_says_nothing(pace: Pace) -> None:
    now = 0.0
    for n in range(200):
        now = run(pace, now, 1, 100, latency=0.9 if n % 2 else 0.001)
    assert pace.limit is None


def test_an_smsc_that_has_become_slow_for_good_is_not_starved(pace: Pace) -> None:
    now = run(pace, 0, 60, 100, latency=0.05)
    now = run(pace, now, 400, 50, latency=2.0)
    low = pace.limit
    run(pace, now, 60, 50, latency=2.0)
    assert low is None or (pace.limit or inf) > low


def test_one_full_destination_slows_nobody_and_many_slow_the_link(pace: Pace) -> None:
    now = run(pace, 0, 5, 40)
    pace.note(signs(8, full=2), now)
    pace.note(signs(15, full=3), now)
    assert pace.limit is None
    pace.note(signs(5, full=80), now)
    assert pace.cause is Cause.THROTTLING


def test_a_few_full_queues_are_no_sample(pace: Pace) -> None:
    pace.note(signs(0, full=pacing.FULL_SAMPLE - 1), 100.0)
    assert pace.limit is None


@settings(max_examples=30, deadline=None)
@given(
    st.floats(5, 500),
    st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    st.sampled_from([1, 10, 100]),
    st.sampled_from(sorted(KINDS)),
)
def test_whatever_an_smsc_allows_little_is_throttled_and_much_is_sent(
    allowed: float, latency: float, window: int, kind: str
) -> None:
    done = play(Pace(0, 1, {}), KINDS[kind](allowed), 90, window=window, latency=latency)
    # Where answers take a second, as much as that has left before the first of them says no.
    assert done.throttled_share(10, 90) <= (0.04 if latency < 1 else 0.1)
    reachable = min(allowed, window / max(latency, 0.01))
    assert done.share(10, 90, reachable) >= 0.7


def test_twenty_a_second(pace: Pace) -> None:
    done = play(pace, KINDS["bucket of a second"](20), 40, window=10, latency=0.05)
    assert sum(done.taken) >= 750
    assert done.throttled_share(10, 40) <= 0.01


# ── another configured rate ──────────────────────────────────────────────────────────────────────


def test_another_rate_counts_from_now_on() -> None:
    pace = Pace(0, 1.0, {})
    assert pace.available(0.0) == UNLIMITED
    pace.change(100.0, 1.0, {}, 1.0)
    assert pace.available(1.0) == 0  # nothing was saved up before
    assert pace.available(1.05) == 5
    pace.change(0.0, 1.0, {}, 2.0)
    assert pace.available(2.0) == UNLIMITED


def test_what_was_learnt_stays_unless_the_new_rate_is_below_it() -> None:
    pace = Pace(1000.0, 1.0, {})
    signs = Signs()
    signs.answers = signs.refused = signs.throttled = 10
    pace.note(signs, 10.0)
    learnt = pace.rate
    assert 0 < learnt < 1000.0
    pace.change(learnt * 2, 1.0, {}, 11.0)
    assert pace.rate == learnt
    pace.change(learnt / 2, 1.0, {}, 11.0)
    assert pace.rate == learnt / 2
