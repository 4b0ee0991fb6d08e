"""PDUs that carry messages or are about messages: submit, deliver, data, query, cancel, replace.

Declarations only: see `pdu`, through which they are used. Nothing is raised.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

import msgspec

from smppd.smpp.fields import CString, Integer, Octet, Repeated, SmppTime, Text
from smppd.smpp.tlv import Tlvs, find_tlv
from smppd.smpp.vocabulary import CommandId, TlvTag


class SmeAddress(msgspec.Struct, gc=False, frozen=True):
    "One destination of submit_multi (3.4, 4.5.1.1)."

    dest_flag: ClassVar[int] = 1
    dest_addr_ton: Octet = 0
    dest_addr_npi: Octet = 0
    destination_addr: Annotated[str, CString(21)] = ""


class DistributionList(msgspec.Struct, gc=False, frozen=True):
    "A list of destinations that the SMSC keeps (3.4, 4.5.1.2)."

    dest_flag: ClassVar[int] = 2
    dl_name: Annotated[str, CString(21)] = ""


class UnsuccessSme(msgspec.Struct, gc=False, frozen=True):
    "One destination that submit_multi failed for (3.4, 4.5.2.1)."

    dest_addr_ton: Octet = 0
    dest_addr_npi: Octet = 0
    destination_addr: Annotated[str, CString(21)] = ""
    error_status_code: Annotated[int, Integer(4)] = 0


Destinations: TypeAlias = Annotated[
    tuple[SmeAddress | DistributionList, ...],
    Repeated(SmeAddress, DistributionList, least=1, most=254),
]
Failures: TypeAlias = Annotated[tuple[UnsuccessSme, ...], Repeated(UnsuccessSme)]


class SubmitSm(msgspec.Struct, gc=False):
    """A message to one address (3.4, 4.4.1)."""

    command_id: ClassVar[CommandId] = CommandId.SUBMIT_SM
    service_type: Annotated[str, CString(6)] = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: Annotated[str, CString(21)] = ""
    dest_addr_ton: Octet = 0
    dest_addr_npi: Octet = 0
    destination_addr: Annotated[str, CString(21)] = ""
    esm_class: Octet = 0
    protocol_id: Octet = 0
    priority_flag: Octet = 0
    schedule_delivery_time: SmppTime = ""
    validity_period: SmppTime = ""
    registered_delivery: Octet = 0
    replace_if_present_flag: Octet = 0
    data_coding: Octet = 0
    sm_default_msg_id: Octet = 0
    short_message: Text = b""
    tlvs: Tlvs = ()
    tlv = find_tlv

    @property
    def message_octets(self) -> bytes:
        """The user data, wherever it stands: short_message, else message_payload."""
        return self.short_message or self.tlv(TlvTag.MESSAGE_PAYLOAD) or b""


class SubmitSmResp(msgspec.Struct, gc=False):
    """Answer to submit_sm (3.4, 4.4.2)."""

    command_id: ClassVar[CommandId] = CommandId.SUBMIT_SM_RESP
    bare_when_refused: ClassVar[bool] = True
    message_id: Annotated[str, CString(65)] = ""
    tlvs: Tlvs = ()
    tlv = find_tlv


class SubmitMulti(msgspec.Struct, gc=False):
    """A message to several addresses and lists (3.4, 4.5.1)."""

    command_id: ClassVar[CommandId] = CommandId.SUBMIT_MULTI
    service_type: Annotated[str, CString(6)] = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: Annotated[str, CString(21)] = ""
    dest_address: Destinations = ()
    esm_class: Octet = 0
    protocol_id: Octet = 0
    priority_flag: Octet = 0
    schedule_delivery_time: SmppTime = ""
    validity_period: SmppTime = ""
    registered_delivery: Octet = 0
    replace_if_present_flag: Octet = 0
    data_coding: Octet = 0
    sm_default_msg_id: Octet = 0
    short_message: Text = b""
    tlvs: Tlvs = ()
    tlv = find_tlv


class SubmitMultiResp(msgspec.Struct, gc=False):
    """Answer to submit_multi, with those it failed for (3.4, 4.5.2)."""

    command_id: ClassVar[CommandId] = CommandId.SUBMIT_MULTI_RESP
    message_id: Annotated[str, CString(65)] = ""
    unsuccess_sme: Failures = ()
    tlvs: Tlvs = ()
    tlv = find_tlv


class DeliverSm(msgspec.Struct, gc=False):
    """A message or a delivery receipt for the ESME (3.4, 4.6.1)."""

    command_id: ClassVar[CommandId] = CommandId.DELIVER_SM
    service_type: Annotated[str, CString(6)] = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: Annotated[str, CString(21)] = ""
    dest_addr_ton: Octet = 0
    dest_addr_npi: Octet = 0
    destination_addr: Annotated[str, CString(21)] = ""
    esm_class: Octet = 0
    protocol_id: Octet = 0
    priority_flag: Octet = 0
    schedule_delivery_time: SmppTime = ""
    validity_period: SmppTime = ""
    registered_delivery: Octet = 0
    replace_if_present_flag: Octet = 0
    data_coding: Octet = 0
    sm_default_msg_id: Octet = 0
    short_message: Text = b""
    tlvs: Tlvs = ()
    tlv = find_tlv

    @property
    def message_octets(self) -> bytes:
        """The user data, wherever it stands: short_message, else message_payload."""
        return self.short_message or self.tlv(TlvTag.MESSAGE_PAYLOAD) or b""


class DeliverSmResp(msgspec.Struct, gc=False):
    """Answer to deliver_sm; its message_id is unused (3.4, 4.6.2)."""

    command_id: ClassVar[CommandId] = CommandId.DELIVER_SM_RESP
    message_id: Annotated[str, CString(65)] = ""
    tlvs: Tlvs = ()
    tlv = find_tlv


class DataSm(msgspec.Struct, gc=False):
    """A message either way, all of it in TLVs (3.4, 4.7.1)."""

    command_id: ClassVar[CommandId] = CommandId.DATA_SM
    service_type: Annotated[str, CString(6)] = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: Annotated[str, CString(65)] = ""
    dest_addr_ton: Octet = 0
    dest_addr_npi: Octet = 0
    destination_addr: Annotated[str, CString(65)] = ""
    esm_class: Octet = 0
    registered_delivery: Octet = 0
    data_coding: Octet = 0
    tlvs: Tlvs = ()
    tlv = find_tlv

    @property
    def message_octets(self) -> bytes:
        """The user data: message_payload, the only place that data_sm has for it."""
        return self.tlv(TlvTag.MESSAGE_PAYLOAD) or b""


class DataSmResp(msgspec.Struct, gc=False):
    """Answer to data_sm (3.4, 4.7.2)."""

    command_id: ClassVar[CommandId] = CommandId.DATA_SM_RESP
    message_id: Annotated[str, CString(65)] = ""
    tlvs: Tlvs = ()
    tlv = find_tlv


class QuerySm(msgspec.Struct, gc=False):
    """Asks for the state of a message (3.4, 4.8.1)."""

    command_id: ClassVar[CommandId] = CommandId.QUERY_SM
    message_id: Annotated[str, CString(65)] = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: Annotated[str, CString(21)] = ""
    tlvs: Tlvs = ()
    tlv = find_tlv


class QuerySmResp(msgspec.Struct, gc=False):
    """Answer to query_sm (3.4, 4.8.2)."""

    command_id: ClassVar[CommandId] = CommandId.QUERY_SM_RESP
    message_id: Annotated[str, CString(65)] = ""
    final_date: SmppTime = ""
    message_state: Octet = 0
    error_code: Octet = 0
    tlvs: Tlvs = ()
    tlv = find_tlv


class CancelSm(msgspec.Struct, gc=False):
    """Takes back one message or several (3.4, 4.9.1)."""

    command_id: ClassVar[CommandId] = CommandId.CANCEL_SM
    service_type: Annotated[str, CString(6)] = ""
    message_id: Annotated[str, CString(65)] = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: Annotated[str, CString(21)] = ""
    dest_addr_ton: Octet = 0
    dest_addr_npi: Octet = 0
    destination_addr: Annotated[str, CString(21)] = ""
    tlvs: Tlvs = ()
    tlv = find_tlv


class CancelSmResp(msgspec.Struct, gc=False):
    """Answer to cancel_sm (3.4, 4.9.2)."""

    command_id: ClassVar[CommandId] = CommandId.CANCEL_SM_RESP
    tlvs: Tlvs = ()
    tlv = find_tlv


class ReplaceSm(msgspec.Struct, gc=False):
    """Changes a message not yet delivered (3.4, 4.10.1)."""

    command_id: ClassVar[CommandId] = CommandId.REPLACE_SM
    message_id: Annotated[str, CString(65)] = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: Annotated[str, CString(21)] = ""
    schedule_delivery_time: SmppTime = ""
    validity_period: SmppTime = ""
    registered_delivery: Octet = 0
    sm_default_msg_id: Octet = 0
    short_message: Text = b""
    tlvs: Tlvs = ()
    tlv = find_tlv


class ReplaceSmResp(msgspec.Struct, gc=False):
    """Answer to replace_sm (3.4, 4.10.2)."""

    command_id: ClassVar[CommandId] = CommandId.REPLACE_SM_RESP
    tlvs: Tlvs = ()
    tlv = find_tlv


class AlertNotification(msgspec.Struct, gc=False):
    """A handset can be reached again (3.4, 4.12.1). Has no response."""

    command_id: ClassVar[CommandId] = CommandId.ALERT_NOTIFICATION
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: Annotated[str, CString(65)] = ""
    esme_addr_ton: Octet = 0
    esme_addr_npi: Octet = 0
    esme_addr: Annotated[str, CString(65)] = ""
    tlvs: Tlvs = ()
    tlv = find_tlv
