"""What is asked about a channel of the provider's chat, and what is told of it when that fails.

An answer that cannot be used is no answer: it is told of, and asked for again at the next poll.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from smppd.events import ChatFailing, ChatRecovered, Emit
from smppd.figures import ChatFigures
from smppd.ports import PolledChannel
from smppd.provider.answers import Answer, Failure, NoAnswer, Success
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.chat import ChatMessage, Listed, Read, by_conversation, read_messages
from smppd.provider.operation import Operation, Value

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


class ChannelCalls:
    """Asks over an account about one of its channels, and counts what came to nothing."""

    def __init__(
        self, account: ChatAccount, channel: PolledChannel, figures: ChatFigures, emit: Emit
    ) -> None:
        self._account = account
        self._channel = channel
        self._figures = figures
        self._emit = emit
        #: What went wrong in this poll, and in the last one that came to its end.
        self._troubles: set[str] = set()
        self._told: set[str] = set()

    @property
    def paused(self) -> bool:
        """Whether nothing is to be asked for now."""
        return self._account.paused

    def begin(self) -> None:
        """A poll begins."""
        self._troubles = set()

    def end(self) -> None:
        """A poll is over: tell the operator if everything can be read again."""
        if not self._troubles and self._told:
            self._emit(ChatRecovered(*self._channel))
        self._told = self._troubles

    async def conversations(self) -> list[Listed] | None:
        """Those that the channel lists; None where that cannot be read."""
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

    async def messages(self, destination: str) -> list[ChatMessage] | None:
        """The whole of a conversation; None where it cannot be read."""
        read = self._read(_GETMESSAGES, await self._call(_GETMESSAGES, destination))
        return None if read is None else read.messages

    async def unread(self, destination: str) -> tuple[list[ChatMessage] | None, bool]:
        """What is unread, or None; and whether messages may have been marked as read that we
        have not got."""
        answer = await self._call(_GETUNREAD, destination)
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
        self._figures.errors += 1
        trouble = f"{operation.name}: {reason}"
        if trouble not in self._told | self._troubles:
            self._emit(ChatFailing(*self._channel, trouble, hint))
        self._troubles.add(trouble)
