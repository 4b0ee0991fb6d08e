"""The two facts of nearly every message, a lot at a time: the SMSC took its only part, and delivered it.

What a lot makes of such a message is what `steps` make of its facts one by one, as they do when the log is
read again; only the sums are moved once for all. Whatever is not so plain is left to them.
"""

from __future__ import annotations

from smppd.ledger.entries import Outstanding, result_of
from smppd.ledger.facts import Fact, Kind, encode
from smppd.ledger.ledger import Ledger
from smppd.ledger.lifecycle import DELIVERED, SENDING, SENT
from smppd.smpp.vocabulary import MessageState

_SENT_FACT, _RECEIPT_FACT = int(Kind.SENT), int(Kind.RECEIPT)
_STATE_DELIVERED = int(MessageState.DELIVERED)
_ONE_SENDING, _ONE_SENT = [SENDING], [SENT]


class Lot:
    """Facts that happened `at` one moment (epoch seconds), made one after the other. Other facts may
    come between them; `end` is called after the last."""

    __slots__ = ("_accounts", "_at", "_delivered", "_ledger", "_sent")

    def __init__(self, ledger: Ledger, at: float) -> None:
        self._ledger = ledger
        self._accounts = ledger.accounts
        self._at = at
        self._sent: list[Outstanding] = []
        self._delivered: list[Outstanding] = []

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
        accounts.seq = seq = accounts.seq + 1
        entry.state = entry.part_states[0] = SENT
        entry.ids.append((0, key))
        if entry.submitted is None:
            entry.submitted = self._at
        accounts.message_ids.add(key, (msg_id, 0))
        self._ledger.facts.append(Fact(seq, self._at, _SENT_FACT, msg_id, 0, None, key))
        self._sent.append(entry)
        return True

    def delivered(self, entry: Outstanding, text: str) -> Fact | None:
        """The receipt came that says so, with the text that its fact is to have; None: it is not so plain,
        and nothing was done."""
        accounts = self._accounts
        if (
            entry.part_states != _ONE_SENT
            or entry.op
            or accounts.shelf.parked
            or accounts.unclaimed.waiting
        ):
            return None
        accounts.seq = seq = accounts.seq + 1
        entry.state = entry.part_states[0] = DELIVERED
        accounts.let_go(entry, seq)
        result = encode(result_of(entry))
        fact = Fact(
            seq, self._at, _RECEIPT_FACT, entry.msg_id, 0, _STATE_DELIVERED, text, None, result
        )
        self._ledger.facts.append(fact)
        self._delivered.append(entry)
        return fact

    def end(self) -> None:
        """Move the sums."""
        if self._sent:
            self._accounts.shift(self._sent, SENDING, SENT)
        if self._delivered:
            self._accounts.shift(self._delivered, SENT, DELIVERED)
