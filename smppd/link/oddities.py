"""What an SMSC does on one session that the protocol does not know: counted, and told while it is little."""

from __future__ import annotations

from smppd.events import ProtocolOddity
from smppd.link.traffic import Traffic

#: So many of one session are told one by one; the rest are only counted.
_TOLD = 20


class Oddities:
    """Those of session `number` of a link."""

    def __init__(self, traffic: Traffic, number: int) -> None:
        self._traffic = traffic
        self._number = number
        self._seen = 0

    def note(self, what: str) -> None:
        """There was one more."""
        self._traffic.figures.oddities += 1
        self._seen += 1
        if self._seen > _TOLD:
            return
        if self._seen == _TOLD:
            what = f"{what} (further ones of this session are only counted)"
        self._traffic.emit(ProtocolOddity(self._traffic.name, self._number, what))
