"""From facts to what programs are told: one JSON object for each thing that happened. Pure.

The same facts give the same objects, whenever they are read. `accepted`: a message is in the
journal. `sent`: the SMSC took a part of it (`part` of `parts`), or the provider a call. `delivered`,
`failed`: how it ended; `state` and `error` say in which way it failed. `unknown`: nobody answered
for a part. `received`: a letter of a handset or a chat lies in `received/new/` as `name`.
`reported`: the results of a file are written.

`final` is on the last word about a message, which is said once; a `sent` without receipt may be it.
What comes after it is about parts that were answered late. Fields that would say nothing are left
out; a `text` of null was asked for too late: it is taken out of the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from smppd.ledger.calls import read_response
from smppd.ledger.entries import MessageRow, Result, read_rejected, read_result
from smppd.ledger.facts import Fact, Kind
from smppd.message import ErrorInfo, State
from smppd.ports import FileRow
from smppd.told import is_bare, iso, text_of

_ADMITTED, _SENT, _IDENTIFIED = int(Kind.ADMITTED), int(Kind.SENT), int(Kind.IDENTIFIED)
_ANSWERED, _UNKNOWN = int(Kind.ANSWERED), int(Kind.UNKNOWN)
_RECEIVED, _REPORTED = int(Kind.RECEIVED), int(Kind.FILE_REPORTED)
#: The facts of which something is told, besides those that made a message final.
TOLD = (_ADMITTED, _SENT, _IDENTIFIED, _ANSWERED, _UNKNOWN, _RECEIVED, _REPORTED)

_QUEUED, _FINALLY_SENT, _DELIVERED = int(State.QUEUED), int(State.SENT), int(State.DELIVERED)
_LABELS = [""] + [state.label for state in State]
#: Of a letter, what a consumer gets only if it wants contents.
_CONTENT = ("text", "data", "provided", "header", "tlvs")
#: Of a letter, what stands beside it.
_BESIDE = ("link", "source", "destination")

_encode = msgspec.json.Encoder().encode
_read_states = msgspec.msgpack.Decoder(list[int]).decode
_read_letter = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_text = msgspec.json.Decoder(str).decode


class To(msgspec.Struct, gc=False, omit_defaults=True):
    """One destination of a send to a group."""

    to: str
    state: str
    message_id: str = ""
    error: ErrorInfo | None = None


class Told(msgspec.Struct, gc=False, omit_defaults=True):
    """What programs are told, as it stands in the JSON. `seq` is the fact's, `event_id` this one's
    for good: an event that comes twice has it twice."""

    seq: int
    event_id: str
    event: str
    at: str | None
    id: str = ""
    to: str = ""
    from_: str = msgspec.field(default="", name="from")
    state: str = ""
    final: bool = False
    file: str = ""
    campaign: str = ""
    line: int = 0
    link: str = ""
    part: int = 0
    parts: int = 0
    encoding: str = ""
    message_ids: list[str] = []
    part_states: list[str] = []
    destinations: list[To] = []
    submitted: str | None = None
    attempts: int = 0
    possible_duplicate: bool = False
    error: ErrorInfo | None = None
    op: str = ""
    text: str | msgspec.UnsetType | None = msgspec.UNSET
    answer: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    name: str = ""
    letter: dict[str, msgspec.Raw] = {}
    states: dict[str, int] = {}
    results: str = ""


class Happening(NamedTuple):
    """One event. `number` counts within its fact; `key` is the same for all that must be told in
    order; `at` is epoch seconds; `json` has no newline."""

    seq: int
    number: int
    event: str
    key: object
    at: float
    json: bytes


class Teller:
    """Makes events of facts. `content`: with the texts of messages."""

    def __init__(self, files: Mapping[int, FileRow], *, content: bool) -> None:
        self._files = files
        self._content = content

    def admitted(self, fact: Fact, rows: Sequence[MessageRow]) -> Iterator[Happening]:
        """Of a chunk of lines, whose rows these are in the order of the file."""
        for number, row in enumerate(rows):
            if row.state == _QUEUED:
                told = self._about(fact, row, "accepted", number)
                told.state = "queued"
                if self._content:
                    told.text = None if is_bare(row.message) else text_of(row.message)
                yield _happening(fact, told, number, row.msg_id, row.message.echo)
            else:
                rejected = read_rejected(row.body)
                told = self._beginning(fact, row, "failed", number)
                told.to, told.error = rejected.to, rejected.error
                told.state, told.final = _LABELS[row.state], True
                yield _happening(fact, told, number, row.msg_id, rejected.echo)

    def happened(self, fact: Fact, row: MessageRow | None) -> Iterator[Happening]:
        """Of any other fact; `row` is that of its message."""
        if fact.kind == _RECEIVED:
            yield self._received(fact)
        elif fact.kind == _REPORTED:
            yield self._reported(fact)
        elif row is not None:
            yield from self._of_message(fact, row)

    def _of_message(self, fact: Fact, row: MessageRow) -> Iterator[Happening]:
        result = None if fact.result is None else read_result(fact.result)
        number, echo, said = 0, row.message.echo, None
        if fact.kind in (_SENT, _IDENTIFIED):
            said = self._sent(fact, row)
        elif fact.kind == _ANSWERED:
            said = self._answered(fact, row)
        elif fact.kind == _UNKNOWN and result is None:
            said = self._unknown(fact, row)
        if said is not None:
            if result is not None and result.state == _FINALLY_SENT:
                _conclude(said, result)
                result = None
            yield _happening(fact, said, number, row.msg_id, echo)
            number = 1
        if result is not None:
            yield _happening(fact, self._ended(fact, row, result, number), number, row.msg_id, echo)

    def _sent(self, fact: Fact, row: MessageRow) -> Told:
        told = self._about(fact, row, "sent")
        link, _, message_id = (fact.text or "").partition("\t")
        told.state, told.link = "sent", link
        if message_id:
            told.message_ids = [message_id]
        if told.parts > 1:
            told.part = (fact.part or 0) + 1
        return told

    def _answered(self, fact: Fact, row: MessageRow) -> Told:
        told = self._about(fact, row, "sent")
        assert fact.detail is not None
        response = read_response(fact.detail)
        told.state, told.link, told.op = "sent", fact.text or "", response.op
        told.message_ids = [message_id for message_id, _ in response.taken if message_id]
        if response.group:
            told.destinations = [To(to, "sent", each) for each, to in response.taken]
        if self._content and response.answer:
            told.answer = msgspec.Raw(response.answer)
        return told

    def _unknown(self, fact: Fact, row: MessageRow) -> Told:
        told = self._about(fact, row, "unknown")
        told.state = "unknown"
        told.error = ErrorInfo("UNKNOWN_OUTCOME", None, fact.text or "")
        if told.parts > 1:
            told.part = (fact.part or 0) + 1
        return told

    def _ended(self, fact: Fact, row: MessageRow, result: Result, number: int) -> Told:
        event = {_DELIVERED: "delivered", _FINALLY_SENT: "sent"}.get(result.state, "failed")
        told = self._about(fact, row, event, number)
        _conclude(told, result)
        return told

    def _about(self, fact: Fact, row: MessageRow, event: str, number: int = 0) -> Told:
        """What is always said of an accepted message."""
        told = self._beginning(fact, row, event, number)
        message = row.message
        told.to, told.from_ = message.to, message.sender
        told.parts = len(message.segments) or 1
        if message.call is not None:
            told.op = message.call.op
        else:
            told.encoding = message.encoding
        return told

    def _beginning(self, fact: Fact, row: MessageRow, event: str, number: int) -> Told:
        told = Told(fact.seq, _event_id(fact, number), event, iso(fact.at), row.client_id)
        told.line = row.line
        file = self._files.get(row.file_id)
        if file is not None:
            told.file, told.campaign = file.name, file.campaign or file.name
        return told

    def _received(self, fact: Fact) -> Happening:
        letter = _read_letter(fact.detail or b"{}")
        name = fact.text or ""
        told = Told(fact.seq, f"received-{name.removesuffix('.json')}", "received", iso(fact.at))
        told.name, told.link = name, _text(letter, "link")
        told.from_, told.to = _text(letter, "source"), _text(letter, "destination")
        if self._content:
            told.text = None if fact.detail is None else _text(letter, "text")
        hidden = _BESIDE if self._content else (*_BESIDE, *_CONTENT)
        told.letter = {key: value for key, value in letter.items() if key not in hidden}
        return _happening(fact, told, 0, name, None)

    def _reported(self, fact: Fact) -> Happening:
        told = Told(fact.seq, _event_id(fact, 0), "reported", iso(fact.at))
        file = self._files.get(fact.msg or 0)
        if file is not None:
            told.file, told.campaign = file.name, file.campaign or file.name
        told.results = fact.text or ""
        if fact.detail is not None:
            counts = zip(_LABELS, _read_states(fact.detail), strict=False)
            told.states = {label: count for label, count in counts if label and count}
        return _happening(fact, told, 0, ("file", fact.msg), None)


def _conclude(told: Told, result: Result) -> None:
    """Say how it ended, on the last word about it."""
    told.state, told.final = _LABELS[result.state], True
    told.submitted, told.attempts = iso(result.submitted), result.attempts
    told.possible_duplicate, told.error = result.possible_duplicate, result.error
    told.link, told.op = result.link or told.link, result.op or told.op
    if result.destinations is not None:
        told.destinations = [
            To(each.to, _LABELS[each.state], each.message_id, each.error)
            for each in result.destinations
        ]
        told.message_ids = [each.message_id for each in result.destinations if each.message_id]
    else:
        told.message_ids = [each for each in result.message_ids if each]
    told.part_states = [_LABELS[state] for state in result.part_states]
    told.parts = max(told.parts, len(told.part_states))  # its text may be gone


def _event_id(fact: Fact, number: int) -> str:
    """Of this journal and no other: one that is begun anew counts its facts from 1 again."""
    return f"{int(fact.at * 1000):x}-{fact.seq:x}-{number:x}"


def _happening(
    fact: Fact, told: Told, number: int, key: object, echo: dict[str, bytes] | None
) -> Happening:
    line = _encode(told)
    if echo:
        given = _encode({name: msgspec.Raw(value) for name, value in echo.items()})
        line = line[:-1] + b"," + given[1:]
    return Happening(fact.seq, number, told.event, key, fact.at, line)


def _text(letter: Mapping[str, msgspec.Raw], name: str) -> str:
    return _read_text(letter[name]) if name in letter else ""
