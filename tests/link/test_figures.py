"""What a link counts of its connections: attempts, ends, octets, how soon the SMSC answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from smppd.smpp.pdu import Unbind
from tests.link.rig import Call, Rig, parts


async def test_an_end_is_counted_by_its_kind(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(enquire_link_interval=30, enquire_link_timeout=10)

    def break_down(call: Call) -> None:
        call.break_down(ConnectionResetError(104, "reset"))
        link.submit(parts(1))  # a stream breaks when it is written to

    ways: list[tuple[str, Callable[[Call], None]]] = [
        ("broken", break_down),
        ("closed_by_smsc", Call.drop),
        ("unbound_by_smsc", lambda call: call.say(Unbind())),
        ("unbound_by_us", lambda _: link.reconnect("the SMSC answers ESME_RINVBNDSTS")),
        ("out_of_step", Call.say_garbage),
    ]
    counted = dict[str, int]()
    for number, (kind, end) in enumerate(ways, start=1):
        end(rig.smsc.calls[-1])
        await rig.until(lambda: len(rig.of(events.LinkBound)) == number + 1)  # noqa: B023
        counted[kind] = 1
        assert link.figures().endings == counted
    assert link.figures().attempts == {"bound": len(ways) + 1}


async def test_an_enquire_link_without_an_answer_is_an_end_of_its_own(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(enquire_link_interval=30, enquire_link_timeout=10)
    rig.smsc.mute = True
    await rig.until(lambda: bool(rig.of(events.LinkLost)))
    assert link.figures().endings == {"enquire_link_timeout": 1}
    assert sum(link.figures().enquiries.counts) == 0


async def test_how_soon_an_enquire_link_is_answered(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(enquire_link_interval=30, enquire_link_timeout=10)
    rig.smsc.mute = True
    await trio.sleep(32)
    rig.smsc.mute = False
    rig.smsc.calls[0].speak()
    await trio.sleep(1)
    assert link.figures().enquiries.total == pytest.approx(2, abs=0.1)


async def test_octets_are_counted_both_ways(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start()
    before = link.figures().octets_in, link.figures().octets_out
    assert min(before) > 16  # the bind and its answer
    link.submit(parts(3))
    await rig.until(lambda: link.figures().answers == {0: 3})
    assert link.figures().octets_in > before[0] + 3 * 16
    assert link.figures().octets_out > before[1] + 3 * 16


async def test_waiting_for_the_window_and_for_the_rate(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(window=2)
    rig.smsc.answering = False
    link.submit(parts(2))
    await rig.until(lambda: len(rig.smsc.submits) == 2)
    await trio.sleep(5)
    assert link.figures().window_wait == pytest.approx(5, abs=0.1)
    assert link.figures().pace_wait == pytest.approx(0, abs=0.1)
