"""What the ledger holds beside messages that are not final: files, queues, receipts that wait.

A snapshot is all of it, and them. Shapes on disk, as in `facts`: extend at the end.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from smppd.campaign import NO_TERMS, CampaignTerms
from smppd.ledger.deadlines import Deadlines
from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import made_up_id
from smppd.ledger.holding import SavedHolding
from smppd.ledger.spans import Spans
from smppd.message import State

#: How many finished message_ids are remembered at least, to know a repeated receipt as one.
REMEMBERED = 20_000
#: How many receipts may wait for their message_id to be learnt.
PARKED = 100_000
#: For how long (seconds): after a day the SMSC may have given the message_id to another message.
PARKED_FOR = 86_400.0
_UNKNOWN = int(State.UNKNOWN)


class Chunk(msgspec.Struct, array_like=True):
    """Lines admitted in one commit, and how far the file had been read (octets, lines).

    `ranges` are (first msg_id, last msg_id, how many of them are queued), one for each queue;
    `final` has the state of the items that were final at once, `references` the last number used in
    each bucket (see `References`), `expires` when the first message of each range does that ever does;
    of chunks of earlier versions that is not known (None).
    """

    ranges: list[tuple[int, int, int]]
    first_item: int
    items: int
    queued: int
    final: dict[int, int]
    offset: int
    line: int
    references: dict[int, int] = msgspec.field(default_factory=dict)
    expires: tuple[float | None, ...] | None = None


class Pause(NamedTuple):
    """Why a link submits nothing, or a campaign is held: since when (epoch seconds), and who said
    so."""

    at: float
    reason: str
    who: str


class Trial(msgspec.Struct, array_like=True):
    """What became of a campaign's first messages, by state, while the rest waits for it.

    `end`: the first item that waits; None until so many messages are admitted. `over`: it was
    decided, by what became of them or by an operator. `done` of them have come to their end.
    """

    end: int | None = None
    messages: int = 0
    states: list[int] = msgspec.field(default_factory=lambda: [0] * (len(State) + 1))
    over: bool = False
    done: int = 0

    def covers(self, item: int) -> bool:
        """Whether this item goes first."""
        return self.end is None or item < self.end

    def admit(self, chunk: Chunk, wanted: int) -> None:
        """Take from a chunk what is still wanted; what was final at once is no message."""
        if self.end is not None:
            return
        item, after = chunk.first_item, chunk.first_item + chunk.items
        before = self.messages
        while item < after and self.messages < wanted:
            self.messages += item not in chunk.final
            item += 1
        self.states[State.QUEUED] += self.messages - before
        if self.messages >= wanted:
            self.end = item


class FileAccount(msgspec.Struct, array_like=True):
    """A file that is not reported yet, or has messages that are not final.

    `scheduled` counts those of its queued messages that wait for a moment, or for their campaign.
    `held`: nothing of it leaves until it is resumed; `cancelled`: nothing more of it leaves at all,
    by whose word; `trial`: of its first messages, if it goes by them.
    """

    file_id: int
    token: str
    name: str
    lane: int
    opened: float
    items: int = 0
    done: int = 0
    offset: int = 0
    line: int = 0
    closed: bool = False
    reported: bool = False
    last_submit: float = 0.0
    chunks: list[Chunk] = msgspec.field(default_factory=list)
    states: list[int] = msgspec.field(default_factory=lambda: [0] * (len(State) + 1))
    saved_slots: dict[int, bytes] = msgspec.field(default_factory=dict)
    scheduled: int = 0
    terms: CampaignTerms = NO_TERMS
    held: Pause | None = None
    cancelled: str = ""
    trial: Trial | None = None

    @property
    def restrained(self) -> bool:
        """Whether something of it may have to stay that could leave otherwise."""
        on_trial = self.trial is not None and not self.trial.over
        return self.held is not None or bool(self.cancelled) or on_trial

    def holds(self, item: int) -> bool:
        """Whether this item of it is not to leave now."""
        if self.held is not None or self.cancelled:
            return True
        return self.trial is not None and not (self.trial.over or self.trial.covers(item))

    @property
    def why_held(self) -> str:
        """Why not all of it leaves that could, for people; empty when it does."""
        if self.cancelled:
            return f"cancelled by {self.cancelled}"
        if self.held is not None:
            return f"{self.held.reason} ({self.held.who})"
        if self.trial is None or self.trial.over:
            return ""
        if self.trial.end is not None or not self.closed:  # else nothing comes after the first
            return f"canary: {self.trial.done:,} of {self.trial.messages:,} have come to their end"
        return ""

    @property
    def pending_or_open(self) -> bool:
        """Whether something of it is not final, or may still come."""
        return not self.closed or self.done < self.items

    @property
    def at_rest(self) -> bool:
        """Whether all of it is final, or held as unknown."""
        return self.closed and self.items - self.done == self.states[_UNKNOWN]

    @property
    def campaign(self) -> str:
        """The campaign's name."""
        return self.terms.name or self.name

    @property
    def queued(self) -> int:
        """Messages that wait for their turn or are on their way out."""
        return self.states[State.QUEUED] + self.states[State.SENDING]

    @property
    def pending(self) -> int:
        """Messages that are not final."""
        return self.items - self.done


class Queue(msgspec.Struct, array_like=True):
    """One lane of one link: msg_ids up to `head` were taken, up to `tail` exist.

    `queued` counts the messages in state QUEUED, those included that came back. `passed` are those
    that were cancelled, or picked, before their turn: behind `head`, and to be passed over
    (`cancelled`: the same in snapshots of earlier versions).
    """

    number: int
    head: int
    tail: int
    queued: int = 0
    cancelled: set[int] = msgspec.field(default_factory=set)
    passed: Spans = msgspec.field(default_factory=Spans)


class FullBlock(NamedTuple):
    """A block of a file's slots in which every message has ended, for the journal to keep."""

    file_id: int
    number: int
    octets: bytes


class Parked(msgspec.Struct, array_like=True):
    """A receipt whose message_id nobody knows yet; `other` is the key of the other id it named."""

    at: float
    num: int | None
    text: str
    other: str = ""


class Finished(NamedTuple):
    """What is remembered of a part whose message is final; `state` is the part's, `id` its writer's
    for the message."""

    msg_id: int
    id: str | None
    to: str
    part: int = 0
    state: int = 0

    @property
    def client_id(self) -> str:
        """The client's id, or the one made up from ours."""
        return self.id if self.id is not None else made_up_id(self.msg_id)


class Snapshot(msgspec.Struct, array_like=True):
    """The whole ledger at one seq, so that a start need not read the log from its beginning."""

    seq: int
    counts: list[int]
    queues: list[Queue]
    files: list[FileAccount]
    outstanding: list[Outstanding]
    shelf: dict[str, Parked]
    unmatched: int
    last_file: int
    finished: dict[str, Finished]
    references: bytes = b""
    agenda: dict[int, dict[int, bytes]] = msgspec.field(default_factory=dict)
    ghosts: dict[str, float] = {}
    paused: dict[str, Pause] = msgspec.field(default_factory=dict)
    received: int = 0
    holding: SavedHolding = msgspec.field(default_factory=SavedHolding)
    accepted: int | None = None
    deadlines: Deadlines | None = None


class Settled(msgspec.Struct, array_like=True):
    """What was over at a base: all files up to `last_file` but those that were `open`, because they
    were not reported, or had messages that were not final; and how far each queue was taken."""

    last_file: int
    open: list[int]
    heads: dict[int, int]


read_settled = msgspec.msgpack.Decoder(Settled).decode
read_chunk = msgspec.msgpack.Decoder(Chunk).decode
