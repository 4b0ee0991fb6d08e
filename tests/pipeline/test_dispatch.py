"""Dispatch: what is queued reaches its link in order, once, and never before `sending` is on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from smppd.journal.schema import JournalError
from smppd.message import Lane, State
from smppd.pipeline import pools
from smppd.smpp.vocabulary import CommandStatus

if TYPE_CHECKING:
    from trio.testing import MockClock

    from smppd.ledger.entries import MessageRow
    from tests.pipeline.conftest import Bench, Life

quiet = trio.testing.wait_all_tasks_blocked


def handed_over(life: Life, link: str = "main") -> list[str]:
    return life.texts(life.wires[link].submitted)


# ── order ────────────────────────────────────────────────────────────────────────────────────


async def test_a_higher_lane_goes_before_a_lower_one_each_in_its_own_order(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=0) as life:
        for lane in (Lane.BULK, Lane.NORMAL, Lane.HIGH):
            lines = [bench.sms(id=f"{lane.name}{n}") for n in range(2)]
            await life.hand_in(lines, f"{lane.name}.jsonl", lane=lane)
        life.wire.open(5)
        await quiet()
        assert handed_over(life) == ["HIGH0", "HIGH1", "NORMAL0", "NORMAL1", "BULK0"]


async def test_what_comes_into_a_higher_lane_goes_next(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=1) as life:
        await life.hand_in([bench.sms(id=f"n{n}") for n in range(3)])
        await quiet()
        await life.hand_in([bench.sms(id="h")], "h.jsonl", lane=Lane.HIGH)
        for n in range(4):
            await life.answer(life.wire.submitted[n])
            await quiet()
        assert handed_over(life) == ["n0", "h", "n1", "n2"]


async def test_each_link_has_its_own_queue_and_one_that_is_full_holds_up_none(
    bench: Bench,
    autojump_clock: MockClock,
) -> None:
    async with bench.up(window=0) as life:
        await life.hand_in([bench.sms(id="m"), bench.sms(id="o", via="other")])
        life.wires["other"].open(1)
        await quiet()
        assert handed_over(life) == []
        assert handed_over(life, "other") == ["o"]


async def test_it_reads_on_over_many_chunks_and_passes_over_what_was_rejected(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "READ_AHEAD", 7)
    monkeypatch.setattr(pools, "AHEAD", 7)
    lines = [
        bench.sms(id=f"{n}", to="12" if n % 5 in {1, 2} else "+34600000001") for n in range(60)
    ]
    lines += [bench.sms(to="12", id=f"bad{n}") for n in range(20)]
    lines += [bench.sms(id="last")]
    async with bench.up(window=4) as life:
        await life.hand_in(lines, chunk=9)
        while len(life.wire.submitted) < 37:
            await quiet()
            assert life.wire.in_flight
            await life.answer(life.wire.in_flight[0])
        good = [f"{n}" for n in range(60) if n % 5 not in {1, 2}]
        assert handed_over(life) == [*good, "last"]
        assert life.states() == {"rejected": 44, "sending": 3, "sent": 34}


async def test_what_comes_while_others_wait_is_not_read_from_the_disk_unless_it_is_much(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "AHEAD", 8)
    async with bench.up(window=1) as life:
        read = spied(monkeypatch, life)
        for number in range(4):
            lines = [bench.sms(id=f"{number}{n}") for n in range(3)]
            await life.hand_in(lines, f"{number}.jsonl")
        wanted = [f"{number}{n}" for number in range(4) for n in range(3)]
        for taken in range(12):
            await quiet()
            assert handed_over(life) == wanted[: taken + 1]
            assert len(read) == (taken >= 9)  # behind the ninth there was no room for more
            await life.answer(life.wire.in_flight[0])
        assert life.states() == {"sent": 12}


def spied(monkeypatch: pytest.MonkeyPatch, life: Life) -> list[int]:
    """Behind which messages a queue is read from now on."""
    read, read_queue = list[int](), life.journal.read_queue

    async def spy(after: int, limit: int) -> list[MessageRow]:
        read.append(after)
        return await read_queue(after, limit)

    monkeypatch.setattr(life.journal, "read_queue", spy)
    return read


async def test_after_a_restart_it_goes_on_behind_what_was_taken(
    bench: Bench, autojump_clock: MockClock
) -> None:
    lines = [bench.sms(id=f"{n}", to="12" if n == 2 else "+34600000001") for n in range(6)]
    async with bench.up(window=2) as life:
        await life.hand_in(lines)
        await quiet()
        assert handed_over(life) == ["0", "1"]
    async with bench.up(window=9) as life:
        await quiet()
        assert handed_over(life) == ["3", "4", "5"]
        assert life.states() == {"unknown": 2, "rejected": 1, "sending": 3}


# ── room ─────────────────────────────────────────────────────────────────────────────────────


async def test_no_more_than_there_is_room_for_is_handed_over(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=3) as life:
        await life.hand_in([bench.sms() for _ in range(10)])
        await quiet()
        assert len(life.wire.in_flight) == 3
        for part in life.wire.in_flight[:2]:
            await life.answer(part)
        await quiet()
        assert len(life.wire.submitted) == 5
        assert life.states() == {"sending": 3, "sent": 2, "queued": 5}


async def test_a_message_longer_than_the_room_goes_whole(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=2) as life:
        await life.hand_in([bench.long_sms(5, id="a"), bench.sms(id="b")])
        await quiet()
        assert handed_over(life) == ["a", "a.1", "a.2", "a.3", "a.4"]
        assert len(life.wire.lots) == 1
        for part in life.wire.submitted[:3]:
            await life.answer(part)
        await quiet()
        assert handed_over(life)[5:] == []
        await life.answer(life.wire.submitted[3])
        await quiet()
        assert handed_over(life)[5:] == ["b"]


async def test_it_wakes_when_work_comes_and_when_room_comes(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=1) as life:
        await quiet()
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b")])
        await quiet()
        assert handed_over(life) == ["a"]
        life.wire.open(2)
        await quiet()
        assert handed_over(life) == ["a", "b"]


# ── time ─────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_past_its_time_is_never_submitted(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=0, overdue=False) as life:
        await life.hand_in(
            [bench.sms(id=f"{n}", expires=10 if n in {1, 2, 4} else 100) for n in range(6)]
        )
        await trio.sleep(11)
        life.wire.open(9)
        await quiet()
        assert handed_over(life) == ["0", "3", "5"]
        assert life.states() == {"expired": 3, "sending": 3}
        assert life.shown("2").state == "expired"
        assert life.shown("2").attempts == 0
    async with bench.up() as life:
        assert life.states() == {"expired": 3, "unknown": 3}


async def test_a_queue_in_which_all_is_past_its_time_is_cleared_in_one_go(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=0, overdue=False) as life:
        await life.hand_in([bench.sms(expires=5) for _ in range(30)])
        await trio.sleep(6)
        life.wire.open(1)
        await quiet()
        assert life.states() == {"expired": 30}
        assert life.wire.lots == []


async def test_what_came_back_is_dropped_when_its_time_is_over(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(overdue=False) as life:
        await life.hand_in([bench.sms(id="a", expires=20)])
        await quiet()
        await life.answer(life.wire.submitted[0], CommandStatus.ESME_RSYSERR)
        await trio.sleep(100)
        assert handed_over(life) == ["a"]
        assert life.states() == {"expired": 1}


async def test_what_is_due_again_goes_before_what_is_new_in_its_lane(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=2) as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b"), bench.sms(id="c")])
        await quiet()
        await life.answer(life.wire.submitted[0], CommandStatus.ESME_RSYSERR)
        await quiet()
        assert handed_over(life) == ["a", "b", "c"]
        await life.hand_in([bench.sms(id="d")], "d.jsonl")
        await life.hand_in([bench.sms(id="h")], "h.jsonl", lane=Lane.HIGH)
        await trio.sleep(29.9)
        assert handed_over(life) == ["a", "b", "c"]
        await trio.sleep(0.2)
        for n in range(1, 4):
            await life.answer(life.wire.submitted[n])
            await quiet()
        assert handed_over(life) == ["a", "b", "c", "h", "a", "d"]


async def test_only_the_parts_that_came_back_go_again(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.long_sms(4, id="a")])
        await quiet()
        parts = life.wire.submitted[:]
        await life.answer(parts[0])
        await life.answer(parts[1], CommandStatus.ESME_RSYSERR)
        await life.answer(parts[2])
        await life.give_back(parts[3])
        await trio.sleep(31)
        assert handed_over(life)[4:] == ["a.1", "a.3"]


@pytest.mark.parametrize("first", ["returned", "refused"])
@pytest.mark.parametrize("last", ["answered", "lost"])
async def test_a_part_that_came_back_goes_again_once_the_rest_of_its_message_is_settled(
    bench: Bench, autojump_clock: MockClock, first: str, last: str
) -> None:
    """Nothing else happens on this link that would wake anybody."""
    async with bench.up() as life:
        await life.hand_in([bench.long_sms(2, id="a")])
        await quiet()
        one, two = life.wire.submitted
        if first == "returned":
            await life.give_back(one)
        else:
            await life.answer(one, CommandStatus.ESME_RSYSERR)
        await quiet()
        if last == "answered":
            await life.answer(two)
        else:
            await life.lose(two)
        await trio.sleep(31)
        assert handed_over(life) == ["a", "a.1", "a"]


async def test_it_sleeps_until_the_next_message_is_due(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b")])
        await quiet()
        first, second = life.wire.submitted
        await life.answer(first, CommandStatus.ESME_RSYSERR)
        await trio.sleep(10)
        await life.answer(second, CommandStatus.ESME_RSYSERR)
        await trio.sleep(20.5)
        assert handed_over(life)[2:] == ["a"]
        await trio.sleep(10)
        assert handed_over(life)[2:] == ["a", "b"]


async def test_a_returned_message_goes_again_at_once(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="a")])
        await quiet()
        await life.give_back(life.wire.submitted[0])
        await quiet()
        assert handed_over(life) == ["a", "a"]
        assert life.states() == {"sending": 1}


async def test_what_was_throttled_goes_from_the_head_again_in_its_order_before_what_is_new(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=4) as life:
        await life.hand_in([bench.sms(id=f"{n}") for n in range(8)])
        await quiet()
        life.wire.open(0)
        zero, one, two, three = life.wire.submitted
        await life.give_back(three)
        await life.answer(two, CommandStatus.ESME_RTHROTTLED)
        await life.answer(zero, CommandStatus.ESME_RTHROTTLED)
        await life.answer(one)
        life.wire.open(4)
        await quiet()
        assert handed_over(life)[4:] == ["0", "2", "3", "4"]


async def test_nothing_new_passes_what_came_back_however_much_that_is(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=300) as life:
        await life.hand_in([bench.sms(id=f"{n}") for n in range(305)])
        await quiet()
        life.wire.window = 0
        for part in life.wire.submitted:
            await life.give_back(part)
        life.wire.open(304)
        await quiet()
        assert handed_over(life)[300:] == [f"{n}" for n in range(304)]


# ── on disk first ────────────────────────────────────────────────────────────────────────────


class Gate:
    """Runs the journal's turns one by one, when the test says so."""

    def __init__(self) -> None:
        self.open = True
        self.waiting = 0
        self._passes = trio.Semaphore(0)

    async def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if not self.open:
            self.waiting += 1
            await self._passes.acquire()
            self.waiting -= 1
        return function(*arguments)

    def let_one_pass(self) -> None:
        self._passes.release()

    def let_all_pass(self) -> None:
        self.open = True
        self._passes.release()


