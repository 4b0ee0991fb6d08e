"""Binding anew because the SMSC has lost what it knew of a session (`Link.reconnect`)."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from smppd import events, ports
from smppd.link.link import Link
from smppd.smpp.session import PeerUnbinding
from tests.link.rig import Rig, parts, receipt


async def test_a_session_is_unbound_and_bound_again_soon(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    await trio.sleep(60)
    link.reconnect("the SMSC answers ESME_RINVBNDSTS")
    assert link.room == 0
    await rig.until(lambda: len(rig.of(events.LinkBound)) == 2)
    assert trio.current_time() <= 62
    first = rig.smsc.calls[0]
    assert any(isinstance(event, PeerUnbinding) for event in first.events)
    (lost,) = rig.of(events.LinkLost)
    assert (lost.reason, lost.in_doubt) == ("a:2775: the SMSC answers ESME_RINVBNDSTS", 0)
    link.submit(parts(1))
    await rig.until(lambda: len(rig.settled(ports.Answered)) == 1)


async def test_answers_that_are_due_are_waited_for_and_the_rest_goes_back(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=5)
    rig.smsc.answering = False
    link.submit(parts(5, segments=2))
    await rig.until(lambda: len(rig.smsc.submits) == 5)
    call = rig.smsc.calls[0]
    call.answer(1, status=0x04)
    link.reconnect("ESME_RINVBNDSTS")
    link.reconnect("ESME_RINVBNDSTS")
    await trio.sleep(3)
    assert call.closed_at is None
    call.deliver(receipt(1))
    call.answer()
    await rig.until(lambda: len(rig.of(events.LinkBound)) == 2)
    assert len(rig.smsc.submits) == 5
    assert len(rig.settled(ports.Answered)) == 5
    assert len(rig.settled(ports.Returned)) == 5
    assert call.answered() == [0]
    assert len(rig.of(events.LinkLost)) == 1


async def test_what_has_no_answer_after_a_while_is_in_doubt(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=2)
    rig.smsc.answering = False
    link.submit(parts(2))
    await rig.until(lambda: len(rig.smsc.submits) == 2)
    link.reconnect("ESME_RINVBNDSTS")
    await rig.until(lambda: bool(rig.of(events.LinkLost)))
    assert trio.current_time() == pytest.approx(10, abs=0.1)
    assert rig.of(events.LinkLost)[0].in_doubt == 2


async def test_every_session_that_submits_is_bound_anew(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(sessions=2, bound=2, window=3)
    rig.smsc.answering = False
    link.submit(parts(6))
    await rig.until(lambda: len(rig.smsc.submits) == 6)
    link.reconnect("ESME_RINVBNDSTS")
    for call in rig.smsc.calls:
        call.answer()
    rig.smsc.answering = True
    await rig.until(lambda: len(rig.of(events.LinkBound)) == 4)
    link.submit(parts(6, first=7))
    await rig.until(lambda: len(rig.settled(ports.Answered)) == 12)
    assert all(call.closed_at is not None for call in rig.smsc.calls[:2])


async def test_receivers_stay(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(bind="transmitter+receiver", bound=2)
    link.reconnect("ESME_RINVBNDSTS")
    await rig.until(lambda: len(rig.of(events.LinkBound)) == 3)
    assert rig.of(events.LinkBound)[2].bind == "transmitter"
    assert [lost.session for lost in rig.of(events.LinkLost)] == [1]


async def test_an_smsc_that_asks_for_it_again_and_again_is_not_stormed(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    while trio.current_time() < 60:
        await rig.until(lambda: bool(link.figures().bound))
        link.reconnect("ESME_RINVBNDSTS")
        await rig.until(lambda: not link.figures().bound)
    assert sum(at <= 60 for at, _ in rig.smsc.dialled) <= 10


async def test_while_nothing_is_bound_there_is_nothing_to_do(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.mute = True
    link = await rig.start(bound=0)
    await rig.until(lambda: rig.smsc.writes == 1)
    link.reconnect("ESME_RINVBNDSTS")
    rig.smsc.mute = False
    rig.smsc.calls[0].speak()
    await rig.until(lambda: bool(link.figures().bound))
    assert rig.of(events.LinkLost) == []


def since(link: Link) -> float | None:
    return link.unbound_since


async def test_it_tells_since_when_no_session_of_it_may_submit(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.mute = True
    link = await rig.start(bound=0, sessions=2)
    await rig.until(lambda: rig.smsc.writes > 0)
    assert since(link) == 0.0, "it counts from its start"
    rig.smsc.mute = False
    await rig.until(lambda: len(rig.of(events.LinkBound)) == 2)
    assert since(link) is None
    await trio.sleep(10)
    link.reconnect("ESME_RINVBNDSTS")
    await rig.until(lambda: not link.figures().bound)
    assert since(link) == pytest.approx(trio.current_time(), abs=1.0)
    await rig.until(lambda: bool(link.figures().bound))
    assert since(link) is None


async def test_a_receiver_that_stays_does_not_count(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(bind="transmitter+receiver", bound=2)
    assert since(link) is None
    await trio.sleep(5)
    link.reconnect("ESME_RINVBNDSTS")
    await rig.until(lambda: link.figures().bound == 1)
    assert since(link) is not None
