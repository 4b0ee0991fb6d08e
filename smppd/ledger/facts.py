"""What the journal keeps: messages, facts about them, and what the facts carry.

These are the shapes on disk. A number or a field order here is a promise to every journal that
exists: extend at the end, never reuse.
"""

from __future__ import annotations

from enum import IntEnum
from operator import itemgetter
from typing import NamedTuple

import msgspec

from smppd.ledger.calls import CALL, HARMLESS, NO_CALL, Destination, End
from smppd.message import ErrorInfo, Message, State

#: A msg_id is a queue's number and a count within it: one integer key per queue, append-only.
QUEUE_SHIFT = 40
#: How many finished message_ids are remembered at least, to know a repeated receipt as one.
REMEMBERED = 20_000
#: How many receipts may wait for their message_id to be learnt.
PARKED = 100_000
#: For how long (seconds): after a day the SMSC may have given the message_id to another message.
PARKED_FOR = 86_400.0
#: In place of the number of answers to query_sm: the SMSC does not know the message.
ANSWERED_FOR_GOOD = -1
#: In place of the status in a part's CANCELLED fact: the SMSC is about to be asked.
CANCEL_ASKED = -1


#: When a message is due that goes before everything else in its queue, among such by msg_id.
HEAD = 0.0
#: How the text of a THROTTLED fact begins where the message is made to wait.
SET_BACK = "set back"


class LedgerError(Exception):
    """A fact contradicts the lifecycle or the order of facts."""


class Kind(IntEnum):
    """What a fact says. The numbers are on disk: never reuse one."""

    FILE_OPENED = 1
    ADMITTED = 2
    FILE_CLOSED = 3
    FILE_WITHDRAWN = 4
    FILE_REPORTED = 5
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


class Fact(NamedTuple):
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


class MessageRow(msgspec.Struct, gc=False):
    """One message as the journal keeps it, in the `State` that it had when it was admitted.

    `item` counts from 0 in its file, `line` from 1.
    """

    msg_id: int
    file_id: int
    item: int
    line: int
    id: str | None
    state: int
    body: bytes
    decoded: Message | None = None

    @property
    def message(self) -> Message:
        """The message in the body, decoded once."""
        if self.decoded is None:
            self.decoded = read_message(self.body)
        return self.decoded

    @property
    def client_id(self) -> str:
        """The client's id, or the one made up from ours."""
        return self.id if self.id is not None else made_up_id(self.msg_id)


class Rejected(msgspec.Struct, array_like=True):
    """The body of a row that is no message: what could be read of it, and what was wrong."""

    to: str
    error: ErrorInfo
    echo: dict[str, bytes] | None = None


class Outstanding(msgspec.Struct, array_like=True):
    """A message that was taken from its queue and is not final.

    `part_states` has one State per part, `ids` the (part, receipt key) pairs learnt so far.
    `counted`: a part was refused since it was last taken, in a way that makes it an attempt.
    `cancelling`: the SMSC was asked to cancel it. `asked`: of each part for which the SMSC was
    asked, how many answers came (`ANSWERED_FOR_GOOD`: no more are wanted) and when the last.
    `left`: when it was last handed to a link (epoch seconds).
    `refused_with`: the last command_status that sent it back. `setbacks`: how often it was sent
    back to wait without that being an attempt; `set_back`: so since it was last taken.
    `schedule`: until when the SMSC was told to hold it. `stayed`: when those parts had left that did
    not go again when others last did.
    `op`: the operation as which it left over an account of the HTTP API (empty: it is with a link);
    `call`: whether it is one (see `NO_CALL`); `answer`: what came back (JSON). A send to a group has
    a part for each of the `destinations` that the provider took; `ends`: of those that have come to
    their end.
    """

    msg_id: int
    file_id: int
    item: int
    line: int
    id: str | None
    to: str
    receipt: bool
    on_unknown: int
    state: int
    part_states: list[int]
    attempts: int = 1
    submitted: float | None = None
    ids: list[tuple[int, str]] = msgspec.field(default_factory=list)
    error: ErrorInfo | None = None
    possible_duplicate: bool = False
    due: float | None = None
    link: str = ""
    counted: bool = False
    cancelling: bool = False
    asked: dict[int, tuple[int, float]] | None = None
    left: float = 0.0
    expires: float | None = None
    refused_with: int = 0
    setbacks: int = 0
    set_back: bool = False
    schedule: float | None = None
    stayed: dict[int, float] | None = None
    op: str = ""
    call: int = NO_CALL
    answer: bytes = b""
    destinations: list[str] | None = None
    ends: dict[int, End] | None = None

    @property
    def client_id(self) -> str:
        """The client's id, or the one made up from ours."""
        return self.id if self.id is not None else made_up_id(self.msg_id)

    @property
    def weight(self) -> int:
        """How much memory it takes: 1 for a message, and for each destination of a group a quarter."""
        return 1 + len(self.ids) // 4

    def left_at(self, part: int) -> float:
        """When this part was last handed to a link (epoch seconds)."""
        return self.left if self.stayed is None else self.stayed.get(part, self.left)

    def to_of(self, part: int) -> str:
        """The number of the handset that this part is for."""
        return self.to if self.destinations is None else self.destinations[part]


