"""An account that is changed while it calls: what is under way ends as it was begun, the next call is another."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from smppd.config import HttpConfig
from smppd.httpapi.pacing import Pace
from smppd.httpapi.turnstile import Turnstile
from smppd.ports import CallDone, CallUnanswered
from smppd.provider.answers import INCORRECT_USER_PASSWORD, Failure, NoAnswer
from tests.httpapi.rig import UNREACHABLE, Provider, Rig, running

REFUSED = Failure(INCORRECT_USER_PASSWORD, "")


def changed(rig: Rig, **keys: Any) -> Provider:
    """Another client for the account, and other keys."""
    other = Provider()
    rig.account.change(HttpConfig(name="afilnet", user="acme", **keys), other)
    return other


# ── the account ──────────────────────────────────────────────────────────────────────────────


async def test_what_is_under_way_ends_over_the_client_it_was_begun_with_which_is_closed_then(
    autojump_clock: MockClock,
) -> None:
    async with running(connections=2) as rig:
        rig.account.submit(rig.parts(2))
        await trio.sleep(0.5)
        other = changed(rig, connections=2, url="https://b.example.net/")
        await wait_all_tasks_blocked()
        assert not rig.provider.closed
        await rig.feed(2)
        await rig.settled(4)
        assert (sorted(rig.provider.said), sorted(other.said)) == (["1", "2"], ["3", "4"])
        assert sorted(rig.pipeline.of(CallDone)) == [1, 2, 3, 4]
        assert (rig.provider.closed, other.closed) == (True, False)
        assert rig.account.figures().url == "https://b.example.net/"
        changed(rig)
        await wait_all_tasks_blocked()
        assert other.closed  # nothing was under way


async def test_every_client_is_closed_at_the_end(autojump_clock: MockClock) -> None:
    async with running(connections=1) as rig:
        rig.account.submit(rig.parts(1))
        await trio.sleep(0.5)
        other = changed(rig, connections=1)
        await rig.account.drain()
        await wait_all_tasks_blocked()
        assert rig.provider.closed
        assert other.closed
        assert rig.pipeline.of(CallDone) == [1]


async def test_more_calls_or_fewer_at_once(autojump_clock: MockClock) -> None:
    async with running(connections=2) as rig:
        assert rig.account.room == 2
        other = changed(rig, connections=4)
        assert rig.account.room == 4
        rig.account.submit(rig.parts(4))
        await trio.sleep(0.5)
        assert other.under_way == 4
        last = changed(rig, connections=1)
        await rig.feed(3)
        await rig.settled(7)
        assert (other.most, last.most) == (4, 1)


async def test_a_rate_that_is_given_holds_from_now_on_and_one_that_is_taken_away_does_not(
    autojump_clock: MockClock,
) -> None:
    async with running(connections=100) as rig:
        rig.provider.seconds = 0.0
        await rig.feed(20)
        await rig.settled(20)
        other = changed(rig, connections=100, rate=2.0)
        other.seconds = 0.0
        await rig.feed(4)
        await rig.settled(24)
        assert other.times == [0.0, 0.5, 1.0, 1.5]
        last = changed(rig, connections=100)
        await rig.feed(20)
        await rig.settled(44)
        assert set(last.times) == {0.0}


async def test_a_provider_that_was_left_alone_is_tried_at_once_where_the_account_is_another(
    autojump_clock: MockClock,
) -> None:
    async with running(connections=1) as rig:
        rig.provider.answer = UNREACHABLE
        for _ in range(7):
            await rig.feed(1)
        await rig.settled(7)
        assert rig.account.room == 0
        other = changed(rig, connections=1)
        before = trio.current_time()
        with trio.fail_after(1):
            await rig.account.wait_room()
        assert trio.current_time() == before
        await rig.feed(1)
        await rig.settled(8)
        assert other.said == ["8"]
        assert rig.account.figures().unreachable_since is None


@pytest.mark.parametrize("how", ["secret", "client"])
async def test_a_refusal_of_the_account_as_it_was_says_nothing_and_the_call_goes_again(
    autojump_clock: MockClock, how: str
) -> None:
    async with running(connections=1) as rig:
        rig.provider.answers = [REFUSED]
        rig.account.submit(rig.parts(1))
        await trio.sleep(0.5)
        if how == "secret":
            rig.account.renew("another")
        else:
            changed(rig, connections=1)
        await rig.settled(1)
        (told,) = rig.pipeline.outcomes
        assert isinstance(told, CallUnanswered)
        assert not told.sent
        assert rig.pipeline.logged[0].outcome == INCORRECT_USER_PASSWORD  # as it was


async def test_what_the_client_before_hears_says_nothing_of_the_provider_now(
    autojump_clock: MockClock,
) -> None:
    async with running(connections=1) as rig:
        rig.provider.answer = NoAnswer("cannot connect", sent=False)
        rig.account.submit(rig.parts(1))
        await trio.sleep(0.5)
        changed(rig, connections=1)
        await rig.settled(1)
        assert rig.account.room == 1
        assert rig.events == []


async def test_one_that_does_not_run_yet_has_no_room(autojump_clock: MockClock) -> None:
    rig = Rig(connections=3)
    assert rig.account.room == 0
    async with trio.open_nursery() as nursery:
        with trio.fail_after(5):
            nursery.start_soon(rig.account.wait_room)
            await wait_all_tasks_blocked()
            await nursery.start(rig.account.run)
        assert rig.account.room == 3
        nursery.cancel_scope.cancel()


# ── its pace and turnstile, pure ─────────────────────────────────────────────────────────────


def test_turns_that_were_given_out_count_at_the_new_rate() -> None:
    pace = Pace(10.0)
    assert pace.take(0.0) == 0.0
    pace.change(1.0, 0.0)
    assert pace.available(0.0) == 0
    assert pace.next_at(0.0) == 1.0
    pace.change(0.0, 0.0)
    assert pace.take(0.0) == 0.0
    pace.change(1.0, 0.0)
    assert pace.available(0.0) == 1


@pytest.mark.parametrize(
    ("before", "inside", "after"), [(4, 4, 1), (4, 2, 1), (1, 1, 3), (3, 0, 1)]
)
async def test_a_turnstile_lets_so_many_through_as_it_was_told_last(
    before: int, inside: int, after: int
) -> None:
    turnstile = Turnstile(before, Pace(0.0))
    for _ in range(inside):
        await turnstile.enter()
    turnstile.change(after)
    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(turnstile.enter)
        await wait_all_tasks_blocked()
        assert turnstile.inside == max(inside, after)
        left, went = turnstile.inside, turnstile.inside
        while left:
            turnstile.leave()
            await wait_all_tasks_blocked()
            assert turnstile.inside <= max(after, left - 1)
            went += turnstile.inside - (left - 1)
            left = turnstile.inside
        assert went == 6 + inside  # nobody was forgotten
