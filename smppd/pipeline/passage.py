"""What becomes of messages that came back, or waited, when the gate is asked about them.

What waited and may not go waits on, in another place, without coming to memory. What came back is in
memory anyway, and only looked at again when it may go, or when its time is over. Raises nothing.
"""

from __future__ import annotations

from smppd.ledger.entries import MessageRow, Outstanding
from smppd.ledger.facts import QUEUE_SHIFT, Wait
from smppd.message import ErrorInfo
from smppd.pipeline.desk import Desk


class Passage:
    """Lets messages through the gate of this desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._gate = desk.gate

    def call_up(self, row: MessageRow, now: float) -> bool:
        """Whether a message that waited is to be dealt with now: it leaves, or its time is over."""
        ledger = self._desk.ledger
        if self._gate.is_open or is_over(row, now):
            return ledger.called_up(now, row)
        if not ledger.waits(row):
            return False
        verdict = self._gate.new(row, now)
        if isinstance(verdict, float | Wait):
            ledger.moved(now, row, verdict)
            return False
        ledger.called_up(now, row)
        if verdict is not None:
            ledger.barred(now, row.msg_id, verdict)
        return verdict is None

    def goes_again(self, row: MessageRow, entry: Outstanding, now: float) -> bool:
        """Whether a message that came back, and whose time is not over, leaves again now."""
        verdict = None if self._gate.is_open else self._gate.again(row, entry, now)
        if isinstance(verdict, ErrorInfo):
            self._desk.ledger.barred(now, entry.msg_id, verdict)
        elif verdict is not None:
            self._hold(entry, verdict)
        return verdict is None

    def _hold(self, entry: Outstanding, until: float | Wait) -> None:
        accounts, moment = self._desk.accounts, entry.expires
        if isinstance(until, Wait):
            accounts.holding.back.setdefault(entry.file_id, []).append(entry.msg_id)
        else:
            moment = until if moment is None else min(until, moment)
        if moment is not None:
            accounts.retries.add(entry.msg_id >> QUEUE_SHIFT, moment, entry.msg_id)


def is_over(row: MessageRow, now: float) -> bool:
    """Whether the time of a message is over."""
    expires = row.message.expires
    return expires is not None and expires <= now
