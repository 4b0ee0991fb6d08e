"""Messages that may get a receipt under a message_id of which nobody told us. Pure.

They are those of unknown outcome, also while they wait to be sent again, and those that the SMSC
took without giving an id. Found by link and destination; whoever looks judges their parts.

A submission of unknown outcome whose message went again, or was given up, leaves a ghost: its
receipt may still come, and must not be taken for that of another message to the same handset.
"""

from __future__ import annotations

from collections.abc import Iterator

from smppd.ledger.destinations import tail
from smppd.ledger.entries import Outstanding
from smppd.ledger.lifecycle import QUEUED, SENT, UNKNOWN

#: How long a ghost is feared, in seconds since its submission: the time that receipts take.
GHOST_FOR = 3 * 86_400.0
#: How many handsets with ghosts are remembered.
GHOSTS = 10_000


class Unclaimed:
    """The msg_ids of such messages by link and the end of their destination."""

    def __init__(self) -> None:
        #: Whether there is anything is asked for every message: of this, which costs nothing.
        self.waiting: dict[str, dict[int, None]] = {}
        self.ghosts: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self.waiting)

    def haunt(self, entry: Outstanding) -> None:
        """Its last submission is of unknown outcome, and will remain so."""
        place = _place(entry)
        self.ghosts.pop(place, None)
        self.ghosts[place] = entry.left
        if len(self.ghosts) > GHOSTS:
            del self.ghosts[next(iter(self.ghosts))]

    def is_haunted(self, link: str, written: str, at: float) -> bool:
        """Whether a receipt from this handset may be of a ghost."""
        left = self.ghosts.get(f"{link}\t{tail(written)}")
        return left is not None and at - left <= GHOST_FOR

    def close(self, entry: Outstanding) -> None:
        """It is final."""
        if any(entry.part_states[part] != SENT for part in claimable(entry)):
            self.haunt(entry)
        self.discard(entry)

    def add(self, entry: Outstanding) -> None:
        """Let receipts be looked for it."""
        self.waiting.setdefault(_place(entry), {})[entry.msg_id] = None

    def discard(self, entry: Outstanding) -> None:
        """No receipt need be looked for it."""
        place = _place(entry)
        near = self.waiting.get(place)
        if near is not None:
            near.pop(entry.msg_id, None)
            if not near:
                del self.waiting[place]

    def near(self, link: str, written: str) -> list[int]:
        """Those of this link whose handset may be this one, the oldest first."""
        return list(self.waiting.get(f"{link}\t{tail(written)}", ()))


def claimable(entry: Outstanding) -> Iterator[int]:
    """The parts of a message that a receipt under an unheard-of message_id may be about: none of
    what went over an account of the HTTP API, of which no SMSC speaks."""
    if entry.op:
        return
    named = {part for part, key in entry.ids if not key.endswith("\t")}
    for part, state in enumerate(entry.part_states):
        unnamed = state == SENT and part not in named
        if unnamed or state == UNKNOWN or (state == QUEUED and entry.possible_duplicate):
            yield part


def _place(entry: Outstanding) -> str:
    return f"{entry.link}\t{tail(entry.to)}"
