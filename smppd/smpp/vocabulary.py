"""The numbers of SMPP by name: command ids, statuses, address types, TLV tags.

Values come from smpplib wherever it has them; what SMPP 5.0 added is written out here. This is
the only module that knows smpplib, and it knows no wire format. It raises nothing.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from smpplib import consts
from smpplib.command_codes import commands

_TLV: Final[dict[str, int]] = consts.OPTIONAL_PARAMS

#: Set in the command_id of every response (3.4, 3.2).
RESPONSE_BIT: Final = 0x80000000

#: So many characters of an address, a message_id or another word of a peer's are kept. SMPP allows 64 at
#: most, some SMSCs write more, and a PDU has room for 64 KiB of them, for each of a hundred thousand receipts.
MOST_CHARACTERS: Final = 255


class CommandId(IntEnum):
    """command_id (3.4, 5.1.2.1)."""

    BIND_RECEIVER = commands["bind_receiver"]
    BIND_RECEIVER_RESP = commands["bind_receiver_resp"]
    BIND_TRANSMITTER = commands["bind_transmitter"]
    BIND_TRANSMITTER_RESP = commands["bind_transmitter_resp"]
    QUERY_SM = commands["query_sm"]
    QUERY_SM_RESP = commands["query_sm_resp"]
    SUBMIT_SM = commands["submit_sm"]
    SUBMIT_SM_RESP = commands["submit_sm_resp"]
    DELIVER_SM = commands["deliver_sm"]
    DELIVER_SM_RESP = commands["deliver_sm_resp"]
    UNBIND = commands["unbind"]
    UNBIND_RESP = commands["unbind_resp"]
    REPLACE_SM = commands["replace_sm"]
    REPLACE_SM_RESP = commands["replace_sm_resp"]
    CANCEL_SM = commands["cancel_sm"]
    CANCEL_SM_RESP = commands["cancel_sm_resp"]
    BIND_TRANSCEIVER = commands["bind_transceiver"]
    BIND_TRANSCEIVER_RESP = commands["bind_transceiver_resp"]
    OUTBIND = commands["outbind"]
    ENQUIRE_LINK = commands["enquire_link"]
    ENQUIRE_LINK_RESP = commands["enquire_link_resp"]
    SUBMIT_MULTI = commands["submit_multi"]
    SUBMIT_MULTI_RESP = commands["submit_multi_resp"]
    ALERT_NOTIFICATION = commands["alert_notification"]
    DATA_SM = commands["data_sm"]
    DATA_SM_RESP = commands["data_sm_resp"]
    GENERIC_NACK = commands["generic_nack"]


class CommandStatus(IntEnum):
    """command_status (3.4, 5.1.3; from ESME_RSERTYPUNAUTH on, 5.0, 4.7.6)."""

    ESME_ROK = consts.SMPP_ESME_ROK
    ESME_RINVMSGLEN = consts.SMPP_ESME_RINVMSGLEN
    ESME_RINVCMDLEN = consts.SMPP_ESME_RINVCMDLEN
    ESME_RINVCMDID = consts.SMPP_ESME_RINVCMDID
    ESME_RINVBNDSTS = consts.SMPP_ESME_RINVBNDSTS
    ESME_RALYBND = consts.SMPP_ESME_RALYBND
    ESME_RINVPRTFLG = consts.SMPP_ESME_RINVPRTFLG
    ESME_RINVREGDLVFLG = consts.SMPP_ESME_RINVREGDLVFLG
    ESME_RSYSERR = consts.SMPP_ESME_RSYSERR
    ESME_RINVSRCADR = consts.SMPP_ESME_RINVSRCADR
    ESME_RINVDSTADR = consts.SMPP_ESME_RINVDSTADR
    ESME_RINVMSGID = consts.SMPP_ESME_RINVMSGID
    ESME_RBINDFAIL = consts.SMPP_ESME_RBINDFAIL
    ESME_RINVPASWD = consts.SMPP_ESME_RINVPASWD
    ESME_RINVSYSID = consts.SMPP_ESME_RINVSYSID
    ESME_RCANCELFAIL = consts.SMPP_ESME_RCANCELFAIL
    ESME_RREPLACEFAIL = consts.SMPP_ESME_RREPLACEFAIL
    ESME_RMSGQFUL = consts.SMPP_ESME_RMSGQFUL
    ESME_RINVSERTYP = consts.SMPP_ESME_RINVSERTYP
    ESME_RINVNUMDESTS = consts.SMPP_ESME_RINVNUMDESTS
    ESME_RINVDLNAME = consts.SMPP_ESME_RINVDLNAME
    ESME_RINVDESTFLAG = consts.SMPP_ESME_RINVDESTFLAG
    ESME_RINVSUBREP = consts.SMPP_ESME_RINVSUBREP
    ESME_RINVESMCLASS = consts.SMPP_ESME_RINVESMCLASS
    ESME_RCNTSUBDL = consts.SMPP_ESME_RCNTSUBDL
    ESME_RSUBMITFAIL = consts.SMPP_ESME_RSUBMITFAIL
    ESME_RINVSRCTON = consts.SMPP_ESME_RINVSRCTON
    ESME_RINVSRCNPI = consts.SMPP_ESME_RINVSRCNPI
    ESME_RINVDSTTON = consts.SMPP_ESME_RINVDSTTON
    ESME_RINVDSTNPI = consts.SMPP_ESME_RINVDSTNPI
    ESME_RINVSYSTYP = consts.SMPP_ESME_RINVSYSTYP
    ESME_RINVREPFLAG = consts.SMPP_ESME_RINVREPFLAG
    ESME_RINVNUMMSGS = consts.SMPP_ESME_RINVNUMMSGS
    ESME_RTHROTTLED = consts.SMPP_ESME_RTHROTTLED
    ESME_RINVSCHED = consts.SMPP_ESME_RINVSCHED
    ESME_RINVEXPIRY = consts.SMPP_ESME_RINVEXPIRY
    ESME_RINVDFTMSGID = consts.SMPP_ESME_RINVDFTMSGID
    ESME_RX_T_APPN = consts.SMPP_ESME_RX_T_APPN
    ESME_RX_P_APPN = consts.SMPP_ESME_RX_P_APPN
    ESME_RX_R_APPN = consts.SMPP_ESME_RX_R_APPN
    ESME_RQUERYFAIL = consts.SMPP_ESME_RQUERYFAIL
    ESME_RINVOPTPARSTREAM = consts.SMPP_ESME_RINVOPTPARSTREAM
    ESME_ROPTPARNOTALLWD = consts.SMPP_ESME_ROPTPARNOTALLWD
    ESME_RINVPARLEN = consts.SMPP_ESME_RINVPARLEN
    ESME_RMISSINGOPTPARAM = consts.SMPP_ESME_RMISSINGOPTPARAM
    ESME_RINVOPTPARAMVAL = consts.SMPP_ESME_RINVOPTPARAMVAL
    ESME_RDELIVERYFAILURE = consts.SMPP_ESME_RDELIVERYFAILURE
    ESME_RUNKNOWNERR = consts.SMPP_ESME_RUNKNOWNERR
    ESME_RSERTYPUNAUTH = 0x100
    ESME_RPROHIBITED = 0x101
    ESME_RSERTYPUNAVAIL = 0x102
    ESME_RSERTYPDENIED = 0x103
    ESME_RINVDCS = 0x104
    ESME_RINVSRCADDRSUBUNIT = 0x105
    ESME_RINVDSTADDRSUBUNIT = 0x106
    ESME_RINVBCASTFREQINT = 0x107
    ESME_RINVBCASTALIAS_NAME = 0x108
    ESME_RINVBCASTAREAFMT = 0x109
    ESME_RINVNUMBCAST_AREAS = 0x10A
    ESME_RINVBCASTCNTTYPE = 0x10B
    ESME_RINVBCASTMSGCLASS = 0x10C
    ESME_RBCASTFAIL = 0x10D
    ESME_RBCASTQUERYFAIL = 0x10E
    ESME_RBCASTCANCELFAIL = 0x10F
    ESME_RINVBCAST_REP = 0x110
    ESME_RINVBCASTSRVGRP = 0x111
    ESME_RINVBCASTCHANIND = 0x112


_STATUS_NAMES: Final = {status.value: status.name for status in CommandStatus}


def status_name(code: int) -> str:
    """The specification's name of a command_status, or its number in hex: "0x00000401"."""
    return _STATUS_NAMES.get(code) or f"0x{code:08X}"


