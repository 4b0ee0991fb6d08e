"""Phone numbers and senders as people write them, and as SMPP wants them.

A number that is not certain is refused, never guessed and never cut: a guess is an SMS to a
stranger. This module knows no numbering plans, messages or links. What cannot be used is a text
that says why and what to write instead; it does not repeat the number. Nothing is raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec

from smppd.smpp.vocabulary import Npi, Ton


class Destination(msgspec.Struct, frozen=True, gc=False):
    """Where a message goes: digits alone, with TON and NPI (SMPP 3.4, 5.2.5, 5.2.6)."""

    digits: str
    ton: int
    npi: int


class Sender(msgspec.Struct, frozen=True, gc=False):
    """Whom a message is from, with TON and NPI (SMPP 3.4, 5.2.5, 5.2.6)."""

    text: str
    ton: int
    npi: int


#: Digits of an international number (E.164), and of a short code.
FEWEST_DIGITS: Final = 7
MOST_DIGITS: Final = 15
SHORTEST_CODE: Final = 3
LONGEST_CODE: Final = 6
#: An alphanumeric sender is eleven septets in the seven octets that GSM has for it.
LONGEST_NAME: Final = 11
#: A number with all its separators; what is longer is not worth remembering.
_LONGEST_WRITTEN = 40
#: Without + or 00, and without a default country, what is no longer may lack its country code.
_LONGEST_NATIONAL = 9
#: No national number has more digits (those of China, and mobile ones of Germany, have as many).
_MOST_NATIONAL = 11
#: No national number that begins with its own country code is known to be longer than this.
_LONGEST_AMBIGUOUS = 10

_INTERNATIONAL = int(Ton.INTERNATIONAL)
_NETWORK_SPECIFIC = int(Ton.NETWORK_SPECIFIC)
_ALPHANUMERIC = int(Ton.ALPHANUMERIC)
_ISDN = int(Npi.ISDN)
_NO_PLAN = int(Npi.UNKNOWN)

_PLAIN = re.compile(r"(?:(?:\+|00)([1-9][0-9]{6,14})|([1-9][0-9]{9,14}))")
_MARKED = re.compile(r"(?:\+|00)([1-9][0-9]{6,14})")
_DIGITS = re.compile(r"\+?[0-9]+")
_STRANGE_IN_NUMBER = re.compile(r"[^+0-9 ().-]")
_SEPARATORS = dict.fromkeys(map(ord, " -.()"))
#: ASCII that GSM 03.38 has in one septet, but for @: its septet is 0, which ends a text.
_STRANGE_IN_NAME = re.compile(r"[^ !-#$%&'()*+,\-./0-9:;<=>?A-Z_a-z]")

_WRITE_IT = "write it with its country code, like +34600000001"


def normalise_destination(text: str, default_country: str = "") -> Destination | str:
    """Return the destination, or why it is none.

    Accepts `+` or `00` before the country code, and spaces, hyphens, dots and parentheses anywhere;
    three to six digits alone are a short code. Without `+` and `00` a number of ten digits or more
    is international. With `default_country` (a country code's digits) it is national, and one
    leading 0 is dropped, unless it begins with that code and is longer than a national number.
    """
    if not default_country or text.startswith(("+", "00")):
        plain = _PLAIN.fullmatch(text)
        if plain is not None:
            return Destination(plain[1] or plain[2], _INTERNATIONAL, _ISDN)
    digits = text.translate(_SEPARATORS)
    mistake = _mistake(text, digits)
    if mistake:
        return mistake
    if digits.startswith(("+", "00")):
        return _after_prefix(digits)
    if len(digits) <= LONGEST_CODE:
        return _short_code(digits)
    return _national(digits, default_country) if default_country else _unmarked(digits)


def international_numbers(default_country: str = "") -> Callable[[str], re.Match[str] | None]:
    """Finds the digits, in its last group, of a number that is written as most are; None is said of
    some that `normalise_destination` takes."""
    return (_MARKED if default_country else _PLAIN).fullmatch


def _mistake(text: str, digits: str) -> str:
    """What keeps a text from being any number at all, or nothing."""
    strange = _STRANGE_IN_NUMBER.search(text)
    if strange is not None:
        return f"{_named(strange)} has no place in a number: {_WRITE_IT}"
    if not digits:
        return f"the number is empty: {_WRITE_IT}"
    if not _DIGITS.fullmatch(digits):
        return f"a + may only stand before the number: {_WRITE_IT}"
    if "(0)" in text and (digits.startswith("00") or not digits.startswith("0")):
        return "the (0) is not dialled after a country code: leave it out"
    return ""


def _after_prefix(digits: str) -> Destination | str:
    return _international(digits[1:] if digits.startswith("+") else digits[2:])


def _international(digits: str) -> Destination | str:
    if not FEWEST_DIGITS <= len(digits) <= MOST_DIGITS:
        return (
            f"the number has {len(digits)} digits; with its country code one has "
            f"{FEWEST_DIGITS} to {MOST_DIGITS}"
        )
    if digits.startswith("0"):
        return f"no country code begins with 0: {_WRITE_IT}"
    return Destination(digits, _INTERNATIONAL, _ISDN)


def _unmarked(digits: str) -> Destination | str:
    """Taken for international, where it is long enough to be that."""
    if len(digits) <= _LONGEST_NATIONAL and not digits.startswith("0"):
        return (
            f"the number has {len(digits)} digits and no +, so it may be a national one: "
            f"{_WRITE_IT}, or configure default_country"
        )
    return _international(digits)


def _national(digits: str, country: str) -> Destination | str:
    if digits.startswith("0"):
        return _international(country + digits[1:])
    if not digits.startswith(country):
        if len(digits) > _MOST_NATIONAL:
            return f"the number has {len(digits)} digits, too many for a national one: {_WRITE_IT}"
        return _international(country + digits)
    if len(digits) <= _LONGEST_AMBIGUOUS:
        return (
            f"it is not certain whether the leading {country} is the country code or part of a "
            f"national number: {_WRITE_IT}"
        )
    return _international(digits)


def _short_code(digits: str) -> Destination | str:
    if len(digits) < SHORTEST_CODE:
        return (
            f"the number has {len(digits)} digits; a short code has {SHORTEST_CODE} to "
            f"{LONGEST_CODE}, a number with its country code {FEWEST_DIGITS} to {MOST_DIGITS}"
        )
    return Destination(digits, _NETWORK_SPECIFIC, _NO_PLAN)


def classify_sender(text: str) -> Sender | str:
    """Return the sender, or why it is none: a number, a short code (up to six digits) or a name.

    A name is up to 11 characters that are both ASCII and GSM 03.38. An empty text leaves the choice
    to the SMSC (3.4, 5.2.8).
    """
    if len(text) > _LONGEST_WRITTEN:
        return _too_long(text)
    return _classify(text)


@lru_cache(maxsize=4096)
def _classify(text: str) -> Sender | str:
    if not text:
        return Sender("", int(Ton.UNKNOWN), _NO_PLAN)
    digits = text.translate(_SEPARATORS)
    if _DIGITS.fullmatch(digits) and (digits == text or len(digits) > LONGEST_CODE):
        return _number_as_sender(digits)
    strange = _STRANGE_IN_NAME.search(text)
    if strange is not None:
        return f"{_named(strange)} has no place in a sender: use letters, digits and spaces"
    if text != text.strip():
        return "the sender begins or ends with a space: leave it out"
    if len(text) > LONGEST_NAME:
        return _too_long(text)
    return Sender(text, _ALPHANUMERIC, _NO_PLAN)


def _too_long(text: str) -> str:
    return f"the sender has {len(text)} characters; a name may have {LONGEST_NAME}: shorten it"


def _number_as_sender(digits: str) -> Sender | str:
    if digits.isdigit() and len(digits) <= LONGEST_CODE:
        return Sender(digits, _NETWORK_SPECIFIC, _NO_PLAN)
    prefixed = digits.startswith(("+", "00"))
    number = _after_prefix(digits) if prefixed else _international(digits)
    if isinstance(number, str):
        return f"the sender looks like a number, but {number}"
    return Sender(number.digits, number.ton, number.npi)


def _named(found: re.Match[str]) -> str:
    char = found[0]
    shown = f"'{char}' " if char.isprintable() else ""
    return f"{shown}U+{ord(char):04X} at {found.start() + 1}"
