"""The keys of a link that say how its messages are written: what they mean to one another.

Notes mistakes with the `Reading` it is given; raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from smppd.config.mistakes import Reading
from smppd.config.rules import Problem, nearest, shown
from smppd.config.terms import STANDARD_TON_NPI, TonNpi

_PAIR = re.compile(r"([0-7])/(1[0-8]|[0-9])")


def read_ton_npi(reading: Reading, given: object, key: Sequence[str]) -> TonNpi:
    """The `[link.NAME.ton_npi]` table."""
    found: dict[str, tuple[int, int]] = {}
    for name, value in reading.table(given, *key, "ton_npi").items():
        if name not in TonNpi._fields:
            near = nearest(name, TonNpi._fields) or f"; there are: {', '.join(TonNpi._fields)}"
            reading.refuse(f"is no kind of address{near}", *key, "ton_npi", name)
        elif pair := reading.value(_pair(value), *key, "ton_npi", name):
            found[name] = pair
    # The very value where nothing differs: who prepares a message looks no further.
    return STANDARD_TON_NPI._replace(**found) if found else STANDARD_TON_NPI


def _pair(value: object) -> tuple[int, int] | Problem:
    match = _PAIR.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return Problem(f'{shown(value)} is no TON and NPI; write both in quotes, like "1/1"')
    return int(match[1]), int(match[2])


def check_tlvs(reading: Reading, given: dict[str, Any], key: Sequence[str]) -> None:
    """A link without TLVs cannot carry what is made of them."""
    old = given.get("interface_version") == "3.3"
    if old and given.get("tlvs"):
        reading.refuse("SMPP 3.3 has no TLVs; leave it out, or bind as 3.4", *key, "tlvs")
        return
    if not old and given.get("tlvs") is not False:
        return
    why = 'interface_version = "3.3"' if old else "tlvs = false"
    if given.get("split") in ("sar", "payload"):
        reading.refuse(f'needs TLVs, and {why}; write "udh8" or "udh16"', *key, "split")
    if given.get("user_message_reference"):
        reading.refuse(f"is a TLV, and {why}; leave it out", *key, "user_message_reference")
