"""One message's story: its result line as of now, what happened to it, and each of its parts.

Made from the message's own facts alone, with the ledger's own rules, so that it is the same
beside a running daemon and without one. Pure; LedgerError when the facts contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from smppd import told
from smppd.ledger.accounts import Accounts
from smppd.ledger.entries import Ending, MessageRow, Outstanding
from smppd.ledger.facts import QUEUE_SHIFT, Fact, Kind
from smppd.ledger.lifecycle import RECEIPT_STATES
from smppd.ledger.slots import Slots
from smppd.ledger.snapshot import FileAccount, Queue
from smppd.message import State
from smppd.results.call_words import CALL_WORDS
from smppd.results.fact_words import WORDS
from smppd.results.lines import ResultLine, encode_line, part_state, told_of
from smppd.told import iso


class Happening(msgspec.Struct, frozen=True):
    """One fact in words. `part` counts from 1; None where the whole message is meant."""

    time: str | None
    event: str
    part: int | None
    text: str


class PartStory(msgspec.Struct, frozen=True):
    """Where one part is, and every message_id that the SMSC gave it. Of a send to a group each part
    is a destination: `to`."""

    part: int
    state: str
    message_ids: list[str]
    to: str | msgspec.UnsetType = msgspec.UNSET


class Story(msgspec.Struct, frozen=True):
    """A message's result, its history and its parts. `line` is the result as results have it,
    the client's own fields included."""

    result: ResultLine
    line: bytes
    history: list[Happening]
    part_details: list[PartStory]

    def encode(self) -> bytes:
        """As one JSON object: the fields of the result line, and behind them the rest."""
        line = msgspec.json.decode(self.line, type=dict[str, msgspec.Raw])
        return msgspec.json.encode(
            {**line, "history": self.history, "part_details": self.part_details}
        )


def tell(row: MessageRow, facts: Sequence[Fact], admitted_at: float | None) -> Story:
    """The story of a message from every fact about it, in order (`Store.history`)."""
    origin = f"accepted from line {row.line} of its file"
    history = [Happening(iso(admitted_at), "accepted", None, origin)]
    if row.state != State.QUEUED:
        line, _, echo = told_of(row, None, None)
        why = line.error.text if line.error else ""
        history.append(Happening(iso(admitted_at), line.state, None, f"{line.state}: {why}"))
        return Story(line, encode_line(line, echo), history, [])
    facts = list(_about(row, facts))
    entry = _fold(row, facts)
    last = next((fact for fact in facts if fact.result is not None), None)
    line, _, echo = told_of(row, None if last is None else Ending.of(last), entry)
    several = line.parts > 1 or (entry is not None and entry.destinations is not None)
    history += _happenings(row, facts, several=several)
    history = _with_contradictions(history, facts)
    parts = _parts(line, entry, final=last is not None)
    return Story(line, encode_line(line, echo), history, parts)


def _about(row: MessageRow, facts: Sequence[Fact]) -> Iterator[Fact]:
    """Without the facts that took its neighbours from the queue after it had left it before its
    turn."""
    gone = False
    for fact in facts:
        if not gone or fact.msg == row.msg_id:
            yield fact
        gone = gone or fact.kind == Kind.PICKED
        gone = gone or (fact.kind == Kind.CANCELLED and fact.part is None)


def _with_contradictions(history: list[Happening], facts: Sequence[Fact]) -> list[Happening]:
    """The history with a remark on each receipt that says otherwise than the one that stands."""
    before, first = len(history) - len(facts), dict[int | None, int]()
    for number, fact in enumerate(facts, start=before):
        if fact.kind != Kind.RECEIPT or fact.num not in RECEIPT_STATES:
            continue
        stands = first.setdefault(fact.part, RECEIPT_STATES[fact.num])
        if RECEIPT_STATES[fact.num] != stands:
            said = f"{history[number].text}; contradicts the first, which stands"
            history[number] = msgspec.structs.replace(history[number], text=said)
    return history


def text_of(row: MessageRow) -> str:
    """The text of an accepted message, as a handset reads it; data in hex."""
    return told.text_of(row.message)


def _fold(row: MessageRow, facts: Sequence[Fact]) -> Outstanding | None:
    """The message after these facts; None when it was never taken from its queue."""
    accounts, alone = _accounts_before(row), msgspec.structs.replace(row, item=0)
    entry: Outstanding | None = None
    for fact in facts:
        if accounts.needs_rows(fact):
            final = accounts.take(fact, [alone])
        else:
            accounts.seq = fact.seq - 1  # the facts between are about other messages
            final = accounts.apply(fact)
            if fact.kind == Kind.RECALLED:
                accounts.entries[row.msg_id].item = 0  # from disk, where it is numbered in its file
        entry = final or accounts.entries.get(row.msg_id, entry)
    return entry


def _accounts_before(row: MessageRow) -> Accounts:
    """A world with nothing in it but this message, next in its queue."""
    accounts = Accounts()
    file = FileAccount(row.file_id, "", "", 0, 0.0, items=1)
    number = row.msg_id >> QUEUE_SHIFT
    accounts.files[row.file_id] = file
    accounts.slots[row.file_id] = Slots(1)
    accounts.queues[number] = Queue(number, row.msg_id - 1, row.msg_id, queued=1)
    accounts.counts[State.QUEUED] = file.states[State.QUEUED] = 1
    return accounts


def _parts(line: ResultLine, entry: Outstanding | None, *, final: bool) -> list[PartStory]:
    if entry is None:
        return [PartStory(part, line.state, []) for part in range(1, line.parts + 1)]
    ids: dict[int, list[str]] = {}
    for part, key in entry.ids:
        ids.setdefault(part, []).append(key.partition("\t")[2])
    return [
        PartStory(
            part + 1,
            part_state(state, entry.state, final=final),
            ids.get(part, []),
            msgspec.UNSET if entry.destinations is None else entry.destinations[part],
        )
        for part, state in enumerate(entry.part_states)
    ]


# ── facts in words ───────────────────────────────────────────────────────────────────────────


def _happenings(row: MessageRow, facts: Sequence[Fact], *, several: bool) -> Iterator[Happening]:
    call = row.message.call is not None
    over_http = call
    for fact in facts:
        kind = Kind(fact.kind)
        if kind == Kind.SENDING:
            over_http = call or fact.detail is not None
        part = fact.part + 1 if several and fact.part is not None else None
        words = (CALL_WORDS.get(kind) if over_http else None) or WORDS.get(kind)
        text = words(fact) if words else kind.name.lower()
        yield Happening(iso(fact.at), kind.name.lower(), part, text)
