"""The rig itself: what the other tests here rely on."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from tests.pitfalls.raw import DELIVER_SM, RESPONSE, SUBMIT_SM, message, pdu, receipt
from tests.pitfalls.rig import Rig


async def test_a_message_from_the_inbox_to_its_results(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    name = rig.hand_in(rig.sms(1), rig.sms(2, text="x" * 200))
    await rig.until(lambda: rig.states() == {"sent": 2})
    assert len(rig.smsc.submits) == 3
    rig.smsc.say(*(pdu(DELIVER_SM, n, receipt(str(n))) for n in (1, 2, 3)))
    await rig.until(lambda: rig.has_results(name))
    assert [line["state"] for line in rig.results(name)] == ["delivered", "delivered"]
    assert [line["message_id"] for line in rig.receipts()] == ["1", "2", "3"]


async def test_a_message_from_a_handset(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    rig.smsc.say(pdu(DELIVER_SM, 7, message(b"Hola")), cut=1)
    await rig.until(lambda: rig.call.heard(DELIVER_SM | RESPONSE))
    assert [letter["text"] for letter in rig.received()] == ["Hola"]


async def test_what_a_kill_leaves_in_doubt(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    rig.smsc.accepting = False
    rig.hand_in(rig.sms(1))
    await rig.until(lambda: rig.smsc.submits)
    await rig.kill()
    rig.smsc.accepting = True
    await rig.start_again()
    assert rig.state("m1") == "unknown"
    rig.hand_in(rig.sms(2))
    await rig.until(lambda: rig.states() == {"unknown": 1, "sent": 1})
    await rig.stop()
    assert len(rig.smsc.submits) == 2
    assert rig.of(events.DaemonStopped)


async def test_two_links_and_the_simulated_smsc(rig: Rig, autojump_clock: MockClock) -> None:
    simulated = rig.simulate("b")
    await rig.start(bound=2, links={"raw": {}, "sim": {"hosts": (("b", 2775),)}})
    name = rig.hand_in(rig.sms(1, via="sim"), rig.sms(2, via="raw"))
    await rig.until(lambda: rig.states() == {"delivered": 1, "sent": 1})
    assert simulated.smsc.tally.accepted == 1
    assert rig.call.heard(SUBMIT_SM) == rig.smsc.submits
    rig.smsc.say(pdu(DELIVER_SM, 1, receipt("1")))
    await rig.until(lambda: rig.has_results(name))


async def test_waiting_for_what_never_happens_fails(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    with pytest.raises(trio.TooSlowError):
        await rig.until(lambda: False, patience=5.0)
