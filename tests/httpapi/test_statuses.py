"""Delivery statuses: many message_ids in one call, and answers of every shape."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from smppd import events
from smppd.config.accounts import HttpConfig
from smppd.httpapi.statuses import LONGEST_WORD, MOST_WORDS, Statuses, Words
from smppd.ledger.facts import NOTHING_SAID
from smppd.message import Message
from smppd.ports import NO_STATE, STATUSES_REFUSED, UNENCODABLE, Question, Reply
from smppd.provider.answers import Answer, Failure, NoAnswer, Success
from smppd.provider.operation import Operation, Value
from smppd.smpp.vocabulary import MessageState

DELIVERED, ENROUTE, UNDELIVERED, EXPIRED, REJECTED = map(int, (
    MessageState.DELIVERED, MessageState.ENROUTE, MessageState.UNDELIVERABLE,
    MessageState.EXPIRED, MessageState.REJECTED,
))  # fmt: skip
SMS = Message("34600000001", 1, 1, "ACME", 5, 0, 0, 0, "gsm7", (b"Hola",))
CONFIG = HttpConfig(
    name="web",
    status_lot=3,
    delivery_status={
        "Delivered": "delivered", "WAITING": "pending", "not delivered": "undelivered",
        "OLD": "expired", "no": "rejected",
    },
)  # fmt: skip


class Desk:
    """The account that is asked, and the pipeline that is told."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Value]] = []
        self.told: list[tuple[str, Reply]] = []
        self.lots: list[int] = []
        self.answer: Answer = Success(b"[]")
        self.room = trio.Event()
        self.room.set()

    async def wait_room(self) -> None:
        await self.room.wait()

    async def call(self, operation: Operation, params: Mapping[str, Value]) -> Answer:
        assert operation.name == "sms.getdeliverystatus"
        self.asked.append(params)
        await trio.lowlevel.checkpoint()
        return self.answer

    async def answered(self, link: str, replies: Sequence[Reply]) -> None:
        await trio.lowlevel.checkpoint()
        self.lots.append(len(replies))
        self.told += [(link, reply) for reply in replies]

    async def settle(self, *_: Any) -> Sequence[int]:
        raise AssertionError

    async def keep(self, *_: Any) -> Sequence[bool]:
        raise AssertionError


class Bench:
    def __init__(self, name: str = "web", config: HttpConfig = CONFIG) -> None:
        self.desk = Desk()
        self.events: list[events.Event] = []
        self.words = Words(config.name, self.events.append)
        self.words.change(config.delivery_status)
        self.statuses = Statuses(name, self.desk, config.status_lot, self.words, self.desk)

    async def read(self, answer: object, *ids: str) -> list[tuple[Any, ...]]:
        """Status, state, date and word of the replies when these are asked for."""
        self.desk.answer = Success(json.dumps(answer).encode())
        before = len(self.desk.told)
        self.statuses.ask(questions(*ids))
        await trio.testing.wait_all_tasks_blocked()
        found = [reply for _, reply in self.desk.told[before:]]
        assert [reply.question.message_id for reply in found] == list(ids)
        return [(r.status, r.state, r.final_date, r.word) for r in found]


@asynccontextmanager
async def running(*given: Any) -> AsyncIterator[Bench]:
    bench = Bench(*given)
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.statuses.run)
        yield bench
        nursery.cancel_scope.cancel()


def questions(*ids: str) -> list[Question]:
    return [Question(n, 0, message_id, SMS) for n, message_id in enumerate(ids, start=1)]


def said(message_id: str, word: str, date: str = "2026-11-27 10:00:00") -> dict[str, str]:
    return {
        "messageid": message_id, "sms": "Hola", "deliverydate": date, "deliverystatus": word,
    }  # fmt: skip


AT = "2026-11-27 10:00:00"
NOTHING = (0, NO_STATE, "", NOTHING_SAID)


