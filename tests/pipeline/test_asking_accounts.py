"""Messages that an account of the HTTP API is asked about: terms of their own, words passed on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from smppd.ledger.facts import NOTHING_SAID, Kind
from smppd.pipeline.inquiry import Inquiry
from smppd.pipeline.query_terms import LONGEST_WAIT, MOST_STATUSES, QueryTerms
from smppd.ports import NO_STATE, STATUSES_REFUSED, Question, Reply
from smppd.smpp.vocabulary import MessageState
from tests.pipeline.provider import GROUP, account, call, group_done
from tests.pipeline.test_damage import damage_bundle

if TYPE_CHECKING:
    from smppd.message import Part
    from tests.pipeline.conftest import Bench, Life

AFTER = 60.0

Say = Callable[[Question], Reply]


class Provider:
    """Answers each lot of questions at once, as the test says; keeps when it was asked what."""

    def __init__(self, life: Life, nursery: trio.Nursery, name: str = "main") -> None:
        self.life = life
        self.asked: list[tuple[float, tuple[str, ...]]] = []
        self.say: Say = silent
        self.asking = 0
        self._name = name
        self._nursery = nursery

    def ask(self, questions: Sequence[Question]) -> None:
        self.asking += len(questions)
        self.asked.append((trio.current_time(), tuple(each.message_id for each in questions)))
        self._nursery.start_soon(self._answer, list(questions))

    async def _answer(self, questions: Sequence[Question]) -> None:
        await trio.sleep(0.1)
        self.asking -= len(questions)
        await self.life.settlement.answered(self._name, [self.say(each) for each in questions])

    def watch(self, account: str = "web", held: int = 50) -> Inquiry:
        """The inquiry that asks this provider, running."""
        terms = QueryTerms(self, AFTER, held, most_answers=MOST_STATUSES, account=account)
        inquiry = Inquiry(
            self.life.desk,
            {self._name: terms},
            self.life.events.append,
            self.life.refusals.pause,
        )
        self.life.settlement.tell_of_replies(inquiry.heard)
        self._nursery.start_soon(inquiry.run)
        return inquiry


def silent(question: Question) -> Reply:
    return Reply(question, None, reason="no answer")


@asynccontextmanager
async def asked(bench: Bench, say: Say = silent) -> AsyncIterator[tuple[Life, Provider]]:
    """A life in which account web is asked about the messages of link main, and says this."""
    async with bench.up() as life, trio.open_nursery() as nursery:
        provider = Provider(life, nursery)
        provider.say = say
        provider.watch()
        yield life, provider
        nursery.cancel_scope.cancel()


def saying(word: str, state: MessageState | None = None) -> Say:
    return lambda each: Reply(
        each, 0, NO_STATE if state is None else state, 0, "2026-11-27 10:00:00", word=word
    )


async def sent(life: Life, count: int = 1) -> list[Part]:
    parts = await life.submit(*(life.bench.sms(id=f"m{n}") for n in range(count)))
    for part in parts:
        await life.answer(part)
    return parts


async def test_a_word_that_is_explained_ends_the_message_and_stands_in_what_is_told(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with asked(bench, saying("Entregado", MessageState.DELIVERED)) as (life, provider):
        (part,) = await sent(life)
        await trio.sleep(AFTER * 2)
        assert life.states() == {"delivered": 1}
        assert [ids for _, ids in provider.asked] == [(life.name_of(part),)]
        (told,) = life.tray.receipts
        assert (told.error, told.done_date, told.source) == (
            "",
            "2026-11-27 10:00:00",
            "34600000001",
        )
        assert (told.data, told.asked, told.word) == ("", "getdeliverystatus", "Entregado")


async def test_why_it_was_not_delivered_is_the_providers_word(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with asked(bench, saying("caducado", MessageState.EXPIRED)) as (life, _):
        await sent(life)
        await trio.sleep(AFTER * 2)
        line = life.shown("m0")
        assert line.state == "undelivered"
        assert line.error is not None
        assert (line.error.code, line.error.text) == ("EXPIRED", "the provider says caducado")


async def test_a_word_that_nobody_explained_decides_nothing_and_is_passed_on(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with asked(bench, saying("EN_COLA")) as (life, provider):
        (part,) = await sent(life)
        await trio.sleep(AFTER + 10)
        assert life.states() == {"sent": 1}
        (told,) = life.tray.receipts
        assert (told.state, told.word) == ("unknown", "EN_COLA")
        # What a crash kept from the log of receipts is found in the journal again.
        assert [fact.seq for fact in life.reader.log.receipts(0)] == [told.seq]
        provider.say = saying(NOTHING_SAID)
        await trio.sleep(AFTER * 3)
        assert len(life.tray.receipts) == 1, "that it says nothing is told to nobody"
        queried = [f for f in life.reader.log.history(part.msg_id) if f.kind == Kind.QUERIED]
        assert len(queried) == 2
        assert [fact.seq for fact in life.reader.log.receipts(0)] == [told.seq]


async def test_a_restart_asks_no_sooner_and_no_oftener(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with asked(bench, saying("EN_COLA")) as (life, provider):
        await sent(life)
        await trio.sleep(AFTER * 8)
        first = [at for at, _ in provider.asked]
    async with asked(bench, saying("EN_COLA")) as (life, provider):
        await trio.sleep(3.5 * 86_400)
        times = first + [at for at, _ in provider.asked]
    gaps = [after - before for before, after in pairwise(times)]
    assert len(first) == 3
    assert len(times) <= MOST_STATUSES
    for number, gap in enumerate(gaps, start=1):
        wanted = min(AFTER * 2**number, LONGEST_WAIT)
        assert wanted <= gap <= wanted * 1.5 + 70, number


async def test_a_lost_answer_is_asked_for_again_and_counts_for_nothing(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with asked(bench) as (life, provider):
        (part,) = await sent(life)
        await trio.sleep(AFTER * 3)
        assert provider.asked
        entry = life.accounts.entries[part.msg_id]
        assert entry.asked is None
        assert not [e for e in life.events if isinstance(e, events.StatusesRefused)]
        provider.say = saying("ok", MessageState.DELIVERED)
        await trio.sleep(AFTER * 20)
        assert life.states() == {"delivered": 1}


async def test_nothing_is_asked_of_an_account_that_is_paused(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with asked(bench, saying("ok", MessageState.DELIVERED)) as (life, provider):
        await sent(life)
        life.refusals.pause("web", "NO_CREDITS", "smppd")
        await life.desk.commit()
        await trio.sleep(AFTER * 10)
        assert not provider.asked
        life.refusals.resume("web", "ana")
        await life.desk.commit()
        await trio.sleep(AFTER)
        assert life.states() == {"delivered": 1}


async def test_an_account_that_refuses_is_told_of_once_and_asked_seldom(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with asked(
        bench, lambda each: Reply(each, STATUSES_REFUSED, reason="INCORRECT_METHOD")
    ) as (life, provider):
        await sent(life, 100)
        await trio.sleep(3600)
        refused = [e for e in life.events if isinstance(e, events.StatusesRefused)]
        assert refused == [events.StatusesRefused("main", "web", "INCORRECT_METHOD")]
        assert len(provider.asked) < 8
        assert all(len(ids) <= 50 for _, ids in provider.asked)
        assert life.states() == {"sent": 100}


async def test_the_destinations_of_a_group_are_asked_for_each_also_when_they_are_spilled(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_IN_MEMORY", 3)
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_AFTER_SPILL", 0)
    bench.accounts = account()
    async with bench.up(links=("main",)) as life, trio.open_nursery() as nursery:
        provider = Provider(life, nursery, "http")
        provider.say = saying("ok", MessageState.DELIVERED)
        (part,) = await life.hand_in_calls([call(GROUP)])
        taken = [(f"g{n}", f"3460000000{n}") for n in range(6)]
        await life.settle_call(group_done(part, taken), part)
        await sent(life, 3)
        await life.desk.checkpoint()
        assert not life.accounts.entries, "all of them are on disk alone"
        provider.watch("http")
        await trio.sleep(AFTER * 3)
        assert sorted(name for _, ids in provider.asked for name in ids) == [n for n, _ in taken]
        assert life.states() == {"delivered": 1, "sent": 3}
        assert sorted(each.source for each in life.tray.receipts) == [to for _, to in taken]
        nursery.cancel_scope.cancel()


async def test_wrong_credentials_pause_the_account_at_once(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with asked(
        bench,
        lambda each: Reply(
            each, STATUSES_REFUSED, reason="INCORRECT_USER_PASSWORD: Incorrect user or password"
        ),
    ) as (life, provider):
        await sent(life)
        await trio.sleep(3600)
        assert len(provider.asked) == 1
        assert "INCORRECT_USER_PASSWORD" in life.accounts.paused["web"].reason
        loaded, _ = life.reader.load()
        assert "web" in loaded.paused, "it is on disk"


@pytest.mark.parametrize("asked", ["main", "other"])
async def test_a_message_is_asked_for_only_where_its_id_was_given(
    bench: Bench, autojump_clock: MockClock, asked: str
) -> None:
    async with bench.up() as life, trio.open_nursery() as nursery:
        provider = Provider(life, nursery, asked)
        provider.say = saying("ok", MessageState.DELIVERED)
        provider.watch()
        await sent(life)
        await trio.sleep(AFTER * 5)
        assert bool(provider.asked) == (asked == "main")
        nursery.cancel_scope.cancel()


async def test_an_account_that_has_the_name_of_a_former_link_is_not_asked_for_that_links_ids(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life, trio.open_nursery() as nursery:
        provider = Provider(life, nursery, "main")
        provider.say = saying("ok", MessageState.DELIVERED)
        await sent(life)
        provider.watch("main")
        await trio.sleep(AFTER * 5)
        assert not provider.asked
        assert life.states() == {"sent": 1}
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("via", ["", "web"])
@pytest.mark.parametrize("spilled", [False, True])
async def test_a_link_that_has_the_name_of_a_former_account_is_not_asked_for_that_accounts_ids(
    bench: Bench,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    via: str,
    spilled: bool,
) -> None:
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_IN_MEMORY", 1 if spilled else 1000)
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_AFTER_SPILL", 0)
    bench.accounts = account()
    async with bench.up(links=("main",)) as life, trio.open_nursery() as nursery:
        provider = Provider(life, nursery, "http")
        provider.say = saying("ok", MessageState.DELIVERED)
        (part,) = await life.hand_in_calls([call(GROUP)])
        await life.settle_call(group_done(part, [("g1", "34600000001")]), part)
        await life.desk.checkpoint()
        assert not life.accounts.entries or not spilled
        provider.watch(via)
        await trio.sleep(AFTER * 5)
        assert not provider.asked
        nursery.cancel_scope.cancel()


async def test_what_is_damaged_is_not_asked_for_and_all_else_is(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=200) as life, trio.open_nursery() as nursery:
        await life.hand_in([bench.sms(id=f"m{n}") for n in range(150)], chunk=150)
        await trio.testing.wait_all_tasks_blocked()
        parts = list(life.wire.in_flight)
        for part in parts:
            await life.answer(part)
        damage_bundle(bench)
        provider = Provider(life, nursery)
        provider.say = saying("Entregado", MessageState.DELIVERED)
        provider.watch()
        await trio.sleep(AFTER * 5)
        assert life.states() == {"delivered": 150 - 64, "sent": 64}
        nursery.cancel_scope.cancel()
