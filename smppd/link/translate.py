"""From our words to the protocol's: a part becomes a submit_sm, a configuration a bind request.

Pure: no clock, no sockets. Raises nothing; what does not fit a field is found when it is encoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import gmtime, strftime
from types import MappingProxyType

from smppd.config import LinkConfig
from smppd.message import Part
from smppd.smpp.pdu import BindReceiver, BindTransceiver, BindTransmitter, SubmitSm
from smppd.smpp.tlv import Tlvs
from smppd.smpp.vocabulary import TlvTag

#: registered_delivery: a receipt whatever becomes of the message, or none (3.4, 5.2.17).
_RECEIPT = 1
_NO_RECEIPT = 0

_SAR_REFERENCE = int(TlvTag.SAR_MSG_REF_NUM)
_SAR_TOTAL = int(TlvTag.SAR_TOTAL_SEGMENTS)
_SAR_NUMBER = int(TlvTag.SAR_SEGMENT_SEQNUM)

BindRequest = BindTransceiver | BindTransmitter | BindReceiver

#: The word of the configuration for each bind request.
BIND_NAMES: Mapping[type[BindRequest], str] = MappingProxyType(
    {
        BindTransceiver: "transceiver",
        BindTransmitter: "transmitter",
        BindReceiver: "receiver",
    }
)
_BINDS = {name: request for request, name in BIND_NAMES.items()}

#: The octet for each version of the protocol (3.4, 5.2.4).
_VERSIONS: Mapping[str, int] = MappingProxyType({"3.3": 0x33, "3.4": 0x34, "5.0": 0x50})


def submit_sm(part: Part, service_type: str) -> SubmitSm:
    """The submit_sm of one part (3.4, 4.4.1)."""
    message = part.message
    return SubmitSm(
        service_type=service_type,
        source_addr_ton=message.source_ton,
        source_addr_npi=message.source_npi,
        source_addr=message.sender,
        dest_addr_ton=message.dest_ton,
        dest_addr_npi=message.dest_npi,
        destination_addr=message.to,
        esm_class=message.esm_class,
        validity_period="" if message.expires is None else absolute_time(message.expires),
        registered_delivery=_RECEIPT if message.receipt else _NO_RECEIPT,
        data_coding=message.data_coding,
        short_message=message.segments[part.index],
        tlvs=message.tlv if message.sar is None else _numbered(part, message.sar),
    )


def _numbered(part: Part, reference: int) -> Tlvs:
    """The TLVs of a part that TLVs number (3.4, 5.3.2.22 to 5.3.2.24)."""
    message = part.message
    return (
        (_SAR_REFERENCE, reference.to_bytes(2, "big")),
        (_SAR_TOTAL, bytes((len(message.segments),))),
        (_SAR_NUMBER, bytes((part.index + 1,))),
        *message.tlv,
    )


def bind_request(config: LinkConfig, password: str, bind: str) -> BindRequest:
    """The bind request of a link's sessions of this kind, one of its `binds` (3.4, 4.1)."""
    return _BINDS[bind](
        system_id=config.system_id,
        password=password,
        system_type=config.system_type,
        interface_version=_VERSIONS[config.interface_version],
    )


def absolute_time(seconds: float) -> str:
    """A moment, in seconds since the epoch, as YYMMDDhhmmsstnnp in UTC (3.4, 7.1.1.1)."""
    return strftime("%y%m%d%H%M%S000+", gmtime(seconds))
