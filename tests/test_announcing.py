"""Ready only when bound or honestly degraded, a status that is true, and alive only while something
gets done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from smppd.app import Daemon, Surroundings, announcing
from smppd.app.announcing import Announcer, at_the_journal
from smppd.app.summary import Summary
from smppd.config import Config, JournalConfig, LinkConfig, ObserveConfig, SpoolConfig
from smppd.disk import JOURNAL, Disk
from smppd.journal import store
from smppd.notifying import Notifier

WATCHDOG = 20.0
DOWN = Summary(2, 1, ["b"], 7, 0, ["link b is not bound: connection refused"])
UP = Summary(2, 2, [], 7, 3)


class Manager(Notifier):
    """A notifier that keeps what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.watchdog = WATCHDOG
        self.lines: list[str] = []

    @property
    def listens(self) -> bool:
        return True

    def tell(self, *states: str, status: str | None = None) -> bool:
        self.lines += [*states, *([] if status is None else [f"STATUS={status}"])]
        return True


class House:
    """A daemon as the announcer sees it."""

    def __init__(self, notifier: Notifier) -> None:
        self.disk = Disk()
        self.now = UP
        self.journal = trio.Event()
        self.journal.set()
        self.manager = notifier
        self.announcer = Announcer(notifier, self, self, self.disk)

    def summary(self) -> Summary:
        return self.now

    async def answer(self) -> None:
        await trio.lowlevel.checkpoint()
        await self.journal.wait()

    def told(self) -> list[str]:
        """Every line since the last time."""
        assert isinstance(self.manager, Manager)
        lines, self.manager.lines = self.manager.lines, []
        return lines

    @asynccontextmanager
    async def running(self, *, started: bool = True) -> AsyncIterator[None]:
        if started:
            self.announcer.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.announcer.run)
            yield
            nursery.cancel_scope.cancel()


@pytest.fixture
def house() -> House:
    return House(Manager())


async def test_ready_once_every_link_has_been_bound(
    house: House, autojump_clock: trio.testing.MockClock
) -> None:
    house.now = Summary(2, 0, ["a", "b"], 7)
    async with house.running(started=False):
        await trio.sleep(119)
        told = house.told()  # a start that takes long may, as long as it goes on
        assert "READY=1" not in told
        assert told.count("EXTEND_TIMEOUT_USEC=30000000") == 60
        house.announcer.started()
        await trio.sleep(5)
        assert "READY=1" not in house.told()
        house.now = Summary(2, 1, ["b"], 7)
        await trio.sleep(1)
        assert "READY=1" not in house.told()
        house.now = Summary(2, 1, ["a"], 7)  # has been bound once, which is enough
        await trio.sleep(1)
        told = house.told()
        assert told[:2] == ["READY=1", "STATUS=1 of 2 links bound; 7 messages queued"]


async def test_ready_without_a_link_that_does_not_come(
    house: House, autojump_clock: trio.testing.MockClock
) -> None:
    house.now = DOWN
    async with house.running():
        await trio.sleep(announcing.GRACE - 1)
        assert "READY=1" not in house.told()
        await trio.sleep(2)
        told = house.told()
        why = "1 of 2 links bound; 7 messages queued; link b is not bound: connection refused"
        assert told[:2] == ["READY=1", f"STATUS={why}"]
        house.now = UP
        await trio.sleep(announcing.SAY_EVERY)
        assert "STATUS=2 of 2 links bound; 7 messages queued" in house.told()


async def test_alive_as_long_as_the_journal_answers(
    house: House, autojump_clock: trio.testing.MockClock
) -> None:
    async with house.running():
        await trio.sleep(WATCHDOG * 10 + 1)
        assert house.told().count("WATCHDOG=1") == 21  # twice as often as need be
        house.journal = trio.Event()
        await trio.sleep(WATCHDOG * 3)
        assert "WATCHDOG=1" not in house.told()
        house.disk.tell(JOURNAL, "No space left on device")  # to start again would not help
        await trio.sleep(WATCHDOG * 3)
        assert house.told().count("WATCHDOG=1") >= 5
        house.disk.tell(JOURNAL, "")
        house.journal.set()
        await trio.sleep(WATCHDOG)
        assert "WATCHDOG=1" in house.told()


