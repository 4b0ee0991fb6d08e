"""How the daemon stands, in one line: what the service manager shows of it."""

from __future__ import annotations

import msgspec


class Summary(msgspec.Struct, frozen=True):
    """At one moment: how many links there are and how many are bound, by whatever they need; which
    are `missing`, but not because somebody paused them; messages queued and on their way; what there
    is to complain of; how many facts there are, which grows while anything gets done; and what waits
    because the journal is damaged."""

    links: int = 0
    bound: int = 0
    missing: list[str] = []
    queued: int = 0
    sending: int = 0
    unready: list[str] = []
    done: int = 0
    damaged: list[str] = []

    @property
    def running(self) -> str:
        """While it runs."""
        parts = [f"{self.bound} of {self.links} links bound"] if self.links else ["running"]
        parts += [f"the journal is damaged: {what} wait" for what in self.damaged]
        return "; ".join([*parts, f"{self.queued:,} messages queued", *self.unready])

    @property
    def stopping(self) -> str:
        """While it drains."""
        return f"stopping: {self.sending:,} messages on their way, {self.queued:,} stay queued"
