"""What was heard of a link's connections becomes packets: a PDU each, masked. Pure, raises nothing."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from smppd.ports import End
from smppd.smpp.codec import HEADER_LENGTH
from smppd.smpp.masking import COVER, masked
from smppd.tracing.frames import Ends, Frames
from smppd.tracing.pcapng import packet

#: Nothing longer is a PDU: the stream is out of step, and its session will end.
LONGEST = 1 << 20


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


class _Stream:
    """One direction, cut into PDUs."""

    def __init__(self) -> None:
        self.held = b""

    def cut(self, octets: bytes) -> Iterator[bytes]:
        """The PDUs that these complete; what cannot be one, as it is."""
        data, at = self.held + octets, 0
        while len(data) - at >= 4:
            length = int.from_bytes(data[at : at + 4], "big")
            if not HEADER_LENGTH <= length <= LONGEST:
                self.held = b""
                yield data[at:]
                return
            if len(data) - at < length:
                break
            yield data[at : at + length]
            at += length
        self.held = data[at:]


class _Talk:
    """One connection."""

    def __init__(self, ends: tuple[End, End], begun: bytes) -> None:
        self.frames = Frames(Ends(*ends))
        self.ours, self.theirs = _Stream(), _Stream()
        self.theirs.held = begun


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
        for pdu in (found.ours if ours else found.theirs).cut(record.octets):
            self.pdus += 1
            yield from found.frames.said(self._shown(pdu), ours=ours)

    def _shown(self, pdu: bytes) -> bytes:
        """It as it may be shown; of what is none, how long it is."""
        if len(pdu) >= HEADER_LENGTH and int.from_bytes(pdu[:4], "big") == len(pdu):
            return masked(pdu, text=self._text)
        return pdu if self._text else bytes([COVER]) * len(pdu)
