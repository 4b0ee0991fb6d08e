"""The gate: what is asked of every message at the last moment before it leaves, over a link or an
account, whether it is new, was called up, or came back.

A message may leave, or not before a moment, or not while its campaign is held, or not at all. One
of which a part has left is never stopped half-way. Where nothing is configured and no campaign is
held, the gate is open, and nobody asks it.

A check looks at the row of a message (`MessageRow`) and the time (epoch seconds). A message to a
single destination has that in `to`; a call to a group has none (its `to` is for people), so that
checks which go by the number let it pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from smppd.ledger.accounts import Accounts
from smppd.ledger.entries import MessageRow, Outstanding
from smppd.ledger.facts import Wait
from smppd.message import ErrorInfo, State
from smppd.ports import Counted

#: The campaign of a message is held, or cancelled.
HELD = Wait.CAMPAIGN

#: None: it may leave. A number: not before that moment (epoch seconds). HELD: not while its
#: campaign is held. ErrorInfo: it is barred, for this reason.
Verdict = float | Wait | ErrorInfo | None
Check = Callable[[MessageRow, float], Verdict]

_QUEUED = int(State.QUEUED)


class Tally(Protocol):
    """Counts what leaves, and may let it wait. It is asked last."""

    def new(self, row: MessageRow, now: float) -> Verdict:
        """Of a message of which nothing has left. It leaves, and is counted, when this is None."""

    def again(self, row: MessageRow, entry: Outstanding, now: float) -> Verdict:
        """Of one that came back whole, and leaves again when this is None."""

    async def learn(self, rows: Collection[MessageRow], known: int = -1) -> int:
        """Look up what these messages will be judged by. What it gives is handed in as `known` next
        time with the same messages."""

    def take(self) -> Sequence[Counted]:
        """What was counted since the last call, for the commit of the same facts."""


class Gate:
    """Asks every check; whether a campaign is held it knows itself."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._checks: list[Check] = []
        self.tally: Tally | None = None

    def add(self, check: Check) -> None:
        """Ask this, too."""
        self._checks.append(check)

    def drop(self, check: Check) -> None:
        """Ask this no more."""
        self._checks.remove(check)

    def count_with(self, tally: Tally | None) -> None:
        """Ask this last, or nobody: it counts those that it lets pass."""
        self.tally = tally

    @property
    def is_open(self) -> bool:
        """Whether nothing at all would be stopped just now."""
        return not (self._checks or self._accounts.restrained) and self.tally is None

    def new(self, row: MessageRow, now: float) -> Verdict:
        """Of a message of which nothing has left, and that would leave now."""
        verdict = self._first_checks(row, now)
        if verdict is None and self.tally is not None:
            return self.tally.new(row, now)
        return verdict

    def bars(self, row: MessageRow, now: float) -> bool:
        """Whether a message may not leave at all as it stands in this row."""
        return any(isinstance(check(row, now), ErrorInfo) for check in self._checks)

    def again(self, row: MessageRow, entry: Outstanding, now: float) -> Verdict:
        """Of a message that came back, and would leave again now."""
        if any(state != _QUEUED for state in entry.part_states):
            return None
        if not entry.left:
            return self.new(row, now)
        verdict = self._first_checks(row, now)
        if verdict is None and self.tally is not None:
            return self.tally.again(row, entry, now)
        return verdict

    async def learn(self, rows: Collection[MessageRow], known: int = -1) -> int:
        """Before `new` and `again` are asked of these messages; see `Tally`."""
        return known if self.tally is None else await self.tally.learn(rows, known)

    def _first_checks(self, row: MessageRow, now: float) -> Verdict:
        until: float | None = None
        for check in self._checks:
            verdict = check(row, now)
            if isinstance(verdict, ErrorInfo):
                return verdict
            if isinstance(verdict, float):
                until = max(verdict, until or verdict)
        accounts, file_id = self._accounts, row.file_id
        if file_id in accounts.restrained and accounts.files[file_id].holds(row.item):
            return HELD
        return until
