"""Several who hear what passes on a link, as one. Where nobody does, sessions have nobody to tell."""

from __future__ import annotations

from collections.abc import Hashable

from smppd.link.traffic import Traffic
from smppd.ports import End, Tap


class Taps:
    """All of a link's, and of the link that takes its place. Itself a `ports.Tap`."""

    def __init__(self) -> None:
        self._taps: list[Tap] = []
        self._traffics: list[Traffic] = []

    def serve(self, traffic: Traffic) -> None:
        """Have them hear the sessions of this, too."""
        self._traffics.append(traffic)
        self._tell()

    def add(self, tap: Tap) -> None:
        """One more hears from now on."""
        self._taps.append(tap)
        self._tell()

    def remove(self, tap: Tap) -> None:
        """This one hears no more; harmless if it does not."""
        if tap in self._taps:
            self._taps.remove(tap)
            self._tell()

    def _tell(self) -> None:
        for traffic in self._traffics:
            traffic.tap = self if self._taps else None

    # ── as sessions see it ───────────────────────────────────────────────────────────────────

    def opened(self, talk: Hashable, local: End, remote: End) -> None:
        """See `ports.Tap`."""
        for tap in self._taps:
            tap.opened(talk, local, remote)

    def joined(self, talk: Hashable, local: End, remote: End, begun: bytes) -> None:
        """See `ports.Tap`."""
        for tap in self._taps:
            tap.joined(talk, local, remote, begun)

    def said(self, talk: Hashable, octets: bytes) -> None:
        """See `ports.Tap`."""
        for tap in self._taps:
            tap.said(talk, octets)

    def heard(self, talk: Hashable, octets: bytes) -> None:
        """See `ports.Tap`."""
        for tap in self._taps:
            tap.heard(talk, octets)

    def closed(self, talk: Hashable) -> None:
        """See `ports.Tap`."""
        for tap in self._taps:
            tap.closed(talk)
