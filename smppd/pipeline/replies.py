"""What SMSCs say when they are asked about messages, as facts. Pure but for the ledger it writes.

The answer to query_sm is as good as a receipt: its fact has the same columns. So is what the
provider's HTTP API says of a delivery status; a word of it that nobody has explained is kept as
it came, and decides nothing.
"""

from __future__ import annotations

from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import NOTHING_SAID, ReceiptFact
from smppd.ledger.ledger import Ledger
from smppd.ports import (
    STATUSES_REFUSED,
    UNENCODABLE,
    Heard,
    ReceiptOf,
    Reply,
)
from smppd.smpp.receipt import FINAL_STATES
from smppd.smpp.vocabulary import CommandStatus, MessageState

#: The statuses that say something of the message: where it is, or that the SMSC has none such.
TELLS = frozenset({0, CommandStatus.ESME_RQUERYFAIL, CommandStatus.ESME_RINVMSGID})

_SAYS_NOTHING = frozenset({None, UNENCODABLE, STATUSES_REFUSED})
_STATES = frozenset(map(int, MessageState))
_FINAL = frozenset(map(int, FINAL_STATES))


def record(ledger: Ledger, link: str, reply: Reply, now: float) -> tuple[Heard, ReceiptOf | None]:
    """Make the fact that a reply is; the message it is about, and what is to be told as a receipt.

    A question that was not answered, or was refused for its own sake, says nothing of the message.
    """
    question = reply.question
    entry = ledger.accounts.entries.get(question.msg_id)
    told = None
    if reply.status in _SAYS_NOTHING:
        return (reply, entry), None
    if question.cancels:
        assert reply.status is not None
        ledger.cancel_answered(now, link, question.msg_id, question.part, reply.status)
    elif entry is not None and reply.status in TELLS:
        told = _record_query(ledger, link, reply, entry, now)
    return (reply, entry), told


def _record_query(
    ledger: Ledger, link: str, reply: Reply, entry: Outstanding, now: float
) -> ReceiptOf | None:
    question, state = reply.question, reply.state
    final = reply.status == 0 and state in _FINAL
    num = None if reply.status or state not in _STATES else state if final else -state
    to, error = entry.to_of(question.part), "" if reply.word else f"{reply.error:03d}"
    what = ReceiptFact(link, question.message_id, error, reply.final_date, to)
    if reply.word:
        what = what._replace(word=reply.word)
    where = (question.msg_id, question.part)
    ledger.queried(now, where, num, what, reply.status or 0)
    unexplained = num is None and reply.word not in {"", NOTHING_SAID}
    if not final and not unexplained:
        return None
    return ReceiptOf.by(ledger.facts[-1], entry.client_id, to)
