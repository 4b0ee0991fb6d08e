"""Other characters for those that an alphabet lacks, so that a text need not go as UCS-2.

One typographic quote halves what a message holds. A character that the alphabet has stays (é in
GSM 03.38); for the others there is a table of ours, and behind it anyascii, but only for digits,
punctuation, and the letters of scripts that people do write in Latin ones. What would not mean the
same stays as it is, and with it the whole text: emoji, ideographs, scripts that write no vowels,
superscripts and fractions (10² is not 102). Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from anyascii import anyascii

from smppd.smpp.text import Alphabet, fits


def _spread(pairs: dict[str, str]) -> dict[str, str]:
    return {char: to for chars, to in pairs.items() for char in chars}


#: What looks or means the same.
TABLE: Mapping[str, str] = MappingProxyType(
    _spread(
        {
            "\u2018\u2019\u201a\u201b\u2032\u00b4`\u02b9\u02bb\u02bc\u02c8\uff07": "'",
            "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02": '"',
            "\u2039": "<",
            "\u203a": ">",
            "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\uff0d": "-",
            "\u2022\u2023\u25aa\u25cf\u25e6\u2219": "-",
            "\u00b7": ".",
            "\u2026": "...",
            "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a": " ",
            "\u202f\u205f\u3000": " ",
            "\u00ad\u200b\u200c\u200d\u2060\ufeff": "",
            "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069": "",
            "\v\u0085\u2028\u2029": "\n",
            "\u2044\u2215": "/",
            "\u00a9": "(C)",
            "\u00ae": "(R)",
            "\u2122": "(TM)",
            "\u2116": "No",
            "\u00b0": "o",
            "\u00d7": "x",
            "\u00f7": "/",
            "\u00b1": "+-",
            "\u2264": "<=",
            "\u2265": ">=",
            "\u2192": "->",
            "\u2190": "<-",
            "\u00a6": "|",
            "\u20ac": "EUR",
            "\u00a3": "GBP",
            "\u00a5": "JPY",
            "\u20bd": "RUB",
            "\u20b9": "INR",
            "\u20a9": "KRW",
            "\u20ba": "TRY",
            "\u20b4": "UAH",
            "\u20a6": "NGN",
            "\u20aa": "ILS",
            "\u20ab": "VND",
            "\u20b1": "PHP",
        }
    )
)

#: Unicode's general categories of digits and punctuation.
_PLAIN = frozenset({"Nd", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps"})
#: Letters that anyascii may have, by their names.
_LETTERS = re.compile(
    "LATIN |FULLWIDTH LATIN |GREEK |CYRILLIC |ARMENIAN |GEORGIAN |HIRAGANA |KATAKANA |HANGUL "
    "|MICRO SIGN|MASCULINE ORDINAL|FEMININE ORDINAL|ROMAN NUMERAL |SMALL ROMAN NUMERAL "
)
_WITH_MARKS = re.compile("[^\u0300-\u036f][\u0300-\u036f]+")
_GREEK_WORD = re.compile("[\u0370-\u03ff\u1f00-\u1fff]{2}")
#: GSM 03.38 has the Greek capitals that look like no Latin ones.
_GREEK_LIKE_LATIN = str.maketrans(
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
    "ABEZHIKMNOPTYX",
)
_SEPTETS = (Alphabet.GSM7, Alphabet.GSM7_PACKED)


@lru_cache(maxsize=4)
def transliterate(text: str, alphabet: Alphabet) -> tuple[str, dict[str, str]] | None:
    """The text in characters of the alphabet, and what was put for what; None if it cannot be.

    A text that goes to many is made once."""
    changed: dict[str, str] = {}

    def composed(match: re.Match[str]) -> str:
        letter = unicodedata.normalize("NFC", match[0])
        if letter == match[0]:
            return letter
        if len(letter) == 1 and fits(letter, alphabet):
            changed[match[0]] = letter
        return letter

    text = _WITH_MARKS.sub(composed, text)
    replaced: dict[str, str] = {}
    greek = alphabet in _SEPTETS and _GREEK_WORD.search(text) is not None
    for char in dict.fromkeys(text):
        if fits(char, alphabet):
            continue
        instead = _instead(char, alphabet, greek)
        if instead is None:
            return None
        replaced[char] = instead
    return text.translate({ord(char): instead for char, instead in replaced.items()}), {
        **changed,
        **replaced,
    }


@lru_cache(maxsize=4096)
def _instead(char: str, alphabet: Alphabet, greek: bool) -> str | None:
    """What stands for a character that the alphabet lacks; None where nothing does.

    `greek`: the text is Greek, and a letter becomes the capital that septets have for it.
    """
    instead = TABLE.get(char)
    if instead is None:
        instead = _greek_capital(char) if greek and _is_greek(char) else _in_ascii(char)
    if instead is None or not all(fits(each, alphabet) for each in instead):
        return None
    return instead


def _in_ascii(char: str) -> str | None:
    """As anyascii has it, where that means the same."""
    name = unicodedata.name(char, "")
    if name.startswith("COMBINING "):
        return ""
    if char == "\u03bc":  # alone it is a unit's prefix: 5 \u03bcg are not 5 mg
        return "u"
    if unicodedata.category(char) not in _PLAIN and not _LETTERS.match(name):
        return None
    return anyascii(char).replace("`", "'") or None


def _is_greek(char: str) -> bool:
    return unicodedata.name(char, "").startswith("GREEK ") and char.isalpha()


def _greek_capital(char: str) -> str:
    """The capital without accents, as a septet or as the Latin letter that looks like it."""
    return unicodedata.normalize("NFD", char)[0].upper().translate(_GREEK_LIKE_LATIN)
