"""One SMPP session, seen from either side: what arrived and the time in, events and octets out.

Whoever holds it moves octets between it and a transport, calls `tick` when `deadline` has come,
and acts on the events. It answers for itself what needs no opinion: enquire_link, unbind, what
it cannot read, what is not legal in its state. Messages it never answers; see `respond`.

It must know no sockets, clocks or logs. The holder's mistakes raise LocalProtocolError (of which
EncodeError is one); nothing the peer sends raises anything: at worst it ends in `Closed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from smppd.smpp.codec import (
    DECODERS,
    HEADER_LENGTH,
    Decoded,
    Framer,
    Frames,
    Header,
    Undecodable,
    decode,
    encode,
)
from smppd.smpp.compiled import CutOffError
from smppd.smpp.errors import LocalProtocolError, RemoteProtocolError
from smppd.smpp.pdu import (
    AlertNotification,
    DataSm,
    DeliverSm,
    EnquireLink,
    Outbind,
    Pdu,
    Request,
    Response,
    Unbind,
)
from smppd.smpp.receipt import ReceiptReader
from smppd.smpp.session_events import (
    Answered,
    AnsweredLate,
    BindRefused,
    Bound,
    Closed,
    Enquired,
    Event,
    NotificationReceived,
    Oddity,
    PeerUnbinding,
    ReceiptReceived,
    Received,
    RequestReceived,
    Unanswered,
    UnreadableReceived,
)
from smppd.smpp.session_outgoing import Outgoing
from smppd.smpp.session_replies import (
    bind_response,
    command_name,
    generic_nack,
    plain_response,
    plain_responses,
    refuse,
    stray_response,
    unreadable_response,
)
from smppd.smpp.session_states import (
    BOUND_BY,
    BOUND_STATES,
    LEGAL,
    MESSAGE_REQUESTS,
    NOTIFICATIONS,
    TRANSITIONS,
    Role,
    SessionState,
    Trigger,
    welcome,
)
from smppd.smpp.session_timers import Due, Limits, Timers
from smppd.smpp.vocabulary import RESPONSE_BIT, CommandId, CommandStatus, status_name
from smppd.smpp.window import Window

__all__ = [
    "Answered",
    "AnsweredLate",
    "BindRefused",
    "Bound",
    "Closed",
    "Enquired",
    "Event",
    "Limits",
    "NotificationReceived",
    "Oddity",
    "PeerUnbinding",
    "ReceiptReceived",
    "Received",
    "RequestReceived",
    "Role",
    "Session",
    "SessionState",
    "Unanswered",
    "UnreadableReceived",
]

# Plain names for what is compared for every PDU: an enum's attribute costs a look-up.
_CLOSED = SessionState.CLOSED
_DELIVER_SM = int(CommandId.DELIVER_SM)
_NOTHING: frozenset[CommandId] = frozenset()

_Pdu = Decoded | Undecodable


class Session:
    """One connection's worth of SMPP. `state` may be read at any time, and `role` and `limits`.

    Requests are answered in `Answered` events under the token they were made with. Exactly one
    of `Answered` and `Unanswered` comes for each request, and after `Unanswered`, until the
    session ends, perhaps `AnsweredLate`. With `receipts`, which reads them, delivery receipts come
    as `ReceiptReceived`, and else as any request.
    """

    __slots__ = (
        "_acceptable", "_framer", "_outgoing", "_receipts", "_requestable", "_timers",
        "_unbound_by_peer", "_window", "limits", "role", "state",
    )  # fmt: skip

    def __init__(
        self, role: Role, limits: Limits, now: float, receipts: ReceiptReader | None = None
    ) -> None:
        self.role = role
        self.limits = limits
        self.state = SessionState.OPEN
        self._window = Window(limits.window, limits.first_sequence_number)
        self._outgoing = Outgoing(self._window)
        self._framer = Framer(limits.max_pdu_length)
        self._timers = Timers(role, limits, now)
        self._receipts = receipts
        self._unbound_by_peer = False
        #: Messages that we may send and that the peer may send in this state.
        self._requestable = _NOTHING
        self._acceptable = _NOTHING

    # ── what the holder does ─────────────────────────────────────────────────────────────────

    @property
    def in_flight(self) -> int:
        """How many requests wait for their answer."""
        return self._window.in_flight

    @property
    def begun(self) -> bytes:
        """What has come of a PDU of which more will."""
        return self._framer.held

    def waiting(self) -> Iterator[Any]:
        """The tokens of the requests that wait for their answer, the oldest first."""
        return self._window.tokens()

    def waiting_under(self, number: int) -> Any:
        """The token of the request that carries this sequence_number and has no answer yet; None where
        there is none."""
        return self._window.token(number)

    @property
    def room(self) -> int:
        """How many messages may be sent now: an ESME's to submit, an SMSC's to deliver."""
        first = CommandId.SUBMIT_SM if self.role is Role.ESME else CommandId.DELIVER_SM
        return max(self._window.room, 0) if first in self._requestable else 0

    def change_limits(self, limits: Limits) -> None:
        """Go by these from now on, but for those that a session is opened with: the number of its first
        PDU and the longest one. Of a smaller window nothing is taken back."""
        self.limits = limits
        self._window.size = limits.window
        self._timers.change(limits)

    def bind(self, request: Request, now: float, *, long_credentials: bool = False) -> None:
        """Ask to be bound as bind_transmitter, bind_receiver or bind_transceiver (3.4, 4.1)."""
        self._check_legal(request.command_id)
        if request.command_id not in BOUND_BY:
            raise LocalProtocolError(f"{command_name(request.command_id)} binds nothing")
        self._outgoing.ask(request, now, long_credentials=long_credentials)
        self._move(Trigger.BIND, now)

    def request(self, pdu: Request, token: Any, now: float) -> int:
        """Send a message or a question about one; the sequence_number it goes out with."""
        if pdu.command_id not in self._requestable:
            raise LocalProtocolError(self._illegal(pdu.command_id))
        self._timers.active_at = now
        return self._outgoing.request(pdu, token, now)

    def request_each(
        self, command_id: int, bodies: Sequence[bytes], tokens: Sequence[Any], now: float
    ) -> None:
        """Send messages of one kind whose bodies have been written: `request`, for many."""
        if command_id not in self._requestable:
            raise LocalProtocolError(self._illegal(command_id))
        self._timers.active_at = now
        self._outgoing.request_each(command_id, bodies, tokens, now)

    def notify(self, pdu: AlertNotification | Outbind) -> None:
        """Say what has no answer: outbind or alert_notification (3.4, 4.1.7 and 4.12)."""
        self._check_legal(pdu.command_id)
        self._outgoing.notify(pdu)

    def respond(
        self,
        received: Received,
        response: Response | None = None,
        status: int = 0,
    ) -> None:
        """Answer a request, with the empty response of its kind unless another is given.

        Once the session is closed there is nobody to answer, and this does nothing.
        """
        if self.state is _CLOSED:
            return
        number = received.sequence_number
        if response is None:
            self._outgoing.reply(plain_response(received.command_id, number, status))
        else:
            self._outgoing.reply(encode(response, number, status))

    def acknowledge(self, received: Iterable[Received]) -> None:
        """Answer requests with the empty response of their kind: `respond`, for many."""
        if self.state is not _CLOSED:
            self._outgoing.reply(plain_responses(received))

    def accept_bind(
        self, received: RequestReceived, system_id: str, tlvs: tuple[tuple[int, bytes], ...] = ()
    ) -> None:
        """Let the ESME in. Does nothing when it has gone meanwhile."""
        if self.state is _CLOSED:
            return
        trigger = self._answer_to_bind(received)
        number = received.sequence_number
        self._outgoing.reply(bind_response(received.pdu, number, system_id, tlvs))
        self._move(trigger, self._timers.heard_at)

    def refuse_bind(self, received: RequestReceived, status: int) -> None:
        """Keep the ESME out; it may try again on this connection, unless the holder ends it."""
        if self.state is _CLOSED:
            return
        self._answer_to_bind(received)
        self.respond(received, status=status)
        self._move(Trigger.REFUSED, self._timers.heard_at)

    def unbind(self, now: float) -> None:
        """Take leave: no new requests, answers still count, `Closed` when the peer agrees.

        Does nothing when the session is ending already.
        """
        if self.state is SessionState.UNBINDING or self.state is _CLOSED:
            return
        self._check_legal(CommandId.UNBIND)
        self._outgoing.take_leave(Unbind(), now)
        self._move(Trigger.UNBIND, now)

    def abort(self, reason: str, now: float) -> list[Event]:
        """The holder gives up. In good order only when the peer unbound and nothing waits."""
        events: list[Event] = []
        if self.state is not _CLOSED:
            clean = self._unbound_by_peer and not self._window.in_flight
            self._end(reason, clean, events)
        return events

    # ── what happens to it ───────────────────────────────────────────────────────────────────

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Octets have arrived, cut anywhere."""
        events: list[Event] = []
        if self.state is _CLOSED:
            return events
        try:
            self._receive_frames(self._framer.feed(data), now, events)
            if self._framer.pending and self.state is not _CLOSED:
                # What is out of step behind whole PDUs shows only when asked again.
                self._framer.feed(b"")
        except RemoteProtocolError as error:
            self._outgoing.reply(generic_nack(0, CommandStatus.ESME_RINVCMDLEN))
            self._end(f"the stream is out of step: {error}", False, events, out_of_step=True)
        return events

    def receive_eof(self, now: float) -> list[Event]:
        """The peer will send no more."""
        events: list[Event] = []
        if self.state is not _CLOSED:
            where = " in the middle of a PDU" if self._framer.pending else ""
            clean = self.state is SessionState.UNBINDING and not where
            self._end(f"the peer closed the connection{where}", clean, events)
        return events

    def deadline(self) -> float:
        """When `tick` is to be called; infinity when there is nothing to wait for."""
        if self.state is _CLOSED:
            return float("inf")
        when, _ = self._timers.next_due(self.state)
        oldest = self._window.oldest_sent_at
        if oldest is not None and self.limits.response_timeout:
            return min(when, oldest + self.limits.response_timeout)
        return when

    def tick(self, now: float) -> list[Event]:
        """Time has passed. Harmless at any time."""
        events: list[Event] = []
        if self.state is _CLOSED:
            return events
        timeout = self.limits.response_timeout
        if timeout and self._window.in_flight:
            reason = f"no answer within {timeout:g} s"
            expired = self._window.expire(timeout, now)
            events.extend(Unanswered(request.token, reason) for request in expired)
        when, due = self._timers.next_due(self.state)
        if due is None or when > now:
            return events
        if due is Due.ENQUIRE_LINK:
            self._outgoing.ask(EnquireLink(), now)
            self._timers.enquired_at = now
        else:
            clean = due is Due.UNBIND and self._unbound_by_peer
            self._end(due.value, clean, events)
        return events

    def data_to_send(self) -> bytes:
        """What is to leave now, once: answers first, the unbind last. Also after `Closed`."""
        return self._outgoing.take()

    # ── one PDU ──────────────────────────────────────────────────────────────────────────────

    def _receive_frames(self, frames: Frames, now: float, events: list[Event]) -> None:
        self._timers.hear(bool(frames.headers), self._framer.pending, now)
        octets, end = frames.octets, 0
        text = str(octets, "latin-1")
        outstanding, receipts, add = self._window.outstanding, self._receipts, events.append
        for length, command_id, status, number in frames.headers:
            start, end = end, end + length
            at = start + HEADER_LENGTH
            try:
                if command_id in self._acceptable:
                    if command_id == _DELIVER_SM and receipts is not None:
                        receipt = receipts.peek(octets, text, at, end)
                        if receipt is not None:  # in the ordinary form
                            add(ReceiptReceived(number, command_id, receipt))
                            continue
                    pdu = DECODERS[command_id](octets, text, at, end)
                    add(self._requested(number, pdu))
                    continue
                request = outstanding.get(number)
                if request is not None and request.response_id == command_id:
                    pdu = DECODERS[command_id](octets, text, at, end)
                    del outstanding[number]
                    add(Answered(request.token, status, pdu, request.sent_at))
                    continue
            except CutOffError:
                pass  # as `decode` may read it yet
            self._receive(decode(octets[start:end]), events)
            if self.state is _CLOSED:
                return
        if events:
            self._timers.active_at = now

    def _requested(self, number: int, pdu: Pdu) -> Event:
        if self._receipts is not None and isinstance(pdu, DeliverSm | DataSm):
            receipt = self._receipts.read(pdu)
            if receipt is not None:
                return ReceiptReceived(number, pdu.command_id, receipt)
        return RequestReceived(number, cast("Request", pdu))

    def _receive(self, received: _Pdu, events: list[Event]) -> None:
        """One PDU that is not of the ordinary kinds."""
        header = received.header
        command_id = header.command_id
        if command_id in self._acceptable and isinstance(received, Decoded):
            events.append(self._requested(header.sequence_number, received.pdu))
        elif command_id == CommandId.GENERIC_NACK:
            self._receive_nack(header, events)
        elif command_id & RESPONSE_BIT:
            self._receive_rare_response(received, events)
        else:
            self._receive_rare_request(received, events)

    def _receive_rare_request(self, received: _Pdu, events: list[Event]) -> None:
        command_id = received.header.command_id
        number = received.header.sequence_number
        if command_id == CommandId.ENQUIRE_LINK:
            self._outgoing.reply(plain_response(command_id, number, 0))
        elif refusal := refuse(received, self.role.peer, self.state):
            events.append(Oddity(refusal.why))
            if refusal.reply:
                self._outgoing.reply(refusal.reply)
            elif isinstance(received, Undecodable) and command_id not in NOTIFICATIONS:
                events.append(UnreadableReceived(received))
        elif command_id == CommandId.UNBIND:
            self._receive_unbind(number, events)
        elif isinstance(received, Decoded):
            self._receive_bind_or_notification(received, events)

    def _receive_bind_or_notification(self, received: Decoded, events: list[Event]) -> None:
        pdu = received.pdu
        if isinstance(pdu, AlertNotification | Outbind):
            events.append(NotificationReceived(pdu))
        else:
            self._move(Trigger.BIND, self._timers.heard_at)
            events.append(self._requested(received.header.sequence_number, pdu))

    def _receive_unbind(self, number: int, events: list[Event]) -> None:
        self._outgoing.reply_last(plain_response(CommandId.UNBIND, number, 0))
        if self.state is not SessionState.UNBINDING:
            self._unbound_by_peer = True
            self._move(Trigger.UNBIND, self._timers.heard_at)
            events.append(PeerUnbinding())

    def _receive_rare_response(self, received: _Pdu, events: list[Event]) -> None:
        header = received.header
        expected = self._window.expected(header.sequence_number)
        if expected != header.command_id:
            events.append(Oddity(stray_response(received, expected)))
        elif isinstance(received, Undecodable):
            events.append(Oddity(unreadable_response(received)))
            self._settle(header, expected, None, events)
        else:
            self._settle(header, expected, cast("Response", received.pdu), events)

    def _receive_nack(self, header: Header, events: list[Event]) -> None:
        expected = self._window.expected(header.sequence_number)
        status = header.command_status or CommandStatus.ESME_RUNKNOWNERR
        if expected is None:
            why = f"generic_nack {status_name(status)} to nothing outstanding"
            if header.sequence_number == 0:  # not even a number could be read (3.4, 4.3.1)
                self._end(f"{why}: the stream is out of step", False, events, out_of_step=True)
            else:
                events.append(Oddity(f"{why}: ignored"))
            return
        # Status 0 would make an acceptance of what can only be a refusal.
        nack = header._replace(command_status=int(status))
        self._settle(nack, expected, None, events)

    def _settle(
        self, header: Header, response_id: int, response: Response | None, events: list[Event]
    ) -> None:
        number, status = header.sequence_number, header.command_status
        if request := self._window.answer(number, response_id):
            events.append(Answered(request.token, status, response, request.sent_at))
        elif request := self._window.answer_late(number, response_id):
            events.append(AnsweredLate(request.token, status, response))
        elif self._window.answer_without_slot(number, response_id):
            self._settle_own(response_id, status, response, events)

    def _settle_own(
        self, response_id: int, status: int, response: Response | None, events: list[Event]
    ) -> None:
        if response_id == CommandId.ENQUIRE_LINK_RESP:
            timers = self._timers
            if timers.enquired_at is not None:
                events.append(Enquired(timers.heard_at - timers.enquired_at))
            timers.enquired_at = None
        elif response_id == CommandId.UNBIND_RESP:
            self._end("unbound", status == 0, events)
        elif status:
            self._move(Trigger.REFUSED, self._timers.heard_at)
            events.append(BindRefused(status, response))
        else:
            self._move(BOUND_BY[response_id ^ RESPONSE_BIT], self._timers.heard_at)
            events.append(Bound(response))

    # ── steps that several of the above take ─────────────────────────────────────────────────

    def _move(self, trigger: Trigger, now: float) -> None:
        """The only place where `state` changes."""
        self.state = state = TRANSITIONS[self.state][trigger]
        self._timers.enter(now)
        bound = state in BOUND_STATES
        self._requestable = LEGAL[state][self.role] & MESSAGE_REQUESTS if bound else _NOTHING
        self._acceptable = welcome(state, self.role.peer) & MESSAGE_REQUESTS

    def _end(
        self, reason: str, clean: bool, events: list[Event], *, out_of_step: bool = False
    ) -> None:
        events.extend(Unanswered(request.token, reason) for request in self._window.clear())
        # Reported as unanswered, so they must not leave any more.
        self._outgoing.drop_requests()
        self._move(Trigger.END, self._timers.heard_at)
        events.append(Closed(reason, clean, out_of_step))

    def _check_legal(self, command_id: int) -> None:
        if command_id not in LEGAL[self.state][self.role]:
            raise LocalProtocolError(self._illegal(command_id))

    def _answer_to_bind(self, received: RequestReceived) -> Trigger:
        command_id = received.pdu.command_id
        if self.state is not SessionState.BINDING or command_id not in BOUND_BY:
            raise LocalProtocolError(self._illegal(command_id | RESPONSE_BIT))
        return BOUND_BY[command_id]

    def _illegal(self, command_id: int) -> str:
        name = command_name(command_id)
        return f"an {self.role.value} may not send {name} while {self.state.value}"
