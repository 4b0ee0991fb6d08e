"""What waits past its time ends in time where no link can take it, wherever it waits; and nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from smppd.journal.audit import audit
from smppd.ledger import deadlines, memory
from smppd.ledger.facts import Kind
from smppd.ledger.snapshot import Chunk, Snapshot
from smppd.message import Lane
from smppd.pipeline import admission, overdue, pools
from smppd.pipeline.desk import SHORTEST_PAUSE
from smppd.smpp.vocabulary import CommandStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock

    from smppd.ledger.entries import MessageRow
    from smppd.pipeline.gate import Verdict
    from tests.pipeline.conftest import Bench, Life

quiet = trio.testing.wait_all_tasks_blocked

#: Seconds after which it must have ended, of a message whose time is over.
SOON = 3.0
ENDS = {"expires": 60}


def states(life: Life, *ids: str) -> list[str]:
    return [life.shown(id_).state for id_ in ids]


def submitted(life: Life) -> list[str]:
    return life.texts(life.wire.submitted)


def looks(life: Life, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Behind which msg_ids queues are read from now on."""
    read, looked = life.journal.read_queue, list[int]()

    async def read_queue(after: int, limit: int) -> list[MessageRow]:
        looked.append(after)
        return await read(after, limit)

    monkeypatch.setattr(life.journal, "read_queue", read_queue)
    return looked


async def all_as_on_disk(bench: Bench, expected: dict[str, int]) -> None:
    """What a start after a crash comes to, and an audit."""
    async with bench.up(window=0) as life:
        assert life.states() == expected
    checked = audit(bench.path, bench.root)
    assert checked.ok, checked


# ── where it waits ───────────────────────────────────────────────────────────────────────────


async def test_in_the_middle_of_its_queue_and_the_others_go_in_their_order(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=0) as life:
        lines = [bench.sms(id=f"{n}") | (ENDS if n in {1, 2, 4} else {}) for n in range(6)]
        await life.hand_in(lines)
        await trio.sleep(59)
        assert life.states() == {"queued": 6}
        await trio.sleep(1 + SOON)
        assert states(life, "0", "1", "2", "3", "4", "5") == [
            *("queued", "expired", "expired"),
            *("queued", "expired", "queued"),
        ]
        error = life.shown("4").error
        assert error is not None
        assert error.code == "EXPIRED"
        life.wire.open(100)
        await quiet()
        assert submitted(life) == ["0", "3", "5"]
        assert life.states() == {"expired": 3, "sending": 3}
    await all_as_on_disk(bench, {"expired": 3, "unknown": 3})


async def test_a_queue_that_is_over_as_a_whole_leaves_nothing_behind(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue, "PAGE", 7)
    monkeypatch.setattr(pools, "AHEAD", 0)
    async with bench.up(window=0, publishing=True) as life:
        await life.hand_in([bench.sms(expires=5) for _ in range(40)])
        await trio.sleep(5 + SOON)
        assert life.states() == {"expired": 40}
        assert bench.report()["states"] == {"expired": 40}, (
            "its file is reported while nobody takes"
        )
        queue = life.accounts.queue(life.queues["main", Lane.NORMAL])
        assert (queue.head, queue.queued, queue.passed.weight) == (queue.tail, 0, 0)
        assert not life.accounts.may_expire
        looked, last = looks(life, monkeypatch), queue.tail
        life.wire.open(1)
        await life.hand_in([bench.sms(id="next")], "b.jsonl")
        await quiet()
        assert submitted(life) == ["next"]
        assert looked == [last], "a link that comes back reads nothing of it"


@pytest.mark.parametrize("again", [False, True])
async def test_what_waited_for_its_moment_when_that_has_come(
    bench: Bench, autojump_clock: MockClock, again: bool
) -> None:
    async with bench.up() as life:
        await life.hand_in(
            [bench.sms(id="a", expires=60) | bench.later(100), bench.sms(id="b") | bench.later(100)]
        )
        await trio.sleep(50)
        assert len(life.accounts.agenda) == 2
        life.wire.open(0)
        if again:
            await life.desk.checkpoint(final=True)
        else:
            await trio.sleep(109)
            assert life.states() == {"queued": 2}
            await trio.sleep(1 + SOON)
            assert states(life, "a", "b") == ["expired", "queued"]
            assert life.accounts.retries.next_due(life.queues["main", Lane.NORMAL]) is None
    async with bench.up(window=0) as life:
        await trio.sleep(110 + SOON)
        assert states(life, "a", "b") == ["expired", "queued"]
        assert len(life.accounts.agenda) == 1
    await all_as_on_disk(bench, {"expired": 1, "queued": 1})


