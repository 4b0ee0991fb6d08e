"""PDUs as lines of a log, for whoever asks to see them: each in one line, without text and whole numbers.

What is asked for is a link, or a message: then of all that passes only what is about it, as far as that can
be told. Knows no sockets. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator

import msgspec

from smppd.events import Emit, PduPassed
from smppd.message import Message
from smppd.provider.masking import masked_words
from smppd.smpp.codec import HEADER_LENGTH, Decoded, Undecodable, decode
from smppd.smpp.pdu import DeliverSm, SubmitSm
from smppd.smpp.receipt import ReceiptReader
from smppd.smpp.vocabulary import CommandId, status_name

#: A PDU is no longer than this: what says so is out of step, and is not waited for.
_LONGEST = 16 << 20
_RESPONSE = 0x80000000
#: Fields that are said as they are, of whichever PDU has them.
_PLAIN = (
    "system_id", "system_type", "interface_version", "message_id", "service_type", "esm_class",
    "registered_delivery", "data_coding", "message_state", "error_code", "final_date",
)  # fmt: skip
_ADDRESSES = ("source_addr", "destination_addr", "dest_addr")
_OCTETS = ("short_message",)
_read_receipt = ReceiptReader().read

#: Whether a PDU on a connection is wanted; the second is true for one that goes out.
Wants = Callable[[Hashable, bool, Decoded | Undecodable], bool]


def everything(_talk: Hashable, _out: bool, _pdu: Decoded | Undecodable) -> bool:
    """Every PDU is wanted."""
    return True


class AboutMessage:
    """Wants what is about one message: its submits and their answers, its receipts, questions about it.
    `message_ids` are those that it is known to have so far; it learns of others by itself."""

    def __init__(self, message: Message, message_ids: Collection[str] = ()) -> None:
        self._to = message.to
        self._segments = frozenset(message.segments)
        self._ids = set(message_ids)
        self._asked: set[tuple[Hashable, bool, int]] = set()

    def __call__(self, talk: Hashable, out: bool, pdu: Decoded | Undecodable) -> bool:
        """See `Wants`."""
        if isinstance(pdu, Undecodable):
            return False
        header = pdu.header
        if header.command_id & _RESPONSE:
            key = talk, not out, header.sequence_number
            if key not in self._asked:
                return False
            self._asked.discard(key)
            if out is False and (found := getattr(pdu.pdu, "message_id", "")):
                self._ids.add(found)
            return True
        wanted = self._is_ours(pdu.pdu)
        if wanted:
            self._asked.add((talk, out, header.sequence_number))
        return wanted

    def _is_ours(self, pdu: object) -> bool:
        if isinstance(pdu, SubmitSm):
            return pdu.destination_addr == self._to and (
                pdu.short_message in self._segments or not pdu.short_message
            )
        if isinstance(pdu, DeliverSm):
            receipt = _read_receipt(pdu)
            return receipt is not None and receipt.message_id in self._ids
        return getattr(pdu, "message_id", "") in self._ids


class PduLog:
    """Hears the sessions of a link (`ports.Tap`) and emits a line for each PDU that is wanted. `message`
    is the client's id of the message that was asked for, if one was; `on_end` is told why there is no more
    to hear."""

    def __init__(
        self,
        link: str,
        emit: Emit,
        wants: Wants = everything,
        message: str = "",
        on_end: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.ended = on_end
        self._link = link
        self._emit = emit
        self._wants = wants
        self._message = message
        self._heard: dict[Hashable, bytearray] = {}

    def opened(self, talk: Hashable, local: object, remote: object) -> None:
        """See `ports.Tap`."""
        del local, remote
        self._heard[talk] = bytearray()

    def joined(self, talk: Hashable, local: object, remote: object, begun: bytes) -> None:
        """See `ports.Tap`."""
        del local, remote
        self._heard[talk] = bytearray(begun)

    def said(self, talk: Hashable, octets: bytes) -> None:
        """See `ports.Tap`."""
        for frame in _frames(bytearray(octets)):
            self._tell(talk, True, frame)

    def heard(self, talk: Hashable, octets: bytes) -> None:
        """See `ports.Tap`."""
        held = self._heard.setdefault(talk, bytearray())
        held += octets
        for frame in _frames(held):
            self._tell(talk, False, frame)

    def closed(self, talk: Hashable) -> None:
        """See `ports.Tap`."""
        self._heard.pop(talk, None)

    def _tell(self, talk: Hashable, out: bool, frame: bytes) -> None:
        pdu = decode(frame)
        if not self._wants(talk, out, pdu):
            return
        header = pdu.header
        response = header.command_id & _RESPONSE
        self._emit(
            PduPassed(
                self._link,
                "out" if out else "in",
                _name(header.command_id),
                header.sequence_number,
                status_name(header.command_status) if response else "",
                len(frame),
                _says(pdu),
                self._message,
            )
        )


def _frames(held: bytearray) -> Iterator[bytes]:
    """The whole PDUs at the head, which are taken away. Of what is out of step nothing is left."""
    while len(held) >= HEADER_LENGTH:
        length = int.from_bytes(held[:4], "big")
        if not HEADER_LENGTH <= length <= _LONGEST:
            held.clear()
            return
        if len(held) < length:
            return
        yield bytes(held[:length])
        del held[:length]


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
    if isinstance(body, DeliverSm) and (receipt := _read_receipt(body)) is not None:
        state = "?" if receipt.state is None else receipt.state.name
        words.append(f"receipt of {receipt.message_id}: {state}")
    tlvs = getattr(body, "tlvs", ())
    words += [f"tlv 0x{tag:04X}=<{len(value)} octets>" for tag, value in tlvs]
    return ", ".join(words)
