"""`send_at`: a message waits for its moment, whatever happens meanwhile, and then goes once."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from smppd.config import LinkConfig, RouteConfig
from smppd.journal.audit import audit
from smppd.journal.store import open_reader
from smppd.message import Lane, State
from smppd.pipeline import dispatch
from smppd.pipeline.cancellation import Cancellation, Wanted
from smppd.results.story import tell

if TYPE_CHECKING:
    from trio.testing import MockClock

    from tests.pipeline.conftest import Bench, Life

quiet = trio.testing.wait_all_tasks_blocked


def handed_over(life: Life, link: str = "main") -> list[str]:
    return life.texts(life.wires[link].submitted)


def later(bench: Bench, seconds: float, **fields: Any) -> dict[str, Any]:
    return bench.sms(**fields) | bench.later(seconds)


async def test_it_waits_for_its_moment_and_holds_up_nobody(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([later(bench, 3600, id="late"), bench.sms(id="now")])
        await quiet()
        assert handed_over(life) == ["now"]
        assert life.states() == {"queued": 1, "sending": 1}
        await trio.sleep(3599)
        assert handed_over(life) == ["now"]
        await trio.sleep(2)
        assert handed_over(life) == ["now", "late"]
        await life.answer(life.wire.submitted[1])
        assert life.shown("late").attempts == 1
        assert life.shown("late").state == "sent"


async def test_what_is_due_goes_in_the_order_of_its_moments(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([later(bench, at, id=f"{at}") for at in (900, 30, 700, 31, 2000, 10)])
        await trio.sleep(1000)
        assert handed_over(life) == ["10", "30", "31", "700", "900"]


async def test_no_more_than_there_is_room_for_is_called_up(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=3) as life:
        await life.hand_in([later(bench, 60, id=f"{n}") for n in range(10)])
        await trio.sleep(61)
        assert handed_over(life) == ["0", "1", "2"]
        assert len(life.accounts.agenda) == 7
        assert len(life.accounts.entries) == 3


async def test_a_moment_gone_by_is_as_good_as_now(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up() as life:
        await trio.sleep(100)
        await life.hand_in([later(bench, 50, id="a")])
        await quiet()
        assert handed_over(life) == ["a"]


async def test_a_moment_that_comes_before_its_turn_in_the_queue_needs_no_waiting(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=0) as life:
        await life.hand_in([later(bench, 50, id="a"), bench.sms(id="b")])
        await trio.sleep(60)
        life.wire.open(5)
        await quiet()
        assert handed_over(life) == ["a", "b"]


@pytest.mark.parametrize("checkpoint", [False, True])
async def test_it_waits_over_restarts(
    bench: Bench, autojump_clock: MockClock, checkpoint: bool
) -> None:
    async with bench.up() as life:
        await life.hand_in([later(bench, at, id=f"{at}") for at in (100, 50, 5000)])
        await trio.sleep(60)
        assert handed_over(life) == ["50"]
        if checkpoint:
            await life.desk.checkpoint(final=True)
    async with bench.up() as life:
        assert len(life.accounts.agenda) == 2
        await trio.sleep(60)
        assert handed_over(life) == ["100"]
        assert life.states() == {"unknown": 1, "sending": 1, "queued": 1}


async def test_a_million_are_put_aside_in_bounded_lots(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is high is not held up by what is put aside below it (with smaller numbers)."""
    monkeypatch.setattr(dispatch, "ASIDE", 10)
    async with bench.up(window=5) as life:
        await life.hand_in([later(bench, 600 + n % 7) for n in range(500)], lane=Lane.BULK)
        await life.hand_in([bench.sms(id="h")], "h.jsonl", lane=Lane.HIGH)
        await quiet()
        assert handed_over(life) == ["h"]
        assert len(life.accounts.agenda) == 500
        assert not life.accounts.entries.keys() - {life.wire.submitted[0].msg_id}


