"""The cap: so many messages for a number in a day, over whatever way, whatever crashes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smppd.config import PolicyConfig, RouteConfig
from smppd.journal.audit import audit
from smppd.ledger.facts import Kind
from smppd.pipeline import cap as cap_module
from smppd.pipeline.cap import Cap, day_of
from smppd.ports import CallRefused, CallReturned
from smppd.smpp.vocabulary import CommandStatus
from tests.pipeline.provider import CONTACT, GROUP, SMS, account, call, done

if TYPE_CHECKING:
    from trio.testing import MockClock

    from smppd.message import Part
    from tests.pipeline.conftest import Bench, Life

quiet = trio.testing.wait_all_tasks_blocked
DAY = 86_400.0
MADRID = ZoneInfo("Europe/Madrid")
OVER_HTTP = {"via": "http", "from": "ACME"}


def at(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def capped(life: Life, most: int, over: str = "hold", zone: str = "UTC") -> Cap:
    """Cap what this life sends."""
    lanes = {number: lane for (_, lane), number in life.queues.items()}
    section = PolicyConfig(per_number_per_day=most, over_cap=over, zone=zone)  # type: ignore[arg-type]
    cap = Cap(section, lanes, life.journal, life.bench.wall)
    life.desk.gate.count_with(cap)
    return cap


_tokens = count()


async def submit(life: Life, *lines: dict[str, Any]) -> list[Part]:
    """Hand in a file of its own; what is handed over of it at once."""
    before = len(life.wire.submitted)
    number = next(_tokens)
    await life.hand_in(lines, f"f{number}.jsonl", token=f"f{number}")
    await quiet()
    return life.wire.submitted[before:]


def left(life: Life, link: str = "main") -> list[str]:
    return life.texts(life.wires[link].submitted)


def counted(life: Life) -> dict[str, int]:
    """How many are counted on the bench's day, as it stands on disk."""
    today = day_of(life.bench.wall(), ZoneInfo("UTC")).number
    rows = life.reader.connection.execute("SELECT number, count FROM tally WHERE day = ?", (today,))
    return dict(rows.fetchall())


def till_midnight(bench: Bench) -> float:
    return DAY - bench.wall() % DAY


