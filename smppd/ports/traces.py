"""Who wants to see what passes on a link, as the link sees it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

#: An address in numbers, and a port.
End = tuple[str, int]


class Talk(Hashable, Protocol):
    """One connection, the same as long as it lives."""

    def message_of(self, number: int) -> int:
        """The msg_id of what was submitted or asked under this sequence_number and has no answer that was
        read; 0 where there is none."""


class Tap(Protocol):
    """Hears of every octet of every session of a link. It only keeps: nothing here waits, or raises."""

    def opened(self, talk: Talk, local: End, remote: End) -> None:
        """A connection was opened; nothing has passed on it."""

    def joined(self, talk: Talk, local: End, remote: End, begun: bytes) -> None:
        """A connection was there before; `begun` is what has come of a PDU of which more will."""

    def said(self, talk: Talk, octets: bytes) -> None:
        """We are about to write these: whole PDUs."""

    def heard(self, talk: Talk, octets: bytes) -> None:
        """These were read, cut anywhere."""

    def closed(self, talk: Talk) -> None:
        """The connection is over."""

    def ended(self, why: str) -> None:
        """So is the link, and nobody takes its place: nothing more will be heard."""
