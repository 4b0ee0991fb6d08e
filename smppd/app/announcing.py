"""What the service manager hears of the daemon: ready, as it stands, reloading, stopping, and alive.

Ready means that every link has been bound, or is paused; and where one is neither after `GRACE`, the
daemon is ready all the same, because it takes messages in and the other links send, and the status
says which link is missing and why. Alive means that something gets done: the event loop turns, and what is asked of the
journal comes back behind every commit before it. A full disk is no reason to be restarted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import trio

from smppd.app.summary import Summary
from smppd.disk import JOURNAL, Disk
from smppd.notifying import Notifier, more_time

#: Seconds for which links are waited for, once the daemon has begun to work.
GRACE = 15.0
#: Seconds between two looks: at links that are waited for, and at what the status says.
LOOK_EVERY = 0.1
SAY_EVERY = 2.0
#: Seconds that are asked for at a time while a start or a stop goes on; so many while the journal is
#: read, whose steps are large, and how often.
EXTENSION = 30.0
READING, READING_EVERY = 60.0, 5.0


def at_the_journal(notifier: Notifier) -> Callable[[], None] | None:
    """What to call while the journal is being read, before there is an event loop; None if nobody
    listens. As long as it is called the start may take longer."""
    if not notifier.listens:
        return None
    tell_at = float("-inf")

    def busy() -> None:
        nonlocal tell_at
        if (now := time.monotonic()) >= tell_at:
            tell_at = now + READING_EVERY
            notifier.tell(more_time(READING), status="reading the journal")

    return busy


class Surveying(Protocol):
    """How everything stands."""

    def summary(self) -> Summary:
        """In short."""
        ...


class Answering(Protocol):
    """The journal."""

    async def answer(self) -> None:
        """Return when all that was begun before is on disk."""
        ...


class Announcer:
    """Tells it, from `run`."""

    def __init__(
        self, notifier: Notifier, survey: Surveying, journal: Answering, disk: Disk
    ) -> None:
        self._notifier = notifier
        self._survey = survey
        self._journal = journal
        self._disk = disk
        self._started = trio.Event()
        self._stopping = False
        self._done = 0
        self._said = ""
        #: What has not arrived yet: whether it is ready, once that can be said.
        self._owed: list[str] = []
        self._ready = False

    async def run(self) -> None:
        """Until cancelled; nothing at all where nobody listens."""
        if not self._notifier.listens:
            return
        try:
            async with trio.open_nursery() as nursery:
                if self._notifier.watchdog is not None:
                    nursery.start_soon(self._watch, self._notifier.watchdog / 2)
                await self._become_ready()
                while True:
                    self._say()
                    await trio.sleep(SAY_EVERY)
        finally:
            self._notifier.tell(more_time(EXTENSION))  # for closing what is open

    def started(self) -> None:
        """Messages are taken in and sent from now on."""
        self._started.set()

    def stopping(self, drain: float) -> None:
        """The daemon has begun to drain, which may take so many seconds by configuration."""
        self._stopping = True
        asked = more_time(drain + EXTENSION)
        self._notifier.tell("STOPPING=1", asked, status=self._survey.summary().stopping)

    def reloading(self, begun: bool) -> None:
        """A reload begins, or is over, whatever came of it."""
        if not self._ready or self._stopping:
            return
        if begun:
            self._notifier.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        else:
            self._owed = ["READY=1"]
            self._say()

    async def _become_ready(self) -> None:
        while not self._started.is_set():
            self._notifier.tell(more_time(EXTENSION), status="taking up what the last run left")
            with trio.move_on_after(SAY_EVERY):
                await self._started.wait()
        self._notifier.tell(more_time(GRACE + EXTENSION))
        unseen = set(self._survey.summary().missing)
        with trio.move_on_after(GRACE):
            while unseen and not self._stopping:
                self._say()
                await trio.sleep(LOOK_EVERY)
                unseen &= set(self._survey.summary().missing)
        self._ready, self._owed = True, ["READY=1"]

    def _say(self) -> None:
        """What is owed, and the status where it has changed."""
        now = self._survey.summary()
        status, owed = now.running, self._owed
        if self._stopping:
            status, owed = now.stopping, []
            if now.done != self._done:  # as long as something still gets done
                self._done = now.done
                owed = [more_time(EXTENSION)]
        if (owed or status != self._said) and self._notifier.tell(*owed, status=status):
            self._said, self._owed = status, []

    async def _watch(self, every: float) -> None:
        while True:
            next_time = trio.current_time() + every
            with trio.move_on_after(every) as patience:
                await self._journal.answer()
            if not patience.cancelled_caught or JOURNAL in self._disk.troubles:
                self._notifier.tell("WATCHDOG=1")
            await trio.sleep_until(next_time)
