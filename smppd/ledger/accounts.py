"""Where every message is, as the sum of the facts in the journal.

Live, a fact is applied here and then committed; after a crash the same facts are applied again
in the same order and give the same accounts. That is why all of it is pure: no clock, no SQL, no
trio. Memory holds what is outstanding, never the backlog: queued messages are a pair of numbers
per queue, finished ones eight octets per line of a file that is not reported yet.

Raises `LedgerError` when a fact contradicts the lifecycle: a fault of the program, never of a
peer or a user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from smppd.ledger.entries import MessageRow, Outstanding
from smppd.ledger.facts import QUEUE_SHIFT, Fact, Kind, LedgerError
from smppd.ledger.standing import Standing
from smppd.ledger.steps import calls, files, queues, receipts, submissions


class Accounts(Standing):
    """How everything stands, and the fold over all facts that brings it about."""

    def apply(self, fact: Fact) -> Outstanding | None:
        """Apply the next fact; the message that it made final, if it did.

        A fact that takes messages from a queue goes through `take` instead.
        """
        if fact.seq != self.seq + 1:
            raise LedgerError(f"fact {fact.seq} follows {self.seq}: the log has a gap")
        self.seq = fact.seq
        return STEPS[fact.kind](self, fact)

    def needs_rows(self, fact: Fact) -> bool:
        """Whether this fact takes messages from a queue, so that their rows are wanted."""
        if fact.kind not in queues.TAKING or fact.part is not None or fact.num is None:
            return False
        queue = self.queue(fact.num >> QUEUE_SHIFT)
        return fact.num > queue.head and fact.num not in queue.passed

    def take(self, fact: Fact, rows: Iterable[MessageRow]) -> Outstanding | None:
        """Apply a fact that takes these rows from their queue; the last that it made final."""
        self.seq = fact.seq
        return queues.taken(self, fact, rows)


def _received(standing: Standing, _: Fact) -> None:
    """RECEIVED: a message for people, which changes nothing for any of ours."""
    standing.received += 1


def _nothing(_: Standing, __: Fact) -> None:
    """INDEXED: the reader of client ids looks for it."""


_BY_KIND: dict[Kind, Callable[[Accounts, Fact], Outstanding | None]] = {
    Kind.FILE_OPENED: files.opened,
    Kind.ADMITTED: files.admitted,
    Kind.FILE_CLOSED: files.closed,
    Kind.FILE_WITHDRAWN: files.withdrawn,
    Kind.FILE_REPORTED: files.reported,
    Kind.CAMPAIGN: files.campaign,
    Kind.CAMPAIGN_CANCELLED: files.campaign_cancelled,
    Kind.SENDING: submissions.sending_again,
    Kind.RETURNED: submissions.returned,
    Kind.SENT: submissions.sent,
    Kind.REFUSED: submissions.refused,
    Kind.RETRY: submissions.retry,
    Kind.THROTTLED: submissions.throttled,
    Kind.UNKNOWN: submissions.unknown,
    Kind.REQUEUED: submissions.requeued,
    Kind.EXPIRED: queues.expired,
    Kind.FAILED: submissions.failed,
    Kind.RECEIPT: receipts.receipt,
    Kind.PARKED: receipts.parked,
    Kind.RECALLED: queues.recalled,
    Kind.INDEXED: _nothing,
    Kind.DEFERRED: queues.moved,
    Kind.BARRED: queues.barred,
    Kind.CANCELLED: receipts.cancelled,
    Kind.QUERIED: receipts.queried,
    Kind.IDENTIFIED: submissions.identified,
    Kind.PAUSED: queues.paused,
    Kind.RESUMED: queues.resumed,
    Kind.ANSWERED: calls.answered,
    Kind.RECEIVED: _received,
    Kind.UNHEARD: submissions.unheard,
}
#: What each kind of fact does, by its number.
STEPS = {int(kind): step for kind, step in _BY_KIND.items()}
