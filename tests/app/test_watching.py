"""The log's level is another one for a while, and then what it is to be by then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from smppd.app.parts import Parts
from smppd.app.watching import Watching
from smppd.config import LogLevel
from smppd.events import Event, LogLevelOver


class Log:
    """A log whose level is set."""

    def __init__(self) -> None:
        self._level: LogLevel = "info"
        self.events: list[Event] = []

    def set_level(self, level: LogLevel) -> LogLevel:
        before, self._level = self._level, level
        return before

    def level(self) -> LogLevel:
        return self._level

    @property
    def over(self) -> list[str]:
        """Why each look ended."""
        return [each.reason for each in self.events if isinstance(each, LogLevelOver)]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
async def watching(log: Log, nursery: trio.Nursery) -> Watching:
    parts = cast(Parts, SimpleNamespace(links=[]))
    watching = Watching(parts, log.events.append, log.set_level)
    nursery.start_soon(watching.run)
    await trio.testing.wait_all_tasks_blocked()
    return watching


async def ask(watching: Watching, level: LogLevel, seconds: float) -> dict[str, Any]:
    answer = await watching.command({"level": level, "seconds": seconds, "who": "ana"})
    await trio.testing.wait_all_tasks_blocked()
    return answer


async def test_a_level_is_over_when_its_time_is(
    watching: Watching, log: Log, autojump_clock: MockClock
) -> None:
    answer = await ask(watching, "debug", 60.0)
    assert answer == {"about": "everything", "level": "debug", "seconds": 60.0}
    assert log.level() == "debug"
    await trio.sleep(59)
    assert log.level() == "debug"
    await trio.sleep(2)
    assert log.level() == "info"
    assert log.over == ["its time is over"]


async def test_another_level_takes_the_place_of_the_first(
    watching: Watching, log: Log, autojump_clock: MockClock
) -> None:
    await ask(watching, "debug", 60.0)
    await ask(watching, "error", 10.0)
    assert log.level() == "error"
    assert log.over == ["asked for otherwise"]
    await trio.sleep(11)
    assert log.level() == "info"
    await trio.sleep(60)
    assert len(log.over) == 2


async def test_what_a_reload_sets_meanwhile_counts_afterwards(
    watching: Watching, log: Log, autojump_clock: MockClock
) -> None:
    await ask(watching, "debug", 60.0)
    watching.change_usual("warning")
    assert log.level() == "debug"
    await trio.sleep(61)
    assert log.level() == "warning"
    watching.change_usual("error")
    assert log.level() == "error"
