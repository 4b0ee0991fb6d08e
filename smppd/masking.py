"""Phone numbers in what others say, masked. Pure."""

from __future__ import annotations

import re

#: What may be somebody's number, in words that are not ours.
LONG_NUMBER = re.compile(r"\+?[0-9]{6,}")

_LEFT = 3


def masked_words(said: str, numbers: re.Pattern[str] = LONG_NUMBER) -> str:
    """What somebody says, without the numbers in it."""
    return numbers.sub(lambda found: first_digits(found[0]), said)


def first_digits(number: str) -> str:
    """What is shown of a number."""
    return f"{number[:_LEFT]}…"
