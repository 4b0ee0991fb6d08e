"""Messages from handsets and chats in the log: counted, and nothing else changes."""

from __future__ import annotations

from smppd.ledger import memory
from smppd.ledger.accounts import Accounts
from smppd.ledger.ledger import Ledger


def test_letters_are_counted_live_in_a_replay_and_over_a_snapshot() -> None:
    ledger = Ledger()
    ledger.received(1.0, "1.json", b"{}")
    ledger.received(2.0, "2.json", b"{}")
    again = Accounts()
    for fact in ledger.take_facts():
        again.apply(fact)
    restored = Accounts()
    memory.restore(restored, memory.snapshot(ledger.accounts))
    assert ledger.accounts.received == again.received == restored.received == 2
    assert ledger.accounts.counts == again.counts == [0] * len(again.counts)
