"""A message as the journal keeps it, as it stands while it is not final, and what it came to.

Shapes on disk, as in `facts`: extend at the end.
"""

from __future__ import annotations

from operator import itemgetter

import msgspec

from smppd.ledger.calls import CALL, HARMLESS, NO_CALL, Destination, End
from smppd.ledger.facts import Damaged, Fact, Kind, made_up_id
from smppd.message import ErrorInfo, Message, State

_QUEUED = int(State.QUEUED)


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
        """The message in the body, decoded once. Raises `Damaged`."""
        if self.decoded is None:
            try:
                self.decoded = read_message(self.body)
            except msgspec.MsgspecError as error:
                raise Damaged(f"message {self.msg_id} cannot be read: {error}") from error
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


class Outstanding(msgspec.Struct, array_like=True, gc=False):
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


def outstanding(
    row: MessageRow, part_state: int, state: int = _QUEUED, link: str = "", left: float = 0.0
) -> Outstanding:
    """What a queued row is once it is taken from its queue, its parts in this state."""
    message = row.message
    entry = Outstanding(
        row.msg_id, row.file_id, row.item, row.line, row.id,
        message.to, message.receipt, message.on_unknown,
        state, [part_state] * len(message.segments), 1, None, [], None, False, None, link, False,
        False, None, left, message.expires, 0, 0, False, message.schedule,
    )  # fmt: skip
    if message.call is not None:
        entry.op = message.call.op
        entry.call = HARMLESS if message.call.harmless else CALL
    return entry


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


class Ending(msgspec.Struct, gc=False):
    """Of the fact that made a message final, what is told of it: when it was made, the message's result,
    and what a call was answered, where that stands there alone (`response`)."""

    at: float
    result: Result | None
    response: bytes | None = None

    @classmethod
    def of(cls, fact: Fact) -> Ending:
        """What there is of it in this fact."""
        result = None if fact.result is None else read_result(fact.result)
        return cls(fact.at, result, fact.detail if fact.kind == Kind.ANSWERED else None)


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
read_outstanding = msgspec.msgpack.Decoder(Outstanding).decode
read_result = msgspec.msgpack.Decoder(Result).decode
read_message = msgspec.msgpack.Decoder(Message).decode
read_rejected = msgspec.msgpack.Decoder(Rejected).decode
