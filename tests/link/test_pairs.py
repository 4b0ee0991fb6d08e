"""Links of transmitter+receiver pairs: what each half carries, what is seen of it, how it drains."""

from __future__ import annotations

from collections import Counter

import pytest
import trio
from trio.testing import MockClock

from smppd import events, ports
from smppd.smpp.pdu import BindReceiver, BindTransmitter
from smppd.smpp.session import RequestReceived
from tests.link.rig import Call, Rig, parts, receipt

PAIR = "transmitter+receiver"


def half(rig: Rig, state: str) -> Call:
    """The connection, of those open now, that is in this state."""
    (found,) = [
        call
        for call in rig.smsc.calls
        if call.session.state.value == state and call.closed_at is None
    ]
    return found


async def test_each_session_is_a_transmitter_and_a_receiver(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(bind=PAIR, sessions=2, bound=4, window=5)
    assert sorted(event.bind for event in rig.of(events.LinkBound)) == [
        *("receiver", "receiver"),
        *("transmitter", "transmitter"),
    ]
    asked = Counter(
        type(event.pdu)
        for call in rig.smsc.calls
        for event in call.events
        if isinstance(event, RequestReceived)
    )
    assert asked == {BindTransmitter: 2, BindReceiver: 2}
    figures = link.figures()
    assert [(session.bind, session.state) for session in figures.sessions] == [
        *[("transmitter", "bound_tx")] * 2,
        *[("receiver", "bound_rx")] * 2,
    ]
    assert (figures.slots, figures.missing, link.room) == (10, [], 20)


async def test_what_a_transmitter_submits_is_told_of_by_a_receiver(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(bind=PAIR, bound=2)
    link.submit(parts(2))
    await rig.until(lambda: len(rig.settled(ports.Answered)) == 2)
    half(rig, "bound_rx").deliver(receipt(1), receipt(2))
    await rig.until(lambda: half(rig, "bound_rx").answered() == [0, 1])
    assert [found.message_id for found in rig.receipts] == ["1", "2"]


async def test_without_receiver_the_link_submits_and_says_what_it_lacks(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(bind=PAIR, bound=2, reconnect_min=50)
    half(rig, "bound_rx").drop()
    await rig.until(lambda: len(rig.of(events.LinkLost)) == 1)
    link.submit(parts(1))
    await rig.until(lambda: len(rig.settled(ports.Answered)) == 1)
    figures = link.figures()
    assert (figures.bound, figures.missing) == (1, ["receiver"])
    assert figures.unready.startswith("link main is not bound as receiver: a:2775: ")
    await rig.until(lambda: len(rig.of(events.LinkBound)) == 3)
    assert link.figures().unready == ""


async def test_without_transmitter_nothing_is_taken_and_receipts_still_come(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(bind=PAIR, bound=2, reconnect_min=50)
    half(rig, "bound_tx").drop()
    await rig.until(lambda: len(rig.of(events.LinkLost)) == 1)
    assert link.room == 0
    half(rig, "bound_rx").deliver(receipt(1))
    await rig.until(lambda: len(rig.receipts) == 1)
    assert link.figures().missing == ["transmitter"]


async def test_receivers_listen_until_the_transmitters_are_done(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(bind=PAIR, bound=2)
    rig.smsc.answering = False
    link.submit(parts(1))
    await rig.until(lambda: len(rig.smsc.submits) == 1)
    transmitter, receiver = half(rig, "bound_tx"), half(rig, "bound_rx")

    async def answer_and_report() -> None:
        await trio.sleep(2)
        receiver.deliver(receipt(1))
        await trio.sleep(1)
        transmitter.answer()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer_and_report)
        await link.drain()
    assert receiver.answered() == [0]
    assert transmitter.closed_at == pytest.approx(3, abs=0.1)
    assert [event.session for event in rig.of(events.LinkUnbound)] == [1, 2]
    assert rig.settled(ports.Unanswered) == []


async def test_a_receiver_that_waits_for_its_turn_does_not_hold_up_a_drain(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(bind=PAIR, bound=2, reconnect_min=50)
    half(rig, "bound_rx").drop()
    await rig.until(lambda: len(rig.of(events.LinkLost)) == 1)
    await link.drain()
    await rig.until(lambda: rig.ran)
    assert trio.current_time() < 1