async def test_a_stop_has_the_time_that_is_configured_and_more_while_it_goes_on(
    house: House, autojump_clock: trio.testing.MockClock
) -> None:
    async with house.running():
        await trio.sleep(5)
        house.told()
        house.announcer.stopping(40.0)
        said = "STATUS=stopping: 3 messages on their way, 7 stay queued"
        assert house.told() == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=70000000", said]
        await trio.sleep(10)
        assert not any(line.startswith("EXTEND") for line in house.told())  # nothing gets done
        house.now = Summary(2, 2, [], 7, 2, done=1)
        await trio.sleep(10)
        assert house.told().count("EXTEND_TIMEOUT_USEC=30000000") == 1


async def test_stopped_before_it_was_ready(
    house: House, autojump_clock: trio.testing.MockClock
) -> None:
    house.now = DOWN
    async with house.running():
        await trio.sleep(1)
        house.announcer.stopping(40.0)
        await trio.sleep(60)
        assert "READY=1" not in house.told()


async def test_around_a_reload(house: House, autojump_clock: trio.testing.MockClock) -> None:
    async with house.running():
        await trio.sleep(1)
        assert "READY=1" in house.told()
        house.announcer.reloading(True)
        first, moment = house.told()
        assert first == "RELOADING=1"
        assert moment.startswith("MONOTONIC_USEC=")
        house.announcer.reloading(False)
        assert house.told() == ["READY=1", "STATUS=2 of 2 links bound; 7 messages queued"]


async def test_a_reload_before_it_is_ready_does_not_make_it_so(
    house: House, autojump_clock: trio.testing.MockClock
) -> None:
    house.now = DOWN
    async with house.running():
        await trio.sleep(1)
        house.announcer.reloading(True)
        house.announcer.reloading(False)
        told = house.told()
        assert "READY=1" not in told
        assert "RELOADING=1" not in told


async def test_what_did_not_arrive_is_said_again(
    house: House, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Manager, "tell", lambda *_, **__: False)
        async with house.running():
            await trio.sleep(10)
            patch.undo()
            await trio.sleep(announcing.SAY_EVERY + 0.1)  # whoever wakes first at that very moment
            assert house.told().count("READY=1") == 1


async def test_nobody_listens() -> None:
    house = House(Notifier())
    await house.announcer.run()  # it has nothing to do
    house.announcer.stopping(40.0)
    assert at_the_journal(house.manager) is None


def test_while_the_journal_is_read(house: House) -> None:
    busy = at_the_journal(house.manager)
    assert busy is not None
    for _ in range(1000):
        busy()
    assert house.told() == ["EXTEND_TIMEOUT_USEC=60000000", "STATUS=reading the journal"]


def test_a_daemon_that_starts_says_that_it_reads_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "STEPS", 10)  # of this small one
    manager = Manager()
    config = Config(
        spool=SpoolConfig(path=tmp_path / "spool"),
        journal=JournalConfig(path=tmp_path / "journal.db"),
        links=(LinkConfig(name="main", hosts=(("127.0.0.1", 1),), system_id="peer"),),
        observe=ObserveConfig(listen=None, control=tmp_path / "control.sock"),
    )
    apart = trio.to_thread.run_sync
    around = Surroundings(notifier=manager, run_many=apart, publish_many=apart)
    with Daemon(config, {"main": "secret"}, lambda _: None, around):
        asked = ["EXTEND_TIMEOUT_USEC=60000000", "STATUS=reading the journal"]
        assert manager.lines == asked


def test_without_links() -> None:
    assert Summary(unready=["http x: no answer"]).running == (
        "running; 0 messages queued; http x: no answer"
    )
