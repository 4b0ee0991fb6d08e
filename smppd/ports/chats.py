"""Between the polling of chats, what remembers them, and what gives their messages out."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

from smppd.provider.chat import ChatMessage


class PolledChannel(NamedTuple):
    """A channel of the provider's chat that is polled, and the account over which."""

    account: str
    platform: str
    platformid: str


class ChatStage(IntEnum):
    """What is to be done before a conversation is even with what the provider has of it."""

    #: It was there before us: what it holds is history, but for what nobody has read.
    HISTORY = 0
    #: It is to be read whole, and what we have not seen of it is new: an answer that may have
    #: marked messages as read may have been lost, or it is new itself.
    OWED = 1
    #: What it held has been taken over.
    EVEN = 2


class Conversation(NamedTuple):
    """A conversation of a channel, by its number in the journal. `tip` is of the newest message
    that has been accounted for (`provider.chat.Listed`)."""

    number: int
    destination: str
    stage: ChatStage
    tip: bytes


class ChatMemory(Protocol):
    """Durable memory of what was received in chats. Each call returns when it is on disk."""

    async def open_chats(
        self, channel: PolledChannel, destinations: Sequence[str], day: int
    ) -> list[Conversation]:
        """The conversations that the channel lists on this day (since 1970), in their order.

        Those not known are entered: as history when the channel is seen for the first time, else
        as owed. What the channel has not listed for very long is forgotten."""

    async def seen_in_chat(self, number: int, keys: Sequence[bytes]) -> set[bytes]:
        """Which of these messages of a conversation were noted before."""

    async def note_chat(
        self, conversation: Conversation, keys: Sequence[bytes], day: int, *, whole: bool
    ) -> None:
        """Note stage and tip, and that these messages were seen this day. `whole`: the provider
        has no others, so that what it has not had for very long may be forgotten."""


class ChatLetter(NamedTuple):
    """A message of a conversation for people; `number` is the conversation's in the journal."""

    channel: PolledChannel
    number: int
    destination: str
    message: ChatMessage


class Letterbox(Protocol):
    """Where chat messages go for people: drafts first, given out when they are noted."""

    async def draft(self, letters: Sequence[ChatLetter]) -> list[str] | None:
        """Put them on disk where nobody looks; the names of the drafts in their order, or None when the disk
        does not let us."""

    async def give_out(self, drafts: Sequence[str]) -> None:
        """Move these, of which the journal knows, to where people take them."""
