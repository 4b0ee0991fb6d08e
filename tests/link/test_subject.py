"""Of all that passes on a link, what is about one message, and nothing of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from trio.testing import MockClock

from smppd import events
from smppd.link.pdu_log import PduLog
from smppd.link.subject import Subject
from smppd.ports import Question
from smppd.smpp.pdu import SubmitSmResp
from smppd.smpp.pdu_message import QuerySmResp
from tests.link.rig import RECEIPT, Rig, parts, receipt
from tests.link.test_questions import Asked

if TYPE_CHECKING:
    from smppd.link.link import Link

SUBMITTED = ["submit_sm", "submit_sm_resp"]
RECEIVED = ["deliver_sm", "deliver_sm_resp"]


class Watch:
    """A subject over one link, and what was told of it."""

    def __init__(self, link: Link) -> None:
        self.told: list[events.PduPassed] = []
        self.subject = Subject()
        link.overhear(PduLog(link.name, self._emit, self.subject, "mine"))

    def _emit(self, event: events.Event) -> None:
        assert isinstance(event, events.PduPassed)
        self.told.append(event)

    @property
    def pdus(self) -> list[str]:
        return [each.pdu for each in self.told]


async def test_of_messages_that_are_alike_only_the_one_is_told(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    watch = Watch(link)
    lot = parts(3, segments=2)
    watch.subject.become(2, lot[0].message.to)
    link.submit(lot)
    await rig.until(lambda: link.figures().answers == {0: 6})
    assert sorted(watch.pdus) == sorted(SUBMITTED * 2)
    ids = {each.says.removeprefix("message_id=") for each in watch.told if each.direction == "in"}
    assert len(ids) == 2
    rig.smsc.calls[0].deliver(*(receipt(number) for number in range(1, 7)))
    await rig.until(lambda: len(rig.smsc.calls[0].answered()) == 6)
    assert watch.pdus[4:] == ["deliver_sm"] * 2 + ["deliver_sm_resp"] * 2
    assert {each.says.split("receipt of ")[1].split(":")[0] for each in watch.told[4:6]} == ids


async def test_what_passed_before_it_was_known_is_told_then(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    watch = Watch(link)
    lot = parts(3)
    link.submit(lot)
    await rig.until(lambda: link.figures().answers == {0: 3})
    rig.smsc.calls[0].deliver(*(receipt(number) for number in (1, 2, 3)))
    await rig.until(lambda: len(rig.smsc.calls[0].answered()) == 3)
    assert watch.told == []
    watch.subject.become(2, lot[0].message.to)
    assert watch.pdus == SUBMITTED + RECEIVED
    assert {each.message for each in watch.told} == {"mine"}


@pytest.mark.parametrize(
    ("answered", "reported", "ours"),
    [
        ("00AB", "ab", True),
        ("1F", "31", True),
        ("31", "1f", True),
        ("10", "10", True),
        ("10", "22", False),
        ("77", "78", False),
    ],
)
async def test_a_receipt_is_known_in_whichever_form_its_link_names_messages(
    rig: Rig, autojump_clock: MockClock, answered: str, reported: str, ours: bool
) -> None:
    link = await rig.start()
    rig.smsc.response = lambda status: SubmitSmResp(message_id=answered)  # type: ignore[method-assign]
    watch = Watch(link)
    (part,) = parts(1)
    watch.subject.become(1, part.message.to)
    link.submit([part])
    await rig.until(lambda: link.figures().answers == {0: 1})
    text = RECEIPT.replace(b"%d", reported.encode())
    for source in (part.message.to, "34699999999"):
        pdu = msgspec.structs.replace(receipt(1), short_message=text, source_addr=source)
        rig.smsc.calls[0].deliver(pdu)
    await rig.until(lambda: len(rig.smsc.calls[0].answered()) == 2)
    assert watch.pdus == SUBMITTED + RECEIVED * ours


async def test_a_question_about_it_and_what_was_known_of_it_before(
    rig: Rig, autojump_clock: MockClock
) -> None:
    asked = Asked(rig)
    link = await rig.start(window=30)
    watch = Watch(link)
    (part,) = parts(1)
    watch.subject.learn(["main\t1"])
    watch.subject.become(1, part.message.to)
    link.ask([Question(number, 0, str(number), part.message) for number in (1, 2)])
    await rig.until(lambda: len(asked.requests) == 2)
    for number, message_id in enumerate(("1", "2")):
        asked.answer(number, QuerySmResp(message_id, "", 2, 0))
    await rig.until(lambda: len(rig.replies) == 2)
    assert watch.pdus == ["query_sm", "query_sm_resp"]
    rig.smsc.calls[0].deliver(receipt(1), receipt(2))
    await rig.until(lambda: len(rig.smsc.calls[0].answered()) == 2)
    assert watch.pdus[2:] == RECEIVED
