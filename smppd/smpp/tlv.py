"""Optional parameters: a TLV's place on the wire, and what the values of known tags mean.

Reading forgives: a TLV that does not fit its PDU ends the reading, a value of the wrong length
is read as far as it makes sense. Writing does not: EncodeError. Vendor tags and tags unknown
here are octets both ways. Knows no PDU.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from smppd.smpp.errors import EncodeError
from smppd.smpp.vocabulary import TlvTag

_HEAD: Final = struct.Struct(">HH")
_read_head = _HEAD.unpack_from
_WIDEST_INTEGER: Final = 8

#: Raw TLVs as (tag, value), in wire order.
Tlvs: TypeAlias = tuple[tuple[int, bytes], ...]


class _HasTlvs(Protocol):
    @property
    def tlvs(self) -> Tlvs: ...


def find_tlv(self: _HasTlvs, tag: int) -> bytes | None:
    """The raw value of the first TLV with this tag; None when there is none. A method of PDUs."""
    for present, value in self.tlvs:
        if present == tag:
            return value
    return None


# ── the wire ─────────────────────────────────────────────────────────────────────────────────


def read_tlvs(frame: bytes, at: int, end: int) -> Tlvs:
    """The TLVs between two positions. Tag 0 is padding; what does not fit is left out."""
    found = []
    while at + 4 <= end:
        tag, length = _read_head(frame, at)
        start = at + 4
        at = start + length
        if at > end:
            break
        if tag:
            found.append((tag, frame[start:at]))
    return tuple(found)


def fills(frame: bytes, at: int, end: int) -> bool:
    """Whether all that lies between two positions is whole TLVs, and at least one."""
    start = at
    while at + 4 <= end:
        at += 4 + _read_head(frame, at)[1]
    return start < at == end


def write_tlvs(tlvs: Sequence[tuple[int, bytes]]) -> bytes:
    """Raw TLVs as octets. EncodeError on a tag or value that does not fit."""
    written = []
    for tag, value in tlvs:
        try:
            written.append(_HEAD.pack(tag, len(value)) + value)
        except (struct.error, TypeError) as error:
            raise EncodeError(f"TLV {tag!r}: {error}") from error
    return b"".join(written)


# ── values ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class IntegerValue:
    """An unsigned integer of so many octets."""

    octets: int


@dataclass(frozen=True)
class CStringValue:
    """A C-octet string; lengths in octets count the final NUL."""

    least: int
    most: int


@dataclass(frozen=True)
class OctetsValue:
    """Octets as they are; lengths in octets."""

    least: int
    most: int


ValueKind = IntegerValue | CStringValue | OctetsValue

_INT1: Final = IntegerValue(1)
_INT2: Final = IntegerValue(2)
_INT4: Final = IntegerValue(4)

#: What the value of each known tag is (3.4, 5.3.2; 5.0, 4.8.4).
KINDS: Mapping[int, ValueKind] = MappingProxyType(
    {
        TlvTag.DEST_ADDR_SUBUNIT: _INT1,
        TlvTag.DEST_NETWORK_TYPE: _INT1,
        TlvTag.DEST_BEARER_TYPE: _INT1,
        TlvTag.DEST_TELEMATICS_ID: _INT2,
        TlvTag.SOURCE_ADDR_SUBUNIT: _INT1,
        TlvTag.SOURCE_NETWORK_TYPE: _INT1,
        TlvTag.SOURCE_BEARER_TYPE: _INT1,
        TlvTag.SOURCE_TELEMATICS_ID: _INT1,
        TlvTag.QOS_TIME_TO_LIVE: _INT4,
        TlvTag.PAYLOAD_TYPE: _INT1,
        TlvTag.ADDITIONAL_STATUS_INFO_TEXT: CStringValue(1, 256),
        TlvTag.RECEIPTED_MESSAGE_ID: CStringValue(1, 65),
        TlvTag.MS_MSG_WAIT_FACILITIES: _INT1,
        TlvTag.PRIVACY_INDICATOR: _INT1,
        TlvTag.SOURCE_SUBADDRESS: OctetsValue(2, 23),
        TlvTag.DEST_SUBADDRESS: OctetsValue(2, 23),
        TlvTag.USER_MESSAGE_REFERENCE: _INT2,
        TlvTag.USER_RESPONSE_CODE: _INT1,
        TlvTag.SOURCE_PORT: _INT2,
        TlvTag.DESTINATION_PORT: _INT2,
        TlvTag.SAR_MSG_REF_NUM: _INT2,
        TlvTag.LANGUAGE_INDICATOR: _INT1,
        TlvTag.SAR_TOTAL_SEGMENTS: _INT1,
        TlvTag.SAR_SEGMENT_SEQNUM: _INT1,
        TlvTag.SC_INTERFACE_VERSION: _INT1,
        TlvTag.CALLBACK_NUM_PRES_IND: _INT1,
        TlvTag.CALLBACK_NUM_ATAG: OctetsValue(0, 65),
        TlvTag.NUMBER_OF_MESSAGES: _INT1,
        TlvTag.CALLBACK_NUM: OctetsValue(4, 19),
        TlvTag.DPF_RESULT: _INT1,
        TlvTag.SET_DPF: _INT1,
        TlvTag.MS_AVAILABILITY_STATUS: _INT1,
        TlvTag.NETWORK_ERROR_CODE: OctetsValue(3, 3),
        TlvTag.MESSAGE_PAYLOAD: OctetsValue(0, 0xFFFF),
        TlvTag.DELIVERY_FAILURE_REASON: _INT1,
        TlvTag.MORE_MESSAGES_TO_SEND: _INT1,
        TlvTag.MESSAGE_STATE: _INT1,
        TlvTag.CONGESTION_STATE: _INT1,
        TlvTag.USSD_SERVICE_OP: _INT1,
        TlvTag.BROADCAST_CHANNEL_INDICATOR: _INT1,
        TlvTag.BROADCAST_CONTENT_TYPE: OctetsValue(3, 3),
        TlvTag.BROADCAST_CONTENT_TYPE_INFO: OctetsValue(1, 255),
        TlvTag.BROADCAST_MESSAGE_CLASS: _INT1,
        TlvTag.BROADCAST_REP_NUM: _INT2,
        TlvTag.BROADCAST_FREQUENCY_INTERVAL: OctetsValue(3, 3),
        TlvTag.BROADCAST_AREA_IDENTIFIER: OctetsValue(1, 0xFFFF),
        TlvTag.BROADCAST_ERROR_STATUS: _INT4,
        TlvTag.BROADCAST_AREA_SUCCESS: _INT1,
        TlvTag.BROADCAST_END_TIME: CStringValue(1, 17),
        TlvTag.BROADCAST_SERVICE_GROUP: OctetsValue(1, 255),
        TlvTag.BILLING_IDENTIFICATION: OctetsValue(1, 1024),
        TlvTag.SOURCE_NETWORK_ID: CStringValue(7, 65),
        TlvTag.DEST_NETWORK_ID: CStringValue(7, 65),
        TlvTag.SOURCE_NODE_ID: OctetsValue(6, 6),
        TlvTag.DEST_NODE_ID: OctetsValue(6, 6),
        TlvTag.DEST_ADDR_NP_RESOLUTION: _INT1,
        TlvTag.DEST_ADDR_NP_INFORMATION: OctetsValue(10, 10),
        TlvTag.DEST_ADDR_NP_COUNTRY: OctetsValue(1, 5),
        TlvTag.DISPLAY_TIME: _INT1,
        TlvTag.SMS_SIGNAL: _INT2,
        TlvTag.MS_VALIDITY: _INT1,
        TlvTag.ALERT_ON_MESSAGE_DELIVERY: OctetsValue(0, 1),
        TlvTag.ITS_REPLY_TYPE: _INT1,
        TlvTag.ITS_SESSION_INFO: OctetsValue(2, 2),
    }
)

_UNKNOWN_TAG: Final = OctetsValue(0, 0xFFFF)
_NAMES: Final = {tag.value: tag.name.lower() for tag in TlvTag}


def tlv_name(tag: int) -> str:
    """The specification's name of a tag, or its number in hex: "0x1400"."""
    return _NAMES.get(tag) or f"0x{tag:04X}"


