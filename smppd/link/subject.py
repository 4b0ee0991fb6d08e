"""Which PDUs are about one message: its submits, questions about it, its receipts, and the answers to all of
these. Pure, raises nothing.

A submit is known by who waits for its answer, not by what is in it: the same text to the same number is
another message. A receipt is known by message_id and handset, in whichever form the SMSC writes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from smppd.ledger.destinations import agrees
from smppd.ledger.facts import receipt_key
from smppd.ledger.message_ids import fold, related_keys
from smppd.link.pdu_log import PduLog
from smppd.ports import Talk
from smppd.smpp.codec import Undecodable, decode
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.receipt import ReceiptReader
from smppd.smpp.vocabulary import RESPONSE_BIT, CommandId

#: So many PDUs are kept until it is known which message it is, the newest.
MOST_KEPT = 10_000

_FROM_HANDSETS = frozenset({int(CommandId.DELIVER_SM), int(CommandId.DATA_SM)})
_read_receipt = ReceiptReader().read


class _Passed(NamedTuple):
    """A PDU, and the msg_id of what it asks for or answers."""

    log: PduLog
    talk: Talk
    out: bool
    frame: bytes
    msg_id: int

    @property
    def command(self) -> int:
        return int.from_bytes(self.frame[4:8], "big")

    @property
    def number(self) -> int:
        return int.from_bytes(self.frame[12:16], "big")


class Subject:
    """Picks (`pdu_log.About`) what is about a message, over every link. Until `become` nobody knows which
    it is, and what may be about it is kept."""

    def __init__(self) -> None:
        self._msg_id = 0
        self._to = ""
        self._keys: set[str] = set()
        self._folded: set[str] = set()
        self._answering: set[tuple[Talk, int]] = set()
        self._kept: deque[_Passed] = deque(maxlen=MOST_KEPT)

    def become(self, msg_id: int, to: str) -> None:
        """It is this message, to this number. What was kept of it is told."""
        self._msg_id, self._to = msg_id, to
        kept = list(self._kept)
        self._kept.clear()
        for passed in kept:
            self._judge(passed)

    def learn(self, keys: Iterable[str]) -> None:
        """Receipts under these keys (`ledger.facts.receipt_key`) are about it."""
        for key in keys:
            link, _, message_id = key.partition("\t")
            self._keys.add(key)
            self._folded.add(f"{link}\t{fold(message_id)}")

    def pick(self, log: PduLog, talk: Talk, out: bool, frame: bytes) -> None:
        """See `pdu_log.About`."""
        passed = _Passed(log, talk, out, frame, 0)
        response = bool(passed.command & RESPONSE_BIT)
        if out != response:  # our request, or the answer to one
            passed = passed._replace(msg_id=talk.message_of(passed.number))
            if not passed.msg_id:
                return
        elif not response and passed.command not in _FROM_HANDSETS:
            return
        if self._msg_id:
            self._judge(passed)
        else:
            self._kept.append(passed)

    def _judge(self, passed: _Passed) -> None:
        ours = passed.msg_id == self._msg_id
        if not passed.msg_id:
            key = passed.talk, passed.number
            if passed.out:
                ours = key in self._answering
                self._answering.discard(key)
            elif ours := self._is_receipt(passed):
                self._answering.add(key)
        elif ours and not passed.out:
            self._learn_from(passed)
        if ours:
            passed.log.tell(passed.out, passed.frame)

    def _learn_from(self, answer: _Passed) -> None:
        """The SMSC may name it."""
        pdu = decode(answer.frame)
        if not isinstance(pdu, Undecodable) and (found := getattr(pdu.pdu, "message_id", "")):
            self.learn([receipt_key(answer.log.link, found)])

    def _is_receipt(self, passed: _Passed) -> bool:
        pdu = decode(passed.frame)
        if isinstance(pdu, Undecodable) or not isinstance(pdu.pdu, DeliverSm | DataSm):
            return False
        receipt = _read_receipt(pdu.pdu)
        if receipt is None:
            return False
        handset = agrees(receipt.source, self._to)
        for message_id in filter(None, (receipt.message_id, receipt.alternative_id)):
            key = receipt_key(passed.log.link, message_id)
            if key in self._keys and handset is not False:
                return True
            if handset and not self._folded.isdisjoint(related_keys(key)):
                return True
        return False
