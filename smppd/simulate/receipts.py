"""How a simulated SMSC writes message_ids and delivery receipts.

Pure but for the wall clock it is given, which only dates the text of receipts. Raises nothing
for messages whose addresses fit a deliver_sm.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from smppd.simulate.archive import Kept
from smppd.simulate.script import IdForm, ReceiptForm
from smppd.simulate.states import STATE_WORDS
from smppd.smpp.pdu import DataSm, DeliverSm, SubmitSm
from smppd.smpp.vocabulary import EsmClass, TlvTag

#: So many octets of the message come back in its receipt (3.4, appendix B).
TEXT_IN_RECEIPT = 20

_FINAL = int(EsmClass.DELIVERY_RECEIPT)
_ON_THE_WAY = int(EsmClass.INTERMEDIATE_NOTIFICATION)
_REFERENCE = int(TlvTag.USER_MESSAGE_REFERENCE)

#: Spreads consecutive numbers over all of 128 bits; odd, so that no two become one.
_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835


class Taken(msgspec.Struct, gc=False):
    """A message that the SMSC took: its number, when (YYMMDDhhmm), on which connection, and what
    is known of it besides."""

    number: int
    pdu: SubmitSm | DataSm
    stamp: str
    origin: Any
    kept: Kept


def _uuid(number: int) -> str:
    digits = f"{number * _SPREAD % (1 << 128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


ID_WRITERS: dict[IdForm, Callable[[int], str]] = {
    "decimal": str,
    "hex": "{:x}".format,
    "hex_upper": "{:X}".format,
    "padded": "{:020d}".format,
    "uuid": _uuid,
}


class ReceiptWriter:
    """Makes receipts of one form."""

    def __init__(
        self, form: ReceiptForm, write_id: Callable[[int], str], wall_clock: Callable[[], float]
    ) -> None:
        self._form = form
        self._write_id = write_id
        self._wall_clock = wall_clock
        self._minute = -1
        self._stamp = ""

    def stamp(self) -> str:
        """The minute that it is, as receipts write it."""
        minute = int(self._wall_clock()) // 60
        if minute != self._minute:
            self._minute = minute
            self._stamp = datetime.fromtimestamp(minute * 60, UTC).strftime("%y%m%d%H%M")
        return self._stamp

    def write(self, taken: Taken, word: str, *, final: bool) -> DeliverSm:
        """The receipt that says in which state this message is."""
        message = taken.pdu
        message_id = self._write_id(taken.number)
        receipt = DeliverSm(
            source_addr_ton=message.dest_addr_ton,
            source_addr_npi=message.dest_addr_npi,
            source_addr=message.destination_addr,
            dest_addr_ton=message.source_addr_ton,
            dest_addr_npi=message.source_addr_npi,
            destination_addr=message.source_addr,
            esm_class=_FINAL if final else _ON_THE_WAY,
        )
        if self._form != "tlv":
            receipt.short_message = self._text(taken, message_id, word)
        if self._form in ("tlv", "text_and_tlv"):
            receipt.tlvs = (
                (TlvTag.NETWORK_ERROR_CODE, b"\x03\0" + bytes([_error(word)])),
                (TlvTag.RECEIPTED_MESSAGE_ID, message_id.encode("latin-1") + b"\0"),
                (TlvTag.MESSAGE_STATE, bytes([STATE_WORDS[word]])),
            )
        for tag, value in message.tlvs:
            if tag == _REFERENCE:  # given back, 3.4, 5.3.2.17
                receipt.tlvs = (*receipt.tlvs, (_REFERENCE, value))
                break
        return receipt

    def _text(self, taken: Taken, message_id: str, word: str) -> bytes:
        text = f"id:{message_id}{_after_id(word, taken.stamp, self.stamp())}"
        if self._form == "lower":
            text = text.lower()
        octets = text.encode("latin-1")
        if self._form == "no_text":
            return octets
        return octets + b" text:" + taken.pdu.message_octets[:TEXT_IN_RECEIPT]


@lru_cache(1000)
def _after_id(word: str, submitted: str, done: str) -> str:
    """What a receipt says behind its message_id, the same for all of a minute."""
    delivered = "001" if word == "DELIVRD" else "000"
    return (
        f" sub:001 dlvrd:{delivered} submit date:{submitted} "
        f"done date:{done} stat:{word} err:{_error(word):03d}"
    )


def _error(word: str) -> int:
    """A made-up error of the network: none for what went well or still may."""
    return 0 if word in ("DELIVRD", "ACCEPTD", "ENROUTE") else STATE_WORDS[word]
