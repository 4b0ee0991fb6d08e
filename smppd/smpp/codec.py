"""Octets to PDUs and back.

`Framer` cuts the stream of a session into frames, `take_pdus` one that is only looked at;
`decode` reads a frame, `encode` writes one. One encoder and one decoder function per PDU class are
made from its declaration when this module is imported: three times faster than walking the
declaration for every PDU, and still a single description. Where only few fields matter, `pattern` is
what finds those alone; where only few differ from one PDU to the next, `Filler` writes the rest once.

Reading forgives (a response never fails for its body, a request only when a mandatory field is
cut off), writing does not. Framer raises RemoteProtocolError, encode raises EncodeError, decode
raises nothing. Knows no session: sequence numbers and states are `session`'s.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from smppd.smpp.compiled import (
    Around,
    CutOffError,
    body_pattern,
    make_decoder,
    make_encoder,
    make_filler,
    write_around,
)
from smppd.smpp.errors import RemoteProtocolError
from smppd.smpp.fields import fields_of, lengthened
from smppd.smpp.pdu import PDU_CLASSES, Pdu
from smppd.smpp.vocabulary import RESPONSE_BIT

HEADER_LENGTH: Final = 16

#: A PDU longer than this is taken for noise: a message_payload of 65535 octets fits twice.
MAX_LENGTH: Final = 131072
#: No link takes longer ones: what says so is out of step.
LONGEST: Final = 16 << 20

_read_length = struct.Struct(">L").unpack_from
_read_header = struct.Struct(">LLLL").unpack_from
_write_header = struct.Struct(">LLLL").pack

_FIELDS: Final = {kind: fields_of(kind) for kind in PDU_CLASSES.values()}
_ENCODERS: Final = {kind: make_encoder(kind, fields) for kind, fields in _FIELDS.items()}
_LONG_ENCODERS: Final = _ENCODERS | {
    kind: make_encoder(kind, lengthened(fields))
    for kind, fields in _FIELDS.items()
    if lengthened(fields) != fields
}
#: What reads the body of a PDU within a stream, by command_id; see `compiled.make_decoder`.
DECODERS: Final = {
    kind.command_id.value: make_decoder(kind, fields) for kind, fields in _FIELDS.items()
}


class Header(NamedTuple):
    """The four integers before every body (3.4, 3.2)."""

    command_length: int
    command_id: int
    command_status: int
    sequence_number: int


class Decoded(msgspec.Struct, gc=False, frozen=True):
    """A frame and the PDU that it is."""

    header: Header
    pdu: Pdu


class Undecodable(msgspec.Struct, gc=False, frozen=True):
    """A whole frame that is no PDU we can read: unknown command_id, or a mandatory field cut off."""

    header: Header
    why: str
    raw: bytes


class Frames(NamedTuple):
    """Whole PDUs in a row: their octets and perhaps more, and the integers of each one's header."""

    octets: bytes
    headers: list[tuple[int, int, int, int]]


class Framer:
    """Cuts a stream of octets into frames, wherever the network cut it."""

    def __init__(self, max_length: int = MAX_LENGTH) -> None:
        self._max_length = max_length
        self._held = bytearray()
        self._wanted = 4

    @property
    def pending(self) -> bool:
        """Whether part of a PDU is held."""
        return bool(self._held)

    @property
    def held(self) -> bytes:
        """What has come of a PDU that is not whole yet."""
        return bytes(self._held)

    def feed(self, data: bytes) -> Frames:
        """The frames that these octets complete.

        Raises RemoteProtocolError when what comes next cannot be a PDU: the stream is out of
        step for good. Frames before it are not lost: they are returned first, and the next call
        raises, even one without data.
        """
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return Frames(b"", [])
            data = bytes(self._held)
        frames = Frames(data, [])
        add, longest = frames.headers.append, self._max_length
        at, end = 0, len(data)
        while end - at >= HEADER_LENGTH:
            header = _read_header(data, at)
            length = header[0]
            if not HEADER_LENGTH <= length <= longest or at + length > end:
                break
            add(header)
            at += length
        self._held = bytearray(data[at:])
        self._wanted = self._next_length(ahead=not frames.headers)
        return frames

    def _next_length(self, *, ahead: bool) -> int:
        """How many octets the next frame has, as far as its beginning is there."""
        if len(self._held) < 4:
            return 4
        length: int = _read_length(self._held)[0]
        if HEADER_LENGTH <= length <= self._max_length:
            return length
        if ahead:
            raise RemoteProtocolError(f"a PDU cannot have command_length {length}")
        return 4


