"""Messages from chats: the configured channels are polled, and what came is given out once each.

That `getunreadmessages` was asked is in the journal before the request leaves: its answer may be
lost, and may not come again. A message is drafted on disk, then noted in the journal, then given
out (see `results.chats`); a crash anywhere between leaves the conversation to be read whole, and
what was noted is not given out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
import trio

from smppd.events import Emit
from smppd.figures import ChatFigures
from smppd.httpapi.channel_calls import ChannelCalls, ChatAccount
from smppd.httpapi.conversations import Held, Step, next_step
from smppd.ports import ChatLetter, ChatMemory, ChatStage, Letterbox, PolledChannel
from smppd.provider.chat import ChatMessage, Listed

#: So many messages are noted at once.
_LOT = 100
_DAY = 86_400


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
        channel: PolledChannel,
        terms: PollTerms,
        keeping: Keeping,
        emit: Emit,
        wall: Callable[[], float],
    ) -> None:
        self._channel = channel
        self._terms = terms
        self._memory = keeping.memory
        self._letterbox = keeping.letterbox
        self._wall = wall
        self._held: dict[str, Held] = {}
        self._opened = -1
        self.figures = ChatFigures(channel.account, channel.platform, channel.platformid)
        self._calls = ChannelCalls(account, channel, self.figures, emit)

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            if not self._calls.paused:
                await self.poll()
            await trio.sleep(self._terms.poll_interval)

    async def poll(self) -> None:
        """One look at every conversation of the channel."""
        self._calls.begin()
        listed = await self._calls.conversations()
        if listed is not None:
            await self._open([each.destination for each in listed])
            for each in listed:
                if self._calls.paused:
                    return
                await self._attend(self._held[each.destination], each)
            self.figures.last_poll = self._wall()
            self.figures.conversations = len(listed)
        await self._letterbox.give_out([])
        self._calls.end()

    # ── which conversations there are ────────────────────────────────────────────────────────

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
            whole = await self._read_whole(held)
            if whole is not None and await self._take(held, whole, whole, whole=True):
                await self._settle(held, listed)

    async def _look_first(self, held: Held, listed: Listed) -> Step:
        """Take what is unread as new, and the rest as seen before; what is to follow."""
        history = await self._read_whole(held)
        if history is None:
            return Step.NOTHING
        await self._note(held, ChatStage.OWED, b"")
        unread, lost = await self._calls.unread(held.destination)
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
        unread, lost = await self._calls.unread(held.destination)
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

    async def _read_whole(self, held: Held) -> list[ChatMessage] | None:
        messages = await self._calls.messages(held.destination)
        if messages is not None:
            held.whole_due = trio.current_time() + self._terms.reread
        return messages

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
