"""Quantiles and curves of the benchmark."""

from __future__ import annotations

import pytest
from benchmark.statistics import (
    MOST_POINTS,
    between,
    bucket_quantile,
    mean_per_step,
    per_step,
    quantile,
    quantiles_per_step,
    step_for,
)

from smppd.figures import BUCKETS, Histogram


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(1, 101)]
    assert quantile(values, 0.5) == 51.0
    assert quantile(values, 0.99) == 100.0
    assert quantile([7.0], 0.999) == 7.0
    assert quantile([], 0.5) is None


def test_a_quantile_of_buckets_lies_within_its_bucket() -> None:
    seen = Histogram()
    for milliseconds in range(1, 1001):
        seen.observe(milliseconds / 1000)
    for share in (0.1, 0.5, 0.9, 0.99):
        found = bucket_quantile(seen.counts, share)
        assert found is not None
        assert found == pytest.approx(share, rel=0.1)
        assert found <= (seen.quantile(share) or 0)
    assert bucket_quantile(Histogram().counts, 0.5) is None


def test_what_is_beyond_all_buckets_is_said_to_be_at_their_end() -> None:
    seen = Histogram()
    seen.observe(1e6)
    assert bucket_quantile(seen.counts, 0.5) == BUCKETS[-1]


def test_between_two_moments_only_what_came_in_between_counts() -> None:
    assert between([5, 7, 1], [5, 2, 0]) == [0, 5, 1]


def test_a_rate_is_of_each_second_however_long_the_step() -> None:
    assert per_step([0.1, 0.2, 0.6, 1.4], 0.5, 3) == [4.0, 2.0, 2.0]
    # What is a little early or late by another clock is in the first or last step.
    assert per_step([-0.01, 1.51], 0.5, 3) == [2.0, 0.0, 2.0]


def test_a_curve_has_a_gap_where_nothing_was_seen() -> None:
    found = [(0.1, 1.0), (0.2, 3.0), (1.1, 5.0)]
    assert quantiles_per_step(found, 0.5, 3, 0.5) == [3.0, None, 5.0]
    assert mean_per_step(found, 0.5, 3) == [2.0, None, 5.0]


def test_a_long_run_has_no_more_points_than_can_be_drawn() -> None:
    assert step_for(10.0, 0.5) == 0.5
    assert 86_400 / step_for(86_400.0, 0.5) == pytest.approx(MOST_POINTS)
