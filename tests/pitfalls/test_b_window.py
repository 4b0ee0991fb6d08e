"""Sequence numbers, the window, timeouts, and outcomes that nobody knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from smppd.smpp.window import Window
from tests.pitfalls.raw import (
    DATA_SM,
    DELIVER_SM,
    ENQUIRE_LINK,
    GENERIC_NACK,
    QUERY_SM,
    RESPONSE,
    SUBMIT_SM,
    UNBIND,
    Frame,
    message,
    pdu,
    receipt,
)
from tests.pitfalls.rig import Rig

LAST = 0x7FFFFFFF
ACCEPTED = SUBMIT_SM | RESPONSE


async def in_flight(rig: Rig, count: int, first: int = 1, **fields: str) -> list[Frame]:
    """So many new submits without an answer."""
    rig.smsc.accepting = False
    before = len(rig.smsc.submits)
    rig.hand_in(*(rig.sms(n, **fields) for n in range(first, first + count)))
    await rig.until(lambda: len(rig.smsc.submits) >= before + count)
    return rig.smsc.submits[before:]


def attempts(rig: Rig) -> Counter[str]:
    """How often each destination was submitted to."""
    return Counter(frame.destination for frame in rig.smsc.submits)


# ── sequence numbers ─────────────────────────────────────────────────────────────────────────


async def test_p18_sequence_numbers_wrap_to_1(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start(first_sequence_number=LAST - 1)
    rig.hand_in(*(rig.sms(n) for n in range(1, 6)))
    await rig.until(lambda: rig.states() == {"sent": 5})
    assert [frame.sequence for frame in rig.smsc.submits] == [LAST, 1, 2, 3, 4]


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Window]]:
    """The windows of all sessions, so that a test can come to the end of the numbers at once."""
    made: list[Window] = []

    class Watched(Window):
        def __init__(self, size: int, first_sequence_number: int = 1) -> None:
            super().__init__(size, first_sequence_number)
            made.append(self)

    monkeypatch.setattr("smppd.smpp.session.Window", Watched)
    return iter([made])


async def test_p18_numbers_still_outstanding_are_skipped(
    rig: Rig, autojump_clock: MockClock, windows: Iterator[list[Window]]
) -> None:
    await rig.start(window=20)
    old = await in_flight(rig, 3)
    assert [frame.sequence for frame in old] == [2, 3, 4]
    next(windows)[-1].skip(LAST - 1)
    new = await in_flight(rig, 3, first=4)
    assert [frame.sequence for frame in new] == [LAST, 1, 5]
    for frame in (*new, *old):
        rig.call.accept(frame, f"id-{frame.sequence}")
    await rig.until(lambda: rig.states() == {"sent": 6})
    assert [rig.show(f"m{n}").result.message_ids for n in (1, 3, 6)] == [
        ["id-2"],
        ["id-4"],
        ["id-5"],
    ]


async def test_p19_numbers_of_an_old_connection_mean_nothing_on_a_new_one(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=10)
    old = await in_flight(rig, 10)
    rig.call.drop()
    await rig.until(lambda: rig.states() == {"unknown": 10} and len(rig.smsc.calls) == 2)
    await rig.until(lambda: rig.figures().bound)
    rig.smsc.say(*(pdu(ACCEPTED, frame.sequence, b"stale\0") for frame in old))
    await rig.quiet()
    assert rig.states() == {"unknown": 10}
    new = await in_flight(rig, 10, first=11)
    assert [frame.sequence for frame in new] == [frame.sequence for frame in old]
    for frame in new:
        rig.call.accept(frame, f"new-{frame.sequence}")
    await rig.until(lambda: rig.states() == {"unknown": 10, "sent": 10})
    assert rig.show("m1").result.message_ids == []
    assert rig.show("m11").result.message_ids == [f"new-{new[0].sequence}"]


async def test_p20_what_is_received_burns_no_sequence_number(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(enquire_link_interval=3600.0)
    rig.hand_in(rig.sms(1))
    await rig.until(lambda: rig.states() == {"sent": 1})
    rig.smsc.say(
        pdu(DELIVER_SM, 100, receipt("1")),
        pdu(DELIVER_SM, 101, message(b"Hola")),
        pdu(DATA_SM, 102, b"\0\1\1346\0\1\1346\0\0\0\0"),
        pdu(ENQUIRE_LINK, 103),
        pdu(QUERY_SM, 104, b"1\0\1\1346\0"),
        pdu(0x00010200, 105),
    )
    await rig.until(lambda: rig.call.heard(GENERIC_NACK))
    rig.hand_in(rig.sms(2))
    await rig.until(lambda: rig.states() == {"delivered": 1, "sent": 1})
    assert [frame.sequence for frame in rig.smsc.submits] == [2, 3]


# ── answers that do not come, or late ────────────────────────────────────────────────────────


async def test_p21_no_answer_is_an_unknown_outcome_and_no_second_sms(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(response_timeout=60.0)
    (submit,) = await in_flight(rig, 1)
    await rig.until(lambda: rig.states() == {"unknown": 1})
    assert trio.current_time() >= 60
    await trio.sleep(5)
    rig.call.accept(submit, "late")
    await rig.until(lambda: rig.states() == {"sent": 1})
    assert rig.show("m1").result.message_ids == ["late"]
    await trio.sleep(600)
    assert len(rig.smsc.submits) == 1
    assert rig.call.closed_at is None


@pytest.mark.parametrize(("on_unknown", "submits"), [("hold", 1), ("resend", 2), ("fail", 1)])
async def test_p21_each_message_says_what_is_done_about_it(
    rig: Rig, autojump_clock: MockClock, on_unknown: str, submits: int
) -> None:
    await rig.start(response_timeout=60.0)
    await in_flight(rig, 1, on_unknown=on_unknown)
    rig.smsc.accepting = True
    await trio.sleep(900)
    assert len(rig.smsc.submits) == submits
    result = rig.show("m1").result
    assert result.state == {"hold": "unknown", "resend": "sent", "fail": "failed"}[on_unknown]
    assert result.possible_duplicate is (on_unknown == "resend")


async def test_p22_a_late_answer_is_learnt_and_its_receipt_matched(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(response_timeout=60.0, window=1)
    (first,) = await in_flight(rig, 1)
    rig.hand_in(rig.sms(2))
    # The slot is free again after the timeout, on the same session.
    await rig.until(lambda: len(rig.smsc.submits) == 2)
    assert rig.states() == {"unknown": 1, "sending": 1}
    await trio.sleep(5)
    rig.smsc.say(pdu(DELIVER_SM, 1, receipt("late")))
    rig.call.accept(first, "late")
    rig.call.accept(rig.smsc.submits[1], "other")
    await rig.until(lambda: rig.states() == {"delivered": 1, "sent": 1})
    assert rig.state("m1") == "delivered"
    assert rig.figures().late == 1
    assert len(rig.smsc.calls) == 1


@pytest.mark.parametrize(("on_unknown", "again"), [("hold", 0), ("resend", 1)])
async def test_p23_what_was_in_flight_when_the_link_broke_goes_again_only_if_it_may(
    rig: Rig, autojump_clock: MockClock, on_unknown: str, again: int
) -> None:
    await rig.start(window=10)
    await in_flight(rig, 10, on_unknown=on_unknown)
    rig.smsc.accepting = True
    rig.call.drop()
    await rig.until(lambda: len(rig.smsc.calls) == 2)
    await trio.sleep(900)
    assert rig.states() == ({"sent": 10} if again else {"unknown": 10})
    assert set(attempts(rig).values()) == {1 + again}
    assert len(attempts(rig)) == 10
    assert [lost.in_doubt for lost in rig.of(events.LinkLost)] == [10]


@pytest.mark.parametrize(("on_unknown", "again"), [("hold", 0), ("resend", 1)])
async def test_p24_what_was_in_flight_when_we_were_killed_goes_again_only_if_it_may(
    rig: Rig, autojump_clock: MockClock, on_unknown: str, again: int
) -> None:
    await rig.start(window=10)
    in_doubt = await in_flight(rig, 10, on_unknown=on_unknown)
    rig.hand_in(*(rig.sms(n, on_unknown=on_unknown) for n in range(11, 31)))
    await trio.sleep(1)
    await rig.kill()
    rig.smsc.accepting = True
    await rig.start_again()
    await trio.sleep(900)
    # One more window was on disk as on its way: nothing of it had left, but who knows that now?
    assert rig.states() == ({"sent": 30} if again else {"unknown": 20, "sent": 10})
    assert rig.state("m30") == "sent"
    submitted = attempts(rig)
    assert {submitted[frame.destination] for frame in in_doubt} == {1 + again}
    assert all(count == 1 for to, count in submitted.items() if int(to) > 34600000010)
    assert len(submitted) == (30 if again else 20)


# ── answers in other ways ────────────────────────────────────────────────────────────────────


async def test_p25_answers_in_any_order_find_their_messages(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=10)
    submits = await in_flight(rig, 10)
    for frame in reversed(submits):
        rig.call.accept(frame, f"id-{frame.sequence}")
    await rig.until(lambda: rig.states() == {"sent": 10})
    assert [rig.show(f"m{n}").result.message_ids for n in range(1, 11)] == [
        [f"id-{frame.sequence}"] for frame in submits
    ]


async def test_p26_an_answer_of_the_wrong_kind_answers_nothing(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    (submit,) = await in_flight(rig, 1)
    rig.smsc.on_frame = lambda call, frame: frame.command_id == ENQUIRE_LINK
    await rig.until(lambda: rig.call.heard(ENQUIRE_LINK))
    (enquiry,) = rig.call.heard(ENQUIRE_LINK)
    for command_id, sequence in (
        (ACCEPTED, enquiry.sequence),
        (ENQUIRE_LINK | RESPONSE, submit.sequence),
        (UNBIND | RESPONSE, submit.sequence),
    ):
        rig.smsc.say(pdu(command_id, sequence, b"wrong\0" if command_id == ACCEPTED else b""))
    await rig.quiet()
    assert rig.states() == {"sending": 1}
    assert rig.figures().oddities == 3
    rig.smsc.say(pdu(ENQUIRE_LINK | RESPONSE, enquiry.sequence))
    rig.call.accept(submit, "right")
    await rig.until(lambda: rig.states() == {"sent": 1})
    assert rig.show("m1").result.message_ids == ["right"]
    assert rig.call.closed_at is None


async def test_p26_of_two_answers_the_first_counts(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    (submit,) = await in_flight(rig, 1)
    rig.call.accept(submit, "first")
    rig.call.accept(submit, "second")
    rig.smsc.say(pdu(ACCEPTED, submit.sequence, status=0x0B))
    await rig.until(lambda: rig.figures().oddities == 2)
    result = rig.show("m1").result
    assert (result.state, result.message_ids) == ("sent", ["first"])


async def test_p27_a_nack_of_a_submit_is_that_messages_refusal(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=1)
    (submit,) = await in_flight(rig, 1)
    rig.smsc.accepting = True
    rig.hand_in(rig.sms(2))
    rig.smsc.say(pdu(GENERIC_NACK, submit.sequence, status=0x02))
    # Its slot is free at once, and the session goes on.
    await rig.until(lambda: rig.states() == {"failed": 1, "sent": 1})
    assert trio.current_time() < 1
    error = rig.show("m1").result.error
    assert error is not None
    assert error.status == 0x02
    assert len(rig.smsc.calls) == 1


async def test_p27_a_nack_of_nothing_means_that_the_stream_is_out_of_step(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=5)
    await in_flight(rig, 5)
    rig.smsc.say(pdu(GENERIC_NACK, 0, status=0x02))
    await rig.until(lambda: len(rig.smsc.calls) == 2)
    assert rig.states() == {"unknown": 5}
    assert rig.smsc.calls[0].closed_at is not None


async def test_p27_a_nack_of_what_is_not_outstanding_loses_nothing(
    rig: Rig, autojump_clock: MockClock
) -> None:
    """One of an answer of ours, say, which has the SMSC's own number."""
    await rig.start(window=5)
    submits = await in_flight(rig, 5)
    rig.smsc.say(pdu(GENERIC_NACK, 4711, status=0x03))
    await rig.until(lambda: rig.figures().oddities == 1)
    for frame in submits:
        rig.call.accept(frame, f"id-{frame.sequence}")
    await rig.until(lambda: rig.states() == {"sent": 5})
    assert len(rig.smsc.calls) == 1


