"""Routes through the whole daemon: two SMSCs, and what each of them is sent."""

from __future__ import annotations

from typing import Any

import trio
from trio.testing import MockClock

from smppd import events
from smppd.config import RouteConfig, RoutingConfig
from tests.pitfalls.raw import RawSmsc
from tests.pitfalls.rig import Rig

ROUTE = RouteConfig(name="all", links=("one", "two"), failover_after=5.0)


async def start(rig: Rig) -> tuple[RawSmsc, RawSmsc]:
    """Two links of one route, to SMSCs of their own."""
    one, two = RawSmsc(rig.note), RawSmsc(rig.note)
    rig.centres |= {"one": one, "two": two}
    await rig.start(
        bound=2,
        links={
            "one": {"hosts": (("one", 2775),), "from_": "ONE", "window": 3},
            "two": {"hosts": (("two", 2775),), "from_": "34600000009", "window": 3},
        },
        sections={"routing": RoutingConfig(routes=(ROUTE,))},
    )
    return one, two


def unsigned(number: int) -> dict[str, Any]:
    """A message that names no sender."""
    return {"to": f"+346{number:08d}", "text": "Hola", "id": f"m{number}"}


async def test_each_link_signs_what_names_no_sender(rig: Rig, autojump_clock: MockClock) -> None:
    one, two = await start(rig)
    rig.hand_in(unsigned(1), rig.sms(2))
    await rig.until(lambda: rig.states() == {"sent": 2})
    assert [frame.body[:8] for frame in one.submits] == [b"\0\5\0ONE\0\1", b"\0\5\0ACME\0"]
    one.unreachable = True
    one.call.drop()
    await rig.until(lambda: rig.of(events.LinkLost))
    rig.hand_in(unsigned(3), rig.sms(4))
    await rig.until(lambda: rig.states() == {"sent": 4})
    assert [frame.body[:8] for frame in two.submits] == [b"\0\1\x0134600", b"\0\5\0ACME\0"]
    assert [event.link for event in rig.of(events.RouteMoved)] == ["two"]
    assert rig.show("m3").result.link == "two"


async def test_the_traffic_of_a_paused_link_goes_over_the_other(
    rig: Rig, autojump_clock: MockClock
) -> None:
    one, two = await start(rig)
    one.accepting = False
    rig.hand_in(*(rig.sms(n) for n in range(1, 31)))
    await rig.until(lambda: len(one.submits) == 3)
    await trio.testing.wait_all_tasks_blocked()
    began = trio.current_time()
    await rig.command("pause", links=["one"], reason="maintenance", who="ana")
    await rig.until(lambda: len(two.submits) == 27)
    assert trio.current_time() - began >= 5.0
    for frame in one.submits:
        one.call.accept(frame, one.next_id())
    await rig.until(lambda: rig.states() == {"sent": 30})
    assert len(one.submits) + len(two.submits) == 30
    assert {frame.body for frame in one.submits}.isdisjoint(frame.body for frame in two.submits)
