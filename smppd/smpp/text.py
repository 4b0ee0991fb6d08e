"""Text to the octets of short_message and back: alphabets, and cutting a long text into segments.

A short message carries 140 octets: 160 septets of GSM 03.38, sent one septet to an octet, 140
octets of Latin-1 or data, 70 units of UCS-2. What is longer travels in segments, each opening with
a user data header (UDH) that says which message it belongs to (3GPP 23.040, 9.2.3.24). This module
knows no PDUs, links or prices; which reference number a message gets is its caller's choice. A text
that does not fit is a value, not an exception; EncodeError means an encoding nobody knows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from smppd.smpp import gsm7
from smppd.smpp.characters import continues_character, is_low_surrogate
from smppd.smpp.errors import EncodeError


class Alphabet(StrEnum):
    """How the octets of a message are to be read."""

    GSM7 = "gsm7"
    LATIN1 = "latin1"
    UCS2 = "ucs2"
    BINARY = "binary"


class Encoded(msgspec.Struct, frozen=True, gc=False):
    """A whole message in its octets, before cutting. `data_coding` is that of SMPP 3.4, 5.2.19."""

    encoding: Alphabet
    data_coding: int
    octets: bytes


class Unencodable(msgspec.Struct, frozen=True):
    """The text has characters that the encoding lacks.

    `misfits` are the first of them, each with its place in the text, counted from 1.
    """

    encoding: Alphabet
    misfits: tuple[tuple[int, str], ...]

    @property
    def reason(self) -> str:
        """One line that names the characters."""
        named = ", ".join(f"{_name(char)} at {place}" for place, char in self.misfits)
        return f"{self.encoding} cannot express {named}"


class TooLong(msgspec.Struct, frozen=True):
    """The message needs more segments than a reference can number."""

    parts: int

    @property
    def reason(self) -> str:
        """One line that says by how much."""
        return f"the message needs {self.parts} parts; {MAX_PARTS} are the most there can be"


class BadHeader(msgspec.Struct, frozen=True):
    """A user data header given with the message cannot be used."""

    reason: str


#: One octet counts the segments.
MAX_PARTS: Final = 255

_GSM7: Final = Alphabet.GSM7
_UCS2: Final = Alphabet.UCS2
_MESSAGE_OCTETS = 140
_MISFITS_NAMED = 5

# ── choosing an encoding ────────────────────────────────────────────────────────────────────────


def choose(text: str, encoding: str = "auto") -> Encoded | Unencodable:
    """Encode a text. "auto" is gsm7 where the text fits it, else ucs2; latin1 only when asked."""
    if encoding in ("auto", "gsm7"):
        septets = gsm7.encode(text)
        if septets is not None:
            return Encoded(_GSM7, 0, septets)
        if encoding == "gsm7":
            return _unencodable(text, _GSM7)
    elif encoding == "latin1":
        try:
            return Encoded(Alphabet.LATIN1, 3, text.encode("latin-1"))
        except UnicodeEncodeError:
            return _unencodable(text, Alphabet.LATIN1)
    elif encoding != "ucs2":
        raise EncodeError(f"no text encoding is called {encoding!r}")
    try:
        return Encoded(_UCS2, 8, text.encode("utf-16-be"))
    except UnicodeEncodeError:
        return _unencodable(text, _UCS2)


def binary(octets: bytes) -> Encoded:
    """Take octets as they are: 8-bit data, data_coding 4."""
    return Encoded(Alphabet.BINARY, 4, octets)


def _unencodable(text: str, encoding: Alphabet) -> Unencodable:
    misfits = []
    for place, char in enumerate(text, start=1):
        if not _fits(char, encoding):
            misfits.append((place, char))
            if len(misfits) == _MISFITS_NAMED:
                break
    return Unencodable(encoding, tuple(misfits))


def _fits(char: str, encoding: Alphabet) -> bool:
    if encoding == _GSM7:
        return gsm7.encode(char) is not None
    if encoding == _UCS2:
        return not "\ud800" <= char <= "\udfff"
    return char <= "\xff"


def _name(char: str) -> str:
    code = f"U+{ord(char):04X}"
    return f"'{char}' ({code})" if char.isprintable() else code


# ── cutting ─────────────────────────────────────────────────────────────────────────────────────


def split(encoded: Encoded, reference: int, wide: bool = False) -> tuple[bytes, ...] | TooLong:
    """Return short_message for each part; with more than one, each opens with its UDH.

    `wide` takes a 16-bit reference (152 septets, 133 octets or 66 units a part) instead of an 8-bit
    one (153, 134, 67). Of `reference` only those low bits count. No part ends inside an escape or
    surrogate pair, nor inside a character made of several code points where that costs no part.
    """
    octets = encoded.octets
    if len(octets) <= (160 if encoded.encoding == _GSM7 else 140):
        return (octets,)
    return _numbered(encoded, b"", reference, wide)


def count_parts(encoded: Encoded, wide: bool = False) -> int:
    """Return how many parts `split` makes, or would make if it could number more than 255."""
    if len(encoded.octets) <= _capacity(encoded.encoding, 0):
        return 1
    return len(_hard_cuts(encoded, _capacity(encoded.encoding, 7 if wide else 6)))


def split_with_header(
    encoded: Encoded, udh: bytes, reference: int, wide: bool = False
) -> tuple[bytes, ...] | TooLong | BadHeader:
    """Like `split`, with a UDH of the client's own, its length octet included, in each part."""
    mistake = _header_mistake(udh)
    if mistake:
        return BadHeader(mistake)
    if len(encoded.octets) <= _capacity(encoded.encoding, len(udh)):
        return (udh + encoded.octets,)
    if not _ELEMENTS_OF_CONCATENATION.isdisjoint(_elements(udh)):
        return BadHeader(
            "the udh numbers a part already, but the message does not fit one: cut it yourself, "
            "or leave the numbering out"
        )
    if _capacity(encoded.encoding, len(udh) + 6) < 4:
        return BadHeader("the udh leaves no room for the message")
    return _numbered(encoded, udh[1:], reference, wide)


