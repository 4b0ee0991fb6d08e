"""From a request to a message: checked, addressed, encoded and cut into segments. Pure.

What cannot be sent is a value, an `ErrorInfo` whose text names the field and the cure; nothing
is ever cut off, and nothing replaced unless transliteration was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from smppd.address import (
    Destination,
    Sender,
    classify_sender,
    international_numbers,
    normalise_destination,
)
from smppd.config import LinkConfig
from smppd.config.terms import STANDARD_TON_NPI, TonNpi
from smppd.expiry import window
from smppd.message import ErrorInfo, Message, OnUnknown, PlainRequest, Request
from smppd.smpp import gsm7
from smppd.smpp.cutting import Cut, Manner, TooLong, cut, single
from smppd.smpp.text import Alphabet, Encoded, Unencodable, binary, choose, flash
from smppd.smpp.vocabulary import EsmClass, Npi, TlvTag, Ton
from smppd.transliteration import transliterate

#: Gives the reference of a long message from one address to another.
Number = Callable[[str, str], int]

_ON_UNKNOWN = {"hold": OnUnknown.HOLD, "resend": OnUnknown.RESEND, "fail": OnUnknown.FAIL}
_UDHI = int(EsmClass.UDHI)
_GSM7 = Alphabet.GSM7
_UCS2 = Alphabet.UCS2
_INTERNATIONAL = int(Ton.INTERNATIONAL)
_ISDN = int(Npi.ISDN)
#: What is known of a message that needs no cutting, but for its octets.
_ONE = Cut(())
#: TLVs that number a part.
_SAR = (TlvTag.SAR_MSG_REF_NUM, TlvTag.SAR_TOTAL_SEGMENTS, TlvTag.SAR_SEGMENT_SEQNUM)


def prepare(
    request: Request, to: str, link: LinkConfig, country: str, number: Number, now: float
) -> Message | ErrorInfo:
    """Make what a link submits.

    `number` is asked for the reference of what must go in parts; `now` is epoch seconds, for an
    `expires` given as a duration; `country` is the dial code of national numbers, unless the link
    has its own.
    """
    destination = normalise_destination(to, link.default_country or country)
    if not isinstance(destination, Destination):
        return ErrorInfo("BAD_TO", None, destination)
    sender = classify_sender(link.from_ if request.from_ is None else request.from_)
    if not isinstance(sender, Sender):
        return ErrorInfo("BAD_FROM", None, sender)
    encoded, changed = _encode(request, link)
    if isinstance(encoded, ErrorInfo):
        return encoded
    one = single(encoded) if request.udh is None else None
    if one is not None:
        parts = _ONE
    else:
        found = _cut(request, encoded, link, partial(number, sender.text, destination.digits))
        if isinstance(found, ErrorInfo):
            return found
        parts = found
    message = Message(
        destination.digits,
        destination.ton,
        destination.npi,
        sender.text,
        sender.ton,
        sender.npi,
        encoded.data_coding,
        _UDHI if parts.udhi else 0,
        encoded.encoding,
        parts.segments if one is None else (one,),
        request.receipt,
        _ON_UNKNOWN[request.on_unknown or link.on_unknown],
        None,
        (),
        request.echo,
        parts.sar,
        changed,
    )
    if link.text_terms.ton_npi is not STANDARD_TON_NPI:
        _readdress(message, link.text_terms.ton_npi)
    return _extend(message, request, link, parts, now)


class Plain:
    """Makes what `prepare` would of requests that say no more than most, without asking what they do
    not say; None for those of which it takes more to tell."""

    def __init__(self, link: LinkConfig, country: str) -> None:
        terms = link.text_terms
        self._usual = terms.data_coding_0 == "gsm7" and terms.ton_npi is STANDARD_TON_NPI
        self._transliterate = terms.transliterate
        self._digits = international_numbers(link.default_country or country)
        self._own_sender = link.from_
        self._on_unknown = _ON_UNKNOWN[link.on_unknown]
        self._from: str | None = None
        self._sender = self._known(None)

    def _known(self, sender: str | None) -> Sender | None:
        """One whose messages this can make."""
        found = classify_sender(self._own_sender if sender is None else sender)
        return found if self._usual and isinstance(found, Sender) else None

    def make(self, request: PlainRequest) -> Message | None:
        """The message; nothing that a request asks of time depends on now."""
        if request.from_ != self._from:
            self._from = request.from_
            self._sender = self._known(self._from)
        sender, number = self._sender, self._digits(request.to)
        if sender is None or number is None or request.flash:
            return None
        octets, room, data_coding, encoding = gsm7.encode(request.text), 160, 0, _GSM7
        if octets is None:
            if self._transliterate:
                return None
            octets, room, data_coding, encoding = request.text.encode("utf-16-be"), 140, 8, _UCS2
        if len(octets) > room:
            return None
        return Message(
            number[number.lastindex or 0],
            _INTERNATIONAL,
            _ISDN,
            sender.text,
            sender.ton,
            sender.npi,
            data_coding,
            0,
            encoding,
            (octets,),
            request.receipt,
            self._on_unknown,
            None,
            (),
            request.echo,
        )


# ── text ─────────────────────────────────────────────────────────────────────────────────────


def _encode(
    request: Request, link: LinkConfig
) -> tuple[Encoded, dict[str, str] | None] | tuple[ErrorInfo, None]:
    """The content in its octets, and the characters that were replaced, if any."""
    terms = link.text_terms
    changed = None
    encoded: Encoded | Unencodable
    if request.data is not None:
        encoded = binary(bytes.fromhex(request.data))
    else:
        text, default = request.text, terms.data_coding_0
        assert text is not None
        if request.encoding == "gsm7" and default in ("latin1", "ascii"):
            why = f'encoding: link "{link.name}" has no gsm7 (data_coding_0 = "{default}")'
            return ErrorInfo("BAD_ENCODING", None, f"{why}: use auto"), None
        encoded = choose(text, request.encoding, default)
        if _is_wide(encoded) and _wants_other_characters(request, link):
            encoded, changed = _transliterated(text, request.encoding, default, encoded)
        if isinstance(encoded, Unencodable):
            cure = 'change the text or use encoding "auto"'
            return ErrorInfo("BAD_ENCODING", None, f"{encoded.reason}: {cure}"), None
    return _flash(request, encoded, changed) if request.flash else (encoded, changed)


def _is_wide(encoded: Encoded | Unencodable) -> bool:
    return isinstance(encoded, Unencodable) or encoded.encoding is _UCS2


def _wants_other_characters(request: Request, link: LinkConfig) -> bool:
    own = request.transliterate
    return request.encoding != "ucs2" and (link.text_terms.transliterate if own is None else own)


def _transliterated(
    text: str, encoding: str, default: str, encoded: Encoded | Unencodable
) -> tuple[Encoded | Unencodable, dict[str, str] | None]:
    """The text in other characters, where these suffice; else as it is."""
    found = transliterate(text, Alphabet(default if encoding == "auto" else encoding))
    if found is None or not found[0]:
        return encoded, None
    return choose(found[0], encoding, default), found[1]


def _flash(
    request: Request, encoded: Encoded, changed: dict[str, str] | None
) -> tuple[Encoded, dict[str, str] | None] | tuple[ErrorInfo, None]:
    """As class 0; in UCS-2 where the alphabet has no data_coding for it and none was asked for."""
    found = flash(encoded)
    if found is not None:
        return found, changed
    if request.encoding == "auto" and request.text is not None:
        wide = choose(request.text, "ucs2")
        if isinstance(wide, Encoded) and (found := flash(wide)) is not None:
            return found, None
    return ErrorInfo("BAD_FLASH", None, f"flash cannot be {encoded.encoding}: leave it out"), None


def _cut(
    request: Request, encoded: Encoded, link: LinkConfig, number: Callable[[], int]
) -> Cut | ErrorInfo:
    terms = link.text_terms
    udh = None if request.udh is None else bytes.fromhex(request.udh)
    found = cut(encoded, Manner(terms.split, terms.max_parts), number, udh)
    if isinstance(found, Cut):
        return found
    if isinstance(found, TooLong):
        cure = f'shorten it, or raise max_parts of link "{link.name}"'
        if found.limit == 255:
            cure = "shorten it"
        return ErrorInfo("TOO_LONG", None, f"{found.reason}: {cure}")
    return ErrorInfo("BAD_UDH", None, found.reason)


# ── what few messages have ───────────────────────────────────────────────────────────────────


def _extend(
    message: Message, request: Request, link: LinkConfig, parts: Cut, now: float
) -> Message | ErrorInfo:
    """Add what few messages have."""
    if request.send_at is not None or request.expires is not None:
        mistake = _set_times(message, request, link, now)
        if mistake is not None:
            return mistake
    if request.tlv is not None:
        tlv = _own_tlvs(request.tlv, link, parts)
        if isinstance(tlv, ErrorInfo):
            return tlv
        message.tlv = tlv
    if parts.payload is not None:
        message.tlv += ((int(TlvTag.MESSAGE_PAYLOAD), parts.payload),)
    return message


def _set_times(
    message: Message, request: Request, link: LinkConfig, now: float
) -> ErrorInfo | None:
    """From when and until when it may go."""
    times = window(request.send_at, request.expires, now)
    if isinstance(times, str):
        field = times.partition(":")[0]
        return ErrorInfo(f"BAD_{field.upper()}", None, times)
    if link.schedule == "smsc":
        message.schedule, message.expires = times
    else:
        message.send_at, message.expires = times
    return None


def _readdress(message: Message, ton_npi: TonNpi) -> None:
    """The link's own TON and NPI instead of the usual ones."""
    own = {
        int(Ton.INTERNATIONAL): ton_npi.international,
        int(Ton.NETWORK_SPECIFIC): ton_npi.short_code,
        int(Ton.ALPHANUMERIC): ton_npi.alphanumeric,
    }
    message.dest_ton, message.dest_npi = own[message.dest_ton]
    if message.sender:
        message.source_ton, message.source_npi = own[message.source_ton]


def _own_tlvs(
    given: dict[str, str], link: LinkConfig, parts: Cut
) -> tuple[tuple[int, bytes], ...] | ErrorInfo:
    """The client's own TLVs, or what speaks against them."""
    own = tuple((int(tag, 0), bytes.fromhex(value)) for tag, value in given.items())
    tags = {tag for tag, _ in own}
    mistake = ""
    if own and not link.text_terms.tlvs:
        mistake = f'link "{link.name}" takes no optional parameters (tlvs = false): leave it out'
    elif TlvTag.MESSAGE_PAYLOAD in tags:
        mistake = "0x0424, message_payload, is made from text or data: leave it out"
    elif not tags.isdisjoint(_SAR) and (len(parts.segments) > 1 or parts.udhi or parts.payload):
        mistake = "0x020C, 0x020E and 0x020F number one part without udh: leave them out"
    elif any(len(value) > 0xFFFF for _, value in own):
        mistake = "a value has more than 65535 octets: shorten it"
    return ErrorInfo("BAD_TLV", None, f"tlv: {mistake}") if mistake else own
