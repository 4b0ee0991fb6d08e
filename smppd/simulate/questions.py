"""What the simulated SMSC answers when it is asked for a message, or to cancel one.

Acts through the session of the connection and the agenda. Raises nothing.
"""

from __future__ import annotations

from smppd.simulate.accounts import Account, Connection
from smppd.simulate.agenda import Agenda
from smppd.simulate.archive import Archive
from smppd.simulate.chance import Chance
from smppd.simulate.script import Script
from smppd.simulate.tally import Tally
from smppd.smpp.pdu import CancelSm, QuerySm, Response
from smppd.smpp.session import RequestReceived
from smppd.smpp.vocabulary import CommandStatus


class Questions:
    """Answers query_sm and cancel_sm from what the archive holds, unless the script says not to."""

    def __init__(
        self, script: Script, chance: Chance, agenda: Agenda, tally: Tally, archive: Archive
    ) -> None:
        self._script = script.question
        self._latency = script.answer.latency
        self._chance = chance
        self._agenda = agenda
        self._tally = tally
        self._archive = archive

    def hear(
        self, connection: Connection, account: Account, received: RequestReceived, now: float
    ) -> None:
        """An ESME asks about a message."""
        pdu = received.pdu
        if isinstance(pdu, QuerySm):
            self._tally.queries += 1
            response, status = self._query(account, pdu, now)
        elif isinstance(pdu, CancelSm):
            response, status = None, self._cancel(account, pdu, now)
        else:
            return
        if self._chance.happens(self._script.swallow):
            return
        if self._latency:
            when = now + self._latency
            self._agenda.at(when, self._respond, connection, received, response, status)
        else:
            self._respond(now, connection, received, response, status)

    def _query(self, account: Account, pdu: QuerySm, now: float) -> tuple[Response | None, int]:
        if self._script.query_status is not None:
            return None, self._script.query_status
        kept = self._archive.find(pdu, account.name)
        if kept is None:
            return None, CommandStatus.ESME_RQUERYFAIL
        return self._archive.report(pdu.message_id, kept, now), 0

    def _cancel(self, account: Account, pdu: CancelSm, now: float) -> int:
        if self._script.cancel_status is not None:
            return self._script.cancel_status
        kept = self._archive.find(pdu, account.name)
        if kept is None or kept.cancelled or now >= kept.ends_at:
            return CommandStatus.ESME_RCANCELFAIL
        kept.cancelled = True
        self._tally.cancelled += 1
        return 0

    @staticmethod
    def _respond(
        _now: float,
        connection: Connection,
        received: RequestReceived,
        response: Response | None,
        status: int,
    ) -> None:
        connection.session.respond(received, response, status)
        connection.stirred = True
