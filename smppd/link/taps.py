"""Several who hear what passes on a link, as one. Where nobody does, sessions have nobody to tell."""

from __future__ import annotations

from typing import Protocol

from smppd.ports import End, Talk, Tap


class Heard(Protocol):
    """A link, as its taps see it."""

    def tell(self, tap: Tap | None) -> None:
        """Have its sessions tell this what passes, or nobody."""

    def join(self, tap: Tap) -> None:
        """Tell this which connections there are."""


class Taps:
    """All of a link's, and of the link that takes its place. Itself a `ports.Tap`. `why` there will be no
    more to hear when the last of them has ended."""

    def __init__(self) -> None:
        self._taps: list[Tap] = []
        self._links: list[Heard] = []
        self.why = "smppd stops"

    def serve(self, link: Heard) -> None:
        """Have them hear the sessions of this, too."""
        self._links.append(link)
        self._tell()

    def leave(self, link: Heard) -> None:
        """This one has ended."""
        self._links.remove(link)
        if not self._links:
            self.ended(self.why)

    def add(self, tap: Tap) -> None:
        """One more hears from now on; harmless if it does."""
        if tap not in self._taps:
            self._taps.append(tap)
            self._tell()
            for link in self._links:
                link.join(tap)

    def remove(self, tap: Tap) -> None:
        """This one hears no more; harmless if it does not."""
        if tap in self._taps:
            self._taps.remove(tap)
            self._tell()

    def _tell(self) -> None:
        for link in self._links:
            link.tell(self if self._taps else None)

    # ── as sessions see it ───────────────────────────────────────────────────────────────────

    def opened(self, talk: Talk, local: End, remote: End) -> None:
        """See `ports.Tap`."""
        for tap in self._taps:
            tap.opened(talk, local, remote)

    def joined(self, talk: Talk, local: End, remote: End, begun: bytes) -> None:
        """See `ports.Tap`."""
        for tap in self._taps:
            tap.joined(talk, local, remote, begun)

    def said(self, talk: Talk, octets: bytes) -> None:
        """See `ports.Tap`."""
        for tap in self._taps:
            tap.said(talk, octets)

    def heard(self, talk: Talk, octets: bytes) -> None:
        """See `ports.Tap`."""
        for tap in self._taps:
            tap.heard(talk, octets)

    def closed(self, talk: Talk) -> None:
        """See `ports.Tap`."""
        for tap in self._taps:
            tap.closed(talk)

    def ended(self, why: str) -> None:
        """See `ports.Tap`."""
        taps, self._taps = self._taps, []
        for tap in taps:
            tap.ended(why)
