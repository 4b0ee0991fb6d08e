"""The gate: what may not leave now waits, without holding up anybody, and what is barred never leaves."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import trio
import trio.testing

from smppd.journal.audit import audit
from smppd.ledger.facts import Kind
from smppd.message import ErrorInfo
from smppd.pipeline.cancellation import Cancellation, Wanted
from tests.pipeline.holding import held_for_campaigns

if TYPE_CHECKING:
    from trio.testing import MockClock

    from smppd.ledger.entries import MessageRow
    from smppd.pipeline.gate import Verdict
    from tests.pipeline.conftest import Bench, Life

quiet = trio.testing.wait_all_tasks_blocked
BARRED = ErrorInfo("OPTED_OUT", None, "the number wants nothing of ACME")


def handed_over(life: Life) -> list[str]:
    return life.texts(life.wire.submitted)


class Rules:
    """A check that says what a test wants, by the client's id."""

    def __init__(self, life: Life) -> None:
        self.says: dict[str, Verdict] = {}
        life.desk.gate.add(self._say)

    def _say(self, row: MessageRow, now: float) -> Verdict:
        verdict = self.says.get(row.client_id)
        return None if isinstance(verdict, float) and verdict <= now else verdict


def holds_up(bench: Bench) -> None:
    assert audit(bench.path, bench.root).ok, audit(bench.path, bench.root)


async def test_what_may_not_leave_yet_waits_and_holds_up_nobody(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        Rules(life).says = {"night": bench.wall() + 3600}
        await life.hand_in([bench.sms(id="night"), bench.sms(id="day")])
        await quiet()
        assert handed_over(life) == ["day"]
        assert len(life.accounts.holding) == 1
        assert not life.accounts.entries.keys() - {life.row("day").msg_id}, "it costs no entry"
        holds_up(bench)
    async with bench.up() as life:  # the fact says until when, not the message
        await trio.sleep(3500)
        assert handed_over(life) == []
        await trio.sleep(200)
        assert handed_over(life) == ["night"]
        assert not len(life.accounts.holding)
        assert life.accounts.files[1].scheduled == 0
        await life.answer(life.wire.submitted[0])
        assert (life.shown("night").state, life.shown("night").attempts) == ("sent", 1)
        holds_up(bench)


async def test_what_is_barred_is_rejected_with_its_reason(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        rules = Rules(life)
        rules.says = {"out": BARRED, "later": bench.wall() + 60.0}
        await life.hand_in(
            [bench.sms(id="out"), bench.sms(id="in", receipt=False), bench.sms(id="later")]
        )
        await quiet()
        rules.says["later"] = BARRED
        await trio.sleep(61)
        await life.answer(life.wire.submitted[0])
        await trio.sleep(6)
        assert handed_over(life) == ["in"]
        assert [(line["state"], line["attempts"]) for line in bench.results()] == [
            ("rejected", 0), ("sent", 1), ("rejected", 0),
        ]  # fmt: skip
        assert bench.results()[0]["error"] == {"code": "OPTED_OUT", "text": BARRED.text}
        assert life.shown("later").error == BARRED
        holds_up(bench)


async def test_what_came_back_is_asked_about_unless_a_part_has_left(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        rules = Rules(life)
        long, short = bench.long_sms(2, id="long"), bench.sms(id="short")
        await life.hand_in([long, short, bench.sms(id="no")])
        await quiet()
        first, second, whole, no = life.wire.submitted
        rules.says = {"long": BARRED, "short": bench.wall() + 500, "no": BARRED}
        await life.answer(first)
        for part in (second, whole, no):
            await life.give_back(part)
        await quiet()
        assert handed_over(life)[4:] == ["long.1"], "half of it is there already"
        assert life.shown("no").state == "rejected"
        await trio.sleep(499)
        assert len(handed_over(life)) == 5
        await trio.sleep(2)
        assert handed_over(life)[5:] == ["short"]


async def test_what_is_held_expires_in_time(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up() as life:
        Rules(life).says = {"a": bench.wall() + 3600}
        await life.hand_in([bench.sms(id="a", expires="10m")])
        await trio.sleep(599)
        assert life.states() == {"queued": 1}
        await trio.sleep(2)
        assert life.states() == {"expired": 1}
        assert life.accounts.files[1].scheduled == 0


async def test_what_is_held_can_be_cancelled(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up() as life:
        Rules(life).says = {"a": bench.wall() + 3600}
        await life.hand_in([bench.sms(id="a", expires="10h"), bench.sms(id="b")])
        await quiet()
        cancellation = Cancellation(life.desk, life.settlement.recall, {})
        (fate,) = await cancellation.cancel([Wanted(life.row("a").msg_id)], "ana", 0.0)
        assert fate.cancelled
        assert not len(life.accounts.holding)
        await trio.sleep(4000)
        assert handed_over(life) == ["b"]


async def test_a_paused_campaign_waits_without_a_trace_in_memory(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=5) as life:
        held = await life.hand_in([bench.sms(id=f"{n}") for n in range(500)])
        await quiet()
        life.ledger.campaign_paused(bench.wall(), held, "to look", "ana")
        await life.desk.commit()
        for part in list(life.wire.in_flight):
            await life.answer(part)
        await life.hand_in([bench.sms(id="other")], "b.jsonl", token="t2")
        await quiet()
        assert handed_over(life)[5:] == ["other"]
        waiting = held_for_campaigns(life.accounts)[held]
        assert len(waiting.union(life.accounts.holding.back.get(held, ()))) == 495
        assert len(life.accounts.entries) <= 6
        facts = [fact for fact in life.reader.log.facts() if fact.kind == Kind.DEFERRED]
        assert facts
        holds_up(bench)
    async with bench.up(window=5) as life:
        await trio.sleep(100)
        assert handed_over(life) == []
        life.ledger.campaign_resumed(bench.wall(), held, "ana")
        await life.desk.commit()
        for _ in range(99):
            await quiet()
            for part in list(life.wire.in_flight):
                await life.answer(part)
        assert sorted(map(int, handed_over(life))) == list(range(5, 500))
        assert handed_over(life) == [f"{n}" for n in range(5, 500)], "in the order of the file"
        holds_up(bench)


async def test_a_campaign_paused_again_is_held_as_a_whole(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=5) as life:
        held = await life.hand_in([bench.sms(id=f"{n}") for n in range(50)])
        for _ in range(3):
            await quiet()
            life.ledger.campaign_paused(bench.wall(), held, "to look", "ana")
            await life.desk.commit()
            for part in list(life.wire.in_flight):
                await life.answer(part)
            await quiet()
            gone = len(life.wire.submitted)
            before = life.accounts.seq
            life.ledger.campaign_resumed(bench.wall(), held, "ana")
            life.ledger.campaign_paused(bench.wall(), held, "no", "ana")
            await life.desk.commit()
            await trio.sleep(60)
            assert len(life.wire.submitted) == gone
            assert life.accounts.seq == before + 2, "none of its messages was touched"
            life.ledger.campaign_resumed(bench.wall(), held, "ana")
            await life.desk.commit()
        with closing(life.reader):
            loaded, _ = life.reader.load(from_snapshot=False)
        assert len(loaded.holding) == len(life.accounts.holding)


async def test_what_came_back_and_is_held_expires_in_time(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        rules = Rules(life)
        await life.hand_in([bench.sms(id="a", expires="10m")])
        await quiet()
        rules.says = {"a": bench.wall() + 3600}
        (part,) = life.wire.submitted
        await life.give_back(part)
        await trio.sleep(599)
        assert life.states() == {"queued": 1}
        await trio.sleep(2)
        assert life.states() == {"expired": 1}
