"""What a session is about to send: in which order it leaves, and under which numbers.

Knows the window and the codec, no states: whether something may be sent is decided before.
EncodeError leaves number, slot and lanes as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smppd.smpp.codec import encode, with_headers
from smppd.smpp.errors import LocalProtocolError
from smppd.smpp.pdu import Pdu
from smppd.smpp.vocabulary import RESPONSE_BIT
from smppd.smpp.window import Window


class Outgoing:
    """Three lanes to the transport: what the peer waits for, what we ask, how we take leave."""

    __slots__ = ("_farewell", "_requests", "_urgent", "_window")

    def __init__(self, window: Window) -> None:
        self._window = window
        self._urgent: list[bytes] = []
        self._requests: list[bytes] = []
        self._farewell: list[bytes] = []

    def request(self, pdu: Pdu, token: Any, now: float) -> int:
        """A request that takes a slot of the window; its sequence_number."""
        window = self._window
        self._check_room(1)
        number = window.next_number()
        self._requests.append(encode(pdu, number))
        window.enter(number, token, pdu.command_id | RESPONSE_BIT, now)
        return number

    def request_each(
        self, command_id: int, bodies: Sequence[bytes], tokens: Sequence[Any], now: float
    ) -> None:
        """Requests of one kind, of which the bodies are written."""
        self._check_room(len(bodies))
        numbers = self._window.enter_each(tokens, command_id | RESPONSE_BIT, now)
        self._requests += with_headers(command_id, bodies, numbers)

    def _check_room(self, count: int) -> None:
        if count > self._window.room:
            raise LocalProtocolError(f"the window of {self._window.size} is full")

    def ask(self, pdu: Pdu, now: float, *, long_credentials: bool = False) -> None:
        """A request of the session itself, which leaves before any message."""
        number = self._window.next_number()
        self._urgent.append(encode(pdu, number, long_credentials=long_credentials))
        self._window.enter_without_slot(number, pdu.command_id | RESPONSE_BIT, now)

    def take_leave(self, pdu: Pdu, now: float) -> None:
        """A request of the session itself, which leaves after everything else."""
        number = self._window.next_number()
        self._farewell.append(encode(pdu, number))
        self._window.enter_without_slot(number, pdu.command_id | RESPONSE_BIT, now)

    def notify(self, pdu: Pdu) -> None:
        """A PDU that has a number of its own and no answer."""
        number = self._window.next_number()
        self._urgent.append(encode(pdu, number))
        self._window.skip(number)

    def reply(self, octets: bytes) -> None:
        """A response."""
        self._urgent.append(octets)

    def reply_last(self, octets: bytes) -> None:
        """The response to an unbind: requests made before it still go first."""
        self._farewell.append(octets)

    def drop_requests(self) -> None:
        """Requests that have not left must not leave any more."""
        self._requests.clear()

    def take(self) -> bytes:
        """Everything, once."""
        octets = b"".join(self._urgent + self._requests + self._farewell)
        self._urgent.clear()
        self._requests.clear()
        self._farewell.clear()
        return octets
