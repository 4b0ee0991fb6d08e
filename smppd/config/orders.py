"""Of two lengths of time, that the first is not longer than the second.

Notes mistakes with the `Reading` it is given; raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smppd.config.mistakes import Reading

#: A section as it stands in the document, what of it is right, and its class's defaults.
Section = tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]


def check_order(
    reading: Reading, section: Section, key: Sequence[str], order: tuple[str, str]
) -> None:
    """The key that was written is the one that is refused."""
    table, given, defaults = section
    low, high = order
    if any(name in table and name not in given for name in order):
        return  # has a mistake already
    shorter, longer = (given.get(name, defaults[name]) for name in order)
    if shorter <= longer:
        return
    if low in table:
        problem = f"is {shorter:g} s, longer than {high} with {longer:g} s; shorten it"
        reading.refuse(f"{problem}, or lengthen {high}", *key, low)
    else:
        problem = f"is {longer:g} s, shorter than {low} with {shorter:g} s; lengthen it"
        reading.refuse(f"{problem}, or shorten {low}", *key, high)
