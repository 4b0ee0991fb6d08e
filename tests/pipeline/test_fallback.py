"""Messages whose link is down go over an account of the HTTP API; nothing goes both ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from smppd import events
from smppd.config import PolicyConfig, RouteConfig
from smppd.ledger.facts import Kind
from smppd.message import ErrorInfo, Lane
from smppd.pipeline import fallback as module
from smppd.pipeline import stretch
from smppd.pipeline.cap import Cap
from smppd.pipeline.detour import Detour, FallbackTerms
from smppd.pipeline.fallback import Fallback
from smppd.ports import Answered, CallDone, CallOutcome, CallRefused, CallReturned, CallUnanswered
from smppd.provider.results import Taken
from smppd.smpp.vocabulary import CommandStatus
from tests.pipeline.test_damage import damage_body, damage_bundle

if TYPE_CHECKING:
    from smppd.ledger.entries import MessageRow
    from smppd.message import Part
    from smppd.pipeline.gate import Verdict
    from tests.pipeline.conftest import Bench, Life

AFTER = 60.0
LINKS = ("main", "other", "web")
BOTH = frozenset({Lane.HIGH, Lane.NORMAL})


class Presence:
    """Whether a link is bound, as the test says; while it is not it has no room."""

    def __init__(self, life: Life, name: str) -> None:
        self.name = name
        self.unbound_since: float | None = None
        self._wire = life.wires[name]
        self._window = self._wire.window

    def lose(self) -> None:
        self.unbound_since = trio.current_time()
        self._wire.open(0)

    def bind(self) -> None:
        self.unbound_since = None
        self._wire.open(self._window)


class Setting:
    """A life with links that may fall back over the account "web"."""

    def __init__(self, life: Life, lanes: frozenset[Lane] = BOTH) -> None:
        self.life = life
        self.links = {name: Presence(life, name) for name in ("main", "other")}
        terms = {
            name: FallbackTerms(link, AFTER, lanes, "ACME") for name, link in self.links.items()
        }
        detours = [
            Detour(life.desk, pool, [terms[link] for link in pool.turns.links])
            for pool in life.pools
            if all(link in terms for link in pool.turns.links)
        ]
        self.account = life.wires["web"]
        self.fallback = Fallback(life.desk, self.account, "WEB", detours, life.events.append)

    @property
    def over_http(self) -> list[str]:
        return self.life.texts(self.account.submitted)

    @property
    def over_smpp(self) -> list[str]:
        return self.life.texts(self.life.wire.submitted)

    async def settle(self, part: Part, outcome: CallOutcome) -> None:
        self.account.release(part)
        await self.life.calls.settle_calls("web", [outcome])
        await trio.testing.wait_all_tasks_blocked()

    async def took(self, *parts: Part) -> None:
        for part in parts:
            await self.settle(part, done(part))

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.life.events if isinstance(event, kind)]


def done(part: Part) -> CallDone:
    return CallDone(
        part.msg_id, "sms.sendsms", b'{"credits":"1.0"}', [Taken(f"h{part.msg_id:x}", "346")]
    )


@asynccontextmanager
async def up(bench: Bench, **terms: Any) -> AsyncIterator[Setting]:
    lanes = terms.pop("lanes", BOTH)
    async with bench.up(links=LINKS, **terms) as life, trio.open_nursery() as nursery:
        setting = Setting(life, lanes)
        nursery.start_soon(setting.fallback.run)
        yield setting
        nursery.cancel_scope.cancel()


def plain(*ids: str, **more: Any) -> list[dict[str, Any]]:
    return [{"to": "+34600000001", "text": f"Hola {id_}", "id": id_, **more} for id_ in ids]


FLASH = {"flash": True}


# ── when ─────────────────────────────────────────────────────────────────────────────────────


async def test_after_so_long_without_a_session_messages_go_the_other_way_and_come_back(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as at:
        at.links["main"].lose()
        await at.life.hand_in(plain("a", "b"))
        await trio.sleep(AFTER - 1)
        assert not at.over_http
        await trio.sleep(2)
        assert at.over_http == ["a", "b"]
        part = at.account.submitted[0]
        assert part.message.call is not None
        assert part.message.call.params == {"from": "WEB", "to": "34600000001", "sms": "Hola a"}
        assert at.of(events.FallbackBegan) == [events.FallbackBegan("link main", "web")]
        (figures,) = at.fallback.figures()
        assert (figures.what, figures.account, figures.messages) == ("link main", "web", 2)
        await at.took(*at.account.submitted)
        at.links["main"].bind()
        await at.life.hand_in(plain("c"), "b.jsonl", token="t2")
        await trio.sleep(5)
        assert (at.over_http, at.over_smpp) == (["a", "b"], ["c"])
        (ended,) = at.of(events.FallbackEnded)
        assert (ended.what, ended.messages) == ("link main", 2)
        assert not at.fallback.figures()
        line = at.life.shown("a")
        assert (line.link, line.op, line.state) == ("web", "sms.sendsms", "sent")
        assert line.message_ids == [f"h{part.msg_id:x}"]


async def test_a_daemon_that_has_just_started_counts_from_its_start_and_a_bound_link_stays(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench, window=0) as at:
        await at.life.hand_in(plain("a"))
        await trio.sleep(AFTER * 3)
        assert not at.of(events.FallbackBegan)
        at.links["main"].lose()
        await trio.sleep(AFTER / 2)
        at.links["main"].bind()
        at.links["main"].lose()
        await trio.sleep(AFTER - 1)
        assert not at.of(events.FallbackBegan)
        await trio.sleep(2)
        assert at.of(events.FallbackBegan)


async def test_a_link_that_is_paused_does_not_fall_back(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as at:
        at.life.refusals.pause("main", "by hand", "ana")
        at.links["main"].lose()
        await at.life.hand_in(plain("a"))
        await trio.sleep(AFTER * 3)
        assert not at.over_http
        at.life.refusals.resume("main", "ana")
        await at.life.desk.commit()
        await trio.sleep(AFTER + 1)
        assert at.over_http == ["a"]


async def test_a_route_falls_back_when_all_its_links_are_down(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = (RouteConfig(name="both", links=("main", "other")),)
    async with up(bench) as at:
        at.links["main"].lose()
        await trio.sleep(AFTER * 2)
        at.links["other"].lose()
        await at.life.hand_in([{"to": "+34600000001", "text": "Hola", "id": "a"}])
        await trio.sleep(AFTER - 2)
        assert not at.over_http
        await trio.sleep(4)
        assert at.over_http == ["a"]
        call = at.account.submitted[0].message.call
        assert call is not None
        assert call.params["from"] == "WEB", "it leaves with a link's default sender"
        assert "route both" in [event.what for event in at.of(events.FallbackBegan)]


async def test_only_the_lanes_that_may(bench: Bench, autojump_clock: MockClock) -> None:
    async with up(bench, lanes=frozenset({Lane.HIGH})) as at:
        at.links["main"].lose()
        await at.life.hand_in(plain("n"), "n.jsonl", token="t1")
        await at.life.hand_in(plain("h"), "h.jsonl", token="t2", lane=Lane.HIGH)
        await at.life.hand_in(plain("b"), "b.jsonl", token="t3", lane=Lane.BULK)
        await trio.sleep(AFTER + 1)
        assert at.over_http == ["h"]


# ── what ─────────────────────────────────────────────────────────────────────────────────────


async def test_nobody_waits_behind_what_cannot_go_and_that_goes_first_when_the_link_is_back(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as at:
        at.links["main"].lose()
        lines = plain("f1", **FLASH) + plain("a") + plain("f2", "f3", **FLASH) + plain("b", "c")
        await at.life.hand_in(lines)
        await trio.sleep(AFTER + 1)
        assert at.over_http == ["a", "b", "c"]
        assert at.fallback.figures()[0].stay == 3
        await at.took(*at.account.submitted)
        assert at.life.states() == {"queued": 3, "sent": 3}
        at.links["main"].bind()
        await trio.sleep(1)
        assert at.over_smpp == ["f1", "f2", "f3"]
        queue = at.life.accounts.queue(at.life.queues["main", Lane.NORMAL])
        assert queue.queued == 0
        assert queue.head + len(queue.passed) == queue.tail


async def test_what_cannot_go_leaves_nothing_in_memory(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretch, "PAGE", 50)
    monkeypatch.setattr(module, "PAGES", 2)
    async with up(bench) as at:
        at.links["main"].lose()
        await at.life.hand_in(plain(*(f"f{n}" for n in range(1000)), **FLASH) + plain("a"))
        facts = at.life.accounts.seq
        await trio.sleep(AFTER + 2)
        assert at.over_http == ["a"]
        assert at.life.accounts.seq == facts + 2, "picked and sending, and nothing of the others"
        assert len(at.life.accounts.entries) == 1
        (figures,) = at.fallback.figures()
        assert figures.stay == 1000


async def test_no_more_are_picked_from_behind_than_may_be_remembered(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretch, "MOST_PICKED", 5)
    async with up(bench, window=3) as at:
        at.links["main"].lose()
        await at.life.hand_in(plain(*(f"a{n}" for n in range(20))))
        for n in range(9):  # what is next to another that was picked costs nothing more
            await at.life.hand_in(plain(f"f{n}", **FLASH), f"f{n}.jsonl", token=f"f{n}")
            await at.life.hand_in(plain(f"b{n}"), f"b{n}.jsonl", token=f"b{n}")
        await trio.sleep(AFTER + 1)
        for _ in range(30):
            await at.took(*list(at.account.in_flight))
            await trio.sleep(2)
        # Those at the head leave no trace, however many; behind one that stays, only so many go.
        assert at.over_http[:20] == [f"a{n}" for n in range(20)]
        assert 5 <= len(at.over_http[20:]) < 9
        at.links["main"].bind()
        for _ in range(9):
            await trio.sleep(1)
            for part in list(at.life.wire.in_flight):
                await at.life.answer(part)
        assert sorted(at.over_http + at.over_smpp) == sorted(
            [f"a{n}" for n in range(20)] + [f"{kind}{n}" for kind in "bf" for n in range(9)]
        )


async def test_long_messages_go_as_one_call_with_one_message_id(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as at:
        at.links["main"].lose()
        text = "Hola ñandú € " * 40
        await at.life.hand_in([{"to": "+34600000001", "text": text, "id": "a", "from": "SHOP"}])
        await trio.sleep(AFTER + 1)
        (part,) = at.account.submitted
        assert part.message.call is not None
        assert part.message.call.params == {"from": "SHOP", "to": "34600000001", "sms": text}
        await at.took(part)
        assert len(at.life.shown("a").message_ids) == 1
        assert at.life.states() == {"sent": 1}


async def test_nothing_goes_of_which_the_smsc_may_have_something(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as at:
        submitted = await at.life.submit(
            *plain("held"),
            *plain("again", on_unknown="resend"),
            *plain("back"),
            *plain("busy"),
            {"to": "+34600000001", "text": "x" * 300, "id": "half"},
        )
        held, again, back, busy, first, second = submitted
        await at.life.lose(held)
        await at.life.lose(again)
        await trio.testing.wait_all_tasks_blocked()
        (again,) = at.life.wire.submitted[6:]
        at.links["main"].lose()
        await at.life.give_back(again)
        await at.life.give_back(back)
        await at.life.answer(busy, 0x58)  # throttled: the SMSC has it not
        await at.life.answer(first)
        await at.life.give_back(second)
        await trio.sleep(AFTER + 100)
        assert sorted(at.over_http) == ["back", "busy"]
        await at.took(*at.account.submitted)
        assert at.life.states() == {"unknown": 1, "queued": 2, "sent": 2}
        at.links["main"].bind()
        await trio.sleep(5)
        assert at.over_smpp[7:] == ["again", "half.1"]


async def test_expired_messages_end_and_scheduled_ones_wait_for_their_time(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as at:
        at.links["main"].lose()
        await at.life.hand_in(
            plain("f", **FLASH)
            + plain("late", expires="10s")
            + plain("later", **bench.later(AFTER + 100))
            + plain("flater", **FLASH, **bench.later(AFTER + 50))
            + plain("now")
            + plain("flate", expires="10s", **FLASH)
        )
        await trio.sleep(AFTER + 2)
        assert at.over_http == ["now"]
        assert at.life.shown("late").state == at.life.shown("flate").state == "expired"
        assert at.life.shown("late").attempts == 0
        await trio.sleep(97)
        assert at.over_http == ["now"]
        await trio.sleep(3)
        assert at.over_http == ["now", "later"]
        at.links["main"].bind()
        await trio.sleep(5)
        assert sorted(at.over_smpp) == ["f", "flater"]


async def test_scheduled_ones_that_cannot_go_hold_nobody_up(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as at:
        # The link has put them all into the agenda.
        await at.life.hand_in(
            plain(*(f"f{n}" for n in range(300)), **FLASH, **bench.later(100))
            + plain("a", "b", **bench.later(101))
        )
        await trio.testing.wait_all_tasks_blocked()
        assert len(at.life.accounts.agenda) == 302
        at.links["main"].lose()
        await trio.sleep(110)
        assert at.over_http == ["a", "b"]
        assert len(at.life.accounts.agenda) == 300
        at.links["main"].bind()
        for _ in range(10):
            await trio.sleep(1)
            for part in list(at.life.wire.in_flight):
                await at.life.answer(part)
        assert len(at.over_smpp) == 300


# ── what comes of it ─────────────────────────────────────────────────────────────────────────


async def test_a_pause_for_credits_leaves_the_rest_to_smpp(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench, window=2) as at:
        at.links["main"].lose()
        await at.life.hand_in(plain("a", "b", "c"))
        await trio.sleep(AFTER + 1)
        first, second = at.account.in_flight
        await at.settle(first, CallRefused(first.msg_id, "NO_CREDITS", "too little"))
        assert at.account.paused
        await at.settle(second, CallReturned(second.msg_id))
        await trio.sleep(60)
        assert at.over_http == ["a", "b"]
        assert at.life.states() == {"queued": 3}
        at.links["main"].bind()
        await trio.sleep(1)
        for part in list(at.life.wire.in_flight):
            await at.life.answer(part)
        await trio.sleep(1)
        assert at.over_smpp == ["a", "b", "c"]
        line = at.life.shown("a")
        assert line.link == "main"
        assert not line.op


async def test_a_lost_answer_is_in_doubt_and_goes_nowhere_under_hold(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as at:
        at.links["main"].lose()
        await at.life.hand_in(plain("a"))
        await trio.sleep(AFTER + 1)
        (part,) = at.account.submitted
        await at.settle(part, CallUnanswered(part.msg_id, "connection closed", sent=True))
        assert at.life.states() == {"unknown": 1}
        at.links["main"].bind()
        await trio.sleep(100)
        assert not at.over_smpp
        assert len(at.over_http) == 1


@pytest.mark.parametrize("bound", [True, False])
async def test_a_lost_answer_under_resend_goes_over_either_way(
    bench: Bench, autojump_clock: MockClock, bound: bool
) -> None:
    async with up(bench) as at:
        at.links["main"].lose()
        await at.life.hand_in(plain("a", on_unknown="resend"))
        await trio.sleep(AFTER + 1)
        (part,) = at.account.submitted
        if bound:
            at.links["main"].bind()
        await at.settle(part, CallUnanswered(part.msg_id, "connection closed", sent=True))
        await trio.sleep(5)
        ways = (["a"], ["a"]) if bound else (["a", "a"], [])
        assert (at.over_http, at.over_smpp) == ways
        if bound:
            await at.life.answer(at.life.wire.submitted[0])
        else:
            await at.took(at.account.submitted[1])
        line = at.life.shown("a")
        assert line.possible_duplicate
        assert line.attempts == 2


async def test_an_account_that_cannot_be_reached_is_tried_again_and_smpp_comes_first(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as at:
        at.links["main"].lose()
        await at.life.hand_in(plain("a"))
        await trio.sleep(AFTER + 1)
        (part,) = at.account.submitted
        await at.settle(part, CallUnanswered(part.msg_id, "no route to host", sent=False))
        assert at.life.states() == {"queued": 1}
        await trio.sleep(3600)
        assert at.over_http == ["a", "a"]
        await at.settle(part, CallUnanswered(part.msg_id, "no route to host", sent=False))
        at.links["main"].bind()
        await trio.sleep(3600)
        (smpp,) = at.life.wire.submitted
        await at.life.answer(smpp)
        line = at.life.shown("a")
        assert (line.state, line.link, line.possible_duplicate) == ("sent", "main", False)


async def test_a_refusal_fails_its_message_alone(bench: Bench, autojump_clock: MockClock) -> None:
    async with up(bench) as at:
        at.links["main"].lose()
        await at.life.hand_in(plain("a", "b"))
        await trio.sleep(AFTER + 1)
        first, second = at.account.submitted
        await at.settle(first, CallRefused(first.msg_id, "NO_ROUTE_AVAILABLE", "none"))
        await at.took(second)
        assert at.life.states() == {"failed": 1, "sent": 1}
        line = at.life.shown("a")
        assert line.error is not None
        assert line.error.code == "NO_ROUTE_AVAILABLE"


async def test_it_says_how_a_message_went(bench: Bench, autojump_clock: MockClock) -> None:
    async with up(bench) as at:
        at.links["main"].lose()
        await at.life.hand_in(plain("f", **FLASH) + plain("a"))
        await trio.sleep(AFTER + 1)
        await at.took(*at.account.submitted)
        row = at.life.row("a")
        kinds = [fact.kind for fact in at.life.reader.log.history(row.msg_id)]
        assert kinds == [Kind.PICKED, Kind.SENDING, Kind.ANSWERED]
        at.links["main"].bind()
        await trio.sleep(1)
        assert [fact.kind for fact in at.life.reader.log.history(at.life.row("f").msg_id)] == [
            Kind.SENDING
        ]
        assert at.life.shown("a").link == "web"


# ── any history ──────────────────────────────────────────────────────────────────────────────


class Ways:
    """Both sides together: who was given what, and who may have it."""

    def __init__(self, bench: Bench) -> None:
        self.given: Counter[int] = Counter()
        self.may_have: Counter[int] = Counter()
        self.bench = bench
        bench.on_submit = self.take

    def take(self, parts: Sequence[Part]) -> None:
        for msg_id, message in {part.msg_id: part.message for part in parts}.items():
            on_unknown = message.on_unknown
            assert not self.may_have[msg_id] or on_unknown, "twice under hold"
            self.given[msg_id] += 1
            self.may_have[msg_id] += 1

    def has_not(self, msg_id: int) -> None:
        self.may_have[msg_id] -= 1


async def act(at: Setting, ways: Ways, action: int, pick: int) -> None:
    """One thing happens."""
    life, links = at.life, at.links
    if action == 0:
        links["main"].lose()
    elif action == 1:
        links["main"].bind()
    elif action == 2:
        await trio.sleep((1, AFTER, 700)[pick % 3])
    elif action == 3 and at.account.in_flight:
        part = at.account.in_flight[pick % len(at.account.in_flight)]
        outcomes: list[CallOutcome] = [
            done(part),
            CallUnanswered(part.msg_id, "lost", sent=True),
            CallUnanswered(part.msg_id, "not reached", sent=False),
            CallReturned(part.msg_id),
            CallRefused(part.msg_id, "NO_ROUTE_AVAILABLE", ""),
            CallRefused(part.msg_id, "NO_CREDITS", ""),
        ]
        if pick % 6 > 1:
            ways.has_not(part.msg_id)
        await at.settle(part, outcomes[pick % 6])
    elif action == 4 and life.wire.in_flight:
        part = life.wire.in_flight[pick % len(life.wire.in_flight)]
        life.wire.release(part)
        if pick % 4 == 0:
            await life.lose(part)
        elif pick % 4 == 1:
            ways.has_not(part.msg_id)
            await life.give_back(part)
        else:
            await life.settle(Answered(part.msg_id, part.index, 0, life.name_of(part)))
    elif action == 5 and "web" in life.accounts.paused:
        life.refusals.resume("web", "ana")
        await life.desk.commit()
    await trio.testing.wait_all_tasks_blocked()


ACTIONS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 11)), min_size=5, max_size=40)
MESSAGES = st.lists(st.sampled_from("aafr"), min_size=1, max_size=8)


def lines_of(kinds: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number, kind in enumerate(kinds):
        more: dict[str, dict[str, Any]] = {"f": FLASH, "r": {"on_unknown": "resend"}}
        yield from plain(str(number), **more.get(kind, {}))


async def any_history(bench: Bench, kinds: Sequence[str], lives: Sequence[Any]) -> None:
    ways = Ways(bench)
    for number, (actions, dies_at) in enumerate(lives):
        mortal = bench.mortal(dies_at or None, unwritten=bool(dies_at % 2))

        async def live(life: Life, number: int = number, actions: Any = actions) -> None:
            async with trio.open_nursery() as nursery:
                at = Setting(life)
                nursery.start_soon(at.fallback.run)
                if not number or life.reader.messages.count() < len(kinds):
                    await life.hand_in(list(lines_of(kinds)))
                for action, pick in actions:
                    await act(at, ways, action, pick)
                nursery.cancel_scope.cancel()

        await bench.survives(live, mortal, window=2, links=LINKS)
    async with up(bench, window=2) as at:
        if at.life.reader.messages.count() < len(kinds):
            await at.life.hand_in(list(lines_of(kinds)))
        at.life.refusals.resume("web", "ana")
        await at.life.desk.commit()
        for _ in range(40):
            await trio.sleep(600)
            await at.took(*list(at.account.in_flight))
            for part in list(at.life.wire.in_flight):
                await at.life.answer(part)
        accounts = at.life.accounts
        left = {s: n for s, n in at.life.states().items() if s not in ("sent", "unknown", "failed")}
        assert not left
        assert sum(accounts.counts) == accounts.accepted == len(kinds)
        for from_snapshot in (True, False):
            loaded, _ = at.life.reader.load(from_snapshot=from_snapshot)
            assert loaded.counts == accounts.counts
            for queue, each in accounts.queues.items():
                assert loaded.queue(queue) == each


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    MESSAGES,
    st.lists(st.tuples(ACTIONS, st.integers(0, 25)), min_size=1, max_size=3),
)
def test_after_any_history_each_has_gone_one_way(
    new_bench: Callable[[], Bench], kinds: list[str], lives: list[Any]
) -> None:
    bench = new_bench()
    trio.run(any_history, bench, kinds, lives, clock=MockClock(autojump_threshold=0))


# ── the gate ─────────────────────────────────────────────────────────────────────────────────


def stopped(at: Setting) -> dict[str, Verdict]:
    """What the gate says from now on, by the client's id."""
    says: dict[str, Verdict] = {}

    def check(row: MessageRow, now: float) -> Verdict:
        verdict = says.get(row.client_id)
        return None if isinstance(verdict, float) and verdict <= now else verdict

    at.life.desk.gate.add(check)
    return says


