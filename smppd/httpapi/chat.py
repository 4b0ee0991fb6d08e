"""Messages from chats: the configured channels are polled, and what came is given out once each.

That `getunreadmessages` was asked is in the journal before the request leaves: its answer may be
lost, and may not come again. A message is drafted on disk, then noted in the journal, then given
out (see `results.chats`); a crash anywhere between leaves the conversation to be read whole, and
what was noted is not given out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec
import trio

from smppd.events import ChatFailing, ChatRecovered, Emit
from smppd.figures import ChatFigures
from smppd.httpapi.conversations import Held, Step, next_step
from smppd.ports import ChatChannel, ChatLetter, ChatMemory, ChatStage, Letterbox
from smppd.provider.answers import Answer, Failure, NoAnswer, Success
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.chat import ChatMessage, Listed, Read, by_conversation, read_messages
from smppd.provider.operation import Operation, Value

#: So many messages are noted at once.
_LOT = 100
_DAY = 86_400

_GETCHATS = OPERATIONS["chat.getchats"]
_GETMESSAGES = OPERATIONS["chat.getmessages"]
_GETUNREAD = OPERATIONS["chat.getunreadmessages"]

_HINTS = {
    "CHANNEL_NOT_FOUND": "compare [chat] channels with: smppd chat channels",
    "CHAT_NOT_FOUND": "the provider says so itself; asked again at the next poll",
}


class ChatAccount(Protocol):
    """The account over which a channel is asked."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""

    @property
    def paused(self) -> bool:
        """Whether nothing is asked over it for now."""

    async def call(self, operation: Operation, params: Mapping[str, Value]) -> Answer:
        """Ask, at the account's pace and into its log."""


class PollTerms(msgspec.Struct, frozen=True):
    """Seconds between two polls of a channel, and between two whole reads of a conversation."""

    poll_interval: float = 30.0
    reread: float = 3600.0


class Keeping(NamedTuple):
    """What remembers the messages that came, and what gives them out."""

    memory: ChatMemory
    letterbox: Letterbox


