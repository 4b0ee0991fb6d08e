"""What becomes of a submitted message: refused or taken, answered when, receipted how.

This is the hot path of the simulated SMSC. It acts through the session of the connection, the
mailbox of the account, and the agenda. Raises nothing.
"""

from __future__ import annotations

from typing import cast

from smppd.simulate.accounts import Account, Connection
from smppd.simulate.agenda import Agenda
from smppd.simulate.archive import Kept
from smppd.simulate.chance import Chance
from smppd.simulate.common import Common
from smppd.simulate.mailbox import Delivery
from smppd.simulate.receipts import ReceiptWriter, Taken
from smppd.simulate.script import Script, read_status
from smppd.smpp.pdu import DataSm, DataSmResp, Response, SubmitSm, SubmitSmResp
from smppd.smpp.session import RequestReceived
from smppd.smpp.vocabulary import CommandStatus, RegisteredDelivery

#: A receipt's deliver_sm addresses no more (3.4, 4.6.1).
LONGEST_ADDRESS = 20

_MESSAGES = (SubmitSm, DataSm)
_DELIVERED = "DELIVRD"
_ASKED = int(RegisteredDelivery.RECEIPT_MASK)
_ON_FAILURE = int(RegisteredDelivery.FAILURE)
#: Reserved in 3.4, "on success" in 5.0.
_ON_SUCCESS = 3


