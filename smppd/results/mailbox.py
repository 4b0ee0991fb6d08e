"""`received/`: messages from handsets, on disk before the SMSC hears that we have them.

The blocking work is `sorting`'s, done in a thread, one batch at a time. When the disk fails, the
SMSC is told to try again later, the operator is told once, and nothing else stops.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import trio

from smppd.events import Emit, MailboxFailing, MailboxRecovered
from smppd.ports import Letter
from smppd.results.sorting import Arrived, Given, Sorter

#: Seconds between two looks at what has waited too long, or could not be moved.
LOOK_EVERY = 10.0


#: Returns when it is on disk that these letters have come.
Note = Callable[[Sequence[Letter]], Awaitable[None]]


class MailRules(msgspec.Struct, frozen=True):
    """`[spool] reassembly_timeout` in seconds, and what data_coding 0 is, by the link's name."""

    reassembly_timeout: float = 86_400.0
    alphabets: Mapping[str, str] = {}


class Mailbox:
    """Keeps messages from handsets; a `ports.Mailbox`. `wall` gives epoch seconds."""

    def __init__(
        self,
        root: Path,
        wall: Callable[[], float],
        emit: Emit,
        rules: MailRules,
        run_sync: Callable[..., Awaitable[Any]] = trio.to_thread.run_sync,
    ) -> None:
        self._sorter = Sorter(root / "received", rules.alphabets)
        self._wall = wall
        self._emit = emit
        self._timeout = rules.reassembly_timeout
        self._run_sync = run_sync
        self._turn = trio.Lock()
        self._look_at = 0.0
        self._failing = False
        self._note: Note | None = None

    def note_with(self, note: Note) -> None:
        """What notes every letter before its sender hears that we have it."""
        self._note = note

    def recover(self, note: Callable[[Sequence[Letter]], None] = lambda _: None) -> None:
        """Take up the parts that the last run left, and have whatever that gives out noted. It
        blocks; OSError when the disk fails."""
        self._sorter.recover(self._wall())
        letters, told = self._sorter.take_given()
        if letters:
            note(letters)
        if told:
            self._sorter.move(told)
        news, self._sorter.news = self._sorter.news, []
        for event in news:
            self._emit(event)

    async def keep(self, link: str, messages: Sequence[Arrived]) -> list[bool]:
        """Return when they are on disk: of each, whether it is."""
        async with self._turn:
            kept: list[bool] = await self._run_sync(self._sorter.keep, link, messages, self._wall())
            given = self._sorter.take_given()
            if not given.told:
                self._tell(works=all(kept))
        await self._give_out(given, works=all(kept))
        return kept

    async def tend(self) -> None:
        """Give out messages whose other parts have not come in time. To be called now and then."""
        now = self._wall()
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY
            async with self._turn:
                began = now - self._timeout
                works = await self._run_sync(self._sorter.give_up_before, began, now)
                given = self._sorter.take_given()
                if not given.told:
                    self._tell(works=works)
            await self._give_out(given, works=works)

    async def _give_out(self, given: Given, *, works: bool) -> None:
        """Have these noted, and then move what was joined of parts to where people take it."""
        if given.letters and self._note is not None:
            await self._note(given.letters)
        if given.told:
            async with self._turn:
                moved = await self._run_sync(self._sorter.move, given.told)
                self._tell(works=works and moved)

    def _tell(self, *, works: bool) -> None:
        """Tell the operator of it: of a failing disk once, until it works again."""
        news, self._sorter.news = self._sorter.news, []
        for event in news:
            if isinstance(event, MailboxFailing):
                if self._failing:
                    continue
                self._failing = True
            self._emit(event)
        if works and self._failing and not news:
            self._failing = False
            self._emit(MailboxRecovered())
