"""What is told of a message from a handset: one JSON object, whether it came whole or in pieces.

Pure: PDUs and pieces in, structs out. Nothing raises; what cannot be read is kept as octets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec

from smppd.smpp import gsm7
from smppd.smpp.codec import Undecodable
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.segments import Segment, UserData, read_user_data
from smppd.smpp.text import decode_text, is_default_alphabet
from smppd.smpp.vocabulary import MOST_CHARACTERS, EsmClass, TlvTag
from smppd.told import iso

#: What a link's SMSC means by data_coding 0, by the link's name.
Alphabets = Mapping[str, str]
#: What it means where nobody says: also the alphabet of links that are not configured any more.
DEFAULT_ALPHABET = "gsm7"

_TYPE_MASK = int(EsmClass.MESSAGE_TYPE_MASK)
_UDHI = int(EsmClass.UDHI)
_KINDS: Mapping[int, str] = MappingProxyType(
    {
        int(EsmClass.DELIVERY_ACKNOWLEDGEMENT): "delivery_acknowledgement",
        int(EsmClass.USER_ACKNOWLEDGEMENT): "user_acknowledgement",
        int(EsmClass.CONVERSATION_ABORT): "conversation_abort",
    }
)
#: TLVs that are told in other words already.
_TOLD = frozenset(
    {
        int(TlvTag.MESSAGE_PAYLOAD),
        int(TlvTag.SAR_MSG_REF_NUM),
        int(TlvTag.SAR_TOTAL_SEGMENTS),
        int(TlvTag.SAR_SEGMENT_SEQNUM),
    }
)


class Received(msgspec.Struct):
    """A message from a handset. `data` are its octets in hex and `text` what data_coding makes of
    them, without the user data header.

    `kind` is "message", an acknowledgement by its name (3.4, 5.2.12), or "unreadable": then `data`
    is the whole PDU and `problem` says what is wrong with it. Of a message that came in `parts`,
    `data` are the octets behind the headers, `received` is when the first came, and `missing`
    numbers those that did not. `header` is the user data header, length octet and all, with
    which `data` of a message in one part begins; `tlvs` are others than those already told.
    """

    link: str
    received: str | None
    source: str
    destination: str
    text: str
    data: str
    data_coding: int
    esm_class: int
    kind: str = "message"
    parts: int = 1
    missing: list[int] = []
    reference: int | msgspec.UnsetType = msgspec.UNSET
    header: str | msgspec.UnsetType = msgspec.UNSET
    ports: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    tlvs: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    problem: str | msgspec.UnsetType = msgspec.UNSET


class Piece(msgspec.Struct):
    """One part of a long message, as it is kept until the others have come.

    `at` is when it came (epoch seconds); `data` its octets in hex, of which the first `header`
    octets are the user data header.
    """

    link: str
    at: float
    source: str
    destination: str
    reference_kind: str
    reference: int
    total: int
    number: int
    data: str
    header: int
    data_coding: int
    esm_class: int
    ports: dict[str, int] | None
    tlvs: dict[str, str] | None

    @property
    def octets(self) -> bytes:
        """What stands behind the header."""
        return bytes.fromhex(self.data)[self.header :]


def letter_or_piece(
    link: str, at: float, pdu: DeliverSm | DataSm, alphabets: Alphabets
) -> Received | Piece:
    """What a PDU is: a message by itself, or a part of one."""
    user_data = read_user_data(pdu)
    segment = user_data.segment
    if segment is not None and segment.is_numbered and segment.total > 1:
        return _piece(link, at, pdu, user_data, segment)
    whole = bytes(user_data.header + user_data.octets)
    letter = Received(
        link,
        iso(at),
        pdu.source_addr[:MOST_CHARACTERS],
        pdu.destination_addr[:MOST_CHARACTERS],
        _decode(whole, pdu.data_coding, user_data.header, alphabets.get(link, DEFAULT_ALPHABET)),
        whole.hex(),
        pdu.data_coding,
        pdu.esm_class,
        _kind(pdu.esm_class),
    )
    if user_data.header:
        letter.header = user_data.header.hex()
    if user_data.ports:
        letter.ports = user_data.ports._asdict()
    if tlvs := _tlvs(pdu):
        letter.tlvs = tlvs
    if segment is not None:
        letter.reference = segment.reference
        if not segment.is_numbered:
            letter.problem = f"says that it is part {segment.number} of {segment.total}"
    return letter


def unreadable(link: str, at: float, pdu: Undecodable) -> Received:
    """What is told of a PDU of which only the header could be read."""
    letter = Received(link, iso(at), "", "", "", pdu.raw.hex(), 0, 0, "unreadable")
    letter.problem = pdu.why
    return letter


def join(pieces: Sequence[Piece], alphabets: Alphabets) -> Received:
    """The message that these parts of it make; they stand in the order of their numbers.

    Octets are joined before they are read: a character may lie across two parts.
    """
    first = pieces[0]
    earliest = min(piece.at for piece in pieces)
    there = {piece.number for piece in pieces}
    letter = Received(
        first.link,
        iso(earliest),
        first.source,
        first.destination,
        "".join(_texts(pieces, alphabets.get(first.link, DEFAULT_ALPHABET))),
        b"".join(piece.octets for piece in pieces).hex(),
        first.data_coding,
        first.esm_class & ~_UDHI,
        _kind(first.esm_class),
        first.total,
        [number for number in range(1, first.total + 1) if number not in there],
        first.reference,
    )
    if first.ports:
        letter.ports = first.ports
    if first.tlvs:
        letter.tlvs = first.tlvs
    return letter


def _piece(
    link: str, at: float, pdu: DeliverSm | DataSm, user_data: UserData, segment: Segment
) -> Piece:
    return Piece(
        link,
        at,
        pdu.source_addr[:MOST_CHARACTERS],
        pdu.destination_addr[:MOST_CHARACTERS],
        *segment,
        (user_data.header + user_data.octets).hex(),
        len(user_data.header),
        pdu.data_coding,
        pdu.esm_class,
        user_data.ports._asdict() if user_data.ports else None,
        _tlvs(pdu),
    )


def _texts(pieces: Sequence[Piece], alphabet: str) -> Iterator[str]:
    """The texts of runs that can be read together: nothing missing between, coded alike."""
    run, coding, due = b"", 0, 0
    packed = alphabet == "gsm7_packed"
    unpacked = "gsm7" if packed else alphabet
    for piece in pieces:
        octets = piece.octets
        if packed and is_default_alphabet(piece.data_coding):  # each part is packed for itself
            octets = gsm7.unpack(octets, gsm7.fill_bits(piece.header))
        if run and (piece.number != due or piece.data_coding != coding):
            yield decode_text(run, coding, default=unpacked)
            run = b""
        run += octets
        coding, due = piece.data_coding, piece.number + 1
    yield decode_text(run, coding, default=unpacked)


def _decode(octets: bytes, data_coding: int, header: bytes, alphabet: str) -> str:
    return decode_text(octets, data_coding, bool(header), alphabet)


def _kind(esm_class: int) -> str:
    return _KINDS.get(esm_class & _TYPE_MASK, "message")


def _tlvs(pdu: DeliverSm | DataSm) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for tag, value in pdu.tlvs:
        if tag not in _TOLD:
            found.setdefault(f"0x{tag:04X}", value.hex())
    return found or None
