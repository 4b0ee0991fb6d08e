"""What goes round the journal: it goes on where it was cut short, and says why it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio
import trio.testing

from smppd.events import Event, JournalPruned, RetentionFailing
from smppd.keeping.pruner import Ages, Pruner
from smppd.ports import Pruned

FULL = Pruned(0, 0, more=False, failed="database or disk is full")


class Journal:
    """Answers each lot in turn; nothing is left when there are no more answers."""

    def __init__(self, *lots: Pruned) -> None:
        self.lots = list(lots)
        self.asked = 0

    async def resume_pruning(self) -> Pruned:
        await trio.lowlevel.checkpoint()
        return Pruned(0, 0, more=True)

    async def promote(self, before: float, readers: Sequence[str], anyway: float) -> Pruned:
        await trio.lowlevel.checkpoint()
        return Pruned(0, 0, more=False)

    async def prune(self, seconds: float, files_before: float) -> Pruned:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        return self.lots.pop(0) if self.lots else Pruned(0, 0, more=False)


class Clock:
    """Believed, but for the looks with these numbers."""

    def __init__(self, *doubted: int) -> None:
        self.looks = 0
        self.doubted = doubted

    def now(self) -> float | None:
        self.looks += 1
        return None if self.looks in self.doubted else 1e9


async def run(journal: Journal, clock: Clock) -> tuple[Pruner, list[Event]]:
    events: list[Event] = []
    pruner = Pruner(journal, Desk(), Ages(800.0, 0.0), list, clock, events.append)
    with trio.move_on_after(100):
        await pruner.run((1, 1e9), lambda: 1)
    return pruner, events


class Desk:
    async def checkpoint(self, *, final: bool = False, base: bool = False) -> None:
        raise AssertionError("a base was written down just now")


async def test_a_full_disk_is_told_once_and_the_pass_goes_on_when_there_is_room(
    autojump_clock: Any,
) -> None:
    lots = [Pruned(5, 9, more=True, left=60), FULL, FULL, Pruned(7, 20, more=False)]
    journal = Journal(*lots)
    pruner, events = await run(journal, Clock())
    assert [type(each) for each in events] == [JournalPruned, RetentionFailing, JournalPruned]
    assert (pruner.messages, pruner.left, journal.asked) == (12, 0, 4)


async def test_a_pass_that_a_jump_of_the_clock_cut_short_goes_on_later(autojump_clock: Any) -> None:
    journal = Journal(Pruned(5, 9, more=True, left=60), Pruned(7, 20, more=False))
    pruner, _ = await run(journal, Clock(2))
    assert (pruner.messages, journal.asked) == (12, 2)


async def test_what_happened_after_the_newest_base_is_in_the_next_though_nothing_happens_more(
    autojump_clock: Any,
) -> None:
    class Counting:
        bases = 0

        async def checkpoint(self, *, final: bool = False, base: bool = False) -> None:
            self.bases += base

    desk = Counting()
    pruner = Pruner(Journal(), desk, Ages(800.0, 0.0), list, Clock(), lambda _: None)
    with trio.move_on_after(1000):
        await pruner.run((9, 1e9 - 500), lambda: 11)
    assert desk.bases == 1


async def test_other_ages_count_at_once_and_with_none_nothing_is_removed(
    autojump_clock: Any,
) -> None:
    more = Pruned(1, 1, more=True)
    journal = Journal(more, more, more, more, more, more)
    pruner = Pruner(journal, Desk(), Ages(None, 0.0), list, Clock(), lambda _: None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pruner.run, (1, 1e9), lambda: 1)
        await trio.sleep(10_000)
        assert journal.asked == 0
        pruner.change(Ages(80_000.0, 0.0))
        await trio.testing.wait_all_tasks_blocked()
        assert journal.asked == 1
        pruner.change(Ages(None, 0.0))  # in the middle of the pass
        await trio.sleep(10_000)
        assert journal.asked == 1
        pruner.change(Ages(800.0, 0.0))
        await trio.sleep(50)
        assert pruner.messages == 6
        nursery.cancel_scope.cancel()