class Ton(IntEnum):
    """Type of number (3.4, 5.2.5)."""

    UNKNOWN = consts.SMPP_TON_UNK
    INTERNATIONAL = consts.SMPP_TON_INTL
    NATIONAL = consts.SMPP_TON_NATNL
    NETWORK_SPECIFIC = consts.SMPP_TON_NWSPEC
    SUBSCRIBER = consts.SMPP_TON_SBSCR
    ALPHANUMERIC = consts.SMPP_TON_ALNUM
    ABBREVIATED = consts.SMPP_TON_ABBREV


class Npi(IntEnum):
    """Numbering plan indicator (3.4, 5.2.6)."""

    UNKNOWN = consts.SMPP_NPI_UNK
    ISDN = consts.SMPP_NPI_ISDN
    DATA = consts.SMPP_NPI_DATA
    TELEX = consts.SMPP_NPI_TELEX
    LAND_MOBILE = consts.SMPP_NPI_LNDMBL
    NATIONAL = consts.SMPP_NPI_NATNL
    PRIVATE = consts.SMPP_NPI_PRVT
    ERMES = consts.SMPP_NPI_ERMES
    INTERNET = consts.SMPP_NPI_IP
    WAP = consts.SMPP_NPI_WAP


class DataCoding(IntEnum):
    """data_coding (3.4, 5.2.19)."""

    SMSC_DEFAULT = consts.SMPP_ENCODING_DEFAULT
    IA5 = consts.SMPP_ENCODING_IA5
    OCTETS = consts.SMPP_ENCODING_BINARY
    LATIN1 = consts.SMPP_ENCODING_ISO88591
    BINARY = consts.SMPP_ENCODING_BINARY2
    JIS = consts.SMPP_ENCODING_JIS
    CYRILLIC = consts.SMPP_ENCODING_ISO88595
    HEBREW = consts.SMPP_ENCODING_ISO88598
    UCS2 = consts.SMPP_ENCODING_ISO10646
    PICTOGRAM = consts.SMPP_ENCODING_PICTOGRAM
    ISO2022_JP = consts.SMPP_ENCODING_ISO2022JP
    EXTENDED_JIS = consts.SMPP_ENCODING_EXTJIS
    KSC5601 = consts.SMPP_ENCODING_KSC5601


