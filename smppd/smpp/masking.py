"""A PDU with its secrets covered and its length kept, for those who look at how a session goes.

A password is always covered. Unless texts are wanted, so are the text of a message, all but the last
three digits of a telephone number, and the value of every optional parameter that is not known to be
harmless. Headers, user data headers, message_ids and what a receipt says beside its quoted text stay
readable. What cannot be read is covered whole. Pure, raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from smppd.smpp.codec import HEADER_LENGTH
from smppd.smpp.vocabulary import CommandId, TlvTag

#: What stands where something is covered.
COVER = 0x78
_STAR = ord("*")
#: A number is one of at least so many digits: shorter ones are services. So many stay readable.
_SHORTEST_NUMBER = 7
_READABLE = 3

_NUMBER = re.compile(rb"\+?[0-9*#]+")
_RECEIPT = re.compile(
    rb"id:\S{1,65}(?: sub:\d+)?(?: dlvrd:\d+)? submit date:\d+ done date:\d+ stat:\w+ err:\w+"
    rb"(?: text:|\Z)",
    re.IGNORECASE,
)
_UDHI, _RECEIPT_BITS, _IS_RECEIPT = 0x40, 0x3C, 0x04
_SME_ADDRESS = 1

#: Their values say something of a person, or are text.
_TELLING = frozenset(
    {
        TlvTag.MESSAGE_PAYLOAD,
        TlvTag.CALLBACK_NUM,
        TlvTag.CALLBACK_NUM_ATAG,
        TlvTag.SOURCE_SUBADDRESS,
        TlvTag.DEST_SUBADDRESS,
        TlvTag.BILLING_IDENTIFICATION,
    }
)
_HARMLESS = frozenset(map(int, TlvTag)) - frozenset(map(int, _TELLING))

#: What a body is made of: z a C-octet string, 1 one octet, P a password, N an address, E esm_class,
#: S sm_length and short_message, D the destinations of submit_multi, U those it could not take.
_MESSAGE = "z11N11NE11zz1111S"
_LAYOUTS: Mapping[int, str] = MappingProxyType(
    {
        int(command): layout
        for commands, layout in (
            (
                (CommandId.BIND_TRANSMITTER, CommandId.BIND_RECEIVER, CommandId.BIND_TRANSCEIVER),
                "zPz111z",
            ),
            ((CommandId.OUTBIND,), "zP"),
            ((CommandId.SUBMIT_SM, CommandId.DELIVER_SM), _MESSAGE),
            ((CommandId.SUBMIT_MULTI,), "z11NDE11zz1111S"),
            ((CommandId.DATA_SM,), "z11N11NE11"),
            ((CommandId.QUERY_SM,), "z11N"),
            ((CommandId.QUERY_SM_RESP,), "zz11"),
            ((CommandId.CANCEL_SM,), "zz11N11N"),
            ((CommandId.REPLACE_SM,), "z11Nzz11S"),
            ((CommandId.SUBMIT_MULTI_RESP,), "zU"),
            ((CommandId.ALERT_NOTIFICATION,), "11N11N"),
            (
                (
                    CommandId.BIND_TRANSMITTER_RESP,
                    CommandId.BIND_RECEIVER_RESP,
                    CommandId.BIND_TRANSCEIVER_RESP,
                    CommandId.SUBMIT_SM_RESP,
                    CommandId.DELIVER_SM_RESP,
                    CommandId.DATA_SM_RESP,
                ),
                "z",
            ),
        )
        for command in commands
    }
)


def masked(pdu: bytes, *, text: bool = False) -> bytes:
    """The whole PDU, header and all, as it may be shown; with `text` only passwords are covered."""
    if len(pdu) <= HEADER_LENGTH:
        return pdu
    cover = _Cover(pdu, text=text)
    layout = _LAYOUTS.get(int.from_bytes(pdu[4:8], "big"), "")
    if not layout or not all(_STEPS[kind](cover) for kind in layout) or not cover.parameters():
        cover.rest()
    return bytes(cover.octets)


class _Cover:
    """A walk along a body. Each step covers what it must; False: there is no such thing here."""

    def __init__(self, pdu: bytes, *, text: bool) -> None:
        self.octets = bytearray(pdu)
        self._text = text
        self._at = HEADER_LENGTH
        self._esm_class = 0

    def octet(self) -> bool:
        """One octet that says nothing."""
        self._at += 1
        return self._at <= len(self.octets)

    def string(self) -> bool:
        """A C-octet string that says nothing."""
        end = self.octets.find(0, self._at)
        if end < 0:
            return False
        self._at = end + 1
        return True

    def password(self) -> bool:
        """A password."""
        start = self._at
        if not self.string():
            return False
        self._fill(start, self._at - 1)
        return True

    def address(self) -> bool:
        """An address: of a number the last digits stay."""
        start = self._at
        if not self.string():
            return False
        value = bytes(self.octets[start : self._at - 1])
        if not self._text and _NUMBER.fullmatch(value) and len(value) >= _SHORTEST_NUMBER:
            self._fill(start, self._at - 1 - _READABLE, _STAR)
        return True

    def esm_class(self) -> bool:
        """What kind of message it is."""
        if self._at >= len(self.octets):
            return False
        self._esm_class = self.octets[self._at]
        return self.octet()

    def message(self) -> bool:
        """sm_length and short_message."""
        if self._at >= len(self.octets):
            return False
        start = self._at + 1
        end = start + self.octets[self._at]
        if end > len(self.octets):
            return False
        self._at = end
        self._cover_text(start, end)
        return True

    def destinations(self) -> bool:
        """Those of a submit_multi: addresses, or names of lists."""
        return self._each(self._destination)

    def _destination(self) -> bool:
        if self._at >= len(self.octets):
            return False
        kind = self.octets[self._at]
        self._at += 1
        if kind == _SME_ADDRESS:
            return self.octet() and self.octet() and self.address()
        return self.string()

    def unsuccessful(self) -> bool:
        """Those that a submit_multi did not reach, each with an error."""
        return self._each(
            lambda: self.octet() and self.octet() and self.address() and self._error()
        )

    def _error(self) -> bool:
        self._at += 4
        return self._at <= len(self.octets)

    def _each(self, step: Callable[[], bool]) -> bool:
        if self._at >= len(self.octets):
            return False
        count = self.octets[self._at]
        self._at += 1
        return all(step() for _ in range(count))

    def parameters(self) -> bool:
        """The optional parameters, to the end."""
        while self._at + 4 <= len(self.octets):
            tag = int.from_bytes(self.octets[self._at : self._at + 2], "big")
            length = int.from_bytes(self.octets[self._at + 2 : self._at + 4], "big")
            start = self._at + 4
            end = start + length
            if end > len(self.octets):
                return False
            if tag == TlvTag.MESSAGE_PAYLOAD:
                self._cover_text(start, end)
            elif tag not in _HARMLESS and not self._text:
                self._fill(start, end)
            self._at = end
        return self._at == len(self.octets)

    def rest(self) -> None:
        """Cover whatever follows: nobody knows what it is."""
        self._fill(min(self._at, len(self.octets)), len(self.octets))

    def _cover_text(self, start: int, end: int) -> None:
        if self._text:
            return
        if self._esm_class & _UDHI and start < end:
            start = min(end, start + 1 + self.octets[start])
        elif self._esm_class & _RECEIPT_BITS == _IS_RECEIPT:
            found = _RECEIPT.match(self.octets, start, end)
            start = found.end() if found else start
        self._fill(start, end)

    def _fill(self, start: int, end: int, cover: int = COVER) -> None:
        self.octets[start:end] = bytes([cover]) * max(0, end - start)


_STEPS: Mapping[str, Callable[[_Cover], bool]] = MappingProxyType(
    {
        "z": _Cover.string,
        "1": _Cover.octet,
        "P": _Cover.password,
        "N": _Cover.address,
        "E": _Cover.esm_class,
        "S": _Cover.message,
        "D": _Cover.destinations,
        "U": _Cover.unsuccessful,
    }
)
