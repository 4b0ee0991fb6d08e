"""Refusals: what they make of a message and of its link, and links that are paused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from smppd.events import LinkPaused, LinkResumed, RefusalsUnusual
from smppd.pipeline import refusals
from smppd.pipeline.suspicion import MANY, SAMPLE, SUSPECTS, Suspicion
from smppd.ports import Answered
from smppd.smpp.vocabulary import CommandStatus

if TYPE_CHECKING:
    from trio.testing import MockClock

    from smppd.message import Part
    from tests.pipeline.conftest import Bench, Life

quiet = trio.testing.wait_all_tasks_blocked

FULL = CommandStatus.ESME_RMSGQFUL
LOST = CommandStatus.ESME_RINVBNDSTS
SYSERR = CommandStatus.ESME_RSYSERR
BAD_NUMBER = CommandStatus.ESME_RINVDSTADR


async def answer_all(life: Life, parts: list[Part], status: int) -> None:
    """Refuse these in one batch, as a link that has read them at once."""
    for part in parts:
        life.wire.release(part)
    await life.settle(*(Answered(part.msg_id, part.index, status, "") for part in parts))


# ── messages ─────────────────────────────────────────────────────────────────────────────────


async def test_a_full_queue_holds_its_message_longer_each_time_and_counts_no_attempt(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.submit(bench.sms(id="a"))
        for delay in (30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0):
            part = life.wire.submitted[-1]
            await life.answer(part, FULL)
            assert life.due_in(part) == pytest.approx(delay)
            await trio.sleep(delay + 0.1)
        await life.answer(life.wire.submitted[-1])
        line = life.shown("a")
        assert (line.state, line.attempts) == ("sent", 1)
        assert life.reader.load(from_snapshot=False)[0].entries == life.accounts.entries


async def test_the_wait_of_a_long_message_grows_once_a_round_and_not_with_each_part(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.long_sms(3, id="a"))
        await answer_all(life, parts, FULL)
        await trio.sleep(30.1)
        await answer_all(life, life.wire.submitted[3:], FULL)
        assert life.due_in(parts[0]) == pytest.approx(60.0)


async def test_delays_are_drawn_out_by_chance(bench: Bench, autojump_clock: MockClock) -> None:
    bench.chance = 0.8
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a"))
        await life.answer(part, SYSERR)
        assert life.due_in(part) == pytest.approx(36.0)


async def test_a_message_that_could_only_go_after_its_time_expires_at_once(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        late, early = await life.submit(
            bench.sms(id="late", expires=20), bench.sms(id="early", expires=40)
        )
        await life.answer(late, SYSERR)
        await life.answer(early, SYSERR)
        assert life.states() == {"expired": 1, "queued": 1}
        error = life.shown("late").error
        assert error is not None
        assert (error.code, error.status) == ("EXPIRED", SYSERR)
        assert "ESME_RSYSERR" in error.text


async def test_a_long_message_expires_at_its_time_when_a_part_of_it_had_to_wait_too_long(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        first, second = await life.submit(bench.long_sms(2, id="a", expires=20))
        await life.answer(first, SYSERR)
        await life.answer(second)
        assert life.states() == {"queued": 1}
        await trio.sleep(20.1)
        assert life.states() == {"expired": 1}
        assert len(life.wire.submitted) == 2


async def test_a_poison_message_holds_up_nobody_and_comes_to_its_end(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=1) as life:
        await life.hand_in([bench.sms(id="poison"), *(bench.sms(id=f"{n}") for n in range(5))])
        await quiet()
        poison = life.wire.submitted[0].msg_id
        for _ in range(8):
            for part in list(life.wire.in_flight):
                await life.answer(part, SYSERR if part.msg_id == poison else 0)
            await trio.sleep(0.1)
        assert life.states() == {"sent": 5, "queued": 1}
        for _ in range(3):
            await trio.sleep(100)
            for part in list(life.wire.in_flight):
                await life.answer(part, SYSERR)
        assert life.states() == {"sent": 5, "failed": 1}
        assert life.shown("poison").attempts == 3


# ── the session is at fault ──────────────────────────────────────────────────────────────────


async def test_a_lost_session_is_opened_anew_once_and_what_it_refused_goes_again(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.sms(id="a"), bench.sms(id="b"))
        await answer_all(life, parts, LOST)
        await quiet()
        assert len(life.wire.reconnects) == 1
        assert "ESME_RINVBNDSTS" in life.wire.reconnects[0]
        assert life.texts(life.wire.submitted[2:]) == ["a", "b"]
        await life.answer(life.wire.submitted[2])
        assert life.shown("a").attempts == 1


async def test_a_link_does_not_reconnect_over_and_over_for_one_message(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.submit(bench.sms(id="a"))
        for _ in range(10):
            for part in list(life.wire.in_flight):
                await life.answer(part, LOST)
            await trio.sleep(1000)
        assert life.states() == {"failed": 1}
        assert life.shown("a").attempts == 3
        assert len(life.wire.reconnects) <= 3


async def test_a_link_still_reconnects_after_the_time_for_people_has_jumped_back(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.submit(bench.sms(id="a"))
        for _ in range(2):
            await life.answer(life.wire.in_flight[0], LOST)
            await quiet()
            bench.skew -= 3600
        assert len(life.wire.reconnects) == 2


async def test_a_link_does_not_reconnect_over_and_over_for_many_messages(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=1) as life:
        await life.hand_in([bench.sms(id=f"{n}") for n in range(50)])
        for _ in range(50):
            await quiet()
            await life.answer(life.wire.in_flight[0], LOST)
            await trio.sleep(0.1)
        assert len(life.wire.reconnects) == 1
        assert life.states() == {"queued": 50 - len(life.wire.in_flight)} | (
            {"sending": 1} if life.wire.in_flight else {}
        )


# ── the account is at fault ──────────────────────────────────────────────────────────────────


async def test_a_wrong_account_pauses_the_link_and_fails_nothing(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.overrides = {0x401: "operator"}
    async with bench.up(window=2) as life:
        await life.hand_in([bench.sms(id=f"{n}") for n in range(4)])
        await quiet()
        await answer_all(life, life.wire.submitted[:], 0x401)
        await trio.sleep(3600)
        assert life.states() == {"queued": 4}
        assert len(life.wire.submitted) == 2
        (event,) = [each for each in life.events if isinstance(each, LinkPaused)]
        assert event.link == "main"
        assert event.reason == (
            'a message was refused with 0x00000401: "operator" in [link.main.status]'
        )
        assert "smppd resume main" in event.hint
        assert life.refusals.resume("main", "uid 0")
        await quiet()
        assert life.texts(life.wire.submitted[2:]) == ["0", "1"]
        assert isinstance(life.events[-1], LinkResumed)


async def test_a_pause_outlives_the_daemon_from_facts_and_from_a_snapshot(
    bench: Bench, autojump_clock: MockClock
) -> None:
    for final in (False, True):
        async with bench.up() as life:
            life.refusals.pause("main", f"final {final}", "uid 7")
            await life.desk.commit()
            if final:
                await life.desk.checkpoint(final=True)
        async with bench.up() as life:
            assert life.wire.paused
            assert not life.wires["other"].paused
            pause = life.accounts.paused["main"]
            assert (pause.reason, pause.who) == (f"final {final}", "uid 7")
            await life.hand_in([bench.sms()], f"{final}.jsonl", token=f"{final}")
            await trio.sleep(60)
            assert life.wire.submitted == []
            assert life.refusals.resume("main", "uid 7")
            await life.desk.commit()
            await quiet()
            assert life.wire.submitted
            for part in list(life.wire.in_flight):
                await life.answer(part)
        async with bench.up() as life:
            assert not life.wire.paused


async def test_pausing_twice_and_resuming_what_runs_changes_nothing(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        assert not life.refusals.resume("main", "uid 0")
        assert life.refusals.pause("main", "first", "uid 0")
        assert not life.refusals.pause("main", "second", "uid 1")
        assert life.accounts.paused["main"].reason == "first"


# ── statuses that nobody knows ───────────────────────────────────────────────────────────────


async def test_an_odd_status_fails_its_message_and_stops_nothing(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        lines = [bench.sms(id=f"{n}") for n in range(100)]
        for n, part in enumerate(await life.submit(*lines)):
            await life.answer(part, 0x433 if n % 3 == 0 else 0)
        assert life.states() == {"failed": 34, "sent": 66}
        assert not life.wire.paused
        (event,) = [each for each in life.events if isinstance(each, RefusalsUnusual)]
        assert (event.status, event.count) == (0x433, MANY + 1)


@pytest.mark.parametrize("at_once", [True, False])
async def test_when_most_answers_are_unknown_the_link_pauses_and_the_spool_is_not_burnt(
    bench: Bench, autojump_clock: MockClock, at_once: bool
) -> None:
    async with bench.up() as life:
        parts = await life.submit(*(bench.sms(id=f"{n}") for n in range(200)))
        assert len(parts) == 100
        life.wire.open(0)
        for lot in [parts] if at_once else [[part] for part in parts]:
            await answer_all(life, lot, 0x433)
        await trio.sleep(60)
        assert life.states() == {"failed": SUSPECTS, "queued": 200 - SUSPECTS}
        assert life.wire.paused
        life.wire.open(200)
        await quiet()
        assert len(life.wire.submitted) == 100
        life.refusals.resume("main", "uid 0")
        await quiet()
        for part in list(life.wire.in_flight):
            await life.answer(part)
        assert life.shown("50").state == "sent"
        assert life.shown("50").attempts == 1


async def test_a_wrong_configuration_is_told_at_once_and_pauses_the_link_when_most_fail(
    bench: Bench, autojump_clock: MockClock
) -> None:
    status = CommandStatus.ESME_RINVESMCLASS
    async with bench.up() as life:
        parts = await life.submit(*(bench.sms(id=f"{n}") for n in range(30)))
        await life.answer(parts[0], status)
        (event,) = [each for each in life.events if isinstance(each, RefusalsUnusual)]
        assert (event.status_name, event.count) == ("ESME_RINVESMCLASS", 1)
        assert event.hint
        await answer_all(life, parts[1:], status)
        assert life.wire.paused
        assert life.states() == {"failed": SUSPECTS, "queued": 30 - SUSPECTS}


async def test_wrong_numbers_are_nobodys_fault_however_many(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await life.submit(*(bench.sms(id=f"{n}") for n in range(100)))
        await answer_all(life, parts, BAD_NUMBER)
        assert life.states() == {"failed": 100}
        assert not life.wire.paused


def test_on_a_slow_link_the_last_answers_count_however_old() -> None:
    suspicion = Suspicion()
    verdicts = []
    for n in range(SUSPECTS):
        suspicion.answers(1, n * 600.0)
        verdicts.append(suspicion.suspect())
    assert verdicts == [False] * (SUSPECTS - 1) + [True]


def test_what_is_long_over_says_nothing_of_now() -> None:
    suspicion = Suspicion()
    for n in range(SUSPECTS - 1):
        suspicion.answers(1, float(n))
        assert not suspicion.suspect()
    suspicion.answers(SAMPLE, 1000.0)
    suspicion.answers(1, 1010.0)
    assert not suspicion.suspect()


async def test_a_refusal_that_comes_late_for_an_earlier_submission_says_nothing_of_the_link(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.overrides = {0x401: "operator"}
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a"))
        await life.answer(part, 0x401, late=True)
        assert life.accounts.paused == {}


def test_who_pauses_is_named() -> None:
    assert refusals.OURSELVES == "smppd"
