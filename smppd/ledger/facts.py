"""What the journal keeps of what happened: facts, and what their texts and numbers mean.

These are shapes on disk, as are those in `entries`, `calls` and `snapshot`. A number or a field
order here is a promise to every journal that exists: extend at the end, never reuse.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntEnum
from typing import Any, NamedTuple

import msgspec

#: A msg_id is a queue's number and a count within it: one integer key per queue, append-only.
QUEUE_SHIFT = 40
#: In place of the number of answers to query_sm: the SMSC does not know the message.
ANSWERED_FOR_GOOD = -1
#: In place of the status in a part's CANCELLED fact: the SMSC is about to be asked.
CANCEL_ASKED = -1
#: When a message is due that goes before everything else in its queue, among such by msg_id.
HEAD = 0.0
#: The text of a DEFERRED or PICKED fact about messages that are held for their campaigns.
FOR_CAMPAIGN = "campaign"
#: The text of an EXPIRED fact about a message whose turn in its queue had not come.
OUT_OF_TURN = "out of turn"


class Wait(Enum):
    """Until when a message waits, where that is no moment of ours (epoch seconds)."""

    OWN_TIME = "its send_at"
    CAMPAIGN = "its campaign"


Until = float | Wait
OWN_TIME = Wait.OWN_TIME

#: Who decides about a campaign by what became of its first messages.
CANARY = "canary"
#: How the text of a THROTTLED fact begins where the message is made to wait.
SET_BACK = "set back"


class LedgerError(Exception):
    """A fact contradicts the lifecycle or the order of facts."""

    @property
    def of_the_journal(self) -> str:
        """What it says of the journal that the fact was read from, with the cure."""
        return f"the journal is damaged: {self}: run smppd audit"


class Damaged(LedgerError):  # noqa: N818 - a state of affairs
    """A row of the journal cannot be read; of a message, or several, `last` is the last msg_id there."""

    def __init__(self, why: str, last: int = 0) -> None:
        super().__init__(why)
        self.last = last


class Kind(IntEnum):
    """What a fact says. The numbers are on disk: never reuse one."""

    FILE_OPENED = 1
    ADMITTED = 2
    FILE_CLOSED = 3
    FILE_WITHDRAWN = 4
    FILE_REPORTED = 5
    CAMPAIGN = 6
    CAMPAIGN_CANCELLED = 7
    SENDING = 10
    RETURNED = 11
    SENT = 12
    REFUSED = 13
    RETRY = 14
    THROTTLED = 15
    UNKNOWN = 16
    REQUEUED = 17
    EXPIRED = 18
    FAILED = 19
    RECEIPT = 20
    PARKED = 21
    RECALLED = 22
    INDEXED = 23
    IDENTIFIED = 24
    DEFERRED = 25
    CANCELLED = 26
    QUERIED = 27
    PAUSED = 28
    RESUMED = 29
    ANSWERED = 30
    PICKED = 31
    BARRED = 32
    RECEIVED = 33
    UNHEARD = 34
    #: Several facts in one row (see `bundles`): they stand in the log, and are read as what they say.
    SENT_BUNDLE = 35
    DELIVERED_BUNDLE = 36


class Fact(msgspec.Struct, gc=False):
    """One row of the journal's log.

    `at` is epoch seconds. `msg`, `part`, `num` and `text` mean what the kind says (see the
    `Ledger` method of that name); `detail` is MessagePack; `result` stands on the fact that
    made its message final.
    """

    seq: int
    at: float
    kind: int
    msg: int | None = None
    part: int | None = None
    num: int | None = None
    text: str | None = None
    detail: bytes | None = None
    result: bytes | None = None


class Moved(msgspec.Struct, array_like=True):
    """The detail of a DEFERRED fact about one message that waits already: it waited `whence` (as
    when it is called up), and is held `until` another moment, or None for its campaign."""

    file_id: int
    whence: float
    until: float | None
    expires: float | None


class ReceiptFact(NamedTuple):
    """What a receipt's fact keeps of it. `destination` is the handset's address as written.

    The rest is kept while nobody knows what it is about: user_message_reference, the octets that
    it quotes of the text (hex), and the submit date. `octets` are those of its text (hex) where
    that names no message_id, or no state that anybody knows. `word`: it is what an account of the
    HTTP API answered when it was asked, and this is the provider's word for the status.
    """

    link: str
    message_id: str
    error: str
    done_date: str
    destination: str
    reference: str = ""
    quoted: str = ""
    submit_date: str = ""
    octets: str = ""
    word: str = ""


#: Makes a fact, or what one says, of all its fields: a call of the class itself takes twice as long.
made: Callable[..., Any] = tuple.__new__


def receipt_fact(text: str) -> ReceiptFact:
    """The parts of a RECEIPT or PARKED fact's text."""
    return ReceiptFact(*text.split("\t"))


def receipt_text(what: ReceiptFact) -> str:
    """A receipt as the text of its fact; a tab that came from outside becomes a blank."""
    text = "\t".join(what)
    if text.count("\t") != _TABS:
        text = "\t".join(map(plain, what))
    return text.removesuffix(_NOTHING_MORE)


#: In place of the provider's word for a delivery status, when it was asked and named none.
NOTHING_SAID = "(nothing)"
#: How many tabs part the fields of a receipt, and how many those that every one has: the first five.
_TABS, FEWEST_TABS = 9, 4
_NOTHING_MORE = "\t" * (_TABS - FEWEST_TABS)


def plain(text: str) -> str:
    """The text without tabs, which part fields on disk."""
    return text.replace("\t", " ") if "\t" in text else text


def made_up_id(msg_id: int) -> str:
    """The id of a message whose writer gave none."""
    return f"smppd-{msg_id >> QUEUE_SHIFT}-{msg_id & ((1 << QUEUE_SHIFT) - 1)}"


def made_up_msg_id(text: str) -> int | None:
    """The msg_id in a made-up id; None if it is not one."""
    head, _, rest = text.partition("-")
    queue, _, number = rest.partition("-")
    if head != "smppd" or not (queue.isdecimal() and number.isdecimal()):
        return None
    return (int(queue) << QUEUE_SHIFT) + int(number)


def receipt_key(link: str, message_id: str) -> str:
    """A message_id means something only together with the link that it came over."""
    return f"{link}\t{message_id}" if "\t" not in message_id else f"{link}\t{plain(message_id)}"


def waiting_key(account: str, msg_id: int) -> str:
    """Under what a spilled call lies, which is asked about by its message. It is no receipt key."""
    return f"{account}\t\t{msg_id:x}"


encode = msgspec.msgpack.Encoder().encode
read_moved = msgspec.msgpack.Decoder(Moved).decode
read_due = msgspec.msgpack.Decoder(float).decode
read_pause = msgspec.msgpack.Decoder(tuple[str, str]).decode
read_names = msgspec.msgpack.Decoder(tuple[str, str, int]).decode
