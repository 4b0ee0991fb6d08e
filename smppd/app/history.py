"""What happens to a message, read from the journal as it happens, from before it is there if need be."""

from __future__ import annotations

import msgspec

from smppd.journal.schema import one_moment
from smppd.journal.store import Store
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Fact, Kind
from smppd.masking import masked_words
from smppd.message import State
from smppd.results.story import Happening, Story, tell

#: What others say of a message, which may be anything.
_REPEATING = frozenset(
    kind.name.lower()
    for kind in (Kind.REFUSED, Kind.RETRY, Kind.THROTTLED, Kind.UNKNOWN, Kind.FAILED, Kind.PAUSED)
)
_NAMING = frozenset({int(Kind.SENT), int(Kind.IDENTIFIED)})


class Expected:
    """A message that is yet to be handed in under this id of its writer's. Its calls block, and raise
    JournalError."""

    def __init__(self, store: Store, client_id: str) -> None:
        self._store = store
        self._client_id = client_id
        with one_moment(store.connection):
            self._head = store.log.head()
            found = store.find_message(client_id)
        self._found = found if found is not None and found.state == State.QUEUED else None

    def look(self) -> MessageRow | None:
        """It, if it has come since the last call."""
        if self._found is None:
            with one_moment(self._store.connection):
                head = self._store.log.head()
                for fact in self._store.log.told(self._head, head, (Kind.ADMITTED,)):
                    if fact.kind == Kind.ADMITTED and self._found is None:
                        self._found = self._store.find_admitted(fact, self._client_id)
                self._head = max(self._head, head)
        return self._found


class History:
    """What has happened to a message, read on as it happens. Its calls of the journal block."""

    def __init__(self, store: Store, row: MessageRow) -> None:
        self._store = store
        self._row = row
        self._head = 0
        self._facts: list[Fact] = []
        self._told = 0
        self._story: Story | None = None

    def read_on(self) -> None:
        """Read what is new on disk."""
        with one_moment(self._store.connection):
            self._facts += self._store.log.history(self._row.msg_id, self._head)
            self._head = max(self._head, self._store.log.head())
        self._story = tell(self._row, self._facts, self._store.admitted_at(self._row))

    @property
    def keys(self) -> set[str]:
        """Those of the receipts about it, as far as is known."""
        named = (fact for fact in self._facts if fact.kind in _NAMING)
        return {fact.text for fact in named if fact.text and not fact.text.endswith("\t")}

    def take_news(self) -> list[Happening]:
        """What has happened since the last call."""
        history = self._story.history if self._story else []
        news, self._told = history[self._told :], len(history)
        return [covered(each) for each in news]


def covered(happening: Happening) -> Happening:
    """It without the numbers that an SMSC or a provider repeats; its message_ids stay."""
    if happening.event not in _REPEATING:
        return happening
    return msgspec.structs.replace(happening, text=masked_words(happening.text))
