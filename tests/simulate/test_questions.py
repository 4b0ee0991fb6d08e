"""The simulated SMSC is asked about messages it took: it tells the truth, or what its script says."""

from __future__ import annotations

from typing import Any

import pytest

from smppd.simulate.archive import Archive, Kept
from smppd.simulate.centre import MessageCentre
from smppd.simulate.reading import ScriptError, make_script
from smppd.smpp.pdu import BindTransceiver, CancelSm, DeliverSm, QuerySm, Request, SubmitSm
from smppd.smpp.pdu_message import QuerySmResp, SubmitSmResp
from smppd.smpp.session import Answered, Event, Limits, RequestReceived, Role, Session
from smppd.smpp.vocabulary import MessageState

NOON = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
RINVSCHED, RCANCELFAIL, RQUERYFAIL, RSYSERR = 0x61, 0x11, 0x67, 0x08


class Talk:
    """One ESME, bound to a centre with this script; its clock stands at `now`."""

    def __init__(self, **sections: Any) -> None:
        self.now = 0.0
        self.centre = MessageCentre(make_script(sections, "test"), lambda: NOON + self.now)
        self._session = Session(Role.ESME, Limits(window=100, response_timeout=0), 0.0)
        self._connection = self.centre.connect(0.0)
        self.receipts: list[DeliverSm] = []
        self.answers: list[Answered] = []
        self._session.bind(BindTransceiver(system_id="me"), 0.0)
        self._exchange()

    def _exchange(self) -> None:
        for _ in range(5):
            if octets := self._session.data_to_send():
                self.centre.receive(self._connection, octets, self.now)
            octets = self._connection.session.data_to_send()
            for event in self._session.receive_data(octets, self.now):
                self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, Answered):
            self.answers.append(event)
        elif isinstance(event, RequestReceived) and isinstance(event.pdu, DeliverSm):
            self.receipts.append(event.pdu)
            self._session.respond(event)

    def ask(self, pdu: Request) -> Answered | None:
        """The answer, if one comes at once."""
        before = len(self.answers)
        self._session.request(pdu, None, self.now)
        self._exchange()
        return self.answers[before] if len(self.answers) > before else None

    def submit(self, *, receipt: int = 1, at: str = "") -> str:
        """The message_id of one more message."""
        message = SubmitSm(
            source_addr="ACME",
            destination_addr="34600000001",
            registered_delivery=receipt,
            schedule_delivery_time=at,
        )
        answer = self.ask(message)
        assert answer is not None
        assert isinstance(answer.pdu, SubmitSmResp), answer.status
        return answer.pdu.message_id

    def query(self, message_id: str, source: str = "ACME") -> MessageState | int:
        """The state that it tells; a status if it refuses."""
        answer = self.ask(QuerySm(message_id=message_id, source_addr=source))
        assert answer is not None
        if answer.status:
            return -answer.status
        assert isinstance(answer.pdu, QuerySmResp)
        assert answer.pdu.message_id == message_id
        return MessageState(answer.pdu.message_state)

    def cancel(self, message_id: str, source: str = "ACME") -> int:
        answer = self.ask(CancelSm(message_id=message_id, source_addr=source))
        assert answer is not None
        return answer.status

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.centre.advance(self.now)
        self._exchange()


def test_it_knows_where_each_message_is() -> None:
    talk = Talk(receipt={"delay": 10.0, "states": {"UNDELIV": 1.0}})
    name = talk.submit()
    assert talk.query(name) == MessageState.ENROUTE
    talk.wait(11)
    assert talk.query(name) == MessageState.UNDELIVERABLE
    assert len(talk.receipts) == 1
    assert talk.centre.tally.queries == 2


def test_it_knows_without_ever_sending_a_receipt() -> None:
    talk = Talk(receipt={"on": False})
    assert talk.query(talk.submit(receipt=0)) == MessageState.DELIVERED
    assert not talk.receipts


def test_nobody_is_told_of_what_is_not_his() -> None:
    talk = Talk()
    name = talk.submit()
    assert talk.query("99") == -RQUERYFAIL
    assert talk.query(name, source="OTHER") == -RQUERYFAIL
    assert talk.cancel(name, source="OTHER") == RCANCELFAIL


def test_it_holds_a_message_until_its_time_and_lets_it_be_cancelled() -> None:
    talk = Talk()
    kept, gone = talk.submit(at="000000010000000R"), talk.submit(at="231114231320000+")
    assert talk.query(kept) == talk.query(gone) == MessageState.SCHEDULED
    assert talk.cancel(gone) == 0
    assert talk.cancel(gone) == RCANCELFAIL
    talk.wait(3601)
    assert talk.query(kept) == MessageState.DELIVERED
    assert talk.query(gone) == MessageState.DELETED
    assert len(talk.receipts) == 1
    assert talk.cancel(kept) == RCANCELFAIL
    assert talk.centre.tally.cancelled == 1


def test_a_time_that_nobody_can_read_is_refused() -> None:
    answer = Talk().ask(SubmitSm(destination_addr="1", schedule_delivery_time="999999999999000+"))
    assert answer is not None
    assert answer.status == RINVSCHED


def test_it_refuses_or_says_nothing_when_told_to() -> None:
    talk = Talk(question={"query_status": RSYSERR, "cancel_status": "ESME_RSYSERR"})
    name = talk.submit()
    assert talk.query(name) == -RSYSERR
    assert talk.cancel(name) == RSYSERR
    silent = Talk(question={"swallow": 1.0})
    assert silent.ask(QuerySm(message_id=silent.submit(), source_addr="ACME")) is None
    with pytest.raises(ScriptError, match="query_status"):
        make_script({"question": {"query_status": "no"}}, "test")


def test_it_answers_no_faster_than_anything_else() -> None:
    talk = Talk(answer={"latency": 0.5})
    assert talk.ask(QuerySm(message_id="1", source_addr="ACME")) is None
    talk.wait(0.6)
    assert [answer.status for answer in talk.answers] == [RQUERYFAIL]


def test_memory_is_bounded() -> None:
    talk = Talk(question={"remember": 2})
    first, _, last = talk.submit(), talk.submit(), talk.submit()
    assert talk.query(first) == -RQUERYFAIL
    assert talk.query(last) == MessageState.DELIVERED


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("", 0.0),
        ("231114221330000+", 10.0),
        ("231114231330004+", 10.0),
        ("231114211330004-", 10.0),
        ("231114221320500+", 0.5),
        ("231114000000000+", 0.0),
        ("000001020304000R", 86_400.0 + 7_384.0),
        ("000000000000000X", None),
        ("soon", None),
    ],
)
def test_times_are_absolute_or_relative(moment: str, seconds: float | None) -> None:
    assert Archive(10, lambda: NOON).seconds_until(moment) == pytest.approx(seconds)


def test_an_archive_of_nothing_keeps_nothing() -> None:
    archive = Archive(0, lambda: NOON)
    archive.keep("1", Kept("ACME", 0.0, 0.0, "DELIVRD"))
    assert len(archive) == 0
