"""The pace finds what an SMSC allows, whatever its way of counting: soon, and with few throttles.

What is promised is said in `ARCHITECTURE.md`, "Pace and refusals".
"""

from __future__ import annotations

from math import ceil

import pytest

from smppd.link.pace import Pace
from tests.link.centres import KINDS, Run, play

#: Seconds from the first throttle on within which the rate is found.
FOUND = 10
LATENCIES = [0.02, 0.2]
SECONDS = 60


def found(run: Run, allowed: float) -> float:
    """Seconds from the first throttle to the first five seconds of nine tenths."""
    begin = ceil(run.first)
    at = next(at for at in range(begin, SECONDS) if run.share(at, at + 5, allowed) >= 0.9)
    return at - run.first


def link(kind: str, allowed: float, latency: float, change: float = 1.0) -> Run:
    """A run of a minute, in whose middle what is allowed changes by this factor."""
    return play(
        Pace(0, 1, {}),
        KINDS[kind](allowed),
        SECONDS,
        window=ceil(max(20.0, 4 * allowed * latency)),
        latency=latency,
        change=(SECONDS / 2, change * allowed),
    )


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("allowed", [30, 100, 500, 2000])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_allowed_is_found_within_seconds_and_kept(
    kind: str, allowed: int, latency: float
) -> None:
    run = link(kind, allowed, latency)
    settled = ceil(run.first) + FOUND
    assert found(run, allowed) <= FOUND
    assert run.share(settled, SECONDS, allowed) >= 0.91
    assert run.least(settled, SECONDS, allowed) >= 0.84
    assert run.throttled_share(settled, SECONDS) <= 0.005
    # The search itself: what was not under way yet when the first throttle was heard.
    assert sum(run.throttled) - run.at_first <= 0.025 * sum(run.taken)


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("allowed", [100, 500])
@pytest.mark.parametrize("kind", KINDS)
def test_half_of_it_is_found_as_soon(kind: str, allowed: int, latency: float) -> None:
    run = link(kind, allowed, latency, change=0.5)
    settled = SECONDS // 2 + FOUND
    assert run.share(settled, SECONDS, allowed / 2) >= 0.9
    assert run.least(settled, SECONDS, allowed / 2) >= 0.84
    assert run.throttled_share(settled, SECONDS) <= 0.005


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("allowed", [100, 500])
@pytest.mark.parametrize("kind", KINDS)
def test_twice_as_much_is_found_within_twenty_seconds(
    kind: str, allowed: int, latency: float
) -> None:
    run = link(kind, allowed, latency, change=2)
    assert run.share(SECONDS - 10, SECONDS, 2 * allowed) >= 0.9
    assert run.throttled_share(SECONDS // 2, SECONDS) <= 0.025


@pytest.mark.parametrize("kind", KINDS)
def test_a_tenth_of_it_is_found_as_well(kind: str) -> None:
    run = link(kind, 500, 0.05, change=0.1)
    assert run.share(SECONDS // 2 + FOUND, SECONDS, 50) >= 0.85


def test_a_burst_that_was_taken_at_once_is_not_the_rate() -> None:
    run = play(
        Pace(0, 1, {}),
        KINDS["bucket of a tenth of a second"](500),
        SECONDS,
        window=200,
        latency=0.02,
    )
    assert run.share(ceil(run.first) + 6, SECONDS, 500) >= 0.95
    assert sum(run.throttled) - run.at_first <= 20


@pytest.mark.parametrize("kind", KINDS)
def test_a_configured_rate_that_is_just_what_is_allowed_is_kept(kind: str) -> None:
    run = play(Pace(500, 1, {}), KINDS[kind](500), SECONDS, window=100, latency=0.05)
    assert run.share(FOUND, SECONDS, 500) >= 0.94
    assert run.least(FOUND, SECONDS, 500) >= 0.84
    assert sum(run.throttled) <= 0.005 * sum(run.taken)
