"""Cutting: from a whole message in its octets to the short_message of each part.

A short message carries 140 octets: 160 septets of GSM 03.38, sent one septet to an octet or packed,
140 octets of Latin-1, ASCII or data, 70 units of UCS-2. What is longer travels in parts. Each says
which message it belongs to: in a user data header (UDH) that the handset reads (3GPP 23.040,
9.2.3.24), or in TLVs of which the SMSC makes that header (SMPP 3.4, 5.3.2.22 and after); or it goes
as one message_payload that the SMSC cuts (5.3.2.32). Pure; what cannot be cut is a value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from smppd.smpp import gsm7
from smppd.smpp.characters import continues_character, is_low_surrogate
from smppd.smpp.text import Alphabet, Encoded

#: One octet counts the parts.
MAX_PARTS: Final = 255

_GSM7: Final = Alphabet.GSM7
_GSM7_PACKED: Final = Alphabet.GSM7_PACKED
_UCS2: Final = Alphabet.UCS2
_MESSAGE_OCTETS = 140
#: The UDH that numbers parts with a reference of 8 and of 16 bits, its length octet included.
_NARROW = 6
_WIDE = 7


class Cut(msgspec.Struct, frozen=True, gc=False):
    """short_message for each part. `udhi`: each opens with a UDH.

    `sar` is the reference of parts that TLVs number; `payload` is what stands in message_payload
    instead, beside a short_message of nothing.
    """

    segments: tuple[bytes, ...]
    udhi: bool = False
    sar: int | None = None
    payload: bytes | None = None


class TooLong(msgspec.Struct, frozen=True):
    """The message needs more parts than there may be."""

    parts: int
    limit: int = MAX_PARTS

    @property
    def reason(self) -> str:
        """One line that says by how much."""
        return f"the message needs {self.parts} parts, and {self.limit} are the most there may be"


class BadHeader(msgspec.Struct, frozen=True):
    """A user data header given with the message cannot be used."""

    reason: str


class Manner(msgspec.Struct, frozen=True):
    """How what is too long for one message is carried: "udh8", "udh16" (references of 16 bits;
    152 septets, 133 octets or 66 units a part instead of 153, 134, 67), "sar" or "payload"."""

    split: str = "udh8"
    max_parts: int = MAX_PARTS


def fits_one(encoded: Encoded) -> bool:
    """Whether this needs no cutting."""
    room = 160 if encoded.encoding in (_GSM7, _GSM7_PACKED) else _MESSAGE_OCTETS
    return len(encoded.octets) <= room


def single(encoded: Encoded) -> bytes | None:
    """The short_message of what needs no cutting, as most does not; None for what does."""
    octets = encoded.octets
    if encoded.encoding is _GSM7:
        return octets if len(octets) <= 160 else None
    return _written(encoded.encoding, b"", octets) if fits_one(encoded) else None


def cut(
    encoded: Encoded, manner: Manner, number: Callable[[], int], udh: bytes | None = None
) -> Cut | TooLong | BadHeader:
    """Cut a message, with a UDH of the client's own (length octet included) in each part, if any.

    `number` gives the reference and is asked only when there are parts to number. No part ends
    inside an escape or surrogate pair, nor inside a character made of several code points where
    that costs no part. TLVs never number parts that have a UDH (SMPP 3.4, 5.3.2.22): a message
    with a UDH of its own has the numbers in there, whatever the manner.
    """
    if udh is not None:
        return _with_header(encoded, udh, manner, number)
    if fits_one(encoded):
        return Cut((_written(encoded.encoding, b"", encoded.octets),))
    if manner.split == "sar":
        return _numbered_by_tlvs(encoded, manner, number)
    if manner.split == "payload":
        parts = count_parts(encoded)
        return TooLong(parts, manner.max_parts) if parts > manner.max_parts else _one_piece(encoded)
    return _numbered(encoded, b"", manner, number)


def count_parts(encoded: Encoded, wide: bool = False) -> int:
    """How many parts there are, or would be if more than 255 could be numbered."""
    if fits_one(encoded):
        return 1
    return len(_hard_cuts(encoded, _capacity(encoded.encoding, _WIDE if wide else _NARROW)))


# ── the manners ─────────────────────────────────────────────────────────────────────────────────

_ELEMENTS_OF_CONCATENATION = frozenset({0x00, 0x08})


def _one_piece(encoded: Encoded) -> Cut:
    return Cut((b"",), payload=_written(encoded.encoding, b"", encoded.octets))


def _numbered_by_tlvs(encoded: Encoded, manner: Manner, number: Callable[[], int]) -> Cut | TooLong:
    """Parts as long as they may be when the SMSC puts a UDH before them.

    sar_msg_ref_num has 16 bits, but a number above 255 might make that UDH the longer one.
    """
    bodies = _bodies(encoded, _NARROW, manner)
    if isinstance(bodies, TooLong):
        return bodies
    written = tuple(_written(encoded.encoding, b"", body) for body in bodies)
    return Cut(written, sar=number() & 0xFF)


def _numbered(
    encoded: Encoded, elements: bytes, manner: Manner, number: Callable[[], int]
) -> Cut | TooLong:
    """Parts whose UDH holds the numbering and then the client's own elements."""
    wide = manner.split == "udh16"
    header = (_WIDE if wide else _NARROW) + len(elements)
    bodies = _bodies(encoded, header, manner)
    if isinstance(bodies, TooLong):
        return bodies
    reference = number()
    if wide:
        numbers = b"\x08\x04" + (reference & 0xFFFF).to_bytes(2, "big")
    else:
        numbers = b"\x00\x03" + (reference & 0xFF).to_bytes(1, "big")
    opening = bytes((header - 1,)) + numbers + bytes((len(bodies),))
    return Cut(
        tuple(
            _written(encoded.encoding, b"".join((opening, bytes((seq,)), elements)), body)
            for seq, body in enumerate(bodies, start=1)
        ),
        udhi=True,
    )


