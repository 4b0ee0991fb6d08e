"""Looking closely for a while: another log level, every PDU of a link, everything about one message.

Each is asked for with `smppd log-level`, ends by itself, and costs nothing while nobody asks. Raises
`ControlRefused` for what cannot be meant.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import msgspec
import trio

from smppd.app.parts import Parts
from smppd.config import LogLevel
from smppd.control import Arguments, ControlRefused
from smppd.events import Emit, LogLevelOver, LogLevelSet, MessageWatched
from smppd.journal.schema import JournalError, one_moment
from smppd.journal.store import Store, open_reader
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Fact, LedgerError
from smppd.link.link import Link
from smppd.link.pdu_log import AboutMessage, PduLog
from smppd.message import State
from smppd.results.story import Story, tell

#: The longest time, in seconds; and the shortest between two looks at what has happened to a message.
LONGEST, LOOK_EVERY = 86_400.0, 0.1


class Asked(msgspec.Struct):
    """A level: of one `link`, of the message `msg_id` that the client calls `message`, or of everything.
    For one of those two any level but debug ends what was asked for before."""

    level: LogLevel
    seconds: float
    who: str
    link: str = ""
    message: str = ""
    msg_id: int = 0

    @property
    def about(self) -> str:
        """What it is about, for people."""
        if self.link:
            return f"link {self.link}"
        return f"message {self.message}" if self.msg_id else "everything"


class Watching:
    """Starts looking, and ends it. `set_level` has the log write from a level up, and gives the one before."""

    def __init__(self, parts: Parts, emit: Emit, set_level: Callable[[LogLevel], LogLevel]) -> None:
        self._parts = parts
        self._emit = emit
        self._set_level = set_level
        self._usual: LogLevel | None = None
        self._nursery: trio.Nursery | None = None
        self._under_way: dict[str, trio.CancelScope] = {}
        self._everywhere: list[Everywhere] = []

    async def run(self) -> None:
        """Be there until cancelled; what is under way ends with it."""
        async with trio.open_nursery() as self._nursery:
            await trio.sleep_forever()

    def change_usual(self, level: LogLevel) -> None:
        """The level that counts while nobody asks for another."""
        if self._usual is None:
            self._set_level(level)
        else:
            self._usual = level

    def follow_links(self) -> None:
        """Links may have come: whoever watches a message hears them, too."""
        for each in self._everywhere:
            each.follow(self._parts.links)

    async def command(self, arguments: Arguments) -> dict[str, Any]:
        """What an operator asks for, over the control socket."""
        try:
            asked = msgspec.convert(arguments, Asked)
        except msgspec.ValidationError as mistake:
            raise ControlRefused(f"log-level cannot be meant so: {mistake}") from None
        if not 0 < asked.seconds <= LONGEST:
            raise ControlRefused(f"--for takes more than 0 s and at most {LONGEST:,.0f} s")
        if self._nursery is None:
            raise ControlRefused("smppd is starting or stopping: try again")
        looking = await self._looking(asked)
        before = self._under_way.get(asked.about)
        if before is not None:
            before.cancel()
        if asked.level != "debug" and (asked.link or asked.msg_id):
            if before is None:
                raise ControlRefused(f"nothing is logged of {asked.about} that could end")
            return {"about": asked.about, "level": asked.level, "seconds": 0.0}
        scope = self._under_way[asked.about] = trio.CancelScope()
        self._emit(LogLevelSet(asked.level, asked.about, asked.seconds, asked.who))
        self._nursery.start_soon(self._look, asked, scope, looking)
        return {"about": asked.about, "level": asked.level, "seconds": asked.seconds}

    async def _looking(self, asked: Asked) -> Callable[[], Awaitable[str]]:
        if asked.link:
            links = {link.name: link for link in self._parts.links}
            if asked.link not in links:
                there = ", ".join(links) or "none"
                raise ControlRefused(f"there is no link {asked.link}; there are {there}")
            return lambda: self._hear(links[asked.link])
        if asked.msg_id:
            rows = await self._parts.journal.read_messages([asked.msg_id])
            if not rows or rows[0].state != State.QUEUED:
                raise ControlRefused(f"there is no message {asked.message} that could be sent")
            return lambda: self._watch(rows[0], asked.message)
        return lambda: self._at_level(asked.level)

    async def _look(
        self, asked: Asked, scope: trio.CancelScope, looking: Callable[[], Awaitable[str]]
    ) -> None:
        reason = "asked for otherwise"
        try:
            with scope, trio.move_on_after(asked.seconds) as in_time:
                reason = await looking()
            if in_time.cancelled_caught:
                reason = "its time is over"
        except* (JournalError, LedgerError) as broken:
            reason = str(broken.exceptions[0])
        if self._under_way.get(asked.about) is scope:
            del self._under_way[asked.about]
            if self._usual is not None and not (asked.link or asked.msg_id):
                self._set_level(self._usual)
                self._usual = None
        self._emit(LogLevelOver(asked.about, reason))

    # ── a level ──────────────────────────────────────────────────────────────────────────────

    async def _at_level(self, level: LogLevel) -> str:
        before = self._set_level(level)
        self._usual = before if self._usual is None else self._usual
        await trio.sleep_forever()

    # ── a link ───────────────────────────────────────────────────────────────────────────────

    async def _hear(self, link: Link) -> str:
        ended = trio.Event()
        reason = ""

        def end(why: str) -> None:
            nonlocal reason
            reason = why
            ended.set()

        tap = PduLog(link.name, self._emit, on_end=end)
        link.overhear(tap)
        try:
            await ended.wait()
        finally:
            link.leave_alone(tap)
        return reason

    # ── a message ────────────────────────────────────────────────────────────────────────────

    async def _watch(self, row: MessageRow, id_: str) -> str:
        news = trio.Event()

        def note() -> None:
            news.set()

        journal = self._parts.journal
        with closing(open_reader(self._parts.config.journal.path)) as store:
            journal.on_facts(note)
            try:
                history = History(store, row)
                await trio.to_thread.run_sync(history.read_on)
                about = AboutMessage(row.message, history.message_ids)
                with self._heard_everywhere(lambda link: PduLog(link, self._emit, about, id_)):
                    while True:
                        for each in history.take_news():
                            said = each.time or "", each.part or 0, each.text
                            self._emit(MessageWatched(id_, each.event, *said))
                        await news.wait()
                        news = trio.Event()
                        await trio.sleep(LOOK_EVERY)
                        await trio.to_thread.run_sync(history.read_on)
            finally:
                journal.off_facts(note)

    @contextmanager
    def _heard_everywhere(self, make: Callable[[str], PduLog]) -> Iterator[None]:
        everywhere = Everywhere(make)
        everywhere.follow(self._parts.links)
        self._everywhere.append(everywhere)
        try:
            yield
        finally:
            self._everywhere.remove(everywhere)
            everywhere.stop()


class Everywhere:
    """Hears every link, by what `make` makes for its name."""

    def __init__(self, make: Callable[[str], PduLog]) -> None:
        self._make = make
        self._taps: dict[str, PduLog] = {}
        self._links: list[Link] = []

    def follow(self, links: Sequence[Link]) -> None:
        """Hear these, too. A link that takes another's place is heard by what has heard that."""
        for link in links:
            if link.name not in self._taps:
                self._taps[link.name] = self._make(link.name)
            link.overhear(self._taps[link.name])
        self._links += links

    def stop(self) -> None:
        """Hear nothing more."""
        for link in self._links:
            link.leave_alone(self._taps[link.name])


class History:
    """What has happened to a message, read on as it happens. Its calls of the journal block."""

    def __init__(self, store: Store, row: MessageRow) -> None:
        self._store = store
        self._row = row
        self._head = 0
        self._facts: list[Fact] = []
        self._told = 0
        self._story: Story | None = None

    def read_on(self) -> None:
        """Read what is new on disk."""
        with one_moment(self._store.connection):
            self._facts += self._store.log.history(self._row.msg_id, self._head)
            self._head = max(self._head, self._store.log.head())
        self._story = tell(self._row, self._facts, self._store.admitted_at(self._row))

    @property
    def message_ids(self) -> list[str]:
        """Those that it is known to have."""
        parts = self._story.part_details if self._story else []
        return [message_id for part in parts for message_id in part.message_ids]

    def take_news(self) -> list[Any]:
        """What has happened since the last call."""
        history = self._story.history if self._story else []
        news, self._told = history[self._told :], len(history)
        return news
