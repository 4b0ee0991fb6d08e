"""One session against octets written by hand: what it reports, what it answers, when it ends."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppd.smpp.errors import EncodeError, LocalProtocolError
from smppd.smpp.pdu import (
    AlertNotification,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DeliverSm,
    EnquireLink,
    Outbind,
    QuerySm,
    Request,
    SubmitSm,
    SubmitSmResp,
)
from smppd.smpp.session import (
    Answered,
    AnsweredLate,
    BindRefused,
    Bound,
    Closed,
    Enquired,
    Event,
    Limits,
    NotificationReceived,
    Oddity,
    PeerUnbinding,
    RequestReceived,
    Role,
    Session,
    SessionState,
    Unanswered,
    UnreadableReceived,
)
from smppd.smpp.session_states import LEGAL, TRANSITIONS, Trigger
from smppd.smpp.vocabulary import CommandId

BIND_RX, BIND_TX, BIND_TRX = 0x01, 0x02, 0x09
SUBMIT, DELIVER, UNBIND, ENQUIRE, OUTBIND, ALERT = 0x04, 0x05, 0x06, 0x15, 0x0B, 0x102
NACK = 0x80000000
RESP = 0x80000000

SUBMIT_BODY = bytes(17)  # sixteen neutral fields and no short_message
TEXTS = b"SMSC\0"

OPEN, BINDING, UNBINDING, CLOSED = (
    SessionState.OPEN,
    SessionState.BINDING,
    SessionState.UNBINDING,
    SessionState.CLOSED,
)
BOUND_TX, BOUND_RX, BOUND_TRX = (
    SessionState.BOUND_TX,
    SessionState.BOUND_RX,
    SessionState.BOUND_TRX,
)

LIMITS = Limits(
    window=5,
    response_timeout=60,
    bind_timeout=30,
    enquire_link_interval=20,
    enquire_link_timeout=10,
    pdu_read_timeout=10,
    unbind_timeout=5,
)

Sent = tuple[int, int, int, bytes]


def octets(command_id: int, number: int, status: int = 0, body: bytes = b"") -> bytes:
    return struct.pack(">LLLL", 16 + len(body), command_id, status, number) + body


def sent(session: Session) -> list[Sent]:
    """What leaves now: (command_id, command_status, sequence_number, body) of each PDU."""
    data, pdus = session.data_to_send(), []
    while data:
        length, command_id, status, number = struct.unpack_from(">LLLL", data)
        pdus.append((command_id, status, number, data[16:length]))
        data = data[length:]
    return pdus


def kinds(events: Sequence[Event]) -> list[type]:
    return [type(event) for event in events]


def session_in(role: Role, state: SessionState, limits: Limits = LIMITS) -> Session:
    """A session brought into a state the regular way at time 0, with nothing left to send."""
    session = Session(role, limits, 0.0)
    binds = {BOUND_TX: BIND_TX, BOUND_RX: BIND_RX}
    bind = binds.get(state, BIND_TRX)
    if state is OPEN:
        return session
    if role is Role.ESME:
        requests: dict[int, Request] = {
            BIND_TX: BindTransmitter(system_id="me"),
            BIND_RX: BindReceiver(system_id="me"),
            BIND_TRX: BindTransceiver(system_id="me"),
        }
        session.bind(requests[bind], 0.0)
        (_, _, number, _) = sent(session)[0]
        if state is not BINDING:
            (event,) = session.receive_data(octets(bind | RESP, number, body=TEXTS), 0.0)
            assert isinstance(event, Bound)
    else:
        (event,) = session.receive_data(octets(bind, 1, body=b"me\0\0\0\x34\0\0\0"), 0.0)
        assert isinstance(event, RequestReceived)
        if state is not BINDING:
            session.accept_bind(event, "SMSC")
    if state is UNBINDING:
        session.unbind(0.0)
    if state is CLOSED:
        session.abort("test", 0.0)
    session.data_to_send()
    assert session.state is state
    return session


def esme(limits: Limits = LIMITS) -> Session:
    return session_in(Role.ESME, BOUND_TRX, limits)


# ── the tables ───────────────────────────────────────────────────────────────────────────────


def test_every_state_has_a_row_in_both_tables_and_can_end() -> None:
    assert set(TRANSITIONS) == set(LEGAL) == set(SessionState)
    for state in SessionState:
        assert set(LEGAL[state]) == set(Role)
        assert (TRANSITIONS[state].get(Trigger.END) is CLOSED) is (state is not CLOSED)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", SessionState)
def test_a_session_reaches_every_state(role: Role, state: SessionState) -> None:
    assert session_in(role, state).state is state


@pytest.mark.parametrize(
    ("role", "state", "room"),
    [
        (Role.ESME, OPEN, 0),
        (Role.ESME, BINDING, 0),
        (Role.ESME, BOUND_TX, 5),
        (Role.ESME, BOUND_RX, 0),
        (Role.ESME, BOUND_TRX, 5),
        (Role.ESME, UNBINDING, 0),
        (Role.ESME, CLOSED, 0),
        (Role.SMSC, OPEN, 0),
        (Role.SMSC, BOUND_TX, 0),
        (Role.SMSC, BOUND_RX, 5),
        (Role.SMSC, BOUND_TRX, 5),
        (Role.SMSC, UNBINDING, 0),
    ],
)
def test_there_is_room_only_where_messages_may_be_sent(
    role: Role, state: SessionState, room: int
) -> None:
    assert session_in(role, state).room == room


# ── what arrives, state by state ─────────────────────────────────────────────────────────────

ENQUIRE_ANSWERED = [(ENQUIRE | RESP, 0, 9, b"")]

ROWS: list[tuple[Role, SessionState, bytes, list[type], list[Sent]]] = [
    # The peer's enquire_link is answered in every state, before the bind too.
    *((role, state, octets(ENQUIRE, 9), [], ENQUIRE_ANSWERED)
      for role in Role for state in SessionState if state is not CLOSED),
    (Role.ESME, CLOSED, octets(ENQUIRE, 9), [], []),
    # Messages where they belong.
    (Role.ESME, BOUND_TRX, octets(DELIVER, 9, body=SUBMIT_BODY), [RequestReceived], []),
    (Role.ESME, BOUND_RX, octets(DELIVER, 9, body=SUBMIT_BODY), [RequestReceived], []),
    (Role.ESME, UNBINDING, octets(DELIVER, 9, body=SUBMIT_BODY), [RequestReceived], []),
    # A receipt over a transmitter is not what 3.4 foresees, and no reason to lose it.
    (Role.ESME, BOUND_TX, octets(DELIVER, 9, body=SUBMIT_BODY), [RequestReceived], []),
    (Role.SMSC, BOUND_TX, octets(SUBMIT, 9, body=SUBMIT_BODY), [RequestReceived], []),
    (Role.SMSC, BOUND_TRX, octets(SUBMIT, 9, body=SUBMIT_BODY), [RequestReceived], []),
    # Messages where they do not.
    (Role.ESME, OPEN, octets(DELIVER, 9, body=SUBMIT_BODY), [Oddity],
     [(DELIVER | RESP, 4, 9, b"\0")]),
    (Role.ESME, BINDING, octets(DELIVER, 9, body=SUBMIT_BODY), [Oddity],
     [(DELIVER | RESP, 4, 9, b"\0")]),
    (Role.SMSC, BOUND_TX, octets(DELIVER, 9, body=SUBMIT_BODY), [Oddity],
     [(DELIVER | RESP, 4, 9, b"\0")]),
    (Role.ESME, BOUND_TRX, octets(SUBMIT, 9, body=SUBMIT_BODY), [Oddity],
     [(SUBMIT | RESP, 4, 9, b"")]),
    (Role.SMSC, OPEN, octets(SUBMIT, 9, body=SUBMIT_BODY), [Oddity],
     [(SUBMIT | RESP, 4, 9, b"")]),
    (Role.SMSC, BOUND_RX, octets(SUBMIT, 9, body=SUBMIT_BODY), [Oddity],
     [(SUBMIT | RESP, 4, 9, b"")]),
    (Role.SMSC, BOUND_TRX, octets(BIND_TRX, 9, body=b"me\0\0\0\x34\0\0\0"), [Oddity],
     [(BIND_TRX | RESP, 5, 9, b"")]),
    (Role.SMSC, OPEN, octets(UNBIND, 9), [Oddity], [(UNBIND | RESP, 4, 9, b"")]),
    # A body that cannot be read is refused alone; one that is too long is none of our business.
    # Of what is delivered, the octets are kept first: the holder answers.
    (Role.ESME, BOUND_TRX, octets(DELIVER, 9, body=b"no NUL anywhere"),
     [Oddity, UnreadableReceived], []),
    (Role.SMSC, BOUND_TRX, octets(SUBMIT, 9, body=b"no NUL anywhere"), [Oddity],
     [(SUBMIT | RESP, 0x66, 9, b"")]),
    (Role.ESME, BOUND_TRX, octets(ENQUIRE, 9, body=b"why not"), [], ENQUIRE_ANSWERED),
    # What nobody knows.
    (Role.ESME, BOUND_TRX, octets(0x00010200, 5), [Oddity], [(NACK, 3, 5, b"")]),
    (Role.ESME, OPEN, octets(0x00010200, 5), [Oddity], [(NACK, 3, 5, b"")]),
    (Role.ESME, BOUND_TRX, octets(0x80010200, 5), [Oddity], []),
    # The peer's sequence numbers come back as they are, whatever their range.
    (Role.ESME, BOUND_TRX, octets(ENQUIRE, 0), [], [(ENQUIRE | RESP, 0, 0, b"")]),
    (Role.ESME, BOUND_TRX, octets(ENQUIRE, 0xFFFFFFFF), [],
     [(ENQUIRE | RESP, 0, 0xFFFFFFFF, b"")]),
    # What has no answer gets none.
    (Role.ESME, OPEN, octets(OUTBIND, 1, body=b"smsc\0secret\0"), [NotificationReceived], []),
    (Role.ESME, BINDING, octets(OUTBIND, 1, body=b"smsc\0secret\0"), [Oddity], []),
    (Role.ESME, BOUND_RX, octets(ALERT, 1, body=bytes(6)), [NotificationReceived], []),
    (Role.ESME, BOUND_TX, octets(ALERT, 1, body=bytes(6)), [Oddity], []),
    # No notification has a response, so one that cannot be read wants none.
    (Role.ESME, BOUND_RX, octets(ALERT, 1), [Oddity], []),
    (Role.ESME, BOUND_TX, octets(ALERT, 1), [Oddity], []),
    (Role.ESME, SessionState.OPEN, octets(OUTBIND, 1, body=b"x"), [Oddity], []),
    # Answers to nothing.
    (Role.ESME, BOUND_TRX, octets(SUBMIT | RESP, 77, body=b"id\0"), [Oddity], []),
    (Role.ESME, OPEN, octets(BIND_TRX | RESP, 1, body=TEXTS), [Oddity], []),
    (Role.ESME, BOUND_TRX, octets(NACK, 77, 3), [Oddity], []),
    (Role.ESME, BOUND_TRX, octets(NACK, 0, 2), [Closed], []),
    # Leave-taking.
    (Role.ESME, BOUND_TRX, octets(UNBIND, 9), [PeerUnbinding], [(UNBIND | RESP, 0, 9, b"")]),
    (Role.SMSC, BOUND_RX, octets(UNBIND, 9), [PeerUnbinding], [(UNBIND | RESP, 0, 9, b"")]),
    (Role.ESME, UNBINDING, octets(UNBIND, 9), [], [(UNBIND | RESP, 0, 9, b"")]),
]  # fmt: skip


@pytest.mark.parametrize(("role", "state", "incoming", "events", "answer"), ROWS)
def test_what_arrives(
    role: Role, state: SessionState, incoming: bytes, events: list[type], answer: list[Sent]
) -> None:
    session = session_in(role, state)
    assert kinds(session.receive_data(incoming, 1.0)) == events
    assert sent(session) == answer
    lives = state is not CLOSED and Closed not in events
    if lives:
        assert session.receive_data(octets(ENQUIRE, 9), 2.0) == []
        assert sent(session) == ENQUIRE_ANSWERED
    else:
        assert session.state is CLOSED


@pytest.mark.parametrize("length", [0, 4, 15, 131073, 0x7FFFFFFF, 1095586128, 1213486160])
def test_a_length_that_cannot_be_ends_the_session_with_a_generic_nack(length: int) -> None:
    session = esme()
    session.request(SubmitSm(), "message", 1.0)
    events = session.receive_data(struct.pack(">L", length), 1.0)
    assert kinds(events) == [Unanswered, Closed]
    assert str(length) in str(events[-1])
    assert sent(session) == [(NACK, 2, 0, b"")]
    assert session.receive_data(octets(ENQUIRE, 1), 2.0) == []
    assert session.receive_eof(2.0) == []
    assert session.tick(1e9) == []
    assert session.data_to_send() == b""


def test_whole_pdus_before_a_broken_length_still_count() -> None:
    session = esme()
    number = session.request(SubmitSm(), "message", 1.0)
    stream = octets(SUBMIT | RESP, number, body=b"id\0") + bytes(4)
    assert kinds(session.receive_data(stream, 1.0)) == [Answered, Closed]


# ── requests and their answers ───────────────────────────────────────────────────────────────


def test_an_answer_comes_with_its_token_status_and_message_id() -> None:
    session = esme()
    number = session.request(SubmitSm(short_message=b"hi"), "message 1", 1.0)
    assert session.in_flight == 1
    assert [pdu[:3] for pdu in sent(session)] == [(SUBMIT, 0, number)]
    (answer,) = session.receive_data(octets(SUBMIT | RESP, number, body=b"4711\0"), 2.0)
    assert answer == Answered("message 1", 0, SubmitSmResp(message_id="4711"), 1.0)
    assert (session.in_flight, session.room) == (0, 5)


def test_answers_may_come_in_any_order() -> None:
    session = esme()
    numbers = [session.request(SubmitSm(), token, 1.0) for token in range(5)]
    stream = b"".join(octets(SUBMIT | RESP, number, body=b"x\0") for number in reversed(numbers))
    events = session.receive_data(stream, 2.0)
    assert [event.token for event in events if isinstance(event, Answered)] == [4, 3, 2, 1, 0]


@pytest.mark.parametrize("body", [b"", b"0A00\0", b"\x04\x25\0\x01\0"])
def test_a_refusal_needs_no_body(body: bytes) -> None:
    session = esme()
    number = session.request(SubmitSm(), "m", 1.0)
    events = session.receive_data(octets(SUBMIT | RESP, number, 0x0B, body), 2.0)
    answers = [event for event in events if isinstance(event, Answered)]
    assert [(answer.token, answer.status) for answer in answers] == [("m", 0x0B)]


def test_an_answer_of_another_kind_is_ignored_and_the_right_one_still_counts() -> None:
    session = esme()
    number = session.request(SubmitSm(), "m", 1.0)
    assert kinds(session.receive_data(octets(ENQUIRE | RESP, number), 1.5)) == [Oddity]
    assert session.in_flight == 1
    assert kinds(session.receive_data(octets(SUBMIT | RESP, number, body=b"x\0"), 2.0)) == [
        Answered
    ]


def test_of_two_answers_the_first_wins() -> None:
    session = esme()
    number = session.request(SubmitSm(), "m", 1.0)
    twice = octets(SUBMIT | RESP, number, 0, b"a\0") + octets(SUBMIT | RESP, number, 8, b"b\0")
    first, second = session.receive_data(twice, 2.0)
    assert first == Answered("m", 0, SubmitSmResp(message_id="a"), 1.0)
    assert isinstance(second, Oddity)


def test_a_generic_nack_answers_the_request_it_names() -> None:
    session = esme()
    number = session.request(SubmitSm(), "m", 1.0)
    assert session.receive_data(octets(NACK, number, 3), 2.0) == [Answered("m", 3, None, 1.0)]
    assert session.state is BOUND_TRX


def test_a_generic_nack_with_status_0_is_no_acceptance() -> None:
    session = esme()
    number = session.request(SubmitSm(), "m", 1.0)
    assert session.receive_data(octets(NACK, number, 0), 2.0) == [Answered("m", 0xFF, None, 1.0)]


def test_a_generic_nack_to_nothing_loses_all_that_is_outstanding_before_the_end() -> None:
    session = esme()
    for token in "ab":
        session.request(SubmitSm(), token, 1.0)
    events = session.receive_data(octets(NACK, 0, 2), 2.0)
    assert kinds(events) == [Unanswered, Unanswered, Closed]
    assert [event.token for event in events if isinstance(event, Unanswered)] == ["a", "b"]


def test_without_an_answer_the_slot_is_freed_and_a_late_one_still_finds_its_owner() -> None:
    session = esme()
    number = session.request(SubmitSm(), "m", 1.0)
    session.receive_data(octets(ENQUIRE, 1), 59.0)
    assert session.deadline() == 61.0
    assert session.tick(60.9) == []
    (lost,) = session.tick(61.0)
    assert isinstance(lost, Unanswered)
    assert (lost.token, session.in_flight, session.room) == ("m", 0, 5)
    late = octets(SUBMIT | RESP, number, body=b"id\0")
    assert session.receive_data(late, 66.0) == [AnsweredLate("m", 0, SubmitSmResp("id"))]
    assert kinds(session.receive_data(late, 66.0)) == [Oddity]


def test_a_late_generic_nack_finds_its_owner_too() -> None:
    session = esme()
    number = session.request(SubmitSm(), "m", 1.0)
    session.receive_data(octets(ENQUIRE, 1), 59.0)
    session.tick(61.0)
    assert session.receive_data(octets(NACK, number, 8), 66.0) == [AnsweredLate("m", 8, None)]


def test_a_full_window_takes_no_more_until_an_answer_comes() -> None:
    session = esme()
    numbers = [session.request(SubmitSm(), token, 1.0) for token in range(5)]
    assert session.room == 0
    with pytest.raises(LocalProtocolError, match="window of 5"):
        session.request(SubmitSm(), "too much", 1.0)
    session.receive_data(octets(SUBMIT | RESP, numbers[2], body=b"x\0"), 2.0)
    assert session.room == 1
    session.request(SubmitSm(), "now", 2.0)


def test_sequence_numbers_wrap_and_skip_the_outstanding() -> None:
    session = esme(Limits(window=5, first_sequence_number=0x7FFFFFFD))
    numbers = [session.request(SubmitSm(), token, 1.0) for token in range(5)]
    assert numbers == [0x7FFFFFFE, 0x7FFFFFFF, 1, 2, 3]


def test_a_pdu_that_cannot_be_encoded_takes_no_slot_and_no_number() -> None:
    session = esme()
    with pytest.raises(EncodeError):
        session.request(SubmitSm(destination_addr="3" * 25), "m", 1.0)
    assert (session.in_flight, session.data_to_send()) == (0, b"")
    assert session.request(SubmitSm(), "n", 1.0) == 2


@pytest.mark.parametrize(
    ("role", "state"),
    [
        (Role.ESME, OPEN),
        (Role.ESME, BINDING),
        (Role.ESME, BOUND_RX),
        (Role.ESME, UNBINDING),
        (Role.ESME, CLOSED),
        (Role.SMSC, BOUND_TRX),
    ],
)
def test_submitting_where_it_is_not_legal_is_our_mistake(role: Role, state: SessionState) -> None:
    with pytest.raises(LocalProtocolError, match="submit_sm"):
        session_in(role, state).request(SubmitSm(), "m", 1.0)


def test_the_session_minds_enquire_link_itself() -> None:
    with pytest.raises(LocalProtocolError):
        esme().request(EnquireLink(), "m", 1.0)


def test_a_question_about_a_message_is_a_request_like_any_other() -> None:
    session = esme()
    number = session.request(QuerySm(message_id="1"), "q", 1.0)
    answer = octets(0x80000003, number, body=b"1\0\0\x02\0")
    (event,) = session.receive_data(answer, 2.0)
    assert isinstance(event, Answered)
    assert event.token == "q"


# ── answering the peer ───────────────────────────────────────────────────────────────────────


def test_a_deliver_sm_is_answered_by_the_holder_only_and_in_seventeen_octets() -> None:
    session = esme()
    (request,) = session.receive_data(octets(DELIVER, 0xFFFFFFFE, body=SUBMIT_BODY), 1.0)
    assert isinstance(request, RequestReceived)
    assert isinstance(request.pdu, DeliverSm)
    assert session.data_to_send() == b""
    session.respond(request)
    assert session.data_to_send() == octets(DELIVER | RESP, 0xFFFFFFFE, body=b"\0")


def test_a_response_may_carry_a_status_or_a_body() -> None:
    session = session_in(Role.SMSC, BOUND_TRX)
    request, other = (
        session.receive_data(octets(SUBMIT, number, body=SUBMIT_BODY), 1.0)[0] for number in (7, 8)
    )
    assert isinstance(request, RequestReceived)
    assert isinstance(other, RequestReceived)
    session.respond(request, SubmitSmResp(message_id="4711"))
    session.respond(other, status=0x58)
    assert sent(session) == [(SUBMIT | RESP, 0, 7, b"4711\0"), (SUBMIT | RESP, 0x58, 8, b"")]


def test_answers_leave_before_requests_and_the_unbind_last() -> None:
    session = esme()
    session.request(SubmitSm(), "m", 1.0)
    session.unbind(1.0)
    (request,) = session.receive_data(octets(DELIVER, 3, body=SUBMIT_BODY), 1.0)
    assert isinstance(request, RequestReceived)
    session.respond(request)
    assert [pdu[0] for pdu in sent(session)] == [DELIVER | RESP, SUBMIT, UNBIND]


def test_answering_after_the_end_does_nothing() -> None:
    session = esme()
    (request,) = session.receive_data(octets(DELIVER, 3, body=SUBMIT_BODY), 1.0)
    assert isinstance(request, RequestReceived)
    session.receive_eof(2.0)
    session.respond(request)
    assert session.data_to_send() == b""


# ── binding ──────────────────────────────────────────────────────────────────────────────────


def test_a_bind_without_a_body_in_its_answer_is_a_bind() -> None:
    session = session_in(Role.ESME, BINDING)
    (event,) = session.receive_data(octets(BIND_TRX | RESP, 1), 1.0)
    assert isinstance(event, Bound)
    assert session.state is BOUND_TRX


@pytest.mark.parametrize("answer", [octets(BIND_TRX | RESP, 1, 0x0E), octets(NACK, 1, 0x0E)])
def test_a_refused_bind_leaves_the_session_open_for_another(answer: bytes) -> None:
    session = session_in(Role.ESME, BINDING)
    (event,) = session.receive_data(answer, 1.0)
    assert isinstance(event, BindRefused)
    assert event.status == 0x0E
    assert session.state is OPEN
    session.bind(BindReceiver(), 2.0)
    assert session.state is BINDING


def test_the_answer_to_another_kind_of_bind_binds_nothing() -> None:
    session = session_in(Role.ESME, BINDING)
    assert kinds(session.receive_data(octets(BIND_RX | RESP, 1, body=TEXTS), 1.0)) == [Oddity]
    assert session.state is BINDING


def test_only_a_bind_binds() -> None:
    with pytest.raises(LocalProtocolError, match="enquire_link"):
        session_in(Role.ESME, OPEN).bind(EnquireLink(), 0.0)
    with pytest.raises(LocalProtocolError, match="bind_receiver"):
        esme().bind(BindReceiver(), 0.0)


def test_long_credentials_are_sent_only_when_asked_for() -> None:
    request = BindTransceiver(system_id="someone@example.com", password="longer than eight")
    session = Session(Role.ESME, LIMITS, 0.0)
    with pytest.raises(EncodeError):
        session.bind(request, 0.0)
    assert session.state is OPEN
    session.bind(request, 0.0, long_credentials=True)
    assert sent(session)[0][3].startswith(b"someone@example.com\0longer than eight\0")


def test_an_smsc_refuses_and_lets_the_esme_try_again() -> None:
    session = session_in(Role.SMSC, OPEN)
    bind = octets(BIND_TX, 3, body=b"me\0wrong\0\0\x34\0\0\0")
    (request,) = session.receive_data(bind, 1.0)
    assert isinstance(request, RequestReceived)
    session.refuse_bind(request, 0x0E)
    assert sent(session) == [(BIND_TX | RESP, 0x0E, 3, b"")]
    (request,) = session.receive_data(bind, 2.0)
    assert isinstance(request, RequestReceived)
    session.accept_bind(request, "SMSC", ((0x0210, b"\x34"),))
    assert sent(session) == [(BIND_TX | RESP, 0, 3, b"SMSC\0\x02\x10\0\x01\x34")]
    assert session.state is BOUND_TX
    with pytest.raises(LocalProtocolError):
        session.accept_bind(request, "SMSC")
    with pytest.raises(LocalProtocolError):
        session.refuse_bind(request, 5)


def test_notifications_are_for_the_smsc_to_send() -> None:
    session = session_in(Role.SMSC, OPEN)
    session.notify(Outbind(system_id="smsc", password="secret"))
    assert [pdu[:3] for pdu in sent(session)] == [(OUTBIND, 0, 1)]
    session = session_in(Role.SMSC, BOUND_RX)
    session.notify(AlertNotification(source_addr="346"))
    assert [pdu[:3] for pdu in sent(session)] == [(ALERT, 0, 1)]
    with pytest.raises(LocalProtocolError):
        esme().notify(AlertNotification())


# ── timers ───────────────────────────────────────────────────────────────────────────────────


def test_silence_brings_an_enquire_link_and_more_silence_the_end() -> None:
    session = esme()
    assert session.deadline() == 20.0
    assert session.tick(19.9) == []
    assert session.data_to_send() == b""
    assert session.tick(20.0) == []
    assert [pdu[0] for pdu in sent(session)] == [ENQUIRE]
    assert session.deadline() == 30.0
    assert session.tick(29.9) == []
    assert session.data_to_send() == b""
    assert kinds(session.tick(30.0)) == [Closed]
    assert session.deadline() == float("inf")


def test_an_answered_enquire_link_starts_the_silence_anew() -> None:
    session = esme()
    session.tick(20.0)
    number = sent(session)[0][2]
    assert session.receive_data(octets(ENQUIRE | RESP, number), 21.0) == [Enquired(1.0)]
    assert session.deadline() == 41.0


def test_sending_proves_nothing_about_the_peer() -> None:
    session = esme()
    session.request(SubmitSm(), "m", 19.0)
    assert session.deadline() == 20.0
    session.tick(20.0)
    assert ENQUIRE in [pdu[0] for pdu in sent(session)]
    assert kinds(session.tick(30.0)) == [Unanswered, Closed]


def test_a_peer_that_still_sends_is_slow_and_not_gone() -> None:
    session = esme()
    session.tick(20.0)
    session.receive_data(octets(ENQUIRE, 1), 29.0)
    assert session.tick(30.0) == []
    assert kinds(session.tick(39.0)) == [Closed]


@pytest.mark.parametrize("state", [OPEN, BINDING, UNBINDING])
@pytest.mark.parametrize("role", Role)
def test_no_enquire_link_leaves_unless_bound(role: Role, state: SessionState) -> None:
    session = session_in(role, state, Limits(bind_timeout=0, unbind_timeout=0))
    session.tick(1e6)
    assert session.data_to_send() == b""


def test_an_unanswered_bind_ends_the_session() -> None:
    session = session_in(Role.ESME, BINDING)
    assert session.deadline() == 30.0
    assert kinds(session.tick(30.0)) == [Closed]


def test_an_smsc_does_not_wait_for_a_bind_for_ever() -> None:
    session = session_in(Role.SMSC, OPEN)
    assert kinds(session.tick(30.0)) == [Closed]
    assert session_in(Role.ESME, OPEN).deadline() == float("inf")


def test_half_a_pdu_and_then_silence_ends_the_session() -> None:
    session = esme()
    session.receive_data(octets(SUBMIT | RESP, 1, body=b"x" * 17)[:10], 1.0)
    assert session.deadline() == 11.0
    assert kinds(session.tick(11.0)) == [Closed]


def test_the_rest_of_a_pdu_stops_the_timer_and_another_beginning_starts_it_anew() -> None:
    session = esme()
    whole = octets(ENQUIRE, 1)
    session.receive_data(whole[:10], 1.0)
    session.receive_data(whole[10:], 2.0)
    assert session.deadline() == 22.0
    session.receive_data(whole[:10], 3.0)
    session.receive_data(whole[10:] + whole[:3], 9.0)
    assert session.tick(13.0) == []
    assert kinds(session.tick(19.0)) == [Closed]


def test_inactivity_counts_messages_and_not_enquire_links() -> None:
    session = esme(Limits(inactivity_timeout=100, enquire_link_interval=0))
    number = session.request(SubmitSm(), "m", 10.0)
    session.receive_data(octets(SUBMIT | RESP, number, body=b"x\0"), 20.0)
    session.receive_data(octets(ENQUIRE, 1), 90.0)
    assert session.deadline() == 120.0
    (closed,) = session.tick(120.0)
    assert isinstance(closed, Closed)
    assert "inactivity_timeout" in closed.reason


def test_zero_switches_a_timer_off() -> None:
    off = Limits(
        response_timeout=0,
        bind_timeout=0,
        enquire_link_interval=0,
        pdu_read_timeout=0,
        unbind_timeout=0,
    )
    session = esme(off)
    session.request(SubmitSm(), "m", 1.0)
    session.receive_data(b"\0\0", 1.0)
    assert session.deadline() == float("inf")
    assert session.tick(1e9) == []


# ── endings ──────────────────────────────────────────────────────────────────────────────────


def test_an_unbind_waits_for_its_answer_and_reads_on_meanwhile() -> None:
    session = esme()
    number = session.request(SubmitSm(), "m", 1.0)
    session.unbind(2.0)
    session.unbind(2.0)
    submit, unbind = sent(session)
    assert (submit[0], unbind[0], session.room) == (SUBMIT, UNBIND, 0)
    stream = octets(SUBMIT | RESP, number, body=b"x\0") + octets(UNBIND | RESP, unbind[2])
    events = session.receive_data(stream, 3.0)
    assert kinds(events) == [Answered, Closed]
    assert events[-1] == Closed("unbound", clean=True)


def test_an_unanswered_unbind_ends_after_its_time() -> None:
    session = esme()
    session.unbind(2.0)
    assert session.deadline() == 7.0
    (closed,) = session.tick(7.0)
    assert isinstance(closed, Closed)
    assert not closed.clean


def test_unbinding_what_is_not_bound_is_our_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="unbind"):
        session_in(Role.ESME, OPEN).unbind(0.0)
    session_in(Role.ESME, CLOSED).unbind(0.0)


def test_when_the_peer_unbinds_late_answers_still_count_until_it_closes() -> None:
    session = esme()
    numbers = [session.request(SubmitSm(), token, 1.0) for token in "ab"]
    assert kinds(session.receive_data(octets(UNBIND, 9), 2.0)) == [PeerUnbinding]
    assert [pdu[0] for pdu in sent(session)] == [SUBMIT, SUBMIT, UNBIND | RESP]
    assert session.room == 0
    answer = octets(SUBMIT | RESP, numbers[0], body=b"x\0")
    assert kinds(session.receive_data(answer, 3.0)) == [Answered]
    events = session.receive_eof(4.0)
    assert kinds(events) == [Unanswered, Closed]
    assert isinstance(events[-1], Closed)
    assert events[-1].clean


def test_a_peer_that_unbinds_and_does_not_close_is_left_after_its_time() -> None:
    session = esme()
    session.receive_data(octets(UNBIND, 9), 2.0)
    assert session.deadline() == 7.0
    (closed,) = session.tick(7.0)
    assert isinstance(closed, Closed)
    assert closed.clean


@pytest.mark.parametrize("state", [OPEN, BINDING, BOUND_TX, BOUND_RX, BOUND_TRX])
def test_a_peer_that_just_closes_is_not_clean(state: SessionState) -> None:
    (closed,) = session_in(Role.ESME, state).receive_eof(1.0)
    assert isinstance(closed, Closed)
    assert not closed.clean


def test_closing_in_the_middle_of_a_pdu_says_so() -> None:
    session = esme()
    session.receive_data(b"\0\0\0\x10\0", 1.0)
    (closed,) = session.receive_eof(1.0)
    assert isinstance(closed, Closed)
    assert "middle of a PDU" in closed.reason


def test_giving_up_reports_everything_outstanding_first_and_sends_none_of_it() -> None:
    session = esme()
    for token in "ab":
        session.request(SubmitSm(), token, 1.0)
    events = session.abort("the writer is stuck", 2.0)
    assert kinds(events) == [Unanswered, Unanswered, Closed]
    assert events[-1] == Closed("the writer is stuck", clean=False)
    assert session.data_to_send() == b""
    assert session.abort("again", 3.0) == []


# ── any stream ───────────────────────────────────────────────────────────────────────────────

WELL_FORMED = st.sampled_from(
    [
        octets(ENQUIRE, 4),
        octets(DELIVER, 5, body=SUBMIT_BODY),
        octets(DELIVER, 6, body=b"unreadable"),
        octets(SUBMIT | RESP, 2, body=b"first\0"),
        octets(SUBMIT | RESP, 3, 0x0B),
        octets(SUBMIT | RESP, 4, body=b"\xff" * 70),
        octets(0x00010200, 5),
        octets(NACK, 3, 3),
        octets(UNBIND, 8),
        octets(ENQUIRE | RESP, 2),
    ]
)


@given(st.lists(WELL_FORMED, max_size=8), st.binary(max_size=6), st.data())
@settings(max_examples=150)
def test_however_the_stream_is_cut_the_events_and_answers_are_the_same(
    pdus: list[bytes], rest: bytes, data: st.DataObject
) -> None:
    stream = b"".join(pdus) + rest
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=10))
    whole, cut = esme(), esme()
    for session in (whole, cut):
        for token in "abc":
            session.request(SubmitSm(), token, 1.0)
        session.data_to_send()
    events = whole.receive_data(stream, 2.0)
    places = [0, *sorted(cuts), len(stream)]
    pieces = [stream[start:stop] for start, stop in pairwise(places)]
    assert [event for piece in pieces for event in cut.receive_data(piece, 2.0)] == events
    assert cut.data_to_send() == whole.data_to_send()
    assert cut.state is whole.state


def test_one_octet_at_a_time_and_five_hundred_at_once_come_to_the_same() -> None:
    limits = Limits(window=500)
    slow, fast = esme(limits), esme(limits)
    for session in (slow, fast):
        for token in range(500):
            session.request(SubmitSm(), token, 1.0)
    stream = b"".join(octets(SUBMIT | RESP, 2 + token, body=b"id\0") for token in range(500))
    single = [event for octet in stream for event in slow.receive_data(bytes([octet]), 2.0)]
    assert single == fast.receive_data(stream, 2.0)
    assert len(single) == 500


ANY_PDU = st.builds(
    octets,
    st.one_of(st.sampled_from(sorted(CommandId)), st.integers(0, 0xFFFFFFFF)),
    st.one_of(st.integers(0, 6), st.integers(0, 0xFFFFFFFF)),
    st.one_of(st.just(0), st.integers(0, 0xFFFFFFFF)),
    st.binary(max_size=40),
)


@given(
    st.sampled_from(list(Role)),
    st.sampled_from(list(SessionState)),
    st.lists(st.one_of(ANY_PDU, st.binary(max_size=40)), max_size=6),
)
@settings(max_examples=300)
def test_nothing_the_peer_sends_raises(
    role: Role, state: SessionState, chunks: list[bytes]
) -> None:
    session = session_in(role, state)
    tokens = list(range(session.room))
    for token in tokens:
        pdu = SubmitSm() if role is Role.ESME else DeliverSm()
        session.request(pdu, token, 0.0)
    events = [event for chunk in chunks for event in session.receive_data(chunk, 1.0)]
    session.tick(50.0)
    events += session.receive_eof(60.0)
    assert [type(event) for event in events].count(Closed) <= 1
    if Closed in kinds(events):
        assert type(events[-1]) is Closed
    reported = [e.token for e in events if isinstance(e, Answered | Unanswered)]
    assert len(reported) == len(set(reported))
    assert session.state is CLOSED