async def test_what_came_back_does_not_wait_until_it_would_go_again(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in(
            [bench.sms(id="a", expires=20), bench.sms(id="b"), bench.sms(id="c", expires=90)]
        )
        await quiet()
        for part in life.wire.submitted[:]:
            await life.answer(part, CommandStatus.ESME_RSYSERR)  # again in 30 seconds
        life.wire.open(0)
        await trio.sleep(20 + SOON)
        assert states(life, "a", "b", "c") == ["expired", "queued", "queued"]
        error = life.shown("a").error
        assert error is not None
        assert error.status == CommandStatus.ESME_RSYSERR
        await trio.sleep(70)
        assert states(life, "a", "b", "c") == ["expired", "queued", "expired"]
    await all_as_on_disk(bench, {"expired": 2, "queued": 1})


@pytest.mark.parametrize("by", ["an operator", "the gate"])
async def test_what_is_held(bench: Bench, autojump_clock: MockClock, by: str) -> None:
    async with bench.up(window=1) as life:
        await life.hand_in([bench.sms()], "first.jsonl", token="t0")
        morning = bench.wall() + 40

        def asleep(row: MessageRow, now: float) -> Verdict:
            return morning if now < morning else None

        file_id = await life.hand_in([bench.sms(id="a", expires=60), bench.sms(id="b")])
        if by == "the gate":
            life.desk.gate.add(asleep)
        else:
            life.campaigns.pause(life.accounts.files[file_id], "to look", "ana")
        await life.answer(life.wire.submitted[0])
        await trio.sleep(1)
        assert len(life.accounts.holding) == 2
        life.wire.open(0)
        await trio.sleep(58)
        assert states(life, "a", "b") == ["queued", "queued"]
        await trio.sleep(1 + SOON)
        assert states(life, "a", "b") == ["expired", "queued"]
        assert len(life.accounts.holding) == 1
    await all_as_on_disk(bench, {"sent": 1, "expired": 1, "queued": 1})


async def test_what_was_taken_out_of_its_turn_and_waits_for_its_moment(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=0) as life:
        a = bench.sms(id="a", expires=60) | bench.later(100)
        await life.hand_in([bench.sms(id="b"), a])
        await quiet()
        row = life.row("a")
        life.ledger.picked(bench.wall(), [row], row.msg_id)  # as for an account that stands in
        await life.desk.commit()
        await trio.sleep(160 + SOON)
        assert states(life, "a", "b") == ["expired", "queued"]
    await all_as_on_disk(bench, {"expired": 1, "queued": 1})


async def test_where_nothing_takes_from_its_queue_any_more(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=0) as life:
        await life.hand_in(
            [bench.sms(id="a", via="other", expires=60), bench.sms(id="b", via="other")]
        )
        await quiet()
    async with bench.up(links=("main",)) as life:
        assert life.states() == {"queued": 2}
        await trio.sleep(60 + SOON)
        assert states(life, "a", "b") == ["expired", "queued"]


# ── what is let alone ────────────────────────────────────────────────────────────────────────


async def test_what_may_have_left_waits_for_its_link_and_its_answer(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in(
            [
                bench.sms(id="doubt", expires=60, on_unknown="resend"),
                bench.long_sms(2, id="half", expires=60),
                bench.sms(id="lost", expires=60),
                bench.sms(id="out", expires=60),
            ]
        )
        await quiet()
        doubt, first, second, lost, _ = life.wire.submitted
        life.wire.open(0)
        await life.lose(doubt)
        await life.answer(first)
        await life.give_back(second)
        await life.lose(lost)
        await trio.sleep(300)
        assert states(life, "doubt", "half", "lost", "out") == [
            "queued",
            "queued",
            "unknown",
            "sending",
        ]
        await life.answer(doubt, message_id="late", late=True)
        assert states(life, "doubt") == ["sent"]
        life.wire.open(100)
        await quiet()
        assert states(life, "half") == ["expired"]
        assert len(life.wire.submitted) == 5


async def test_what_never_expires_is_not_looked_through(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "_SHIFT", 3)
    async with bench.up(window=0) as life:
        looked = looks(life, monkeypatch)
        await life.hand_in([bench.sms() for _ in range(100)])
        await trio.sleep(10_000)
        assert not looked
        assert not life.accounts.may_expire
        lines = [bench.sms(id=f"{n}", expires=60 if n == 50 else 9000) for n in range(100)]
        await life.hand_in(lines, "b.jsonl", token="t2", chunk=1)
        await trio.sleep(60 + SOON)
        assert states(life, "49", "50", "51") == ["queued", "expired", "queued"]
        assert len(looked) == 1, "the range that it is in alone"
        await trio.sleep(1000)
        assert len(looked) == 1


async def test_ranges_whose_messages_have_left_are_forgotten_and_not_read(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "_SHIFT", 2)
    async with bench.up() as life:
        await life.hand_in([bench.sms(expires=60) for _ in range(40)])
        await quiet()
        assert life.states() == {"sending": 40}
        looked = looks(life, monkeypatch)
        await trio.sleep(60 + SOON)
        assert not looked
        assert not life.accounts.may_expire
        assert life.states() == {"sending": 40}


async def test_one_long_queue_does_not_keep_another_waiting(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "_SHIFT", 3)
    async with bench.up(window=0) as life:
        await life.hand_in([bench.sms(expires=60) for _ in range(3000)], lane=Lane.BULK)
        await life.hand_in([bench.sms(id="otp", expires=61)], "b.jsonl", lane=Lane.HIGH)
        await trio.sleep(61 + SOON)
        assert states(life, "otp") == ["expired"]
        assert life.states()["queued"] > 500
        await trio.sleep(60)
        assert life.states() == {"expired": 3001}


# ── what happens meanwhile ───────────────────────────────────────────────────────────────────


async def test_while_links_take_and_it_is_looked_through_each_goes_one_way(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link takes a few at a time from the queue in which others end just then."""
    monkeypatch.setattr(overdue, "PAGE", 5)
    monkeypatch.setattr(deadlines, "_SHIFT", 4)
    async with bench.up(window=0) as life:
        await life.hand_in([bench.sms(id=f"{n}", expires=60 + n * 7 % 90) for n in range(300)])
        await trio.sleep(60)
        while life.states().keys() & {"queued", "sending"}:
            life.wire.open(3)
            await trio.sleep(0.37)
            for part in list(life.wire.in_flight):
                await life.answer(part)
        sent = {part.msg_id for part in life.wire.submitted}
        assert len(sent) == len(life.wire.submitted)
        for n in range(300):
            row, shown = life.row(f"{n}"), life.shown(f"{n}")
            assert (shown.state == "sent") == (row.msg_id in sent), shown
            for fact in life.reader.log.history(row.msg_id):
                assert row.message.expires is not None
                assert (fact.at < row.message.expires) or fact.kind != Kind.SENDING
    await all_as_on_disk(bench, {"sent": len(sent), "expired": 300 - len(sent)})


@pytest.mark.parametrize("pages", [0, 1, 3])
async def test_a_start_from_what_was_written_down_in_the_middle_of_a_look(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr(overdue, "PAGE", 4)
    async with bench.up(window=0) as life:
        lines = [bench.sms(expires=60 if n % 2 else 200) for n in range(20)]
        await life.hand_in([*lines, bench.sms(expires=60) | bench.later(1)])
        life.wire.open(0)
        await trio.sleep(60 + pages * SHORTEST_PAUSE + 0.001)
        assert life.accounts.deadlines.looking is not None
        await life.desk.checkpoint(final=True)
    async with bench.up(window=0) as life:
        await trio.sleep(61 + SOON)
        assert life.states() == {"queued": 10, "expired": 11}
        await trio.sleep(140)
        assert life.states() == {"expired": 21}
    await all_as_on_disk(bench, {"expired": 21})


@pytest.mark.parametrize("dies_at", range(2, 9))
@pytest.mark.parametrize("unwritten", [False, True])
async def test_a_kill_at_any_commit_of_a_look(
    bench: Bench,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    dies_at: int,
    unwritten: bool,
) -> None:
    monkeypatch.setattr(overdue, "PAGE", 4)
    async with bench.up(window=0, overdue=False) as life:
        await life.hand_in([bench.sms(expires=60 if n % 2 else 200) for n in range(20)])
        await quiet()

    async def live(_: Life) -> None:
        await trio.sleep(100)

    assert not await bench.survives(live, bench.mortal(dies_at, unwritten=unwritten), window=0)
    async with bench.up(window=0) as life:
        assert 0 < life.states()["queued"] < 20 or dies_at < 4
        await trio.sleep(60 + SOON)
        assert life.states() == {"queued": 10, "expired": 10}
        await trio.sleep(140)
        assert life.states() == {"expired": 20}
    await all_as_on_disk(bench, {"expired": 20})


async def test_a_clock_that_is_set_forward_is_noticed(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=0) as life:
        ends = datetime.fromtimestamp(bench.wall() + 86_400, UTC).isoformat()
        await life.hand_in([bench.sms(id="a", expires=ends)])
        await trio.sleep(10)
        bench.skew += 86_400
        await trio.sleep(SOON)
        assert states(life, "a") == ["expired"]


# ── what was written by earlier versions ─────────────────────────────────────────────────────


@pytest.mark.parametrize("snapshot", [False, True])
async def test_what_an_earlier_version_took_in_is_looked_through_once(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, snapshot: bool
) -> None:
    def earlier(what: Callable[..., Any], fields: int) -> Callable[..., Any]:
        return lambda *values: what(*values[:fields])

    monkeypatch.setattr(admission, "Chunk", earlier(Chunk, 8))
    if snapshot:
        monkeypatch.setattr(memory, "Snapshot", earlier(Snapshot, 16))
    async with bench.up(window=0, overdue=False) as life:
        lines = [bench.sms(id="a", expires=60), bench.sms(id="b", expires=300), bench.sms(id="c")]
        await life.hand_in(lines)
        await quiet()
        if snapshot:
            await life.desk.checkpoint(final=True)
    monkeypatch.undo()
    async with bench.up(window=0) as life:
        assert life.accounts.may_expire
        await trio.sleep(60 + SOON)
        assert states(life, "a", "b", "c") == ["expired", "queued", "queued"]
        await trio.sleep(240)
        assert states(life, "a", "b", "c") == ["expired", "expired", "queued"]
        assert not life.accounts.may_expire