def encode_tlv(tag: int, value: int | str | bytes) -> bytes:
    """The raw value of a TLV, without tag and length."""
    kind = KINDS.get(tag, _UNKNOWN_TAG)
    try:
        return _encode_value(kind, value)
    except EncodeError as fault:
        raise EncodeError(f"{tlv_name(tag)}: {fault}") from None


def _encode_value(kind: ValueKind, value: int | str | bytes) -> bytes:
    if isinstance(kind, IntegerValue):
        return _encode_integer(kind, value)
    if isinstance(kind, CStringValue):
        raw = _encode_c_string(value)
    elif isinstance(value, bytes):
        raw = value
    else:
        raise EncodeError(f"{value!r} is not bytes")
    if not kind.least <= len(raw) <= kind.most:
        raise EncodeError(f"{len(raw)} octets, not {kind.least} to {kind.most}")
    return raw


def _encode_integer(kind: IntegerValue, value: object) -> bytes:
    if not isinstance(value, int) or not 0 <= value < 1 << 8 * kind.octets:
        raise EncodeError(f"{value!r} is not an integer of {kind.octets} octet(s)")
    return value.to_bytes(kind.octets, "big")


def _encode_c_string(value: object) -> bytes:
    if not isinstance(value, str) or "\0" in value:
        raise EncodeError(f"{value!r} is not a str without NUL")
    try:
        return value.encode("latin-1") + b"\0"
    except UnicodeEncodeError:
        raise EncodeError(f"{value!r} is not latin-1") from None


def decode_tlv(tag: int, raw: bytes) -> int | str | bytes | None:
    """What a raw value says; None when it says nothing (an integer of no octets, or too many).

    An integer of the wrong width is read at the width it has; a C-octet string ends at its
    first NUL, or with the value.
    """
    kind = KINDS.get(tag, _UNKNOWN_TAG)
    if isinstance(kind, IntegerValue):
        return int.from_bytes(raw, "big") if 0 < len(raw) <= _WIDEST_INTEGER else None
    if isinstance(kind, CStringValue):
        return raw.partition(b"\0")[0].decode("latin-1")
    return raw