class EsmClass(IntEnum):
    """esm_class: bit fields to be or-ed, and the masks that cut them out (3.4, 5.2.12)."""

    DEFAULT = consts.SMPP_MSGMODE_DEFAULT
    DATAGRAM = consts.SMPP_MSGMODE_DATAGRAM
    FORWARD = consts.SMPP_MSGMODE_FORWARD
    STORE_AND_FORWARD = consts.SMPP_MSGMODE_STOREFORWARD
    DELIVERY_RECEIPT = 0x04
    DELIVERY_ACKNOWLEDGEMENT = consts.SMPP_MSGTYPE_DELIVERYACK
    USER_ACKNOWLEDGEMENT = consts.SMPP_MSGTYPE_USERACK
    CONVERSATION_ABORT = 0x18
    INTERMEDIATE_NOTIFICATION = 0x20
    MESSAGE_TYPE_MASK = 0x3C
    UDHI = consts.SMPP_GSMFEAT_UDHI
    REPLY_PATH = consts.SMPP_GSMFEAT_REPLYPATH


class RegisteredDelivery(IntEnum):
    """registered_delivery: bit fields to be or-ed (3.4, 5.2.17)."""

    NONE = consts.SMPP_SMSC_DELIVERY_RECEIPT_NONE
    FINAL = consts.SMPP_SMSC_DELIVERY_RECEIPT_BOTH
    FAILURE = consts.SMPP_SMSC_DELIVERY_RECEIPT_FAILURE
    RECEIPT_MASK = consts.SMPP_SMSC_DELIVERY_RECEIPT_BITMASK
    INTERMEDIATE = consts.SMPP_INT_NOTIFICATION_REQUESTED


class MessageState(IntEnum):
    """message_state (3.4, 5.2.28; SCHEDULED and SKIPPED 5.0, 4.7.15)."""

    SCHEDULED = 0
    ENROUTE = consts.SMPP_MESSAGE_STATE_ENROUTE
    DELIVERED = consts.SMPP_MESSAGE_STATE_DELIVERED
    EXPIRED = consts.SMPP_MESSAGE_STATE_EXPIRED
    DELETED = consts.SMPP_MESSAGE_STATE_DELETED
    UNDELIVERABLE = consts.SMPP_MESSAGE_STATE_UNDELIVERABLE
    ACCEPTED = consts.SMPP_MESSAGE_STATE_ACCEPTED
    UNKNOWN = consts.SMPP_MESSAGE_STATE_UNKNOWN
    REJECTED = consts.SMPP_MESSAGE_STATE_REJECTED
    SKIPPED = 9