async def test_p27_submits_that_are_not_allowed_here_burn_no_message(
    rig: Rig, autojump_clock: MockClock
) -> None:
    def not_here(call: object, frame: Frame) -> bool:
        if frame.command_id != SUBMIT_SM:
            return False
        rig.smsc.say(pdu(GENERIC_NACK, frame.sequence, status=0x03))
        return True

    rig.smsc.on_frame = not_here
    await rig.start(window=2)
    rig.hand_in(*(rig.sms(n) for n in range(1, 21)))
    await trio.sleep(500)
    assert rig.states() == {"queued": 20}
    assert set(attempts(rig).values()) == {1}


# ── the window ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("window", [1, 7, 100])
async def test_p28_never_more_than_the_window_without_an_answer(
    rig: Rig, autojump_clock: MockClock, window: int
) -> None:
    await rig.start(window=window)
    await in_flight(rig, window)
    rig.hand_in(*(rig.sms(n) for n in range(window + 1, 3 * window + 1)))
    await trio.sleep(50)
    assert len(rig.smsc.submits) == window
    rig.call.accept(rig.smsc.submits[0], "1")
    await rig.until(lambda: rig.states().get("sent") == 1)
    assert len(rig.smsc.submits) == window + 1


async def test_p29_a_peer_that_reads_no_more_is_left(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start(window=1000, enquire_link_interval=600.0)
    stuck = rig.call
    stuck.deaf = True
    at = trio.current_time()
    rig.hand_in(*(rig.sms(n, text="x" * 1000) for n in range(1, 901)))
    await rig.until(lambda: stuck.closed_at is not None)
    assert stuck.closed_at is not None
    assert 29 < stuck.closed_at - at < 45
    assert "has not read" in rig.of(events.LinkLost)[0].reason
    await rig.until(lambda: len(rig.smsc.calls) == 2)
    await rig.until(lambda: not {"queued", "sending"} & set(rig.states()))
    # Of what may have left nothing goes again by itself; everything else is sent.
    states = rig.states()
    assert states["unknown"] + states["sent"] == 900
    assert states["sent"] > 0


async def test_p29_answers_go_first_once_the_peer_reads_again(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=20)
    rig.call.deaf = True
    rig.hand_in(*(rig.sms(n) for n in range(1, 11)))
    await trio.sleep(1)
    rig.smsc.say(pdu(ENQUIRE_LINK, 1), pdu(DELIVER_SM, 2, message(b"Hola")))
    rig.hand_in(*(rig.sms(n) for n in range(11, 21)))
    await trio.sleep(10)
    before = len(rig.call.frames)
    rig.call.listen()
    await rig.until(lambda: rig.states() == {"sent": 20})
    kinds = [frame.command_id for frame in rig.call.frames[before:]]
    # The write that was stuck comes out first; then answers, then what else is to be submitted.
    stuck = kinds.index(ENQUIRE_LINK | RESPONSE)
    assert set(kinds[:stuck]) == {SUBMIT_SM}
    assert kinds[stuck : stuck + 2] == [ENQUIRE_LINK | RESPONSE, DELIVER_SM | RESPONSE]
    assert stuck <= 10
    assert rig.call.closed_at is None
