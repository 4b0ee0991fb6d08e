"""Routes over several links: who carries what, when a link fails, and what is never done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smppd.config import LinkConfig, RouteConfig
from smppd.events import RouteMoved
from smppd.message import Lane, State
from smppd.pipeline import pools
from smppd.pipeline.turns import LEAD
from smppd.smpp.vocabulary import CommandStatus

if TYPE_CHECKING:
    from trio.testing import MockClock

    from smppd.message import Part
    from tests.pipeline.conftest import Bench, Life

quiet = trio.testing.wait_all_tasks_blocked

BOTH = RouteConfig(name="es", links=("main", "other"), to=("34",))
SHARED = RouteConfig(name="es", links=("main", "other"), to=("34",), weights=(3, 1))


def handed_over(life: Life, link: str) -> list[str]:
    return life.texts(life.wires[link].submitted)


async def answer_at_once(life: Life) -> None:
    """The SMSC takes all that is in flight, and the link hears of it in one batch."""
    answers = [life.answered(part) for part in life.wire.in_flight]
    life.wire.in_flight.clear()
    await life.settle(*answers)
    life.wire.open(life.wire.window)


async def answer_all(life: Life, link: str) -> None:
    for part in list(life.wires[link].in_flight):
        await life.answer(part, link=link)


# ── who takes what ───────────────────────────────────────────────────────────────────────────


async def test_a_route_takes_what_fits_and_the_rest_goes_over_the_first_link(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [RouteConfig(name="pt", links=("other",), to=("351",))]
    async with bench.up() as life:
        lines = [
            bench.sms(id="es"),
            bench.sms(id="pt", to="+351600000001"),
            bench.sms(id="via", to="+351600000001", via="main"),
        ]
        await life.hand_in(lines)
        await quiet()
        assert handed_over(life, "main") == ["es", "via"]
        assert handed_over(life, "other") == ["pt"]


async def test_the_result_says_which_link_carried_a_message(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [RouteConfig(name="pt", links=("other",), to=("351",))]
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="pt", to="+351600000001"), bench.sms(id="bad", to="1")])
        await quiet()
        await answer_all(life, "other")
        assert life.shown("pt").link == "other"
        assert life.shown("bad").link is None


async def test_a_message_that_names_no_sender_is_marked_where_the_links_differ(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [BOTH]
    bench.links = {"other": LinkConfig(name="other", hosts=(), system_id="b", from_="OTHER")}
    async with bench.up() as life:
        lines = [
            bench.sms(id="route"),
            bench.sms(id="named", **{"from": "ME"}),
            bench.sms(id="via", via="main"),
        ]
        await life.hand_in(lines)
        marked = {each: life.row(each).message.links_sender for each in ("route", "named", "via")}
        assert marked == {"route": True, "named": False, "via": False}


# ── failover ─────────────────────────────────────────────────────────────────────────────────


async def test_the_second_link_takes_over_when_the_first_cannot_and_gives_back(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [BOTH]
    async with bench.up(window=2) as life:
        life.wire.open(0)
        await life.hand_in([bench.sms(id=f"{n}") for n in range(8)])
        await trio.sleep(9.9)
        assert handed_over(life, "other") == []
        await trio.sleep(0.2)
        assert handed_over(life, "other") == ["0", "1"]
        life.wire.open(2)
        await quiet()
        assert handed_over(life, "main") == ["2", "3"]
        await answer_all(life, "other")
        await trio.sleep(5)
        assert handed_over(life, "other") == ["0", "1"], "the first link is well again"
        await answer_all(life, "main")
        await quiet()
        assert handed_over(life, "main") == ["2", "3", "4", "5"]
        moved = [event for event in life.events if isinstance(event, RouteMoved)]
        assert moved == [RouteMoved("es", "other", 2), RouteMoved("es", "main", 1)]


async def test_a_link_found_dead_while_idle_is_not_waited_for_when_a_message_comes(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [BOTH]
    async with bench.up() as life:
        await trio.sleep(1)
        life.wire.window = 0
        await trio.sleep(30)
        await life.hand_in([bench.sms(id="a")])
        await quiet()
        assert handed_over(life, "other") == ["a"]


async def test_what_a_link_gives_back_goes_over_the_other(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [BOTH]
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="a"), bench.long_sms(2, id="b")])
        await quiet()
        life.wire.open(0)
        for part in list(life.wire.in_flight):
            await life.give_back(part)
        await trio.sleep(11)
        assert handed_over(life, "other") == ["a", "b", "b.1"]
        await answer_all(life, "other")
        assert life.states() == {"sent": 2}
        assert life.shown("b").link == "other"


async def test_a_message_that_the_smsc_has_begun_to_take_stays_with_its_link(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """Its other parts bear the sender and the reference that this SMSC has seen."""
    bench.routes = [BOTH]
    async with bench.up() as life:
        await life.hand_in([bench.long_sms(3, id="a"), bench.sms(id="b")])
        await quiet()
        one, two, three, single = life.wire.submitted
        await life.answer(one)
        life.wire.open(0)
        for part in (two, three, single):
            await life.give_back(part)
        await trio.sleep(60)
        assert handed_over(life, "other") == ["b"]
        life.wire.open(9)
        await quiet()
        assert handed_over(life, "main")[4:] == ["a.1", "a.2"]


async def test_it_expires_in_time_although_its_link_is_down(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [BOTH]
    async with bench.up() as life:
        await life.hand_in([bench.long_sms(2, id="a", expires="5m")])
        await quiet()
        one, two = life.wire.submitted
        await life.answer(one)
        life.wire.open(0)
        await life.give_back(two)
        await trio.sleep(290)
        assert life.states() == {"queued": 1}
        await trio.sleep(15)
        assert life.states() == {"expired": 1}
        life.wire.open(9)
        await quiet()
        assert life.wire.submitted == [one, two]


async def test_it_stays_so_over_a_restart(bench: Bench, autojump_clock: MockClock) -> None:
    bench.routes = [BOTH]
    async with bench.up() as life:
        await life.hand_in([bench.long_sms(2, id="a")])
        await quiet()
        one, two = life.wire.submitted
        await life.answer(one)
        life.wire.open(0)
        await life.give_back(two)
        await trio.sleep(60)
    async with bench.up(window=0) as life:
        life.wires["other"].open(9)
        await trio.sleep(60)
        assert handed_over(life, "other") == []
        life.wire.open(9)
        await quiet()
        assert handed_over(life, "main") == ["a.1"]


async def test_what_is_in_doubt_is_never_sent_over_the_other_link(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [BOTH]
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="again", on_unknown="resend")])
        await quiet()
        for part in list(life.wire.submitted):
            await life.lose(part)
        life.wire.open(0)
        await trio.sleep(60)
        assert life.states() == {"unknown": 1, "sending": 1}
        assert handed_over(life, "other") == [] or handed_over(life, "other") == ["again"]
        assert "a" not in handed_over(life, "other")


async def test_trouble_of_one_link_stops_only_its_own_traffic(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=2) as life:
        life.wire.open(0)
        await life.hand_in(
            [bench.sms(id=f"{via}{n}", via=via) for n in range(3) for via in ("main", "other")]
        )
        for _ in range(2):
            await quiet()
            await answer_all(life, "other")
        assert handed_over(life, "other") == ["other0", "other1", "other2"]
        assert handed_over(life, "main") == []


async def test_a_route_that_left_the_configuration_keeps_its_messages(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [BOTH]
    async with bench.up(window=0) as life:
        await life.hand_in([bench.sms(id="a")])
    bench.routes = []
    async with bench.up() as life:
        await trio.sleep(60)
        assert life.states() == {"queued": 1}
    bench.routes = [BOTH]
    async with bench.up() as life:
        await quiet()
        assert handed_over(life, "main") == ["a"]


# ── weights ──────────────────────────────────────────────────────────────────────────────────


async def test_links_share_a_route_by_weight(bench: Bench, autojump_clock: MockClock) -> None:
    bench.routes = [SHARED]
    async with bench.up(window=20) as life:
        await life.hand_in([bench.sms() for _ in range(1200)])
        while life.accounts.counts[State.QUEUED]:
            await quiet()
            await answer_all(life, "main")
            await answer_all(life, "other")
        ours, others = (len(life.wires[link].submitted) for link in ("main", "other"))
        assert ours + others == 1200
        assert abs(others - 300) <= LEAD


async def test_a_small_file_is_shared_by_weight(bench: Bench, autojump_clock: MockClock) -> None:
    bench.routes = [SHARED]
    async with bench.up(window=20) as life:
        await life.hand_in([bench.sms() for _ in range(100)])
        while life.accounts.counts[State.QUEUED]:
            await quiet()
            await answer_all(life, "main")
            await answer_all(life, "other")
        assert abs(len(life.wires["other"].submitted) - 25) <= 10


async def test_single_messages_are_shared_by_weight(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [SHARED]
    async with bench.up() as life:
        for n in range(40):
            await life.hand_in([bench.sms()], f"{n}.jsonl", token=f"{n}")
            await quiet()
        assert abs(len(life.wires["other"].submitted) - 10) <= 2


async def test_when_a_link_is_out_the_other_takes_its_share(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [SHARED]
    async with bench.up(window=500) as life:
        life.wire.open(0)
        await life.hand_in([bench.sms() for _ in range(400)])
        await trio.sleep(9)
        assert len(life.wires["other"].submitted) == LEAD
        await trio.sleep(2)
        assert len(life.wires["other"].submitted) == 400


# ── lanes ────────────────────────────────────────────────────────────────────────────────────


async def test_of_a_lot_every_lane_has_its_share_and_high_leads(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=0) as life:
        for lane in (Lane.BULK, Lane.NORMAL, Lane.HIGH):
            lines = [bench.sms(id=f"{lane.name}{n}") for n in range(100)]
            await life.hand_in(lines, f"{lane.name}.jsonl", lane=lane)
        life.wire.open(21)
        await quiet()
        first = [name.rstrip("0123456789") for name in handed_over(life, "main")]
        assert first == ["HIGH"] * 16 + ["NORMAL"] * 4 + ["BULK"]
        assert life.wire.urgent == 16


async def test_a_flood_of_retried_bulk_does_not_hold_up_what_is_high(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=300) as life:
        await life.hand_in([bench.sms(id=f"b{n}") for n in range(300)], lane=Lane.BULK)
        await quiet()
        for part in life.wire.submitted[:]:
            await life.answer(part, CommandStatus.ESME_RSYSERR)
        life.wire.open(0)
        await trio.sleep(100)
        await life.hand_in([bench.sms(id="h")], "h.jsonl", lane=Lane.HIGH)
        life.wire.open(10)
        await quiet()
        again = handed_over(life, "main")[300:]
        assert again[0] == "h"
        assert len(again) == 10


async def test_two_routes_of_a_link_take_turns(bench: Bench, autojump_clock: MockClock) -> None:
    bench.routes = [
        RouteConfig(name="es", links=("main",), to=("34",)),
        RouteConfig(name="pt", links=("main",), to=("351",)),
    ]
    async with bench.up(window=0) as life:
        lines = [bench.sms(id=f"es{n}") for n in range(50)]
        lines += [bench.sms(id=f"pt{n}", to="+351600000001") for n in range(50)]
        await life.hand_in(lines)
        life.wire.open(10)
        for _ in range(2):
            await quiet()
            await answer_at_once(life)
        await quiet()
        kinds = Counter(name.rstrip("0123456789") for name in handed_over(life, "main"))
        assert min(kinds["es"], kinds["pt"]) >= 9


async def test_two_routes_of_a_link_take_turns_in_each_of_two_lanes(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [
        RouteConfig(name="es", links=("main",), to=("34",)),
        RouteConfig(name="pt", links=("main",), to=("351",)),
    ]
    async with bench.up(window=0) as life:
        for lane in (Lane.HIGH, Lane.BULK):
            lines = [bench.sms(id=f"es-{lane.name}-{n}") for n in range(60)]
            lines += [bench.sms(id=f"pt-{lane.name}-{n}", to="+351600000001") for n in range(60)]
            await life.hand_in(lines, f"{lane.name}.jsonl", lane=lane)
        life.wire.open(17)
        for _ in range(3):
            await quiet()
            await answer_at_once(life)
        await quiet()
        kinds = Counter(name.rpartition("-")[0] for name in handed_over(life, "main"))
        assert kinds == {"es-HIGH": 32, "pt-HIGH": 32, "es-BULK": 2, "pt-BULK": 2}


# ── anything at all ──────────────────────────────────────────────────────────────────────────

STEPS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 30)), max_size=40)
WAYS = st.sampled_from([BOTH, SHARED, RouteConfig(name="es", links=("other", "main"), to=("34",))])


class Weather:
    """Links that come and go while messages are under way."""

    def __init__(self, bench: Bench, route: RouteConfig, steps: list[tuple[int, int]]) -> None:
        bench.routes = [route]
        self.bench = bench
        self.steps = steps
        self.taken: Counter[tuple[int, int]] = Counter()
        self.doubtful: set[tuple[int, int]] = set()

    async def step(self, life: Life, action: int, pick: int) -> None:
        link = ("main", "other")[pick % 2]
        wire = life.wires[link]
        if action == 0:
            wire.open(0)
        elif action == 1:
            wire.open(pick)
        elif action == 2:
            await trio.sleep(pick)
        elif action == 3:
            for part in list(wire.in_flight):
                await life.give_back(part, link)
        elif action == 4 and wire.in_flight:
            part = wire.in_flight[pick % len(wire.in_flight)]
            self.doubtful.add((part.msg_id, part.index))
            await life.lose(part, link)
        elif action == 5:
            lines = [self.bench.long_sms(1 + n % 2) for n in range(pick)]
            names = f"{len(life.accounts.files)}-{life.accounts.seq}.jsonl"
            await life.hand_in(lines, names, token=names, lane=Lane(pick % 3))
        else:
            await self.accept(life, link, pick)

    async def accept(self, life: Life, link: str, count: int) -> None:
        for part in life.wires[link].in_flight[:count]:
            self.note(part)
            await life.answer(part, link=link)

    def note(self, part: Part) -> None:
        key = (part.msg_id, part.index)
        assert key not in self.doubtful, "sent again although it may have been taken"
        self.taken[key] += 1

    async def run(self) -> None:
        async with self.bench.up(window=5) as life:
            await life.hand_in([self.bench.long_sms(1 + n % 3) for n in range(30)])
            for action, pick in self.steps:
                await self.step(life, action, pick)
                await quiet()
            for wire in life.wires.values():
                wire.open(1000)
            while life.accounts.counts[State.QUEUED] or life.accounts.counts[State.SENDING]:
                await trio.sleep(1)
                for link in life.wires:
                    await self.accept(life, link, 1000)
            assert set(self.taken.values()) == {1}, "lost or sent twice"
            counts = life.accounts.counts
            assert counts[State.SENT] + counts[State.UNKNOWN] == life.accounts.accepted
            assert sum(self.taken.values()) + len(self.doubtful) == self.parts(life)

    def parts(self, life: Life) -> int:
        rows = [
            row
            for pool in life.pools
            for lane in pool.lanes
            for row in life.reader.messages.read_queue(lane.number << 40, 10_000)
        ]
        return sum(len(row.message.segments) for row in rows)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(WAYS, STEPS)
def test_whatever_the_links_do_every_part_is_taken_once(
    new_bench: Callable[[], Any], route: RouteConfig, steps: list[tuple[int, int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pools, "READ_AHEAD", 7)
        weather = Weather(new_bench(), route, steps)
        trio.run(weather.run, clock=trio.testing.MockClock(autojump_threshold=0))
