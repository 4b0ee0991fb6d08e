"""Outlets that change, come and go while events happen: nothing lost, nothing told twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smppd.events import OutletLeft, OutletRecovered
from smppd.outlets.happenings import Happening
from smppd.outlets.outlet import Outlet, Terms, Trouble
from smppd.outlets.source import Source
from smppd.outlets.station import Outlets
from tests.outlets.rig import Consumer, Rig, inline, live

SILENT = Trouble("HTTP 500")
RECEIVED = Terms(("received",))


class Slow(Consumer):
    """Takes so many seconds for each lot."""

    seconds = 10.0

    async def deliver(self, lot: Sequence[Happening]) -> Trouble | None:
        await trio.sleep(self.seconds)
        return await super().deliver(lot)


# ── one that changes ─────────────────────────────────────────────────────────────────────────


async def test_what_is_under_way_gets_there_and_the_rest_goes_on_other_terms_each_once(
    rig: Rig, autojump_clock: Any
) -> None:
    consumer = Slow(batch=3)
    async with trio.open_nursery() as nursery:
        outlet = rig.outlet(consumer)
        await live(rig, outlet, nursery)
        await rig.letters(10)
        await trio.sleep(15)
        consumer.seconds = 0.0
        outlet.change(Terms(("received",), content=True))
        await trio.sleep(15)
        assert consumer.seqs == list(range(1, 11))
        assert rig.cursor == 10
        nursery.cancel_scope.cancel()


async def test_what_was_told_is_not_told_again_though_its_lot_is_read_anew(
    rig: Rig, autojump_clock: Any
) -> None:
    consumer = Consumer(batch=100)
    consumer.poison = {5}
    async with trio.open_nursery() as nursery:
        outlet = rig.outlet(consumer)
        await live(rig, outlet, nursery)
        await rig.letters(10)
        await trio.sleep(30)
        assert consumer.seqs == [1, 2, 3, 4]
        for _ in range(3):
            outlet.change(Terms(("received",), content=True))
            await trio.sleep(3)
        consumer.poison = set()
        await trio.sleep(600)
        assert consumer.seqs == list(range(1, 11))
        assert rig.cursor == 10
        nursery.cancel_scope.cancel()


async def test_a_wait_for_another_attempt_is_over_at_once(rig: Rig, autojump_clock: Any) -> None:
    consumer = Consumer()
    consumer.always = SILENT
    async with trio.open_nursery() as nursery:
        outlet = rig.outlet(consumer)
        await live(rig, outlet, nursery)
        await rig.letters(3)
        await trio.sleep(3000)
        consumer.always = None
        before = trio.current_time()
        outlet.change(RECEIVED)
        await wait_all_tasks_blocked()
        assert consumer.seqs == [1, 2, 3]
        assert trio.current_time() == before
        assert [type(each) for each in rig.events][-1] is OutletRecovered
        nursery.cancel_scope.cancel()


async def test_what_waits_is_told_only_where_it_is_still_wanted_and_then_with_what_is_wanted_now(
    rig: Rig, autojump_clock: Any
) -> None:
    consumer = Consumer()
    consumer.always = SILENT
    async with trio.open_nursery() as nursery:
        outlet = rig.outlet(consumer)
        await live(rig, outlet, nursery)
        await rig.letters(3)
        await trio.sleep(10)
        consumer.always = None
        outlet.change(Terms(("reported",)))
        await trio.sleep(10)
        assert consumer.seqs == []
        await rig.letters(1)
        await trio.sleep(10)
        assert consumer.seqs == []
        outlet.change(RECEIVED)
        await rig.letters(2)
        await trio.sleep(10)
        assert consumer.seqs == [5, 6]
        nursery.cancel_scope.cancel()


async def test_what_is_wanted_from_now_on_is_not_passed_over_by_a_reading_under_way(
    rig: Rig, autojump_clock: Any
) -> None:
    consumer, gate = Consumer(), trio.Event()

    async def slowly(function: Any, *arguments: Any) -> Any:
        found = await inline(function, *arguments)
        await gate.wait()
        return found

    rig.source = Source(rig.log, slowly)
    async with trio.open_nursery() as nursery:
        await nursery.start(rig.journal.run)
        await rig.letters(3)
        outlet = rig.outlet(consumer, events=("reported",))
        nursery.start_soon(outlet.run)
        await trio.sleep(1)
        outlet.change(RECEIVED)
        gate.set()
        await trio.sleep(1)
        assert consumer.seqs == [1, 2, 3]
        nursery.cancel_scope.cancel()


# ── those that come and go ───────────────────────────────────────────────────────────────────


class House:
    """The station on a rig's journal."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.closed: list[str] = []
        self.outlets = Outlets(rig.events.append, self._close)
        rig.journal.on_facts(self.outlets.wake)

    async def _close(self, name: str) -> None:
        await trio.lowlevel.checkpoint()
        self.closed.append(name)

    def have(self, *outlets: Outlet, seconds: float = 10.0) -> None:
        self.outlets.change(outlets, self.rig.ledger.accounts.seq, seconds)


