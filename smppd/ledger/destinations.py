"""Whether two writings of a telephone number mean the same one, and where to look for it. Pure."""

from __future__ import annotations

#: The fewest digits that a number without its country code has.
_NATIONAL = 7


def agrees(written: str, to: str) -> bool | None:
    """Whether an address of the SMSC's writing is the destination `to`, digits in full.

    A number may come with a + or 00 before it, or in its national form. None when the address
    says nothing: it is empty, or a name.
    """
    if written == to:
        return True
    digits = _digits(written)
    if not digits:
        return None
    if digits == to:
        return True
    national, longer = sorted((digits.lstrip("0"), to), key=len)
    return _NATIONAL <= len(national) < len(longer) and longer.endswith(national)


def tail(number: str) -> str:
    """The last digits of a number, the same for every writing of it; empty for a name."""
    return _digits(number)[-_NATIONAL:]


def _digits(written: str) -> str:
    digits = written.lstrip("+").removeprefix("00")
    return digits if digits.isascii() and digits.isdecimal() else ""
