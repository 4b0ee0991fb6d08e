"""Settle: what links report becomes facts. Implements `ports.Submissions`.

A link's reader awaits it with each batch it has read, so a slow journal slows reading, order
is kept, and nothing is acknowledged before it is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from smppd.ledger.facts import QUEUE_SHIFT, Fact, Kind, ReceiptFact, read_outstanding, receipt_key
from smppd.message import ErrorInfo
from smppd.pipeline.desk import Desk
from smppd.policy import PACE, PACE_PAUSE, Retries, decide
from smppd.ports import Answered, Mailbox, Outcome, ReceiptOf, Receipts, Returned
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.receipt import DeliveryReceipt
from smppd.smpp.vocabulary import status_name

#: The status that a link reports for a part it could not encode; the text stands in message_id.
UNENCODABLE = -1


class LinkTerms:
    """What settling must know of one link."""

    def __init__(
        self, limits: Retries, overrides: Mapping[int, str], hold: Callable[[float], None]
    ) -> None:
        self.limits = limits
        self.overrides = overrides
        self.hold = hold


class Settlement:
    """Turns answers and receipts into facts, commits them, and tells whom it concerns."""

    def __init__(self, desk: Desk, receipts: Receipts, mailbox: Mailbox) -> None:
        self._desk = desk
        self._receipts = receipts
        self._mailbox = mailbox
        self._terms: dict[str, LinkTerms] = {}

    def introduce(self, link: str, terms: LinkTerms) -> None:
        """Make a link's terms known before it reports anything."""
        self._terms[link] = terms

    async def keep(self, link: str, messages: Sequence[DeliverSm | DataSm]) -> None:
        """Store messages from handsets."""
        await self._mailbox.keep(link, messages)

    # ── answers ──────────────────────────────────────────────────────────────────────────

    async def settle(
        self, link: str, outcomes: Sequence[Outcome], receipts: Sequence[DeliveryReceipt] = ()
    ) -> None:
        """Record answers, then receipts, in one commit; on return they are on disk."""
        if receipts:
            await self._recall(link, receipts)
        now = self._desk.wall()
        written = self._record_outcomes(link, outcomes, now)
        written += [self._record_receipt(link, receipt, now) for receipt in receipts]
        await self._desk.commit()
        if written:
            self._receipts.append(written)

    def _record_outcomes(
        self, link: str, outcomes: Sequence[Outcome], now: float
    ) -> list[ReceiptOf]:
        """Record answers; the receipts that had come before their message_id was known."""
        ledger = self._desk.ledger
        for outcome in outcomes:
            if isinstance(outcome, Answered):
                if outcome.status == 0:
                    ledger.sent(now, link, outcome.msg_id, outcome.part, outcome.message_id)
                else:
                    self._refused(link, outcome, now)
            elif isinstance(outcome, Returned):
                ledger.returned(now, outcome.msg_id, outcome.part)
                self._desk.wake(outcome.msg_id >> QUEUE_SHIFT)
            else:
                ledger.unknown(now, outcome.msg_id, outcome.part, outcome.reason)
        if self._desk.accounts.doubtful:
            self._desk.judge_doubtful(now)
        return [self._known(fact) for fact in ledger.facts if fact.kind == Kind.RECEIPT]

    def _known(self, fact: Fact) -> ReceiptOf:
        """A receipt that had come before its message_id was known."""
        assert fact.text is not None
        link, message_id, _ = fact.text.split("\t", 2)
        key = receipt_key(link, message_id)
        finished = self._desk.accounts.finished.get(key)
        if finished is not None:
            return ReceiptOf(fact, finished.id, finished.to)
        where = self._desk.accounts.by_message_id[key]
        entry = self._desk.accounts.entries[where[0]]
        return ReceiptOf(fact, entry.client_id, entry.to)

    def _refused(self, link: str, answer: Answered, now: float) -> None:
        ledger, terms = self._desk.ledger, self._terms[link]
        entry = self._desk.accounts.entries.get(answer.msg_id)
        if answer.status == UNENCODABLE:
            error = ErrorInfo("UNENCODABLE", None, answer.message_id)
            ledger.refused(now, answer.msg_id, answer.part, error)
            return
        status = answer.status
        again = decide(status, entry.attempts if entry else 1, terms.overrides, terms.limits)
        if again is None:
            error = ErrorInfo(status_name(status), status, "refused by the SMSC")
            ledger.refused(now, answer.msg_id, answer.part, error)
            return
        due = now + again.delay
        if again.counts:
            ledger.retry(now, answer.msg_id, answer.part, status, due)
        else:
            ledger.throttled(now, answer.msg_id, answer.part, status, due)
        if status in PACE:
            terms.hold(PACE_PAUSE)
        self._desk.wake(answer.msg_id >> QUEUE_SHIFT)

    # ── receipts ─────────────────────────────────────────────────────────────────────────

    def _record_receipt(self, link: str, receipt: DeliveryReceipt, now: float) -> ReceiptOf:
        """Match a receipt to its part, or park it."""
        ledger, accounts = self._desk.ledger, self._desk.accounts
        key, where = self._find(link, receipt)
        num = 0 if receipt.state is None else int(receipt.state)
        what = ReceiptFact(
            link, receipt.message_id, receipt.error, receipt.done_date, receipt.source
        )
        if where is not None:
            entry = accounts.entries[where[0]]
            ledger.receipt(now, where, num, what)
            return ReceiptOf(ledger.facts[-1], entry.client_id, entry.to)
        finished = accounts.finished.get(key)
        if finished is not None:
            ledger.receipt(now, (finished.msg_id, 0), num, what)
            return ReceiptOf(ledger.facts[-1], finished.id, finished.to)
        ledger.park(now, num, what)
        return ReceiptOf(ledger.facts[-1], None, None)

    def _find(self, link: str, receipt: DeliveryReceipt) -> tuple[str, tuple[int, int] | None]:
        """The receipt's key, by its text's id if only that is known, and the part behind it."""
        known = self._desk.accounts.by_message_id
        key = receipt_key(link, receipt.message_id)
        where = known.get(key)
        if where is None and receipt.alternative_id:
            other = receipt_key(link, receipt.alternative_id)
            if other in known:
                return other, known[other]
        return key, where

    async def _recall(self, link: str, receipts: Sequence[DeliveryReceipt]) -> None:
        """Bring messages back to memory that had been spilled before their receipt came."""
        accounts = self._desk.accounts
        missing = [
            key
            for receipt in receipts
            for message_id in (receipt.message_id, receipt.alternative_id)
            if message_id
            and (key := receipt_key(link, message_id)) not in accounts.by_message_id
            and accounts.finished.get(key) is None
        ]
        if not missing:
            return
        for blob in (await self._desk.journal.find_waiting(missing)).values():
            entry = read_outstanding(blob)
            if entry.msg_id in accounts.entries:
                continue
            if accounts.is_final(entry.file_id, entry.item):
                accounts.finished.add(entry)
            else:
                self._desk.ledger.recall(self._desk.wall(), entry)
