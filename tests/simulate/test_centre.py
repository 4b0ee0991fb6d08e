"""The simulated message centre against a session in the ESME role, without network or clock."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

import pytest

from smppd.simulate.accounts import Connection
from smppd.simulate.centre import MessageCentre
from smppd.simulate.reading import make_script
from smppd.simulate.tally import Tally
from smppd.smpp.pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DataSm,
    DataSmResp,
    DeliverSm,
    QuerySm,
    Request,
    SmeAddress,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
)
from smppd.smpp.receipt import DeliveryReceipt, ReceiptReader
from smppd.smpp.segments import Segment, read_user_data
from smppd.smpp.session import (
    Answered,
    AnsweredLate,
    BindRefused,
    Bound,
    Closed,
    Event,
    Limits,
    RequestReceived,
    Role,
    Session,
    SessionState,
    Unanswered,
)
from smppd.smpp.vocabulary import MessageState, TlvTag

NOON = 1_700_000_000.0


def centre(**sections: Any) -> MessageCentre:
    return MessageCentre(make_script(sections, "test"), wall_clock=lambda: NOON)


class Esme:
    """One connection of an ESME to a centre. `acknowledges`: the status of its answers; None
    leaves deliver_sm unanswered."""

    def __init__(
        self, smsc: MessageCentre, now: float = 0.0, *, acknowledges: int | None = 0
    ) -> None:
        self.smsc = smsc
        self.session = Session(Role.ESME, Limits(window=10_000, response_timeout=0), now)
        self.connection: Connection = smsc.connect(now)
        self.events: list[Event] = []
        self.acknowledges = acknowledges

    def exchange(self, now: float) -> None:
        """Both ways, until neither has anything to say."""
        while True:
            quiet = True
            if octets := self.session.data_to_send():
                self.smsc.receive(self.connection, octets, now)
                quiet = False
            if not self.connection.dropped and (octets := self.connection.session.data_to_send()):
                self._take(self.session.receive_data(octets, now))
                quiet = False
            if quiet:
                return

    def _take(self, events: list[Event]) -> None:
        self.events += events
        for event in events:
            if isinstance(event, RequestReceived) and self.acknowledges is not None:
                self.session.respond(event, status=self.acknowledges)

    def bind(self, request: Request | None = None, now: float = 0.0) -> Esme:
        self.session.bind(request or BindTransceiver(system_id="me"), now)
        self.exchange(now)
        return self

    def submit(self, *texts: str, receipt: int = 1, now: float = 0.0) -> None:
        for text in texts:
            message = SubmitSm(
                source_addr_ton=5,
                source_addr="ACME",
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr="34600000001",
                short_message=text.encode(),
                registered_delivery=receipt,
            )
            self.session.request(message, text, now)
        self.exchange(now)

    def state(self) -> SessionState:
        return self.session.state

    def hang_up(self, now: float = 0.0) -> None:
        self.smsc.receive(self.connection, b"", now)

    @property
    def answers(self) -> dict[Any, int]:
        return {e.token: e.status for e in self.events if isinstance(e, Answered)}

    @property
    def message_ids(self) -> list[str]:
        pdus = [e.pdu for e in self.events if isinstance(e, Answered)]
        return [pdu.message_id for pdu in pdus if isinstance(pdu, SubmitSmResp)]

    @property
    def delivered(self) -> list[DeliverSm]:
        pdus = [e.pdu for e in self.events if isinstance(e, RequestReceived)]
        return [pdu for pdu in pdus if isinstance(pdu, DeliverSm)]

    @property
    def receipts(self) -> list[DeliveryReceipt]:
        read = [ReceiptReader().read(pdu) for pdu in self.delivered]
        assert None not in read
        return [receipt for receipt in read if receipt]


def esme(smsc: MessageCentre) -> Esme:
    return Esme(smsc).bind()


def pass_time(smsc: MessageCentre, now: float, *esmes: Esme) -> None:
    smsc.advance(now)
    for each in esmes:
        each.exchange(now)


def names(count: int) -> list[str]:
    return [f"message {number}" for number in range(count)]


# ── messages and receipts ────────────────────────────────────────────────────────────────────


def test_a_message_is_answered_with_an_id_and_receipted_under_it() -> None:
    peer = esme(centre())
    peer.submit("Hola")
    assert peer.message_ids == ["1000000001"]
    (pdu,) = peer.delivered
    assert pdu.short_message == (
        b"id:1000000001 sub:001 dlvrd:001 submit date:2311142213 done date:2311142213 "
        b"stat:DELIVRD err:000 text:Hola"
    )
    assert (pdu.source_addr, pdu.dest_addr_ton, pdu.esm_class) == ("34600000001", 5, 4)
    assert (pdu.source_addr_ton, pdu.source_addr_npi, pdu.destination_addr) == (1, 1, "ACME")
    counts = peer.smsc.tally.receipts
    assert (counts.made, counts.sent, counts.acknowledged, counts.again) == (1, 1, 1, 0)


def test_only_what_registered_delivery_asks_for_comes() -> None:
    peer = esme(centre(receipt={"states": {"UNDELIV": 0.5}}))
    for asked in (0, 1, 2, 3, 0x10):
        peer.submit(*(f"{asked} {name}" for name in names(100)), receipt=asked)
    states = Counter((text_of(pdu)[0], read.state) for pdu, read in zip_receipts(peer))
    assert {asked for asked, _ in states} == {"1", "2", "3"}
    assert states["2", MessageState.DELIVERED] == states["3", MessageState.UNDELIVERABLE] == 0
    assert states["1", MessageState.DELIVERED] + states["1", MessageState.UNDELIVERABLE] == 100


def text_of(pdu: DeliverSm) -> str:
    return pdu.short_message.split(b"text:")[1].decode()


def zip_receipts(peer: Esme) -> list[tuple[DeliverSm, DeliveryReceipt]]:
    return list(zip(peer.delivered, peer.receipts, strict=True))


@pytest.mark.parametrize("form", ["standard", "lower", "no_text", "tlv", "text_and_tlv"])
@pytest.mark.parametrize("word", ["DELIVRD", "UNDELIV", "REJECTD", "EXPIRED", "DELETED"])
def test_each_form_of_receipt_says_the_same(form: str, word: str) -> None:
    peer = esme(centre(receipt={"form": form, "states": {word: 1.0}}))
    peer.submit("Hola")
    (receipt,) = peer.receipts
    states = {
        "DELIVRD": MessageState.DELIVERED,
        "UNDELIV": MessageState.UNDELIVERABLE,
        "REJECTD": MessageState.REJECTED,
        "EXPIRED": MessageState.EXPIRED,
        "DELETED": MessageState.DELETED,
    }
    assert (receipt.message_id, receipt.state) == (peer.message_ids[0], states[word])
    (pdu,) = peer.delivered
    text = pdu.short_message
    assert bool(text) is (form != "tlv")
    assert bool(pdu.tlv(TlvTag.RECEIPTED_MESSAGE_ID)) is (form in ("tlv", "text_and_tlv"))
    assert (b"stat:" + word.encode() in text) is (form not in ("tlv", "lower"))
    assert (b"text:" in text) is (form not in ("tlv", "no_text"))


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("decimal", "2748"),
        ("hex", "abc"),
        ("hex_upper", "ABC"),
        ("padded", "00000000000000002748"),
    ],
)
def test_ids_are_written_as_asked_for_in_answer_and_receipt(form: str, written: str) -> None:
    same = esme(centre(first_id=2748, answer={"id_form": form}))
    same.submit("Hola")
    assert (same.message_ids, same.receipts[0].message_id) == ([written], written)
    other = esme(centre(first_id=2748, receipt={"id_form": form}))
    other.submit("Hola")
    assert (other.message_ids, other.receipts[0].message_id) == (["2748"], written)


def test_uuids_are_uuids_and_never_twice_the_same() -> None:
    peer = esme(centre(answer={"id_form": "uuid"}))
    peer.submit(*names(500))
    assert len({uuid.UUID(written) for written in peer.message_ids}) == 500
    assert [receipt.message_id for receipt in peer.receipts] == peer.message_ids


def test_receipts_come_after_their_delay_and_states_on_the_way_before_them() -> None:
    smsc = centre(receipt={"delay": 9, "intermediate": ["ENROUTE", "ACCEPTD"]})
    peer = esme(smsc)
    peer.submit("Hola", now=1.0)
    assert peer.delivered == []
    for now, count in ((3.9, 0), (4.0, 1), (7.0, 2), (9.9, 2), (10.0, 3)):
        pass_time(smsc, now, peer)
        assert len(peer.delivered) == count
    assert [receipt.state for receipt in peer.receipts] == [
        MessageState.ENROUTE,
        MessageState.ACCEPTED,
        MessageState.DELIVERED,
    ]
    assert [pdu.esm_class for pdu in peer.delivered] == [0x20, 0x20, 4]


def test_shares_are_kept_and_one_seed_makes_one_run() -> None:
    def run(seed: int) -> list[MessageState | None]:
        peer = esme(centre(seed=seed, receipt={"states": {"UNDELIV": 0.2, "EXPIRED": 0.1}}))
        peer.submit(*names(2000))
        return [receipt.state for receipt in peer.receipts]

    first, again, other = run(1), run(1), run(2)
    assert first == again != other
    counts = Counter(first)
    assert 320 < counts[MessageState.UNDELIVERABLE] < 480
    assert 140 < counts[MessageState.EXPIRED] < 260
    assert sum(counts.values()) == 2000


@pytest.mark.parametrize(("receipt", "count"), [("never", 0), ("duplicate", 2)])
def test_receipts_may_never_come_or_come_twice(receipt: str, count: int) -> None:
    peer = esme(centre(receipt={receipt: 1.0}))
    peer.submit("Hola")
    assert len(peer.receipts) == count


def test_a_receipt_may_overtake_its_answer() -> None:
    smsc = centre(receipt={"before_answer": 1.0, "overtake_by": 0.5, "delay": 60})
    peer = esme(smsc)
    peer.submit("Hola")
    assert (len(peer.receipts), peer.answers) == (1, {})
    pass_time(smsc, 0.5, peer)
    assert peer.message_ids == [peer.receipts[0].message_id]


def test_a_receipt_may_come_on_another_bind() -> None:
    smsc = centre(receipt={"another_bind": True})
    one = esme(smsc)
    one.submit("alone")
    assert len(one.receipts) == 1
    other = esme(smsc)
    one.submit("in company")
    other.exchange(0.0)
    assert [text_of(pdu) for pdu in other.delivered] == ["in company"]
    assert len(one.receipts) == 1


def test_another_bind_that_is_gone_does_not_count() -> None:
    smsc = centre(receipt={"another_bind": True})
    one, gone = esme(smsc), esme(smsc)
    gone.hang_up()
    one.submit("Hola")
    assert len(one.receipts) == 1


def test_a_transmitters_receipts_come_on_the_accounts_receiver_only() -> None:
    smsc = centre()
    transmitter = Esme(smsc).bind(BindTransmitter(system_id="me"))
    transmitter.submit("Hola")
    stranger = Esme(smsc).bind(BindReceiver(system_id="somebody else"))
    receiver = Esme(smsc).bind(BindReceiver(system_id="me"))
    for each in (transmitter, stranger, receiver):
        each.exchange(0.0)
    assert [len(each.delivered) for each in (transmitter, stranger, receiver)] == [0, 0, 1]


def test_data_sm_is_taken_like_submit_sm() -> None:
    peer = esme(centre())
    message = DataSm(
        source_addr="ACME",
        destination_addr="346",
        registered_delivery=1,
        tlvs=((TlvTag.MESSAGE_PAYLOAD, b"Hola"),),
    )
    peer.session.request(message, "data", 0.0)
    peer.exchange(0.0)
    answer = Answered("data", 0, DataSmResp(message_id="1000000001"), 0.0)
    assert answer in peer.events
    assert text_of(peer.delivered[0]) == "Hola"


def test_other_requests_get_an_answer_too() -> None:
    peer = esme(centre())
    peer.session.request(QuerySm(message_id="1"), "query", 0.0)
    several = SubmitMulti(dest_address=(SmeAddress(destination_addr="346"),))
    peer.session.request(several, "several", 0.0)
    peer.exchange(0.0)
    assert peer.answers == {"query": 0x67, "several": 0}


# ── store and forward ────────────────────────────────────────────────────────────────────────


def test_receipts_without_an_acknowledgement_come_again_on_the_next_bind_in_order() -> None:
    smsc = centre(receipt={"window": 3})
    killed = Esme(smsc, acknowledges=None).bind()
    killed.submit(*names(5))
    assert [text_of(pdu) for pdu in killed.delivered] == names(3)
    killed.hang_up()
    peer = esme(smsc)
    assert [text_of(pdu) for pdu in peer.delivered] == names(5)
    counts = smsc.tally.receipts
    assert (counts.made, counts.sent, counts.again, counts.acknowledged) == (5, 8, 3, 5)
    assert esme(smsc).delivered == []


def test_receipts_wait_for_an_account_that_is_away() -> None:
    smsc = centre(receipt={"delay": 1})
    killed = esme(smsc)
    killed.submit(*names(3))
    killed.hang_up()
    smsc.advance(2.0)
    assert len(esme(smsc).receipts) == 3


def test_a_receipt_without_an_answer_in_time_is_sent_again() -> None:
    smsc = centre(receipt={"answer_timeout": 5})
    peer = Esme(smsc, acknowledges=None).bind()
    peer.submit("Hola")
    pass_time(smsc, 4.0, peer)
    assert len(peer.delivered) == 1
    peer.acknowledges = 0
    pass_time(smsc, 5.0, peer)
    assert len(peer.delivered) == 2
    pass_time(smsc, 15.0, peer)
    assert len(peer.delivered) == 2


def test_a_receipt_refused_for_now_is_sent_again_and_one_refused_for_good_is_not() -> None:
    smsc = centre(receipt={"retry": 2})
    peer = Esme(smsc, acknowledges=0x64).bind()
    peer.submit("not now")
    pass_time(smsc, 1.9, peer)
    assert len(peer.delivered) == 1
    pass_time(smsc, 2.0, peer)
    assert len(peer.delivered) == 2
    peer.acknowledges = 0x65
    pass_time(smsc, 4.0, peer)
    pass_time(smsc, 60.0, peer)
    assert len(peer.delivered) == 3
    assert smsc.tally.receipts.refused == 1


def test_an_unbound_peer_leaves_its_receipts_for_the_next_bind() -> None:
    smsc = centre(receipt={"delay": 1})
    peer = esme(smsc)
    peer.submit("Hola")
    peer.session.unbind(0.0)
    peer.exchange(0.0)
    peer.hang_up()
    smsc.advance(1.0)
    assert smsc.tally.unbinds == 1
    assert len(esme(smsc).receipts) == 1


# ── answers ──────────────────────────────────────────────────────────────────────────────────


def test_answers_come_after_their_latency() -> None:
    smsc = centre(answer={"latency": 0.5}, receipt={"on": False})
    peer = esme(smsc)
    peer.submit(*names(3))
    pass_time(smsc, 0.4, peer)
    assert peer.answers == {}
    assert smsc.next_due() == pytest.approx(0.5)
    pass_time(smsc, 0.5, peer)
    assert list(peer.answers) == names(3)


def test_jitter_brings_answers_out_of_order() -> None:
    smsc = centre(answer={"jitter": 1})
    peer = esme(smsc)
    peer.submit(*names(50))
    for tenth in range(11):
        pass_time(smsc, tenth / 10, peer)
    assert sorted(peer.answers) == sorted(names(50)) != list(peer.answers)


def test_statuses_come_in_their_share_and_what_is_refused_has_no_receipt() -> None:
    peer = esme(centre(answer={"status": {"0x58": 0.2, "ESME_RSYSERR": 0.1}}))
    peer.submit(*names(2000))
    counts = Counter(peer.answers.values())
    assert 320 < counts[0x58] < 480
    assert 140 < counts[8] < 260
    assert len(peer.receipts) == counts[0] == 2000 - counts[8] - counts[0x58]


def test_above_its_rate_an_account_is_throttled() -> None:
    smsc = centre(answer={"rate": 20})
    peer, other = esme(smsc), Esme(smsc).bind(BindTransceiver(system_id="other"))
    peer.submit(*names(30))
    assert Counter(peer.answers.values()) == {0: 20, 0x58: 10}
    other.submit("of another account")
    assert other.answers == {"of another account": 0}
    peer.submit("later", now=0.1)
    assert peer.answers["later"] == 0


def test_a_swallowed_message_is_taken_and_receipted_but_not_answered() -> None:
    smsc = centre(answer={"swallow": 1.0})
    peer = esme(smsc)
    peer.submit("Hola")
    assert (peer.answers, len(peer.receipts)) == ({}, 1)
    assert (smsc.tally.accepted, smsc.tally.swallowed, smsc.tally.answers) == (1, 1, {})


def test_an_answer_may_come_too_late() -> None:
    smsc = centre(answer={"late": 1.0, "late_by": 5})
    peer = Esme(smsc)
    peer.session = Session(Role.ESME, Limits(response_timeout=3), 0.0)
    peer.bind().submit("Hola", receipt=0)
    peer.events += peer.session.tick(3.0)
    pass_time(smsc, 5.0, peer)
    kinds = [type(event) for event in peer.events]
    assert kinds == [Bound, Unanswered, AnsweredLate]


def test_addresses_that_fit_no_receipt_are_refused() -> None:
    peer = esme(centre())
    for token, source, destination in (
        ("to", "1", ""),
        ("from", "1" * 21, "1"),
        ("2", "1", "1" * 21),
    ):
        message = DataSm(source_addr=source, destination_addr=destination, registered_delivery=1)
        peer.session.request(message, token, 0.0)
    peer.exchange(0.0)
    assert peer.answers == {"to": 0x0B, "from": 0x0A, "2": 0x0B}


# ── binds ────────────────────────────────────────────────────────────────────────────────────


def test_the_first_binds_are_refused_as_told() -> None:
    smsc = centre(bind={"refuse_first": 2, "refuse_status": "ESME_RALYBND"})
    tries = [Esme(smsc).bind().events[0] for _ in range(3)]
    assert [getattr(event, "status", 0) for event in tries] == [5, 5, 0]
    assert [type(event) for event in tries] == [BindRefused, BindRefused, Bound]
    assert (smsc.tally.bind_refusals, smsc.tally.binds) == (2, 1)


@pytest.mark.parametrize(
    ("system_id", "password", "status"),
    [("acme", "secret", 0), ("acme", "wrong", 0x0E), ("other", "secret", 0x0F)],
)
def test_credentials_are_checked_where_given(system_id: str, password: str, status: int) -> None:
    smsc = centre(system_id="acme", password="secret")
    peer = Esme(smsc).bind(BindTransceiver(system_id=system_id, password=password))
    assert getattr(peer.events[0], "status", 0) == status


def test_an_account_has_only_so_many_binds_at_once() -> None:
    smsc = centre(bind={"most": 1})
    first = esme(smsc)
    assert isinstance(esme(smsc).events[0], BindRefused)
    first.hang_up()
    assert isinstance(esme(smsc).events[0], Bound)


def test_a_bind_may_take_its_time() -> None:
    smsc = centre(bind={"latency": 20})
    peer = esme(smsc)
    pass_time(smsc, 19.9, peer)
    assert peer.state() is SessionState.BINDING
    pass_time(smsc, 20.0, peer)
    assert peer.state() is SessionState.BOUND_TRX


def test_a_peer_that_left_before_its_bind_was_answered_is_no_trouble() -> None:
    smsc = centre(bind={"latency": 20})
    esme(smsc).hang_up()
    smsc.advance(20.0)
    assert smsc.tally.binds == 0


# ── handsets ─────────────────────────────────────────────────────────────────────────────────


def test_handsets_messages_wait_for_a_receiver_and_all_come() -> None:
    smsc = centre(mo={"count": 3, "text": "MO {n}"})
    assert Esme(smsc).bind(BindTransmitter(system_id="me")).delivered == []
    receiver = Esme(smsc).bind(BindReceiver(system_id="me"))
    assert [pdu.short_message for pdu in receiver.delivered] == [b"MO 1", b"MO 2", b"MO 3"]
    assert ReceiptReader().read(receiver.delivered[0]) is None
    assert (smsc.tally.mo.acknowledged, smsc.tally.receipts.made) == (3, 0)


@pytest.mark.parametrize("split", ["udh8", "udh16", "sar"])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_handsets_long_message_comes_in_parts(split: str, backwards: bool) -> None:
    text = "{n}" + "x" * 320
    smsc = centre(mo={"count": 2, "text": text, "split": split, "backwards": backwards})
    peer = esme(smsc)
    told = [read_user_data(pdu) for pdu in peer.delivered]
    segments = [user_data.segment for user_data in told]
    order = (3, 2, 1) if backwards else (1, 2, 3)
    assert segments == [Segment(split, n, 3, part) for n in (1, 2) for part in order]  # type: ignore[arg-type]
    texts = [user_data.octets.decode() for user_data in told]
    assert [text[:2] for text in texts[:3]] == (
        ["xx", "xx", "1x"] if backwards else ["1x", "xx", "xx"]
    )
    assert sum(map(len, texts)) == 2 * 321
    assert smsc.tally.mo.acknowledged == 6


def test_parts_of_a_handsets_message_may_get_lost() -> None:
    smsc = centre(mo={"count": 50, "text": "x" * 200, "lose_parts": 0.5})
    assert 20 < len(esme(smsc).delivered) < 80


def test_handsets_messages_come_at_their_rate() -> None:
    smsc = centre(mo={"rate": 2, "count": 3})
    peer = esme(smsc)
    counts = []
    for half in range(5):
        pass_time(smsc, half / 2, peer)
        counts.append(len(peer.delivered))
    assert counts == [1, 2, 3, 3, 3]


# ── breaking ─────────────────────────────────────────────────────────────────────────────────


def test_a_connection_is_dropped_after_so_many_submits() -> None:
    smsc = centre(connection={"drop_after": 3, "drop_times": 1})
    peer = esme(smsc)
    peer.submit(*names(5))
    assert peer.connection.over
    assert peer.connection.dropped
    assert (peer.answers, peer.delivered) == ({}, [])
    assert (smsc.tally.accepted, smsc.tally.connections_dropped) == (3, 1)
    again = esme(smsc)
    assert [text_of(pdu) for pdu in again.delivered] == names(3)
    again.submit(*names(9))
    assert not again.connection.over


def test_acknowledgements_behind_the_dropping_submit_still_count() -> None:
    smsc = centre(connection={"drop_after": 2, "drop_times": 1})
    peer = esme(smsc)
    peer.acknowledges = None
    peer.submit("first")
    (delivered,) = [event for event in peer.events if isinstance(event, RequestReceived)]
    submit = SubmitSm(destination_addr="346", short_message=b"second")
    peer.session.request(submit, "second", 0.0)
    octets = peer.session.data_to_send()
    peer.session.respond(delivered)
    smsc.receive(peer.connection, octets + peer.session.data_to_send(), 0.0)
    assert peer.connection.dropped
    assert smsc.tally.receipts.acknowledged == 1
    assert esme(smsc).delivered == []


def test_a_share_of_submits_drops_the_connection() -> None:
    smsc = centre(connection={"drop_share": 0.01})
    for _ in range(5):
        esme(smsc).submit(*names(2000))
    assert smsc.tally.connections_dropped == 5


def test_a_deaf_connection_takes_nothing_and_says_nothing_and_its_receipts_go_elsewhere() -> None:
    smsc = centre(connection={"half_open_after": 2})
    peer = Esme(smsc, acknowledges=None).bind()
    peer.submit("first")
    peer.submit("second")
    assert peer.connection.deaf
    assert peer.answers == {"first": 0}
    smsc.receive(peer.connection, peer.session.data_to_send(), 1.0)
    assert smsc.tally.connections_deaf == 1
    again = esme(smsc)
    again.submit(*names(5))
    assert [text_of(pdu) for pdu in again.delivered] == ["first", "second", *names(5)]


def test_a_peer_that_falls_silent_is_asked_and_then_left() -> None:
    smsc = centre(connection={"enquire_link_interval": 10, "enquire_link_timeout": 5})
    peer = esme(smsc)
    pass_time(smsc, 10.0, peer)
    smsc.advance(20.0)
    assert smsc.connections == {peer.connection}
    smsc.advance(25.0)
    assert smsc.connections == set()


def test_nonsense_ends_the_connection_and_nothing_else() -> None:
    smsc = centre()
    peer, bystander = esme(smsc), esme(smsc)
    smsc.receive(peer.connection, b"GET / HTTP/1.1\r\n\r\n", 0.0)
    assert peer.connection.over
    peer.events += peer.session.receive_data(peer.connection.session.data_to_send(), 0.0)
    assert isinstance(peer.events[-1], Closed)
    bystander.submit("Hola")
    assert bystander.answers == {"Hola": 0}


# ── the tally ────────────────────────────────────────────────────────────────────────────────


def test_the_tally_tells_what_was_taken_twice_and_does_not_count_what_was_refused() -> None:
    smsc = centre(answer={"rate": 4})
    peer = esme(smsc)
    peer.submit("once", "twice", "refused first")
    peer.submit("twice", "refused first", now=0.0)
    assert smsc.tally.messages == {
        ("34600000001", b"once"): 1,
        ("34600000001", b"twice"): 2,
        ("34600000001", b"refused first"): 1,
    }
    assert smsc.tally.taken_twice() == {("34600000001", b"twice"): 2}
    assert (smsc.tally.submits, smsc.tally.accepted) == (5, 4)


def test_the_tally_remembers_no_more_messages_than_told() -> None:
    tally = Tally(2)
    for text in (b"a", b"b", b"c", b"a"):
        tally.take(SubmitSm(destination_addr="1", short_message=text))
    assert tally.messages == {("1", b"a"): 2, ("1", b"b"): 1}
    assert tally.accepted == 4


def test_the_tally_keeps_remarks_on_an_odd_esme() -> None:
    smsc = centre()
    peer = esme(smsc)
    smsc.receive(peer.connection, bytes.fromhex("00000010000102000000000000000005"), 0.0)
    assert smsc.tally.oddities == 1
    assert "0x00010200" in smsc.tally.remarks[0]


@pytest.mark.parametrize("form", ["standard", "tlv"])
def test_a_receipt_gives_the_user_message_reference_back(form: str) -> None:
    given = (int(TlvTag.USER_MESSAGE_REFERENCE), b"\x12\x34")
    smsc = centre(receipt={"form": form})
    peer = esme(smsc)
    for tlvs in ((given,), ()):
        message = SubmitSm(
            destination_addr="34600000001", registered_delivery=1, short_message=b"x", tlvs=tlvs
        )
        peer.session.request(message, tlvs, 0.0)
    peer.exchange(0.0)
    pass_time(smsc, 1.0, peer)
    assert [given in pdu.tlvs for pdu in peer.delivered] == [True, False]
