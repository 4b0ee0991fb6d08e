"""Removing what is over: whatever is removed, at whatever moment, the accounts stay what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings

from smppd.campaign import CampaignTerms
from smppd.journal import pruning
from smppd.journal.audit import audit
from smppd.ledger.facts import Kind
from smppd.message import State
from smppd.pipeline import campaigns as campaigns_module
from smppd.pipeline import desk as desk_module
from smppd.pipeline import publish
from smppd.ports import Answered, Unanswered
from tests.pipeline.test_any_history import (
    CALLS,
    ENDS,
    MESSAGES,
    STEPS,
    History,
    agrees_with_disk,
    balanced,
    finish,
    step,
)

if TYPE_CHECKING:
    from tests.pipeline.conftest import Bench, Life
    from tests.pipeline.provider import What


async def prune(life: Life, seconds: float = 10.0, lots: int | None = None) -> int:
    """Write a base down, and remove by it all that is over, in so many lots at most; how many."""
    await life.desk.checkpoint(base=True)
    await life.journal.promote(life.bench.wall() + 1, [], 0.0)
    done = 0
    while lots is None or done < lots:
        done += 1
        if not (await life.journal.prune(seconds, life.bench.wall() + 1)).more:
            break
    return done


def sound(bench: Bench) -> None:
    found = audit(bench.path, bench.root)
    assert found.ok, [check for check in found.checks if not check.ok]


async def deliver(life: Life, *texts: str, name: str) -> None:
    """Hand in a file, and have all of it delivered."""
    before = len(life.wire.submitted)
    await life.hand_in([life.bench.sms(text=text, id=f"{name}-{text}") for text in texts], name)
    await trio.testing.wait_all_tasks_blocked()
    for part in life.wire.submitted[before:]:
        await life.answer(part)
        await life.receive(life.receipt(life.name_of(part)))
    await life.publication.publish_ready()


async def test_what_is_over_goes_and_the_accounts_stay(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up() as life:
        await deliver(life, "one", "two", name="a.jsonl")
        await prune(life)
        assert life.reader.messages.count() == 0
        assert [fact.seq for fact in life.reader.log.facts()] == [life.accounts.seq]
        assert life.reader.find_message("a.jsonl-one") is None
        assert life.states() == {"delivered": 2}
        sound(bench)
        await deliver(life, "three", name="b.jsonl")
        assert life.reader.messages.count() == 1
        sound(bench)
    async with bench.up() as life:
        assert life.states() == {"delivered": 3}
        assert life.shown("b.jsonl-three").state == "delivered"
    sound(bench)


async def test_what_is_held_or_waits_for_its_receipt_stays_with_its_file(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up() as life:
        await deliver(life, "gone", name="a.jsonl")
        held, waits = await life.submit(bench.sms(id="held"), bench.sms(id="waits"))
        await life.lose(held)
        await life.answer(waits)
        await prune(life)
        await prune(life)
        assert life.reader.messages.count() == 2
        assert [life.shown(id_).state for id_ in ("held", "waits")] == ["unknown", "sent"]
        sound(bench)
    async with bench.up() as life:
        assert life.states() == {"delivered": 1, "sent": 1, "unknown": 1}
        await life.receive(life.receipt(life.name_of(waits)))
        assert await life.desk.requeue([held.msg_id], "test") == [held.msg_id]
        await trio.testing.wait_all_tasks_blocked()
        (again,) = life.wire.submitted
        await life.answer(again, message_id="again")
        await life.receive(life.receipt("again"))
        await life.publication.publish_ready()
        await prune(life)
        assert life.reader.messages.count() == 0
    sound(bench)


async def test_of_what_was_read_together_that_of_a_file_in_hand_stays(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    """Answers and receipts that were read at once share rows of the log, whatever they are about."""
    async with bench.up() as life:
        await deliver(life, "first", name="0.jsonl")  # tells how the SMSC names messages
        over = [bench.sms(id=f"over{n}") for n in range(5)]
        await life.hand_in(over, "a.jsonl")
        await life.hand_in([bench.sms(id=f"stays{n}") for n in range(5)], "b.jsonl", token="t2")
        await trio.testing.wait_all_tasks_blocked()
        parts = sorted(life.wire.submitted[1:], key=lambda part: part.msg_id % 5)
        names = life.texts(parts)
        assert len(parts) == 10
        await life.settle(*map(life.answered, parts))
        waits = names.index("stays3")
        await life.receive(
            *(life.receipt(life.name_of(p)) for n, p in enumerate(parts) if n != waits)
        )
        assert life.states() == {"delivered": 10, "sent": 1}
        await life.publication.publish_ready()
        await prune(life)
        sound(bench)
        left = [fact for fact in life.reader.log.facts() if fact.kind in {Kind.SENT, Kind.RECEIPT}]
        stay = {part.msg_id for part, name in zip(parts, names, strict=True) if "stays" in name}
        assert {fact.msg for fact in left} == stay
        assert len(left) == 9
        assert [life.shown(f"stays{n}").state for n in range(5)].count("delivered") == 4
    async with bench.up() as life:
        await life.receive(life.receipt(life.name_of(parts[waits])))
        await life.publication.publish_ready()
        await prune(life)
        sound(bench)
        assert life.reader.messages.count() == 0
        assert [fact.kind for fact in life.reader.log.facts()] == [Kind.INDEXED]
        assert life.states() == {"delivered": 11}


async def test_an_id_is_still_a_duplicate_when_its_message_is_gone(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up() as life:
        await deliver(life, "one", name="a.jsonl")
        await prune(life)
    async with bench.up() as life:
        assert await life.submit(bench.sms(text="one", id="a.jsonl-one")) == []
        assert life.states() == {"delivered": 1, "duplicate": 1}
    sound(bench)


async def test_a_late_receipt_for_a_removed_message_changes_nothing(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up() as life:
        await deliver(life, "one", name="a.jsonl")
        (part,) = life.wire.submitted
        await prune(life)
        await life.receive(life.receipt(life.name_of(part)))
        assert life.states() == {"delivered": 1}
        sound(bench)
    async with bench.up() as life:
        await life.receive(life.receipt(life.name_of(part)))
    sound(bench)


async def test_rejected_messages_ahead_of_their_queue_stay_until_it_has_passed(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.sms(to="nobody"), bench.sms(to="nowhere")])
        await life.publication.publish_ready()
        await prune(life)
        assert life.reader.messages.count() == 2
        sound(bench)
        await deliver(life, "one", name="b.jsonl")
        await prune(life)
        assert life.reader.messages.count() == 0
        sound(bench)
    async with bench.up(), trio.open_nursery():
        sound(bench)


async def test_a_reader_of_the_log_is_waited_for_but_not_for_ever(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up() as life:
        await deliver(life, "one", name="a.jsonl")
        await life.journal.move_cursor("webhook:crm", life.accounts.seq - 1)
        await life.desk.checkpoint(base=True)
        soon = bench.wall() + 1
        assert not (await life.journal.promote(soon, ["webhook:crm"], 0.0)).more
        assert (await life.journal.promote(soon, ["webhook:gone"], 0.0)).more
    async with bench.up() as life:
        await deliver(life, "two", name="b.jsonl")
        await life.desk.checkpoint(base=True)
        soon = bench.wall() + 1
        assert not (await life.journal.promote(soon, ["webhook:crm"], soon - 100)).more
        assert (await life.journal.promote(soon, ["webhook:crm"], soon)).more


async def test_a_pass_that_is_cut_short_is_ended_by_the_next_run(
    bench: Bench, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "_STEP", 3)
    monkeypatch.setattr(pruning, "_LOOKED_AT", 3)
    async with bench.up() as life:
        for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
            await deliver(life, *map(str, range(10)), name=name)
    lots = 0
    async with bench.up() as life:
        await life.desk.checkpoint(base=True)
        await life.journal.promote(bench.wall() + 1, [], 0.0)
    while True:
        async with bench.up() as life:
            begun = await life.journal.resume_pruning()
            assert begun.more
            assert life.states() == {"delivered": 30}
            sound(bench)
            # One lot of one step more than before, and nothing is known of it when the next begins.
            done = begun
            for _ in range(lots + 1):
                done = await life.journal.prune(0.0, bench.wall() + 1)
                if not done.more:
                    break
            lots += 1
        if not done.more:
            break
        assert lots < 300
    assert lots > 3
    sound(bench)
    async with bench.up() as life:
        assert life.reader.messages.count() == 0
        assert life.accounts.counts[State.DELIVERED] == 30


class Pruned(History):
    """A history in which what is over is removed again and again, in lots that are cut short."""

    removes = True

    async def live(self, life: Life) -> None:
        if not any(name.startswith("a.") for name in self.bench.done()):
            await life.hand_in(self.lines, chunk=3)
        if self.calls and not any(name.startswith("calls.") for name in self.bench.done()):
            await life.hand_in_calls(self.calls)
        await life.journal.resume_pruning()
        for action, pick in self.steps:
            if action == 10:
                await trio.testing.wait_all_tasks_blocked()
                agrees_with_disk(life, [True])
                return
            await step(life, self.smsc, action, pick)
            if pick % 2:
                await life.desk.checkpoint(base=True)
                await life.journal.promote(life.bench.wall() + 1 if self.removes else 0.0, [], 0.0)
                for _ in range(pick):
                    await life.journal.prune(0.0, life.bench.wall() + 1)
            await trio.testing.wait_all_tasks_blocked()
            balanced(life)
        await finish(life, self.smsc)
        await prune(life)
        balanced(life)
        agrees_with_disk(life, [True])
        assert life.accounts.accepted == len(self.lines) + len(self.calls)
        self.over = True


class Unpruned(Pruned):
    """The same, turn by turn, but nothing is removed before its end."""

    removes = False


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MESSAGES, STEPS, ENDS, CALLS)
def test_whatever_is_removed_in_any_history_the_accounts_stay(
    new_bench: Callable[[], Bench],
    messages: list[tuple[int, str, int, int]],
    steps: list[tuple[int, int]],
    ends: list[tuple[int, bool]],
    calls: list[tuple[What, str]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk_module, "WAITING_IN_MEMORY", 3)
        patch.setattr(desk_module, "WAITING_AFTER_SPILL", 1)
        patch.setattr(publish, "LOOK_EVERY", 30_000.0)
        patch.setattr(campaigns_module, "LOOK_EVERY", 650.0)
        patch.setattr(pruning, "_STEP", 2)
        patch.setattr(pruning, "_LOOKED_AT", 1)
        told = []
        for kind, deaths in ((Unpruned, []), (Pruned, []), (Pruned, ends)):
            bench = new_bench()
            bench.report_after = 100_000.0
            history = kind(bench, messages, steps, deaths, calls)
            trio.run(history.run, clock=trio.testing.MockClock(autojump_threshold=0))
            sound(bench)
            told.append([plain(line) for name in NAMES for line in bench.results(name)])
        assert told[0] == told[1]


NAMES = ("a.jsonl", "calls.jsonl")


def plain(line: dict[str, Any]) -> dict[str, Any]:
    """A result without its times: those of the clock that stands still differ by what is awaited."""
    return {name: value for name, value in line.items() if name not in {"submitted", "done"}}


async def test_facts_about_several_messages_stay_while_one_of_these_does(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    """One fact says that messages of two files left, and only one of these files is over."""
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms(id="over")], "a.jsonl")
        await life.hand_in([bench.sms(id="held")], "b.jsonl", token="t2")
        rows = [life.row("over"), life.row("held")]
        life.ledger.sending(bench.wall(), "main", rows, rows[-1].msg_id)
        await life.desk.commit()
        await life.settle(Answered(rows[0].msg_id, 0, 0, "x"))
        await life.receive(life.receipt("x"))
        await life.settle(Unanswered(rows[1].msg_id, 0, "no answer"))
        await life.publication.publish_ready()
        await prune(life)
        await prune(life)
        assert life.reader.find_message("over") is None
        kinds = [fact.kind for fact in life.reader.log.history(rows[1].msg_id)]
        assert Kind.SENDING in kinds
        sound(bench)


async def test_a_campaign_that_goes_once_is_known_as_long_as_ids_are_though_its_facts_are_gone(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    once = CampaignTerms("K", once=True)
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="a", receipt=False)], "a.jsonl", terms=once)
        await trio.testing.wait_all_tasks_blocked()
        (part,) = life.wire.submitted
        await life.answer(part)
        await life.publication.publish_ready()
        await life.desk.checkpoint(base=True)
        await life.journal.promote(bench.wall() + 1, [], 0.0)
        assert not (await life.journal.prune(10.0, bench.wall() - 100)).more
        assert life.reader.messages.count() == 0
        await life.hand_in([bench.sms(id="b")], "b.jsonl", token="t2", terms=once)
        assert life.states() == {"duplicate": 1, "sent": 1}
