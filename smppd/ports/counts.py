"""Between the cap and the journal: how many messages left for a number on a day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Counted(NamedTuple):
    """So many left for a number on a day, counted from 1970."""

    day: int
    number: str
    messages: int


class CountMemory(Protocol):
    """Where the counts are kept."""

    async def counts_of(self, day: int, numbers: Sequence[str]) -> dict[str, int]:
        """The counts of these numbers on a day; none for a number of which there is none."""