class TlvTag(IntEnum):
    """Tags of optional parameters (3.4, 5.3.2; those smpplib lacks 5.0, 4.8.1)."""

    DEST_ADDR_SUBUNIT = _TLV["dest_addr_subunit"]
    DEST_NETWORK_TYPE = _TLV["dest_network_type"]
    DEST_BEARER_TYPE = _TLV["dest_bearer_type"]
    DEST_TELEMATICS_ID = _TLV["dest_telematics_id"]
    SOURCE_ADDR_SUBUNIT = _TLV["source_addr_subunit"]
    SOURCE_NETWORK_TYPE = _TLV["source_network_type"]
    SOURCE_BEARER_TYPE = _TLV["source_bearer_type"]
    SOURCE_TELEMATICS_ID = _TLV["source_telematics_id"]
    QOS_TIME_TO_LIVE = _TLV["qos_time_to_live"]
    PAYLOAD_TYPE = _TLV["payload_type"]
    ADDITIONAL_STATUS_INFO_TEXT = _TLV["additional_status_info_text"]
    RECEIPTED_MESSAGE_ID = _TLV["receipted_message_id"]
    MS_MSG_WAIT_FACILITIES = _TLV["ms_msg_wait_facilities"]
    PRIVACY_INDICATOR = _TLV["privacy_indicator"]
    SOURCE_SUBADDRESS = _TLV["source_subaddress"]
    DEST_SUBADDRESS = _TLV["dest_subaddress"]
    USER_MESSAGE_REFERENCE = _TLV["user_message_reference"]
    USER_RESPONSE_CODE = _TLV["user_response_code"]
    SOURCE_PORT = _TLV["source_port"]
    DESTINATION_PORT = _TLV["destination_port"]
    SAR_MSG_REF_NUM = _TLV["sar_msg_ref_num"]
    LANGUAGE_INDICATOR = _TLV["language_indicator"]
    SAR_TOTAL_SEGMENTS = _TLV["sar_total_segments"]
    SAR_SEGMENT_SEQNUM = _TLV["sar_segment_seqnum"]
    SC_INTERFACE_VERSION = _TLV["sc_interface_version"]
    CALLBACK_NUM_PRES_IND = _TLV["callback_num_pres_ind"]
    CALLBACK_NUM_ATAG = _TLV["callback_num_atag"]
    NUMBER_OF_MESSAGES = _TLV["number_of_messages"]
    CALLBACK_NUM = _TLV["callback_num"]
    DPF_RESULT = _TLV["dpf_result"]
    SET_DPF = _TLV["set_dpf"]
    MS_AVAILABILITY_STATUS = _TLV["ms_availability_status"]
    NETWORK_ERROR_CODE = _TLV["network_error_code"]
    MESSAGE_PAYLOAD = _TLV["message_payload"]
    DELIVERY_FAILURE_REASON = _TLV["delivery_failure_reason"]
    MORE_MESSAGES_TO_SEND = _TLV["more_messages_to_send"]
    MESSAGE_STATE = _TLV["message_state"]
    CONGESTION_STATE = 0x0428
    USSD_SERVICE_OP = _TLV["ussd_service_op"]
    BROADCAST_CHANNEL_INDICATOR = 0x0600
    BROADCAST_CONTENT_TYPE = 0x0601
    BROADCAST_CONTENT_TYPE_INFO = 0x0602
    BROADCAST_MESSAGE_CLASS = 0x0603
    BROADCAST_REP_NUM = 0x0604
    BROADCAST_FREQUENCY_INTERVAL = 0x0605
    BROADCAST_AREA_IDENTIFIER = 0x0606
    BROADCAST_ERROR_STATUS = 0x0607
    BROADCAST_AREA_SUCCESS = 0x0608
    BROADCAST_END_TIME = 0x0609
    BROADCAST_SERVICE_GROUP = 0x060A
    BILLING_IDENTIFICATION = 0x060B
    SOURCE_NETWORK_ID = 0x060D
    DEST_NETWORK_ID = 0x060E
    SOURCE_NODE_ID = 0x060F
    DEST_NODE_ID = 0x0610
    DEST_ADDR_NP_RESOLUTION = 0x0611
    DEST_ADDR_NP_INFORMATION = 0x0612
    DEST_ADDR_NP_COUNTRY = 0x0613
    DISPLAY_TIME = _TLV["display_time"]
    SMS_SIGNAL = _TLV["sms_signal"]
    MS_VALIDITY = _TLV["ms_validity"]
    ALERT_ON_MESSAGE_DELIVERY = _TLV["alert_on_message_delivery"]
    ITS_REPLY_TYPE = _TLV["its_reply_type"]
    ITS_SESSION_INFO = _TLV["its_session_info"]
