"""Between the pipeline and what leaves for people: receipts, results, messages from handsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import Fact, Kind, receipt_fact
from smppd.ledger.slots import Slots
from smppd.ledger.snapshot import FileAccount
from smppd.smpp.codec import Undecodable
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.vocabulary import MessageState
from smppd.told import moment


class ReceiptOf(msgspec.Struct, gc=False, omit_defaults=True, rename={"asked": "by"}):
    """What is told of a receipt, as a line of the log of receipts: `time` in ISO 8601, `id` and `to` the
    client's id and the destination of its message, None if unmatched. What is empty does not stand there.

    `asked` (`by` in the line) says how, where it did not come by itself; `data`: the octets of its text (hex), `word`:
    the provider's own, where nobody knows more.
    """

    seq: int
    time: str
    link: str
    message_id: str
    state: str
    error: str
    done_date: str
    source: str
    matched: bool
    id: str | None
    to: str | None
    asked: str = ""
    data: str = ""
    word: str = ""

    @classmethod
    def by(cls, fact: Fact, client_id: str | None, to: str | None) -> ReceiptOf:
        """What this fact says."""
        what, matched = receipt_fact(fact.text or ""), fact.msg is not None
        asked = ""
        if fact.kind == Kind.QUERIED:
            asked = "getdeliverystatus" if what.word else "query_sm"
        return cls(
            fact.seq, moment(fact.at), what.link, what.message_id, state_word(fact.num), what.error,
            what.done_date, what.destination, matched, client_id, to, asked, what.octets, what.word,
        )  # fmt: skip


#: By a state as a fact has it: negative where it is not final, None where nobody knows it.
_STATE_WORDS: dict[int | None, str] = {
    sign * state: state.name.lower() for state in MessageState for sign in (1, -1)
}


def state_word(state: int | None) -> str:
    """What a receipt's state is called."""
    return _STATE_WORDS.get(state, "unknown")


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


class Unreadable(NamedTuple):
    """A file stays as it is, without results: what the journal has of it is damaged, and how."""

    why: str


class Publisher(Protocol):
    """Where results and reports go for people."""

    async def publish(self, files: Sequence[Resting]) -> Sequence[str | Unreadable]:
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
