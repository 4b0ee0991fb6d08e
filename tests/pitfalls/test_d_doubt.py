"""Section D: receipts under ids that nobody has heard of: messages in doubt, or without an id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from tests.pitfalls.delivering import (
    deliver,
    handset,
    in_doubt,
    sent,
)
from tests.pitfalls.raw import (
    message,
    receipt,
)
from tests.pitfalls.rig import Rig

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_p49_a_message_in_doubt_is_settled_by_what_its_receipt_quotes(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=10)
    texts = ["Your code is 4711", "Your parcel has come"]
    await in_doubt(rig, *(rig.sms(n, to="+34600000001", text=texts[n - 1]) for n in (1, 2)))
    assert rig.states() == {"unknown": 2}
    for quoted, stat in [("Your parcel has come", "DELIVRD"), ("Your code is 4711", "UNDELIV")]:
        text = f"id:{len(quoted)} stat:{stat} err:000 text:{quoted[:20]}"
        await deliver(rig, message(text.encode(), source=b"34600000001", esm_class=4))
    assert (rig.state("m1"), rig.state("m2")) == ("undelivered", "delivered")
    assert rig.show("m2").result.message_ids == ["20"]
    told = [each.text for each in rig.show("m2").history if each.event == "identified"]
    assert told == ["taken by the SMSC as 20, as its receipt shows"]
    assert rig.figures().matching.settled == 2


async def test_p49_two_in_doubt_that_fit_alike_are_not_guessed(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=10)
    await in_doubt(rig, rig.sms(1), rig.sms(2, to="+34600000001"), rig.sms(3))
    await deliver(rig, receipt("q1"))
    assert rig.states() == {"unknown": 3}
    await deliver(rig, message(b"id:q2 stat:DELIVRD", source=handset(3), esm_class=4))
    assert rig.state("m3") == "delivered"


async def test_p49_a_receipt_that_quotes_nothing_settles_neither_of_two(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=10)
    await in_doubt(rig, rig.sms(1, text="One"), rig.sms(2, to="+34600000001", text="Two"))
    await deliver(rig, message(b"id:q1 stat:DELIVRD", source=handset(1), esm_class=4))
    assert rig.states() == {"unknown": 2}


async def test_p49_a_receipt_from_before_a_message_left_settles_no_doubt_about_it(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    await deliver(rig, receipt("of-another", to=handset(1)))
    await trio.sleep(10)
    await in_doubt(rig, rig.sms(1))
    await trio.sleep(10)
    assert rig.states() == {"unknown": 1}
    assert rig.daemon.figures().parked_receipts == 1


async def test_p49_a_receipt_for_another_text_or_time_settles_nothing(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=10)
    await in_doubt(rig, rig.sms(1, text="Hola"))
    for rest in (b"text:Something else", b"submit date:2501010000 text:Hola"):
        body = message(b"id:q1 stat:DELIVRD err:000 " + rest, source=handset(1), esm_class=4)
        await deliver(rig, body)
    assert rig.states() == {"unknown": 1}
    assert rig.daemon.figures().parked_receipts == 1


@pytest.mark.parametrize("end", ["timeout", "loss", "restart"])
async def test_p49_a_receipt_that_came_first_settles_the_doubt_when_it_arises(
    rig: Rig, autojump_clock: MockClock, end: str
) -> None:
    await rig.start(response_timeout=20.0, on_unknown="resend")
    rig.smsc.accepting = False
    rig.hand_in(rig.sms(1))
    await rig.until(lambda: rig.smsc.submits)
    await deliver(rig, receipt("q1", to=handset(1)))
    assert rig.states() == {"sending": 1}
    if end == "loss":
        rig.call.drop()
    elif end == "restart":
        await rig.kill()
        await rig.start_again()
    await rig.until(lambda: rig.states() == {"delivered": 1})
    await rig.until(lambda: rig.figures().bound)
    await rig.quiet()
    assert len(rig.smsc.submits) == 1, "sent twice"
    assert rig.show("m1").result.message_ids == ["q1"]
    assert rig.audit().ok


async def test_p49_a_receipt_prevents_the_resend_that_has_not_left(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(bound=2, sessions=2, on_unknown="resend", response_timeout=20.0)
    rig.smsc.accepting = False
    rig.hand_in(rig.sms(1))
    await rig.until(lambda: rig.smsc.submits)
    await rig.until(lambda: len(rig.smsc.submits) == 2)  # at once, the first time
    await rig.until(lambda: rig.states() == {"queued": 1})  # then with a delay
    await deliver(rig, receipt("q1", to=handset(1)))
    rig.smsc.accepting = True
    await rig.until(lambda: rig.states() != {"queued": 1})
    # Two submissions are in doubt, and which of them the receipt is of nobody can say.
    assert rig.show("m1").result.possible_duplicate


async def test_p14_a_message_without_an_id_is_never_sent_again_and_found_by_its_text(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=10)
    await sent(rig, "", "")
    await deliver(rig, message(b"id:q1 stat:DELIVRD err:000", source=handset(1), esm_class=4))
    assert rig.states() == {"sent": 2}, "its destination alone proves nothing"
    await deliver(rig, receipt("q2", to=handset(2)))
    assert rig.state("m2") == "delivered"
    assert rig.show("m2").result.message_ids == ["q2"]
    await rig.kill()
    await rig.start_again()
    await deliver(rig, receipt("q3", to=handset(1)))
    assert rig.state("m1") == "delivered"
    assert len(rig.smsc.submits) == 2
