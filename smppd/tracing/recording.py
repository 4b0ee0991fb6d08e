"""What was heard of a link's connections becomes packets: a PDU each, masked. Pure, raises nothing."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from smppd.ports import End
from smppd.smpp.codec import is_pdu, take_pdus
from smppd.smpp.masking import COVER, masked
from smppd.tracing.frames import Ends, Frames
from smppd.tracing.pcapng import packet


class What(Enum):
    """What happened to a connection."""

    OPENED = 1
    JOINED = 2
    SAID = 3
    HEARD = 4
    CLOSED = 5


class Record(NamedTuple):
    """Something happened then (epoch seconds); `octets` passed, `ends` are known at the beginning."""

    at: float
    what: What
    talk: Hashable
    octets: bytes = b""
    ends: tuple[End, End] | None = None


class _Talk:
    """One connection: of either side, what has come of a PDU that is not whole yet."""

    def __init__(self, ends: tuple[End, End], begun: bytes) -> None:
        self.frames = Frames(Ends(*ends))
        self.ours, self.theirs = bytearray(), bytearray(begun)


class Recording:
    """Makes packets of records, in their order. `pdus` counts them, those of both sides."""

    def __init__(self, *, text: bool) -> None:
        self._text = text
        self._talks: dict[Hashable, _Talk] = {}
        self.pdus = 0

    def packets(self, records: Sequence[Record]) -> Iterator[bytes]:
        """Blocks for a pcapng file."""
        for record in records:
            for frame in self._frames(record):
                yield packet(record.at, frame)

    def _frames(self, record: Record) -> Iterator[bytes]:
        if record.ends is not None:
            talk = self._talks[record.talk] = _Talk(record.ends, record.octets)
            if record.what is What.OPENED:
                yield from talk.frames.opening()
            return
        found = self._talks.get(record.talk)
        if found is None:
            return
        if record.what is What.CLOSED:
            del self._talks[record.talk]
            yield from found.frames.closing()
            return
        ours = record.what is What.SAID
        held = found.ours if ours else found.theirs
        held += record.octets
        for pdu in take_pdus(held):
            self.pdus += 1
            yield from found.frames.said(self._shown(pdu), ours=ours)

    def _shown(self, pdu: bytes) -> bytes:
        """It as it may be shown; of what is none, how long it is."""
        if is_pdu(pdu):
            return masked(pdu, text=self._text)
        return pdu if self._text else bytes([COVER]) * len(pdu)
