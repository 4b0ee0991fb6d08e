"""How a link wants its messages written: what of its configuration shapes the octets of a message.

A message is encoded and cut once, before it is known over which link of its route it will go; links
whose terms are equal can stand in for one another. Values only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

#: What an SMSC takes data_coding 0, "SMSC default alphabet", for (3.4, 5.2.19).
DataCoding0 = Literal["gsm7", "gsm7_packed", "latin1", "ascii"]
#: How a text for more than one message is carried.
Split = Literal["udh8", "udh16", "sar", "payload"]


class TonNpi(NamedTuple):
    """The TON and NPI that go with each kind of address (3.4, 5.2.5 and 5.2.6)."""

    international: tuple[int, int] = (1, 1)
    short_code: tuple[int, int] = (3, 0)
    alphanumeric: tuple[int, int] = (5, 0)


STANDARD_TON_NPI = TonNpi()


@dataclass(frozen=True, slots=True)
class TextTerms:
    """The terms of one link; see the keys of these names in `LinkConfig`.

    `tlvs` is false, too, for a link of SMPP 3.3, which has none.
    """

    data_coding_0: DataCoding0 = "gsm7"
    split: Split = "udh8"
    max_parts: int = 255
    transliterate: bool = False
    tlvs: bool = True
    ton_npi: TonNpi = STANDARD_TON_NPI