def split_binary(
    octets: bytes, udh: bytes | None, reference: int, wide: bool = False
) -> tuple[bytes, ...] | TooLong | BadHeader:
    """Cut 8-bit data (140 octets, 134 or 133 a part), with or without a UDH of the client's own."""
    if udh is None:
        return split(binary(octets), reference, wide)
    return split_with_header(binary(octets), udh, reference, wide)


_ELEMENTS_OF_CONCATENATION = frozenset({0x00, 0x08})


def _capacity(encoding: Alphabet, header: int) -> int:
    """How many octets of the encoded text fit in one message beside a UDH of `header` octets."""
    room = _MESSAGE_OCTETS - header
    if encoding == _GSM7:
        return room * 8 // 7  # the header is padded to a septet
    return room & ~1 if encoding == _UCS2 else room


def _numbered(
    encoded: Encoded, elements: bytes, reference: int, wide: bool
) -> tuple[bytes, ...] | TooLong:
    """Cut into parts whose UDH holds the numbering and then the client's own elements."""
    if wide:
        number = b"\x08\x04" + (reference & 0xFFFF).to_bytes(2, "big")
    else:
        number = b"\x00\x03" + (reference & 0xFF).to_bytes(1, "big")
    length = len(number) + 2 + len(elements)
    capacity = _capacity(encoded.encoding, length + 1)
    cuts = _hard_cuts(encoded, capacity)
    total = len(cuts)
    if total > MAX_PARTS:
        return TooLong(total)
    if encoded.encoding == _UCS2:
        cuts = _soft_cuts(encoded.octets, capacity, cuts)
    opening = bytes((length,)) + number + bytes((total,))
    starts = [0, *cuts[:-1]]
    return tuple(
        b"".join((opening, bytes((seq,)), elements, encoded.octets[start:end]))
        for seq, (start, end) in enumerate(zip(starts, cuts, strict=True), start=1)
    )


def _hard_cuts(encoded: Encoded, capacity: int) -> list[int]:
    """Where parts end when each is as full as its pairs allow."""
    octets, encoding = encoded.octets, encoded.encoding
    cuts = []
    end = capacity
    while end < len(octets):
        if encoding == _GSM7:
            end -= octets[end - 1] == gsm7.ESC
        elif encoding == _UCS2 and is_low_surrogate(octets, end):
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


# ── from handsets ───────────────────────────────────────────────────────────────────────────────

#: Python's codecs for the values of data_coding that SMPP names (3.4, 5.2.19).
_CODECS: Final = {
    1: "ascii",
    3: "latin-1",
    5: "shift_jis",
    6: "iso8859_5",
    7: "iso8859_8",
    8: "utf-16-be",
    10: "iso2022_jp",
    13: "euc_jp",
    14: "euc_kr",
}


def decode_text(
    octets: bytes, data_coding: int, udh_present: bool = False, default: str = "gsm7"
) -> str:
    """Return the text of a message from a handset. Never fails: what cannot be read is U+FFFD.

    `default` is what the SMSC means by data_coding 0: "gsm7", "latin1" or "ascii". 8-bit data comes
    out as Latin-1, one character to an octet.
    """
    if udh_present and octets and octets[0] < len(octets):
        octets = octets[octets[0] + 1 :]
    codec = _codec(data_coding)
    if codec == "default":
        if default == "gsm7":
            return gsm7.decode(octets)
        codec = "latin-1"
    return octets.decode(codec, "replace")


def _codec(data_coding: int) -> str:
    if data_coding < 0x10:
        return _CODECS.get(data_coding, "latin-1" if data_coding else "default")
    group = data_coding >> 4
    if group == 0xE:  # message waiting, UCS-2
        return "utf-16-be"
    if group == 0xF:  # data coding and message class (23.038, 4)
        return "latin-1" if data_coding & 0x04 else "default"
    if group < 0x8:
        return {0: "default", 1: "latin-1", 2: "utf-16-be", 3: "default"}[data_coding >> 2 & 3]
    return "default"
