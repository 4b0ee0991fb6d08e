"""Questions on a link: within the window and the pace, in small part, and each answered once."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from smppd.message import Message
from smppd.ports import UNENCODABLE, Question, Reply
from smppd.smpp.pdu import CancelSm, QuerySm
from smppd.smpp.pdu_message import CancelSmResp, QuerySmResp
from smppd.smpp.session import RequestReceived
from tests.link.rig import Call, Rig, parts

MESSAGE = Message("34600000001", 1, 1, "ACME", 5, 0, 0, 0, "gsm7", (b"hi",))
RQUERYFAIL, RINVCMDID = 0x67, 0x03


def question(number: int, *, cancels: bool = False, message_id: str = "") -> Question:
    return Question(number, 0, message_id or str(number), MESSAGE, cancels)


class Asked:
    """The SMSC's side: what it was asked; it answers when the test says so."""

    def __init__(self, rig: Rig) -> None:
        self.requests: list[tuple[Call, RequestReceived]] = []
        self._take_others = rig.smsc.on_request
        self._note = rig.smsc.note
        rig.smsc.on_request = self.on_request  # type: ignore[method-assign]

    def on_request(self, call: Call, received: RequestReceived) -> None:
        if isinstance(received.pdu, QuerySm | CancelSm):
            self.requests.append((call, received))
        else:
            self._take_others(call, received)

    @property
    def pdus(self) -> list[Any]:
        return [received.pdu for _, received in self.requests]

    def answer(self, number: int, response: Any = None, status: int = 0) -> None:
        call, received = self.requests[number]
        call.session.respond(received, response, status)
        call.speak()


async def test_a_question_goes_out_as_it_should(rig: Rig, autojump_clock: MockClock) -> None:
    asked = Asked(rig)
    link = await rig.start()
    link.ask([question(1, message_id="00Ab")])
    await rig.until(lambda: len(asked.pdus) == 1)
    assert asked.pdus == [QuerySm(message_id="00Ab", source_addr_ton=5, source_addr="ACME")]
    assert link.asking == 1
    asked.answer(0, QuerySmResp("00Ab", "261127203000000+", 2, 7))
    await rig.until(lambda: bool(rig.replies))
    (reply,) = rig.replies
    assert (reply.status, reply.state, reply.error) == (0, 2, 7)
    assert reply.final_date == "261127203000000+"
    assert link.asking == 0
    assert link.figures().queries == {"delivered": 1}
    assert not link.figures().answers


async def test_at_most_a_tenth_of_the_window_is_asked(rig: Rig, autojump_clock: MockClock) -> None:
    asked = Asked(rig)
    link = await rig.start(window=30)
    link.ask([question(n) for n in range(10)])
    await rig.until(lambda: len(asked.pdus) == 3)
    await trio.sleep(5)
    assert len(asked.pdus) == 3
    asked.answer(1, status=RQUERYFAIL)
    await rig.until(lambda: len(asked.pdus) == 4)
    assert link.asking == 9


async def test_questions_give_way_to_messages(rig: Rig, autojump_clock: MockClock) -> None:
    asked = Asked(rig)
    link = await rig.start(window=10, rate=20.0)
    link.submit(parts(120))
    link.ask([question(n) for n in range(4)])
    await rig.until(lambda: len(rig.smsc.submits) == 120)
    assert len(asked.pdus) <= 1 + 120 // 50
    for number in range(4):
        await rig.until(lambda n=number: len(asked.pdus) > n)  # type: ignore[misc]
        asked.answer(number, QuerySmResp(str(number), "", 1, 0))
    await rig.until(lambda: len(rig.replies) == 4)


async def test_a_cancellation_goes_before_other_questions(
    rig: Rig, autojump_clock: MockClock
) -> None:
    asked = Asked(rig)
    link = await rig.start()
    link.ask([question(1), question(2), question(3)])
    await rig.until(lambda: len(asked.pdus) == 1)
    link.ask([question(9, cancels=True)])
    asked.answer(0, QuerySmResp("1", "", 1, 0))
    await rig.until(lambda: len(asked.pdus) == 2)
    assert isinstance(asked.pdus[1], CancelSm)
    asked.answer(1, CancelSmResp())
    await rig.until(lambda: len(rig.replies) == 2)
    assert rig.replies[1].status == 0
    assert link.figures().cancels == {"cancelled": 1}


async def test_the_pace_counts_questions(rig: Rig, autojump_clock: MockClock) -> None:
    asked = Asked(rig)
    link = await rig.start(window=1000, rate=2.0)
    began = trio.current_time()
    link.ask([question(n) for n in range(10)])
    await rig.until(lambda: len(asked.pdus) == 10)
    assert trio.current_time() - began >= 4.0


async def test_no_answer_is_an_answer_and_a_late_one_another(
    rig: Rig, autojump_clock: MockClock
) -> None:
    asked = Asked(rig)
    link = await rig.start(response_timeout=5.0)
    link.ask([question(1)])
    await rig.until(lambda: bool(rig.replies))
    assert rig.replies == [Reply(question(1), None, reason="no answer within 5 s")]
    asked.answer(0, QuerySmResp("1", "", 2, 0))
    await rig.until(lambda: len(rig.replies) == 2)
    assert (rig.replies[1].late, rig.replies[1].state) == (True, 2)
    assert link.asking == 0
    assert not rig.outcomes


async def test_a_lost_link_leaves_nothing_hanging(rig: Rig, autojump_clock: MockClock) -> None:
    asked = Asked(rig)
    link = await rig.start(window=10)
    link.ask([question(1), question(2)])
    await rig.until(lambda: len(asked.pdus) == 1)
    asked.requests[0][0].drop()
    await rig.until(lambda: len(asked.pdus) == 2)
    assert [reply.status for reply in rig.replies] == [None]
    assert link.asking == 1
    asked.answer(1, QuerySmResp("2", "", 2, 0))
    await rig.until(lambda: len(rig.replies) == 2)


async def test_a_drain_does_not_wait_for_answers_to_questions(
    rig: Rig, autojump_clock: MockClock
) -> None:
    asked = Asked(rig)
    link = await rig.start()
    link.ask([question(1), question(2)])
    await rig.until(lambda: len(asked.pdus) == 1)
    began = trio.current_time()
    await link.drain()
    assert trio.current_time() - began < 2.0
    assert [reply.status for reply in rig.replies] == [None]
    assert len(asked.pdus) == 1


async def test_an_smsc_that_knows_no_query_sm(rig: Rig, autojump_clock: MockClock) -> None:
    asked = Asked(rig)
    link = await rig.start()
    link.ask([question(1)])
    await rig.until(lambda: len(asked.pdus) == 1)
    asked.answer(0, status=RINVCMDID)
    await rig.until(lambda: bool(rig.replies))
    assert rig.replies[0].status == RINVCMDID
    assert link.figures().queries == {"refused": 1}


@pytest.mark.parametrize("message_id", ["x" * 65, "ñandú€"])
async def test_what_cannot_be_asked_comes_back(
    rig: Rig, autojump_clock: MockClock, message_id: str
) -> None:
    Asked(rig)
    link = await rig.start()
    link.ask([question(1, message_id=message_id)])
    await rig.until(lambda: bool(rig.replies))
    assert rig.replies[0].status == UNENCODABLE
    assert rig.replies[0].reason
    assert link.asking == 0