class ChannelPoll:
    """Polls one channel. `wall` gives epoch seconds."""

    def __init__(
        self,
        account: ChatAccount,
        channel: ChatChannel,
        terms: PollTerms,
        keeping: Keeping,
        emit: Emit,
        wall: Callable[[], float],
    ) -> None:
        self._account = account
        self._channel = channel
        self._terms = terms
        self._memory = keeping.memory
        self._letterbox = keeping.letterbox
        self._emit = emit
        self._wall = wall
        self._held: dict[str, Held] = {}
        self._opened = -1
        self._troubles: set[str] = set()
        self._told: set[str] = set()
        self.figures = ChatFigures(channel.account, channel.platform, channel.platformid)

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            if not self._account.paused:
                await self.poll()
            await trio.sleep(self._terms.poll_interval)

    async def poll(self) -> None:
        """One look at every conversation of the channel."""
        self._troubles = set()
        listed = await self._list()
        if listed is not None:
            await self._open([each.destination for each in listed])
            for each in listed:
                if self._account.paused:
                    return
                await self._attend(self._held[each.destination], each)
            self.figures.last_poll = self._wall()
            self.figures.conversations = len(listed)
        await self._letterbox.give_out([])
        if not self._troubles and self._told:
            self._emit(ChatRecovered(*self._channel))
        self._told = self._troubles

    # ── which conversations there are ────────────────────────────────────────────────────────

    async def _list(self) -> list[Listed] | None:
        answer = await self._call(_GETCHATS)
        if isinstance(answer, Failure) and answer.code == "CHAT_NOT_FOUND":
            return []  # there is none yet
        read = self._read(_GETCHATS, answer)
        if read is None:
            return None
        listed = by_conversation(read.messages)
        if any(not each.destination for each in read.messages):
            self._trouble(_GETCHATS, "a conversation without a destination", "it is left out")
        return listed

    async def _open(self, destinations: Sequence[str]) -> None:
        """Hold just these, as the journal knows them."""
        day, now = self._day(), trio.current_time()
        held = {each: self._held[each] for each in destinations if each in self._held}
        if day != self._opened or len(held) < len(destinations):
            for each in await self._memory.open_chats(self._channel, destinations, day):
                if each.destination not in held:
                    held[each.destination] = Held(each, now, self._terms.reread)
            self._opened = day
        self._held = held

    # ── one conversation ─────────────────────────────────────────────────────────────────────

    async def _attend(self, held: Held, listed: Listed) -> None:
        step = next_step(held, listed, trio.current_time())
        if step is Step.FIRST:
            step = await self._look_first(held, listed)
        elif step is Step.UNREAD:
            step = await self._look_at_unread(held, listed)
        if step is Step.WHOLE:
            whole = await self._ask(_GETMESSAGES, held)
            if whole is not None and await self._take(held, whole, whole, whole=True):
                await self._settle(held, listed)

    async def _look_first(self, held: Held, listed: Listed) -> Step:
        """Take what is unread as new, and the rest as seen before; what is to follow."""
        history = await self._ask(_GETMESSAGES, held)
        if history is None:
            return Step.NOTHING
        await self._note(held, ChatStage.OWED, b"")
        unread, lost = await self._ask_unread(held)
        if unread is None:
            if lost:
                return Step.WHOLE
            await self._note(held, ChatStage.HISTORY, b"")
            return Step.NOTHING
        if await self._take(held, unread, [*history, *unread], whole=False):
            await self._settle(held, listed)
        return Step.NOTHING

    async def _look_at_unread(self, held: Held, listed: Listed) -> Step:
        """Take what is unread; what is to follow. What the list shows may have been read by
        somebody else meanwhile, and be ours."""
        before = held.tip
        await self._note(held, ChatStage.OWED, before)
        unread, lost = await self._ask_unread(held)
        if unread is None:
            if lost:
                return Step.WHOLE
            await self._note(held, ChatStage.EVEN, before)
            return Step.NOTHING
        if not await self._take(held, unread, unread, whole=False):
            return Step.NOTHING
        if set(listed.keys) - await self._memory.seen_in_chat(held.number, listed.keys):
            return Step.WHOLE
        await self._settle(held, listed)
        return Step.NOTHING

    async def _take(
        self,
        held: Held,
        offered: Sequence[ChatMessage],
        shown: Iterable[ChatMessage],
        *,
        whole: bool,
    ) -> bool:
        """Give out what is new among the offered; note first that the rest of what was shown was
        seen. Whether the disk let us."""
        keys = {each.key: each for each in shown}
        seen = await self._memory.seen_in_chat(held.number, list(keys))
        fresh = {each.key: each for each in offered if not each.ours and each.key not in seen}
        news = list(fresh.values())
        noted = held.noted(held.stage, held.tip)
        rest = [key for key in keys if key not in fresh]
        await self._memory.note_chat(noted, rest, self._day(), whole=whole)
        for start in range(0, len(news), _LOT):
            with trio.CancelScope(shield=True):
                if not await self._give_out(held, news[start : start + _LOT]):
                    held.stage = ChatStage.OWED
                    return False
        return True

    async def _give_out(self, held: Held, messages: Sequence[ChatMessage]) -> bool:
        letters = [
            ChatLetter(self._channel, held.number, held.destination, each) for each in messages
        ]
        drafts = await self._letterbox.draft(letters)
        if drafts is None:
            return False
        noted = held.noted(held.stage, held.tip)
        keys = [each.key for each in messages]
        await self._memory.note_chat(noted, keys, self._day(), whole=False)
        await self._letterbox.give_out(drafts)
        self.figures.received += len(messages)
        return True

    async def _settle(self, held: Held, listed: Listed) -> None:
        """It is even with what the list showed."""
        await self._note(held, ChatStage.EVEN, listed.tip)

    async def _note(self, held: Held, stage: ChatStage, tip: bytes) -> None:
        await self._memory.note_chat(held.noted(stage, tip), (), self._day(), whole=False)
        held.stage, held.tip = stage, tip

    # ── asking ───────────────────────────────────────────────────────────────────────────────

    async def _ask(self, operation: Operation, held: Held) -> list[ChatMessage] | None:
        read = self._read(operation, await self._call(operation, held.destination))
        if read is None:
            return None
        held.whole_due = trio.current_time() + self._terms.reread
        return read.messages

    async def _ask_unread(self, held: Held) -> tuple[list[ChatMessage] | None, bool]:
        """What is unread, or None; and whether messages may have been marked as read that we
        have not got."""
        answer = await self._call(_GETUNREAD, held.destination)
        read = self._read(_GETUNREAD, answer)
        if read is not None:
            return read.messages, False
        unsent = isinstance(answer, Failure) or (isinstance(answer, NoAnswer) and not answer.sent)
        return None, not unsent

    async def _call(self, operation: Operation, destination: str = "") -> Answer:
        params: dict[str, Value] = {
            "platform": self._channel.platform,
            "platformid": self._channel.platformid,
        }
        if destination:
            params["destination"] = destination
        answer = await self._account.call(operation, params)
        if isinstance(answer, Failure):
            hint = _HINTS.get(answer.code, answer.text)
            self._trouble(operation, answer.code, hint)
        elif isinstance(answer, NoAnswer):
            self._trouble(operation, answer.reason, "asked again at the next poll")
        return answer

    def _read(self, operation: Operation, answer: Answer) -> Read | None:
        """The messages of an answer; None when there is none, or nothing of it can be read."""
        if not isinstance(answer, Success):
            return None
        read = read_messages(answer.result)
        if read.problem:
            self._trouble(operation, read.problem, "the answer is not as documented")
        return read if read.messages or not read.unread else None

    def _trouble(self, operation: Operation, reason: str, hint: str) -> None:
        """Tell the operator of it, unless it was so at the last poll."""
        self.figures.errors += 1
        trouble = f"{operation.name}: {reason}"
        if trouble not in self._told | self._troubles:
            self._emit(ChatFailing(*self._channel, trouble, hint))
        self._troubles.add(trouble)

    def _day(self) -> int:
        return int(self._wall() // _DAY)


class ChatPolling:
    """Polls every configured channel, each by itself."""

    def __init__(self, polls: Sequence[ChannelPoll]) -> None:
        self._polls = polls

    async def run(self) -> None:
        """Poll until cancelled. Nothing to poll is nothing to do."""
        async with trio.open_nursery() as nursery:
            for poll in self._polls:
                nursery.start_soon(poll.run)

    def figures(self) -> list[ChatFigures]:
        """How each channel fares."""
        return [poll.figures for poll in self._polls]