async def test_one_that_goes_tells_what_happened_until_then_and_nothing_more(
    rig: Rig, autojump_clock: Any
) -> None:
    house, consumer = House(rig), Slow(batch=4)
    consumer.seconds = 1.0
    async with trio.open_nursery() as nursery:
        await nursery.start(rig.journal.run)
        nursery.start_soon(house.outlets.run)
        house.have(rig.outlet(consumer))
        await rig.letters(10)
        house.have()
        assert house.outlets.names == ["webhook:shop"]  # its facts must stay until it has gone
        assert house.outlets.figures(99) == []
        await rig.letters(10)
        await house.outlets.gone(["webhook:shop"])
        told = consumer.seqs
        assert told == list(range(1, 11))
        assert rig.cursor == 10
        assert house.outlets.names == []
        assert house.closed == ["webhook:shop"]
        assert rig.events == []
        await rig.letters(10)
        await trio.sleep(60)
        assert consumer.seqs == told
        # The next of its name goes on there.
        house.have(rig.outlet(consumer))
        await trio.sleep(60)
        assert consumer.seqs == list(range(1, 31))
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("failing", ["before", "when it goes", "never, but slow"])
async def test_one_that_goes_and_cannot_is_not_waited_for_and_what_it_did_not_tell_is_said(
    rig: Rig, autojump_clock: Any, failing: str
) -> None:
    house, consumer = House(rig), Slow(batch=4)
    consumer.seconds = 100.0 if "slow" in failing else 0.0
    consumer.always = SILENT if failing == "before" else None
    async with trio.open_nursery() as nursery:
        await nursery.start(rig.journal.run)
        nursery.start_soon(house.outlets.run)
        house.have(rig.outlet(consumer))
        await trio.sleep(1)
        await rig.letters(8)
        if failing == "before":
            await trio.sleep(100)
        if failing == "when it goes":
            consumer.always = SILENT
        before = trio.current_time()
        house.have()
        await house.outlets.gone(["webhook:shop"])
        took = trio.current_time() - before
        assert took == (10.0 if "slow" in failing else pytest.approx(0.0, abs=0.1))
        (left,) = rig.events[-1:]
        assert isinstance(left, OutletLeft)
        assert (left.outlet, left.facts) == ("webhook:shop", 8)
        consumer.always, consumer.seconds = None, 0.0
        house.have(rig.outlet(consumer))
        await trio.sleep(10)
        assert consumer.seqs == list(range(1, 9))
        nursery.cancel_scope.cancel()


async def test_the_others_are_the_same_and_notice_nothing(rig: Rig, autojump_clock: Any) -> None:
    house, one, other = House(rig), Consumer(), Consumer()
    async with trio.open_nursery() as nursery:
        await nursery.start(rig.journal.run)
        nursery.start_soon(house.outlets.run)
        stays, goes = rig.outlet(one), rig.outlet(other)
        goes.name = "hook:other"
        house.have(stays, goes)
        await rig.letters(5)
        await trio.sleep(1)
        house.have(stays)
        await house.outlets.gone(["hook:other"])
        await rig.letters(5)
        await trio.sleep(1)
        assert (one.seqs, other.seqs) == (list(range(1, 11)), list(range(1, 6)))
        assert house.outlets.by_name == {"webhook:shop": stays}
        nursery.cancel_scope.cancel()


async def test_a_stop_has_on_disk_how_far_one_came_that_was_about_to_go(
    rig: Rig, autojump_clock: Any
) -> None:
    house, consumer = House(rig), Slow(batch=2)
    consumer.seconds = 1.0
    async with trio.open_nursery() as nursery:
        await nursery.start(rig.journal.run)
        async with trio.open_nursery() as running:
            running.start_soon(house.outlets.run)
            house.have(rig.outlet(consumer, save_every=1000.0))
            await rig.letters(10)
            await trio.sleep(2.5)
            house.have(seconds=100.0)
            await trio.sleep(1)
            await house.outlets.drain(10, 1.0)
            running.cancel_scope.cancel()
        assert 0 < rig.cursor == max(consumer.seqs) < 10
        nursery.cancel_scope.cancel()