OPTED_OUT = ErrorInfo("OPTED_OUT", None, "it wants nothing")


async def test_what_may_not_leave_does_not_leave_over_http_either(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as at:
        says = stopped(at)
        says |= {"out": OPTED_OUT, "night": bench.wall() + 200}
        at.links["main"].lose()
        held = await at.life.hand_in(plain("held"), "held.jsonl", token="t2")
        at.life.ledger.campaign_paused(bench.wall(), held, "to look", "ana")
        await at.life.hand_in(plain("out", "night", "goes"))
        await trio.sleep(AFTER + 5)
        assert at.over_http == ["goes"]
        assert at.life.shown("out").error == OPTED_OUT
        await trio.sleep(200)
        assert at.over_http == ["goes", "night"]
        at.life.ledger.campaign_resumed(bench.wall(), held, "ana")
        await trio.sleep(5)
        assert at.over_http == ["goes", "night", "held"]


async def test_nor_what_waited_for_its_time_or_came_back_from_its_link(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as at:
        says = stopped(at)
        send_at = datetime.fromtimestamp(bench.wall() + 200, UTC).isoformat()
        await at.life.hand_in(plain("late", "late-night", send_at=send_at), "b.jsonl", token="t2")
        await at.life.hand_in(plain("out", "night", "goes"))
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(at.over_smpp) == ["goes", "night", "out"]
        at.links["main"].lose()
        for name in ("out", "late"):
            says[name] = OPTED_OUT
        for name in ("night", "late-night"):
            says[name] = bench.wall() + 500
        for part in list(at.life.wire.submitted):
            await at.life.give_back(part)
        await trio.sleep(300)
        assert at.over_http == ["goes"]
        assert [at.life.shown(name).error for name in ("out", "late")] == [OPTED_OUT] * 2
        await trio.sleep(250)
        assert sorted(at.over_http) == ["goes", "late-night", "night"]


@pytest.mark.parametrize("route", ["queued", "scheduled", "came back"])
async def test_who_wants_nothing_of_the_accounts_sender_gets_it_from_the_links(
    bench: Bench, autojump_clock: MockClock, route: str
) -> None:
    async with up(bench) as at:
        asked: list[str] = []

        def check(row: MessageRow, now: float) -> Verdict:
            asked.append(row.message.sender)
            return OPTED_OUT if row.message.sender == "WEB" else None

        at.life.desk.gate.add(check)
        soon = datetime.fromtimestamp(bench.wall() + 100, UTC).isoformat()
        terms = {"send_at": soon} if route == "scheduled" else {}
        if route != "came back":
            at.links["main"].lose()
        await at.life.hand_in(plain("a", **terms))
        await trio.testing.wait_all_tasks_blocked()
        if route == "came back":
            (part,) = at.life.wire.submitted
            at.links["main"].lose()
            await at.life.give_back(part)
        await trio.sleep(AFTER + 100)
        assert at.over_http == []
        assert "WEB" in asked
        assert at.life.states() == {"queued": 1}
        before = len(at.over_smpp)
        at.links["main"].bind()
        await trio.sleep(5)
        assert at.over_smpp[before:] == ["a"]


# ── the cap ──────────────────────────────────────────────────────────────────────────────────


def capped(life: Life, most: int) -> None:
    """So many messages a day for a number, over whatever way."""
    lanes = {number: lane for (_, lane), number in life.queues.items()}
    section = PolicyConfig(per_number_per_day=most)
    life.desk.gate.count_with(Cap(section, lanes, life.journal, life.bench.wall))


def counted(life: Life) -> dict[str, int]:
    """How many are counted for each number, as it stands on disk."""
    return dict(life.reader.connection.execute("SELECT number, count FROM tally").fetchall())


@pytest.mark.parametrize("how", ["queued", "scheduled", "came back"])
async def test_a_number_at_its_cap_gets_nothing_over_http_either_and_counts_there(
    bench: Bench, autojump_clock: MockClock, how: str
) -> None:
    async with up(bench, window=1) as at:
        capped(at.life, 3)
        soon = datetime.fromtimestamp(bench.wall() + 100, UTC).isoformat()
        await at.life.hand_in(plain("smpp"))
        await trio.testing.wait_all_tasks_blocked()
        await at.life.answer(at.life.wire.submitted[0])
        if how != "came back":
            at.links["main"].lose()
        ids = ("a", "b", "c", "d")
        terms = {"send_at": soon} if how == "scheduled" else {}
        await at.life.hand_in(plain(*ids, **terms), "b.jsonl", token="t2")
        await trio.testing.wait_all_tasks_blocked()
        if how == "came back":
            (part,) = at.life.wire.in_flight
            at.links["main"].lose()
            await at.life.give_back(part)
            assert counted(at.life) == {"34600000001": 2}, "it left on this day"
        for _ in range(10):
            await trio.sleep(AFTER)
            await at.took(*list(at.account.in_flight))
        assert at.over_http == ["a", "b"]
        assert counted(at.life) == {"34600000001": 3}
        bench.skew += 86_400.0
        for _ in range(10):
            await trio.sleep(AFTER)
            await at.took(*list(at.account.in_flight))
        assert at.over_http == ["a", "b", "c", "d"]


@pytest.mark.parametrize("unwritten", [True, False])
@pytest.mark.parametrize("dies_at", range(1, 17))
async def test_what_left_over_http_is_counted_once_over_a_crash(
    bench: Bench, autojump_clock: MockClock, dies_at: int, unwritten: bool
) -> None:
    left = set[int]()
    bench.on_submit = lambda parts: left.update(part.msg_id for part in parts)

    async def live(life: Life) -> None:
        capped(life, 3)
        async with trio.open_nursery() as nursery:
            at = Setting(life)
            nursery.start_soon(at.fallback.run)
            await life.hand_in(plain(*"abcdef"), chunk=2)
            await trio.testing.wait_all_tasks_blocked()
            at.links["main"].lose()
            for _ in range(5):
                await trio.sleep(AFTER)
                await at.took(*list(at.account.in_flight))
            nursery.cancel_scope.cancel()

    mortal = bench.mortal(dies_at, unwritten=unwritten)
    await bench.survives(live, mortal, window=1, links=LINKS)
    async with bench.up(window=1, links=LINKS) as life:
        await live(life)
        said = {
            row.msg_id
            for row in life.reader.messages.read_range(0, 1 << 60)
            if any(fact.kind == Kind.SENDING for fact in life.reader.log.history(row.msg_id))
        }
        assert len(said) == 3
        assert left <= said
        assert counted(life) == {"34600000001": 3}


@pytest.mark.parametrize("damage", [damage_bundle, damage_body], ids=["bundle", "body"])
@pytest.mark.parametrize("back", [False, True], ids=["new", "back"])
async def test_where_a_message_is_damaged_those_before_it_go_and_other_lanes(
    bench: Bench, autojump_clock: MockClock, damage: Callable[[Bench], Any], back: bool
) -> None:
    async with up(bench, window=200 if back else 0) as at:
        ids = [f"m{n}" for n in range(128)]
        await at.life.hand_in(plain(*ids), chunk=128)
        await trio.testing.wait_all_tasks_blocked()
        for part in list(at.life.wire.in_flight):
            await at.life.answer(part, CommandStatus.ESME_RMSGQFUL)
        damage(bench)
        at.links["main"].lose()
        at.account.open(500)
        await trio.sleep(AFTER * 2)
        await at.life.hand_in(plain("high", priority="high"), "h.jsonl", token="t2")
        await trio.sleep(AFTER)
        (told,) = at.of(events.JournalDamaged)
        assert told.what == "messages of lane normal of main"
        before = 64 + 10 if damage is damage_body else 64 * (not back)
        assert at.over_http == [*ids[:before], "high"]
        assert at.life.states() == {"queued": 128 - before, "sending": before + 1}
