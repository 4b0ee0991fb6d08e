"""Settlement: what every answer makes of a message, in whatever order answers come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from smppd.message import ErrorInfo, State
from smppd.ports import UNENCODABLE, Answered, Unanswered
from smppd.smpp.pdu import DeliverSm
from smppd.smpp.vocabulary import CommandStatus

if TYPE_CHECKING:
    from trio.testing import MockClock

    from tests.pipeline.conftest import Bench

quiet = trio.testing.wait_all_tasks_blocked

SYSERR = CommandStatus.ESME_RSYSERR
THROTTLED = CommandStatus.ESME_RTHROTTLED
BAD_NUMBER = CommandStatus.ESME_RINVDSTADR
#: A class of its own for each word of the configuration.
OVERRIDES = {0x401: "operator", 0x402: "reconnect", 0x403: "retry_later", 0x404: "permanent"}


# ── each answer ──────────────────────────────────────────────────────────────────────────────


async def test_an_answer_is_on_disk_when_settle_returns(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a"))
        await life.answer(part, message_id="abc")
        on_disk = life.reader.load()[0]
        assert dict(on_disk.message_ids.items()) == {"main\tabc": (part.msg_id, 0)}
        line = life.shown("a")
        assert (line.state, line.message_ids, line.attempts) == ("sent", ["abc"], 1)
        assert line.error is None


async def test_without_a_receipt_asked_for_an_answer_is_the_end(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a", receipt=False))
        await life.answer(part)
        assert life.accounts.entries == {}
        assert life.shown("a").done is not None


@pytest.mark.parametrize("status", [BAD_NUMBER, CommandStatus.ESME_RINVMSGLEN, 0x404, 0x7FF])
async def test_a_refusal_for_good_ends_a_message_with_the_status_in_its_result(
    bench: Bench, autojump_clock: MockClock, status: int
) -> None:
    bench.overrides = OVERRIDES
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a"))
        await life.answer(part, status)
        line = life.shown("a")
        assert (line.state, line.attempts) == ("failed", 1)
        assert line.error is not None
        assert line.error.status == status
        assert line.error.code == (
            status.name if isinstance(status, CommandStatus) else f"0x{status:08X}"
        )


@pytest.mark.parametrize(
    ("status", "delays"),
    [(SYSERR, [30.0, 60.0]), (0x403, [600.0, 600.0]), (CommandStatus.ESME_RX_T_APPN, [600.0] * 2)],
)
async def test_a_temporary_refusal_is_tried_again_until_the_attempts_are_used_up(
    bench: Bench, autojump_clock: MockClock, status: int, delays: list[float]
) -> None:
    bench.overrides = OVERRIDES
    async with bench.up() as life:
        await life.submit(bench.sms(id="a"))
        for delay in delays:
            await life.answer(life.wire.submitted[-1], status)
            assert life.due_in(life.wire.submitted[-1]) == pytest.approx(delay)
            assert life.states() == {"queued": 1}
            await trio.sleep(delay + 0.1)
        await life.answer(life.wire.submitted[-1], status)
        line = life.shown("a")
        assert (line.state, line.attempts) == ("failed", 3)
        assert line.possible_duplicate is False


async def test_a_throttled_message_goes_at_once_as_often_as_it_takes_and_uses_up_no_attempt(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.submit(bench.sms(id="a"))
        for n in range(6):
            await life.answer(life.wire.submitted[n], THROTTLED)
            await quiet()
        await life.answer(life.wire.submitted[6])
        line = life.shown("a")
        assert (line.state, line.attempts, line.possible_duplicate) == ("sent", 1, False)


async def test_what_cannot_be_encoded_fails_with_the_reason(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a"))
        life.wire.release(part)
        await life.settle(Answered(part.msg_id, 0, UNENCODABLE, "source_addr: too long"))
        line = life.shown("a")
        assert line.state == "failed"
        assert line.error == ErrorInfo("UNENCODABLE", None, "source_addr: too long")


async def test_messages_from_handsets_go_to_the_mailbox(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        message = DeliverSm(source_addr="34600000001", short_message=b"STOP")
        await life.settlement.keep("main", [message])
        assert life.tray.messages == [("main", message)]


# ── unknown outcomes ─────────────────────────────────────────────────────────────────────────


async def test_held_a_message_of_unknown_outcome_is_never_submitted_again(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a"))
        await life.lose(part)
        await trio.sleep(10_000)
        assert life.wire.submitted == [part]
        assert life.accounts.held == {part.msg_id}
        line = life.shown("a")
        assert line.state == "unknown"
        assert line.error == ErrorInfo("UNKNOWN_OUTCOME", None, "no answer")
    async with bench.up() as life:
        await trio.sleep(10_000)
        assert life.wire.submitted == []
        assert life.states() == {"unknown": 1}


async def test_given_up_a_message_of_unknown_outcome_has_failed(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a", on_unknown="fail"))
        await life.lose(part)
        line = life.shown("a")
        assert line.state == "failed"
        assert line.error == ErrorInfo("UNKNOWN_OUTCOME", None, "no answer")
        await life.answer(part, message_id="late", late=True)
        assert life.states() == {"failed": 1}


async def test_resent_a_message_says_that_it_may_come_twice(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a", on_unknown="resend"))
        await life.lose(part)
        await quiet()
        assert life.wire.submitted == [part, part]
        await life.answer(part)
        line = life.shown("a")
        assert (line.state, line.attempts, line.possible_duplicate) == ("sent", 2, True)
        assert line.error is None


async def test_resending_slows_down_but_never_gives_up(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a", on_unknown="resend"))
        for n in range(1, 30):
            if n == 20:  # some days later
                life.accounts.entries[part.msg_id].attempts = 5000
            await life.lose(part)
            await quiet()
            assert len(life.wire.submitted) == max(n, 2)
            await trio.sleep(601)
            assert len(life.wire.submitted) == n + 1
        await life.answer(part)
        assert life.shown("a").state == "sent"


async def test_what_was_on_its_way_when_the_daemon_died_is_judged_at_the_next_start(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.submit(
            bench.long_sms(2, id="hold"),
            bench.long_sms(2, id="resend", on_unknown="resend"),
            bench.long_sms(2, id="fail", on_unknown="fail"),
        )
    async with bench.up() as life:
        await quiet()
        assert life.texts(life.wire.submitted) == ["resend", "resend.1"]
        assert life.states() == {"unknown": 1, "sending": 1, "failed": 1}


async def test_of_a_long_message_only_the_parts_in_doubt_are_resent(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.long_sms(3, id="a", on_unknown="resend"))
        await life.answer(parts[0])
        await life.lose(parts[1])
        assert life.states() == {"sending": 1}
        await life.answer(parts[2])
        await quiet()
        assert life.texts(life.wire.submitted[3:]) == ["a.1"]
        await life.answer(parts[1])
        assert life.states() == {"sent": 1}


async def test_of_a_held_long_message_a_part_that_was_refused_for_now_still_goes(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.long_sms(2, id="a"))
        await life.lose(parts[0])
        await life.answer(parts[1], SYSERR)
        await trio.sleep(31)
        assert life.texts(life.wire.submitted[2:]) == ["a.1"]
        await life.answer(parts[1])
        assert life.states() == {"unknown": 1}
        assert life.accounts.held == {parts[0].msg_id}
        await life.answer(parts[0], late=True)
        assert life.states() == {"sent": 1}
        assert life.shown("a").possible_duplicate is False


async def test_an_operator_may_put_what_is_held_back_into_its_queue(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        held, sent = await life.submit(bench.sms(id="a"), bench.sms(id="b"))
        await life.lose(held)
        await life.answer(sent)
        ids = [held.msg_id, sent.msg_id, 77, held.msg_id]
        assert set(await life.desk.requeue(ids, "ana")) == {held.msg_id}
        await quiet()
        assert life.wire.submitted == [held, sent, held]
        assert life.shown("a").possible_duplicate
    async with bench.up() as life:
        assert life.shown("a").state == "unknown"


# ── late answers ─────────────────────────────────────────────────────────────────────────────


async def test_a_late_answer_settles_what_was_unknown(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a"))
        await life.lose(part)
        await life.answer(part, message_id="late", late=True)
        line = life.shown("a")
        assert (line.state, line.message_ids) == ("sent", ["late"])
        assert life.accounts.held == set()
        await life.receive(life.receipt("late"))
        assert life.states() == {"delivered": 1}


@pytest.mark.parametrize("receipt", [True, False])
@pytest.mark.parametrize("parts", [1, 2])
async def test_once_the_smsc_has_it_nothing_is_said_of_an_unknown_outcome(
    bench: Bench, autojump_clock: MockClock, receipt: bool, parts: int
) -> None:
    async with bench.up() as life:
        found = await life.submit(bench.long_sms(parts, id="a", receipt=receipt))
        for part in found:
            await life.lose(part)
        for part in found:
            await life.answer(part, late=True)
        line = life.shown("a")
        assert line.state == "sent"
        assert line.error is None


async def test_a_late_refusal_for_now_sends_a_held_message_again(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a"))
        await life.lose(part)
        await life.answer(part, THROTTLED, late=True)
        assert life.states() == {"queued": 1}
        await trio.sleep(2)
        assert life.wire.submitted == [part, part]
        await life.answer(part)
        line = life.shown("a")
        assert (line.state, line.possible_duplicate, line.error) == ("sent", False, None)


async def test_a_late_refusal_for_good_fails_a_held_message(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a"))
        await life.lose(part)
        await life.answer(part, BAD_NUMBER, late=True)
        assert life.states() == {"failed": 1}
        assert life.accounts.held == set()


async def test_a_late_answer_spares_a_resend_that_has_not_left(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a", on_unknown="resend"))
        life.wire.open(0)
        await life.lose(part)
        await life.answer(part, message_id="late", late=True)
        life.wire.open(5)
        await trio.sleep(100)
        assert life.wire.submitted == [part]
        assert life.shown("a").state == "sent"


@pytest.mark.parametrize("status", [BAD_NUMBER, THROTTLED, SYSERR])
async def test_a_late_refusal_of_the_first_submission_is_not_one_of_the_second(
    bench: Bench, autojump_clock: MockClock, status: CommandStatus
) -> None:
    """The second is in flight: the message is neither given up nor submitted a third time."""
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a", on_unknown="resend"))
        await life.lose(part)
        await quiet()
        assert life.wire.in_flight == [part]
        await life.settle(Answered(part.msg_id, 0, status, "", late=True))
        assert life.states() == {"sending": 1}
        await trio.sleep(700)
        assert life.wire.submitted == [part, part]
        await life.answer(part, message_id="second")
        assert life.states() == {"sent": 1}
        await life.receive(life.receipt("second"))
        assert life.states() == {"delivered": 1}


async def test_both_message_ids_of_a_resent_message_lead_to_it(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a", on_unknown="resend"))
        await life.lose(part)
        await quiet()
        await life.answer(part, message_id="second")
        await life.settle(Answered(part.msg_id, 0, 0, "first", late=True))
        assert life.shown("a").message_ids == ["second", "first"]
        await life.receive(life.receipt("first"))
        assert life.shown("a").state == "delivered"
        await life.receive(life.receipt("second"))
        assert [receipt.id for receipt in life.tray.receipts] == ["a", "a"]


# ── long messages ────────────────────────────────────────────────────────────────────────────


async def test_one_part_refused_for_good_fails_the_whole_when_all_have_come_back(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.long_sms(3, id="a"))
        await life.answer(parts[1], BAD_NUMBER)
        assert life.states() == {"sending": 1}
        await life.answer(parts[0], SYSERR)
        await life.answer(parts[2])
        assert life.states() == {"failed": 1}
        line = life.shown("a")
        assert line.error is not None
        assert line.error.code == "ESME_RINVDSTADR"
        await trio.sleep(1000)
        assert len(life.wire.submitted) == 3


async def test_a_refusal_is_what_a_failed_message_reports_not_the_doubt_about_its_rest(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.long_sms(2, id="a"))
        await life.answer(parts[0], BAD_NUMBER)
        await life.lose(parts[1])
        line = life.shown("a")
        assert line.state == "failed"
        assert line.error is not None
        assert line.error.code == "ESME_RINVDSTADR"


@pytest.mark.parametrize("first", ["throttled", "returned"])
async def test_a_part_that_was_not_at_fault_does_not_take_an_attempt_from_one_that_was(
    bench: Bench, autojump_clock: MockClock, first: str
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.long_sms(2, id="a"))
        if first == "throttled":
            await life.answer(parts[0], THROTTLED)
        else:
            await life.give_back(parts[0])
        await life.answer(parts[1], SYSERR)
        assert life.due_in(parts[1]) >= 30.0 - 0.001
        await trio.sleep(31)
        assert life.texts(life.wire.submitted[2:]) == ["a", "a.1"]
        await life.answer(parts[0])
        await life.answer(parts[1], BAD_NUMBER)
        line = life.shown("a")
        assert (line.state, line.attempts) == ("failed", 2)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_a_part_that_was_throttled_beside_one_that_was_taken_uses_up_no_attempt(
    bench: Bench, autojump_clock: MockClock, order: tuple[int, int]
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.long_sms(2, id="a"))
        for index in order:
            await life.answer(parts[index], THROTTLED if index else 0)
        await trio.sleep(2)
        assert life.texts(life.wire.submitted[2:]) == ["a.1"]
        await life.answer(parts[1])
        line = life.shown("a")
        assert (line.state, line.attempts) == ("sent", 1)


async def test_a_long_message_that_is_refused_at_the_first_attempt_shows_one_attempt(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.long_sms(2, id="a"))
        await life.answer(parts[0], BAD_NUMBER)
        await life.give_back(parts[1])
        line = life.shown("a")
        assert (line.state, line.attempts) == ("failed", 1)


async def test_a_long_message_of_which_one_part_was_throttled_and_one_lost_shows_one_attempt(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.long_sms(2, id="a"))
        await life.answer(parts[0], THROTTLED)
        await life.lose(parts[1])
        await life.answer(parts[1], BAD_NUMBER, late=True)
        line = life.shown("a")
        assert (line.state, line.attempts) == ("failed", 1)


async def test_a_message_with_one_part_ever_throttled_and_one_refused_is_given_up_in_the_end(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.submit(bench.long_sms(2, id="a"))
        for _ in range(8):
            if not life.wire.in_flight:
                break
            for part in list(life.wire.in_flight):
                await life.answer(part, SYSERR if part.index else THROTTLED)
            await trio.sleep(700)
        assert life.states() == {"failed": 1}


async def test_a_part_refused_late_does_not_strand_the_part_that_waits_beside_it(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.long_sms(2, id="a"))
        await life.answer(parts[0], SYSERR)
        await life.lose(parts[1])
        await trio.sleep(10)
        await life.answer(parts[1], SYSERR, late=True)
        await trio.sleep(1000)
        assert sorted(life.texts(life.wire.submitted[2:])) == ["a", "a.1"]
        for part in list(life.wire.in_flight):
            await life.answer(part)
        assert life.states() == {"sent": 1}


async def test_a_late_answer_to_a_part_that_waits_beside_one_in_doubt(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """Resent as a whole: one part is refused for now, the other lost, then the first answers."""
    async with bench.up() as life:
        parts = await life.submit(bench.long_sms(2, id="a"))
        for part in parts:
            await life.lose(part)
        await life.desk.requeue([parts[0].msg_id], "ana")
        await quiet()
        assert life.texts(life.wire.submitted[2:]) == ["a", "a.1"]
        await life.answer(parts[0], SYSERR)
        await life.lose(parts[1])
        assert life.states() == {"queued": 1}
        await life.answer(parts[0], message_id="late", late=True)
        assert life.states() == {"unknown": 1}
        await trio.sleep(1000)
        assert len(life.wire.submitted) == 4


async def test_a_batch_that_holds_all_kinds_of_outcomes_is_settled_in_its_order(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await life.submit(*[bench.sms(id=f"{n}") for n in range(4)])
        for part in parts:
            life.wire.release(part)
        await life.settlement.settle(
            "main",
            [
                Answered(parts[0].msg_id, 0, 0, "x"),
                Unanswered(parts[1].msg_id, 0, "lost"),
                Answered(parts[2].msg_id, 0, BAD_NUMBER, ""),
                Answered(parts[1].msg_id, 0, 0, "y", late=True),
                Answered(parts[3].msg_id, 0, SYSERR, ""),
            ],
            [life.receipt("y"), life.receipt("x")],
        )
        assert life.states() == {"delivered": 2, "failed": 1, "queued": 1}
        assert [receipt.id for receipt in life.tray.receipts] == ["1", "0"]


# ── any sequence at all ──────────────────────────────────────────────────────────────────────


async def test_a_message_given_up_stays_given_up_whatever_comes_later(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a", on_unknown="fail"))
        await life.lose(part)
        for status in (0, BAD_NUMBER, THROTTLED, SYSERR):
            await life.settle(Answered(part.msg_id, 0, status, "z", late=True))
        await life.receive(life.receipt("z"))
        assert life.states() == {"failed": 1}
        assert life.accounts.counts[State.FAILED] == 1
        await trio.sleep(1000)
        assert life.wire.submitted == [part]
