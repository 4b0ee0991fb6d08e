"""What waits for one account: stored until its deliver_sm is answered, however often it takes.

An account's sessions come and go; what was not acknowledged when one ended is sent again on the
next that may receive. Knows sessions, no transports, and raises nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec

from smppd.smpp.pdu import DeliverSm
from smppd.smpp.session import Session


class Delivery(msgspec.Struct, gc=False):
    """A receipt or a handset's message on its way; `origin` is where its submit came in."""

    pdu: DeliverSm
    is_receipt: bool
    origin: Any = None
    tries: int = 0


class Line(msgspec.Struct, eq=False):
    """A session on which an account may receive, and whose it is."""

    session: Session
    owner: Any


class Mailbox:
    """The deliveries of one account, oldest first."""

    def __init__(self, *, another_bind: bool) -> None:
        self._another_bind = another_bind
        self._waiting: deque[Delivery] = deque()
        self.lines: list[Line] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, delivery: Delivery) -> None:
        """Store one more."""
        self._waiting.append(delivery)

    def put_back(self, deliveries: Iterable[Delivery]) -> None:
        """Store again what was sent in this order and not acknowledged: it goes first."""
        self._waiting.extendleft(reversed(list(deliveries)))

    def open_line(self, session: Session, owner: Any) -> None:
        """The account bound a session that may receive."""
        self.lines.append(Line(session, owner))

    def close_line(self, owner: Any) -> None:
        """That session receives no more."""
        self.lines = [line for line in self.lines if line.owner is not owner]

    def send(self, now: float) -> list[Delivery]:
        """Fill the windows of the lines; what was sent."""
        if not self._waiting or not self.lines:
            return []
        if self._another_bind and len(self.lines) > 1:
            return self._send_elsewhere(now)
        sent: list[Delivery] = []
        waiting = self._waiting
        for line in self.lines:
            for _ in range(min(line.session.room, len(waiting))):
                delivery = waiting.popleft()
                line.session.request(delivery.pdu, delivery, now)
                sent.append(delivery)
        return sent

    def _send_elsewhere(self, now: float) -> list[Delivery]:
        """Each on a line other than that of its submit."""
        sent: list[Delivery] = []
        left: deque[Delivery] = deque()
        for delivery in self._waiting:
            elsewhere = (line for line in self.lines if line.owner is not delivery.origin)
            session = next((line.session for line in elsewhere if line.session.room), None)
            if session is None:
                left.append(delivery)
            else:
                session.request(delivery.pdu, delivery, now)
                sent.append(delivery)
        self._waiting = left
        return sent
