"""Whatever happens to an account, each part that it was handed comes back once."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import trio
from trio.testing import MockClock

from smppd.ports import CallReturned
from smppd.provider.answers import Answer, Failure
from tests.httpapi.rig import DONE, SILENT, UNREACHABLE, Rig

ANSWERS: list[Answer] = [DONE, DONE, DONE, Failure("NO_CREDITS"), SILENT, UNREACHABLE]


class Any:
    """A provider, a dispatcher, operators and other callers who do anything at all."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.rig = Rig(
            connections=self.chance.choice([1, 2, 7]),
            rate=self.chance.choice([0.0, 0.0, 3.0, 50.0]),
            drain_timeout=self.chance.choice([0.0, 5.0, 60.0]),
        )
        self.handed: list[int] = []
        self.asked = 0
        self.answered: list[Answer] = []

    async def shuffle_the_provider(self) -> None:
        while True:
            provider = self.rig.provider
            provider.answer = self.chance.choice(ANSWERS)
            provider.seconds = self.chance.choice([0.0, 0.1, 1.0, 20.0])
            self.rig.pipeline.seconds = self.chance.choice([0.0, 0.05])
            await trio.sleep(self.chance.uniform(0, 5))

    async def hand_over(self) -> None:
        """A dispatcher, whose commit takes time in which anything may happen."""
        account = self.rig.account
        while True:
            await account.wait_room()
            room = account.room
            assert 0 < room <= account._config.connections
            await trio.sleep(self.chance.choice([0.0, 0.01, 0.5]))
            parts = self.rig.parts(self.chance.randint(1, room))
            self.handed += [part.msg_id for part in parts]
            account.submit(parts, self.chance.randint(0, len(parts)))

    async def pause_and_resume(self) -> None:
        while True:
            await trio.sleep(self.chance.uniform(0, 30))
            self.rig.account.pause()
            await trio.sleep(self.chance.uniform(0, 5))
            self.rig.account.resume()

    async def ask(self, nursery: trio.Nursery) -> None:
        while True:
            await trio.sleep(self.chance.uniform(0, 8))
            nursery.start_soon(self._ask_once)

    async def _ask_once(self) -> None:
        self.asked += 1
        with trio.move_on_after(self.chance.choice([0.5, 1e9])) as patience:
            self.answered.append(await self.rig.ask())
        if patience.cancelled_caught:
            self.asked -= 1

    async def look(self) -> None:
        """At no time are more calls under way than there may be."""
        while True:
            assert self.rig.provider.under_way <= self.rig.account._config.connections
            assert self.rig.account.figures().ready <= self.rig.account._config.connections
            await trio.sleep(0.1)


@pytest.mark.parametrize("seed", range(25))
async def test_each_part_comes_back_once(seed: int, autojump_clock: MockClock) -> None:
    life = Any(seed)
    rig = life.rig
    async with trio.open_nursery() as daemon:
        await daemon.start(rig.account.run)
        async with trio.open_nursery() as asking, trio.open_nursery() as nursery:
            nursery.start_soon(life.shuffle_the_provider)
            nursery.start_soon(life.hand_over)
            nursery.start_soon(life.pause_and_resume)
            nursery.start_soon(life.ask, asking)
            nursery.start_soon(life.look)
            await trio.sleep(life.chance.uniform(1, 400))
            nursery.cancel_scope.cancel()
            daemon.start_soon(rig.account.drain)
    came_back = Counter(each.msg_id for each in rig.pipeline.outcomes)
    assert came_back == Counter(life.handed)
    begun = {int(text) for text in rig.provider.said if text}
    returned = set(rig.pipeline.of(CallReturned))
    assert begun.isdisjoint(returned)
    assert begun | returned == set(life.handed)
    assert len(rig.pipeline.logged) == len(rig.provider.calls)
    assert len(life.answered) == life.asked
    figures = rig.account.figures()
    assert (figures.in_flight, figures.ready) == (0, 0)
    assert sum(figures.outcomes.values()) == len(rig.provider.calls)
