"""Optional parameters: a TLV's place on the wire, and what the values of known tags mean.

Reading forgives: a TLV that does not fit its PDU ends the reading, a value of the wrong length
is read as far as it makes sense. Writing does not: EncodeError. The values of vendor tags and of tags
unknown here are octets. Knows no PDU.
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
    """A C-octet string."""


@dataclass(frozen=True)
class OctetsValue:
    """Octets as they are."""


ValueKind = IntegerValue | CStringValue | OctetsValue

_INT1: Final = IntegerValue(1)
_INT2: Final = IntegerValue(2)
_INT4: Final = IntegerValue(4)
_C_STRING: Final = CStringValue()
_OCTETS: Final = OctetsValue()

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
        TlvTag.ADDITIONAL_STATUS_INFO_TEXT: _C_STRING,
        TlvTag.RECEIPTED_MESSAGE_ID: _C_STRING,
        TlvTag.MS_MSG_WAIT_FACILITIES: _INT1,
        TlvTag.PRIVACY_INDICATOR: _INT1,
        TlvTag.SOURCE_SUBADDRESS: _OCTETS,
        TlvTag.DEST_SUBADDRESS: _OCTETS,
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
        TlvTag.CALLBACK_NUM_ATAG: _OCTETS,
        TlvTag.NUMBER_OF_MESSAGES: _INT1,
        TlvTag.CALLBACK_NUM: _OCTETS,
        TlvTag.DPF_RESULT: _INT1,
        TlvTag.SET_DPF: _INT1,
        TlvTag.MS_AVAILABILITY_STATUS: _INT1,
        TlvTag.NETWORK_ERROR_CODE: _OCTETS,
        TlvTag.MESSAGE_PAYLOAD: _OCTETS,
        TlvTag.DELIVERY_FAILURE_REASON: _INT1,
        TlvTag.MORE_MESSAGES_TO_SEND: _INT1,
        TlvTag.MESSAGE_STATE: _INT1,
        TlvTag.CONGESTION_STATE: _INT1,
        TlvTag.USSD_SERVICE_OP: _INT1,
        TlvTag.BROADCAST_CHANNEL_INDICATOR: _INT1,
        TlvTag.BROADCAST_CONTENT_TYPE: _OCTETS,
        TlvTag.BROADCAST_CONTENT_TYPE_INFO: _OCTETS,
        TlvTag.BROADCAST_MESSAGE_CLASS: _INT1,
        TlvTag.BROADCAST_REP_NUM: _INT2,
        TlvTag.BROADCAST_FREQUENCY_INTERVAL: _OCTETS,
        TlvTag.BROADCAST_AREA_IDENTIFIER: _OCTETS,
        TlvTag.BROADCAST_ERROR_STATUS: _INT4,
        TlvTag.BROADCAST_AREA_SUCCESS: _INT1,
        TlvTag.BROADCAST_END_TIME: _C_STRING,
        TlvTag.BROADCAST_SERVICE_GROUP: _OCTETS,
        TlvTag.BILLING_IDENTIFICATION: _OCTETS,
        TlvTag.SOURCE_NETWORK_ID: _C_STRING,
        TlvTag.DEST_NETWORK_ID: _C_STRING,
        TlvTag.SOURCE_NODE_ID: _OCTETS,
        TlvTag.DEST_NODE_ID: _OCTETS,
        TlvTag.DEST_ADDR_NP_RESOLUTION: _INT1,
        TlvTag.DEST_ADDR_NP_INFORMATION: _OCTETS,
        TlvTag.DEST_ADDR_NP_COUNTRY: _OCTETS,
        TlvTag.DISPLAY_TIME: _INT1,
        TlvTag.SMS_SIGNAL: _INT2,
        TlvTag.MS_VALIDITY: _INT1,
        TlvTag.ALERT_ON_MESSAGE_DELIVERY: _OCTETS,
        TlvTag.ITS_REPLY_TYPE: _INT1,
        TlvTag.ITS_SESSION_INFO: _OCTETS,
    }
)

_NAMES: Final = {tag.value: tag.name.lower() for tag in TlvTag}


def tlv_name(tag: int) -> str:
    """The specification's name of a tag, or its number in hex: "0x1400"."""
    return _NAMES.get(tag) or f"0x{tag:04X}"


def decode_tlv(tag: int, raw: bytes) -> int | str | bytes | None:
    """What a raw value says; None when it says nothing (an integer of no octets, or too many).

    An integer of the wrong width is read at the width it has; a C-octet string ends at its
    first NUL, or with the value.
    """
    kind = KINDS.get(tag, _OCTETS)
    if isinstance(kind, IntegerValue):
        return int.from_bytes(raw, "big") if 0 < len(raw) <= _WIDEST_INTEGER else None
    if isinstance(kind, CStringValue):
        return raw.partition(b"\0")[0].decode("latin-1")
    return raw