# ── days ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("moment", "zone", "begins", "ends"),
    [
        ("2026-11-28T12:00Z", "UTC", "2026-11-28T00:00Z", "2026-11-29T00:00Z"),
        ("2026-11-28T23:30Z", "Europe/Madrid", "2026-11-28T23:00Z", "2026-11-29T23:00Z"),
        ("2026-03-29T12:00Z", "Europe/Madrid", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
        ("2026-10-25T12:00Z", "Europe/Madrid", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
        # Where clocks are changed at midnight, to one and back to eleven.
        ("2018-11-04T03:30Z", "America/Sao_Paulo", "2018-11-04T03:00Z", "2018-11-05T02:00Z"),
        ("2018-02-18T02:30Z", "America/Sao_Paulo", "2018-02-17T02:00Z", "2018-02-18T03:00Z"),
    ],
)
def test_a_day_is_one_of_its_zone(moment: str, zone: str, begins: str, ends: str) -> None:
    day = day_of(at(moment), ZoneInfo(zone))
    assert (day.begins, day.ends) == (at(begins), at(ends))
    assert day_of(day.ends, ZoneInfo(zone)).number == day.number + 1
    assert day_of(day.begins - 1, ZoneInfo(zone)).number == day.number - 1


def test_days_are_counted_from_1970() -> None:
    assert day_of(0.0, ZoneInfo("UTC")) == (0, 0.0, DAY)
    assert day_of(at("2026-11-28T12:00Z"), ZoneInfo("UTC")).number == 20_785


# ── what leaves ──────────────────────────────────────────────────────────────────────────────


async def test_what_is_beyond_leaves_on_the_next_day_in_its_order(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        cap = capped(life, 2)
        await life.hand_in([bench.sms(id=f"{n}") for n in range(5)])
        await life.hand_in([bench.sms(id="b", to="+34600000002")], "b.jsonl", token="t2")
        await quiet()
        assert left(life) == ["0", "1", "b"]
        assert counted(life) == {"34600000001": 2, "34600000002": 1}
        assert cap.figures.held == 3
        assert not life.accounts.entries.keys() - {p.msg_id for p in life.wire.submitted}
        assert audit(bench.path, bench.root).ok
        await trio.sleep(till_midnight(bench) - 1)
        assert len(left(life)) == 3
        await trio.sleep(3)
        assert left(life)[3:] == ["2", "3"]
        await trio.sleep(DAY)
        assert left(life)[5:] == ["4"]
        assert audit(bench.path, bench.root).ok


async def test_what_is_beyond_expires_in_its_time(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up() as life:
        capped(life, 1)
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b", expires="10m")])
        await trio.sleep(599)
        assert life.states() == {"queued": 1, "sending": 1}
        await trio.sleep(2)
        assert life.states() == {"expired": 1, "sending": 1}


async def test_what_is_beyond_is_rejected_where_that_is_wanted(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        cap = capped(life, 1, "reject", "Europe/Madrid")
        await submit(life, bench.sms(id="a"), bench.sms(id="b"))
        assert left(life) == ["a"]
        error = life.shown("b").error
        assert error is not None
        day = datetime.fromtimestamp(bench.wall(), MADRID).strftime("%Y-%m-%d")
        assert error.code == "OVER_CAP"
        assert error.text == f"beyond per_number_per_day = 1 on {day} (Europe/Madrid)"
        assert (life.shown("b").state, life.shown("b").attempts) == ("rejected", 0)
        assert (cap.figures.held, cap.figures.rejected) == (0, 1)
        assert audit(bench.path, bench.root).ok


async def test_codes_for_logging_in_go_all_the_same_and_do_not_count(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        capped(life, 1)
        await submit(life, *(bench.sms(id=f"code{n}", priority="high") for n in range(3)))
        await submit(life, bench.sms(id="a"), bench.sms(id="b"), bench.sms(id="c", priority="bulk"))
        assert left(life) == ["code0", "code1", "code2", "a"]
        assert counted(life) == {"34600000001": 1}


async def test_it_counts_over_links_routes_and_campaigns(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [RouteConfig(name="r", links=("main", "other"), weights=(1, 1))]
    async with bench.up(window=1) as life:
        capped(life, 2)
        await life.hand_in([bench.sms(id="m", via="main")])
        await life.hand_in([bench.sms(id="o", via="other")], "b.jsonl", token="t2")
        routed = [bench.sms(id=f"r{n}") for n in range(4)]
        routed.append(bench.sms(id="r4", to="+34600000002"))
        await life.hand_in(routed, "c.jsonl", token="t3")
        for _ in range(4):
            await quiet()
            for link in ("main", "other"):
                for part in list(life.wires[link].in_flight):
                    await life.answer(part, link=link)
        assert sorted(left(life) + left(life, "other")) == ["m", "o", "r4"]


async def test_over_an_account_it_counts_as_over_a_link(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.accounts = account()
    async with bench.up() as life:
        cap = capped(life, 2)
        web = life.wires["http"]
        await submit(life, bench.sms(id="smpp"))
        await submit(life, *(bench.sms(id=f"web{n}", **OVER_HTTP) for n in range(3)))
        assert left(life, "http") == ["web0"]
        assert counted(life) == {"34600000001": 2}
        assert await submit(life, bench.sms(id="beyond")) == []
        assert cap.figures.held == 3
        # One that comes back whole goes again on that day, and is not another one.
        (part,) = web.in_flight
        await life.settle_call(CallReturned(part.msg_id), part)
        assert left(life, "http") == ["web0", "web0"]
        await life.settle_call(CallRefused(part.msg_id, "NO_CREDITS", "no credits"), part)
        life.refusals.resume("http", "ana")
        await life.desk.commit()
        await quiet()
        assert left(life, "http") == ["web0"] * 3
        assert counted(life) == {"34600000001": 2}
        await trio.sleep(till_midnight(bench) + 2)
        # Two of the three that were held: the account and the link ask at the same time.
        at_midnight = {*left(life, "http")[3:], *left(life)[1:]}
        assert len(at_midnight) == 2
        assert at_midnight < {"web1", "web2", "beyond"}
        assert counted(life) == {"34600000001": 2}
        assert audit(bench.path, bench.root).ok


async def test_a_call_to_a_number_counts_and_one_to_a_group_does_not(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.accounts = account()
    async with bench.up() as life:
        capped(life, 1)
        await life.hand_in_calls([call(SMS), call(GROUP), call(SMS), call(GROUP), call(CONTACT)])
        assert left(life, "http") == ["c-0", "c-1", "c-3", "c-4"]
        assert counted(life) == {"34600000001": 1}
        assert await submit(life, bench.sms(id="beyond")) == []


async def test_a_long_message_and_one_that_goes_again_count_once(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        capped(life, 2)
        parts = await submit(life, bench.long_sms(3, id="long"))
        assert len(parts) == 3
        for part in parts:
            await life.answer(part)
        (part,) = await submit(life, bench.sms(id="again", on_unknown="resend"))
        await life.answer(part, CommandStatus.ESME_RSYSERR)
        await trio.sleep(40)
        await life.lose(life.wire.submitted[-1])
        await trio.sleep(40)
        await life.give_back(life.wire.submitted[-1])
        await quiet()
        assert left(life)[3:] == ["again"] * 4
        assert counted(life) == {"34600000001": 2}
        assert await submit(life, bench.sms(id="beyond")) == []


async def test_one_that_came_back_and_goes_on_another_day_is_one_of_that_day(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        capped(life, 1)
        (part,) = await submit(life, bench.sms(id="a"))
        await trio.sleep(till_midnight(bench) - 10)
        await life.answer(part, CommandStatus.ESME_RSYSERR)
        assert await submit(life, bench.sms(id="b")) == []
        await trio.sleep(12)
        assert left(life) == ["a", "b"]
        await trio.sleep(60)
        assert left(life) == ["a", "b"], "it is the one of its day"
        await trio.sleep(DAY)
        assert left(life) == ["a", "b", "a"]


async def test_a_restart_forgets_nothing(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up() as life:
        capped(life, 2)
        await submit(life, bench.sms(id="a"), bench.sms(id="b"), bench.sms(id="c"))
        assert left(life) == ["a", "b"]
    async with bench.up() as life:
        capped(life, 2)
        assert await submit(life, bench.sms(id="d")) == []
        assert counted(life) == {"34600000001": 2}
        await trio.sleep(till_midnight(bench) + 2)
        assert left(life) == ["c", "d"]


async def test_a_clock_that_jumps_counts_by_the_day_it_shows(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        capped(life, 1)
        assert len(await submit(life, bench.sms(id="a"))) == 1
        bench.skew += DAY
        assert len(await submit(life, bench.sms(id="b"))) == 1
        bench.skew -= DAY
        assert await submit(life, bench.sms(id="c")) == [], "the count of that day is found again"
        bench.skew += DAY
        assert await submit(life, bench.sms(id="d")) == []
        bench.skew += DAY
        await trio.sleep(40)
        assert left(life) == ["a", "b", "c"]


async def test_midnight_between_reading_ahead_and_leaving_costs_a_look_up(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=1) as life:
        capped(life, 1)
        lines = [bench.sms(id=f"{n}", to=f"+3460000000{n % 3 + 1}") for n in range(6)]
        await life.hand_in(lines)
        await quiet()
        assert left(life) == ["0"]
        await trio.sleep(till_midnight(bench) + 1)
        for _ in range(6):
            for part in list(life.wire.in_flight):
                await life.answer(part)
            await trio.sleep(2)
        assert left(life) == ["0", "1", "2", "3"], "all six were read before midnight"


async def test_memory_is_bounded_and_what_was_forgotten_is_looked_up(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cap_module, "REMEMBERED", 10)
    async with bench.up(window=1000) as life:
        cap = capped(life, 2)
        numbers = [f"+346000001{n:02}" for n in range(60)]
        await life.hand_in(
            [bench.sms(id=f"{turn}.{to}", to=to) for turn in range(3) for to in numbers]
        )
        await trio.sleep(30)
        per_number = Counter(name.partition(".")[2] for name in left(life))
        assert per_number == dict.fromkeys(numbers, 2)
        assert len(cap._recent) <= 10
        assert len(cap._older) <= 10
        assert set(counted(life).values()) == {2}


class SlowMemory:
    """Gives what it has when it is asked, as soon as a test lets it."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.held: list[trio.Event] = []

    async def counts_of(self, _day: int, numbers: Sequence[str]) -> dict[str, int]:
        found = {number: self.counts.get(number, 0) for number in numbers}
        if self.held:
            await self.held.pop().wait()
        return found


async def test_what_was_looked_up_before_a_message_left_is_not_taken_for_what_is(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cap_module, "REMEMBERED", 1)
    memory, now = SlowMemory(), bench.wall()
    async with bench.up(dispatching=False) as life:
        await submit(life, *(bench.sms(id=n, to=f"+3460000000{n}") for n in "123"))
        one, two, three = (life.row(n) for n in "123")
        lanes = {number: lane for (_, lane), number in life.queues.items()}
        cap = Cap(PolicyConfig(per_number_per_day=1), lanes, memory, bench.wall)
        answered = trio.Event()
        memory.held.append(answered)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cap.learn, [one])
            await quiet()
            for row in (one, two, three):
                await cap.learn([row])
                assert cap.new(row, now) is None
                memory.counts |= {each.number: each.messages for each in cap.take()}
            answered.set()
        assert cap.new(one, now) == now, "it is not known any more, and not 0"
        await cap.learn([one])
        assert cap.new(one, now) == day_of(now, ZoneInfo("UTC")).ends


async def test_days_that_are_over_are_forgotten(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up() as life:
        capped(life, 1)
        await submit(life, bench.sms(id="a"))
        await trio.sleep(2 * DAY)
        await submit(life, bench.sms(id="b"))
        rows = life.reader.connection
        await life.desk.forget(DAY)
        assert rows.execute("SELECT count(*) FROM tally").fetchone() == (2,)
        await trio.sleep(6 * DAY)
        await life.desk.forget(DAY)
        assert rows.execute("SELECT count(*) FROM tally").fetchone() == (1,)


async def test_without_a_cap_nothing_is_counted(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up() as life:
        assert life.desk.gate.is_open
        await submit(life, bench.sms(id="a"))
        assert counted(life) == {}


# ── whatever happens ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("via", ["main", "http"])
@pytest.mark.parametrize("unwritten", [True, False])
@pytest.mark.parametrize("dies_at", range(1, 14))
async def test_a_crash_at_any_commit_neither_loses_nor_doubles_a_count(
    bench: Bench, autojump_clock: MockClock, dies_at: int, unwritten: bool, via: str
) -> None:
    bench.accounts = account()
    handed: Counter[str] = Counter()

    def note(parts: Sequence[Part]) -> None:
        handed.update(part.message.handset for part in parts if not part.index)

    bench.on_submit = note
    more = OVER_HTTP if via == "http" else {}
    lines = [bench.sms(id=f"{n}", to=f"+3460000000{n % 2 + 1}", **more) for n in range(8)]

    async def live(life: Life) -> None:
        capped(life, 2)
        await life.hand_in(lines, chunk=2)
        await quiet()
        for part in list(life.wire.in_flight):
            await life.answer(part)
        for part in list(life.wires["http"].in_flight):
            await life.settle_call(done(part), part)
        await quiet()

    mortal = bench.mortal(dies_at, unwritten=unwritten)
    await bench.survives(live, mortal, window=1)
    async with bench.up(window=100) as life:
        await live(life)
        rows = [life.row(line["id"]) for line in lines]
        went = Counter(
            row.message.handset
            for row in rows
            if any(fact.kind == Kind.SENDING for fact in life.reader.log.history(row.msg_id))
        )
        assert all(each <= 2 for each in handed.values())
        assert counted(life) == went == {"34600000001": 2, "34600000002": 2}
        assert audit(bench.path, bench.root).ok


class History:
    """Messages to few numbers, over lives that end anywhere, by clocks that jump."""

    def __init__(
        self,
        bench: Bench,
        messages: Sequence[tuple[int, int, str]],
        steps: Sequence[tuple[int, int]],
        ends: Sequence[tuple[int, bool]],
    ) -> None:
        self.bench = bench
        self.lines = [
            bench.long_sms(parts, id=f"{n}", on_unknown="resend")
            | {"to": f"+3460000000{to}", "via": via}
            for n, (parts, to, via) in enumerate(messages)
        ]
        self.steps = iter(steps)
        self.ends = iter(ends)
        self.over = False
        #: Of each day and number the messages that left whole.
        self.gone: dict[tuple[int, str], set[int]] = {}
        bench.on_submit = self.note

    def note(self, parts: Sequence[Part]) -> None:
        day = int(self.bench.wall() // DAY)
        whole = {part.msg_id for part in parts if len(part.message.segments) == 1}
        for part in parts:
            if part.msg_id in whole:
                self.gone.setdefault((day, part.message.to), set()).add(part.msg_id)

    async def run(self) -> None:
        while not self.over:
            dies_at, unwritten = next(self.ends, (0, False))
            mortal = self.bench.mortal(dies_at, unwritten=unwritten)
            await self.bench.survives(self.live, mortal, window=1)

    async def live(self, life: Life) -> None:
        capped(life, 2)
        await life.hand_in(self.lines, chunk=2)
        await quiet()  # what is counted today has left before the clock jumps
        for action, pick in self.steps:
            if action == 0:
                return
            await self.step(life, action, pick)
            await quiet()
        for wire in life.wires.values():
            wire.open(1000)
        for _ in range(len(self.lines) + 2):
            await trio.sleep(DAY)
            for link, wire in life.wires.items():
                for part in list(wire.in_flight):
                    await life.answer(part, link=link)
        assert not life.accounts.counts[0], "stranded in the queue"
        self.over = True

    async def step(self, life: Life, action: int, pick: int) -> None:
        link = ("main", "other")[pick % 2]
        wire = life.wires[link]
        if action == 1:
            await trio.sleep((1.0, 40.0, 30_000.0, DAY)[pick % 4])
        elif action == 2:
            self.bench.skew += (DAY, -DAY, 20_000.0)[pick % 3]
        elif wire.in_flight:
            part = wire.in_flight[pick % len(wire.in_flight)]
            if action == 3:
                await life.answer(part, link=link)
            elif action == 4:
                await life.answer(part, CommandStatus.ESME_RSYSERR, link=link)
            elif action == 5:
                await life.lose(part, link=link)
            else:
                await life.give_back(part, link=link)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 1, 1, 2]), st.integers(1, 2), st.sampled_from(["main", "other"])
        ),
        min_size=1,
        max_size=9,
    ),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 11)), max_size=25),
    st.lists(st.tuples(st.integers(0, 25), st.booleans()), max_size=3),
    st.integers(1, 3),
)
def test_no_number_ever_gets_more_than_it_may_in_a_day(
    new_bench: Callable[[], Bench],
    messages: list[tuple[int, int, str]],
    steps: list[tuple[int, int]],
    ends: list[tuple[int, bool]],
    remembered: int,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cap_module, "REMEMBERED", remembered)
        history = History(new_bench(), messages, steps, ends)
        trio.run(history.run, clock=trio.testing.MockClock(autojump_threshold=0))
    for (day, number), gone in history.gone.items():
        assert len(gone) <= 2, (day, number, gone)
