"""The simulated message centre: who is let in, what arrives, what is delivered, what breaks.

Octets and the time in, octets out through the sessions of its connections: no sockets and no
clock, so that a test needs neither. `smsc` puts it on the network. Whatever an ESME sends,
nothing is raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from smppd.simulate.accounts import Account, Connection
from smppd.simulate.agenda import Agenda
from smppd.simulate.chance import Chance, Throttle
from smppd.simulate.common import Common
from smppd.simulate.handsets import HandsetMessages
from smppd.simulate.intake import Intake
from smppd.simulate.mailbox import Delivery, Mailbox
from smppd.simulate.questions import Questions
from smppd.simulate.receipts import ID_WRITERS, ReceiptWriter
from smppd.simulate.script import Script
from smppd.simulate.tally import Deliveries
from smppd.smpp.pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    SubmitMulti,
    SubmitMultiResp,
)
from smppd.smpp.session import (
    Answered,
    Closed,
    Event,
    Limits,
    Oddity,
    PeerUnbinding,
    RequestReceived,
    Role,
    Session,
    SessionState,
    Unanswered,
)
from smppd.smpp.vocabulary import CommandId, CommandStatus, TlvTag

#: How often sessions are asked whether a timer of theirs has run out, seconds.
TICK = 0.5

_MESSAGES = frozenset({CommandId.SUBMIT_SM, CommandId.DATA_SM})
_TRY_LATER = frozenset(
    {
        CommandStatus.ESME_RX_T_APPN,
        CommandStatus.ESME_RMSGQFUL,
        CommandStatus.ESME_RTHROTTLED,
        CommandStatus.ESME_RSYSERR,
    }
)
_QUESTIONS = frozenset({CommandId.QUERY_SM, CommandId.CANCEL_SM})
_BINDS = BindTransmitter | BindReceiver | BindTransceiver
_RECEIVING = frozenset({SessionState.BOUND_RX, SessionState.BOUND_TRX})
_VERSION = ((int(TlvTag.SC_INTERFACE_VERSION), b"\x34"),)


class MessageCentre:
    """Everything but the network. After each call, see which connections are `stirred`."""

    def __init__(
        self,
        script: Script,
        wall_clock: Callable[[], float] = time.time,
        common: Common | None = None,
    ) -> None:
        common = common or Common(script, wall_clock)
        self.tally = common.tally
        self.connections: set[Connection] = set()
        self._script = script
        self._accounts: dict[str, Account] = {}
        self._agenda = Agenda()
        self._next_tick = 0.0
        self._limits = Limits(
            window=script.receipt.window,
            response_timeout=script.receipt.answer_timeout,
            enquire_link_interval=script.connection.enquire_link_interval,
            enquire_link_timeout=script.connection.enquire_link_timeout,
            inactivity_timeout=script.connection.inactivity_timeout,
        )
        write_id = ID_WRITERS[script.receipt.id_form or script.answer.id_form]
        writer = ReceiptWriter(script.receipt.form, write_id, common.wall_clock)
        self._chance = Chance(script.seed)
        tools = (script, self._chance, self._agenda)
        self._intake = Intake(*tools, writer, common)
        self._questions = Questions(*tools, self.tally, common.archive)
        self._handsets = HandsetMessages(script.mo, self._agenda, self.tally, self._chance)
        breaking = script.connection
        self._breaks = bool(breaking.drop_after or breaking.drop_share or breaking.half_open_after)

    # ── what happens to it ───────────────────────────────────────────────────────────────────

    def connect(self, now: float) -> Connection:
        """Somebody has connected."""
        connection = Connection(Session(Role.SMSC, self._limits, now))
        self.connections.add(connection)
        self.tally.connections += 1
        return connection

    def receive(self, connection: Connection, data: bytes, now: float) -> None:
        """Octets have arrived; none at all mean that no more will."""
        if connection.over:
            return
        session = connection.session
        events = session.receive_data(data, now) if data else session.receive_eof(now)
        connection.stirred = True
        self._handle(connection, events, now)
        account = connection.account
        if account is not None:
            self._deliver(account, now)

    def lose(self, connection: Connection, reason: str, now: float) -> None:
        """The transport is gone."""
        if not connection.over:
            self._handle(connection, connection.session.abort(reason, now), now)
            self._deliver_all(now)

    def advance(self, now: float) -> None:
        """Time has passed."""
        self._agenda.run(now)
        if now >= self._next_tick:
            self._next_tick = now + TICK
            for connection in list(self.connections):
                self._handle(connection, connection.session.tick(now), now)
                connection.stirred = True
        self._deliver_all(now)

    def next_due(self) -> float:
        """When `advance` is to be called."""
        return min(self._agenda.next_due, self._next_tick)

    # ── events of a session ──────────────────────────────────────────────────────────────────

    def _handle(self, connection: Connection, events: Iterable[Event], now: float) -> None:
        lost: list[Delivery] = []
        for event in events:
            if isinstance(event, RequestReceived):
                if not connection.over:
                    self._request(connection, event, now)
            elif isinstance(event, Answered):
                self._acknowledge(connection, event, now)
            elif isinstance(event, Unanswered):
                lost.append(event.token)
            elif isinstance(event, PeerUnbinding):
                self.tally.unbinds += 1
            elif isinstance(event, Oddity):
                self.tally.remark(event.what)
            elif isinstance(event, Closed):
                self._part(connection, event)
        if lost and connection.account is not None:
            connection.account.mailbox.put_back(lost)
            connection.account.stirred = True

    def _request(self, connection: Connection, received: RequestReceived, now: float) -> None:
        pdu = received.pdu
        account = connection.account
        if account is not None and pdu.command_id in _MESSAGES:
            self._intake.submit(connection, account, received, now)
            if self._breaks:
                self._perhaps_break(connection, now)
        elif account is not None and pdu.command_id in _QUESTIONS:
            self._questions.hear(connection, account, received, now)
        elif isinstance(pdu, _BINDS):
            self._bind(connection, received, pdu, now)
        elif isinstance(pdu, SubmitMulti):
            connection.session.respond(received, SubmitMultiResp(message_id="multi"))
        else:
            replaces = pdu.command_id == CommandId.REPLACE_SM
            status = CommandStatus.ESME_RREPLACEFAIL if replaces else CommandStatus.ESME_RINVCMDID
            connection.session.respond(received, status=status)

    def _acknowledge(self, connection: Connection, answer: Answered, now: float) -> None:
        delivery: Delivery = answer.token
        counts = self._counts(delivery)
        if answer.status == 0:
            counts.acknowledged += 1
        elif answer.status in _TRY_LATER and connection.account is not None:
            when = now + self._script.receipt.retry
            self._agenda.at(when, self._put_again, connection.account, delivery)
        else:
            counts.refused += 1

    def _put_again(self, _now: float, account: Account, delivery: Delivery) -> None:
        account.mailbox.put(delivery)
        account.stirred = True

    def _part(self, connection: Connection, _closed: Closed) -> None:
        connection.over = True
        connection.stirred = True
        self.connections.discard(connection)
        if connection.account is not None:
            connection.account.mailbox.close_line(connection)
            connection.account.sessions -= 1

    # ── binding ──────────────────────────────────────────────────────────────────────────────

    def _bind(
        self, connection: Connection, received: RequestReceived, pdu: _BINDS, now: float
    ) -> None:
        latency = self._script.bind.latency
        if latency:
            self._agenda.at(now + latency, self._answer_bind, connection, received, pdu)
        else:
            self._answer_bind(now, connection, received, pdu)

    def _answer_bind(
        self, now: float, connection: Connection, received: RequestReceived, pdu: _BINDS
    ) -> None:
        if connection.over:
            return
        connection.stirred = True
        session = connection.session
        if status := self._judge_bind(pdu):
            self.tally.bind_refusals += 1
            session.refuse_bind(received, status)
            return
        self.tally.binds += 1
        account = self._account(pdu.system_id, now)
        account.sessions += 1
        connection.account = account
        session.accept_bind(received, self._script.name, _VERSION)
        if session.state in _RECEIVING:
            account.mailbox.open_line(session, connection)
            account.stirred = True
            self._handsets.welcome(account, now)

    def _judge_bind(self, pdu: _BINDS) -> int:
        """The command_status with which a bind is refused; 0 when it is accepted."""
        script = self._script
        if self.tally.bind_refusals < script.bind.refuse_first:
            return script.bind.refuse_status
        if script.system_id and pdu.system_id != script.system_id:
            return CommandStatus.ESME_RINVSYSID
        if script.password and pdu.password != script.password:
            return CommandStatus.ESME_RINVPASWD
        account = self._accounts.get(pdu.system_id)
        if script.bind.most and account is not None and account.sessions >= script.bind.most:
            return CommandStatus.ESME_RALYBND
        return 0

    def _account(self, system_id: str, now: float) -> Account:
        account = self._accounts.get(system_id)
        if account is None:
            mailbox = Mailbox(another_bind=self._script.receipt.another_bind)
            account = Account(system_id, mailbox, Throttle(self._script.answer.rate, now))
            self._accounts[system_id] = account
        return account

    # ── delivering ───────────────────────────────────────────────────────────────────────────

    def _deliver_all(self, now: float) -> None:
        for account in self._accounts.values():
            if account.stirred:
                self._deliver(account, now)

    def _deliver(self, account: Account, now: float) -> None:
        account.stirred = False
        sent = account.mailbox.send(now)
        for delivery in sent:
            counts = self._counts(delivery)
            counts.sent += 1
            if delivery.tries:
                counts.again += 1
            delivery.tries += 1
        if sent:
            for line in account.mailbox.lines:
                line.owner.stirred = True

    def _counts(self, delivery: Delivery) -> Deliveries:
        return self.tally.receipts if delivery.is_receipt else self.tally.mo

    # ── breaking ─────────────────────────────────────────────────────────────────────────────

    def _perhaps_break(self, connection: Connection, now: float) -> None:
        script, tally, submits = self._script.connection, self.tally, connection.submits
        deafens = script.half_open_after and submits >= script.half_open_after
        if deafens and _again(script.half_open_times, tally.connections_deaf):
            tally.connections_deaf += 1
            connection.deaf = True
            self._break(connection, "gone deaf, as the script says", now)
            return
        drops = script.drop_after and submits >= script.drop_after
        if not (drops or self._chance.happens(script.drop_share)):
            return
        if _again(script.drop_times, tally.connections_dropped):
            tally.connections_dropped += 1
            self._break(connection, "dropped, as the script says", now)

    def _break(self, connection: Connection, reason: str, now: float) -> None:
        connection.dropped = True
        self._handle(connection, connection.session.abort(reason, now), now)


def _again(times: int, so_far: int) -> bool:
    """Whether something that is to happen this many times (0: always) happens once more."""
    return not times or so_far < times
