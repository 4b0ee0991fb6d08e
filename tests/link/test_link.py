"""A link against the scripted SMSC of `rig`. Time is virtual."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from trio.testing import MockClock

from smppd import events, ports
from smppd.link import reading
from smppd.smpp.pdu import AlertNotification, DataSm, DeliverSm, SubmitSm, Unbind
from smppd.smpp.session import SessionState
from tests.link.rig import RECEIPT, Rig, parts, receipt

# ── window, room, answers ────────────────────────────────────────────────────────────────────


async def test_submits_fill_the_window_and_no_more(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(window=10)
    rig.smsc.answering = False
    assert link.room == 20
    link.submit(parts(20))
    await rig.until(lambda: len(rig.smsc.submits) == 10)
    await trio.testing.wait_all_tasks_blocked()
    assert len(rig.smsc.submits) == 10
    assert link.room == 0
    assert link.figures().ready == 10


async def test_a_window_leaves_in_one_write(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(window=100)
    writes = rig.smsc.writes
    link.submit(parts(100))
    await rig.until(lambda: len(rig.outcomes) == 100)
    assert rig.smsc.writes == writes + 1


async def test_answers_free_slots_and_are_settled_in_order(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=10)
    rig.smsc.answering = False
    link.submit(parts(20))
    await rig.until(lambda: len(rig.smsc.submits) == 10)
    rig.smsc.calls[0].answer(3)
    await rig.until(lambda: len(rig.smsc.submits) == 13 and len(rig.outcomes) == 3)
    assert rig.outcomes == [ports.Answered(n, 0, 0, str(n)) for n in (1, 2, 3)]
    assert [pdu.short_message for pdu in rig.smsc.submits[-3:]] == [
        b"11.0 hi",
        b"12.0 hi",
        b"13.0 hi",
    ]


async def test_slots_are_filled_again_while_the_disk_is_slow(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=10)
    rig.smsc.answering = False
    link.submit(parts(20))
    await rig.until(lambda: len(rig.smsc.submits) == 10)
    rig.disk = trio.Event()
    rig.smsc.calls[0].answer()
    await rig.until(lambda: len(rig.smsc.submits) == 20)
    assert rig.outcomes == []


async def test_room_is_announced_when_half_a_window_is_worth_a_commit(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=10)
    rig.smsc.answering = False
    link.submit(parts(link.room))
    await rig.until(lambda: len(rig.smsc.submits) == 10)
    announced = trio.Event()

    async def wait() -> None:
        await link.wait_room()
        announced.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        rig.smsc.calls[0].answer(4)
        await rig.until(lambda: len(rig.outcomes) == 4)
        assert not announced.is_set()
        rig.smsc.calls[0].answer(1)
        await announced.wait()
    assert link.room == 5


async def test_there_is_no_room_before_a_bind(rig: Rig, autojump_clock: MockClock) -> None:
    rig.smsc.mute = True
    link = await rig.start(bound=0)
    await rig.until(lambda: rig.smsc.writes == 1)
    assert link.room == 0


async def test_a_receiver_takes_receipts_and_has_no_room(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(bind="receiver")
    rig.smsc.calls[0].deliver(receipt(1))
    await rig.until(lambda: rig.smsc.calls[0].answered() == [0])
    assert link.room == 0
    assert [found.message_id for found in rig.receipts] == ["1"]
    assert link.figures().sessions[0].state == "bound_rx"


async def test_refusals_are_settled_with_their_status_and_counted(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    rig.smsc.answering = False
    link.submit(parts(2))
    await rig.until(lambda: len(rig.smsc.submits) == 2)
    rig.smsc.calls[0].answer(1, status=0x58)
    rig.smsc.calls[0].answer(1, status=0x0B)
    await rig.until(lambda: len(rig.outcomes) == 2)
    assert rig.outcomes == [ports.Answered(1, 0, 0x58, ""), ports.Answered(2, 0, 0x0B, "")]
    figures = link.figures()
    assert (figures.answers, figures.throttled) == ({0x58: 1, 0x0B: 1}, 1)


async def test_a_part_that_fits_no_submit_sm_is_refused_here_and_the_rest_sent(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    unwritable, fine = parts(1, text=b"x" * 300), parts(1, first=2)
    link.submit([*unwritable, *fine])
    await rig.until(lambda: len(rig.outcomes) == 2)
    refused = next(outcome for outcome in rig.settled(ports.Answered) if outcome.msg_id == 1)
    assert refused.status == -1
    assert "short_message" in refused.message_id
    assert [pdu.short_message for pdu in rig.smsc.submits] == [b"2.0 hi"]


async def test_a_part_refused_here_is_settled_at_once(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start()
    link.submit(parts(1, text=b"x" * 300))
    await rig.until(lambda: len(rig.outcomes) == 1)
    assert trio.current_time() < 1


async def test_latency_and_submits_are_counted(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(window=4)
    rig.smsc.answering = False
    link.submit(parts(4))
    await rig.until(lambda: len(rig.smsc.submits) == 4)
    await trio.sleep(0.5)
    rig.smsc.calls[0].answer()
    await rig.until(lambda: len(rig.outcomes) == 4)
    figures = link.figures()
    assert figures.submitted == 4
    assert figures.latency.total == pytest.approx(2.0)
    assert figures.sessions[0].state == "bound_trx"
    assert figures.sessions[0].since == 1e9


# ── receipts and messages from handsets ──────────────────────────────────────────────────────


async def test_receipts_are_on_disk_before_they_are_acknowledged_in_order(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    call = rig.smsc.calls[0]
    rig.disk = trio.Event()
    call.deliver(receipt(1), receipt(2), receipt(3))
    await rig.until(lambda: rig.waiting_for_disk == 1)
    await trio.testing.wait_all_tasks_blocked()
    assert call.answered() == []
    rig.disk.set()
    await rig.until(lambda: call.answered() == [0, 1, 2])
    assert [found.message_id for found in rig.receipts] == ["1", "2", "3"]
    assert link.figures().receipts == {"delivered": 3}


async def test_messages_from_handsets_are_kept_and_acknowledged_in_order(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    call = rig.smsc.calls[0]
    hello, data = DeliverSm(short_message=b"hello"), DataSm(source_addr="34600000002")
    call.deliver(hello, receipt(1), data)
    await rig.until(lambda: call.answered() == [0, 1, 2])
    assert rig.messages == [hello, data]
    assert len(rig.receipts) == 1
    assert link.figures().received == 2


async def test_a_slow_disk_is_not_taken_for_a_silent_peer(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(enquire_link_interval=30, enquire_link_timeout=10)
    call = rig.smsc.calls[0]
    rig.smsc.mute = True
    await trio.sleep(31)
    rig.disk = trio.Event()
    call.say(DeliverSm(esm_class=0x04, short_message=RECEIPT % 1))
    await rig.until(lambda: rig.waiting_for_disk == 1)
    rig.smsc.mute = False
    call.speak()
    await trio.sleep(60)
    rig.disk.set()
    await trio.sleep(60)
    assert rig.of(events.LinkLost) == []


async def test_a_session_outlives_a_disk_that_is_slow_for_minutes(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(enquire_link_interval=30, enquire_link_timeout=10)
    rig.disk = trio.Event()
    rig.smsc.calls[0].deliver(receipt(1))
    await rig.until(lambda: rig.waiting_for_disk == 1)
    await trio.sleep(120)
    rig.disk.set()
    await rig.until(lambda: len(rig.receipts) == 1)
    await trio.sleep(120)
    assert rig.of(events.LinkLost) == []


async def test_what_is_heard_while_the_disk_is_slow_is_settled_after_it_in_order(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=4)
    rig.smsc.answering = False
    link.submit(parts(8))
    await rig.until(lambda: len(rig.smsc.submits) == 4)
    call = rig.smsc.calls[0]
    rig.disk = trio.Event()
    for seconds in (0, 5, 5, 5):
        await trio.sleep(seconds)
        call.answer(1)
    await trio.testing.wait_all_tasks_blocked()
    assert (link.figures().in_flight, rig.outcomes) == (1, [])
    assert len(rig.smsc.submits) == 5  # nothing more before that is settled
    rig.smsc.answering = True
    rig.disk.set()
    await rig.until(lambda: len(rig.outcomes) == 8)
    settled = [outcome.msg_id for outcome in rig.settled(ports.Answered)]
    assert settled[:4] == [1, 2, 3, 4]
    assert sorted(settled) == list(range(1, 9))


@pytest.mark.parametrize("how", ["drop", "say_garbage"])
async def test_an_end_heard_while_the_disk_is_slow_comes_after_the_answers_before_it(
    rig: Rig, autojump_clock: MockClock, how: str
) -> None:
    link = await rig.start(window=4)
    rig.smsc.answering = False
    link.submit(parts(4))
    await rig.until(lambda: len(rig.smsc.submits) == 4)
    call = rig.smsc.calls[0]
    rig.disk = trio.Event()
    call.answer(1)
    await trio.sleep(5)
    call.answer(2)
    getattr(call, how)()
    await trio.sleep(5)
    assert rig.of(events.LinkLost) == []
    rig.disk.set()
    await rig.until(lambda: bool(rig.of(events.LinkLost)))
    assert [outcome.msg_id for outcome in rig.settled(ports.Answered)] == [1, 2, 3]
    assert [outcome.msg_id for outcome in rig.settled(ports.Unanswered)] == [4]


async def test_no_more_is_heard_while_the_disk_is_slow_than_is_kept(
    rig: Rig, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smppd.link.standby.MOST_HEARD", 3)
    await rig.start()
    call = rig.smsc.calls[0]
    rig.disk = trio.Event()
    for number in range(8):
        call.deliver(receipt(number))
        await trio.sleep(5)
    assert len(call._receive._incoming._data) > 100  # left where the SMSC can see it
    rig.disk.set()
    await rig.until(lambda: len(call.answered()) == 8)
    assert [found.message_id for found in rig.receipts] == [str(n) for n in range(8)]


async def test_what_has_no_answer_is_an_oddity(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start()
    call = rig.smsc.calls[0]
    for _ in range(30):
        call.session.notify(AlertNotification(source_addr="1", esme_addr="2"))
    call.speak()
    await rig.until(lambda: link.figures().oddities == 30)
    told = rig.of(events.ProtocolOddity)
    assert len(told) == 20
    assert "alert_notification" in told[0].what
    assert "only counted" in told[-1].what


# ── when answers or octets do not come ───────────────────────────────────────────────────────


async def test_no_answer_in_time_is_unanswered_and_a_late_one_still_counts(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=2, response_timeout=60)
    rig.smsc.answering = False
    link.submit(parts(3))
    await rig.until(lambda: len(rig.outcomes) == 2)
    assert trio.current_time() == pytest.approx(60, abs=0.1)
    assert {type(outcome) for outcome in rig.outcomes} == {ports.Unanswered}
    await rig.until(lambda: len(rig.smsc.submits) == 3)
    rig.smsc.calls[0].answer(1)
    await rig.until(lambda: len(rig.outcomes) == 3)
    assert rig.outcomes[-1] == ports.Answered(1, 0, 0, "1", late=True)
    figures = link.figures()
    assert (figures.unanswered, figures.late, figures.in_flight) == (2, 1, 1)
    assert rig.of(events.LinkLost) == []


async def test_answers_that_are_missing_are_told_once_a_minute_with_how_many_there_were(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=2, response_timeout=10)
    rig.smsc.answering = False
    link.submit(parts(8))
    await rig.until(lambda: len(rig.outcomes) == 8)
    assert sum(told.count for told in rig.of(events.AnswersMissing)) <= 2
    rig.smsc.calls[0].drop()  # what that leaves in doubt is told with the loss
    await rig.until(lambda: bool(rig.of(events.LinkLost)))
    await trio.sleep(60)
    link.submit(parts(2, first=20))
    await rig.until(lambda: len(rig.outcomes) == 10)
    told = rig.of(events.AnswersMissing)
    assert (len(told), sum(each.count for each in told)) == (2, 10)


async def test_losses_of_late_are_counted_and_forgotten(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(reconnect_max=1)
    for _ in range(3):
        bound = len(rig.of(events.LinkBound))
        rig.smsc.calls[-1].drop()
        await rig.until(partial(lambda before: len(rig.of(events.LinkBound)) > before, bound))
    assert link.figures().lost_lately == 3
    await trio.sleep(600)
    assert (link.figures().lost_lately, link.figures().losses) == (0, 3)


async def test_a_response_timeout_shorter_than_the_link_check_is_kept(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(response_timeout=3, enquire_link_interval=30)
    rig.smsc.answering = False
    await trio.sleep(5)
    link.submit(parts(1))
    await rig.until(lambda: len(rig.outcomes) == 1)
    assert trio.current_time() == pytest.approx(8, abs=0.1)


async def test_a_drop_leaves_every_outstanding_part_unanswered_and_returns_the_rest(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=10)
    rig.smsc.answering = False
    link.submit(parts(20))
    await rig.until(lambda: len(rig.smsc.submits) == 10)
    rig.smsc.calls[0].drop()
    await rig.until(lambda: len(rig.outcomes) == 20)
    assert [outcome.msg_id for outcome in rig.settled(ports.Unanswered)] == list(range(1, 11))
    assert [outcome.msg_id for outcome in rig.settled(ports.Returned)] == list(range(11, 21))
    await rig.until(lambda: bool(rig.of(events.LinkLost)))
    lost = rig.of(events.LinkLost)[0]
    assert lost.in_doubt == 10
    assert "a:2775" in lost.reason
    await rig.until(lambda: len(rig.of(events.LinkBound)) == 2)
    rig.smsc.answering = True
    link.submit(parts(1, first=30))
    await rig.until(lambda: len(rig.outcomes) == 21)
    assert len(rig.smsc.submits) == 11
    assert link.figures().losses == 1


async def test_answers_that_came_with_the_end_of_the_stream_count(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=10)
    rig.smsc.answering = False
    link.submit(parts(10))
    await rig.until(lambda: len(rig.smsc.submits) == 10)
    rig.smsc.calls[0].answer(7)
    rig.smsc.calls[0].drop()
    await rig.until(lambda: len(rig.outcomes) == 10)
    assert len(rig.settled(ports.Answered)) == 7
    assert len(rig.settled(ports.Unanswered)) == 3


async def test_parts_handed_over_after_the_link_was_lost_come_back(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    rig.smsc.calls[0].drop()
    await rig.until(lambda: bool(rig.of(events.LinkLost)))
    link.submit(parts(2, segments=2))
    await rig.until(lambda: len(rig.outcomes) == 4)
    assert rig.outcomes == [ports.Returned(msg_id, index) for msg_id in (1, 2) for index in (0, 1)]


async def test_a_peer_that_stops_reading_is_given_up(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(window=10, enquire_link_interval=300)
    rig.smsc.deaf = True
    link.submit(parts(10))
    await rig.until(lambda: len(rig.outcomes) == 10)
    assert trio.current_time() == pytest.approx(30, abs=0.1)
    assert len(rig.settled(ports.Unanswered)) == 10
    await rig.until(lambda: bool(rig.of(events.LinkLost)))
    lost = rig.of(events.LinkLost)[0]
    assert "has not read for 30 s" in lost.reason


async def test_a_silent_peer_is_given_up_after_the_link_check(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(enquire_link_interval=30, enquire_link_timeout=10)
    rig.smsc.mute = True
    await rig.until(lambda: bool(rig.of(events.LinkLost)))
    assert trio.current_time() == pytest.approx(40, abs=0.1)


async def test_an_answer_that_has_arrived_is_read_before_its_time_is_over(
    rig: Rig, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_SIZE", 20)
    link = await rig.start(window=4, response_timeout=10)
    rig.smsc.answering = False
    link.submit(parts(1))
    await rig.until(lambda: len(rig.smsc.submits) == 1)
    call = rig.smsc.calls[0]
    call.say(DeliverSm(short_message=b"in several pieces"))
    call.answer(1)
    autojump_clock.jump(15)  # something else has kept the daemon
    await rig.until(lambda: len(rig.outcomes) == 1)
    assert [outcome.msg_id for outcome in rig.settled(ports.Answered)] == [1]


async def test_a_broken_stream_ends_in_one_line_with_its_cause(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(enquire_link_interval=30)
    call = rig.smsc.calls[0]
    call.break_down(ConnectionResetError(104, "Connection reset by peer"))
    link.submit(parts(1))
    await rig.until(lambda: bool(rig.of(events.LinkLost)))
    assert rig.of(events.LinkLost)[0].reason == (
        "a:2775: the connection broke: Connection reset by peer"
    )
    assert rig.settled(ports.Unanswered)[0].msg_id == 1


async def test_answers_that_arrived_before_a_write_failed_count(
    rig: Rig, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = await rig.start(window=4)
    rig.smsc.answering = False
    link.submit(parts(4))
    await rig.until(lambda: len(rig.smsc.submits) == 4)
    call = rig.smsc.calls[0]
    rig.disk = trio.Event()
    call.answer(1)
    await rig.until(lambda: rig.waiting_for_disk == 1)
    monkeypatch.setattr(reading, "READ_SIZE", 20)
    call.answer(2)
    call.break_down(ConnectionResetError(104, "Connection reset by peer"))
    link.submit(parts(1, first=5))
    await trio.testing.wait_all_tasks_blocked()
    rig.disk.set()
    await rig.until(lambda: len(rig.outcomes) == 5)
    assert [outcome.msg_id for outcome in rig.settled(ports.Answered)] == [1, 2, 3]
    assert [outcome.msg_id for outcome in rig.settled(ports.Unanswered)] == [4, 5]


async def test_garbage_is_answered_and_ends_the_session(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    call = rig.smsc.calls[0]
    call.say_garbage()
    await rig.until(lambda: bool(rig.of(events.LinkLost)))
    assert "out of step" in rig.of(events.LinkLost)[0].reason
    assert call.session.state is SessionState.CLOSED  # generic_nack to nothing outstanding


# ── binding ──────────────────────────────────────────────────────────────────────────────────


async def test_a_bound_session_is_announced(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start()
    assert rig.events == [
        events.LinkConnecting("main", 1, "a:2775"),
        events.LinkBound("main", 1, "a:2775", "transceiver", "SMSC"),
    ]
    assert link.figures().bound == 1


async def test_a_wrong_password_is_tried_ever_more_seldom_until_it_is_right(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.bind_status = 0x0E
    await rig.start(bound=0)
    await rig.until(lambda: len(rig.of(events.BindRefused)) == 5)
    refusals = rig.of(events.BindRefused)
    bases = [60, 120, 240, 480, 900]
    for refusal, base in zip(refusals, bases, strict=True):
        assert base <= refusal.retry_in <= min(900, base * 1.1 + 0.1)
        assert refusal.status_name == "ESME_RINVPASWD"
        assert "password_file" in refusal.hint
    assert sum(at < 600 for at, _ in rig.smsc.dialled) == 4
    assert rig.of(events.LinkLost) == []
    rig.smsc.bind_status = 0
    await rig.until(lambda: bool(rig.of(events.LinkBound)))
    assert rig.link.figures().bind_refusals == 5


async def test_already_bound_is_tried_again_after_half_a_minute_or_more(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.bind_status = 0x05
    await rig.start(bound=0)
    await rig.until(lambda: len(rig.of(events.BindRefused)) == 3)
    assert all(30 <= refusal.retry_in <= 60 for refusal in rig.of(events.BindRefused))
    assert [alert.state for alert in rig.of(events.BindNeedsOperator)] == ["already_bound"]
    rig.smsc.bind_status = 0
    await rig.until(lambda: bool(rig.of(events.LinkBound)))


async def test_ten_sessions_try_a_wrong_password_no_more_often_than_one(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.bind_status = 0x0E
    link = await rig.start(bound=0, sessions=10, hosts=(("a", 2775), ("b", 2775)))
    await trio.sleep(600)
    assert len(rig.smsc.dialled) == 4
    assert (link.figures().bind_state, link.figures().bound) == ("auth_failed", 0)
    (alert,) = rig.of(events.BindNeedsOperator)
    assert (alert.status_name, alert.state) == ("ESME_RINVPASWD", "auth_failed")
    rig.smsc.bind_status = 0
    await rig.until(lambda: link.figures().bound == 10)
    assert trio.current_time() < 600 + 480 * 1.1
    assert link.figures().bind_state == "bound"


async def test_a_session_too_many_does_not_keep_the_others_out(
    rig: Rig, autojump_clock: MockClock
) -> None:
    """Some SMSCs answer ESME_RBINDFAIL to more sessions than the account may have."""
    rig.smsc.most_binds, rig.smsc.bind_status = 2, 0x0D
    link = await rig.start(bound=2, sessions=3)
    await rig.until(lambda: bool(rig.of(events.BindRefused)))
    await trio.sleep(40)
    rig.smsc.bound_calls()[0].drop()
    await rig.until(lambda: len(rig.of(events.LinkBound)) == 3)
    assert trio.current_time() < 45
    assert link.figures().bind_state == "auth_failed"


@pytest.mark.parametrize("status", [0x03, 0x53, 0x101])
async def test_what_only_people_put_right_is_tried_seldom_and_told_once(
    rig: Rig, autojump_clock: MockClock, status: int
) -> None:
    rig.smsc.bind_status = status
    link = await rig.start(bound=0)
    await rig.until(lambda: len(rig.of(events.BindRefused)) == 3)
    assert all(30 <= refusal.retry_in <= 60 for refusal in rig.of(events.BindRefused))
    assert len(rig.of(events.BindNeedsOperator)) == 1
    assert link.figures().bind_state == "operator"


async def test_a_trouble_of_the_smsc_is_tried_again_soon(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.bind_status = 0x08
    link = await rig.start(bound=0)
    await rig.until(lambda: len(rig.of(events.BindRefused)) == 2)
    assert all(1 <= refusal.retry_in <= 4 for refusal in rig.of(events.BindRefused))
    assert rig.of(events.BindNeedsOperator) == []
    assert link.figures().bind_state == "retry_later"


async def test_a_host_that_refuses_gives_way_to_the_next(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.bind_status = 0x08
    await rig.start(bound=0, hosts=(("a", 2775), ("b", 2776)))
    await rig.until(lambda: len(rig.of(events.BindRefused)) == 3)
    assert [address for _, address in rig.smsc.dialled] == ["a:2775", "b:2776", "a:2775"]


async def test_no_answer_to_the_bind_is_given_up(rig: Rig, autojump_clock: MockClock) -> None:
    rig.smsc.mute = True
    await rig.start(bound=0, bind_timeout=30)
    await rig.until(lambda: bool(rig.of(events.LinkLost)))
    assert trio.current_time() == pytest.approx(30, abs=0.1)
    assert "check host and port" in rig.of(events.LinkLost)[0].reason


async def test_a_peer_that_drops_every_session_is_not_stormed(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(bound=0)
    while trio.current_time() < 60:
        await rig.until(lambda: bool(rig.link.figures().bound))
        rig.smsc.calls[-1].drop()
        await rig.until(lambda: not rig.link.figures().bound)
    assert sum(at <= 60 for at, _ in rig.smsc.dialled) <= 10


async def test_a_session_that_held_is_replaced_soon(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    for bound in range(2, 5):
        await trio.sleep(31)
        rig.smsc.calls[-1].drop()
        await rig.until(lambda bound=bound: len(rig.of(events.LinkBound)) == bound)  # type: ignore[misc]
    assert all(lost.retry_in <= 2 for lost in rig.of(events.LinkLost))


async def test_an_unreachable_host_is_passed_over_for_the_next(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.unreachable = {"a"}
    link = await rig.start(hosts=(("a", 2775), ("b", 2776)))
    assert [address for _, address in rig.smsc.dialled] == ["a:2775", "b:2776"]
    assert rig.of(events.LinkLost) == []
    assert link.figures().sessions[0].address == "b:2776"


async def test_when_no_host_is_reachable_one_line_says_why_and_it_goes_on(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.unreachable = {"a", "b"}
    link = await rig.start(bound=0, hosts=(("a", 2775), ("b", 2776)))
    await rig.until(lambda: len(rig.of(events.LinkLost)) == 3)
    lost = rig.of(events.LinkLost)[0]
    assert "a:2775 refuses connections" in lost.reason
    assert "b:2776 refuses connections" in lost.reason
    assert len(rig.smsc.dialled) == 6
    assert (link.figures().losses, link.figures().last_error) == (0, lost.reason)
    assert link.figures().last_error_at is not None
    rig.smsc.unreachable = set()
    await rig.until(lambda: bool(rig.of(events.LinkBound)))


async def test_a_host_that_drops_at_once_gives_way_to_the_next(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(hosts=(("a", 2775), ("b", 2776)))
    rig.smsc.calls[0].drop()
    await rig.until(lambda: len(rig.of(events.LinkBound)) == 2)
    assert rig.of(events.LinkBound)[1].address == "b:2776"


async def test_after_an_unbind_of_the_smsc_late_answers_are_awaited(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=5)
    rig.smsc.answering = False
    link.submit(parts(5))
    await rig.until(lambda: len(rig.smsc.submits) == 5)
    call = rig.smsc.calls[0]
    call.say(Unbind())
    await trio.sleep(2)
    assert link.room == 0
    call.answer(3)
    await rig.until(lambda: len(rig.of(events.LinkLost)) == 1)
    assert len(rig.settled(ports.Answered)) == 3
    assert len(rig.settled(ports.Unanswered)) == 2
    assert trio.current_time() == pytest.approx(10, abs=0.1)
    lost = rig.of(events.LinkLost)[0]
    assert lost.in_doubt == 2
    assert "unbound" in lost.reason
    await rig.until(lambda: len(rig.of(events.LinkBound)) == 2)


async def test_an_idle_session_unbound_by_the_smsc_is_replaced_within_seconds(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(bound=0)
    await rig.until(lambda: bool(rig.of(events.LinkBound)))
    rig.smsc.calls[0].say(Unbind())
    await rig.until(lambda: len(rig.of(events.LinkBound)) == 2)
    assert trio.current_time() < 5


# ── pace, long messages, several sessions ────────────────────────────────────────────────────


async def test_the_rate_counts_parts_over_all_sessions(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(rate=20, sessions=2, bound=2, window=100)
    link.submit(parts(60, segments=2))
    await rig.until(lambda: len(rig.outcomes) == 120)
    times = rig.smsc.submitted_at
    for index, at in enumerate(times):
        assert index + 1 <= 2 + 20 * at + 0.01
    assert times[-1] == pytest.approx(118 / 20, abs=0.1)


async def test_a_message_whose_time_passes_while_it_waits_for_the_pace_goes_back(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(rate=1, window=10)
    soon = 1e9 + trio.current_time() + 3.5
    waiting = parts(5, segments=2)
    for part in waiting:
        part.message.expires = soon
    link.submit(waiting)
    await rig.until(lambda: len(rig.outcomes) == 10)
    assert rig.smsc.submitted_at[-1] <= 5  # the message begun in time was finished
    returned = [(part.msg_id, part.part) for part in rig.settled(ports.Returned)]
    assert returned == [(n, index) for n in (3, 4, 5) for index in (0, 1)]


async def test_what_goes_back_because_its_time_is_over_makes_room(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(rate=2, window=10, enquire_link_interval=3600.0)
    link.submit(parts(1))
    await rig.until(lambda: len(rig.outcomes) == 1)
    waiting = parts(2, first=2)
    for part in waiting:
        part.message.expires = 1e9 + trio.current_time() + 0.1
    link.submit(waiting)
    with trio.fail_after(10):
        await link.wait_room()
    await rig.until(lambda: len(rig.settled(ports.Returned)) == 2)


async def test_no_more_parts_are_wanted_than_the_pace_lets_go_in_a_second(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(rate=5, window=100)
    assert link.room == 5
    with trio.fail_after(1):
        await link.wait_room()
    link.submit(parts(5))
    await rig.until(lambda: len(rig.outcomes) == 5)


async def test_parts_of_a_message_leave_in_order_on_one_session(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(sessions=3, bound=3, window=2)
    rig.smsc.answering = False
    carried: dict[bytes, list[tuple[int, bytes]]] = {}
    link.submit(parts(6, segments=5)[:18])
    seen = 0
    while seen < 18:
        for number, call in enumerate(rig.smsc.calls):
            for received in call.submits:
                assert isinstance(received.pdu, SubmitSm)
                msg_id, index = received.pdu.short_message.split()[0].split(b".")
                carried.setdefault(msg_id, []).append((number, index))
                seen += 1
            call.answer()
        await trio.testing.wait_all_tasks_blocked()
    for journey in carried.values():
        assert len({number for number, _ in journey}) == 1
        assert [index for _, index in journey] == sorted(index for _, index in journey)
    assert len(carried) == 4


async def test_what_is_urgent_goes_ahead_of_what_no_session_has_begun_in_its_own_order(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=2)
    rig.smsc.answering = False
    bulk, urgent = (
        parts(9),
        [part for n in (21, 22, 23) for part in parts(n, segments=2) if part.msg_id == n],
    )
    link.submit(bulk[:4])
    await rig.until(lambda: len(rig.smsc.submits) == 2)
    link.submit([*urgent[:2], bulk[4]], 2)
    link.submit(urgent[2:4], 2)
    link.submit([bulk[5]])
    link.submit(urgent[4:], 2)
    while link.figures().ready or link.figures().in_flight:
        rig.smsc.calls[0].answer()
        await trio.testing.wait_all_tasks_blocked()
    sent = [pdu.short_message.split()[0].decode() for pdu in rig.smsc.submits]
    assert sent == [
        *("1.0", "2.0"),
        *("21.0", "21.1", "22.0", "22.1", "23.0", "23.1"),
        *("3.0", "4.0", "5.0", "6.0"),
    ]


async def test_several_sessions_share_the_work(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(sessions=3, bound=3, window=10)
    rig.smsc.answering = False
    assert link.room == 60
    link.submit(parts(30))
    await rig.until(lambda: len(rig.smsc.submits) == 30)
    assert [len(call.submits) for call in rig.smsc.calls] == [10, 10, 10]
    assert link.figures().bound == 3


async def test_when_one_session_is_lost_the_others_take_what_was_not_written(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(sessions=2, bound=2, window=3)
    rig.smsc.answering = False
    link.submit(parts(4, segments=5))
    await rig.until(lambda: len(rig.smsc.submits) == 6)
    lost, kept = rig.smsc.calls
    lost.drop()
    await rig.until(lambda: len(rig.settled(ports.Unanswered)) == 3)
    rig.smsc.answering = True
    kept.answer()
    await rig.until(lambda: len(rig.outcomes) == 20)
    assert rig.settled(ports.Returned) == []
    assert len(rig.settled(ports.Answered)) == 17


async def test_the_rest_of_a_message_goes_on_at_once_when_its_session_is_lost(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(sessions=2, bound=2, window=3)
    rig.smsc.answering = False
    link.submit(parts(1, segments=5))
    await rig.until(lambda: len(rig.smsc.submits) == 3)
    next(call for call in rig.smsc.calls if call.submits).drop()
    await rig.until(lambda: len(rig.smsc.submits) == 5)
    assert trio.current_time() < 1
    assert [pdu.short_message for pdu in rig.smsc.submits[3:]] == [b"1.3 hi", b"1.4 hi"]


# ── drain ────────────────────────────────────────────────────────────────────────────────────


async def test_drain_waits_for_answers_and_leaves_nothing_in_doubt(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=10)
    rig.smsc.answering = False
    link.submit(parts(15))
    await rig.until(lambda: len(rig.smsc.submits) == 10)
    call = rig.smsc.calls[0]

    async def answer_later() -> None:
        await trio.sleep(2)
        call.deliver(receipt(1))
        call.answer()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer_later)
        await link.drain()
    await rig.until(lambda: rig.ran)
    assert trio.current_time() == pytest.approx(2, abs=0.1)
    assert rig.settled(ports.Unanswered) == []
    assert len(rig.settled(ports.Answered)) == 10
    assert [outcome.msg_id for outcome in rig.settled(ports.Returned)] == [11, 12, 13, 14, 15]
    assert call.answered() == [0]
    assert rig.events[-1] == events.LinkUnbound("main", 1)
    assert call.closed_at is not None


async def test_drain_ends_only_when_the_answers_are_on_disk(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    rig.disk = trio.Event()
    link.submit(parts(1))
    await rig.until(lambda: rig.waiting_for_disk == 1)

    async def free_the_disk() -> None:
        await trio.sleep(20)
        assert rig.of(events.LinkUnbound) == []
        rig.disk.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(free_the_disk)
        await link.drain()
    assert len(rig.settled(ports.Answered)) == 1
    assert trio.current_time() == pytest.approx(20, abs=0.1)


async def test_what_has_no_answer_when_the_drain_is_over_is_unanswered(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=2, drain_timeout=5)
    rig.smsc.answering = False
    link.submit(parts(1, segments=3))
    await rig.until(lambda: len(rig.smsc.submits) == 2)
    await link.drain()
    assert trio.current_time() == pytest.approx(5, abs=0.1)
    assert len(rig.settled(ports.Unanswered)) == 2
    assert rig.settled(ports.Returned) == [ports.Returned(1, 2)]
    lost = rig.of(events.LinkLost)[-1]
    assert lost.in_doubt == 2
    assert "drain_timeout" in lost.reason


async def test_drain_finishes_a_message_that_was_begun(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start(window=2)
    rig.smsc.answering = False
    link.submit(parts(2, segments=3))
    await rig.until(lambda: len(rig.smsc.submits) == 2)

    async def answer_all() -> None:
        await trio.sleep(1)
        rig.smsc.answering = True
        rig.smsc.calls[0].answer()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer_all)
        await link.drain()
    assert {outcome.msg_id for outcome in rig.settled(ports.Answered)} == {1}
    assert len(rig.settled(ports.Answered)) == 3
    assert {outcome.msg_id for outcome in rig.settled(ports.Returned)} == {2}


async def test_drain_waits_for_the_pace_to_let_a_message_begun_go_out(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(rate=1)
    link.submit(parts(1, segments=3))
    await rig.until(lambda: len(rig.outcomes) == 1)
    await link.drain()
    assert rig.outcomes == [ports.Answered(1, index, 0, str(index + 1)) for index in range(3)]
    assert trio.current_time() == pytest.approx(2, abs=0.1)


async def test_drain_does_not_wait_for_ever_for_the_answer_to_its_unbind(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    rig.smsc.mute = True
    await link.drain()
    assert trio.current_time() == pytest.approx(5, abs=0.1)


async def test_drain_interrupts_a_wait_for_the_next_attempt(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.bind_status = 0x0E
    link = await rig.start(bound=0)
    await rig.until(lambda: bool(rig.of(events.BindRefused)))
    await link.drain()
    await rig.until(lambda: rig.ran)
    assert trio.current_time() < 1


async def test_drain_interrupts_a_bind(rig: Rig, autojump_clock: MockClock) -> None:
    rig.smsc.mute = True
    link = await rig.start(bound=0)
    await rig.until(lambda: rig.smsc.writes == 1)
    await link.drain()
    assert trio.current_time() < 1
    assert rig.smsc.calls[0].closed_at is not None


async def test_drain_without_traffic_unbinds_every_session(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(sessions=3, bound=3)
    await link.drain()
    assert len(rig.of(events.LinkUnbound)) == 3
    assert link.room == 0
    assert {session.state for session in link.figures().sessions} == {"closed"}


async def test_parts_handed_over_while_draining_come_back(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start(window=1)
    rig.smsc.answering = False
    link.submit(parts(1))
    await rig.until(lambda: len(rig.smsc.submits) == 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.drain)
        await trio.testing.wait_all_tasks_blocked()
        link.submit(parts(1, first=2))
        await rig.until(lambda: rig.settled(ports.Returned) == [ports.Returned(2, 0)])
        rig.smsc.calls[0].answer()
    assert len(rig.settled(ports.Answered)) == 1


async def test_a_cancelled_link_closes_its_connections(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        rig = Rig(nursery)
        link = await rig.start(sessions=2, bound=2)
        rig.smsc.answering = False
        link.submit(parts(3))
        await rig.until(lambda: len(rig.smsc.submits) == 3)
        nursery.cancel_scope.cancel()
    assert all(call.closed_at is not None for call in rig.smsc.calls)
