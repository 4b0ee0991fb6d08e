"""PDUs as lines of a log, for whoever asks to see them: each in one line, without text and whole numbers.

What is asked for is a link, or a message: then of all that passes only what is about it (`subject`). Knows
no sockets. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from smppd.events import Emit, PduPassed
from smppd.masking import masked_words
from smppd.ports import Talk
from smppd.smpp.codec import Decoded, Undecodable, decode, is_pdu, take_pdus
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.receipt import ReceiptReader
from smppd.smpp.tlv import tlv_name
from smppd.smpp.vocabulary import RESPONSE_BIT, CommandId, status_name

#: Fields that are said as they are, of whichever PDU has them.
_PLAIN = (
    "system_id", "system_type", "interface_version", "message_id", "service_type", "esm_class",
    "registered_delivery", "data_coding", "message_state", "error_code", "final_date",
)  # fmt: skip
_ADDRESSES = ("source_addr", "destination_addr", "dest_addr")
_OCTETS = ("short_message",)
_read_receipt = ReceiptReader().read


class About(Protocol):
    """What is looked at, where that is not everything."""

    def pick(self, log: PduLog, talk: Talk, out: bool, frame: bytes) -> None:
        """Have `log` tell this PDU if it is wanted, now or later; `out`: it is ours."""


class PduLog:
    """Hears the sessions of a link (`ports.Tap`) and emits a line for each PDU, or for those that `about`
    picks. `message` is the id under which a message was asked for, if one was; `on_end` is told why
    there is no more to hear."""

    def __init__(
        self,
        link: str,
        emit: Emit,
        about: About | None = None,
        message: str = "",
        on_end: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.link = link
        self.ended = on_end
        self._emit = emit
        self._about = about
        self._message = message
        self._heard: dict[Talk, bytearray] = {}

    def opened(self, talk: Talk, local: object, remote: object) -> None:
        """See `ports.Tap`."""
        del local, remote
        self._heard[talk] = bytearray()

    def joined(self, talk: Talk, local: object, remote: object, begun: bytes) -> None:
        """See `ports.Tap`."""
        del local, remote
        self._heard[talk] = bytearray(begun)

    def said(self, talk: Talk, octets: bytes) -> None:
        """See `ports.Tap`."""
        self._pass(talk, True, bytearray(octets))

    def heard(self, talk: Talk, octets: bytes) -> None:
        """See `ports.Tap`."""
        held = self._heard.setdefault(talk, bytearray())
        held += octets
        self._pass(talk, False, held)

    def closed(self, talk: Talk) -> None:
        """See `ports.Tap`."""
        self._heard.pop(talk, None)

    def _pass(self, talk: Talk, out: bool, held: bytearray) -> None:
        for frame in filter(is_pdu, take_pdus(held)):
            if self._about is None:
                self.tell(out, frame)
            else:
                self._about.pick(self, talk, out, frame)

    def tell(self, out: bool, frame: bytes) -> None:
        """A line for this PDU."""
        pdu = decode(frame)
        header = pdu.header
        response = header.command_id & RESPONSE_BIT
        self._emit(
            PduPassed(
                self.link,
                "out" if out else "in",
                _name(header.command_id),
                header.sequence_number,
                status_name(header.command_status) if response else "",
                len(frame),
                _says(pdu),
                self._message,
            )
        )


def _name(command_id: int) -> str:
    try:
        return CommandId(command_id).name.lower()
    except ValueError:
        return f"0x{command_id:08X}"


def _says(pdu: Decoded | Undecodable) -> str:
    if isinstance(pdu, Undecodable):
        return f"cannot be read: {pdu.why}"
    body, words = pdu.pdu, list[str]()
    names = set(getattr(body, "__struct_fields__", ()))
    words += [f"{name}={masked_words(getattr(body, name))}" for name in _ADDRESSES if name in names]
    for name in _PLAIN:
        value = getattr(body, name, None)
        if value not in (None, "", 0, msgspec.UNSET):
            words.append(f"{name}={value}")
    words += [f"{name}=<{len(getattr(body, name))} octets>" for name in _OCTETS if name in names]
    if isinstance(body, DeliverSm | DataSm) and (receipt := _read_receipt(body)) is not None:
        state = "?" if receipt.state is None else receipt.state.name
        words.append(f"receipt of {receipt.message_id}: {state}")
    tlvs = getattr(body, "tlvs", ())
    words += [f"tlv {tlv_name(tag)}=<{len(value)} octets>" for tag, value in tlvs]
    return ", ".join(words)
