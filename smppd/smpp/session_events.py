"""What a session reports to whoever holds it. Knows nothing of how it came about.

Events of messages are made once per PDU, hence the bare structs. When a session ends, every
request still waiting comes out as `Unanswered`, then comes `Closed`, then nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from smppd.smpp.codec import Undecodable
from smppd.smpp.pdu import AlertNotification, Outbind, Request, Response
from smppd.smpp.receipt import DeliveryReceipt


class Bound(msgspec.Struct, frozen=True, gc=False):
    """The SMSC accepted our bind."""

    pdu: Response | None


class BindRefused(msgspec.Struct, frozen=True, gc=False):
    """The SMSC refused our bind with this command_status. The session is open, not bound."""

    status: int
    pdu: Response | None


class Answered(msgspec.Struct, frozen=True, gc=False):
    """The answer to a request that was sent at a time. `pdu` is None for a generic_nack or a body
    nobody could read."""

    token: Any
    status: int
    pdu: Response | None
    sent_at: float


class AnsweredLate(msgspec.Struct, frozen=True, gc=False):
    """The answer to a request that had been reported as `Unanswered`."""

    token: Any
    status: int
    pdu: Response | None


class Unanswered(msgspec.Struct, frozen=True, gc=False):
    """Nobody knows what became of this request: no answer in time, or the session ended."""

    token: Any
    reason: str


class RequestReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer asks for something that its owner must answer: see `Session.respond`."""

    sequence_number: int
    pdu: Request

    @property
    def command_id(self) -> int:
        """Of what kind it is."""
        return self.pdu.command_id


class ReceiptReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer reports on a message with a PDU of this kind. Its owner answers it as any request:
    see `Session.acknowledge`."""

    sequence_number: int
    command_id: int
    receipt: DeliveryReceipt


class UnreadableReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer delivers what cannot be read. Its owner keeps the octets and answers: see
    `Session.respond`."""

    pdu: Undecodable

    @property
    def sequence_number(self) -> int:
        """Under which it is answered."""
        return self.pdu.header.sequence_number

    @property
    def command_id(self) -> int:
        """Of what kind it says that it is."""
        return self.pdu.header.command_id


#: What its owner must answer.
Received = RequestReceived | ReceiptReceived | UnreadableReceived


class NotificationReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer said something that has no answer."""

    pdu: AlertNotification | Outbind


class PeerUnbinding(msgspec.Struct, frozen=True, gc=False):
    """The peer wants to end the session. It was answered; late answers may still come."""


class Oddity(msgspec.Struct, frozen=True, gc=False):
    """The peer did something peculiar, and it was dealt with: worth counting, worth a log line."""

    what: str


class Enquired(msgspec.Struct, frozen=True, gc=False):
    """The peer answered our enquire_link after so many seconds."""

    seconds: float


class Closed(msgspec.Struct, frozen=True, gc=False):
    """The session is over. `clean`: after an unbind; otherwise something went wrong.

    `out_of_step`: what the peer sent could not be a PDU, or told us that ours could not.
    """

    reason: str
    clean: bool
    out_of_step: bool = False


Event = (
    Bound
    | BindRefused
    | Answered
    | AnsweredLate
    | Unanswered
    | RequestReceived
    | ReceiptReceived
    | UnreadableReceived
    | NotificationReceived
    | PeerUnbinding
    | Oddity
    | Enquired
    | Closed
)
