"""Admission: every line ends up in the journal exactly once, whatever its id, file or fate."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
import trio.testing

from smppd.config import LinkConfig
from smppd.events import FileAdmitted
from smppd.ledger.entries import read_rejected
from smppd.ledger.facts import QUEUE_SHIFT
from smppd.message import ErrorInfo, Lane, State
from smppd.pipeline import admission
from smppd.pipeline.admission import AHEAD
from smppd.ports import Checkpoint, Claimed, Line
from smppd.spool.formats import parse_line

if TYPE_CHECKING:
    from trio.testing import MockClock

    from tests.pipeline.conftest import Bench, Life

DAY = 86_400.0


async def outcomes(life: Life) -> list[tuple[int, str | None, State]]:
    """(line, id, state) of every message, in the order in which lines were handed in."""
    rows = []
    for queue in life.queues.values():
        rows += await life.journal.read_queue(queue << QUEUE_SHIFT, 1000)
    rows.sort(key=lambda row: (row.file_id, row.item))
    return [(row.line, row.id, State(row.state)) for row in rows]


async def test_good_rejected_and_repeated_lines_are_all_accounted_for(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        file_id = await life.hand_in(
            [
                bench.sms(id="a"),
                bench.sms(to="12", id="b"),
                b"no json at all",
                bench.sms(id="a"),
                bench.sms(),
            ]
        )
        assert await outcomes(life) == [
            (1, "a", State.QUEUED),
            (2, "b", State.REJECTED),
            (3, None, State.REJECTED),
            (4, "a", State.DUPLICATE),
            (5, None, State.QUEUED),
        ]
        assert life.states() == {"queued": 2, "rejected": 2, "duplicate": 1}
        file = life.accounts.files[file_id]
        assert (file.items, file.done, file.closed, file.line) == (5, 3, True, 5)
        assert life.accounts.accepted == 5
        assert life.events == [FileAdmitted("a.jsonl", 5, 3)]


async def test_what_a_rejected_line_had_to_say_is_kept(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(to="12", id="b"), b'{"to": "+34600000001", "id": "c"}'])
        first = read_rejected(life.row("b").body)
        assert (first.to, first.error.code) == ("12", "BAD_TO")
        second = read_rejected(life.row("c").body)
        assert (second.to, second.error.code) == ("+34600000001", "MISSING_TEXT")


@pytest.mark.parametrize("value", ['"abc"', "5", "1.5", "null", '{"a":[1,"ñ"]}', "true", '""'])
async def test_fields_of_the_clients_own_are_kept_with_the_message(
    bench: Bench, autojump_clock: MockClock, value: str
) -> None:
    good = b'{"to": "+34600000001", "text": "x", "id": "a", "x-one": %s}' % value.encode()
    bad = b'{"to": "12", "text": "x", "id": "b", "x-one": %s}' % value.encode()
    async with bench.up() as life:
        await life.hand_in([good, bad])
        await trio.testing.wait_all_tasks_blocked()
        assert len(life.wire.submitted) == 1
    async with bench.up() as life:
        message = life.row("a").message
        assert message.segments == (b"x",)


MESSAGES: list[dict[str, Any] | bytes] = [
    {"to": "+34600000001", "text": "a"},
    {"to": "+34600000001", "text": "a", "id": "one"},
    {"to": "12", "text": "no number"},
    {"to": "+34600000002", "text": "again", "id": "one"},
    {"to": "+34600000003", "text": "long " * 100, "x-mine": 1},
    {"to": "+34600000003", "text": "longer " * 100},
    {"to": ["+34600000004", "+34600000005", "5"], "text": "three", "id": "list"},
    {"to": "+34600000006", "text": "urgent", "priority": "high"},
    b"no json",
    {"to": "+34600000007", "text": "later", "send_at": "2030-01-01T00:00:00Z"},
]


async def test_brief_files_come_to_the_same_at_once_and_one_by_one(
    new_bench: Callable[[], Bench], autojump_clock: MockClock
) -> None:
    async with new_bench().up(dispatching=False) as life:
        await life.hand_in([MESSAGES[1]], "before.json", token="t0")
        await life.hand_in_brief(MESSAGES[:5])
        await life.hand_in_brief(MESSAGES[5:], first=5)
        at_once = await everything(life)
    async with new_bench().up(dispatching=False) as life:
        await life.hand_in([MESSAGES[1]], "before.json", token="t0")
        for number, message in enumerate(MESSAGES):
            raw = message if isinstance(message, bytes) else json.dumps(message).encode()
            claimed = Claimed("t1", f"{number}.json", Lane.NORMAL, Path())
            unread = await life.admission.open_file(claimed)
            await life.admission.admit(unread.file_id, [parse_line(raw, 1)], len(raw), 1)
            await life.admission.close_file(unread.file_id)
        assert await everything(life) == at_once


async def everything(life: Life) -> list[object]:
    """What the accounts and the journal hold, and what people were told."""
    rows = [
        row
        for queue in life.queues.values()
        for row in life.reader.messages.read_range(queue << QUEUE_SHIFT, (queue + 1) << QUEUE_SHIFT)
    ]
    loaded, _ = life.reader.load(from_snapshot=False)
    assert loaded.files == life.accounts.files
    assert [life.admission.is_read("t1", f"{n}.json") for n in range(len(MESSAGES))] == [True] * 10
    files = [msgspec.structs.replace(file, opened=0.0) for file in life.accounts.files.values()]
    return [rows, files, life.accounts.counts, life.accounts.references.save(), life.events]


async def test_ids_of_brief_files_go_once_also_after_a_crash(
    bench: Bench, autojump_clock: MockClock
) -> None:
    message = {"to": "+34600000001", "text": "a", "id": "one"}
    async with bench.up(dispatching=False) as life:
        await life.hand_in_brief([message, message])
    async with bench.up(dispatching=False) as life:
        await life.hand_in_brief([message], "t2")
        assert [state for _, _, state in await outcomes(life)] == [
            State.QUEUED,
            State.DUPLICATE,
            State.DUPLICATE,
        ]


# ── ids ──────────────────────────────────────────────────────────────────────────────────────


async def test_an_id_repeated_in_a_later_chunk_or_file_is_a_duplicate(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="a")], chunk=1)
        await life.hand_in([bench.sms(id="a")], "b.jsonl")
        assert [state for _, _, state in await outcomes(life)] == [
            State.QUEUED,
            State.DUPLICATE,
            State.DUPLICATE,
        ]


async def test_of_files_read_side_by_side_one_gets_each_id(
    bench: Bench, autojump_clock: MockClock
) -> None:
    ids = [f"id{n}" for n in range(40)]
    async with bench.up(dispatching=False) as life:
        # Known to the filter of the lots, so that each file waits for the disk in between.
        await life.journal.commit(
            [], checkpoint=Checkpoint(0.0, dict.fromkeys(ids, (1, 0.0)), [], None)
        )
        bench.skew = 30 * DAY
        async with trio.open_nursery() as nursery:
            for n in range(4):
                lines = [bench.sms(id=each) for each in (ids if n % 2 else reversed(ids))]
                nursery.start_soon(
                    lambda lines, n: life.hand_in(lines, f"{n}.jsonl", chunk=7), lines, n
                )
        found = Counter(await outcomes(life))
        queued = Counter(id_ for (_, id_, state) in found.elements() if state == State.QUEUED)
        assert queued == Counter(ids)
        assert life.states() == {"queued": 40, "duplicate": 120}


async def test_a_rejected_line_does_not_burn_its_id(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(to="12", id="a"), bench.sms(id="a"), bench.sms(id="a")])
        await life.hand_in([bench.sms(to="12", id="b")], "b.jsonl")
        assert life.states() == {"rejected": 2, "queued": 1, "duplicate": 1}
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="b")], "c.jsonl")
        assert life.states() == {"rejected": 2, "queued": 2, "duplicate": 1}


async def test_a_duplicate_says_which_id_it_repeats(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="a", to="+34600000002")])
        rows = await life.journal.read_queue(life.queues["main", Lane.NORMAL] << QUEUE_SHIFT, 9)
        rejected = read_rejected(rows[1].body)
        assert rejected.to == "+34600000002"
        assert rejected.error.code == "DUPLICATE"
        assert '"a"' in rejected.error.text


@pytest.mark.parametrize("checkpointed", [False, True])
async def test_ids_are_remembered_over_a_restart(
    bench: Bench, autojump_clock: MockClock, checkpointed: bool
) -> None:
    names = ["a", "ñandú", "😀", "tab\there", 'quo"te', "back\\slash", "x" * 300, " "]
    lines = [bench.sms(id=name) for name in names]
    async with bench.up(dispatching=False) as life:
        await life.hand_in(lines)
        if checkpointed:
            await life.desk.checkpoint(final=True)
    async with bench.up(dispatching=False) as life:
        await life.hand_in(lines, "b.jsonl")
        assert life.states() == {"queued": len(names), "duplicate": len(names)}


async def test_ids_handed_in_after_a_checkpoint_are_remembered_too(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="a")])
        await life.desk.checkpoint()
        await life.hand_in([bench.sms(id="b")], "b.jsonl")
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b")], "c.jsonl")
        assert life.states() == {"queued": 2, "duplicate": 2}
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b")], "d.jsonl")
        assert life.states() == {"queued": 2, "duplicate": 4}


async def test_an_id_from_a_lot_is_still_one_duplicate_per_line(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="a")])
        await life.desk.checkpoint()
        await life.hand_in([bench.sms(id="a"), bench.sms(id="a")], "b.jsonl", chunk=1)
        await life.hand_in([bench.sms(id="a"), bench.sms(id="a")], "c.jsonl")
        assert life.states() == {"queued": 1, "duplicate": 4}


async def keep_books(life: Life, bench: Bench, until: float) -> None:
    """What the composition root does beside everything else, an hour at a time."""
    while bench.skew < until:
        bench.skew += 3600.0
        if life.desk.checkpoint_due():
            await life.desk.checkpoint()


@pytest.mark.parametrize("restarted", [False, True])
async def test_outside_the_dedupe_window_an_id_is_new_again(
    bench: Bench, autojump_clock: MockClock, restarted: bool
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="a")])
        if restarted:
            await life.desk.checkpoint(final=True)
        else:
            await keep_books(life, bench, 6 * DAY)
            await life.hand_in([bench.sms(id="a")], "b.jsonl")
            assert life.states() == {"queued": 1, "duplicate": 1}
            await keep_books(life, bench, 9 * DAY)
            await life.hand_in([bench.sms(id="a")], "c.jsonl")
            assert life.states() == {"queued": 2, "duplicate": 1}
    if restarted:
        bench.skew = 9 * DAY
        async with bench.up(dispatching=False) as life:
            await life.hand_in([bench.sms(id="a")], "c.jsonl")
            assert life.states() == {"queued": 2}
            await life.hand_in([bench.sms(id="a")], "d.jsonl")
            assert life.states() == {"queued": 2, "duplicate": 1}


async def test_a_duplicate_of_an_id_on_disk_does_not_prolong_its_time(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="a")])
        await life.desk.checkpoint()
        bench.skew = 5 * DAY
        await life.hand_in([bench.sms(id="a")], "b.jsonl")
        assert life.states() == {"queued": 1, "duplicate": 1}
        bench.skew = 9 * DAY
        await life.hand_in([bench.sms(id="a")], "c.jsonl")
        assert life.states() == {"queued": 2, "duplicate": 1}


async def test_the_dedupe_window_counts_from_the_hand_in_however_late_the_id_is_written(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="a")])
        bench.skew = 6 * DAY
        await life.hand_in([bench.sms(id="b")], "b.jsonl")
        await life.desk.checkpoint(final=True)
    bench.skew = 9 * DAY
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b")], "c.jsonl")
        assert life.states() == {"queued": 3, "duplicate": 1}


# ── where a message goes ─────────────────────────────────────────────────────────────────────


async def test_a_list_of_destinations_is_a_message_for_each(
    bench: Bench, autojump_clock: MockClock
) -> None:
    numbers = ["+34600000001", "12", "+34600000002"]
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(to=numbers, id="a"), bench.sms(to=numbers)])
        assert await outcomes(life) == [
            (1, "a#1", State.QUEUED),
            (1, "a#2", State.REJECTED),
            (1, "a#3", State.QUEUED),
            (2, None, State.QUEUED),
            (2, None, State.REJECTED),
            (2, None, State.QUEUED),
        ]
        assert life.row("a#3").message.to == "34600000002"
        await life.hand_in([bench.sms(to=numbers, id="a")], "again.jsonl")
        assert life.states() == {"queued": 4, "rejected": 3, "duplicate": 2}


async def test_an_unknown_link_is_named_with_those_there_are(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(via="elsewhere", id="a"), bench.sms(via="other", id="b")])
        error = read_rejected(life.row("a").body).error
        assert error.code == "BAD_VIA"
        assert "elsewhere" in error.text
        assert "main, other" in error.text
        assert life.row("b").msg_id >> QUEUE_SHIFT == life.queues["other", Lane.NORMAL]


async def test_a_link_that_only_receives_is_no_way(bench: Bench, autojump_clock: MockClock) -> None:
    receiver = LinkConfig(name="in", hosts=(), system_id="a", bind="receiver")
    bench.links = bench.links | {"in": receiver}
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(via="in", id="a")])
        error = read_rejected(life.row("a").body).error
        assert (error.code, error.text) == (
            "BAD_VIA",
            'via: link "in" only receives; use one of: main, other',
        )


@pytest.mark.parametrize("lane", list(Lane))
async def test_the_priority_of_a_message_goes_before_that_of_its_lane(
    bench: Bench, autojump_clock: MockClock, lane: Lane
) -> None:
    lines = [bench.sms(priority=word, id=word) for word in ("high", "normal", "bulk")]
    async with bench.up(dispatching=False) as life:
        await life.hand_in([*lines, bench.sms(id="none")], lane=lane)
        went = {
            name: life.row(name).msg_id >> QUEUE_SHIFT
            for name in ("high", "normal", "bulk", "none")
        }
        assert went == {
            "high": life.queues["main", Lane.HIGH],
            "normal": life.queues["main", Lane.NORMAL],
            "bulk": life.queues["main", Lane.BULK],
            "none": life.queues["main", lane],
        }


# ── files ────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_with_nothing_usable_before_its_first_line_is_withdrawn(
    bench: Bench, autojump_clock: MockClock
) -> None:
    claimed = Claimed("t1", "a.jsonl", Lane.NORMAL, bench.root / "work/t1")
    async with bench.up(dispatching=False) as life:
        unread = await life.admission.open_file(claimed)
        assert not life.admission.is_read("t1", "a.jsonl")
        await life.admission.withdraw_file(unread.file_id)
        assert life.accounts.files == {}
        again = await life.admission.open_file(claimed)
        assert again.file_id != unread.file_id
        await life.admission.admit(again.file_id, [], 0, 0)  # it reaches the disk with its lines
        await life.desk.commit()
    async with bench.up(dispatching=False) as life:
        assert list(life.accounts.files) == [again.file_id]


async def test_a_file_is_read_once_it_is_closed_and_closing_it_twice_is_harmless(
    bench: Bench,
    autojump_clock: MockClock,
) -> None:
    async with bench.up(dispatching=False) as life:
        file_id = await life.hand_in([bench.sms()])
        assert life.admission.is_read("t1", "a.jsonl")
        await life.admission.close_file(file_id)
        assert len(life.events) == 1
    async with bench.up(dispatching=False) as life:
        assert life.admission.is_read("t1", "a.jsonl")
        life.admission.forget_file(life.accounts.files[file_id])
        assert not life.admission.is_read("t1", "a.jsonl")


async def test_few_chunks_are_on_their_way_to_the_disk_and_none_when_the_file_is_closed(
    bench: Bench, autojump_clock: MockClock
) -> None:
    claimed = Claimed("t1", "a.jsonl", Lane.NORMAL, bench.root / "work/t1")
    mistake = ErrorInfo("BAD_JSON", None, "no")
    chunks = AHEAD + 5
    async with bench.up(dispatching=False) as life:
        unread = await life.admission.open_file(claimed)
        await life.desk.commit()
        assert life.reader.load()[0].files.keys() == {unread.file_id}
        for n in range(1, chunks + 1):
            await life.admission.admit(
                unread.file_id, [Line(n, None, mistake, "x", "y")], 17 * n, n
            )
            file = life.reader.load()[0].files[unread.file_id]
            assert file.items >= n - AHEAD
            assert (file.offset, file.line) == (17 * file.items, file.items)
            assert life.reader.messages.count() == file.items
        await life.admission.close_file(unread.file_id)
        file = life.reader.load()[0].files[unread.file_id]
        assert (file.items, file.offset, file.line) == (chunks, 17 * chunks, chunks)
        assert life.reader.messages.count() == chunks


async def test_nothing_is_admitted_far_ahead_of_a_disk_that_stands_still(
    bench: Bench, autojump_clock: MockClock
) -> None:
    disk = trio.Event()
    disk.set()

    async def run_sync(function: Callable[..., Any], *arguments: Any) -> Any:
        await disk.wait()
        return function(*arguments)

    async with bench.up(run_sync, dispatching=False) as life:
        unread = await life.admission.open_file(
            Claimed("t1", "a.jsonl", Lane.NORMAL, bench.root / "work/t1")
        )
        disk = trio.Event()

        async def hand_in() -> None:
            for n in range(1, 3 * AHEAD):
                line = Line(n, None, ErrorInfo("BAD_JSON", None, "no"), "x", "y")
                await life.admission.admit(unread.file_id, [line], n, n)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hand_in)
            await trio.testing.wait_all_tasks_blocked()
            assert life.accounts.accepted == AHEAD + 1
            assert life.reader.messages.count() == 0
            disk.set()
        assert life.accounts.accepted == 3 * AHEAD - 1


# ── dying while a file is read ───────────────────────────────────────────────────────────────


def mixed_lines(bench: Bench) -> list[dict[str, Any]]:
    """Twelve lines: eight good, two that repeat an id, two that cannot be used."""
    lines = [bench.sms(id=f"id{n}", priority=("high", "normal", "bulk")[n % 3]) for n in range(8)]
    lines.insert(3, bench.sms(id="id1"))
    lines.insert(5, bench.sms(to="12", id="bad"))
    lines.insert(7, bench.sms(id="id0"))
    lines.append(bench.sms(via="nowhere"))
    return lines


@pytest.mark.parametrize(("ahead", "fewest_lives"), [(0, 6), (1, 3), (AHEAD, 1)])
@pytest.mark.parametrize("unwritten", [False, True])
async def test_a_file_is_resumed_exactly_where_the_journal_stands(
    bench: Bench,
    autojump_clock: MockClock,
    unwritten: bool,
    ahead: int,
    fewest_lives: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The daemon dies again and again, one commit further each time."""

    monkeypatch.setattr(admission, "AHEAD", ahead)

    async def read_on(life: Life) -> None:
        await life.hand_in(mixed_lines(bench), chunk=2)

    lives = 0
    while True:
        mortal = bench.mortal(1 + unwritten, unwritten=unwritten)
        if await bench.survives(read_on, mortal, dispatching=False):
            break
        lives += 1
        assert lives < 60
    # Opening and all chunks are one commit where all of them may be ahead: nothing is left to die in.
    assert lives >= fewest_lives - (unwritten and ahead == AHEAD)
    async with bench.up(dispatching=False) as life:
        assert [line for line, _, _ in await outcomes(life)] == list(range(1, 13))
        assert life.states() == {"queued": 8, "duplicate": 2, "rejected": 2}


