"""Between what handsets say, the list of those who want no messages, and the journal that keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from smppd.optout.roll import Change


class OptOutMemory(Protocol):
    """Where the list is kept."""

    async def change_opt_outs(self, changes: Sequence[Change]) -> None:
        """Return when these changes are on disk, all or none of them."""


class OptOutBook(Protocol):
    """The list as it is kept up."""

    def is_news(self, change: Change) -> bool:
        """Whether the change would change anything."""

    async def change(self, changes: Sequence[Change]) -> int:
        """Make changes; on return they are on disk and in force. How many changed anything."""
