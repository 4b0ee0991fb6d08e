"""Lanes through the whole daemon: what is high is submitted within one turn of the window."""

from __future__ import annotations

from functools import partial

from trio.testing import MockClock

from tests.pitfalls.raw import SUBMIT_SM, Frame
from tests.pitfalls.rig import Rig

WINDOW = 10


def is_high(frame: Frame) -> bool:
    return b"urgent" in frame.body


def has_accepted(rig: Rig, count: int) -> bool:
    return rig.daemon.figures().accepted == count


async def test_high_priority_waits_for_one_turn_of_the_window_at_most(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=WINDOW)
    rig.smsc.accepting = False
    rig.hand_in(*(rig.sms(n) for n in range(1, 501)), lane="bulk")
    await rig.until(lambda: len(rig.smsc.submits) == WINDOW)
    await rig.until(lambda: rig.figures().ready == WINDOW)  # a second window lies ready
    for n in range(3):
        before = len(rig.smsc.submits)
        rig.hand_in(rig.sms(1000 + n, text=f"urgent {n}"), lane="high")
        await rig.until(partial(has_accepted, rig, 501 + n))
        await rig.quiet()
        # One turn of the window: each of its submits is answered once.
        for frame in rig.call.heard(SUBMIT_SM)[before - WINDOW : before]:
            rig.call.accept(frame, rig.smsc.next_id())
            await rig.quiet()
        turn = rig.smsc.submits[before : before + WINDOW]
        assert sum(map(is_high, turn)) == 1, [frame.body for frame in turn]
        assert not all(map(is_high, turn)), "bulk goes on"
    rig.smsc.accepting = True
    for frame in rig.call.heard(SUBMIT_SM)[-WINDOW:]:
        rig.call.accept(frame, rig.smsc.next_id())
    await rig.until(lambda: rig.states() == {"sent": 503})
    assert len(rig.smsc.submits) == 503
