"""What is asked next about a conversation. Pure.

The list of conversations shows something of each; from whether that has changed it is told whether
something came. getunreadmessages may mark what it answers as read, so that a lost answer must not
be waited for again: then, and now and then anyway, a conversation is read whole with getmessages,
which does no harm.
"""

from __future__ import annotations

from enum import Enum

from smppd.ports import ChatStage, Conversation
from smppd.provider.chat import Listed

#: Spreads whole reads that come due over the time between two: the golden ratio's fraction.
_SPREAD = 0.618033988749895


class Step(Enum):
    """What is done about a conversation now."""

    NOTHING = "nothing"
    #: Read whole, then what is unread: the latter is new, the rest is history.
    FIRST = "first"
    #: Read what is unread.
    UNREAD = "unread"
    #: Read whole: what we have not seen is new.
    WHOLE = "whole"


class Held:
    """A conversation as it stands. `whole_due` is when (on the clock of `now`) it is read whole
    whatever the list shows."""

    def __init__(self, conversation: Conversation, now: float, reread: float) -> None:
        self.number = conversation.number
        self.destination = conversation.destination
        self.stage = conversation.stage
        self.tip = conversation.tip
        self.whole_due = now + reread * (self.number * _SPREAD % 1.0)

    def noted(self, stage: ChatStage, tip: bytes) -> Conversation:
        """How it is to stand in the journal."""
        return Conversation(self.number, self.destination, stage, tip)


def next_step(held: Held, listed: Listed, now: float) -> Step:
    """What to do about a conversation that getchats shows like this."""
    if held.stage is ChatStage.HISTORY:
        return Step.FIRST
    if held.stage is ChatStage.OWED or now >= held.whole_due:
        return Step.WHOLE
    if not listed.tip or listed.tip != held.tip:
        return Step.UNREAD
    return Step.NOTHING
