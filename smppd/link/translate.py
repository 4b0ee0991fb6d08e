"""From our words to the protocol's: a part becomes a submit_sm, a configuration a bind request.

No sockets, and no clock but the one given. What does not fit a field is found when it is encoded:
only `Writer` raises, EncodeError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from time import gmtime, strftime
from types import MappingProxyType

from smppd.address import Sender, classify_sender
from smppd.config import LinkConfig, Times
from smppd.config.terms import STANDARD_TON_NPI
from smppd.ledger.user_reference import user_reference
from smppd.message import Part
from smppd.smpp.codec import HEADER_LENGTH, Filler, encode
from smppd.smpp.compiled import Around
from smppd.smpp.errors import EncodeError
from smppd.smpp.pdu import BindReceiver, BindTransceiver, BindTransmitter, Response, SubmitSm
from smppd.smpp.tlv import Tlvs
from smppd.smpp.vocabulary import TlvTag

#: registered_delivery: a receipt whatever becomes of the message, or none (3.4, 5.2.17).
_RECEIPT = 1
_NO_RECEIPT = 0

_REFERENCE = int(TlvTag.USER_MESSAGE_REFERENCE)
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


_NO_SENDER = Sender("", 0, 0)


@dataclass(frozen=True, slots=True)
class Wording:
    """How a link writes what no message says: `sender` is for those that leave it to the link;
    with `references` each part has a user_message_reference."""

    service_type: str = ""
    sender: Sender = _NO_SENDER
    times: Times = "absolute"
    references: bool = False


def wording_of(config: LinkConfig) -> Wording:
    """The wording of a configured link."""
    sender = classify_sender(config.from_)
    assert isinstance(sender, Sender)  # the configuration has been checked
    kinds = dict(zip(STANDARD_TON_NPI, config.text_terms.ton_npi, strict=True))
    ton, npi = kinds.get((sender.ton, sender.npi), (sender.ton, sender.npi))
    return Wording(
        config.service_type,
        Sender(sender.text, ton, npi),
        config.times,
        config.user_message_reference,
    )


def with_reference(pdu: SubmitSm, part: Part) -> SubmitSm:
    """The submit_sm with our user_message_reference (3.4, 5.3.2.17), unless the message has one."""
    if all(tag != _REFERENCE for tag, _ in pdu.tlvs):
        value = user_reference(part.msg_id, part.index).to_bytes(2, "big")
        pdu.tlvs = (*pdu.tlvs, (_REFERENCE, value))
    return pdu


#: What tells one submit_sm from the next, where nothing is said of times and in TLVs.
_SUBMIT_SM = Filler(SubmitSm, "destination_addr", "short_message")

#: So many kinds of submit_sm are remembered; their senders differ for the most part.
_MOST_KINDS = 1000


class Writer:
    """Writes the parts that leave over a link; `wall` gives seconds since the epoch."""

    __slots__ = ("_kinds", "_wall", "_wording")

    def __init__(self, wording: Wording, wall: Callable[[], float]) -> None:
        self._wording = wording
        self._wall = wall
        self._kinds: dict[tuple[object, ...], Around] = {}

    def body(self, part: Part) -> bytes:
        """The body of a part's submit_sm. EncodeError says which field it does not fit."""
        message = part.message
        if (
            message.expires is not None
            or message.schedule is not None
            or message.tlv
            or message.sar is not None
            or self._wording.references
        ):
            return self._whole(part)
        kind = (
            message.source_ton,
            message.source_npi,
            message.sender,
            message.links_sender,
            message.dest_ton,
            message.dest_npi,
            message.esm_class,
            message.receipt,
            message.data_coding,
        )
        try:
            around = self._kinds.get(kind) or self._learn(kind, part)
            return _SUBMIT_SM.fill(around, message.to, message.segments[part.index])
        except EncodeError:
            return self._whole(part)  # which says why

    def _learn(self, kind: tuple[object, ...], part: Part) -> Around:
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        around = _SUBMIT_SM.around(submit_sm(part, self._wording, 0.0))
        self._kinds[kind] = around
        return around

    def _whole(self, part: Part) -> bytes:
        pdu = submit_sm(part, self._wording, self._wall())
        if self._wording.references:
            pdu = with_reference(pdu, part)
        return encode(pdu, 0)[HEADER_LENGTH:]


def submit_sm(part: Part, wording: Wording, now: float) -> SubmitSm:
    """The submit_sm of one part (3.4, 4.4.1); `now` is seconds since the epoch, for times."""
    message = part.message
    sender = wording.sender if message.links_sender else None
    return SubmitSm(
        service_type=wording.service_type,
        source_addr_ton=message.source_ton if sender is None else sender.ton,
        source_addr_npi=message.source_npi if sender is None else sender.npi,
        source_addr=message.sender if sender is None else sender.text,
        dest_addr_ton=message.dest_ton,
        dest_addr_npi=message.dest_npi,
        destination_addr=message.to,
        esm_class=message.esm_class,
        schedule_delivery_time=(
            "" if message.schedule is None else _schedule(message.schedule, now, wording.times)
        ),
        validity_period=(
            "" if message.expires is None else _written(message.expires, now, wording.times)
        ),
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


# ── times (3.4, 7.1.1): 16 characters or none ────────────────────────────────────────────────


def _written(moment: float, now: float, times: Times) -> str:
    if times == "omit":
        return ""
    return absolute_time(moment) if times == "absolute" else relative_time(moment - now)


def _schedule(moment: float, now: float, times: Times) -> str:
    """A delivery time; none when it has come, because an SMSC refuses times gone by."""
    return _written(ceil(moment), now, times) if moment > now else ""


def absolute_time(seconds: float) -> str:
    """A moment, in seconds since the epoch, as YYMMDDhhmmsstnnp in UTC (3.4, 7.1.1.1)."""
    return strftime("%y%m%d%H%M%S000+", gmtime(seconds))


def relative_time(seconds: float) -> str:
    """A length of time as YYMMDDhhmmss000R (3.4, 7.1.1.2), at least a second.

    The specification does not say how long a month and a year are: they are written only where
    days do not suffice, as 30 days and twelve such months.
    """
    minutes, second = divmod(max(1, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    months, day = divmod(days, 30) if days > 31 else (0, days)
    year, month = divmod(months, 12)
    return f"{year:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}000R"


def older_version(response: Response | None, ours: str) -> str:
    """A remark, when the SMSC says that it speaks a lower version than our bind (3.4, 5.3.2.25)."""
    for tag, value in getattr(response, "tlvs", ()):
        if tag == TlvTag.SC_INTERFACE_VERSION and value and value[0] < _VERSIONS[ours]:
            theirs = f"{value[0] >> 4}.{value[0] & 15}"
            return (
                f"the SMSC speaks SMPP {theirs} (sc_interface_version), lower than our {ours}: if"
                " it refuses messages, bind with the interface_version that the provider names"
            )
    return ""