async def test_nothing_is_handed_over_before_its_commit_returns(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="a")])
    gate = Gate()
    async with bench.up(gate, window=0) as life:
        await quiet()
        gate.open = False
        life.wire.open(1)
        await quiet()
        gate.let_one_pass()  # the queue is read
        await quiet()
        assert life.states() == {"sending": 1}
        assert handed_over(life) == []
        gate.let_all_pass()
        await quiet()
        assert handed_over(life) == ["a"]


async def test_a_message_leaves_with_the_commit_that_accepts_it_and_not_before(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    async with bench.up(gate) as life:
        await quiet()
        reads: list[int] = []
        read_queue = life.journal.read_queue

        async def read(after: int, limit: int) -> list[MessageRow]:
            reads.append(after)
            return await read_queue(after, limit)

        monkeypatch.setattr(life.journal, "read_queue", read)
        gate.open = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(life.hand_in, [bench.sms(id="a"), bench.sms(to="12", id="bad")])
            await quiet()
            assert life.states() == {"sending": 1, "rejected": 1}
            assert life.reader.messages.count() == 0
            assert handed_over(life) == []
            gate.let_all_pass()
        await quiet()
        assert handed_over(life) == ["a"]
        await life.hand_in([bench.sms(id=f"{n}") for n in range(3)], "b.jsonl")
        await quiet()
        assert handed_over(life) == ["a", "0", "1", "2"]
        assert reads == []


async def test_facts_that_another_commit_took_along_are_waited_for(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """While the rest of a lane is read, somebody else's commit takes the `sending` with it."""
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="h")], "h.jsonl", lane=Lane.HIGH)
        await life.hand_in([bench.sms(to="12", id="bad")], "n.jsonl")
    gate = Gate()
    async with bench.up(gate, window=0) as life:
        await quiet()
        gate.open = False
        life.wire.open(5)
        await quiet()
        gate.let_one_pass()  # the high lane is read, and then the normal one
        await quiet()
        assert life.states() == {"sending": 1, "rejected": 1}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(life.desk.commit)
            await quiet()
            gate.let_one_pass()  # the normal lane has nothing to send; the commit comes after
            await quiet()
            assert gate.waiting
            assert handed_over(life) == []
            gate.let_all_pass()
        await quiet()
        assert handed_over(life) == ["h"]


