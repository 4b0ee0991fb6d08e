"""An outlet: every event in order and at least once, whatever the other side does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing

from smppd.events import OutletFailing, OutletGaveUp, OutletRecovered
from smppd.ledger.facts import Damaged
from smppd.outlets.outlet import Trouble
from smppd.ports import Stretch
from tests.outlets.rig import Consumer, Rig, inline, live

SILENT = Trouble("HTTP 500")
REFUSED = Trouble("HTTP 404", refused=True)
HOUR = 3600.0


async def test_events_come_in_order_and_the_cursor_follows(rig: Rig, autojump_clock: Any) -> None:
    consumer = Consumer(batch=4)
    async with trio.open_nursery() as nursery:
        await live(rig, rig.outlet(consumer), nursery)
        await rig.letters(10)
        await trio.sleep(1)
        await rig.letters(3)
        await trio.sleep(1)
        assert consumer.seqs == list(range(1, 14))
        assert rig.cursor == 13
        assert max(count for _, count in consumer.calls) == 4
        nursery.cancel_scope.cancel()


async def test_what_happens_at_once_is_gathered(rig: Rig, autojump_clock: Any) -> None:
    consumer = Consumer()
    async with trio.open_nursery() as nursery:
        await live(rig, rig.outlet(consumer), nursery)
        await trio.sleep(1)
        for _ in range(20):
            await rig.letters()
        await trio.sleep(1)
        assert consumer.seqs == list(range(1, 21))
        assert len(consumer.calls) <= 2
        nursery.cancel_scope.cancel()


async def test_500_for_an_hour_waits_and_catches_up(rig: Rig, autojump_clock: Any) -> None:
    consumer = Consumer()
    outlet = rig.outlet(consumer, give_up_after=60.0)
    consumer.always = SILENT
    async with trio.open_nursery() as nursery:
        await live(rig, outlet, nursery)
        for _ in range(60):
            await rig.letters(5)
            await trio.sleep(60)
        assert consumer.taken == []
        assert rig.cursor == 0
        assert len(consumer.calls) < 40  # with growing delays
        figures = outlet.stand(300)
        assert (figures.behind, figures.last_error) == (300, "HTTP 500")
        consumer.always = None
        await trio.sleep(301)
        assert consumer.seqs == list(range(1, 301))
        assert rig.cursor == 300
        nursery.cancel_scope.cancel()
    failing, recovered = rig.events
    assert isinstance(failing, OutletFailing)
    assert isinstance(recovered, OutletRecovered)
    assert recovered.seconds > HOUR - 60


async def test_a_crash_repeats_what_was_not_taken_and_loses_nothing(
    rig: Rig, autojump_clock: Any
) -> None:
    first, second = Consumer(batch=2), Consumer(batch=2)
    first.troubles = [None, SILENT, SILENT, SILENT, SILENT]
    async with trio.open_nursery() as nursery:
        await live(rig, rig.outlet(first), nursery)
        await rig.letters(6)
        await trio.sleep(3)
        nursery.cancel_scope.cancel()
    assert first.seqs == [1, 2]
    rig.journal = type(rig.journal)(rig.store, run_sync=inline)
    async with trio.open_nursery() as nursery:
        await live(rig, rig.outlet(second), nursery)
        await trio.sleep(3)
        nursery.cancel_scope.cancel()
    assert set(first.seqs + second.seqs) == set(range(1, 7))
    assert second.seqs == sorted(second.seqs)


async def test_what_is_refused_waits_and_is_put_aside_when_it_is_old(
    rig: Rig, autojump_clock: Any
) -> None:
    consumer = Consumer()
    consumer.always = REFUSED
    async with trio.open_nursery() as nursery:
        await live(rig, rig.outlet(consumer, give_up_after=HOUR), nursery)
        await rig.letters(2)
        await trio.sleep(HOUR - 10)
        await rig.letters(1)
        assert not (rig.folder / "events").exists()
        await trio.sleep(400)
        consumer.always = None
        await trio.sleep(400)
        nursery.cancel_scope.cancel()
    assert consumer.seqs == [3]
    aside = (rig.folder / "events" / "shop.undelivered.jsonl").read_text().splitlines()
    assert len(aside) == 2
    (gave_up,) = [each for each in rig.events if isinstance(each, OutletGaveUp)]
    assert (gave_up.count, gave_up.reason) == (2, "HTTP 404")
    assert gave_up.place.endswith("shop.undelivered.jsonl")
    assert rig.cursor == 3


async def test_one_that_is_not_taken_holds_up_no_lot_with_it(rig: Rig, autojump_clock: Any) -> None:
    consumer = Consumer()
    consumer.poison = {5}
    async with trio.open_nursery() as nursery:
        await live(rig, rig.outlet(consumer, give_up_after=HOUR), nursery)
        await rig.letters(8)
        await trio.sleep(60)
        assert consumer.seqs == [1, 2, 3, 4]
        await trio.sleep(2 * HOUR)
        assert consumer.seqs == [1, 2, 3, 4, 6, 7, 8]
        nursery.cancel_scope.cancel()
    (gave_up,) = [each for each in rig.events if isinstance(each, OutletGaveUp)]
    assert gave_up.count == 1


async def test_what_nobody_wants_is_passed_over(rig: Rig, autojump_clock: Any) -> None:
    consumer = Consumer()
    outlet = rig.outlet(consumer, events=("failed",))
    async with trio.open_nursery() as nursery:
        await live(rig, outlet, nursery)
        await rig.letters(10)
        await trio.sleep(1)
        assert consumer.calls == []
        assert outlet.stand(10).behind == 0
        assert rig.cursor == 0  # not worth a commit, yet
        await rig.letters(1)
        await trio.sleep(6)
        assert rig.cursor == 11, "what it has passed is not kept for it"
        await rig.letters(1)
        await trio.sleep(1)
        await outlet.save()
        assert rig.cursor == 12
        nursery.cancel_scope.cancel()


async def test_a_drain_waits_for_what_can_leave_and_not_for_what_cannot(
    rig: Rig, autojump_clock: Any
) -> None:
    consumer = Consumer()
    outlet = rig.outlet(consumer)
    async with trio.open_nursery() as nursery:
        await live(rig, outlet, nursery)
        await rig.letters(3)
        await outlet.drained(3)
        assert consumer.seqs == [1, 2, 3]
        consumer.always = SILENT
        await rig.letters(1)
        began = trio.current_time()
        await outlet.drained(4)
        assert trio.current_time() - began < 1
        nursery.cancel_scope.cancel()


async def test_several_outlets_read_the_log_once(
    rig: Rig, autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, lots = Consumer(), Consumer(), list[int]()
    read = rig.log.read

    def counted(after: int, kinds: Sequence[int], limit: int) -> Stretch:
        found = read(after, kinds, limit)
        lots.append(len(found.facts))
        return found

    monkeypatch.setattr(rig.log, "read", counted)
    async with trio.open_nursery() as nursery:
        await live(rig, rig.outlet(one), nursery)
        nursery.start_soon(rig.outlet(two).run)
        await rig.letters(5)
        await trio.sleep(1)
        assert one.seqs == two.seqs == [1, 2, 3, 4, 5]
        assert sum(lots) == 5
        nursery.cancel_scope.cancel()


async def test_what_cannot_be_read_of_the_journal_is_a_trouble_of_the_outlet_alone(
    rig: Rig, autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, read = Consumer(), rig.log.read

    def damaged(*_: Any) -> Stretch:
        raise Damaged("message 7 cannot be read: malformed")

    monkeypatch.setattr(rig.log, "read", damaged)
    async with trio.open_nursery() as nursery:
        outlet = rig.outlet(consumer)
        await live(rig, outlet, nursery)
        await rig.letters(3)
        await trio.sleep(30)
        figures = outlet.stand(3)
        assert figures.failing_since is not None
        assert "the journal is damaged: message 7 cannot be read" in figures.last_error
        assert (consumer.taken, rig.cursor) == ([], 0)
        await outlet.drained(3)  # a stop does not wait for it
        monkeypatch.setattr(rig.log, "read", read)
        await trio.sleep(301)
        assert consumer.seqs == [1, 2, 3]
        assert outlet.stand(3).failing_since is None
        nursery.cancel_scope.cancel()
    assert [type(event) for event in rig.events] == [OutletFailing, OutletRecovered]