@pytest.mark.parametrize("ahead", [0, 1, AHEAD])
@pytest.mark.parametrize("unwritten", [False, True])
async def test_dying_at_any_commit_of_admission_loses_nothing_and_takes_nothing_twice(
    bench: Bench,
    autojump_clock: MockClock,
    unwritten: bool,
    ahead: int,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "AHEAD", ahead)
    whole = {"queued": 8, "duplicate": 2, "rejected": 2}
    for dies_at in range(1, 40):
        fresh = type(bench)(tmp_path / f"{dies_at}")

        async def read_all(life: Life) -> None:
            await life.hand_in(mixed_lines(bench), chunk=3)
            await life.desk.checkpoint()
            await life.hand_in([bench.sms(id="id3"), bench.sms(id="new")], "b.jsonl")

        survived = await fresh.survives(read_all, bench.mortal(dies_at, unwritten=unwritten))
        async with fresh.up() as life:
            await read_all(life)
            await trio.testing.wait_all_tasks_blocked()
            accepted = {**whole, "duplicate": 3, "queued": 9}
            in_doubt = life.states().get("unknown", 0)
            assert life.states().pop("duplicate") == 3
            assert life.accounts.accepted == 14
            assert sum(accepted.values()) == 14
            assert in_doubt + life.states().get("sending", 0) == 9
            lines = Counter((row.file_id, row.item) for row in await all_rows(life))
            assert set(lines.values()) == {1}
        if survived:
            return
    pytest.fail("it never came to the end")


async def all_rows(life: Life) -> list[Any]:
    rows: list[Any] = []
    for queue in life.queues.values():
        rows += await life.journal.read_queue(queue << QUEUE_SHIFT, 1000)
    return rows