def outstanding(row: MessageRow, part_state: int) -> Outstanding:
    """What a queued row is once it is taken from its queue, its parts in this state."""
    message = row.message
    entry = Outstanding(
        row.msg_id,
        row.file_id,
        row.item,
        row.line,
        row.id,
        message.to,
        message.receipt,
        message.on_unknown,
        _QUEUED,
        [part_state] * len(message.segments),
        expires=message.expires,
        schedule=message.schedule,
    )
    if message.call is not None:
        entry.op = message.call.op
        entry.call = HARMLESS if message.call.harmless else CALL
    return entry


_QUEUED = int(State.QUEUED)


class Result(msgspec.Struct, array_like=True, gc=False):
    """What a final message's fact says of its whole life; `None` times are epoch seconds.

    `part_states` is empty for a message of one part. `op`, `answer`: see `Outstanding`. A send to
    a group has its message_ids and states in its `destinations` alone.
    """

    state: int
    submitted: float | None
    attempts: int
    message_ids: list[str]
    possible_duplicate: bool
    error: ErrorInfo | None
    link: str = ""
    part_states: list[int] = []
    op: str = ""
    answer: bytes = b""
    destinations: list[Destination] | None = None


class Chunk(msgspec.Struct, array_like=True):
    """Lines admitted in one commit, and how far the file had been read (octets, lines).

    `ranges` are (first msg_id, last msg_id, how many of them are queued), one for each queue;
    `final` has the state of the items that were final at once, `references` the last number used in
    each bucket (see `References`).
    """

    ranges: list[tuple[int, int, int]]
    first_item: int
    items: int
    queued: int
    final: dict[int, int]
    offset: int
    line: int
    references: dict[int, int] = msgspec.field(default_factory=dict)


class FileAccount(msgspec.Struct, array_like=True):
    """A file that is not reported yet, or has messages that are not final.

    `scheduled` counts those of its queued messages that wait for their `send_at`.
    """

    file_id: int
    token: str
    name: str
    lane: int
    opened: float
    items: int = 0
    done: int = 0
    offset: int = 0
    line: int = 0
    closed: bool = False
    reported: bool = False
    last_submit: float = 0.0
    chunks: list[Chunk] = msgspec.field(default_factory=list)
    states: list[int] = msgspec.field(default_factory=lambda: [0] * (len(State) + 1))
    saved_slots: dict[int, bytes] = msgspec.field(default_factory=dict)
    scheduled: int = 0

    @property
    def queued(self) -> int:
        """Messages that wait for their turn or are on their way out."""
        return self.states[State.QUEUED] + self.states[State.SENDING]

    @property
    def pending(self) -> int:
        """Messages that are not final."""
        return self.items - self.done


class Queue(msgspec.Struct, array_like=True):
    """One lane of one link: msg_ids up to `head` were taken, up to `tail` exist.

    `queued` counts the messages in state QUEUED, those included that came back. `cancelled` are
    those that were cancelled, or picked, before their turn: behind `head`, and to be passed over.
    """

    number: int
    head: int
    tail: int
    queued: int = 0
    cancelled: set[int] = msgspec.field(default_factory=set)


class FullBlock(NamedTuple):
    """A block of a file's slots in which every message has ended, for the journal to keep."""

    file_id: int
    number: int
    octets: bytes