class Intake:
    """Takes messages in, as the script says."""

    def __init__(
        self,
        script: Script,
        chance: Chance,
        agenda: Agenda,
        writer: ReceiptWriter,
        common: Common,
    ) -> None:
        self._archive = common.archive
        self._answer = script.answer
        self._receipt = script.receipt
        self._chance = chance
        self._agenda = agenda
        self._tally = common.tally
        self._writer = writer
        self._write_id = common.write_id
        self._numbers = common.numbers
        self._refusals = {name: int(read_status(name)) for name in script.answer.status}
        answer, receipt = script.answer, script.receipt
        #: Every message is answered at once; and its receipt leaves at once, the only one.
        self._prompt = not (answer.latency or answer.jitter or answer.swallow or answer.late)
        self._plain = not (
            receipt.delay
            or receipt.jitter
            or receipt.intermediate
            or receipt.before_answer
            or receipt.duplicate
            or receipt.never
        )

    def submit(
        self, connection: Connection, account: Account, received: RequestReceived, now: float
    ) -> None:
        """An ESME submits a message."""
        pdu = received.pdu
        if not isinstance(pdu, _MESSAGES):
            return
        self._tally.submits += 1
        connection.submits += 1
        moment = pdu.schedule_delivery_time if type(pdu) is SubmitSm else ""
        held = self._archive.seconds_until(moment) if moment else 0.0
        if status := self._judge(account, pdu, held, now):
            self._later(self._answer.latency, connection, received, None, status, now)
        else:
            self._take(connection, account, received, now + (held or 0.0), now)

    def _judge(
        self, account: Account, pdu: SubmitSm | DataSm, held: float | None, now: float
    ) -> int:
        """The command_status with which this message is refused; 0 when it is taken. `held`: for how
        long it is to be held back; None when its time cannot be read."""
        if len(pdu.destination_addr) > LONGEST_ADDRESS or not pdu.destination_addr:
            return CommandStatus.ESME_RINVDSTADR
        if len(pdu.source_addr) > LONGEST_ADDRESS:
            return CommandStatus.ESME_RINVSRCADR
        if held is None:
            return CommandStatus.ESME_RINVSCHED
        if not account.throttle.allows(now):
            return CommandStatus.ESME_RTHROTTLED
        if self._refusals and (name := self._chance.pick(self._answer.status)):
            return self._refusals[name]
        return 0

    def _take(
        self,
        connection: Connection,
        account: Account,
        received: RequestReceived,
        held_until: float,
        now: float,
    ) -> None:
        pdu, receipt = cast("SubmitSm | DataSm", received.pdu), self._receipt
        number = next(self._numbers)
        self._tally.take(pdu)
        overtaken = False
        asked = pdu.registered_delivery & _ASKED
        message_id = self._write_id(number)
        # What becomes of it is decided, and remembered.
        word = (self._chance.pick(receipt.states) if receipt.states else None) or _DELIVERED
        ends_at = held_until + receipt.delay
        kept = Kept(pdu.source_addr, held_until, ends_at, word, account.name, pdu)
        self._archive.keep(message_id, kept)
        if asked and receipt.on:
            taken = Taken(number, pdu, self._writer.stamp(), connection, kept)
            overtaken = self._plan_receipts(account, taken, asked, now)
        kind = SubmitSmResp if type(pdu) is SubmitSm else DataSmResp
        if self._prompt and not overtaken:
            self._later(0.0, connection, received, kind(message_id=message_id), 0, now)
        elif self._chance.happens(self._answer.swallow):
            self._tally.swallowed += 1
        else:
            delay = self._answering_time(overtaken=overtaken)
            self._later(delay, connection, received, kind(message_id=message_id), 0, now)

    def _answering_time(self, *, overtaken: bool) -> float:
        answer, chance = self._answer, self._chance
        seconds = answer.latency + chance.up_to(answer.jitter)
        if chance.happens(answer.late):
            seconds += answer.late_by
        return seconds + self._receipt.overtake_by if overtaken else seconds

    def _later(
        self,
        seconds: float,
        connection: Connection,
        received: RequestReceived,
        response: Response | None,
        status: int,
        now: float,
    ) -> None:
        answers = self._tally.answers
        answers[status] = answers.get(status, 0) + 1
        if seconds > 0:
            self._agenda.at(now + seconds, self._respond, connection, received, response, status)
        else:
            connection.session.respond(received, response, status)
            connection.stirred = True

    def _respond(
        self,
        _now: float,
        connection: Connection,
        received: RequestReceived,
        response: Response | None,
        status: int,
    ) -> None:
        connection.session.respond(received, response, status)
        connection.stirred = True

    def _plan_receipts(self, account: Account, taken: Taken, asked: int, now: float) -> bool:
        """Put the receipts of a message on the agenda; whether they overtake its answer."""
        receipt, chance, kept = self._receipt, self._chance, taken.kept
        word = kept.word
        if asked == (_ON_FAILURE if word == _DELIVERED else _ON_SUCCESS):
            return False
        if self._plain:
            kept.ends_at = kept.held_until
            self._report_at(kept.ends_at, now, account, taken, word, final=True)
            return False
        if chance.happens(receipt.never):
            return False
        overtakes = chance.happens(receipt.before_answer)
        seconds = 0.0 if overtakes else receipt.delay + chance.up_to(receipt.jitter)
        seconds += kept.held_until - now
        kept.ends_at = now + seconds
        for place, passing in enumerate(receipt.intermediate, 1):
            when = now + seconds * place / (len(receipt.intermediate) + 1)
            self._report_at(when, now, account, taken, passing, final=False)
        self._report_at(now + seconds, now, account, taken, word, final=True)
        if chance.happens(receipt.duplicate):
            self._report_at(now + seconds, now, account, taken, word, final=True)
        return overtakes

    def _report_at(
        self, when: float, now: float, account: Account, taken: Taken, word: str, *, final: bool
    ) -> None:
        if when > now:
            self._agenda.at(when, self._report, account, taken, word, final)
        else:
            self._report(now, account, taken, word, final)

    def _report(self, _now: float, account: Account, taken: Taken, word: str, final: bool) -> None:
        if taken.kept.cancelled:
            return
        receipt = self._writer.write(taken, word, final=final)
        account.mailbox.put(Delivery(receipt, True, taken.origin))
        account.stirred = True
        self._tally.receipts.made += 1
