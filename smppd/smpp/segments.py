"""Which piece of which long message a PDU carries, and what else its user data header says.

A long message comes as pieces that share a reference, numbered from 1: in the user data header
with a reference of one or two octets (23.040, 9.2.3.24.1 and 9.2.3.24.8), or in TLVs (3.4, 5.3.2.22
to 5.3.2.24). Joining them is not known here. Nothing is raised: a header that cannot be read says
nothing, and its octets stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.tlv import decode_tlv
from smppd.smpp.vocabulary import EsmClass, TlvTag

#: Where the reference stands: references of different kinds never belong together.
Kind = Literal["udh8", "udh16", "sar"]

_UDHI: Final = int(EsmClass.UDHI)
_ELEMENT_8: Final = 0x00
_ELEMENT_16: Final = 0x08
_PORTS_8: Final = 0x04
_PORTS_16: Final = 0x05


class Segment(NamedTuple):
    """The piece `number` of `total`, as the peer says; `is_numbered` tells whether it can be."""

    kind: Kind
    reference: int
    total: int
    number: int

    @property
    def is_numbered(self) -> bool:
        """Whether there can be such a piece."""
        return 1 <= self.number <= self.total


class Ports(NamedTuple):
    """The application ports of a message (23.040, 9.2.3.24.3 and 9.2.3.24.4)."""

    destination: int
    source: int


class UserData(NamedTuple):
    """What a PDU carries: the header with its length octet, and the octets behind it."""

    header: bytes
    octets: bytes
    segment: Segment | None
    ports: Ports | None


def read_user_data(pdu: DeliverSm | DataSm) -> UserData:
    """Take the user data of a PDU apart."""
    octets = pdu.message_octets
    length = octets[0] + 1 if pdu.esm_class & _UDHI and octets else 0
    if length > len(octets):
        length = 0
    header = octets[:length]
    segment: Segment | None = None
    ports: Ports | None = None
    for tag, value in _elements(header):
        if tag == _ELEMENT_8 and len(value) == 3:
            segment = Segment("udh8", *value)
        elif tag == _ELEMENT_16 and len(value) == 4:
            segment = Segment("udh16", int.from_bytes(value[:2], "big"), value[2], value[3])
        elif tag == _PORTS_8 and len(value) == 2:
            ports = Ports(*value)
        elif tag == _PORTS_16 and len(value) == 4:
            ports = Ports(int.from_bytes(value[:2], "big"), int.from_bytes(value[2:], "big"))
    return UserData(header, octets[length:], segment or _from_tlvs(pdu), ports)


def _elements(header: bytes) -> Iterator[tuple[int, bytes]]:
    """The information elements that are whole."""
    at = 1
    while at + 2 <= len(header):
        end = at + 2 + header[at + 1]
        if end > len(header):
            return
        yield header[at], header[at + 2 : end]
        at = end


def _from_tlvs(pdu: DeliverSm | DataSm) -> Segment | None:
    if not pdu.tlvs:
        return None
    reference = _number(pdu, TlvTag.SAR_MSG_REF_NUM)
    total = _number(pdu, TlvTag.SAR_TOTAL_SEGMENTS)
    number = _number(pdu, TlvTag.SAR_SEGMENT_SEQNUM)
    if reference is None or total is None or number is None:
        return None
    return Segment("sar", reference, total, number)


def _number(pdu: DeliverSm | DataSm, tag: TlvTag) -> int | None:
    raw = pdu.tlv(tag)
    value = None if raw is None else decode_tlv(tag, raw)
    return value if isinstance(value, int) else None