def _with_header(
    encoded: Encoded, udh: bytes, manner: Manner, number: Callable[[], int]
) -> Cut | TooLong | BadHeader:
    mistake = _header_mistake(udh)
    if mistake:
        return BadHeader(mistake)
    if len(encoded.octets) <= _capacity(encoded.encoding, len(udh)):
        return Cut((_written(encoded.encoding, udh, encoded.octets),), udhi=True)
    if not _ELEMENTS_OF_CONCATENATION.isdisjoint(_elements(udh)):
        return BadHeader(
            "the udh numbers a part already, but the message does not fit one: cut it yourself, "
            "or leave the numbering out"
        )
    if _capacity(encoded.encoding, len(udh) + _NARROW) < 4:
        return BadHeader("the udh leaves no room for the message")
    return _numbered(encoded, udh[1:], manner, number)


def _written(alphabet: Alphabet, udh: bytes, body: bytes) -> bytes:
    """A part as it stands in short_message."""
    if alphabet is _GSM7_PACKED:
        return udh + gsm7.pack(body, gsm7.fill_bits(len(udh)))
    return udh + body


# ── where parts end ─────────────────────────────────────────────────────────────────────────────


def _capacity(encoding: Alphabet, header: int) -> int:
    """How many octets of the encoded text fit in one message beside a UDH of `header` octets."""
    room = _MESSAGE_OCTETS - header
    if encoding in (_GSM7, _GSM7_PACKED):
        return room * 8 // 7  # the header is padded to a septet
    return room & ~1 if encoding is _UCS2 else room


def _bodies(encoded: Encoded, header: int, manner: Manner) -> list[bytes] | TooLong:
    """What of the text stands in each part beside a UDH of `header` octets."""
    capacity = _capacity(encoded.encoding, header)
    cuts = _hard_cuts(encoded, capacity)
    if len(cuts) > manner.max_parts:
        return TooLong(len(cuts), manner.max_parts)
    if encoded.encoding is _UCS2:
        cuts = _soft_cuts(encoded.octets, capacity, cuts)
    return [encoded.octets[s:e] for s, e in zip([0, *cuts[:-1]], cuts, strict=True)]


def _hard_cuts(encoded: Encoded, capacity: int) -> list[int]:
    """Where parts end when each is as full as its pairs allow."""
    octets, encoding = encoded.octets, encoded.encoding
    septets = encoding in (_GSM7, _GSM7_PACKED)
    cuts = []
    end = capacity
    while end < len(octets):
        if septets:
            end -= octets[end - 1] == gsm7.ESC
        elif encoding is _UCS2 and is_low_surrogate(octets, end):
            end -= 2
        cuts.append(end)
        end += capacity
    return [*cuts, len(octets)]


def _soft_cuts(octets: bytes, capacity: int, hard: list[int]) -> list[int]:
    """The same without cutting inside what a reader sees as one character, if no part is added."""
    cuts: list[int] = []
    start = 0
    while start + capacity < len(octets):
        end = start + capacity
        while end > start and continues_character(octets, end, start):
            end -= 2
        if end == start:  # one such character is longer than a part
            end = start + capacity
            end -= 2 * is_low_surrogate(octets, end)
        cuts.append(end)
        start = end
    return [*cuts, len(octets)] if len(cuts) < len(hard) else hard


# ── a header of the client's own ────────────────────────────────────────────────────────────────


def _header_mistake(udh: bytes) -> str:
    """What is wrong with a UDH of the client's own (23.040, 9.2.3.24), or nothing."""
    if not udh or udh[0] != len(udh) - 1:
        return "the first octet of the udh must count the octets that follow it"
    if len(udh) > _MESSAGE_OCTETS:
        return f"the udh has {len(udh)} octets; a message has {_MESSAGE_OCTETS} in all"
    at = 1
    while at < len(udh):
        at += 2 + (udh[at + 1] if at + 1 < len(udh) else len(udh))
    return "" if at == len(udh) else "an element of the udh goes beyond its end"


def _elements(udh: bytes) -> set[int]:
    """The identifiers of the information elements in a well-formed UDH."""
    found = set()
    at = 1
    while at < len(udh):
        found.add(udh[at])
        at += 2 + udh[at + 1]
    return found
