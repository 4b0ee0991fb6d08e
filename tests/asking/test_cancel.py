"""Cancelling: what waits here is not sent, what the SMSC has is asked for, and nothing is lied about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from smppd.pipeline.cancellation import Fate
from smppd.simulate.script import Receipts
from smppd.smpp.errors import EncodeError
from tests.pitfalls.raw import (
    CANCEL_SM,
    DELIVER_SM,
    RESPONSE,
    SUBMIT_SM,
    Frame,
    RawCall,
    pdu,
    receipt,
)
from tests.pitfalls.rig import Rig

Cancel = Callable[..., Awaitable[list[Fate]]]

RCANCELFAIL, RSYSERR = 0x11, 0x08


def ids(frames: list[Frame]) -> list[str]:
    """The texts of submit_sm PDUs, which are the numbers of the messages here."""
    return [frame.body.rpartition(b"no. ")[2].decode() for frame in frames]


async def _hand_in(rig: Rig, count: int) -> str:
    name = rig.hand_in(*(rig.sms(n, text=f"no. {n}") for n in range(1, count + 1)))
    await rig.until(lambda: sum(rig.states().values()) == count)
    await rig.quiet()
    return name


# ── what waits here ──────────────────────────────────────────────────────────────────────────


async def test_a_queued_message_is_cancelled_and_never_sent(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    rig.smsc.accepting = False
    await rig.start(window=1)
    name = await _hand_in(rig, 6)
    await rig.until(lambda: rig.states() == {"sending": 2, "queued": 4})
    fates = await cancel("m4", "m6", "m1", "m4")
    assert [(fate.cancelled, fate.state) for fate in fates[:3]] == [
        (True, "cancelled"), (True, "cancelled"), (False, "sending"),
    ]  # fmt: skip
    assert "on its way" in fates[2].why
    assert rig.states() == {"sending": 2, "queued": 2, "cancelled": 2}
    (again,) = await cancel("m4")
    assert (again.cancelled, again.why) == (False, "it has come to its end already")
    rig.smsc.accepting = True
    for frame in rig.call.heard(SUBMIT_SM):
        rig.call.accept(frame, rig.smsc.next_id())
    await rig.until(lambda: rig.states() == {"sent": 4, "cancelled": 2})
    assert ids(rig.smsc.submits) == ["1", "2", "3", "5"]
    rig.smsc.say(*(pdu(DELIVER_SM, n, receipt(str(n))) for n in range(1, 5)))
    await rig.until(lambda: rig.has_results(name))
    line = rig.results(name)[3]
    assert (line["state"], line["attempts"]) == ("cancelled", 0)
    assert line["error"] == {"code": "CANCELLED", "text": "cancelled by ana"}
    assert line["link"] is None, "it went over none"
    assert [each.event for each in rig.show("m4").history] == ["accepted", "cancelled"]
    assert rig.audit().ok
    assert rig.of(events.Cancelled) == [events.Cancelled(2, "ana")]


async def test_what_was_cancelled_stays_so_over_a_restart(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    rig.smsc.unreachable = True
    await rig.start(bound=0)
    await _hand_in(rig, 3)
    assert [fate.cancelled for fate in await cancel("m1", "m3")] == [True, True]
    await rig.kill()
    await rig.start_again(bound=0)
    await rig.stop()
    rig.smsc.unreachable = False
    await rig.start_again()
    await rig.until(lambda: rig.states() == {"sent": 1, "cancelled": 2})
    assert ids(rig.smsc.submits) == ["2"]
    await _hand_in_more(rig)
    assert ids(rig.smsc.submits) == ["2", "4"]
    assert not any(queue.cancelled for queue in rig.daemon.parts.ledger.accounts.queues.values())
    assert rig.audit().ok


async def _hand_in_more(rig: Rig) -> None:
    rig.hand_in(rig.sms(4, text="no. 4"))
    await rig.until(lambda: rig.states() == {"sent": 2, "cancelled": 2})


async def test_a_whole_queue_can_be_cancelled(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    rig.smsc.unreachable = True
    await rig.start(bound=0)
    name = await _hand_in(rig, 40)
    fates = await cancel(*(f"m{n}" for n in range(1, 41)))
    assert all(fate.cancelled for fate in fates)
    await rig.until(lambda: rig.has_results(name))
    assert rig.states() == {"cancelled": 40}
    rig.smsc.unreachable = False
    rig.hand_in(rig.sms(50, text="no. 50"))
    await rig.until(lambda: rig.smsc.calls and ids(rig.smsc.submits) == ["50"])
    assert rig.audit().ok


async def test_a_message_that_waits_to_go_again_is_cancelled(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    def refuse(call: RawCall, frame: Frame) -> bool:
        if frame.command_id == SUBMIT_SM:
            call.say(pdu(SUBMIT_SM | RESPONSE, frame.sequence, status=RSYSERR))
        return frame.command_id == SUBMIT_SM

    rig.smsc.on_frame = refuse
    await rig.start()
    name = await _hand_in(rig, 1)
    await rig.until(lambda: rig.smsc.submits and rig.states() == {"queued": 1})
    (fate,) = await cancel("m1")
    assert (fate.cancelled, fate.why) == (True, "")
    await rig.until(lambda: rig.has_results(name))
    rig.hand_in(rig.sms(2, text="no. 2"))
    await rig.until(lambda: len(rig.smsc.submits) > 5)
    assert set(ids(rig.smsc.submits[1:])) == {"2"}


async def test_what_is_in_doubt_is_left_as_it_is(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    rig.smsc.accepting = False
    await rig.start(response_timeout=5.0)
    await _hand_in(rig, 1)
    await rig.until(lambda: rig.states() == {"unknown": 1})
    (fate,) = await cancel("m1")
    assert (fate.cancelled, fate.state) == (False, "unknown")
    assert "nobody knows" in fate.why


# ── what the SMSC has ────────────────────────────────────────────────────────────────────────


def answer_cancels(rig: Rig, *statuses: int) -> None:
    """Have each cancel_sm answered with the next of these, the last one for ever."""
    left = list(statuses)

    def take(call: RawCall, frame: Frame) -> bool:
        if frame.command_id != CANCEL_SM:
            return False
        call.say(pdu(CANCEL_SM | RESPONSE, frame.sequence, status=left[0]))
        if len(left) > 1:
            left.pop(0)
        return True

    rig.smsc.on_frame = take


async def test_the_smsc_is_asked_to_cancel_what_it_has(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    answer_cancels(rig, 0)
    await rig.start(cancel_sm=True)
    name = await _hand_in(rig, 1)
    await rig.until(lambda: rig.states() == {"sent": 1})
    (fate,) = await cancel("m1")
    assert (fate.cancelled, fate.state, fate.why) == (True, "cancelled", "")
    (asked,) = rig.call.heard(CANCEL_SM)
    # service_type NULL, the message_id, source and destination as they were submitted.
    assert asked.body == b"\0" + b"1\0" + b"\5\0ACME\0" + b"\1\1" + b"34600000001\0"
    rig.smsc.say(pdu(DELIVER_SM, 9, receipt("1", "DELETED")))
    await rig.until(lambda: rig.has_results(name) and rig.receipts())
    (line,) = rig.results(name)
    assert (line["state"], line["error"]["text"]) == ("cancelled", "cancelled at the SMSC")
    story = [each.text for each in rig.show("m1").history]
    assert story[3:5] == ["the SMSC is asked to cancel it (ana)", "cancelled by the SMSC"]
    assert rig.figures().cancels == {"cancelled": 1}
    assert rig.audit().ok


async def test_without_the_key_the_smsc_is_not_asked(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    await rig.start()
    await _hand_in(rig, 1)
    await rig.until(lambda: rig.states() == {"sent": 1})
    (fate,) = await cancel("m1")
    assert not fate.cancelled
    assert fate.why == "the SMSC has it; if it takes cancel_sm, set cancel_sm in [link.main]"
    assert not rig.call.heard(CANCEL_SM)


async def test_a_message_whose_id_was_given_again_is_not_cancelled(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    answer_cancels(rig, 0)
    rig.smsc.next_id = lambda: "7"  # type: ignore[method-assign]
    await rig.start(cancel_sm=True)
    await _hand_in(rig, 2)
    await rig.until(lambda: rig.states() == {"sent": 2})
    (fate,) = await cancel("m1")
    assert not fate.cancelled
    assert "to another message" in fate.why
    assert not rig.call.heard(CANCEL_SM), "it would have cancelled the other one"
    (fate,) = await cancel("m2")
    assert fate.cancelled
    (fate,) = await cancel("m1")
    assert not fate.cancelled, "nor when the other one is final"


async def test_a_kill_between_question_and_answer_leaves_it_to_the_receipt(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    rig.smsc.on_frame = lambda _, frame: frame.command_id == CANCEL_SM
    await rig.start(cancel_sm=True)
    await _hand_in(rig, 1)
    await rig.until(lambda: rig.states() == {"sent": 1})
    await cancel("m1", patience=1.0)
    await rig.kill()
    await rig.start_again()
    assert rig.states() == {"sent": 1}
    rig.smsc.say(pdu(DELIVER_SM, 9, receipt("1", "DELETED")))
    await rig.until(lambda: rig.states() == {"cancelled": 1})
    assert rig.audit().ok


async def test_a_message_sent_twice_says_that_a_copy_may_be_out(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    answer_cancels(rig, 0)
    rig.smsc.accepting = False
    await rig.start(cancel_sm=True, response_timeout=5.0)
    rig.hand_in(rig.sms(1, on_unknown="resend"))
    await rig.until(lambda: rig.smsc.submits)
    rig.smsc.accepting = True
    await rig.until(lambda: rig.states() == {"sent": 1})
    (fate,) = await cancel("m1")
    assert (fate.cancelled, fate.why) == (True, "it may have been sent before")


async def test_an_id_that_fits_no_pdu_is_no_answer_of_the_smsc(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    # Longer than SMPP has it, as some SMSCs give them in their answers all the same.
    rig.smsc.next_id = lambda: "x" * 64  # type: ignore[method-assign]
    await rig.start(cancel_sm=True, query_sm=True, query_after=60.0)
    await _hand_in(rig, 1)
    await rig.until(lambda: rig.states() == {"sent": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("smppd.link.asking.request", _too_long)
        (fate,) = await cancel("m1")
        assert (fate.cancelled, fate.why) == (False, "message_id is too long")
        await trio.sleep(200)
    assert rig.figures().queries == {"refused": 1}
    assert not rig.of(events.QueriesRefused)
    assert not rig.call.heard(CANCEL_SM)
    assert [each.text for each in rig.show("m1").history][3:] == [
        "the SMSC is asked to cancel it (ana)"
    ]


def _too_long(_: object) -> None:
    raise EncodeError("message_id is too long")


async def test_a_refusal_is_told_and_the_message_stays_sent(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    answer_cancels(rig, RCANCELFAIL)
    await rig.start(cancel_sm=True)
    await _hand_in(rig, 1)
    await rig.until(lambda: rig.states() == {"sent": 1})
    (fate,) = await cancel("m1")
    assert (fate.cancelled, fate.state) == (False, "sent")
    assert fate.why == "the SMSC says ESME_RCANCELFAIL"
    rig.smsc.say(pdu(DELIVER_SM, 9, receipt("1")))
    await rig.until(lambda: rig.states() == {"delivered": 1})
    assert rig.figures().cancels == {"failed": 1}


async def test_every_part_of_a_long_message_is_cancelled(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    answer_cancels(rig, 0)
    await rig.start(cancel_sm=True, window=2)
    rig.hand_in(rig.sms(1, text="x" * 400))
    await rig.until(lambda: rig.states() == {"sent": 1})
    (fate,) = await cancel("m1")
    assert fate.cancelled
    assert len(rig.call.heard(CANCEL_SM)) == 3
    assert [part.state for part in rig.show("m1").part_details] == ["cancelled"] * 3


async def test_a_long_message_cancelled_in_part_says_so(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    answer_cancels(rig, 0, RCANCELFAIL)
    await rig.start(cancel_sm=True)
    rig.hand_in(rig.sms(1, text="x" * 200))
    await rig.until(lambda: rig.states() == {"sent": 1})
    (fate,) = await cancel("m1")
    assert (fate.cancelled, fate.state) == (False, "sent")
    assert fate.why == "the SMSC says ESME_RCANCELFAIL; 1 of its 2 parts are cancelled"
    left = next(p for p in rig.show("m1").part_details if p.state == "sent")
    rig.smsc.say(pdu(DELIVER_SM, 9, receipt(left.message_ids[0])))
    await rig.until(lambda: rig.states() == {"undelivered": 1})


async def test_an_answer_after_patience_counts_too(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    asked: list[tuple[RawCall, Frame]] = []

    def keep(call: RawCall, frame: Frame) -> bool:
        if frame.command_id == CANCEL_SM:
            asked.append((call, frame))
        return frame.command_id == CANCEL_SM

    rig.smsc.on_frame = keep
    await rig.start(cancel_sm=True, response_timeout=20.0)
    await _hand_in(rig, 2)
    await rig.until(lambda: rig.states() == {"sent": 2})
    (fate,) = await cancel("m1", patience=3.0)
    assert (fate.cancelled, fate.state) == (False, "sent")
    assert "has not answered yet" in fate.why
    asked[0][0].say(pdu(CANCEL_SM | RESPONSE, asked[0][1].sequence))
    await rig.until(lambda: rig.states() == {"sent": 1, "cancelled": 1})
    (fate,) = await cancel("m2", patience=60.0)
    assert (fate.cancelled, fate.why) == (False, "no answer within 20 s")
    asked[1][0].say(pdu(CANCEL_SM | RESPONSE, asked[1][1].sequence))
    await rig.until(lambda: rig.states() == {"cancelled": 2})
    assert rig.figures().cancels == {"cancelled": 2, "unanswered": 1}


async def test_a_message_spilled_to_disk_is_found_and_cancelled(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    answer_cancels(rig, 0)
    await rig.start(cancel_sm=True)
    await _hand_in(rig, 5)
    await rig.until(lambda: rig.states() == {"sent": 5})
    with pytest.MonkeyPatch.context() as little:
        little.setattr("smppd.pipeline.desk.WAITING_IN_MEMORY", 2)
        little.setattr("smppd.pipeline.desk.WAITING_AFTER_SPILL", 1)
        await rig.daemon.parts.desk.checkpoint()
    assert len(rig.daemon.parts.ledger.accounts.entries) == 1
    assert [fate.cancelled for fate in await cancel("m1", "m2")] == [True, True]
    assert rig.states() == {"sent": 3, "cancelled": 2}
    assert rig.audit().ok


async def test_a_link_that_has_gone_keeps_nobody_waiting_for_ever(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    answer_cancels(rig, 0)
    await rig.start(cancel_sm=True)
    await _hand_in(rig, 1)
    await rig.until(lambda: rig.states() == {"sent": 1})
    rig.smsc.unreachable = True
    rig.call.drop()
    await rig.until(lambda: rig.of(events.LinkLost))
    (fate,) = await cancel("m1", patience=5.0)
    assert (fate.cancelled, "not answered yet" in fate.why) == (False, True)
    rig.smsc.unreachable = False
    await rig.until(lambda: rig.states() == {"cancelled": 1})


# ── what waits for its time ──────────────────────────────────────────────────────────────────


def _in(rig: Rig, seconds: float) -> str:
    return datetime.fromtimestamp(rig.wall() + seconds, UTC).isoformat()


async def test_a_message_that_waits_here_for_its_time_is_cancelled(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    await rig.start()
    rig.hand_in(rig.sms(1, send_at=_in(rig, 3600)), rig.sms(2, send_at=_in(rig, 3600)))
    await rig.until(lambda: rig.states() == {"queued": 2})
    await trio.sleep(10)
    (fate,) = await cancel("m1")
    assert fate.cancelled
    rig.skew += 3600
    await rig.until(lambda: rig.states() == {"sent": 1, "cancelled": 1})
    assert len(rig.smsc.submits) == 1
    assert rig.audit().ok


async def test_a_message_that_the_smsc_holds_for_its_time_is_cancelled(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    simulated = rig.simulate()
    await rig.start(schedule="smsc")
    name = rig.hand_in(rig.sms(1, send_at=_in(rig, 3600)), rig.sms(2, send_at=_in(rig, 3600)))
    await rig.until(lambda: rig.states() == {"sent": 2})
    (fate,) = await cancel("m1")
    assert (fate.cancelled, fate.why) == (True, "")
    assert simulated.smsc.tally.cancelled == 1
    await rig.until(lambda: rig.has_results(name), patience=4000)
    assert [line["state"] for line in rig.results(name)] == ["cancelled", "delivered"]
    (fate,) = await cancel("m2")
    assert not fate.cancelled
    assert rig.audit().ok


async def test_one_that_has_left_the_smsc_is_not_cancelled(
    rig: Rig, cancel: Cancel, autojump_clock: MockClock
) -> None:
    simulated = rig.simulate(receipt=Receipts(on=False))
    await rig.start(schedule="smsc", query_sm=True, query_after=600.0)
    rig.hand_in(rig.sms(1, send_at=_in(rig, 3600)))
    await rig.until(lambda: rig.states() == {"sent": 1})
    await trio.sleep(3590)
    assert simulated.smsc.tally.queries == 0, "asked for before its time"
    await trio.sleep(20)
    (fate,) = await cancel("m1")
    assert (fate.cancelled, fate.why) == (False, "the SMSC says ESME_RCANCELFAIL")
    await rig.until(lambda: rig.states() == {"delivered": 1})
    assert simulated.smsc.tally.queries == 1
