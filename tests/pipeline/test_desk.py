"""The desk: checkpoints keep memory flat and starts short, and change nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from smppd.ledger.facts import Kind, encode
from smppd.message import Lane
from smppd.pipeline import desk as desk_module
from smppd.smpp.vocabulary import CommandStatus

if TYPE_CHECKING:
    from trio.testing import MockClock

    from smppd.ledger.accounts import Accounts
    from tests.pipeline.conftest import Bench, Life

quiet = trio.testing.wait_all_tasks_blocked


def picture(accounts: Accounts) -> dict[str, Any]:
    """Everything that must be the same after a start."""
    return {
        "seq": accounts.seq,
        "counts": accounts.counts,
        "accepted": accounts.accepted,
        "unmatched": accounts.unmatched,
        "queues": {n: encode(q) for n, q in accounts.queues.items() if q.tail & 0xFFFFFFFFFF},
        "entries": {n: encode(e) for n, e in sorted(accounts.entries.items())},
        "ids": dict(sorted(accounts.message_ids.items())),
        "shelf": {key: encode(parked) for key, parked in accounts.shelf.items()},
        "held": accounts.held,
        "files": {n: encode(file) for n, file in accounts.files.items()},
        "slots": {n: slots.save() for n, slots in accounts.slots.items()},
        "due": {n: due for n in accounts.queues if (due := accounts.retries.next_due(n))},
    }


async def lead_a_full_life(bench: Bench, life: Life) -> None:
    """Messages in every state that a message can be in."""
    await life.hand_in(
        [
            *[bench.sms(id=f"{n}") for n in range(6)],
            bench.sms(id="0"),
            bench.sms(to="12"),
            bench.long_sms(3, id="long"),
            bench.sms(id="gone", expires=0.001),
        ]
    )
    await life.hand_in([bench.sms(id="other", via="other")], "o.jsonl", lane=Lane.BULK)
    await trio.sleep(1)
    life.wire.open(9)
    await quiet()
    parts = list(life.wire.submitted)
    await life.answer(parts[0])
    await life.receive(life.receipt(life.name_of(parts[0])))
    await life.answer(parts[1])
    await life.answer(parts[2], CommandStatus.ESME_RSYSERR)
    await life.lose(parts[3])
    await life.answer(parts[4], CommandStatus.ESME_RINVDSTADR)
    await life.answer(parts[6])
    await life.receive(life.receipt(life.name_of(parts[6])), life.receipt("nobody's"))
    await life.answer(parts[7], CommandStatus.ESME_RSYSERR)


@pytest.mark.parametrize("final", [False, True])
async def test_a_start_comes_to_what_there_was(
    bench: Bench, autojump_clock: MockClock, final: bool
) -> None:
    async with bench.up(window=0) as life:
        await lead_a_full_life(bench, life)
        await life.desk.checkpoint(final=final)
        await life.receive(life.receipt("another"))
        before = picture(life.accounts)
        loaded, recent = life.reader.load()
        assert recent == {}
        assert picture(loaded) == before
        slow, _ = life.reader.load(from_snapshot=False)
        assert picture(slow) == before
        assert {fact.kind for fact in life.reader.log.facts()} >= {
            Kind.ADMITTED,
            Kind.EXPIRED,
            Kind.SENDING,
            Kind.RETRY,
            Kind.UNKNOWN,
            Kind.PARKED,
            Kind.INDEXED,
        }


async def test_a_final_checkpoint_leaves_nothing_to_be_read_again(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(window=0) as life:
        await lead_a_full_life(bench, life)
        await life.desk.checkpoint(final=True)
        snapshot = life.reader.load()[0].seq
        assert list(life.reader.log.facts(after=snapshot)) == []


async def test_ids_are_written_when_there_are_many(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "IDS_IN_MEMORY", 5)
    async with bench.up(window=0) as life:
        await life.hand_in([bench.sms(id=f"{n}") for n in range(4)])
        assert not life.desk.checkpoint_due()
        await life.hand_in([bench.sms(id="4")], "b.jsonl")
        assert life.desk.checkpoint_due()
        await life.desk.checkpoint()
        assert not life.desk.checkpoint_due()
        assert life.desk.recent_ids == {}
        assert len(await life.journal.find_ids([f"{n}" for n in range(6)], 0.0)) == 5


async def test_many_are_written_piece_by_piece_and_belong_to_one_lot(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = {"WAITING_IN_MEMORY": 4, "WAITING_AFTER_SPILL": 0, "WRITTEN_AT_ONCE": 10}
    for name, value in little.items():
        monkeypatch.setattr(desk_module, name, value)
    names = [f"{n * 7 % 100:02}" for n in range(100)]
    async with bench.up(window=100) as life:
        await life.hand_in([bench.sms(id=name) for name in names])
        await trio.testing.wait_all_tasks_blocked()
        for part in list(life.wire.in_flight):
            await life.answer(part)
        commits = life.journal.figures.commits
        async with trio.open_nursery() as nursery:
            nursery.start_soon(life.desk.checkpoint)
            while len(life.desk.recent_ids) == 100:
                await trio.lowlevel.checkpoint()
            assert life.desk.recent_ids
            # What is handed in between two pieces, and heard of a message whose turn has not come.
            await life.hand_in([bench.sms(id=name) for name in ("50", "new")], "b.jsonl")
            last = max(life.wire.submitted, key=life.name_of)
            await life.receive(life.receipt(life.name_of(last)))
        assert life.journal.figures.commits - commits > 10
        assert (life.desk.recent_ids, life.accounts.message_ids.items()) == ({}, {}.items())
        for holds in ("client_id", "waiting"):
            assert len(await life.journal.lots(holds)) == 1
        assert len(await life.journal.find_ids([*names, "new"], 0.0)) == 101
        for part in life.wire.submitted[:100]:
            await life.receive(life.receipt(life.name_of(part)))
        await life.hand_in([bench.sms(id=name) for name in names], "c.jsonl")
        assert life.states() == {"delivered": 100, "duplicate": 101, "sending": 1}


async def test_a_snapshot_is_due_after_so_many_facts(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "SNAPSHOT_EVERY", 6)
    async with bench.up(window=0) as life:
        for n in range(3):
            due = life.desk.checkpoint_due()
            assert due == (n >= 2)
            if due:
                await life.desk.checkpoint()
            await life.hand_in([bench.sms()], f"{n}.jsonl")
        assert not life.desk.checkpoint_due()


async def test_an_id_whose_message_is_still_on_its_way_in_is_not_written_without_it(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """The daemon dies after a checkpoint that came while an admission waited for the disk."""
    passes, held = trio.Semaphore(0), False

    async def run_sync(function: Any, *arguments: Any) -> Any:
        if held:
            await passes.acquire()
        return function(*arguments)

    async with bench.up(run_sync, dispatching=False) as life:
        await life.hand_in([bench.sms(id="old")], "old.jsonl")
        await life.desk.checkpoint()
        held = True
        async with trio.open_nursery() as nursery:
            # "old" sends the whole chunk to the disk for its ids.
            lines = [bench.sms(id="old"), bench.sms(id="new")]
            nursery.start_soon(lambda: life.hand_in(lines))
            await quiet()
            passes.release()  # the file is opened
            await quiet()
            nursery.start_soon(life.desk.checkpoint)
            await quiet()
            passes.release()  # its ids are looked up, and the checkpoint waits behind
            await quiet()
            passes.release()
            await quiet()
            ids = life.reader.lots.find_ids(["old", "new"], 0.0)
            there = {row.msg_id for row in life.reader.messages.read(list(ids.values()))}
            nursery.cancel_scope.cancel()
        held = False
        passes.release()
        assert there == set(ids.values())
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="old"), bench.sms(id="new")])
        file = max(life.accounts.files.values(), key=lambda each: each.file_id)
        assert file.items == 2
        assert life.states()["queued"] == 2
        assert life.states()["duplicate"] == 1


async def test_an_id_whose_message_is_still_on_its_way_in_stays_taken_over_a_checkpoint(
    bench: Bench, autojump_clock: MockClock
) -> None:
    passes, held = trio.Semaphore(0), False

    async def run_sync(function: Any, *arguments: Any) -> Any:
        if held:
            await passes.acquire()
        return function(*arguments)

    async with bench.up(run_sync, dispatching=False) as life:
        await life.hand_in([bench.sms(id="old")], "old.jsonl")
        await life.desk.checkpoint()
        async with trio.open_nursery() as nursery:
            held = True
            lines = [bench.sms(id="old"), bench.sms(id="new")]
            nursery.start_soon(lambda: life.hand_in(lines))
            await quiet()
            passes.release()  # the file is opened, and its ids are being looked up
            await quiet()
            nursery.start_soon(life.desk.checkpoint)
            nursery.start_soon(lambda: life.hand_in([bench.sms(id="new")], "b.jsonl"))
            for _ in range(9):
                await quiet()
                passes.release()
            held = False
        assert life.states() == {"queued": 2, "duplicate": 2}


async def test_an_id_that_a_crash_left_unwritten_is_found_once_a_checkpoint_has_written_it(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="a")])
    async with bench.up(dispatching=False) as life:
        assert set(life.desk.recent_ids) == {"a"}
        await life.journal.learn_keys()
        await life.desk.checkpoint()
        assert life.desk.recent_ids == {}
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b")], "b.jsonl")
        assert life.states() == {"queued": 2, "duplicate": 1}


async def test_checkpoints_at_every_turn_change_nothing(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = {"WAITING_IN_MEMORY": 2, "WAITING_AFTER_SPILL": 1, "IDS_IN_MEMORY": 1}
    for name, value in {**little, "WRITTEN_AT_ONCE": 1}.items():
        monkeypatch.setattr(desk_module, name, value)

    async def keep_books(life: Life) -> None:
        while True:
            await life.desk.checkpoint(final=True)
            await trio.sleep(0.01)

    async with bench.up(window=5) as life:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_books, life)
            await life.hand_in([bench.sms(id=f"{n}") for n in range(30)], chunk=4)
            for _ in range(30):
                await trio.sleep(0.011)
                part = life.wire.in_flight[0]
                await life.answer(part)
            await trio.sleep(0.02)
            for part in life.wire.submitted:
                await trio.sleep(0.004)
                await life.receive(life.receipt(life.name_of(part)))
            await life.hand_in([bench.sms(id=f"{n}") for n in range(30)], "again.jsonl", chunk=4)
            nursery.cancel_scope.cancel()
        assert life.states() == {"delivered": 30, "duplicate": 30}
        assert life.accounts.unmatched == 0
    async with bench.up() as life:
        assert life.states() == {"delivered": 30, "duplicate": 30}
        assert life.wire.submitted == []
