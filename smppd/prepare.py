"""From a request to a message: checked, addressed, encoded and cut into segments. Pure.

What cannot be sent is a value, an `ErrorInfo` whose text names the field and the cure; nothing
is ever cut or replaced to make it fit.
"""

from __future__ import annotations

import msgspec

from smppd.address import Destination, Sender, classify_sender, normalise_destination
from smppd.config import LinkConfig
from smppd.expiry import parse_expires
from smppd.message import ErrorInfo, Message, OnUnknown, Request
from smppd.smpp.text import Encoded, TooLong, Unencodable, binary, choose, split, split_with_header
from smppd.smpp.vocabulary import EsmClass

#: data_coding that asks for immediate display (3GPP 23.038, 4: class 0), by encoding.
_FLASH = {"gsm7": 0x10, "ucs2": 0x18, "binary": 0x14}
_ON_UNKNOWN = {"hold": OnUnknown.HOLD, "resend": OnUnknown.RESEND, "fail": OnUnknown.FAIL}


def prepare(
    request: Request, to: str, link: LinkConfig, country: str, reference: int, now: float
) -> Message | ErrorInfo:
    """Make what a link submits.

    `reference` numbers the message among long ones to the same handset; `now` is epoch seconds,
    for an `expires` given as a duration; `country` is the dial code of national numbers.
    """
    destination = normalise_destination(to, country)
    if not isinstance(destination, Destination):
        return ErrorInfo("BAD_TO", None, destination)
    sender = classify_sender(link.from_ if request.from_ is None else request.from_)
    if not isinstance(sender, Sender):
        return ErrorInfo("BAD_FROM", None, sender)
    encoded = _encode(request)
    if isinstance(encoded, ErrorInfo):
        return encoded
    segments = _cut(request, encoded, link, reference)
    if isinstance(segments, ErrorInfo):
        return segments
    data_coding = encoded.data_coding
    if request.flash:
        if encoded.encoding not in _FLASH:
            return ErrorInfo("BAD_FLASH", None, f"flash cannot be {encoded.encoding}: leave it out")
        data_coding = _FLASH[encoded.encoding]
    message = Message(
        destination.digits,
        destination.ton,
        destination.npi,
        sender.text,
        sender.ton,
        sender.npi,
        data_coding,
        EsmClass.UDHI if len(segments) > 1 or request.udh else 0,
        encoded.encoding,
        segments,
        request.receipt,
        _ON_UNKNOWN[request.on_unknown or link.on_unknown],
    )
    return _extend(message, request, now)


def _encode(request: Request) -> Encoded | ErrorInfo:
    if request.data is not None:
        return binary(bytes.fromhex(request.data))
    assert request.text is not None
    encoded = choose(request.text, request.encoding)
    if isinstance(encoded, Unencodable):
        return ErrorInfo(
            "BAD_ENCODING", None, f'{encoded.reason}: change the text or use encoding "auto"'
        )
    return encoded


def _cut(
    request: Request, encoded: Encoded, link: LinkConfig, reference: int
) -> tuple[bytes, ...] | ErrorInfo:
    wide = link.split == "udh16"
    if request.udh is None:
        segments = split(encoded, reference, wide)
        if isinstance(segments, TooLong):
            return ErrorInfo("TOO_LONG", None, segments.reason)
        return segments
    cut = split_with_header(encoded, bytes.fromhex(request.udh), reference, wide)
    if isinstance(cut, TooLong):
        return ErrorInfo("TOO_LONG", None, cut.reason)
    return cut if isinstance(cut, tuple) else ErrorInfo("BAD_UDH", None, cut.reason)


def _extend(message: Message, request: Request, now: float) -> Message | ErrorInfo:
    """Add what few messages have."""
    if request.expires is not None:
        expires = parse_expires(request.expires, now)
        if isinstance(expires, str):
            return ErrorInfo("BAD_EXPIRES", None, expires)
        message = msgspec.structs.replace(message, expires=expires)
    if request.tlv or request.echo:
        tlv = tuple(
            (int(tag, 0), bytes.fromhex(value)) for tag, value in (request.tlv or {}).items()
        )
        message = msgspec.structs.replace(message, tlv=tlv, echo=request.echo)
    return message