class Parked(msgspec.Struct, array_like=True):
    """A receipt whose message_id nobody knows yet; `other` is the key of the other id it named."""

    at: float
    num: int | None
    text: str
    other: str = ""


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


class Finished(NamedTuple):
    """What is remembered of a part whose message is final; `state` is the part's."""

    msg_id: int
    id: str
    to: str
    part: int = 0
    state: int = 0


class Pause(NamedTuple):
    """Why a link submits nothing, since when (epoch seconds), and who said so."""

    at: float
    reason: str
    who: str


class Snapshot(msgspec.Struct, array_like=True):
    """The whole ledger at one seq, so that a start need not read the log from its beginning."""

    seq: int
    counts: list[int]
    queues: list[Queue]
    files: list[FileAccount]
    outstanding: list[Outstanding]
    shelf: dict[str, Parked]
    unmatched: int
    last_file: int
    finished: dict[str, Finished]
    references: bytes = b""
    agenda: dict[int, dict[int, bytes]] = msgspec.field(default_factory=dict)
    ghosts: dict[str, float] = {}
    paused: dict[str, Pause] = msgspec.field(default_factory=dict)


encode = msgspec.msgpack.Encoder().encode
read_chunk = msgspec.msgpack.Decoder(Chunk).decode
read_outstanding = msgspec.msgpack.Decoder(Outstanding).decode
read_due = msgspec.msgpack.Decoder(float).decode
read_pause = msgspec.msgpack.Decoder(tuple[str, str]).decode
read_names = msgspec.msgpack.Decoder(tuple[str, str, int]).decode
read_result = msgspec.msgpack.Decoder(Result).decode
read_message = msgspec.msgpack.Decoder(Message).decode
read_rejected = msgspec.msgpack.Decoder(Rejected).decode


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
    return f"{link}\t{plain(message_id)}"


def waiting_key(account: str, msg_id: int) -> str:
    """Under what a spilled call lies, which is asked about by its message. It is no receipt key."""
    return f"{account}\t\t{msg_id:x}"


def receipt_fact(text: str) -> ReceiptFact:
    """The parts of a RECEIPT or PARKED fact's text."""
    return ReceiptFact(*text.split("\t"))


def receipt_text(what: ReceiptFact) -> str:
    """A receipt as the text of its fact; a tab that came from outside becomes a blank."""
    more = what[5] or what[6] or what[7] or what[8] or what[9]
    fields = what if more else what[:_BRIEF]
    text = "\t".join(fields)
    return text if text.count("\t") == len(fields) - 1 else "\t".join(map(plain, fields))


#: In place of the provider's word for a delivery status, when it was asked and named none.
NOTHING_SAID = "(nothing)"
#: How many fields the fact of a receipt has that says nothing more.
_BRIEF = 5


def plain(text: str) -> str:
    """The text without tabs, which part fields on disk."""
    return text.replace("\t", " ") if "\t" in text else text


def result_of(entry: Outstanding) -> Result:
    """What results say of a message, the message_ids in the order of its parts."""
    if entry.op:
        return _result_of_call(entry)
    several = len(entry.part_states) > 1
    ids = sorted(entry.ids, key=_part_of) if several else entry.ids
    return Result(
        entry.state,
        entry.submitted,
        entry.attempts,
        [key.partition("\t")[2] for _, key in ids],
        entry.possible_duplicate,
        entry.error,
        entry.link,
        entry.part_states if several else [],
    )


def _result_of_call(entry: Outstanding) -> Result:
    """What results say of a message that went over an account; it is one, in however many parts."""
    result = Result(
        entry.state, entry.submitted, entry.attempts, [], entry.possible_duplicate, entry.error,
        entry.link, [], entry.op, entry.answer,
    )  # fmt: skip
    if entry.destinations is None:
        result.message_ids = [key.partition("\t")[2] for _, key in entry.ids]
        return result
    ids, ends = dict(entry.ids), entry.ends or {}
    result.destinations = [
        Destination(
            to,
            ids[part].partition("\t")[2] if part in ids else "",
            entry.part_states[part],
            ends[part].at if part in ends else None,
            ends[part].error if part in ends else None,
        )
        for part, to in enumerate(entry.destinations)
    ]
    return result


_part_of = itemgetter(0)
