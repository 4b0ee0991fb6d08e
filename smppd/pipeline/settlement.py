"""Settle: what links report becomes facts. Implements `ports.Submissions`.

A link's reader awaits it with each batch it has read, so a slow journal slows reading, order
is kept, and nothing is acknowledged before it is on disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from smppd.figures import MatchingFigures
from smppd.ledger.calls import HARMLESS
from smppd.ledger.facts import HEAD, receipt_key, waiting_key
from smppd.ledger.plain import TakenLot
from smppd.pipeline.books import Book, Books
from smppd.pipeline.desk import Desk
from smppd.pipeline.recollection import Recalled, Recollection
from smppd.pipeline.reconcile import Reconciler
from smppd.pipeline.refusals import Refusals
from smppd.pipeline.replies import record
from smppd.ports import (
    Answered,
    Heard,
    Mailbox,
    Outcome,
    ReceiptOf,
    Receipts,
    Reply,
    Unanswered,
)
from smppd.smpp.codec import Undecodable
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.receipt import DeliveryReceipt


class Settlement:
    """Turns answers and receipts into facts, commits them, and tells whom it concerns."""

    def __init__(
        self, desk: Desk, receipts: Receipts, mailbox: Mailbox, refusals: Refusals
    ) -> None:
        self._desk = desk
        self._receipts = receipts
        self._mailbox = mailbox
        self._refusals = refusals
        self._unwritten: deque[list[ReceiptOf]] = deque()
        self._listeners: list[Callable[[str, Sequence[Heard]], None]] = []
        self._books = Books()
        self._recollection = Recollection(desk, self._books)
        self._reconciler = Reconciler(desk, self._books)

    def introduce(self, link: str, book: Book) -> None:
        """Make known how a link names messages before it reports anything."""
        self._books.introduce(link, book)

    def matching(self, link: str) -> MatchingFigures:
        """How the receipts of a link found their messages."""
        return self._reconciler.figures(link)

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
    ) -> Sequence[int]:
        """Record answers, then receipts, in one commit; on return they are on disk. The numbers of
        receipts that are none, but messages that read like one."""
        reconciler = self._reconciler
        recalled = await self._recollection.prepare(link, outcomes, receipts)
        now = self._desk.wall()
        self._record_outcomes(link, outcomes, now)
        written = list(reconciler.revisit(link, outcomes, recalled, now))
        recorded, refused = reconciler.record(link, receipts, recalled, now)
        written += recorded
        written += reconciler.revisit_learnt(recalled, now)
        if self._desk.accounts.doubtful:
            self._desk.judge_doubtful(now)
        await self._commit(written)
        return refused

    async def account_for_the_last_run(self) -> int:
        """What was on its way out when the last run ended is in doubt now; how many parts.

        Receipts that had come before their answer settle it where they can. A call that only reads
        goes again.
        """
        desk, now, recalled = self._desk, self._desk.wall(), Recalled()
        doubtful, why = 0, "the daemon stopped before the answer came"
        for msg_id, part in desk.accounts.in_doubt():
            if desk.accounts.entries[msg_id].call == HARMLESS:
                desk.ledger.call_back(now, msg_id, part, HEAD, why)
            else:
                desk.ledger.unknown(now, msg_id, part, why)
                doubtful += 1
        if desk.accounts.shelf:
            await self._recollection.look_at_doubtful(recalled)
        written = list(self._reconciler.revisit_handsets(recalled, now))
        desk.judge_doubtful(now)
        await self._commit(written)
        return doubtful

    async def _commit(self, written: list[ReceiptOf]) -> None:
        """Commit what was recorded; then these receipts are for people."""
        self._unwritten.append(written)
        await self._desk.commit()
        self._write_receipts(written)

    def _write_receipts(self, written: list[ReceiptOf]) -> None:
        """Append these receipts, and first those recorded before them, which are on disk too."""
        while any(each is written for each in self._unwritten):
            lot = self._unwritten.popleft()
            if lot:
                self._receipts.append(lot)

    def _record_outcomes(self, link: str, outcomes: Sequence[Outcome], now: float) -> None:
        ledger, taken = self._desk.ledger, 0
        with TakenLot(ledger, now) as lot:
            for outcome in outcomes:
                if type(outcome) is Answered:
                    if outcome.status == 0:
                        msg_id, message_id = outcome.msg_id, outcome.message_id
                        if not lot.sent(msg_id, receipt_key(link, message_id)):
                            ledger.sent(now, link, msg_id, outcome.part, message_id)
                        taken += 1
                    else:
                        self._refusals.refused(link, outcome, taken, now)
                        taken = 0
                elif type(outcome) is Unanswered:
                    ledger.unknown(now, outcome.msg_id, outcome.part, outcome.reason)
                else:
                    ledger.returned(now, outcome.msg_id, outcome.part)
        if taken:
            self._refusals.taken(link, taken, now)

    async def recall(self, keys: Sequence[str]) -> None:
        """Bring messages back to memory that had been spilled; by their receipt keys."""
        await self._recollection.recall(keys)

    async def _recall_asked(self, link: str, replies: Sequence[Reply]) -> None:
        """Have in memory what was asked about; calls are kept under keys of their own."""
        entries = self._desk.accounts.entries
        asked = [each.question for each in replies if each.question.msg_id not in entries]
        keys = [receipt_key(link, each.message_id) for each in asked]
        await self.recall(keys + list({waiting_key(link, each.msg_id) for each in asked}))

    # ── what the SMSC says when it is asked ──────────────────────────────────────────────────

    async def answered(self, link: str, replies: Sequence[Reply]) -> None:
        """Record these, and tell whoever asked once they are on disk."""
        await self._recall_asked(link, replies)
        now, heard, written = self._desk.wall(), list[Heard](), list[ReceiptOf]()
        for reply in replies:
            about, told = record(self._desk.ledger, link, reply, now)
            heard.append(about)
            if told is not None:
                written.append(told)
        await self._commit(written)
        for tell in self._listeners:
            tell(link, heard)
