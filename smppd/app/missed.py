"""Receipts that a crash kept from `receipts/`, read from the journal."""

from __future__ import annotations

from collections.abc import Iterator

from smppd.journal.store import Store
from smppd.ledger.facts import Fact, Kind, receipt_fact
from smppd.ports import ReceiptOf


def missed(store: Store, seq: int) -> Iterator[ReceiptOf]:
    """Those behind this fact, the last one that was written there."""
    for fact in list(store.log.receipts(seq)):
        yield _with_message(store, fact)


def _with_message(store: Store, fact: Fact) -> ReceiptOf:
    if fact.msg is None:
        return ReceiptOf.by(fact, None, None)
    rows = store.messages.read([fact.msg])
    if not rows:  # a late one, of a message that was removed meanwhile
        return ReceiptOf.by(fact, None, receipt_fact(fact.text or "").destination or None)
    row, to = rows[0], rows[0].message.to
    if fact.kind == Kind.QUERIED and fact.text is not None:
        to = receipt_fact(fact.text).destination or to  # one of a group
    return ReceiptOf.by(fact, row.client_id, to)
