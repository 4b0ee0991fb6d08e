"""PDUs of the session itself: bind, outbind, unbind, enquire_link, generic_nack.

Declarations only: see `pdu`, through which they are used. Nothing is raised.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from smppd.smpp.fields import CString, Octet
from smppd.smpp.tlv import Tlvs, find_tlv
from smppd.smpp.vocabulary import CommandId


class BindTransmitter(msgspec.Struct, gc=False):
    """A request to bind for sending (3.4, 4.1.1)."""

    command_id: ClassVar[CommandId] = CommandId.BIND_TRANSMITTER
    system_id: Annotated[str, CString(16, credential=True)] = ""
    password: Annotated[str, CString(9, credential=True)] = ""
    system_type: Annotated[str, CString(13)] = ""
    interface_version: Octet = 0x34
    addr_ton: Octet = 0
    addr_npi: Octet = 0
    address_range: Annotated[str, CString(41)] = ""
    tlvs: Tlvs = ()
    tlv = find_tlv


class BindTransmitterResp(msgspec.Struct, gc=False):
    """Answer to bind_transmitter (3.4, 4.1.2)."""

    command_id: ClassVar[CommandId] = CommandId.BIND_TRANSMITTER_RESP
    bare_when_refused: ClassVar[bool] = True
    system_id: Annotated[str, CString(16)] = ""
    tlvs: Tlvs = ()
    tlv = find_tlv


class BindReceiver(msgspec.Struct, gc=False):
    """A request to bind for receiving (3.4, 4.1.3)."""

    command_id: ClassVar[CommandId] = CommandId.BIND_RECEIVER
    system_id: Annotated[str, CString(16, credential=True)] = ""
    password: Annotated[str, CString(9, credential=True)] = ""
    system_type: Annotated[str, CString(13)] = ""
    interface_version: Octet = 0x34
    addr_ton: Octet = 0
    addr_npi: Octet = 0
    address_range: Annotated[str, CString(41)] = ""
    tlvs: Tlvs = ()
    tlv = find_tlv


class BindReceiverResp(msgspec.Struct, gc=False):
    """Answer to bind_receiver (3.4, 4.1.4)."""

    command_id: ClassVar[CommandId] = CommandId.BIND_RECEIVER_RESP
    bare_when_refused: ClassVar[bool] = True
    system_id: Annotated[str, CString(16)] = ""
    tlvs: Tlvs = ()
    tlv = find_tlv


class BindTransceiver(msgspec.Struct, gc=False):
    """A request to bind for both (3.4, 4.1.5)."""

    command_id: ClassVar[CommandId] = CommandId.BIND_TRANSCEIVER
    system_id: Annotated[str, CString(16, credential=True)] = ""
    password: Annotated[str, CString(9, credential=True)] = ""
    system_type: Annotated[str, CString(13)] = ""
    interface_version: Octet = 0x34
    addr_ton: Octet = 0
    addr_npi: Octet = 0
    address_range: Annotated[str, CString(41)] = ""
    tlvs: Tlvs = ()
    tlv = find_tlv


class BindTransceiverResp(msgspec.Struct, gc=False):
    """Answer to bind_transceiver (3.4, 4.1.6)."""

    command_id: ClassVar[CommandId] = CommandId.BIND_TRANSCEIVER_RESP
    bare_when_refused: ClassVar[bool] = True
    system_id: Annotated[str, CString(16)] = ""
    tlvs: Tlvs = ()
    tlv = find_tlv


class Outbind(msgspec.Struct, gc=False):
    """The SMSC asks an ESME to bind (3.4, 4.1.7). Has no response."""

    command_id: ClassVar[CommandId] = CommandId.OUTBIND
    system_id: Annotated[str, CString(16, credential=True)] = ""
    password: Annotated[str, CString(9, credential=True)] = ""
    tlvs: Tlvs = ()
    tlv = find_tlv


class Unbind(msgspec.Struct, gc=False):
    """The sender ends the session (3.4, 4.2.1)."""

    command_id: ClassVar[CommandId] = CommandId.UNBIND
    tlvs: Tlvs = ()
    tlv = find_tlv


class UnbindResp(msgspec.Struct, gc=False):
    """Answer to unbind (3.4, 4.2.2)."""

    command_id: ClassVar[CommandId] = CommandId.UNBIND_RESP
    tlvs: Tlvs = ()
    tlv = find_tlv


class GenericNack(msgspec.Struct, gc=False):
    """What came made no sense as a PDU (3.4, 4.3.1)."""

    command_id: ClassVar[CommandId] = CommandId.GENERIC_NACK
    tlvs: Tlvs = ()
    tlv = find_tlv


class EnquireLink(msgspec.Struct, gc=False):
    """Asks whether the peer is alive (3.4, 4.11.1)."""

    command_id: ClassVar[CommandId] = CommandId.ENQUIRE_LINK
    tlvs: Tlvs = ()
    tlv = find_tlv


class EnquireLinkResp(msgspec.Struct, gc=False):
    """Answer to enquire_link (3.4, 4.11.2)."""

    command_id: ClassVar[CommandId] = CommandId.ENQUIRE_LINK_RESP
    tlvs: Tlvs = ()
    tlv = find_tlv
