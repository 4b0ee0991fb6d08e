"""An ESME and an SMSC session talking to each other, with nothing between but octets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from smppd.smpp.pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DeliverSm,
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
    Oddity,
    PeerUnbinding,
    RequestReceived,
    Role,
    Session,
    SessionState,
    Unanswered,
)


@dataclass
class Side:
    """One session, the octets on their way to it, and everything it ever reported."""

    session: Session
    incoming: bytearray = field(default_factory=bytearray)
    events: list[Event] = field(default_factory=list)
    asked: list[RequestReceived] = field(default_factory=list)

    def take(self, events: list[Event]) -> None:
        self.events += events
        self.asked += [event for event in events if isinstance(event, RequestReceived)]

    def report(self) -> list[type]:
        """The kinds of events since the last look."""
        kinds = [type(event) for event in self.events]
        self.events.clear()
        return kinds


class Pair:
    """Both ends of a connection."""

    def __init__(self, limits: Limits) -> None:
        self.esme = Side(Session(Role.ESME, limits, 0.0))
        self.smsc = Side(Session(Role.SMSC, limits, 0.0))
        self.now = 0.0

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.esme, self.smsc

    def put_on_the_wire(self) -> None:
        self.smsc.incoming += self.esme.session.data_to_send()
        self.esme.incoming += self.smsc.session.data_to_send()

    def arrive(self, side: Side, count: int | None = None) -> None:
        """Some of what is on its way to this side arrives, or all of it."""
        data = bytes(side.incoming[:count])
        del side.incoming[: len(data)]
        side.take(side.session.receive_data(data, self.now))

    def exchange(self) -> None:
        """Until neither has anything to say."""
        self.put_on_the_wire()
        while self.esme.incoming or self.smsc.incoming:
            for side in self.sides:
                self.arrive(side)
            self.put_on_the_wire()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for side in self.sides:
            side.take(side.session.tick(self.now))

    def bind(self, request: Request) -> None:
        self.esme.session.bind(request, self.now)
        self.exchange()
        self.smsc.session.accept_bind(self.smsc.asked.pop(), "SMSC")
        self.exchange()


def bound_pair(request: Request, limits: Limits | None = None) -> Pair:
    pair = Pair(limits or Limits())
    pair.bind(request)
    for side in pair.sides:
        side.report()
    return pair


@pytest.mark.parametrize(
    ("request_pdu", "state", "submits", "delivers"),
    [
        (BindTransmitter(), SessionState.BOUND_TX, True, False),
        (BindReceiver(), SessionState.BOUND_RX, False, True),
        (BindTransceiver(), SessionState.BOUND_TRX, True, True),
    ],
)
def test_both_sides_agree_on_the_kind_of_bind(
    request_pdu: Request, state: SessionState, submits: bool, delivers: bool
) -> None:
    pair = Pair(Limits())
    pair.bind(request_pdu)
    esme, smsc = pair.sides
    assert esme.session.state is smsc.session.state is state
    assert esme.report() == [Bound]
    assert bool(esme.session.room) is submits
    assert bool(smsc.session.room) is delivers


def test_a_refused_bind_can_be_made_good_on_the_same_connection() -> None:
    pair = Pair(Limits())
    pair.esme.session.bind(BindTransceiver(password="wrong"), 0.0)
    pair.exchange()
    pair.smsc.session.refuse_bind(pair.smsc.asked.pop(), 0x0E)
    pair.exchange()
    assert pair.esme.report() == [BindRefused]
    pair.bind(BindTransceiver(password="right"))
    assert pair.esme.report() == [Bound]


def test_messages_and_answers_cross_in_both_directions() -> None:
    pair = bound_pair(BindTransceiver())
    esme, smsc = pair.sides
    esme.session.request(SubmitSm(short_message=b"out"), "out", 0.0)
    smsc.session.request(DeliverSm(short_message=b"in"), "in", 0.0)
    pair.exchange()
    assert [type(request.pdu) for request in smsc.asked] == [SubmitSm]
    assert [type(request.pdu) for request in esme.asked] == [DeliverSm]
    smsc.session.respond(smsc.asked.pop(), SubmitSmResp(message_id="1"))
    esme.session.respond(esme.asked.pop())
    pair.exchange()
    assert Answered("out", 0, SubmitSmResp(message_id="1"), 0.0) in esme.events
    assert [event.token for event in smsc.events if isinstance(event, Answered)] == ["in"]


def test_two_silent_sides_keep_each_other_alive() -> None:
    pair = bound_pair(BindTransceiver(), Limits(enquire_link_interval=30))
    for _ in range(20):
        pair.pass_time(30)
        pair.exchange()
    assert pair.esme.report() == pair.smsc.report() == [Enquired] * 20


ASKED, ASKING = [PeerUnbinding, Closed], [Closed]


@pytest.mark.parametrize(
    ("esme_begins", "smsc_begins", "esme_reports", "smsc_reports"),
    [
        (True, False, ASKING, ASKED),
        (False, True, ASKED, ASKING),
        (True, True, ASKING, ASKING),
    ],
)
def test_an_unbind_ends_both_sides_cleanly_whoever_begins(
    esme_begins: bool, smsc_begins: bool, esme_reports: list[type], smsc_reports: list[type]
) -> None:
    pair = bound_pair(BindTransceiver())
    for side, begins in zip(pair.sides, (esme_begins, smsc_begins), strict=True):
        if begins:
            side.session.unbind(0.0)
    pair.exchange()
    for side in pair.sides:
        side.take(side.session.receive_eof(0.0))
    closed = [side.events[-1] for side in pair.sides]
    assert all(isinstance(event, Closed) and event.clean for event in closed)
    assert [side.report() for side in pair.sides] == [esme_reports, smsc_reports]


def test_requests_that_cross_an_unbind_are_still_answered() -> None:
    pair = bound_pair(BindTransceiver())
    esme, smsc = pair.sides
    esme.session.request(SubmitSm(), "crossing", 0.0)
    smsc.session.unbind(0.0)
    pair.put_on_the_wire()
    pair.arrive(smsc)
    smsc.session.respond(smsc.asked.pop(), SubmitSmResp(message_id="7"))
    pair.exchange()
    assert esme.report() == [PeerUnbinding, Answered]


class TwoSessions(RuleBasedStateMachine):
    """Everything two well-behaved sides can do, with octets arriving in any portions."""

    @initialize(
        kind=st.sampled_from([BindTransmitter, BindReceiver, BindTransceiver]),
        window=st.integers(1, 4),
        first_sequence_number=st.sampled_from([1, 0x7FFFFFFE]),
    )
    def begin(
        self,
        kind: type[BindTransmitter | BindReceiver | BindTransceiver],
        window: int,
        first_sequence_number: int,
    ) -> None:
        limits = Limits(window=window, first_sequence_number=first_sequence_number)
        self.pair = bound_pair(kind(), limits)
        self.tokens: dict[str, int] = {"ESME": 0, "SMSC": 0}

    def _request(self, side: Side, pdu: Request) -> None:
        name = side.session.role.value
        if side.session.room:
            side.session.request(pdu, self.tokens[name], self.pair.now)
            self.tokens[name] += 1

    @rule()
    def submit(self) -> None:
        self._request(self.pair.esme, SubmitSm(short_message=b"a text"))

    @rule()
    def deliver(self) -> None:
        self._request(self.pair.smsc, DeliverSm(short_message=b"a receipt"))

    @rule(which=st.integers(0, 1), at=st.integers(0, 3), status=st.sampled_from([0, 8, 0x58]))
    def respond(self, which: int, at: int, status: int) -> None:
        side = self.pair.sides[which]
        if side.asked:
            side.session.respond(side.asked.pop(at % len(side.asked)), status=status)

    @rule()
    def write(self) -> None:
        self.pair.put_on_the_wire()

    @rule(which=st.integers(0, 1), count=st.one_of(st.none(), st.integers(1, 40)))
    def read(self, which: int, count: int | None) -> None:
        self.pair.arrive(self.pair.sides[which], count)

    @rule(seconds=st.sampled_from([0.0, 1.0, 31.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.pair.exchange()
        self.pair.pass_time(seconds)

    @rule(which=st.integers(0, 1))
    def unbind(self, which: int) -> None:
        self.pair.sides[which].session.unbind(self.pair.now)

    @precondition(lambda self: hasattr(self, "pair"))
    @invariant()
    def windows_hold_and_nobody_finds_the_other_odd(self) -> None:
        for side in self.pair.sides:
            session = side.session
            assert 0 <= session.in_flight <= session.limits.window
            assert 0 <= session.room <= session.limits.window
            assert not any(isinstance(event, Oddity) for event in side.events)

    def teardown(self) -> None:
        if not hasattr(self, "pair"):
            return
        for side in self.pair.sides:
            side.take(side.session.abort("the end", self.pair.now))
            sent = self.tokens[side.session.role.value]
            kinds = (Answered, Unanswered)
            reports = Counter(e.token for e in side.events if isinstance(e, kinds))
            assert reports == Counter(range(sent))
            lost = {e.token for e in side.events if isinstance(e, Unanswered)}
            late = [e.token for e in side.events if isinstance(e, AnsweredLate)]
            assert len(late) == len(set(late))
            assert set(late) <= lost
            assert type(side.events[-1]) is Closed


TestTwoSessions = TwoSessions.TestCase
TestTwoSessions.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