async def test_it_expires_when_nothing_takes_it_in_time(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(overdue=False) as life:
        await life.hand_in([later(bench, 100, id="a", expires="10m")])
        await trio.sleep(50)
        life.wire.open(0)
        await trio.sleep(1000)
        life.wire.open(1)
        await quiet()
        assert handed_over(life) == []
        assert life.states() == {"expired": 1}
        assert life.shown("a").attempts == 0


async def test_an_expiry_before_the_moment_is_refused(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        early = bench.later(50)["send_at"]
        await life.hand_in([later(bench, 100, id="a", expires=early)])
        error = life.shown("a").error
        assert error is not None
        assert (error.code, error.text.partition(":")[0]) == ("BAD_EXPIRES", "expires")
        assert "not after send_at" in error.text


async def test_its_file_is_not_reported_before_it_has_gone(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.report_after = 10.0
    async with bench.up(publishing=True) as life:
        await life.hand_in([later(bench, 9000, id="a"), bench.sms(id="b")])
        await quiet()
        await life.answer(life.wire.submitted[0])
        await life.receive(life.receipt(life.name_of(life.wire.submitted[0])))
        await trio.sleep(8000)
        assert not bench.done()
        await trio.sleep(1001)
        await life.answer(life.wire.submitted[1])
        await life.receive(life.receipt(life.name_of(life.wire.submitted[1])))
        await trio.sleep(5)
        assert [line["state"] for line in bench.results()] == ["delivered", "delivered"]


async def test_a_clock_that_jumps_decides_all_the_same(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([later(bench, 100, id="a"), later(bench, 5000, id="b")])
        await quiet()
        bench.skew = -50.0  # set back
        await trio.sleep(120)
        assert handed_over(life) == []
        await trio.sleep(40)
        assert handed_over(life) == ["a"]
        bench.skew = 6000.0  # put forward: found within half a minute
        await trio.sleep(31)
        assert handed_over(life) == ["a", "b"]


async def test_one_that_waits_can_be_cancelled(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up() as life:
        await life.hand_in([later(bench, 100, id="a"), later(bench, 100, id="b")])
        await quiet()
        assert len(life.accounts.agenda) == 2
        cancellation = Cancellation(life.desk, life.settlement.recall, {})
        (fate,) = await cancellation.cancel([Wanted(life.row("b").msg_id)], "ana", 1.0)
        assert (fate.cancelled, fate.state) == (True, "cancelled")
        await trio.sleep(200)
        assert handed_over(life) == ["a"]
        assert life.states() == {"cancelled": 1, "sending": 1}
        assert (life.shown("b").state, life.shown("b").link) == ("cancelled", None)
    assert audit(bench.path, bench.root).ok


async def test_the_story_of_a_message_that_waited(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up() as life:
        lines = [later(bench, 100, id=f"{n}") for n in range(3)]
        await life.hand_in(lines)
        await quiet()
        assert life.shown("1").state == "queued"
        await trio.sleep(200)
        await life.answer(life.wire.submitted[1])
        with closing(open_reader(bench.path)) as reader:
            row = life.row("1")
            story = tell(row, reader.log.history(row.msg_id), None)
        assert [each.event for each in story.history] == [
            *("accepted", "deferred", "recalled", "sending", "sent"),
        ]
        assert story.history[1].text == "waits for its send_at"
        assert story.history[2].text == "called up from those that wait"
        assert life.shown("2").state == "sending"
    found = audit(bench.path, bench.root)
    assert found.ok, [check for check in found.checks if not check.ok]


async def test_links_of_a_route_share_what_has_waited(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.routes = [RouteConfig(name="es", links=("main", "other"), to=("34",), weights=(1, 1))]
    async with bench.up() as life:
        await life.hand_in([later(bench, 100) for _ in range(300)])
        await trio.sleep(200)
        assert len(life.wire.submitted) + len(life.wires["other"].submitted) == 200
        parts = [*life.wire.submitted, *life.wires["other"].submitted]
        assert len({part.msg_id for part in parts}) == 200
        assert life.accounts.counts[State.SENDING] == 200


async def test_a_link_may_leave_the_waiting_to_its_smsc(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.links = {
        "main": LinkConfig(name="main", hosts=(), system_id="a", from_="A", schedule="smsc")
    }
    async with bench.up() as life:
        await life.hand_in([later(bench, 3600, id="a")])
        await quiet()
        (part,) = life.wire.submitted
        assert part.message.schedule == bench.wall() + 3600
        assert part.message.send_at is None
