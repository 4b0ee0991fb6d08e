"""Every PDU of SMPP 3.4, declared once: fields in wire order, each with its wire type.

The classes stand in `pdu_session` and `pdu_message`; this is where they are taken from, with the
tables that tell which is which. `codec` makes encoders and decoders from them, so there is no
second list to keep in step. Field names are the specification's; sm_length and the counts of
lists are derived. Any PDU may carry TLVs, raw and in wire order (`tlv` turns them into values).
Values are checked when a PDU is encoded, not here; nothing is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias, get_args

from smppd.smpp.pdu_message import (
    AlertNotification,
    CancelSm,
    CancelSmResp,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    DistributionList,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    ReplaceSmResp,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    UnsuccessSme,
)
from smppd.smpp.pdu_session import (
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Unbind,
    UnbindResp,
)
from smppd.smpp.tlv import Tlvs
from smppd.smpp.vocabulary import CommandId

__all__ = [
    "PDU_CLASSES",
    "RESPONSE_TO",
    "AlertNotification",
    "BindReceiver",
    "BindReceiverResp",
    "BindTransceiver",
    "BindTransceiverResp",
    "BindTransmitter",
    "BindTransmitterResp",
    "CancelSm",
    "CancelSmResp",
    "DataSm",
    "DataSmResp",
    "DeliverSm",
    "DeliverSmResp",
    "DistributionList",
    "EnquireLink",
    "EnquireLinkResp",
    "GenericNack",
    "Outbind",
    "Pdu",
    "QuerySm",
    "QuerySmResp",
    "ReplaceSm",
    "ReplaceSmResp",
    "Request",
    "Response",
    "SmeAddress",
    "SubmitMulti",
    "SubmitMultiResp",
    "SubmitSm",
    "SubmitSmResp",
    "Tlvs",
    "Unbind",
    "UnbindResp",
    "UnsuccessSme",
]

Request: TypeAlias = (
    BindTransmitter
    | BindReceiver
    | BindTransceiver
    | Outbind
    | Unbind
    | SubmitSm
    | SubmitMulti
    | DeliverSm
    | DataSm
    | QuerySm
    | CancelSm
    | ReplaceSm
    | EnquireLink
    | AlertNotification
)
Response: TypeAlias = (
    BindTransmitterResp
    | BindReceiverResp
    | BindTransceiverResp
    | UnbindResp
    | SubmitSmResp
    | SubmitMultiResp
    | DeliverSmResp
    | DataSmResp
    | QuerySmResp
    | CancelSmResp
    | ReplaceSmResp
    | EnquireLinkResp
    | GenericNack
)
Pdu: TypeAlias = Request | Response

#: Every PDU class by its command_id.
PDU_CLASSES: Mapping[int, type[Pdu]] = MappingProxyType(
    {kind.command_id: kind for kind in get_args(Pdu)}
)

#: The class that answers a request, by the request's command_id. Outbind and alert_notification
#: have none.
RESPONSE_TO: Mapping[int, type[Response]] = MappingProxyType(
    {
        CommandId.BIND_TRANSMITTER: BindTransmitterResp,
        CommandId.BIND_RECEIVER: BindReceiverResp,
        CommandId.BIND_TRANSCEIVER: BindTransceiverResp,
        CommandId.UNBIND: UnbindResp,
        CommandId.SUBMIT_SM: SubmitSmResp,
        CommandId.SUBMIT_MULTI: SubmitMultiResp,
        CommandId.DELIVER_SM: DeliverSmResp,
        CommandId.DATA_SM: DataSmResp,
        CommandId.QUERY_SM: QuerySmResp,
        CommandId.CANCEL_SM: CancelSmResp,
        CommandId.REPLACE_SM: ReplaceSmResp,
        CommandId.ENQUIRE_LINK: EnquireLinkResp,
    }
)