async def test_a_lot_is_one_call_and_the_next_waits_for_its_answer() -> None:
    async with running() as bench:
        bench.statuses.ask(questions("1", "2", "3", "4", "5", "6", "7"))
        assert bench.statuses.asking == 7
        await trio.testing.wait_all_tasks_blocked()
        lists = [params["messages"] for params in bench.desk.asked]
        assert lists == ["1,2,3", "4,5,6", "7"]
        assert bench.desk.lots == [3, 3, 1]
        assert bench.statuses.asking == 0
        assert {link for link, _ in bench.desk.told} == {"web"}


async def test_answers_are_told_under_the_name_that_was_asked_for() -> None:
    async with running("main") as bench:
        assert await bench.read([said("1", "Delivered")], "1") == [(0, DELIVERED, AT, "Delivered")]
        assert {link for link, _ in bench.desk.told} == {"main"}


@pytest.mark.parametrize(
    "answer",
    [
        [said("1", "Delivered"), said("2", "waiting")],
        {"list": [said("1", "Delivered"), said("2", "waiting")]},
        {"1": said("1", "Delivered"), "2": said("2", "waiting")},
        {"1": {"deliverystatus": "Delivered", "deliverydate": AT},
         "2": {"deliverystatus": "waiting", "deliverydate": AT}},
        [{**said("1", "Delivered"), "messageid": 1}, {**said("2", "waiting"), "messageid": 2}],
        [said("9", "no"), said("2", "waiting"), said("1", "Delivered"), said("", "no")],
    ],
)  # fmt: skip
async def test_a_list_a_map_and_ids_in_any_order_say_the_same(answer: object) -> None:
    async with running() as bench:
        assert await bench.read(answer, "1", "2") == [
            (0, DELIVERED, AT, "Delivered"),
            (0, ENROUTE, AT, "waiting"),
        ]


async def test_one_object_is_about_the_message_that_it_names() -> None:
    async with running() as bench:
        assert await bench.read(said("2", "Delivered"), "1", "2", "3") == [
            NOTHING, (0, DELIVERED, AT, "Delivered"), NOTHING,
        ]  # fmt: skip


async def test_a_map_may_have_the_words_alone() -> None:
    async with running() as bench:
        found = await bench.read({"1": "Delivered", "2": "?"}, "1", "2")
        assert found == [(0, DELIVERED, "", "Delivered"), (0, NO_STATE, "", "?")]


async def test_one_object_without_an_id_is_about_the_only_one_that_was_asked_for() -> None:
    bare = {"deliverystatus": "Delivered", "deliverydate": AT}
    async with running() as bench:
        assert await bench.read(bare, "1") == [(0, DELIVERED, AT, "Delivered")]
        assert await bench.read(bare, "1", "2") == [NOTHING, NOTHING]
        assert await bench.read([bare, bare], "1") == [NOTHING]


@pytest.mark.parametrize("answer", [None, "ok", 7, [], {}, ["1"], [None], [[]]])
async def test_an_answer_that_says_nothing_says_nothing(answer: object) -> None:
    async with running() as bench:
        assert await bench.read(answer, "1", "2") == [NOTHING, NOTHING]
        assert not bench.events


async def test_words_are_those_of_the_configuration_in_any_case() -> None:
    async with running() as bench:
        words = ["DELIVERED", " not  delivered ", "old", "NO", "waiting"]
        states = []
        for word in words:
            ((_, state, _, _),) = await bench.read([said("1", word)], "1")
            states.append(state)
        assert states == [DELIVERED, UNDELIVERED, EXPIRED, REJECTED, ENROUTE]
        assert not bench.events


