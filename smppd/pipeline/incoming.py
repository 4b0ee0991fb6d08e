"""What people and their chats send us: a fact for each letter, before its sender hears that we have it."""

from __future__ import annotations

from collections.abc import Sequence

from smppd.pipeline.desk import Desk
from smppd.ports import Letter


class Incoming:
    """Notes letters in the journal. One that a crash made come again is noted again, under its name."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def record(self, letters: Sequence[Letter]) -> None:
        """Make the facts; whoever calls it sees to their commit."""
        now = self._desk.wall()
        for letter in letters:
            self._desk.ledger.received(now, letter.name, letter.body)

    async def note(self, letters: Sequence[Letter]) -> None:
        """Return when it is on disk that these are in `received/new/`, or about to be."""
        self.record(letters)
        await self._desk.commit()
