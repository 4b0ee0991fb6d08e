"""Where a UCS-2 text may be cut: not inside what its reader sees as one character.

One such character may be two units (a surrogate pair) or several code points: a letter and its
accents, an emoji and its skin tone, a family held together by joiners, the two letters of a flag.
Offsets are in octets of UTF-16BE without lone surrogates. Pure; raises nothing.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_JOINER: Final = "\u200d"


def is_low_surrogate(octets: bytes, at: int) -> bool:
    """Whether the unit at this octet is the second half of a pair."""
    return 0xDC <= octets[at] <= 0xDF


def continues_character(octets: bytes, at: int, since: int) -> bool:
    """Whether the unit at this octet goes on with the character before it, as a reader sees it.

    `since`, less than `at`, is where a character is known to begin.
    """
    if is_low_surrogate(octets, at):
        return True
    char = octets[at : at + 4].decode("utf-16-be", "ignore")[0]
    before = octets[max(at - 4, since) : at].decode("utf-16-be", "ignore")[-1]
    if _JOINER in (char, before) or unicodedata.category(char).startswith("M"):
        return True
    if "\U0001f3fb" <= char <= "\U0001f3ff" or "\U000e0020" <= char <= "\U000e007f":
        return True  # a skin tone, a tag
    return _is_flag_letter(char) and _flag_letters_before(octets, at, since) % 2 == 1


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _flag_letters_before(octets: bytes, at: int, since: int) -> int:
    """Flags are pairs of letters: an odd number of them before means that a pair is open."""
    letters = 0
    while at - 4 >= since and _is_flag_letter(
        octets[at - 4 : at].decode("utf-16-be", "ignore")[-1]
    ):
        letters += 1
        at -= 4
    return letters