@pytest.mark.parametrize("turns", range(1, 5))
async def test_cancelled_anywhere_it_leaves_nothing_in_doubt_that_was_not_handed_over(
    bench: Bench, autojump_clock: MockClock, turns: int
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="a")], "h.jsonl", lane=Lane.HIGH)
        await life.hand_in([bench.sms(id="b")], "n.jsonl")
    gate = Gate()
    async with bench.up(gate, dispatching=False) as life:
        await quiet()
        gate.open = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(life.dispatchers[0].run)
            for _ in range(turns):
                await quiet()
                gate.let_one_pass()
            await quiet()
            nursery.cancel_scope.cancel()
            gate.let_all_pass()
        on_disk = life.reader.load()[0]
        doubtful = {msg_id for msg_id, _ in on_disk.in_doubt()}
        assert doubtful == {part.msg_id for part in life.wire.submitted}
        assert life.accounts.counts[State.SENDING] == len(life.wire.submitted)


async def test_a_failing_disk_ends_the_dispatcher_too(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """The daemon must be able to stop and say why, not wait for a commit that never comes."""
    failing, hung, turns = False, False, list[Any]()

    async def run_sync(function: Callable[..., Any], turn: Any) -> Any:
        await trio.lowlevel.checkpoint()
        if failing:
            turns.append(turn)
            raise JournalError("the disk is full")
        return function(turn)

    async def watch() -> None:
        nonlocal hung
        await trio.sleep(3600)
        hung = True
        turns[-1].done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        try:
            async with bench.up(run_sync, window=0) as life:
                await life.hand_in([bench.sms()])
                failing = True
                life.wire.open(1)
                await trio.sleep_forever()
        except* JournalError:
            pass
        nursery.cancel_scope.cancel()
    assert not hung


# ── what happens while it reads ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("expires", [None, 30])
async def test_an_answer_that_comes_while_a_resend_is_read_spares_it(
    bench: Bench, autojump_clock: MockClock, expires: int | None
) -> None:
    gate = Gate()
    async with bench.up(gate) as life:
        more: dict[str, Any] = {} if expires is None else {"expires": expires}
        await life.hand_in([bench.sms(id="a", on_unknown="resend", **more)])
        await quiet()
        (part,) = life.wire.submitted
        await life.lose(part)
        await quiet()  # it goes again at once
        again = life.wire.submitted[1]
        await life.lose(again)
        await trio.sleep(0.5)
        gate.open = False
        await trio.sleep(60)  # it is due, and being read
        assert gate.waiting
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: life.answer(part, message_id="late", late=True))
            await quiet()
            gate.let_all_pass()
        await quiet()
        assert handed_over(life) == ["a", "a"]
        assert life.states() == {"sent": 1}
        await life.receive(life.receipt("late"))
        assert life.states() == {"delivered": 1}


async def test_a_message_refused_for_good_while_it_is_read_again_stays_refused(
    bench: Bench,
    autojump_clock: MockClock,
) -> None:
    gate = Gate()
    async with bench.up(gate) as life:
        await life.hand_in([bench.long_sms(2, id="a")])
        await quiet()
        first, second = life.wire.submitted
        await life.lose(first)
        await life.answer(second, CommandStatus.ESME_RSYSERR)
        gate.open = False
        await trio.sleep(31)
        assert gate.waiting
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: life.answer(first, CommandStatus.ESME_RINVDSTADR, late=True))
            await quiet()
            gate.let_all_pass()
        await quiet()
        assert handed_over(life) == ["a", "a.1"]
        assert life.states() == {"failed": 1}
