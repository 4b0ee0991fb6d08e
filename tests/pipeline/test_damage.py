"""A damaged message costs what stands behind it in its queue its turn, and nobody else."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
import trio
import trio.testing

from smppd.events import JournalDamaged
from smppd.ledger.facts import encode
from smppd.ledger.message_bundles import BUNDLE, members_of
from smppd.message import State
from smppd.pipeline import overdue
from smppd.smpp.vocabulary import CommandStatus
from tests.pipeline.conftest import Bench, Life

quiet = trio.testing.wait_all_tasks_blocked
Rows = list[tuple[Any, ...]]


def damage_bundle(bench: Bench) -> Rows:
    """The second of the bundles; what stood there before."""
    return _damage(bench, lambda body, _: b"\xc1")


def damage_body(bench: Bench) -> Rows:
    """The eleventh message in it; what stood there before."""

    def spoil(body: bytes, row: tuple[Any, ...]) -> bytes:
        members = members_of(row[0], row[4], body)
        members.bodies[10] = b"\xc1"
        return encode(members)

    return _damage(bench, spoil)


def _damage(bench: Bench, spoil: Any) -> Rows:
    journal = sqlite3.connect(bench.path)
    columns = "msg_id, file_id, item, id, line, body"
    rows = journal.execute(
        f"SELECT {columns} FROM message WHERE state = ? ORDER BY msg_id", (BUNDLE,)
    ).fetchall()
    row = rows[1]
    journal.execute("UPDATE message SET body = ? WHERE msg_id = ?", (spoil(row[5], row), row[0]))
    journal.commit()
    journal.close()
    return [row]


def mend(bench: Bench, rows: Rows) -> None:
    journal = sqlite3.connect(bench.path)
    for row in rows:
        journal.execute("UPDATE message SET body = ? WHERE msg_id = ?", (row[5], row[0]))
    journal.commit()
    journal.close()


async def answer_all(life: Life, link: str = "main") -> int:
    """How many parts there were."""
    count = 0
    await quiet()
    while flying := list(life.wires[link].in_flight):
        for part in flying:
            await life.answer(part, link=link)
        count += len(flying)
        await quiet()
    return count


@pytest.mark.parametrize(
    ("damage", "before"), [(damage_bundle, 64), (damage_body, 64 + 10)], ids=["bundle", "body"]
)
async def test_what_stands_before_it_leaves_and_others_go_on_and_nothing_is_lost(
    bench: Bench, damage: Any, before: int, autojump_clock: trio.testing.MockClock
) -> None:
    messages = 200
    async with bench.up(window=0) as life:
        lines = [bench.sms(id=f"m{n}", receipt=False) for n in range(messages)]
        await life.hand_in(lines, "hurt.jsonl", chunk=messages)
        await life.desk.checkpoint(final=True)
    whole = damage(bench)
    async with bench.up(window=50) as life:
        assert await answer_all(life) == before
        (told,) = [event for event in life.events if isinstance(event, JournalDamaged)]
        assert told.what == "messages of lane normal of main"
        assert "cannot be read" in told.reason
        counts = life.accounts.counts
        assert (counts[State.SENT], counts[State.QUEUED]) == (before, messages - before)
        # Another lane, another link.
        await life.hand_in([bench.sms(id="high", receipt=False, priority="high")], "h.jsonl")
        await life.hand_in([bench.sms(id="other", receipt=False, via="other")], "o.jsonl")
        life.wires["other"].open(10)
        assert (await answer_all(life), await answer_all(life, "other")) == (1, 1)
        # More of the same lane waits behind it, for however long.
        await life.hand_in([bench.sms(id="late", receipt=False)], "l.jsonl")
        await trio.sleep(3600)
        assert await answer_all(life) == 0
        assert len([event for event in life.events if isinstance(event, JournalDamaged)]) == 1
    mend(bench, whole)
    async with bench.up(window=50) as life:
        assert await answer_all(life) == messages - before + 1
        assert life.accounts.counts[State.SENT] == messages + 3
    assert set(bench.submissions.values()) == {1}


async def test_one_that_came_back_and_cannot_be_read_is_no_matter_of_the_other_lanes(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up(window=200) as life:
        lines = [bench.sms(id=f"m{n}", receipt=False) for n in range(128)]
        await life.hand_in(lines, "hurt.jsonl", chunk=128)
        await quiet()
        for part in list(life.wire.in_flight):
            await life.answer(part, CommandStatus.ESME_RMSGQFUL)
        await quiet()
        assert life.accounts.counts[State.QUEUED] == 128
        damage_bundle(bench)
        await trio.sleep(60)
        assert await answer_all(life) == 0
        (told,) = [event for event in life.events if isinstance(event, JournalDamaged)]
        assert told.what == "messages of lane normal of main"
        await life.hand_in([bench.sms(id="high", receipt=False, priority="high")], "h.jsonl")
        assert await answer_all(life) == 1
        assert life.accounts.counts[State.QUEUED] == 128


async def test_a_campaign_is_cancelled_but_for_what_cannot_be_read(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up(window=0) as life:
        lines = [bench.sms(id=f"m{n}", receipt=False) for n in range(200)]
        file_id = await life.hand_in(lines, "hurt.jsonl", chunk=100)
        whole = damage_bundle(bench)
        assert life.campaigns.cancel(life.accounts.files[file_id], "ana")
        await life.desk.commit()
        await trio.sleep(10)
        assert life.states() == {"cancelled": 200 - 36, "queued": 36}
        (told,) = [event for event in life.events if isinstance(event, JournalDamaged)]
        assert (told.what, told.reason) == (
            "messages of hurt.jsonl, cancelled",
            "36 cannot be read",
        )
        await life.desk.checkpoint(final=True)
    mend(bench, whole)
    async with bench.up(window=50) as life:
        await trio.sleep(10)
        assert life.states() == {"cancelled": 200}
    assert not bench.submissions


@pytest.mark.parametrize("damage", [damage_bundle, damage_body], ids=["bundle", "body"])
async def test_a_receipt_that_may_be_about_it_is_parked(
    bench: Bench, autojump_clock: trio.testing.MockClock, damage: Any
) -> None:
    async with bench.up(window=200) as life:
        await life.hand_in([bench.sms(id=f"m{n}") for n in range(128)], "hurt.jsonl", chunk=128)
        await quiet()
        doubtful = life.wire.in_flight[64 + 10]
        await life.lose(doubtful)
        for part in [part for part in life.wire.in_flight if part is not doubtful]:
            await life.answer(part)
        damage(bench)
        await life.receive(life.receipt("strange"))
        assert life.states() == {"sent": 127, "unknown": 1}
        assert len(life.accounts.shelf) == 1
        await life.desk.checkpoint(final=True)
    async with bench.up(window=200) as life:
        assert life.states() == {"sent": 127, "unknown": 1}


async def test_what_stands_behind_it_ends_in_time_where_nobody_takes(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up(window=0) as life:
        lines = [bench.sms(id=f"m{n}", receipt=False, expires=60) for n in range(200)]
        await life.hand_in(lines, "hurt.jsonl", chunk=200)
        whole = damage_bundle(bench)
        await trio.sleep(120)
        assert life.states() == {"expired": 200 - 64, "queued": 64}
        mend(bench, whole)
        await trio.sleep(overdue.LOOK_AT_DAMAGE_EVERY)
        assert life.states() == {"expired": 200}
        assert not life.accounts.may_expire
