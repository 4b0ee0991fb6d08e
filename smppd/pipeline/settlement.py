"""Settle: what links report becomes facts. Implements `ports.Submissions`.

A link's reader awaits it with each batch it has read, so a slow journal slows reading, order
is kept, and nothing is acknowledged before it is on disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from smppd.ledger.facts import Fact, Kind, ReceiptFact, read_outstanding, receipt_key
from smppd.message import ErrorInfo, State
from smppd.pipeline.desk import Desk
from smppd.pipeline.replies import record
from smppd.policy import PACE, PACE_PAUSE, Retries, decide
from smppd.ports import (
    UNENCODABLE,
    Answered,
    Heard,
    Mailbox,
    Outcome,
    ReceiptOf,
    Receipts,
    Reply,
    Returned,
)
from smppd.smpp.codec import Undecodable
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.receipt import DeliveryReceipt
from smppd.smpp.vocabulary import status_name


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
        self._unwritten: deque[list[ReceiptOf]] = deque()
        self._listeners: list[Callable[[str, Sequence[Heard]], None]] = []

    def introduce(self, link: str, terms: LinkTerms) -> None:
        """Make a link's terms known before it reports anything."""
        self._terms[link] = terms

    def tell_of_replies(self, listener: Callable[[str, Sequence[Heard]], None]) -> None:
        """Whom to tell what SMSCs say when they are asked."""
        self._listeners.append(listener)

    async def keep(
        self, link: str, messages: Sequence[DeliverSm | DataSm | Undecodable]
    ) -> Sequence[bool]:
        """Store messages from handsets; of each, whether it is stored."""
        return await self._mailbox.keep(link, messages)

    # ── answers ──────────────────────────────────────────────────────────────────────────

    async def settle(
        self, link: str, outcomes: Sequence[Outcome], receipts: Sequence[DeliveryReceipt] = ()
    ) -> None:
        """Record answers, then receipts, in one commit; on return they are on disk."""
        keys = [_keys(link, receipt) for receipt in receipts]
        await self.recall(keys)
        now = self._desk.wall()
        written = self._record_outcomes(link, outcomes, now)
        for receipt, known_as in zip(receipts, keys, strict=True):
            written.append(self._record_receipt(link, receipt, known_as, now))
        self._unwritten.append(written)
        await self._desk.commit()
        self._write_receipts(written)

    def _write_receipts(self, written: list[ReceiptOf]) -> None:
        """Append these receipts, and first those recorded before them, which are on disk too."""
        while any(each is written for each in self._unwritten):
            lot = self._unwritten.popleft()
            if lot:
                self._receipts.append(lot)

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
        if answer.late and entry is not None and entry.part_states[answer.part] != State.UNKNOWN:
            return  # it speaks of an earlier submission; another is under way
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

    # ── what the SMSC says when it is asked ──────────────────────────────────────────────────

    async def answered(self, link: str, replies: Sequence[Reply]) -> None:
        """Record these, and tell whoever asked once they are on disk."""
        await self.recall([(receipt_key(link, reply.question.message_id),) for reply in replies])
        now, heard, written = self._desk.wall(), list[Heard](), list[ReceiptOf]()
        for reply in replies:
            about, told = record(self._desk.ledger, link, reply, now)
            heard.append(about)
            if told is not None:
                written.append(told)
        self._unwritten.append(written)
        await self._desk.commit()
        self._write_receipts(written)
        for tell in self._listeners:
            tell(link, heard)

    # ── receipts ─────────────────────────────────────────────────────────────────────────

    def _record_receipt(
        self, link: str, receipt: DeliveryReceipt, keys: tuple[str, ...], now: float
    ) -> ReceiptOf:
        """Match a receipt to its part, or park it."""
        ledger, accounts = self._desk.ledger, self._desk.accounts
        num = None if receipt.state is None else int(receipt.state)
        if num is not None and not receipt.final:
            num = -num
        what = ReceiptFact(
            link, receipt.message_id, receipt.error, receipt.done_date, receipt.source
        )
        for key in keys:
            where = accounts.by_message_id.get(key)
            if where is not None:
                entry = accounts.entries[where[0]]
                ledger.receipt(now, where, num, what)
                return ReceiptOf(ledger.facts[-1], entry.client_id, entry.to)
        for key in keys:
            finished = accounts.finished.get(key)
            if finished is not None:
                ledger.receipt(now, (finished.msg_id, 0), num, what)
                return ReceiptOf(ledger.facts[-1], finished.id, finished.to)
        first = len(ledger.facts)
        ledger.park(now, num, what, receipt.alternative_id)
        return ReceiptOf(ledger.facts[first], None, None)

    async def recall(self, keys: Sequence[tuple[str, ...]]) -> None:
        """Bring messages back to memory that had been spilled before their receipt came."""
        accounts, looked_for = self._desk.accounts, set[str]()
        while missing := {
            key
            for known_as in keys
            for key in known_as
            if key not in accounts.by_message_id
            and key not in looked_for
            and accounts.finished.get(key) is None
        }:
            # While we look, others may be spilled: look again until nothing new is missing.
            looked_for |= missing
            self._restore(await self._desk.journal.find_waiting(list(missing)))

    def _restore(self, found: dict[str, bytes]) -> None:
        accounts = self._desk.accounts
        for blob in found.values():
            entry = read_outstanding(blob)
            if entry.msg_id in accounts.entries:
                continue
            if accounts.is_final(entry.file_id, entry.item):
                accounts.finished.add(entry)
            else:
                self._desk.ledger.recall(self._desk.wall(), entry)


def _keys(link: str, receipt: DeliveryReceipt) -> tuple[str, ...]:
    """What the receipt may be known under: its message_id, and the text's if that differs."""
    first, other = receipt.message_id, receipt.alternative_id
    if first and not other:
        return (receipt_key(link, first),)
    return tuple(receipt_key(link, message_id) for message_id in (first, other) if message_id)
