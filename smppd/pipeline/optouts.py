"""Opt-out: who wants no messages is asked at the last moment, whenever a message was handed in.

The list is in memory as the journal has it. A change is in force at once, and on disk before
whoever made it hears of it; both ways a crash in between does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from smppd.figures import OptOutFigures
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import QUEUE_SHIFT
from smppd.message import ErrorInfo, Message
from smppd.optout.roll import Change, OptOut, OptOutList, confirmation_id, sender_key
from smppd.pipeline.gate import Check
from smppd.ports import OptOutMemory

#: The error of a message to somebody who wants none.
OPTED_OUT = "OPTED_OUT"


class Terms:
    """Whose messages an opt-out is about.

    `senders`: of a number that can be written to, the senders it stands for. `links_senders` are
    those with which a message may leave that names none.
    """

    def __init__(
        self,
        senders: Mapping[str, Sequence[str]] | None = None,
        links_senders: Collection[str] = (),
    ) -> None:
        self._numbers: dict[str, tuple[str, ...]] = {}
        for number, names in (senders or {}).items():
            for name in names:
                self._numbers[name] = (*self._numbers.get(name, ()), number)
        self._links = tuple(
            dict.fromkeys(
                each for name in links_senders if name for each in self._of(sender_key(name))
            )
        )
        self._known: dict[str, tuple[str, ...]] = {}

    def _of(self, key: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((key, *self._numbers.get(key, ()))))

    def senders(self, message: Message) -> tuple[str, ...]:
        """For which entries of the list a message counts: its sender, and the numbers of that."""
        if message.links_sender:
            return self._links
        known = self._known.get(message.sender)
        if known is None:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            key = sender_key(message.sender)
            known = self._known[message.sender] = self._of(key) if key else ()
        return known


#: Senders whose entries are remembered.
_REMEMBERED = 4096


class OptOuts:
    """Keeps the list, and says no. A `ports.OptOutBook`; `check` is asked by the gate."""

    def __init__(self, entries: OptOutList, memory: OptOutMemory, terms: Terms) -> None:
        self.entries = entries
        self._memory = memory
        self._terms = terms
        self._spared: frozenset[int] = frozenset()
        self._ask: Callable[[Check], None] | None = None
        self.figures = OptOutFigures()

    def enforce_with(self, ask: Callable[[Check], None]) -> None:
        """Have a gate ask, from the first entry on: while there is none, nobody need be asked."""
        self._ask = ask
        self._begin_asking()

    def _begin_asking(self) -> None:
        if self.entries and self._ask is not None:
            self._ask(self.check)
            self._ask = None

    def change_terms(self, terms: Terms) -> None:
        """Whose messages an opt-out is about from now on."""
        self._terms = terms

    def spare(self, queues: Iterable[int]) -> None:
        """Let the messages of these queues go all the same."""
        self._spared = frozenset(queues)

    def check(self, row: MessageRow, _now: float) -> ErrorInfo | None:
        """Why a message must not leave; None where it may."""
        if not self.entries:
            return None
        message = row.message
        found = self.entries.find(message.handset, self._terms.senders(message))
        if found is None or row.msg_id >> QUEUE_SHIFT in self._spared:
            return None
        if row.id is not None and row.id == confirmation_id(found):
            return None
        self.figures.barred += 1
        return barred(found)

    def counted(self) -> OptOutFigures:
        """Its figures, as it stands."""
        self.figures.entries = len(self.entries)
        return self.figures

    def is_news(self, change: Change) -> bool:
        """See `ports.OptOutBook`."""
        return self.entries.is_news(change)

    async def change(self, changes: Sequence[Change]) -> int:
        """See `ports.OptOutBook`."""
        done = 0
        for change in changes:
            if self.entries.make(change):
                done += 1
                if change.out:
                    self.figures.added += 1
                else:
                    self.figures.removed += 1
        self._begin_asking()
        # Also what changed nothing: an earlier change of the same kind may still be on its way.
        await self._memory.change_opt_outs(changes)
        return done


def barred(found: OptOut) -> ErrorInfo:
    """The error of a message that an opt-out keeps back."""
    since = datetime.fromtimestamp(found.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    whose = f"messages from {found.sender}" if found.sender else "all messages"
    why = f": {found.why}" if found.why else ""
    return ErrorInfo(OPTED_OUT, text=f"opted out of {whose} since {since}{why}")
