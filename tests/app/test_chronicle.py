"""Commands of operators are written down as they begin and as they end, and no answer comes before that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from smppd.app.chronicle import LONGEST, Chronicle
from smppd.control import Arguments, Command, ControlRefused
from smppd.ports import Commanded

AT = 1_700_000_000.0
NUMBER = "34600000001"


class Journal:
    """Notes what it is given; on disk once it is told."""

    def __init__(self) -> None:
        self.rows: dict[int, Commanded] = {}
        self.begun: list[Commanded] = []
        self.stuck = ""
        self.on_disk = trio.Event()

    def note(self, command: Commanded) -> Journal:
        if command.seq not in self.rows:
            self.begun.append(command)
        self.rows[command.seq] = command
        return self

    async def wait(self) -> None:
        await self.on_disk.wait()


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def keeping(journal: Journal) -> Callable[[Command], Command]:
    chronicle = Chronicle(journal.note, 41, lambda: AT, lambda: journal.stuck)
    return lambda command: chronicle.keeping("pause", command)


def request(**more: Any) -> Arguments:
    return {"who": "ana (uid 7)", "uid": 7, "links": ["main"], **more}


async def answer(arguments: Arguments) -> Arguments:
    assert "uid" not in arguments, "commands know only who it is for people"
    return {"paused": ["main"], "text": "Hello", "who": "ana (uid 7)"}


async def test_the_answer_comes_when_what_was_done_is_on_disk(
    journal: Journal, keeping: Callable[[Command], Command]
) -> None:
    answers: list[Any] = []

    async def ask() -> None:
        answers.append(await keeping(answer)(request(reason=f"ask {NUMBER}", secret="s")))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        assert answers == []
        journal.on_disk.set()
    assert answers[0]["paused"] == ["main"]
    begun, done = journal.begun[0], journal.rows[42]
    assert (begun.seq, begun.at, begun.who, begun.uid) == (42, AT, "ana (uid 7)", 7)
    assert (begun.command, begun.outcome, begun.told) == ("pause", "under way", "")
    assert begun.what.startswith("links main, reason ask 346")
    assert NUMBER not in begun.what
    assert "secret" not in begun.what
    assert done == begun._replace(outcome="done", told="paused main")


async def test_a_fault_is_on_disk_before_anybody_hears_of_it(
    journal: Journal, keeping: Callable[[Command], Command]
) -> None:
    async def fail(_: Arguments) -> None:
        raise LookupError(NUMBER)

    async def ask() -> None:
        with pytest.raises(LookupError):
            await keeping(fail)(request())
        heard.set()

    heard = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        assert not heard.is_set()
        journal.on_disk.set()
    assert journal.rows[42][-2:] == ("failed", "LookupError")


@pytest.mark.parametrize(("fault", "outcome"), [(False, "refused"), (True, "failed")])
async def test_what_was_refused_is_written_down_without_numbers(
    journal: Journal, keeping: Callable[[Command], Command], fault: bool, outcome: str
) -> None:
    async def refuse(_: Arguments) -> None:
        raise ControlRefused(f"{NUMBER} is in no list {'x' * LONGEST}", fault=fault)

    with pytest.raises(ControlRefused):
        await keeping(refuse)(request())
    row = journal.rows[42]
    assert row.outcome == outcome
    assert NUMBER not in row.told
    assert len(row.told) == LONGEST + 1


async def test_while_the_journal_takes_nothing_nothing_is_done(
    journal: Journal, keeping: Callable[[Command], Command]
) -> None:
    async def never(_: Arguments) -> None:
        raise AssertionError

    journal.stuck = "No space left"
    with pytest.raises(ControlRefused, match=r"nothing was done: .*No space left"):
        await keeping(never)(request())
    assert journal.rows == {}


async def test_an_answer_that_says_what_was_refused_counts_as_refused(
    journal: Journal, keeping: Callable[[Command], Command]
) -> None:
    async def refuse(_: Arguments) -> Arguments:
        return {"refused": ["a mistake", "another"], "changed": []}

    journal.on_disk.set()
    await keeping(refuse)(request())
    assert journal.rows[42][-2:] == ("refused", "a mistake; another")
