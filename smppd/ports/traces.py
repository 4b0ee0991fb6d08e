"""Who wants to see what passes on a link, as the link sees it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

#: An address in numbers, and a port.
End = tuple[str, int]


class Tap(Protocol):
    """Hears of every octet of every session of a link. It only keeps: nothing here waits, or raises.

    `talk` stands for one connection as long as it lives.
    """

    def opened(self, talk: Hashable, local: End, remote: End) -> None:
        """A connection was opened; nothing has passed on it."""

    def joined(self, talk: Hashable, local: End, remote: End, begun: bytes) -> None:
        """A connection was there before; `begun` is what has come of a PDU of which more will."""

    def said(self, talk: Hashable, octets: bytes) -> None:
        """We are about to write these: whole PDUs."""

    def heard(self, talk: Hashable, octets: bytes) -> None:
        """These were read, cut anywhere."""

    def closed(self, talk: Hashable) -> None:
        """The connection is over."""

    def ended(self, why: str) -> None:
        """So is the link, and nobody takes its place: nothing more will be heard."""
