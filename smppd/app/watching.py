"""Looking closely for a while: another log level, every PDU of a link, everything about one message.

Each is asked for with `smppd log-level`, ends by itself, and costs nothing while nobody asks. Raises
`ControlRefused` for what cannot be meant.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import msgspec
import trio

from smppd.app.history import Expected, History
from smppd.app.linking import link_called
from smppd.app.parts import Parts
from smppd.config import LogLevel
from smppd.control import Arguments, ControlRefused
from smppd.events import Emit, LogLevelOver, LogLevelSet, MessageWatched
from smppd.journal.schema import JournalError
from smppd.journal.store import open_reader
from smppd.ledger.entries import MessageRow, read_outstanding
from smppd.ledger.facts import LedgerError, receipt_key
from smppd.link.link import Link
from smppd.link.pdu_log import PduLog
from smppd.link.subject import Subject
from smppd.message import State

#: The longest time, in seconds; and the shortest between two looks at what has happened to a message.
LONGEST, LOOK_EVERY = 86_400.0, 0.1
_NOT_YET = "there is none yet: it is heard from when it is handed in under this id"


class Asked(msgspec.Struct):
    """A level: of one `link`, of the message that somebody calls `message`, or of everything. For one of
    those two any level but debug ends what was asked for before. `msg_id` is ours of the message, 0
    if the journal knows none that its client calls so."""

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
        return f"message {self.message}" if self.message else "everything"


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
        row = None
        if asked.message:
            asked, row = await self._which(asked)
        before = self._under_way.get(asked.about)
        if asked.level != "debug" and (asked.link or asked.message):
            if before is None:
                raise ControlRefused(f"nothing is logged of {asked.about} that could end")
            before.cancel()
            return {"about": asked.about, "level": asked.level, "seconds": 0.0}
        looking = self._looking(asked, row)
        if before is not None:
            before.cancel()
        scope = self._under_way[asked.about] = trio.CancelScope()
        self._emit(LogLevelSet(asked.level, asked.about, asked.seconds, asked.who))
        self._nursery.start_soon(self._look, asked, scope, looking)
        answer = {"about": asked.about, "level": asked.level, "seconds": asked.seconds}
        return answer | ({"note": _NOT_YET} if asked.message and row is None else {})

    async def _which(self, asked: Asked) -> tuple[Asked, MessageRow | None]:
        """The message that is meant, by the name that its client has for it; None if it is yet to come."""
        msg_id = asked.msg_id or await self._taken_as(asked.message)
        if not msg_id:
            return asked, None
        rows = await self._parts.journal.read_messages([msg_id])
        if not rows or rows[0].state != State.QUEUED:
            raise ControlRefused(f"there is no message {asked.message} that could be sent")
        return msgspec.structs.replace(asked, message=rows[0].client_id, msg_id=msg_id), rows[0]

    async def _taken_as(self, message_id: str) -> int:
        """The msg_id of the only message that an SMSC took under this id, of those remembered; 0 for none."""
        accounts = self._parts.ledger.accounts
        keys = [receipt_key(link.name, message_id) for link in self._parts.links]
        found = {place[0] for key in keys for place in accounts.message_ids.places(key)}
        found |= {each.msg_id for each in map(accounts.finished.get, keys) if each}
        spilled = await self._parts.journal.find_waiting(keys)
        found |= {read_outstanding(entry).msg_id for entry in spilled}
        if len(found) > 1:
            raise ControlRefused(
                f"{len(found)} messages have had the message_id {message_id}: name one by its own id"
            )
        return next(iter(found), 0)

    def _looking(self, asked: Asked, row: MessageRow | None) -> Callable[[], Awaitable[str]]:
        if asked.link:
            link = link_called(asked.link, self._parts.links)
            return lambda: self._hear(link)
        if asked.message:
            return lambda: self._watch(asked.message, row)
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
            if self._usual is not None and not (asked.link or asked.message):
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

    async def _watch(self, id_: str, row: MessageRow | None) -> str:
        subject, news = Subject(), News()
        with ExitStack() as until_over:
            store = until_over.enter_context(closing(open_reader(self._parts.config.journal.path)))
            self._parts.journal.on_facts(news.note)
            until_over.callback(self._parts.journal.off_facts, news.note)

            def make(link: str) -> PduLog:
                return PduLog(link, self._emit, subject, id_)

            until_over.enter_context(self._heard_everywhere(make))
            if row is None:
                expected = await trio.to_thread.run_sync(Expected, store, id_)
                while (row := await trio.to_thread.run_sync(expected.look)) is None:
                    await news.wait()
            history = History(store, row)
            await trio.to_thread.run_sync(history.read_on)
            subject.learn(history.keys)
            subject.become(row.msg_id, row.message.to)
            while True:
                for each in history.take_news():
                    said = each.time or "", each.part or 0, each.text
                    self._emit(MessageWatched(id_, each.event, *said))
                await news.wait()
                await trio.to_thread.run_sync(history.read_on)
                subject.learn(history.keys)

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


class News:
    """That there are facts which nobody has looked at."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def note(self) -> None:
        """There are."""
        self._event.set()

    async def wait(self) -> None:
        """Return when there are; no more often than it is worth looking."""
        await self._event.wait()
        await trio.sleep(LOOK_EVERY)
        self._event = trio.Event()