async def test_a_word_that_nobody_explained_is_passed_on_and_told_of_once() -> None:
    async with running() as bench:
        found = await bench.read([said("1", "Roto"), said("2", "roto"), said("3", 'a "b"')],
                                 "1", "2", "3")  # fmt: skip
        assert found == [
            (0, NO_STATE, AT, "Roto"), (0, NO_STATE, AT, "roto"), (0, NO_STATE, AT, 'a "b"'),
        ]  # fmt: skip
        assert bench.events == [
            events.StatusWordNew("web", word, bench.events[n].hint)  # type: ignore[union-attr]
            for n, word in enumerate(["Roto", 'a "b"'])
        ]
        first, second = bench.events
        assert isinstance(first, events.StatusWordNew)
        assert isinstance(second, events.StatusWordNew)
        assert '[http.web.delivery_status] what it means: "Roto" = "pending"' in first.hint
        assert r'"a \"b\""' in second.hint


async def test_words_without_end_are_bounded() -> None:
    async with running() as bench:
        for number in range(MOST_WORDS + 20):
            await bench.read([said("1", f"word {number}")], "1")
        assert len(bench.events) == MOST_WORDS
        ((_, _, _, word),) = await bench.read([said("1", "x" * 5000)], "1")
        assert len(word) == LONGEST_WORD


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (["Delivered", "Delivered"], DELIVERED),
        (["Delivered", "WAITING"], ENROUTE),
        (["WAITING", "Delivered"], ENROUTE),
        (["Delivered", "not delivered"], UNDELIVERED),
        (["OLD", "Delivered"], EXPIRED),
        (["Delivered", "???"], NO_STATE),
        (["Delivered", ""], DELIVERED),
    ],
)
async def test_a_message_that_is_named_twice_is_delivered_when_all_say_so(
    words: list[str], state: int
) -> None:
    async with running() as bench:
        ((status, found, _, _),) = await bench.read([said("1", word) for word in words], "1")
        assert (status, found) == (0, state)


async def test_two_messages_of_one_id_are_asked_for_once_and_told_both() -> None:
    async with running() as bench:
        found = await bench.read([said("1", "Delivered")], "1", "1")
        assert found == [(0, DELIVERED, AT, "Delivered")] * 2
        assert bench.desk.asked == [{"messages": "1"}]


async def test_an_id_that_cannot_stand_in_a_list_is_left_out() -> None:
    async with running() as bench:
        found = await bench.read([said("1", "Delivered")], "1,2", "1", " ")
        assert [status for status, *_ in found] == [UNENCODABLE, 0, UNENCODABLE]
        assert bench.desk.asked == [{"messages": "1"}]
        await bench.read([], "1,2")
        assert len(bench.desk.asked) == 1


async def test_a_lost_answer_and_a_refusal_say_nothing_of_the_messages() -> None:
    async with running() as bench:
        bench.desk.answer = NoAnswer("connection closed", sent=True)
        bench.statuses.ask(questions("1"))
        await trio.testing.wait_all_tasks_blocked()
        bench.desk.answer = Failure("INCORRECT_METHOD", "Incorrect method")
        bench.statuses.ask(questions("1"))
        await trio.testing.wait_all_tasks_blocked()
        (_, lost), (_, refused) = bench.desk.told
        assert (lost.status, lost.reason) == (None, "connection closed")
        assert refused.status == STATUSES_REFUSED
        assert refused.reason == "INCORRECT_METHOD: Incorrect method"


async def test_nothing_is_asked_while_the_account_has_no_room() -> None:
    async with running() as bench:
        bench.desk.room = trio.Event()
        bench.statuses.ask(questions("1", "2"))
        await trio.testing.wait_all_tasks_blocked()
        assert not bench.desk.asked
        assert bench.statuses.asking == 2
        bench.desk.room.set()
        await trio.testing.wait_all_tasks_blocked()
        assert bench.desk.asked == [{"messages": "1,2"}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["1", "2", "Delivered"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["messageid", "deliverystatus", "deliverydate", "list", "1", "2", "x"]),
        inner, max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_whatever_json_comes_every_question_has_one_reply(answer: object) -> None:
    async def ask() -> None:
        async with running() as bench:
            found = await bench.read(answer, "1", "2")
            assert all(status == 0 and word for status, _, _, word in found)

    trio.run(ask)
