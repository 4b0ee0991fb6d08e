"""One read's worth of events, sorted by who has to hear of them before anything is acknowledged.

Pure: counts in the link's figures, decides nothing, awaits nothing, raises nothing. This is the
hot path of what comes in: one pass over a list, no call per event that is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from smppd import ports
from smppd.figures import LinkFigures
from smppd.link.asking import Asked, reply_of
from smppd.link.pace import Signs
from smppd.message import Part
from smppd.smpp.codec import Undecodable
from smppd.smpp.pdu import DataSm, DeliverSm, Response
from smppd.smpp.receipt import DeliveryReceipt, read_receipt
from smppd.smpp.session_events import (
    Answered,
    AnsweredLate,
    Event,
    RequestReceived,
    Unanswered,
    UnreadableReceived,
)
from smppd.smpp.vocabulary import MessageState, TlvTag
from smppd.statuses import Refusal

#: How a receipt whose state nobody can read is counted.
UNREADABLE = "unreadable"

_STATE_NAMES: Mapping[MessageState | None, str] = MappingProxyType(
    {None: UNREADABLE, **{state: state.name.lower() for state in MessageState}}
)

#: What tells a receipt from a message of a handset.
ReadReceipt = Callable[[DeliverSm | DataSm], DeliveryReceipt | None]
_CONGESTION_STATE = int(TlvTag.CONGESTION_STATE)

#: The statuses that speak of our pace, by the class that the link gives them.
Complaints = Mapping[int, Refusal]

#: What a session knows a submit_sm by: the part, and when it was submitted.
Token = tuple[Part, float]


class Batch:
    """What the pipeline is told of, what is acknowledged after that, and the rare rest.

    `messages_at` says where in `requests` each of `messages` stands, `unproven_at` where those of
    the receipts do that may be messages.
    """

    __slots__ = (
        "messages",
        "messages_at",
        "outcomes",
        "rare",
        "receipts",
        "replies",
        "requests",
        "signs",
        "unanswered",
        "unproven_at",
    )

    def __init__(self) -> None:
        self.outcomes: list[ports.Outcome] = []
        self.receipts: list[DeliveryReceipt] = []
        self.replies: list[ports.Reply] = []
        self.messages: list[DeliverSm | DataSm | Undecodable] = []
        self.messages_at: list[int] = []
        self.unproven_at: dict[int, int] = {}
        self.requests: list[RequestReceived | UnreadableReceived] = []
        self.rare: list[Event] = []
        self.unanswered = 0
        self.signs = Signs()

    def take_for_message(self, number: int) -> None:
        """A receipt that nothing but its text proved is about no message of ours: it is one."""
        pdu = self.receipts[number].unproven
        assert pdu is not None
        self.messages_at.append(self.unproven_at[number])
        self.messages.append(pdu)

    @property
    def for_the_disk(self) -> bool:
        """Whether there is anything that must be on disk before more is read."""
        return bool(self.outcomes or self.receipts or self.messages or self.replies)


def sort_events(
    events: Sequence[Event],
    figures: LinkFigures,
    now: float,
    complaints: Complaints,
    read: ReadReceipt = read_receipt,
) -> Batch:
    """Sort events in their order; `now` is on the clock of the tokens."""
    batch = Batch()
    for event in events:
        if type(event) is Answered:
            if type(event.token) is Asked:
                batch.replies.append(reply_of(event.token, event.status, event.pdu))
                continue
            _count_answer(event, figures, batch.signs, now, complaints)
            batch.outcomes.append(_outcome(event.token, event.status, event.pdu))
        elif type(event) is RequestReceived:
            _sort_request(event, batch, figures, read)
        elif type(event) is Unanswered:
            if type(event.token) is Asked:
                batch.replies.append(ports.Reply(event.token.question, None, reason=event.reason))
                continue
            part, _ = event.token
            batch.unanswered += 1
            batch.outcomes.append(ports.Unanswered(part.msg_id, part.index, event.reason))
        elif type(event) is AnsweredLate:
            if type(event.token) is Asked:
                late = reply_of(event.token, event.status, event.pdu, late=True)
                batch.replies.append(late)
                continue
            figures.late += 1
            batch.outcomes.append(_outcome(event.token, event.status, event.pdu, late=True))
        elif type(event) is UnreadableReceived:
            _sort_message(event, event.pdu, batch)
        else:
            batch.rare.append(event)
    figures.unanswered += batch.unanswered
    return batch


def _outcome(
    token: Token, status: int, pdu: Response | None, *, late: bool = False
) -> ports.Answered:
    part, _ = token
    message_id = "" if pdu is None else getattr(pdu, "message_id", "")
    return ports.Answered(part.msg_id, part.index, status, message_id, late)


def _count_answer(
    event: Answered, figures: LinkFigures, signs: Signs, now: float, complaints: Complaints
) -> None:
    status, pdu = event.status, event.pdu
    figures.answers[status] = figures.answers.get(status, 0) + 1
    waited = now - event.token[1]
    figures.latency.observe(waited)
    signs.answers += 1
    signs.waited += waited
    if status:
        signs.refused += 1
        refusal = complaints.get(status)
        if refusal is Refusal.THROTTLE:
            figures.throttled += 1
            signs.throttled += 1
        elif refusal is Refusal.QUEUE_FULL:
            signs.full += 1
    elif not getattr(pdu, "message_id", ""):
        figures.nameless += 1
    if pdu is not None and (tlvs := getattr(pdu, "tlvs", ())):
        for tag, value in tlvs:
            if tag == _CONGESTION_STATE and len(value) == 1:
                signs.congestion = value[0]


def _sort_request(
    event: RequestReceived, batch: Batch, figures: LinkFigures, read: ReadReceipt
) -> None:
    pdu = event.pdu
    if not isinstance(pdu, DeliverSm | DataSm):
        batch.requests.append(event)
        return
    receipt = read(pdu)
    if receipt is None:
        figures.received += 1
        _sort_message(event, pdu, batch)
        return
    batch.requests.append(event)
    if receipt.unproven is not None:
        batch.unproven_at[len(batch.receipts)] = len(batch.requests) - 1
    else:
        state = _STATE_NAMES[receipt.state]
        figures.receipts[state] = figures.receipts.get(state, 0) + 1
    batch.receipts.append(receipt)


def _sort_message(
    event: RequestReceived | UnreadableReceived,
    message: DeliverSm | DataSm | Undecodable,
    batch: Batch,
) -> None:
    batch.messages_at.append(len(batch.requests))
    batch.messages.append(message)
    batch.requests.append(event)
