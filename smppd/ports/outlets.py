"""Between the journal and whoever reads its log to tell others: lots of facts, and cursors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Fact
from smppd.ports.journal import FileRow


class Stretch(NamedTuple):
    """Some of the log: of the facts up to seq `end` those that were asked for. `rows` are their
    messages by msg_id, `lines` those of a chunk by the seq of its fact, in the order of the file.
    `head` is the last fact there is."""

    facts: list[Fact]
    rows: dict[int, MessageRow]
    lines: dict[int, list[MessageRow]]
    files: dict[int, FileRow]
    end: int
    head: int


class Log(Protocol):
    """The facts on disk. It blocks, and is asked by one thread at a time."""

    def read(self, after: int, kinds: Sequence[int], limit: int) -> Stretch:
        """The facts behind this seq of these kinds, and those that made a message final; about
        `limit` events at most."""


class Cursors(Protocol):
    """Where it is kept how far each reader of the log has come."""

    async def move_cursor(self, name: str, seq: int) -> None:
        """Return when it is on disk that this reader is done with the facts up to seq."""
