"""What programs are told of messages: from the daemon's own facts, whatever became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from smppd.pipeline.incoming import Incoming
from smppd.ports import Letter
from smppd.provider.results import Taken
from smppd.smpp.vocabulary import MessageState
from tests.pipeline.provider import GROUP, SMS, account, call, done, group_done
from tests.pipeline.telling import events, happenings

if TYPE_CHECKING:
    from tests.pipeline.conftest import Bench

UNDELIVERABLE = MessageState.UNDELIVERABLE


def brief(told: dict[str, Any]) -> tuple[Any, ...]:
    """What an event is about, the state, and whether it is the last word."""
    return told["event"], told.get("id"), told.get("state"), told.get("final", False)


async def test_a_message_is_accepted_sent_and_delivered(bench: Bench, autojump_clock: Any) -> None:
    async with bench.up() as life:
        (part,) = await life.submit({**bench.sms(id="a"), "x-shop": 7})
        await life.answer(part)
        await life.receive(life.receipt(life.name_of(part)))
    told = events(bench.path)
    assert [brief(each) for each in told] == [
        ("accepted", "a", "queued", False),
        ("sent", "a", "sent", False),
        ("delivered", "a", "delivered", True),
    ]
    for each in told:
        assert (each["to"], each["from"], each["parts"]) == ("34600000001", "ACME", 1)
        assert (each["file"], each["campaign"], each["line"]) == ("0.jsonl", "0.jsonl", 1)
        assert each["x-shop"] == 7
        assert each["at"].endswith("Z")
        assert "text" not in each
    assert told[1]["link"] == told[2]["link"] == "main"
    assert told[1]["message_ids"] == told[2]["message_ids"] == [life.name_of(part)]
    assert told[2]["attempts"] == 1
    assert len({each["event_id"] for each in told}) == 3


async def test_texts_are_told_where_they_are_wanted(bench: Bench, autojump_clock: Any) -> None:
    async with bench.up() as life:
        await life.submit(bench.sms(text="Hola, señor", id="a"))
    assert events(bench.path, content=True)[0]["text"] == "Hola, señor"


async def test_each_part_of_a_long_message_is_told_and_its_end_once(
    bench: Bench, autojump_clock: Any
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.long_sms(3, id="a"))
        for part in parts:
            await life.answer(part)
        for part, state in zip(parts, (MessageState.DELIVERED, UNDELIVERABLE, 2), strict=True):
            await life.receive(life.receipt(life.name_of(part), MessageState(state)))
    told = events(bench.path)
    sent = [each for each in told if each["event"] == "sent"]
    assert [(each["part"], each["parts"]) for each in sent] == [(1, 3), (2, 3), (3, 3)]
    (last,) = [each for each in told if each.get("final")]
    assert brief(last) == ("failed", "a", "undelivered", True)
    assert last["part_states"] == ["delivered", "undelivered", "delivered"]
    assert last["error"]["code"] == "UNDELIVERABLE"
    assert len(last["message_ids"]) == 3


async def test_without_receipt_the_last_sent_is_the_last_word(
    bench: Bench, autojump_clock: Any
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.long_sms(2, id="a", receipt=False))
        for part in parts:
            await life.answer(part)
    told = [brief(each) for each in events(bench.path)]
    assert told[1:] == [("sent", "a", "sent", False), ("sent", "a", "sent", True)]


async def test_what_is_not_taken_at_all_failed(bench: Bench, autojump_clock: Any) -> None:
    async with bench.up() as life:
        await life.submit(bench.sms(id="a"), bench.sms("x", id="b"), bench.sms(id="a"))
    told = events(bench.path)
    assert [brief(each) for each in told] == [
        ("accepted", "a", "queued", False),
        ("failed", "b", "rejected", True),
        ("failed", "a", "duplicate", True),
    ]
    assert told[1]["error"]["code"]
    assert [each["line"] for each in told] == [1, 2, 3]


async def test_a_refusal_an_expiry_and_a_doubt(bench: Bench, autojump_clock: Any) -> None:
    async with bench.up(window=2) as life:
        refused, lost = await life.submit(
            bench.sms(id="r"), bench.sms(id="d"), bench.sms(id="e", expires="10s")
        )
        await trio.sleep(20)
        await life.answer(refused, 11)
        await life.lose(lost)
        await trio.sleep(1)
    told = {each["id"]: each for each in events(bench.path) if each["event"] != "accepted"}
    assert brief(told["r"]) == ("failed", "r", "failed", True)
    assert told["r"]["error"]["code"] == "ESME_RINVDSTADR"
    assert brief(told["e"]) == ("failed", "e", "expired", True)
    assert brief(told["d"]) == ("unknown", "d", "unknown", False)
    assert told["d"]["error"]["text"] == "no answer"


async def test_a_late_answer_after_the_last_word_is_told_and_is_not_it(
    bench: Bench, autojump_clock: Any
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a", on_unknown="fail"))
        await life.lose(part)
        await life.answer(part, late=True)
    told = [brief(each) for each in events(bench.path)][1:]
    assert told[-2:] == [("failed", "a", "failed", True), ("sent", "a", "sent", False)]


async def test_calls_and_groups(bench: Bench, autojump_clock: Any) -> None:
    bench.accounts, two = account(), [("7", "34600000001"), ("8", "34600000002")]
    async with bench.up(links=("main", "http")) as life:
        single, group = await life.hand_in_calls([call(SMS), call(GROUP)])
        await life.settle_call(done(single, [Taken("6", "34600000001")]), single)
        await life.settle_call(group_done(group, two), group)
    told = [each for each in events(bench.path, content=True) if each["event"] == "sent"]
    assert (told[0]["message_ids"], told[0]["op"]) == (["6"], "sms.sendsms")
    assert told[1]["destinations"] == [
        {"to": "34600000001", "state": "sent", "message_id": "7"},
        {"to": "34600000002", "state": "sent", "message_id": "8"},
    ]


async def test_a_letter_is_told_and_its_text_only_where_that_is_wanted(
    bench: Bench, autojump_clock: Any
) -> None:
    body = (
        b'{"link":"main","source":"34600","destination":"2580","text":"STOP","data":"53","parts":1}'
    )
    async with bench.up() as life:
        await Incoming(life.desk).note([Letter("17-1.json", body)])
    (told,) = events(bench.path)
    assert (told["event"], told["event_id"]) == ("received", "received-17-1")
    assert (told["from"], told["to"], told["link"]) == ("34600", "2580", "main")
    assert told["name"] == "17-1.json"
    assert told["letter"] == {"parts": 1}
    assert "STOP" not in str(told)
    (told,) = events(bench.path, content=True)
    assert told["text"] == "STOP"


async def test_a_report_is_told_and_the_same_log_tells_the_same(
    bench: Bench, autojump_clock: Any
) -> None:
    async with bench.up(publishing=True) as life:
        (part,) = await life.submit(bench.sms(id="a"))
        await life.answer(part)
        await life.receive(life.receipt(life.name_of(part)))
        await trio.sleep(bench.report_after * 2)
    told = events(bench.path)
    assert told[-1]["event"] == "reported"
    assert told[-1]["states"] == {"delivered": 1}
    assert told[-1]["file"] == "0.jsonl"
    assert "0.jsonl" in told[-1]["results"]
    assert happenings(bench.path, lot=1) == happenings(bench.path, lot=1000)
