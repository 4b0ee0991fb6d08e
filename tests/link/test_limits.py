"""What is said to limit a link: each of the words, and that it is true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import MockClock

from smppd.figures import LIMITS
from smppd.link.limiting import Limiting, Stop
from smppd.ports import Answered, Returned
from tests.link.rig import Rig, parts, receipt

if TYPE_CHECKING:
    from smppd.link.link import Link


def limited_by(link: Link) -> str:
    word = link.figures().limited_by
    assert word in LIMITS
    return word


async def supply(rig: Rig, link: Link, count: int = 20) -> None:
    """Keep the link supplied, as its dispatcher would; answers come after 100 ms."""
    first = 1
    for _ in range(count):
        room = link.room
        link.submit(parts(room, first=first))
        first += room
        await trio.sleep(0.1)
        if rig.smsc.calls:
            rig.smsc.calls[-1].answer()


async def test_a_link_without_work_is_limited_by_nothing_else(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    await trio.sleep(2)
    assert limited_by(link) == "nothing queued"


async def test_a_full_window_limits(rig: Rig, autojump_clock: MockClock) -> None:
    rig.smsc.answering = False
    link = await rig.start(window=5)
    await supply(rig, link)
    assert limited_by(link) == "window"
    rig.smsc.answering = True
    rig.smsc.calls[-1].answer()
    await trio.sleep(2)
    assert limited_by(link) == "nothing queued"


async def test_the_configured_rate_limits(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(window=100, rate=20)
    await supply(rig, link)
    assert limited_by(link) == "rate"


async def test_throttling_limits(rig: Rig, autojump_clock: MockClock) -> None:
    rig.smsc.answering = False
    link = await rig.start(window=10)
    link.submit(parts(10))
    await trio.sleep(0.1)
    rig.smsc.calls[-1].answer(8)
    rig.smsc.calls[-1].answer(status=0x58)
    await trio.lowlevel.checkpoint()
    await supply(rig, link, 30)
    assert limited_by(link) == "throttling"
    assert 4 <= link.figures().limit < 32  # half of the 8 taken, doubled each of 3 seconds


async def test_answers_that_take_longer_and_longer_limit(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.answering = False
    link = await rig.start(window=200)
    for n in range(100):
        link.submit(parts(20, first=1 + 20 * n))
        await trio.sleep(0.05)
        rig.smsc.calls[-1].answer()
    assert link.figures().limit == 0
    for n in range(100, 130):
        link.submit(parts(100, first=10_000 + 100 * n))
        await trio.sleep(2.5)
        rig.smsc.calls[-1].answer()
    assert limited_by(link) == "latency"
    assert link.figures().limit > 1


async def test_a_slow_journal_limits(rig: Rig, autojump_clock: MockClock) -> None:
    rig.smsc.answering = True
    link = await rig.start(window=5)
    rig.disk = trio.Event()
    for n in range(20):
        link.submit(parts(link.room, first=1 + 100 * n))
        await trio.sleep(0.2)
        rig.disk.set()
        await trio.lowlevel.checkpoint()
        rig.disk = trio.Event()
    rig.disk.set()
    stop, journal = link._traffic.limiting.main(trio.current_time())
    assert journal
    assert stop is not Stop.PACE


async def test_a_paused_link_submits_nothing_and_keeps_its_session(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.answering = False
    link = await rig.start(window=2)
    link.submit(parts(4))
    await trio.sleep(0.1)
    link.pause()
    assert link.room == 0
    link.submit(parts(2, first=50))
    rig.smsc.answering = True
    rig.smsc.calls[-1].answer()
    await trio.sleep(300)
    assert limited_by(link) == "paused"
    assert link.figures().bound == 1
    assert len(rig.smsc.submits) == 2
    assert [each.msg_id for each in rig.settled(Answered)] == [1, 2]
    assert sorted(each.msg_id for each in rig.settled(Returned)) == [3, 4, 50, 51]
    link.resume()
    assert link.room == 4
    link.submit(parts(2, first=60))
    await trio.sleep(0.1)
    assert len(rig.smsc.submits) == 4


async def test_what_is_taken_back_is_not_submitted_and_the_rest_goes_on_in_its_order(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.answering = False
    link = await rig.start(window=2)
    link.submit(parts(2, segments=2) + parts(6, first=10))
    await trio.sleep(0.1)
    assert len(rig.smsc.submits) == 2
    link.take_back(lambda msg_id: msg_id % 2 == 0)
    await trio.sleep(0.1)
    assert [each.msg_id for each in rig.settled(Returned)] == [2, 2, 10, 12, 14]
    rig.smsc.answering = True
    rig.smsc.calls[-1].answer()
    await trio.sleep(1)
    assert [each.msg_id for each in rig.settled(Answered)] == [1, 1, 11, 13, 15]
    assert link.room == 4


async def test_what_is_handed_over_while_something_is_taken_back_is_to_be_looked_at_again(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=2)
    await link.wait_room()
    link.take_back(lambda _: False)
    link.submit(parts(2))
    await trio.sleep(1)
    assert [each.msg_id for each in rig.settled(Returned)] == [1, 2]
    await link.wait_room()
    link.submit(parts(2))
    await trio.sleep(1)
    assert len(rig.smsc.submits) == 2


async def test_what_cannot_submit_says_so(rig: Rig, autojump_clock: MockClock) -> None:
    rig.smsc.bind_status = 0x0E
    link = await rig.start(bound=0)
    await trio.sleep(1)
    assert limited_by(link) == "not bound"


async def test_a_receiver_only_receives(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(bind="receiver")
    assert limited_by(link) == "receives only"


async def test_a_receiver_beside_a_transmitter_limits_nothing(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(bind="transmitter+receiver", bound=2)
    link.submit(parts(1))
    await trio.sleep(1)
    for call in rig.smsc.calls:
        if call.session.state.value == "bound_rx":
            call.deliver(receipt(1))
    await trio.sleep(5)
    assert len(rig.receipts) == 1
    assert limited_by(link) == "nothing queued"


async def test_a_session_that_is_not_bound_limits_no_others(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(sessions=2, bound=2)
    rig.smsc.bind_status = 0x05
    rig.smsc.calls[-1].drop()
    await trio.sleep(120)
    assert link.figures().bound == 1
    assert limited_by(link) == "nothing queued"


async def test_a_stopping_link_says_so(rig: Rig, autojump_clock: MockClock) -> None:
    rig.smsc.answering = False
    link = await rig.start(window=5)
    link.submit(parts(3))
    await trio.sleep(0.1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.drain)
        await trio.sleep(0.1)
        assert limited_by(link) == "stopping"
        rig.smsc.calls[-1].answer()


async def test_what_was_taken_before_a_throttle_does_not_pass_what_came_back(
    rig: Rig, autojump_clock: MockClock
) -> None:
    """The dispatcher commits a lot while the link is throttled: that lot goes back, too."""
    rig.smsc.answering = False
    link = await rig.start(window=1)
    link.submit(parts(1))
    await trio.sleep(0.1)
    await link.wait_room()
    rig.smsc.calls[-1].answer(status=0x58)
    await trio.sleep(0.1)
    link.submit(parts(2, first=2))
    await trio.sleep(5)
    assert [each.msg_id for each in rig.settled(Returned)] == [2, 3]
    assert len(rig.smsc.submits) == 1
    await link.wait_room()
    link.submit(parts(3))
    await trio.sleep(0.1)
    assert len(rig.smsc.submits) == 2


# ── shares of time ───────────────────────────────────────────────────────────────────────────


def test_what_stopped_most_of_the_time_is_said() -> None:
    limiting = Limiting()
    for n in range(100):
        limiting.stopped(Stop.WINDOW, n * 0.1)
        limiting.stopped(Stop.PACE, n * 0.1 + 0.03)
    assert limiting.main(10.0) == (Stop.PACE, False)


def test_what_has_held_for_a_while_is_what_limits_now() -> None:
    limiting = Limiting()
    for n in range(100):
        limiting.stopped(Stop.WINDOW, n * 0.1)
    limiting.stopped(Stop.NOTHING_READY, 10.0)
    assert limiting.main(10.5)[0] is Stop.WINDOW
    assert limiting.main(11.5)[0] is Stop.NOTHING_READY


@pytest.mark.parametrize(("waited", "journal"), [(0.09, True), (0.04, False)])
def test_the_journal_counts_where_it_takes_most_of_the_time(waited: float, journal: bool) -> None:
    limiting = Limiting()
    for n in range(100):
        limiting.stopped(Stop.WINDOW, n * 0.1)
        limiting.waited(waited)
    assert limiting.main(10.0) == (Stop.WINDOW, journal)
