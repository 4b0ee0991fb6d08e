"""Between the pipeline and what leaves for people: receipts, results, messages from handsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import Fact
from smppd.ledger.slots import Slots
from smppd.ledger.snapshot import FileAccount
from smppd.smpp.codec import Undecodable
from smppd.smpp.pdu import DataSm, DeliverSm


class ReceiptOf(NamedTuple):
    """What a receipt's fact says, with the client's id and destination of its message; None if unmatched."""

    seq: int
    at: float
    kind: int
    num: int | None
    text: str
    matched: bool
    id: str | None
    to: str | None

    @classmethod
    def by(cls, fact: Fact, client_id: str | None, to: str | None) -> ReceiptOf:
        """What this fact says."""
        text, matched = fact.text or "", fact.msg is not None
        return cls(fact.seq, fact.at, fact.kind, fact.num, text, matched, client_id, to)


class Receipts(Protocol):
    """Where delivery receipts go for people."""

    def append(self, receipts: Sequence[ReceiptOf]) -> None:
        """Append receipts that are already in the journal."""


class Resting(NamedTuple):
    """A file whose messages have come to rest. `slots` say which facts ended them, as far as the
    journal has not got them; `unfinished` are those that are not final, and are held or waited
    for long enough."""

    file: FileAccount
    slots: Slots
    unfinished: Sequence[Outstanding]


class Publisher(Protocol):
    """Where results and reports go for people."""

    async def publish(self, files: Sequence[Resting]) -> list[str]:
        """Write results and reports, move the sources beside them; their new places, in order.

        A disk that takes nothing is waited for. OSError when the daemon stops before it does.
        """

    async def begin(self, file: FileAccount, final: int) -> bool:
        """Begin with the results of a long file, or go on: its first so many messages are final, and in
        the journal. Nobody sees it before all of it is published. False where that is of no use now."""


class Letter(NamedTuple):
    """A message from a handset or a chat, for people: its file's name in `received/new/`, its JSON."""

    name: str
    body: bytes


class Mailbox(Protocol):
    """Where messages from handsets go for people."""

    async def keep(
        self, link: str, messages: Sequence[DeliverSm | DataSm | Undecodable]
    ) -> Sequence[bool]:
        """Return when they are on disk: of each, whether it is."""
