"""What goes over the HTTP APIs of providers: accounts, chats, and where an account stands in for links."""

from __future__ import annotations

import msgspec

from smppd.figures.histograms import Histogram
from smppd.figures.pausing import cure_of_pause


class AccountFigures(msgspec.Struct):
    """One account at a provider's HTTP API since the daemon started.

    `outcomes` counts calls by what was answered: SUCCESS, an error code, NO_ANSWER, or NOT_SENT
    when nothing of it could leave. `ready` were handed over and are not begun, `queued` wait.
    """

    name: str
    url: str = ""
    connections: int = 0
    rate: float = 0.0
    in_flight: int = 0
    ready: int = 0
    queued: int = 0
    outcomes: dict[str, int] = msgspec.field(default_factory=dict)
    seconds: Histogram = msgspec.field(default_factory=Histogram)
    last_error: str = ""
    #: Since when its provider does not answer; None while it does.
    unreachable_since: float | None = None
    #: Why it calls nothing until it is resumed; empty when it is not paused.
    paused: str = ""

    @property
    def unready(self) -> str:
        """What keeps it from its work, for people; empty when nothing does."""
        if self.paused:
            return f"account {self.name} is paused: {self.paused}; {cure_of_pause(self.name)}"
        if self.unreachable_since is None:
            return ""
        return f"account {self.name} gets no answers: {self.last_error}"


class FallbackFigures(msgspec.Struct):
    """A link or route (`what`) whose messages go over an account of the HTTP API: since when (epoch
    seconds), how many have gone so, and how many were found that cannot and stay."""

    what: str
    account: str
    since: float
    messages: int
    stay: int


class ChatFigures(msgspec.Struct):
    """One polled chat channel since the daemon started. `last_poll` (epoch seconds) is of the last
    one that was answered."""

    account: str
    platform: str
    platformid: str
    conversations: int = 0
    received: int = 0
    errors: int = 0
    last_poll: float | None = None
