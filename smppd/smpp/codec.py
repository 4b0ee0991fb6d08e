"""Octets to PDUs and back.

`Framer` cuts a stream into frames, `decode` reads a frame, `encode` writes one. One encoder and
one decoder function per PDU class are made from its declaration when this module is imported:
three times faster than walking the declaration for every PDU, and still a single description.

Reading forgives (a response never fails for its body, a request only when a mandatory field is
cut off), writing does not. Framer raises RemoteProtocolError, encode raises EncodeError, decode
raises nothing. Knows no session: sequence numbers and states are `session`'s.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

import msgspec

from smppd.smpp.compiled import CutOffError, make_decoder, make_encoder
from smppd.smpp.errors import RemoteProtocolError
from smppd.smpp.fields import fields_of, lengthened
from smppd.smpp.pdu import PDU_CLASSES, Pdu

HEADER_LENGTH: Final = 16

#: A PDU longer than this is taken for noise: a message_payload of 65535 octets fits twice.
MAX_LENGTH: Final = 131072

_read_length = struct.Struct(">L").unpack_from
_read_header = struct.Struct(">LLLL").unpack_from
_new = tuple.__new__

_FIELDS: Final = {kind: fields_of(kind) for kind in PDU_CLASSES.values()}
_ENCODERS: Final = {kind: make_encoder(kind, fields) for kind, fields in _FIELDS.items()}
_LONG_ENCODERS: Final = _ENCODERS | {
    kind: make_encoder(kind, lengthened(fields))
    for kind, fields in _FIELDS.items()
    if lengthened(fields) != fields
}
_DECODERS: Final = {
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

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that these octets complete.

        Raises RemoteProtocolError when what comes next cannot be a PDU: the stream is out of
        step for good. Frames before it are not lost: they are returned first, and the next call
        raises, even one without data.
        """
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return []
            data = bytes(self._held)
        frames: list[bytes] = []
        at, end = 0, len(data)
        self._wanted = 4
        while end - at >= 4:
            length = _read_length(data, at)[0]
            if not HEADER_LENGTH <= length <= self._max_length:
                if frames:
                    break
                self._held = bytearray(data)
                raise RemoteProtocolError(f"a PDU cannot have command_length {length}")
            if at + length > end:
                self._wanted = length
                break
            frames.append(data[at : at + length])
            at += length
        self._held = bytearray(data[at:])
        return frames


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


def decode(frame: bytes) -> Decoded | Undecodable:
    """What a frame says. Never raises; octets that no field claims are ignored."""
    if len(frame) < HEADER_LENGTH:
        return Undecodable(Header(len(frame), 0, 0, 0), "shorter than a header", frame)
    header: Header = _new(Header, _read_header(frame))
    decoder = _DECODERS.get(header[1])
    if decoder is None:
        return Undecodable(header, f"unknown command_id 0x{header[1]:08X}", frame)
    try:
        return Decoded(header, decoder(frame))
    except CutOffError as fault:
        return Undecodable(header, str(fault), frame)
