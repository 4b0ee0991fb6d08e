"""An SMS made for SMPP, as the call of the HTTP API that sends the same text. Pure.

Only what says the same over both ways is recast: the text is read back from the octets exactly, and
whatever a call has no parameter for (class 0, data, headers, TLVs, a delivery time at the SMSC)
keeps a message with its link. Nothing is raised; why a message cannot go is a text, for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from smppd.message import Call, Message
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.checking import check
from smppd.smpp import gsm7
from smppd.smpp.text import Alphabet
from smppd.smpp.vocabulary import EsmClass, TlvTag, Ton

_SEND = OPERATIONS["sms.sendsms"]
#: The operation as which an SMS goes over an account of the HTTP API.
SEND_SMS: Final = _SEND.name

_UDHI = int(EsmClass.UDHI)
_PAYLOAD = int(TlvTag.MESSAGE_PAYLOAD)
#: The data_codings of plain text in each alphabet: any other has a class, or is not text.
_PLAIN = {
    Alphabet.GSM7: {0},
    Alphabet.GSM7_PACKED: {0},
    Alphabet.ASCII: {0},
    Alphabet.LATIN1: {0, 3},
    Alphabet.UCS2: {8},
}
#: Septets of a full packed part, by the octets of its header; TLVs leave room for the shorter one.
_FULL = {0: 153, 6: 153, 7: 152}
_CR, _ESC = b"\r", bytes((gsm7.ESC,))


def as_call(message: Message, links_sender: str, own_sender: str) -> Call | str:
    """The call that sends this message's text, or why there is none.

    `links_sender` is the default sender of the message's link: what leaves with that leaves with
    `own_sender`, the account's, if it has one.
    """
    if message.call is not None:
        return "it is a call already"
    if message.schedule is not None:
        return "the SMSC is to hold it until its delivery time"
    text = text_of(message)
    if text is None:
        return "its text cannot go over the HTTP API unchanged"
    sender = message.sender
    if message.links_sender or sender == links_sender:
        sender = own_sender or sender
    if not sender:
        return "it has no sender, and the account has none (key from)"
    plus = "+" if message.dest_ton == Ton.INTERNATIONAL else ""
    params = check(_SEND, {"from": sender, "to": plus + message.to, "sms": text})
    return params if isinstance(params, str) else Call(SEND_SMS, params)


# ── the text ─────────────────────────────────────────────────────────────────────────────────


def text_of(message: Message) -> str | None:
    """The text that was encoded and cut into this message; None where it is not plain text, or is
    not known for certain.

    Of a packed text a CR at its very end is lost: the octets are the same without it (23.038,
    6.1.2.3.1), so that no handset sees it either.
    """
    alphabet = message.encoding
    if alphabet not in _PLAIN or message.data_coding not in _PLAIN[Alphabet(alphabet)]:
        return None
    pieces = _pieces(message)
    if pieces is None:
        return None
    octets: bytes | None = b"".join(pieces)
    if alphabet == Alphabet.GSM7_PACKED:
        header = len(message.segments[0]) - len(pieces[0]) if message.esm_class else 0
        octets = _unpacked(pieces, header)
    return None if octets is None else _decoded(octets, Alphabet(alphabet))


def _pieces(message: Message) -> Sequence[bytes] | None:
    """The text's octets in each part, without our own numbering; None if there is anything else."""
    if message.tlv:
        (tag, value), *more = message.tlv
        alone = (
            tag == _PAYLOAD and not more and message.segments == (b"",) and not message.esm_class
        )
        return (value,) if alone else None
    if message.esm_class == 0:
        several = len(message.segments) > 1
        return message.segments if several == (message.sar is not None) else None
    if message.esm_class != _UDHI:
        return None
    return _without_numbers(message.segments)


def _without_numbers(segments: Sequence[bytes]) -> Sequence[bytes] | None:
    """The parts behind a user data header that numbers them and says nothing else."""
    total, first = len(segments), segments[0]
    if total < 2:
        return None
    for opening in (b"\x05\x00\x03", b"\x06\x08\x04"):
        if first.startswith(opening):
            break
    else:
        return None
    size = opening[0] + 1
    if len(first) <= size:
        return None
    reference = first[: size - 2]
    headers = [reference + bytes((total, number)) for number in range(1, total + 1)]
    pairs = zip(segments, headers, strict=True)
    if not all(segment.startswith(header) for segment, header in pairs):
        return None
    return [segment[size:] for segment in segments]


def _unpacked(pieces: Sequence[bytes], header: int) -> bytes | None:
    """The septets of packed parts behind a header of so many octets.

    A part but the last is full, or a septet short so as not to end inside an escape. A CR at its end
    may read as a filler: which of the two it is follows from that, or not.
    """
    fill, full = gsm7.fill_bits(header), _FULL[header]
    parts = [gsm7.unpack(piece, fill) for piece in pieces]
    for number, following in enumerate(parts[1:]):
        octets = 8 * len(pieces[number])
        lengths = [n for n in (full, full - 1) if 0 <= octets - fill - 7 * n < 8]
        if not lengths:
            return None
        lost = lengths[0] - len(parts[number])
        if lost and len(lengths) > 1 and following[:1] == _ESC:
            return None
        parts[number] += _CR * lost
    return b"".join(parts)


def _decoded(octets: bytes, alphabet: Alphabet) -> str | None:
    """The text, if these are the octets of it and of no other."""
    if alphabet in (Alphabet.GSM7, Alphabet.GSM7_PACKED):
        text = gsm7.decode(octets)
        return text if gsm7.encode(text) == octets else None
    if alphabet != Alphabet.UCS2:
        return octets.decode("latin-1")
    try:
        return octets.decode("utf-16-be")
    except UnicodeDecodeError:
        return None
