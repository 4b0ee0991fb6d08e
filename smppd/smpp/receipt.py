"""Delivery receipts: telling them from messages of handsets, and reading what they say.

A receipt speaks through its TLVs, its text, or both. TLVs come first; the text follows a habit, not
a rule (3.4, appendix B calls its form an example), so it is searched for keys rather than parsed.
Which message a receipt is about, and what becomes of it, is not known here. Nothing is raised: what
cannot be understood is empty or None, and `raw` keeps the octets.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple, cast

import msgspec

from smppd.smpp.codec import pattern
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.tlv import Tlvs, read_tlvs
from smppd.smpp.vocabulary import MOST_CHARACTERS, EsmClass, MessageState, TlvTag


class DeliveryReceipt(msgspec.Struct, frozen=True, gc=False):
    """What a receipt says (3.4, appendix B; 5.2.12, 5.3.2.12, 5.3.2.31, 5.3.2.35).

    `message_id` is that of the TLV, or else of the text; `alternative_id` is the text's where both
    are given and differ. `state` is None when the receipt names none or one that nobody knows.
    `final` says that no other state will follow. `error` is the network's or the SMSC's code, as
    text. Dates are as the SMSC wrote them. `source` is the PDU's: the handset that was written to.
    `raw` are the octets of the text.
    `reference` is user_message_reference (3.4, 5.3.2.17), given back by the SMSC. `unproven` is the
    PDU where nothing but its text says that it is a receipt: a handset may have written that.
    """

    message_id: str
    alternative_id: str
    state: MessageState | None
    final: bool
    error: str
    submit_date: str
    done_date: str
    source: str
    raw: bytes
    reference: int | None = None
    unproven: DeliverSm | DataSm | None = None


_TYPE_MASK = int(EsmClass.MESSAGE_TYPE_MASK)
_RECEIPT = int(EsmClass.DELIVERY_RECEIPT)
_INTERMEDIATE = int(EsmClass.INTERMEDIATE_NOTIFICATION)
#: The types of message that are receipts. Both bits at once are reserved, and occur.
_RECEIPTS = frozenset({_RECEIPT, _INTERMEDIATE, _RECEIPT | _INTERMEDIATE})
#: The types that a handset sends, whatever else stands in the PDU.
_ACKNOWLEDGEMENTS = frozenset(
    {
        int(EsmClass.DELIVERY_ACKNOWLEDGEMENT),
        int(EsmClass.USER_ACKNOWLEDGEMENT),
        int(EsmClass.CONVERSATION_ABORT),
    }
)

#: States that nothing follows. ACCEPTED and UNKNOWN are not among them: many an SMSC sends the
#: first on the way to DELIVERED, and the second may be a passing trouble of the SMSC's own. Over
#: some links ACCEPTED is the end: "manually read by customer service" (3.4, appendix B).
FINAL_STATES: Final = frozenset(
    {
        MessageState.DELIVERED,
        MessageState.EXPIRED,
        MessageState.DELETED,
        MessageState.UNDELIVERABLE,
        MessageState.REJECTED,
        MessageState.SKIPPED,
    }
)


_ALSO_ACCEPTED = FINAL_STATES | {MessageState.ACCEPTED}


class ReceiptReader:
    """Reads the receipts of one link. `by_text`: also what only reads like one, as `unproven`;
    `accepted_is_final`: nothing follows ACCEPTED."""

    __slots__ = ("_by_text", "_final")

    def __init__(self, *, by_text: bool = False, accepted_is_final: bool = False) -> None:
        self.change(by_text=by_text, accepted_is_final=accepted_is_final)

    def change(self, *, by_text: bool, accepted_is_final: bool) -> None:
        """Read the next ones so."""
        self._by_text = by_text
        self._final = _ALSO_ACCEPTED if accepted_is_final else FINAL_STATES

    def peek(self, data: bytes, text: str, at: int, end: int) -> DeliveryReceipt | None:
        """The receipt that a deliver_sm says it is, in the ordinary form: its body stands between
        two positions of `data`, which `text` is as latin-1. None for anything else: see `read`."""
        found = _ORDINARY.match(text, at, end)
        if found is None:
            return None
        source, esm_class, length, message_id, submitted, done, word, error = found.groups()
        if len(source) > MOST_CHARACTERS:
            return None
        start = found.end(3)
        stop = start + ord(length)
        kind = ord(esm_class) & _TYPE_MASK
        if kind not in _RECEIPTS or not found.end() <= stop <= end:
            return None
        told = _read_tlvs(read_tlvs(data, stop, end)) if stop < end else _NOTHING_TOLD
        said = (message_id, submitted, done, word, error)
        return self._made(kind, source, data[start:stop], said, told, None)

    def read(self, pdu: DeliverSm | DataSm) -> DeliveryReceipt | None:
        """The receipt that a deliver_sm or data_sm carries, or None for a handset's message.

        A receipt is known by its esm_class (3.4, 5.2.12), or by the TLV receipted_message_id where
        esm_class names no type. Its text alone proves nothing: any handset can write one.
        """
        kind = pdu.esm_class & _TYPE_MASK
        told = _read_tlvs(pdu.tlvs) if pdu.tlvs else _NOTHING_TOLD
        proven = kind in _RECEIPTS or (kind not in _ACKNOWLEDGEMENTS and bool(told.message_id))
        if not proven and (kind or not self._by_text):
            return None
        raw = pdu.message_octets
        said = _read_text(raw)
        if not proven and not (said[0] and said[3]):
            return None
        source = pdu.source_addr[:MOST_CHARACTERS]
        return self._made(kind, source, raw, said, told, None if proven else pdu)

    def _made(
        self,
        kind: int,
        source: str,
        raw: bytes,
        said: _Fields,
        told: _Told,
        unproven: DeliverSm | DataSm | None,
    ) -> DeliveryReceipt:
        message_id, submit_date, done_date, word, error = said
        alternative_id, reference, state = "", None, None
        if told is not _NOTHING_TOLD:
            if told.message_id:
                alternative_id = message_id if message_id != told.message_id else ""
                message_id = told.message_id
            state, error, reference = told.state, told.error or error, told.reference
        if state is None and (state := _STATES.get(word)) is None:
            state = _state(word)
        return DeliveryReceipt(
            message_id,
            alternative_id,
            state,
            state in self._final and kind != _INTERMEDIATE,
            error,
            submit_date,
            done_date,
            source,
            raw,
            reference,
            unproven,
        )


# ── the text ────────────────────────────────────────────────────────────────────────────────────

#: message_id, submit date, done date, stat and err, as written; "" where there is none.
_Fields = tuple[str, str, str, str, str]
_NO_FIELDS: _Fields = ("", "", "", "", "")

#: Appendix B to the letter, which most receipts follow: what `_scan` finds, in one step.
_STANDARD = re.compile(
    r"id:([^\x00-\x20,;|:]{1,255}+) sub:[0-9]{1,3}+ dlvrd:[0-9]{1,3}+ submit date:([0-9]{10,14}+)"
    r" done date:([0-9]{10,14}+) stat:([A-Z]{7}) err:([0-9A-Z]{1,3})(?: [Tt]ext:|\Z)"
)
#: A whole deliver_sm with such a text.
_ORDINARY = re.compile(
    pattern(DeliverSm, "source_addr", "esm_class", "short_message") + _STANDARD.pattern, re.DOTALL
)
#: Any key, and which of those wanted it is. Others matter because values end there.
_KEY = re.compile(
    r"(?:(?<=[\x00-\x20,;|])|\A)"
    r"(?:(?P<id>id)|(?P<submit>submit[ _]?date)|(?P<done>done[ _]?date)|(?P<stat>stat(?:us|e)?)"
    r"|(?P<err>err(?:or)?)|(?P<text>text)|[a-z_]+)\s*:",
    re.ASCII | re.IGNORECASE,
)
_WORD = re.compile(r"[^\x00-\x20,;|][^\x00-\x20]*")
#: What may stand before UTF-16, to say which it is.
_MARK = "\ufeff"
_PADDING = "\0\t\n\r ,;|"


def _read_text(raw: bytes) -> _Fields:
    # As Latin-1 every octet is a character: data_coding says little about a receipt, and the
    # piece of the message after "text:" may be in any coding.
    text = raw.decode("latin-1")
    standard = _STANDARD.match(text)
    if standard is not None:
        return cast("_Fields", standard.groups())
    fields = _scan(text)
    if fields == _NO_FIELDS and "\0" in text:
        fields = _scan(raw.decode("utf-16-be", "replace").lstrip(_MARK))
        if fields == _NO_FIELDS:
            fields = _scan(raw.decode("utf-16-le", "replace").lstrip(_MARK))
    return fields


def _scan(text: str) -> _Fields:
    """Find the keys in any order and case; of repeated ones the first counts."""
    values: dict[str | None, str] = {}
    key, start = None, 0
    for found in _KEY.finditer(text):
        values.setdefault(key, text[start : found.start()][:MOST_CHARACTERS])
        key, start = found.lastgroup, found.end()
        if key == "text":  # what follows is the user's own
            break
    else:
        values.setdefault(key, text[start:][:MOST_CHARACTERS])
    return (
        _first_word(values.get("id", "")),
        values.get("submit", "").strip(_PADDING),
        values.get("done", "").strip(_PADDING),
        _first_word(values.get("stat", "")),
        _first_word(values.get("err", "")),
    )


#: So many octets of a quoted text are kept: 20 characters (3.4, appendix B) of UCS-2.
_QUOTED = 40


def quoted_text(raw: bytes) -> bytes:
    """The octets of the message that its receipt quotes behind "text:", at most 40."""
    for encoding in ("latin-1", "utf-16-be", "utf-16-le"):
        text = raw.decode(encoding, "replace")
        for found in _KEY.finditer(text):
            if found.lastgroup == "text":
                quoted = text[found.end() :]
                return raw[len(raw) - len(quoted.encode(encoding, "replace")) :][:_QUOTED]
        if "\0" not in text:
            break
    return b""


def _first_word(value: str) -> str:
    word = _WORD.search(value)
    return word[0].rstrip(_PADDING) if word else ""


#: How states begin, in all the spellings met with. "DELIVER" alone is DELIVERED cut to the seven
#: characters of appendix B; it is no beginning, for DELIVERY_FAILED exists.
_STATE_WORDS: Final = {
    "DELIVRD": MessageState.DELIVERED,
    "DELIVERED": MessageState.DELIVERED,
    "DELIVERD": MessageState.DELIVERED,
    "UNDEL": MessageState.UNDELIVERABLE,
    "FAILED": MessageState.UNDELIVERABLE,
    "EXPIR": MessageState.EXPIRED,
    "DELET": MessageState.DELETED,
    "REJ": MessageState.REJECTED,
    "SKIP": MessageState.SKIPPED,
    "UNKN": MessageState.UNKNOWN,
    "ACCEPT": MessageState.ACCEPTED,
    "ACK": MessageState.ACCEPTED,
    "ENROUT": MessageState.ENROUTE,
    "EN_ROUT": MessageState.ENROUTE,
    "BUFF": MessageState.ENROUTE,
    "SCHED": MessageState.SCHEDULED,
}
#: What most receipts say, and the numbers of 5.2.28, which some write instead.
_STATES: Final = {
    "DELIVRD": MessageState.DELIVERED,
    "DELIVER": MessageState.DELIVERED,
    "UNDELIV": MessageState.UNDELIVERABLE,
    "EXPIRED": MessageState.EXPIRED,
    "REJECTD": MessageState.REJECTED,
    "ACCEPTD": MessageState.ACCEPTED,
} | {str(state.value): state for state in MessageState}


def _state(word: str) -> MessageState | None:
    """What a word means that is not among `_STATES` as it stands."""
    if not word:
        return None
    word = word.upper()
    if word.isdecimal():
        return _STATES.get(word.lstrip("0") or "0")
    for beginning, meant in _STATE_WORDS.items():
        if word.startswith(beginning):
            return meant
    return _STATES.get(word)


# ── the TLVs ────────────────────────────────────────────────────────────────────────────────────


class _Told(NamedTuple):
    """What the TLVs say; empty or None where they say nothing that can be used."""

    message_id: str = ""
    state: MessageState | None = None
    error: str = ""
    reference: int | None = None


_NOTHING_TOLD = _Told()
_MESSAGE_ID_TAG = int(TlvTag.RECEIPTED_MESSAGE_ID)
_STATE_TAG = int(TlvTag.MESSAGE_STATE)
_ERROR_TAG = int(TlvTag.NETWORK_ERROR_CODE)
_REFERENCE_TAG = int(TlvTag.USER_MESSAGE_REFERENCE)
#: Octets of a reference at most.
_WIDEST = 8


def _read_tlvs(tlvs: Tlvs) -> _Told:
    # Read here without regard to the lengths that the specification asks for: an id may lack its
    # NUL, an integer may be wider. Of repeated TLVs the first counts, as in `pdu.tlv`.
    values = dict(tlvs[::-1])
    reference = values.get(_REFERENCE_TAG, b"")
    return _Told(
        values.get(_MESSAGE_ID_TAG, b"")[:MOST_CHARACTERS].partition(b"\0")[0].decode("latin-1"),
        _state_of(values.get(_STATE_TAG, b"")),
        _network_error(values.get(_ERROR_TAG, b"")),
        int.from_bytes(reference, "big") if 0 < len(reference) <= _WIDEST else None,
    )


@lru_cache(1024)
def _state_of(value: bytes) -> MessageState | None:
    number = int.from_bytes(value, "big") if 0 < len(value) <= 4 else -1
    return _STATES.get(str(number))


@lru_cache(1024)
def _network_error(value: bytes) -> str:
    """The code of network_error_code (5.3.2.31): type and number, or three digits by habit."""
    if value.isdigit():
        return value[:MOST_CHARACTERS].decode("ascii")
    if len(value) == 3:
        return f"{int.from_bytes(value[1:], 'big'):03d}"
    return ""
