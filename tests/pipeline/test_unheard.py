"""Messages whose receipt never comes: they stay sent for good, and their file can be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from smppd.events import ReceiptsGivenUp
from smppd.journal.audit import audit
from smppd.ledger.facts import Kind
from smppd.pipeline import desk as desk_module
from smppd.pipeline import overdue as overdue_module
from smppd.pipeline import unheard as unheard_module
from tests.pipeline.provider import SMS, Provider, account, call
from tests.pipeline.telling import events
from tests.pipeline.test_any_history import agrees_with_disk, balanced

if TYPE_CHECKING:
    from trio.testing import MockClock

    from tests.pipeline.conftest import Bench, Life

DAY = 86_400.0


def sound(bench: Bench) -> None:
    found = audit(bench.path, bench.root)
    assert found.ok, [check for check in found.checks if not check.ok]


def last_words(bench: Bench) -> dict[str, dict[str, Any]]:
    """Of each message the last thing that programs are told."""
    return {each["id"]: each for each in events(bench.path) if each.get("final")}


async def prune(life: Life) -> None:
    await life.desk.checkpoint(base=True)
    await life.journal.promote(life.bench.wall() + 1, [], 0.0)
    while (await life.journal.prune(1.0, life.bench.wall() + 1)).more:
        pass


async def test_what_got_no_receipt_stays_sent_and_its_file_can_go(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await life.submit(bench.sms(id="a"), bench.sms(id="b"))
        await life.answer(parts[0])
        await trio.sleep(DAY)
        await life.answer(parts[1])
        await life.publication.publish_ready()
        await trio.sleep(13.5 * DAY)
        assert await life.unheard.look() == 1
        assert last_words(bench).keys() == {"a"}
        await prune(life)
        assert life.reader.messages.count() == 2
        balanced(life)
        agrees_with_disk(life)
    async with bench.up() as life:
        assert life.states() == {"sent": 2}
        await trio.sleep(DAY)
        assert await life.unheard.look() == 1
        assert life.events == [ReceiptsGivenUp(1, 14 * DAY)]
        assert life.shown("a").state == life.shown("b").state == "sent"
        assert life.shown("b").done is not None
        assert life.shown("b").message_ids == [life.name_of(parts[1])]
        word = last_words(bench)["b"]
        assert (word["event"], word["state"], word.get("error")) == ("sent", "sent", None)
        sound(bench)
        await life.publication.publish_ready()
        assert [line["state"] for line in bench.results("0.jsonl")] == ["sent", "sent"]
        await prune(life)
        assert life.reader.messages.count() == 0
        assert life.states() == {"sent": 2}
    sound(bench)


async def test_a_receipt_that_comes_after_all_is_logged_and_changes_nothing(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms(id="a"))
        await life.answer(part)
        await trio.sleep(15 * DAY)
        await life.unheard.look()
        await life.receive(life.receipt(life.name_of(part)))
        (late,) = life.tray.receipts
        assert (late.matched, late.id) == (True, "a")
        assert life.states() == {"sent": 1}
        assert [each["state"] for each in events(bench.path) if each.get("final")] == ["sent"]
    async with bench.up() as life:
        assert life.states() == {"sent": 1}
        await life.receive(life.receipt(life.name_of(part)))
    sound(bench)


async def test_what_may_still_be_heard_of_is_left_alone(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue_module, "LOOK_EVERY", 3600.0)  # weeks go by
    async with bench.up() as life:
        held, partly, valid, gone = await life.submit(
            bench.sms(id="held"),
            bench.sms(id="refused for now"),
            bench.sms(id="valid", expires=20 * DAY),
            bench.sms(id="none", receipt=False),
        )
        await life.lose(held)
        await life.answer(partly, 0x58)
        await life.answer(valid)
        await life.answer(gone)
        await trio.sleep(15 * DAY)
        assert await life.unheard.look() == 0
        assert life.states() == {"sending": 1, "sent": 2, "unknown": 1}
        await trio.sleep(6 * DAY)
        assert await life.unheard.look() == 1
        assert life.accounts.held == {held.msg_id}


async def test_nothing_is_ended_while_the_clock_cannot_be_believed(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms())
        await life.answer(part)
        await trio.sleep(15 * DAY)
        doubtful = unheard_module.Unheard(life.desk, DAY, lambda: None, life.events.append)
        assert await doubtful.look() == 0
        assert part.msg_id in life.accounts.entries


async def test_some_parts_delivered_and_others_never_heard_of(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        one, other = await life.submit(bench.long_sms(2, id="long"))
        await life.answer(one)
        await life.answer(other)
        await life.receive(life.receipt(life.name_of(one)))
        await trio.sleep(15 * DAY)
        assert await life.unheard.look() == 1
        shown = life.shown("long")
        assert (shown.state, shown.part_states) == ("sent", ["delivered", "sent"])
    sound(bench)


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "WAITING_IN_MEMORY", 4)
    monkeypatch.setattr(desk_module, "WAITING_AFTER_SPILL", 0)
    monkeypatch.setattr(unheard_module, "PAGE", 3)


@pytest.mark.usefixtures("little_memory")
async def test_many_are_spilled_in_several_lots(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "SPILLED_AT_ONCE", 3)
    async with bench.up() as life:
        parts = await life.submit(*(bench.sms(id=f"{n}") for n in range(8)))
        for part in parts:
            await life.answer(part)
        for left in (5, 2):
            assert life.desk.checkpoint_due()
            await life.desk.checkpoint()
            assert len(life.accounts.entries) == left
        assert not life.desk.checkpoint_due()
        for part in parts:
            await life.receive(life.receipt(life.name_of(part)))
        assert life.states() == {"delivered": 8}


@pytest.mark.usefixtures("little_memory")
async def test_spilled_ones_as_well_and_their_lots_go(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        early = await life.submit(*(bench.sms(id=f"early-{n}") for n in range(7)))
        for part in early:
            await life.answer(part)
        await life.desk.checkpoint()
        await trio.sleep(DAY)
        late = await life.submit(*(bench.sms(id=f"late-{n}") for n in range(5)))
        for part in late:
            await life.answer(part)
        # One comes back to memory, and is spilled again with what was heard of it.
        await life.receive(life.receipt(life.name_of(early[6])))
        await life.desk.checkpoint()
        assert not life.accounts.entries
        await trio.sleep(13.5 * DAY)
        assert await life.unheard.look() == 6
        assert not life.accounts.entries
        assert life.states() == {"delivered": 1, "sent": 11}
        assert last_words(bench).keys() == {f"early-{n}" for n in range(7)}
        sound(bench)
        assert await life.unheard.look() == 0
    async with bench.up() as life:
        await trio.sleep(DAY)
        assert await life.unheard.look() == 5
        balanced(life)
        assert life.store.lots.of("waiting") == []
        assert list(life.store.lots.all_waiting()) == []
        await life.receive(life.receipt(life.name_of(late[0])))
        assert life.states() == {"delivered": 1, "sent": 11}
        await life.publication.publish_ready()
        await prune(life)
        assert life.reader.messages.count() == 0
    sound(bench)


@pytest.mark.usefixtures("little_memory")
async def test_a_lot_is_not_read_again_before_anything_in_it_is_due(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.up() as life:
        for part in await life.submit(*(bench.sms(id=f"{n}") for n in range(7))):
            await life.answer(part)
        await life.desk.checkpoint()
        read, reads = life.journal.read_waiting, list[float]()

        async def counted(after: tuple[int, str], limit: int) -> Any:
            reads.append(bench.wall())
            return await read(after, limit)

        monkeypatch.setattr(life.journal, "read_waiting", counted)
        assert await life.unheard.look() == 0
        assert len(reads) == 3
        for _ in range(13):
            await trio.sleep(DAY)
            assert await life.unheard.look() == 0
        assert len(reads) == 3
        await trio.sleep(DAY)
        assert await life.unheard.look() == 7


@pytest.mark.usefixtures("little_memory")
async def test_calls_of_which_nobody_says_what_became_of_them(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.accounts = account()
    async with bench.up() as life:
        parts = await life.hand_in_calls([call(SMS) for _ in range(6)])
        provider = Provider(bench)
        for part in parts:
            await life.settle_call(provider.answer(part, 3), part)
        await life.desk.checkpoint()
        before = life.states()
        await trio.sleep(15 * DAY)
        ended = await life.unheard.look()
        assert ended == before.get("sent", 0) > 0
        assert life.accounts.called == 0
        assert not life.accounts.entries
        facts = [fact for fact in life.reader.log.facts() if fact.kind == Kind.UNHEARD]
        assert len(facts) == ended
        agrees_with_disk(life, [True])
    sound(bench)
