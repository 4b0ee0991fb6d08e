"""A campaign goes once, and so does a text to a number in it, where its terms say so."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from smppd.campaign import CampaignTerms
from smppd.ledger.entries import read_rejected
from smppd.ledger.facts import QUEUE_SHIFT
from smppd.message import ErrorInfo, State
from smppd.smpp.vocabulary import CommandStatus
from tests.pipeline.conftest import KilledError, Mortal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio.testing import MockClock

    from smppd.ledger.entries import MessageRow
    from tests.pipeline.conftest import Bench, Life

DAY = 86_400.0
ONCE = CampaignTerms("K", once=True)
UNIQUE = CampaignTerms("K", unique_text=True)
LONG = "ñandú " * 60


async def rows(life: Life) -> list[MessageRow]:
    found = []
    for queue in life.queues.values():
        found += await life.journal.read_queue(queue << QUEUE_SHIFT, 1000)
    return sorted(found, key=lambda row: (row.file_id, row.item))


async def states(life: Life) -> list[tuple[str | None, State]]:
    return [(row.id, State(row.state)) for row in await rows(life)]


async def reasons(life: Life) -> set[str]:
    return {
        read_rejected(row.body).error.text
        for row in await rows(life)
        if row.state == State.DUPLICATE
    }


# ── once ─────────────────────────────────────────────────────────────────────────────────────


async def test_the_same_campaign_again_is_all_duplicates_that_name_the_earlier_file(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.sms(id="a")], "one.csv", terms=ONCE)
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.sms(id="b"), bench.sms()], "two.jsonl", token="t2", terms=ONCE)
        await life.hand_in([bench.sms(id="c")], "three.gz", token="t3", terms=ONCE)
        await life.hand_in([bench.sms(id="b")], "other.csv", token="t4")
        assert await states(life) == [
            ("a", State.QUEUED),
            ("b", State.DUPLICATE),
            (None, State.DUPLICATE),
            ("c", State.DUPLICATE),
            ("b", State.QUEUED),
        ]
        assert await reasons(life) == {'campaign "K" was handed in before, in one.csv'}


@pytest.mark.parametrize("reported", [True, False])
async def test_a_repetition_does_not_keep_a_campaign_from_going_again_after_the_window(
    bench: Bench, autojump_clock: MockClock, reported: bool
) -> None:
    async with bench.up(publishing=reported) as life:
        await life.hand_in([bench.sms(id="a")], "1.csv", token="t1", terms=ONCE)
        bench.skew = 6 * DAY
        await life.hand_in([bench.sms(id="b")], "2.csv", token="t2", terms=ONCE)
        await trio.testing.wait_all_tasks_blocked()
        assert ("2.csv" in [file.name for file in life.accounts.files.values()]) != reported
        bench.skew = 8 * DAY
        await life.hand_in([bench.sms(id="c")], "3.csv", token="t3", terms=ONCE)
        assert [state for _, state in await states(life)] == [
            State.QUEUED,
            State.DUPLICATE,
            State.QUEUED,
        ]


@pytest.mark.parametrize("when", ["open", "reported", "after a restart"])
@pytest.mark.parametrize("what", ["nothing in it", "all wrong", "cancelled", "barred", "expired"])
async def test_what_never_left_does_not_keep_a_corrected_file_from_going(
    bench: Bench, autojump_clock: MockClock, what: str, when: str
) -> None:
    bad = [bench.sms(to="nobody"), bench.sms(to="+34")]
    good = bench.sms() | ({"expires": 5} if what == "expired" else {})
    lines = {"nothing in it": [], "all wrong": bad}.get(what, [good, *bad])
    window = 0 if what in {"cancelled", "expired"} else 9
    async with bench.up(publishing=when != "open", window=window) as life:
        if what == "barred":
            error = ErrorInfo("OPTED_OUT", None, "no more")
            life.desk.gate.add(lambda row, _: error if row.file_id == 1 else None)
        file_id = await life.hand_in(lines, "1.csv", token="t1", terms=ONCE)
        await trio.testing.wait_all_tasks_blocked()
        if what == "cancelled":
            life.campaigns.cancel(life.accounts.files[file_id], "ana")
            await life.desk.commit()
        if what == "expired":
            await trio.sleep(8)
        if when == "open":
            await hand_in_right(life)
            return
        await trio.sleep(9000)
        assert file_id not in life.accounts.files
        if when == "reported":
            await hand_in_right(life)
            return
    async with bench.up() as life:
        await hand_in_right(life)


async def hand_in_right(life: Life) -> None:
    """What was wrong is handed in anew and goes; after that it is a repetition."""
    await life.hand_in([life.bench.sms(id="right")], "2.csv", token="t2", terms=ONCE)
    await life.hand_in([life.bench.sms(id="again")], "3.csv", token="t3", terms=ONCE)
    found = dict(await states(life))
    assert (found["right"], found["again"]) == (State.QUEUED, State.DUPLICATE)
    assert await reasons(life) == {'campaign "K" was handed in before, in 2.csv'}


@pytest.mark.parametrize("status", [0, CommandStatus.ESME_RTHROTTLED])
async def test_what_may_have_left_counts_though_the_rest_was_cancelled(
    bench: Bench, autojump_clock: MockClock, status: int
) -> None:
    async with bench.up(publishing=True, window=1) as life:
        lines = [bench.sms(receipt=False), bench.sms(to="nobody"), bench.sms()]
        file_id = await life.hand_in(lines, "1.csv", token="t1", terms=ONCE)
        await trio.testing.wait_all_tasks_blocked()
        (part,) = life.wire.in_flight
        life.campaigns.cancel(life.accounts.files[file_id], "ana")
        await life.desk.commit()
        await life.answer(part, status)
        await trio.sleep(9000)
        assert file_id not in life.accounts.files
        await life.hand_in([bench.sms(id="again")], "2.csv", token="t2", terms=ONCE)
        assert dict(await states(life))["again"] == State.DUPLICATE


async def test_what_proved_unusable_does_not_count(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up(dispatching=False) as life:
        file_id = await life.hand_in([], "bad.csv", token="t1", terms=ONCE)
        life.accounts.files[file_id].closed = False
        await life.admission.withdraw_file(file_id)
        await life.hand_in([bench.sms(id="a")], "good.csv", token="t2", terms=ONCE)
        assert await states(life) == [("a", State.QUEUED)]


async def test_of_two_at_the_same_time_one_goes(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up(dispatching=False) as life:
        async with trio.open_nursery() as nursery:
            for number in range(5):

                async def hand_in(number: int = number) -> None:
                    name = f"{number}.csv"
                    await life.hand_in([bench.sms()] * 3, name, token=name, chunk=1, terms=ONCE)

                nursery.start_soon(hand_in)
        assert Counter(state for _, state in await states(life)) == {
            State.QUEUED: 3,
            State.DUPLICATE: 12,
        }
        assert len({row.file_id for row in await rows(life) if row.state == State.QUEUED}) == 1


@pytest.mark.parametrize("unwritten", [True, False])
async def test_one_goes_whenever_the_daemon_is_killed(
    bench: Bench, autojump_clock: MockClock, unwritten: bool
) -> None:
    async def both(life: Life) -> None:
        for name in ("1.csv", "2.csv"):
            if not life.admission.is_read(name, name):
                lines = [bench.sms(id=f"{name}-{n}") for n in range(4)]
                await life.hand_in(lines, name, token=name, chunk=2, terms=ONCE)

    for dies_at in range(1, 9):
        try:
            async with bench.up(Mortal(dies_at, unwritten=unwritten), dispatching=False) as life:
                await both(life)
        except* KilledError:
            pass
    async with bench.up(dispatching=False) as life:
        await both(life)
        found = await rows(life)
        assert [row.state for row in found] == [State.QUEUED] * 4 + [State.DUPLICATE] * 4


# ── the same text to the same number ─────────────────────────────────────────────────────────


async def test_the_same_text_to_the_same_number_goes_once(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        lines = [
            bench.sms(id="a"),
            bench.sms(id="b"),
            bench.sms(id="c", text="other"),
            bench.sms(id="d", to="+34600000009"),
            bench.sms(id="e", text=LONG),
            bench.sms(id="f", text=LONG),
            bench.sms(id="b", text="its id is free"),
            bench.sms(id="g", to="12"),
        ]
        await life.hand_in(lines, terms=UNIQUE, chunk=3)
        assert [state.name[0] for _, state in await states(life)] == list("QDQQQDQR")
        await life.hand_in([bench.sms(id="h")], "b.csv", token="t2", terms=UNIQUE)
        await life.hand_in([bench.sms(id="i")], "c.csv", token="t3")
        other = CampaignTerms("L", unique_text=True)
        await life.hand_in([bench.sms(id="j")], "d.csv", token="t4", terms=other)
        unnamed = CampaignTerms(unique_text=True)
        await life.hand_in([bench.sms(id="k"), bench.sms()], "e.csv", token="t5", terms=unnamed)
        assert [state.name[0] for _, state in (await states(life))[8:]] == list("DQQQD")
        assert 'campaign "K" has had the same text for this number before' in await reasons(life)


@pytest.mark.parametrize("checkpoint", [True, False])
async def test_it_is_known_after_a_crash_and_from_the_lots(
    bench: Bench, autojump_clock: MockClock, checkpoint: bool
) -> None:
    lines = [bench.sms(id="a"), bench.sms(id="b", text=LONG)]
    async with bench.up(dispatching=False) as life:
        await life.hand_in(lines, terms=UNIQUE)
        if checkpoint:
            await life.desk.checkpoint()
            assert not life.desk.recent_ids
    async with bench.up(dispatching=False) as life:
        again = [{**line, "id": f"{line['id']}2"} for line in lines]
        await life.hand_in(again, "b.csv", token="t2", terms=UNIQUE)
        await life.hand_in([bench.sms(id="a2", text="free")], "f.csv", token="t4", terms=UNIQUE)
        assert [state.name[0] for _, state in await states(life)] == list("QQDDQ")
        bench.skew = 8 * DAY
        late = [bench.sms(id="late")]
        await life.hand_in(late, "c.csv", token="t3", terms=UNIQUE)
        assert (await states(life))[-1] == ("late", State.QUEUED)


async def test_a_message_that_is_a_duplicate_by_its_id_takes_no_text_away(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="a", text="first")])
        lines = [bench.sms(id="a", text="second"), bench.sms(id="b", text="second")]
        await life.hand_in(lines, "b.csv", token="t2", terms=UNIQUE)
        assert [state.name[0] for _, state in await states(life)] == list("QDQ")


# ── a checkpoint while the disk is asked ─────────────────────────────────────────────────────


@pytest.mark.parametrize("terms", [None, UNIQUE])
@pytest.mark.parametrize("known", [False, True])
async def test_a_checkpoint_while_the_disk_is_asked_keeps_what_is_reserved_and_writes_none_of_it(
    bench: Bench,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    terms: CampaignTerms | None,
    known: bool,
) -> None:
    line = bench.sms() if terms else bench.sms(id="a")
    async with bench.up(dispatching=False) as life:
        if known:
            await life.hand_in([line], "first.csv", token="t0", terms=terms)
            await life.desk.checkpoint()
        find, asked, go_on = life.journal.find_ids, trio.Event(), trio.Event()

        async def slow(ids: Sequence[str], since: float) -> dict[str, int]:
            found = await find(ids, since)
            asked.set()
            await go_on.wait()
            return found

        monkeypatch.setattr(life.journal, "find_ids", slow)
        async with trio.open_nursery() as nursery:

            async def hand_in() -> None:
                await life.hand_in([line], "a.csv", terms=terms)

            nursery.start_soon(hand_in)
            await asked.wait()
            await life.desk.checkpoint()
            monkeypatch.setattr(life.journal, "find_ids", find)
            (key,) = life.desk.recent_ids
            reserved = await life.journal.find_ids([key], 0.0)
            assert bool(reserved) == known, "it is not on disk before its message is"
            await life.hand_in([line], "b.csv", token="t2", terms=terms)
            go_on.set()
        assert Counter(state for _, state in await states(life)) == {
            State.QUEUED: 1,
            State.DUPLICATE: 1 + known,
        }
        assert bool(life.desk.recent_ids) != known, "nothing stays reserved"
