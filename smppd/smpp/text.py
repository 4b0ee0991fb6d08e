"""Text to octets and back: which alphabet carries it, and how a handset's octets are read.

Most of it turns on data_coding 0, "SMSC default alphabet" (SMPP 3.4, 5.2.19): what that is, is for
each SMSC to say. This module knows no PDUs, links or prices, and cuts nothing. A text that does not
fit is a value, not an exception; EncodeError means an encoding nobody knows.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import msgspec

from smppd.smpp import gsm7
from smppd.smpp.errors import EncodeError
from smppd.smpp.vocabulary import DataCoding


class Alphabet(StrEnum):
    """How the octets of a message are to be read."""

    GSM7 = "gsm7"
    GSM7_PACKED = "gsm7_packed"
    LATIN1 = "latin1"
    ASCII = "ascii"
    UCS2 = "ucs2"
    BINARY = "binary"


class Encoded(msgspec.Struct, frozen=True, gc=False):
    """A whole message in its octets, before cutting. `data_coding` is that of SMPP 3.4, 5.2.19.

    Septets stand one to an octet, also where they will be packed.
    """

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


_GSM7: Final = Alphabet.GSM7
_GSM7_PACKED: Final = Alphabet.GSM7_PACKED
_LATIN1: Final = Alphabet.LATIN1
_UCS2: Final = Alphabet.UCS2
_AS_LATIN1: Final = int(DataCoding.LATIN1)
_AS_UCS2: Final = int(DataCoding.UCS2)
_AS_BINARY: Final = int(DataCoding.BINARY)
_MISFITS_NAMED = 5
#: An SMSC that takes these for its default alphabet makes GSM 03.38 of them: no control
#: characters, which might become escapes.
_STRANGE: Final = {
    Alphabet.ASCII: re.compile("[^\n\r -~]"),
    Alphabet.LATIN1: re.compile("[^\n\r -~\xa0-\xff]"),
}
#: data_coding that asks for immediate display (3GPP 23.038, 4: class 0). Latin-1 has none.
_FLASH: Final = {
    Alphabet.GSM7: 0x10,
    Alphabet.GSM7_PACKED: 0x10,
    Alphabet.BINARY: 0x14,
    Alphabet.UCS2: 0x18,
}

# ── choosing an encoding ────────────────────────────────────────────────────────────────────────


def choose(text: str, encoding: str = "auto", default: str = "gsm7") -> Encoded | Unencodable:
    """Encode a text. "auto" is what the SMSC takes data_coding 0 for where the text fits that,
    else ucs2; latin1 with a data_coding of its own only when asked.

    `default` is data_coding 0: "gsm7", "gsm7_packed", "latin1" or "ascii". To ask for "gsm7" where
    it is neither of the first two is the caller's mistake.
    """
    if encoding in ("auto", "gsm7"):
        encoded = _in_default(text, default)
        if encoded is not None:
            return encoded
        if encoding == "gsm7":
            return _unencodable(text, _GSM7)
    elif encoding == "latin1":
        try:
            return Encoded(
                _LATIN1, 0 if default == "latin1" else _AS_LATIN1, text.encode("latin-1")
            )
        except UnicodeEncodeError:
            return _unencodable(text, _LATIN1)
    elif encoding != "ucs2":
        raise EncodeError(f"no text encoding is called {encoding!r}")
    try:
        return Encoded(_UCS2, _AS_UCS2, text.encode("utf-16-be"))
    except UnicodeEncodeError:
        return _unencodable(text, _UCS2)


def _in_default(text: str, default: str) -> Encoded | None:
    """The text in what data_coding 0 means, if it fits."""
    if default in ("gsm7", "gsm7_packed"):
        septets = gsm7.encode(text)
        if septets is None:
            return None
        return Encoded(_GSM7 if default == "gsm7" else _GSM7_PACKED, 0, septets)
    alphabet = Alphabet(default)
    return None if _STRANGE[alphabet].search(text) else Encoded(alphabet, 0, text.encode("latin-1"))


def binary(octets: bytes) -> Encoded:
    """Take octets as they are: 8-bit data, data_coding 4."""
    return Encoded(Alphabet.BINARY, _AS_BINARY, octets)


def flash(encoded: Encoded) -> Encoded | None:
    """The same as class 0, for immediate display; None where no data_coding says both.

    Latin-1 and ASCII have no such data_coding: where they are the default alphabet, what is the same
    in GSM 03.38 can be sent as if it were that.
    """
    code = _FLASH.get(encoded.encoding)
    same = not encoded.octets.translate(None, gsm7.SAME_IN_ASCII)
    if code is None and encoded.data_coding == 0 and same:
        code = _FLASH[_GSM7]
    return None if code is None else Encoded(encoded.encoding, code, encoded.octets)


def fits(char: str, alphabet: Alphabet) -> bool:
    """Whether an alphabet of data_coding 0, or ucs2, has this character."""
    if alphabet in (_GSM7, _GSM7_PACKED):
        return gsm7.encode(char) is not None
    if alphabet == _UCS2:
        return not "\ud800" <= char <= "\udfff"
    return not _STRANGE[alphabet].search(char)


def _unencodable(text: str, encoding: Alphabet) -> Unencodable:
    misfits = []
    for place, char in enumerate(text, start=1):
        if char > "\xff" if encoding == _LATIN1 else not fits(char, encoding):
            misfits.append((place, char))
            if len(misfits) == _MISFITS_NAMED:
                break
    return Unencodable(encoding, tuple(misfits))


def _name(char: str) -> str:
    code = f"U+{ord(char):04X}"
    return f"'{char}' ({code})" if char.isprintable() else code


# ── from handsets ───────────────────────────────────────────────────────────────────────────────

#: Python's codecs for the values of data_coding that SMPP names (3.4, 5.2.19).
_CODECS: Final = {
    int(DataCoding.IA5): "ascii",
    int(DataCoding.LATIN1): "latin-1",
    int(DataCoding.JIS): "shift_jis",
    int(DataCoding.CYRILLIC): "iso8859_5",
    int(DataCoding.HEBREW): "iso8859_8",
    int(DataCoding.UCS2): "utf-16-be",
    int(DataCoding.ISO2022_JP): "iso2022_jp",
    int(DataCoding.EXTENDED_JIS): "euc_jp",
    int(DataCoding.KSC5601): "euc_kr",
}


def decode_text(
    octets: bytes, data_coding: int, udh_present: bool = False, default: str = "gsm7"
) -> str:
    """Return the text of a message from a handset. Never fails: what cannot be read is U+FFFD.

    `default` is what the SMSC means by data_coding 0: "gsm7", "gsm7_packed", "latin1" or "ascii".
    8-bit data comes out as Latin-1, one character to an octet.
    """
    header = octets[0] + 1 if udh_present and octets and octets[0] < len(octets) else 0
    octets = octets[header:]
    codec = _codec(data_coding)
    if codec == "default":
        if default == "gsm7_packed":
            return gsm7.decode(gsm7.unpack(octets, gsm7.fill_bits(header)))
        if default == "gsm7":
            return gsm7.decode(octets)
        codec = "latin-1"
    return octets.decode(codec, "replace")


def is_default_alphabet(data_coding: int) -> bool:
    """Whether this data_coding names what each SMSC has for its default alphabet."""
    return _codec(data_coding) == "default"


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
