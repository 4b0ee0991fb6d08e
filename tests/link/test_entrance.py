"""The sessions of one link at the entrance: hosts in turn, and no more attempts than are wise."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from smppd.link.entrance import Entrance

A, B, C = ("a", 1), ("b", 2), ("c", 3)


def entrance(*hosts: tuple[str, int]) -> Entrance:
    return Entrance(hosts or (A,), lambda: 0.0)


async def time_of_entering(place: Entrance, who: str) -> float:
    await place.enter(who)
    return trio.current_time()


# ── hosts ────────────────────────────────────────────────────────────────────────────────────


def test_hosts_come_in_turn() -> None:
    place = entrance(A, B, C)
    assert place.hosts() == [A, B, C]
    place.pass_over(A)
    assert place.hosts() == [B, C, A]


def test_a_host_is_passed_over_once_however_many_sessions_it_fails() -> None:
    place = entrance(A, B, C)
    for _ in range(10):
        place.pass_over(A)
    assert place.hosts() == [B, C, A]


# ── attempts ─────────────────────────────────────────────────────────────────────────────────


async def test_while_none_is_bound_they_try_one_after_another(autojump_clock: MockClock) -> None:
    place = entrance()
    await place.enter(1)
    assert not place.open
    async with trio.open_nursery() as nursery:

        async def leave_soon() -> None:
            await trio.sleep(3)
            place.leave(1)

        nursery.start_soon(leave_soon)
        assert await time_of_entering(place, "2") == 3


async def test_once_one_is_bound_the_others_follow_at_once(autojump_clock: MockClock) -> None:
    place = entrance()
    await place.enter(1)
    place.accepted(1, "transceiver")
    for who in range(2, 11):
        await place.enter(who)
    assert trio.current_time() == 0


async def test_when_the_last_has_gone_they_are_careful_again(autojump_clock: MockClock) -> None:
    place = entrance()
    await place.enter(1)
    place.accepted(1, "transceiver")
    place.leave(1)
    await place.enter(1)
    assert not place.open


async def test_a_silent_smsc_does_not_hold_up_the_others_for_long(
    autojump_clock: MockClock,
) -> None:
    place = entrance()
    await place.enter(1)
    assert await time_of_entering(place, "2") == 10
    assert await time_of_entering(place, "3") == 20


async def test_wrong_credentials_shut_out_the_whole_link_ever_longer(
    autojump_clock: MockClock,
) -> None:
    place = entrance()
    times = []
    for who in "1234":
        times.append(await time_of_entering(place, who))
        place.wrong_credentials(who)
        place.leave(who)
    assert times == [0, 60, 180, 420]


async def test_beside_a_bound_session_only_the_refused_one_waits(
    autojump_clock: MockClock,
) -> None:
    place = entrance()
    await place.enter(1)
    place.accepted(1, "transceiver")
    assert [place.wrong_credentials(2) for _ in range(3)] == [60, 120, 240]
    assert place.wrong_credentials(3) == 60
    assert place.open


async def test_an_accepted_bind_forgives_everything(autojump_clock: MockClock) -> None:
    place = entrance()
    assert [place.wrong_credentials(1) for _ in range(2)] == [60, 120]
    place.accepted(2, "transceiver")
    assert place.open
    place.leave(2)
    assert place.wrong_credentials(1) == 60


# ── whom to tell ─────────────────────────────────────────────────────────────────────────────


def test_an_operator_is_told_once_until_a_bind_of_that_kind_is_accepted() -> None:
    place = entrance()
    told = [place.wants_operator(who, "receiver", 0x03) for who in (2, 2, 3)]
    assert told == [True, False, False]
    place.accepted(1, "transmitter")
    assert not place.wants_operator(2, "receiver", 0x03)
    place.accepted(2, "receiver")
    assert place.wants_operator(2, "receiver", 0x03)


def test_old_sessions_may_be_in_the_way_of_each_session_for_a_while() -> None:
    place = entrance()
    rounds = [
        [place.wants_operator(who, "transceiver", 0x05) for who in range(5)] for _ in range(4)
    ]
    assert [sum(told) for told in rounds] == [0, 0, 1, 0]
    place.accepted(0, "transceiver")
    assert [place.wants_operator(0, "transceiver", 0x05) for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("first", [0x0D, 0x0E, 0x0F])
def test_refusals_of_one_class_are_one_trouble(first: int) -> None:
    place = entrance()
    assert place.wants_operator(1, "transceiver", first)
    assert not place.wants_operator(2, "transceiver", 0x0E)
    assert place.wants_operator(1, "transceiver", 0x03)
