"""The metrics of polled chat channels, declared once. This is a table."""

from __future__ import annotations

from collections.abc import Callable

from smppd.figures import ChatFigures
from smppd.observe.measuring import Measure


def _each_channel(name: str, text: str, read: Callable[[ChatFigures], float]) -> Measure:
    return Measure(
        name,
        text,
        ("account", "platform", "platformid"),
        lambda figures: [
            ((each.account, each.platform, each.platformid), read(each)) for each in figures.chats
        ],
    )


CHAT_MEASURES = (
    _each_channel(
        "smppd_chat_received_total",
        "Messages from chats given out in received/new.",
        lambda each: each.received,
    ),
    _each_channel(
        "smppd_chat_errors_total",
        "Questions about a chat channel that brought no answer that can be used.",
        lambda each: each.errors,
    ),
    _each_channel(
        "smppd_chat_conversations",
        "Conversations that the channel listed at the last poll.",
        lambda each: each.conversations,
    ),
    _each_channel(
        "smppd_chat_last_poll_timestamp_seconds",
        "When the channel was last polled with an answer, in seconds since the epoch; 0 for never.",
        lambda each: each.last_poll or 0.0,
    ),
)