def take_pdus(held: bytearray) -> Iterator[bytes]:
    """The whole PDUs at the head, which are taken away; what cannot be one (`is_pdu`), as it is."""
    while len(held) >= 4:
        length = _read_length(held)[0]
        if not HEADER_LENGTH <= length <= LONGEST:
            length = len(held)
        if len(held) < length:
            return
        taken = bytes(held[:length])
        del held[:length]
        yield taken


def is_pdu(octets: bytes) -> bool:
    """Whether they are as long as they say."""
    return len(octets) >= HEADER_LENGTH and _read_length(octets)[0] == len(octets)


def encode(
    pdu: Pdu, sequence_number: int, command_status: int = 0, *, long_credentials: bool = False
) -> bytes:
    """A PDU as octets. EncodeError when a value does not fit: nothing is ever cut.

    A bind response or submit_sm_resp with an error status and nothing in it is a header alone
    (3.4, 4.1.2 and 4.4.2). `long_credentials` lets system_id and password of a bind be longer
    than SMPP 3.4 allows.
    """
    encoders = _LONG_ENCODERS if long_credentials else _ENCODERS
    return encoders[type(pdu)](pdu, sequence_number, command_status)


def with_headers(command_id: int, bodies: Iterable[bytes], numbers: Iterable[int]) -> list[bytes]:
    """Bodies of one kind as PDUs with these sequence numbers."""
    head = _write_header
    return [
        head(HEADER_LENGTH + len(body), command_id, 0, number) + body
        for body, number in zip(bodies, numbers, strict=True)
    ]


def decode(frame: bytes) -> Decoded | Undecodable:
    """What a frame says. Never raises; octets that no field claims are ignored."""
    if len(frame) < HEADER_LENGTH:
        return Undecodable(Header(len(frame), 0, 0, 0), "shorter than a header", frame)
    header = Header(*_read_header(frame))
    decoder = DECODERS.get(header.command_id)
    if decoder is None:
        return Undecodable(header, f"unknown command_id 0x{header.command_id:08X}", frame)
    text, end = str(frame, "latin-1"), len(frame)
    try:
        return Decoded(header, decoder(frame, text, HEADER_LENGTH, end))
    except CutOffError as fault:
        if not header.command_id & RESPONSE_BIT:
            return Undecodable(header, str(fault), frame)
    return Decoded(header, decoder(frame + b"\0", text + "\0", HEADER_LENGTH, end, padded=True))


def pattern(kind: type[Pdu], *wanted: str) -> str:
    """What finds these fields of a PDU within a stream; see `compiled.body_pattern`."""
    return body_pattern(_FIELDS[kind], wanted)


class Filler:
    """Writes PDUs of one class that differ only in the `open_fields`."""

    __slots__ = ("_fields", "_open_fields", "fill")

    def __init__(self, kind: type[Pdu], *open_fields: str) -> None:
        self._fields = _FIELDS[kind]
        self._open_fields = open_fields
        #: `fill(around, …)`: the body of a PDU, from these values of the open fields in their
        #: order. EncodeError when one does not fit; `encode` says which, and why.
        self.fill = make_filler(kind, self._fields, open_fields)

    def around(self, pdu: Pdu) -> Around:
        """All that such a PDU says beside its open fields, for `fill`; EncodeError as in `encode`."""
        return write_around(pdu, self._fields, self._open_fields)
