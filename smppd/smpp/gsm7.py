"""The GSM 03.38 default alphabet with its extension table (3GPP 23.038, 6.2.1), both ways.

Septets travel one to an octet, as SMPP usually carries them; `pack` is for SMSCs that want eight of
them in seven. This module knows nothing of messages. A text that does not fit is None, octets that
are no septets still give a text; nothing is raised.
"""

from __future__ import annotations

import re
from typing import Final

#: The character of each septet. 0x1B is the escape to the extension table.
ALPHABET: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: The septet that stands after an escape, by its character.
EXTENSION: Final = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
ESC: Final = 0x1B

#: Characters to their septets.
_TO_SEPTETS: Final[dict[int, str]] = {
    ord(char): chr(code) for code, char in enumerate(ALPHABET) if code != ESC
} | {ord(char): f"\x1b{chr(code)}" for char, code in EXTENSION.items()}
#: A character without a septet, in a text with others than those of Latin-1.
_STRANGE: Final = re.compile(f"[^{re.escape(''.join(map(chr, _TO_SEPTETS)))}]")
#: The characters whose septet is their ASCII code: most texts have no others.
SAME_IN_ASCII: Final = bytes(
    code for code in range(0x80) if code != ESC and ALPHABET[code] == chr(code)
)
#: Latin-1 has an octet for nearly all characters of most texts, and octets are translated at once:
#: those of one septet and, by their octet, which; those that are escaped.
_OF_ONE_SEPTET: Final = bytes(code for code in range(0x100) if len(_TO_SEPTETS.get(code, "")) == 1)
_LATIN1_TO_SEPTETS: Final = bytes(ord(_TO_SEPTETS.get(code, " ")[0]) for code in range(0x100))
_OF_TWO: Final = bytes(code for code in range(0x100) if len(_TO_SEPTETS.get(code, "")) == 2)
_FROM_SEPTETS: Final = dict(enumerate(ALPHABET))
_ESCAPED: Final = re.compile("\x1b(.?)", re.DOTALL)
#: Read after the septets have become characters. A reader without the table, or with nothing to
#: escape to, shows a space (23.038, 6.2.1.1).
_EXTENDED: Final = {ALPHABET[code]: char for char, code in EXTENSION.items()} | {
    "": " ",
    "\x1b": " ",
}


def encode(text: str) -> bytes | None:
    """Return the text in GSM 03.38 septets, one to an octet, or None when a character has none."""
    try:
        octets = text.encode("latin-1")
    except UnicodeEncodeError:
        return None if _STRANGE.search(text) else _slowly(text)
    if not octets.translate(None, SAME_IN_ASCII):
        return octets
    others = octets.translate(None, _OF_ONE_SEPTET)
    if not others:
        return octets.translate(_LATIN1_TO_SEPTETS)
    return None if others.translate(None, _OF_TWO) else _slowly(text)


def _slowly(text: str) -> bytes:
    return text.translate(_TO_SEPTETS).encode("ascii")


def decode(septets: bytes) -> str:
    """Return the text of septets that came one to an octet.

    Lenient: an octet beyond 0x7F, which is no septet, is read as Latin-1, and an escape to nothing
    known gives the character that follows it.
    """
    text = septets.decode("latin-1").translate(_FROM_SEPTETS)
    if "\x1b" not in text:
        return text
    return _ESCAPED.sub(lambda pair: _EXTENDED.get(pair[1], pair[1]), text)


# ── eight septets in seven octets ───────────────────────────────────────────────────────────────

_CR: Final = 0x0D


def fill_bits(header: int) -> int:
    """How many bits stand between a UDH of so many octets and the first septet (23.040, 9.2.3.24)."""
    return -header % 7


def pack(septets: bytes, fill: int = 0) -> bytes:
    """Pack septets that came one to an octet (23.038, 6.1.2), after so many bits of nothing.

    Where seven bits are left over at the end, which a reader would take for an @, they hold a CR
    (6.1.2.3.1), which reads as nothing.
    """
    packed = bytearray()
    held, bits = 0, fill
    for septet in septets:
        held |= septet << bits
        bits += 7
        if bits >= 8:
            packed.append(held & 0xFF)
            held >>= 8
            bits -= 8
    if bits:
        packed.append(held | (_CR << 1 if bits == 1 else 0))
    return bytes(packed)


def unpack(octets: bytes, fill: int = 0) -> bytes:
    """Return the septets one to an octet. A CR that only fills the last octet is left out."""
    septets = bytearray()
    held, bits = 0, -fill
    for octet in octets:
        held |= octet << bits if bits >= 0 else octet >> -bits
        bits += 8
        while bits >= 7:
            septets.append(held & 0x7F)
            held >>= 7
            bits -= 7
    if not bits and septets and septets[-1] == _CR:
        del septets[-1]
    return bytes(septets)
