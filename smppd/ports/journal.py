"""Between the pipeline and the journal: what is to be durable, and what is looked up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Fact
from smppd.ledger.snapshot import FullBlock
from smppd.ports.counts import Counted


class Base(NamedTuple):
    """The accounts at a fact and a moment (epoch seconds), and what of them was over."""

    seq: int
    at: float
    settled: bytes
    data: bytes


class Pruned(NamedTuple):
    """What a lot removed, and whether there is more: so many facts are left to be looked at."""

    messages: int
    facts: int
    more: bool
    failed: str = ""
    left: int = 0


class Checkpoint(msgspec.Struct, frozen=True):
    """What keeps memory flat and starts short, written together with the facts up to it.

    Client ids and spilled messages are written as sorted lots of this moment (epoch seconds), or
    as more of the last ones (`goes_on`); the snapshot is the ledger's at a seq.
    """

    at: float
    ids: dict[str, tuple[int, float]]
    waiting: list[tuple[str, bytes]]
    snapshot: tuple[int, bytes] | None
    base: Base | None = None
    goes_on: bool = False


class Readers(NamedTuple):
    """Those who read the log, by their cursors, and since when they are waited for (epoch seconds)."""

    names: Sequence[str] = ()
    anyway: float = float("-inf")


class FileRow(NamedTuple):
    """A file as the journal remembers it, long after its account was closed. Times are epoch
    seconds; `campaign` is None for the file's own name, `states` (a count for each `State`, encoded
    as in the fact that reported it) and `placed` until it is reported. `submitted`: whether anything
    of it was ever on its way, where that is known by then."""

    file_id: int
    token: str
    name: str
    lane: int
    opened: float
    campaign: str | None
    items: int | None
    closed: float | None
    reported: float | None
    placed: str | None
    states: bytes | None
    submitted: int | None


class Writing(Protocol):
    """A commit under way."""

    async def wait(self) -> None:
        """Return when it is on disk."""


class Journal(Protocol):
    """Durable memory. What was committed is there after any crash, and nothing else is."""

    async def commit(
        self,
        facts: Sequence[Fact],
        messages: Sequence[MessageRow] = (),
        blocks: Sequence[FullBlock] = (),
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Return when these are on disk, all or none of them."""

    def begin(
        self,
        facts: Sequence[Fact],
        messages: Sequence[MessageRow] = (),
        blocks: Sequence[FullBlock] = (),
        checkpoint: Checkpoint | None = None,
    ) -> Writing:
        """Like `commit`, for whoever goes on meanwhile. It is never on disk before what was begun
        or committed earlier."""

    def set_counts(self, counts: Sequence[Counted]) -> None:
        """These are on disk with what is begun next, or earlier."""

    async def read_queue(self, after: int, limit: int) -> list[MessageRow]:
        """The messages of one queue behind the msg_id `after`, oldest first."""

    async def read_messages(self, msg_ids: Sequence[int]) -> list[MessageRow]:
        """These messages, in no particular order."""

    def expect_ids(self, ids: Sequence[str]) -> None:
        """A checkpoint may write these client ids: those of which the journal has not heard before, here
        or from `find_ids`, need not be found."""

    async def find_ids(self, ids: Sequence[str], since: float) -> dict[str, int]:
        """The msg_id of each of these client ids handed in after `since` (epoch), of those that
        a checkpoint wrote. From now on they are expected."""

    async def files_of_campaign(self, name: str, since: float) -> list[FileRow]:
        """The files of this campaign that were opened since (epoch), the newest first."""

    async def find_waiting(self, keys: Sequence[str]) -> list[bytes]:
        """Every spilled message behind one of these receipt keys, the newest last."""

    async def read_waiting(
        self, after: tuple[int, str], limit: int
    ) -> list[tuple[int, str, bytes]]:
        """Spilled messages behind this lot and key: lot, receipt key and entry, in that order."""

    async def lots(self, holds: str) -> list[tuple[int, float]]:
        """The lots of "client_id" or "waiting", the oldest first, each with when it was written
        (epoch)."""

    async def drop_lot(self, lot: int) -> Pruned:
        """Forget a piece of this lot; whether there is more of it."""

    async def forget_counts(self, before: int) -> bool:
        """Forget some of the counts of days before this one; whether there may be more."""
