"""The two facts of nearly every message, a lot at a time: the SMSC took its only part, and delivered it.

What a lot makes of such a message is what `steps` make of its facts one by one, as they do when the log is
read again; only the sums are moved once for all. Whatever is not so plain is left to them.
"""

from __future__ import annotations

from typing import Self

from smppd.ledger.bundles import bundled
from smppd.ledger.entries import Outstanding, result_of
from smppd.ledger.facts import Kind
from smppd.ledger.ledger import Ledger
from smppd.ledger.lifecycle import DELIVERED, SENDING, SENT

_ONE_SENDING, _ONE_SENT = [SENDING], [SENT]


class _Lot:
    """Facts of a `kind` that happened `at` one moment (epoch seconds), each of which moves its message from
    state `old` to `new`: a context manager, inside which other facts may be made between them."""

    __slots__ = ("_accounts", "_at", "_entries", "_last", "_ledger", "_members")
    kind: int
    old: int
    new: int

    def __init__(self, ledger: Ledger, at: float) -> None:
        self._ledger = ledger
        self._accounts = ledger.accounts
        self._at = at
        self._entries: list[Outstanding] = []
        #: Those that were made one right after the other, the last under the seq `last`.
        self._members: list[object] = []
        self._last = 0

    def _bundle(self) -> None:
        if self._members:
            self._ledger.facts.extend(bundled(self._at, self.kind, self._last, self._members))
            self._members = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Move the sums. However it was left: what was made so far has its seqs, and is not to be missing."""
        self._bundle()
        if self._entries:
            self._accounts.shift(self._entries, self.old, self.new)


class TakenLot(_Lot):
    """Messages that the SMSC took."""

    __slots__ = ()
    kind, old, new = int(Kind.SENT_BUNDLE), SENDING, SENT

    def sent(self, msg_id: int, key: str) -> bool:
        """The SMSC took a part under this receipt key; False: it is not so plain, and nothing was done."""
        accounts = self._accounts
        entry = accounts.entries.get(msg_id)
        if (
            entry is None
            or entry.part_states != _ONE_SENDING
            or not entry.receipt
            or key[-1] == "\t"
        ):
            return False
        if accounts.seq != self._last:
            self._bundle()
        accounts.seq = self._last = accounts.seq + 1
        entry.state = entry.part_states[0] = SENT
        entry.ids.append((0, key))
        if entry.submitted is None:
            entry.submitted = self._at
        accounts.message_ids.add(key, (msg_id, 0))
        self._members.append((msg_id, key))
        self._entries.append(entry)
        return True


class DeliveredLot(_Lot):
    """Messages whose receipts say that they were delivered."""

    __slots__ = ()
    kind, old, new = int(Kind.DELIVERED_BUNDLE), SENT, DELIVERED

    def delivered(self, entry: Outstanding, text: str) -> int:
        """The receipt came, with the text that its fact is to have. The seq of that; 0: it is not so plain,
        and nothing was done."""
        accounts = self._accounts
        if (
            entry.part_states != _ONE_SENT
            or entry.op
            or accounts.shelf.parked
            or accounts.unclaimed.waiting
        ):
            return 0
        if accounts.seq != self._last:
            self._bundle()
        accounts.seq = self._last = seq = accounts.seq + 1
        entry.state = entry.part_states[0] = DELIVERED
        accounts.let_go(entry, seq)
        self._members.append((entry.msg_id, text, result_of(entry)))
        self._entries.append(entry)
        return seq
