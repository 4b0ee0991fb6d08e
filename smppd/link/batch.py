"""One read's worth of events, sorted by who has to hear of them before anything is acknowledged.

Pure: counts in the link's figures, decides nothing, awaits nothing, raises nothing. This is the
hot path of what comes in: one pass over a list, and what can be counted at once is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from smppd import ports
from smppd.figures import LinkFigures
from smppd.link.asking import Asked, reply_of
from smppd.link.pace import Signs
from smppd.smpp.codec import Undecodable
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.receipt import DeliveryReceipt
from smppd.smpp.session_events import (
    Answered,
    AnsweredLate,
    Event,
    ReceiptReceived,
    Received,
    RequestReceived,
    Unanswered,
    UnreadableReceived,
)
from smppd.smpp.tlv import Tlvs
from smppd.smpp.vocabulary import MOST_CHARACTERS, MessageState, TlvTag
from smppd.statuses import Refusal

#: How a receipt whose state nobody can read is counted.
UNREADABLE = "unreadable"

_STATE_NAMES: Mapping[MessageState | None, str] = MappingProxyType(
    {None: UNREADABLE, **{state: state.name.lower() for state in MessageState}}
)

_CONGESTION_STATE = int(TlvTag.CONGESTION_STATE)

#: The statuses that speak of our pace, by the class that the link gives them.
Complaints = Mapping[int, Refusal]


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
        self.requests: list[Received] = []
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
    events: Sequence[Event], figures: LinkFigures, now: float, complaints: Complaints
) -> Batch:
    """Sort events in their order; `now` is on the clock of the session."""
    batch = Batch()
    receipts, requests, sent_at = batch.receipts, batch.requests, list[float]()
    for event in events:
        if type(event) is ReceiptReceived:
            if event.receipt.unproven is not None:
                batch.unproven_at[len(receipts)] = len(requests)
            receipts.append(event.receipt)
            requests.append(event)
        elif type(event) is Answered:
            if type(event.token) is Asked:
                batch.replies.append(reply_of(event.token, event.status, event.pdu))
                continue
            part, status, pdu = event.token, event.status, event.pdu
            message_id = getattr(pdu, "message_id", "")[:MOST_CHARACTERS]
            batch.outcomes.append(ports.Answered(part.msg_id, part.index, status, message_id))
            sent_at.append(event.sent_at)
            if status or not message_id:
                _count_refused(status, figures, batch.signs, complaints)
            if tlvs := getattr(pdu, "tlvs", ()):
                _note_congestion(tlvs, batch.signs)
        else:
            _sort_rare(event, batch, figures)
    if sent_at:
        _count_answers(sent_at, figures, batch.signs, now)
    if receipts:
        _count_receipts(receipts, figures)
    figures.unanswered += batch.unanswered
    return batch


def _count_answers(
    sent_at: Sequence[float], figures: LinkFigures, signs: Signs, now: float
) -> None:
    signs.answers = len(sent_at)
    if taken := signs.answers - signs.refused:
        figures.answers[0] = figures.answers.get(0, 0) + taken
    for moment, count in Counter(sent_at).items():
        figures.latency.observe(now - moment, count)
        signs.waited += count * (now - moment)


def _count_refused(status: int, figures: LinkFigures, signs: Signs, complaints: Complaints) -> None:
    """Count one that was not taken, or under no name."""
    if not status:
        figures.nameless += 1
        return
    figures.answers[status] = figures.answers.get(status, 0) + 1
    signs.refused += 1
    refusal = complaints.get(status)
    if refusal is Refusal.THROTTLE:
        figures.throttled += 1
        signs.throttled += 1
    elif refusal is Refusal.QUEUE_FULL:
        signs.full += 1


def _note_congestion(tlvs: Tlvs, signs: Signs) -> None:
    for tag, value in tlvs:
        if tag == _CONGESTION_STATE and len(value) == 1:
            signs.congestion = value[0]


def _count_receipts(receipts: Sequence[DeliveryReceipt], figures: LinkFigures) -> None:
    states = Counter([receipt.state for receipt in receipts if receipt.unproven is None])
    for state, count in states.items():
        name = _STATE_NAMES[state]
        figures.receipts[name] = figures.receipts.get(name, 0) + count


def _sort_rare(event: Event, batch: Batch, figures: LinkFigures) -> None:
    if isinstance(event, RequestReceived):
        if isinstance(event.pdu, DeliverSm | DataSm):
            figures.received += 1
            _sort_message(event, event.pdu, batch)
        else:
            batch.requests.append(event)
    elif isinstance(event, UnreadableReceived):
        _sort_message(event, event.pdu, batch)
    elif isinstance(event, Unanswered):
        _sort_unanswered(event, batch)
    elif isinstance(event, AnsweredLate):
        if type(event.token) is Asked:
            batch.replies.append(reply_of(event.token, event.status, event.pdu, late=True))
        else:
            figures.late += 1
            part = event.token
            message_id = getattr(event.pdu, "message_id", "")[:MOST_CHARACTERS]
            late_one = ports.Answered(part.msg_id, part.index, event.status, message_id, late=True)
            batch.outcomes.append(late_one)
    else:
        batch.rare.append(event)


def _sort_unanswered(event: Unanswered, batch: Batch) -> None:
    if type(event.token) is Asked:
        batch.replies.append(ports.Reply(event.token.question, None, reason=event.reason))
        return
    batch.unanswered += 1
    part = event.token
    batch.outcomes.append(ports.Unanswered(part.msg_id, part.index, event.reason))


def _sort_message(
    event: RequestReceived | UnreadableReceived,
    message: DeliverSm | DataSm | Undecodable,
    batch: Batch,
) -> None:
    batch.messages_at.append(len(batch.requests))
    batch.messages.append(message)
    batch.requests.append(event)
