"""PDUs in the middle of a stream: what is read there, or in part, is what each says by itself."""

from __future__ import annotations

import re
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.smpp.codec import DECODERS, Decoded, Filler, decode, encode, pattern
from smppd.smpp.compiled import CutOffError
from smppd.smpp.errors import EncodeError, LocalProtocolError
from smppd.smpp.pdu import (
    RESPONSE_TO,
    BindTransceiver,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    SubmitSm,
    SubmitSmResp,
)
from smppd.smpp.receipt import ReceiptReader
from smppd.smpp.session import (
    Answered,
    Event,
    Limits,
    ReceiptReceived,
    RequestReceived,
    Role,
    Session,
    UnreadableReceived,
)
from smppd.smpp.tlv import write_tlvs
from smppd.smpp.vocabulary import CommandStatus, TlvTag

RECEIPT = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2611211000 done date:2611211001 "
    b"stat:DELIVRD err:000 text:Hola"
)
SUBMIT, DELIVER = 0x04, 0x05
SUBMIT_RESP = 0x80000004

NUL_OR_TEXT = st.sampled_from(
    [b"\0", b"A\0", b"346\0", b"\x04", b"\x14", b"\xff", b"\x04\x27\0\x01\x02"]
)
bodies = st.lists(NUL_OR_TEXT, max_size=30).map(b"".join) | st.binary(max_size=60)
kinds = st.sampled_from(sorted(DECODERS))


def frame(command_id: int, body: bytes, status: int = 0, number: int = 1) -> bytes:
    return struct.pack(">LLLL", 16 + len(body), command_id, status, number) + body


# ── the codec ────────────────────────────────────────────────────────────────────────────────


@given(command_id=kinds, body=bodies, before=st.binary(max_size=20), behind=bodies)
def test_what_stands_behind_a_pdu_is_never_taken_for_a_part_of_it(
    command_id: int, body: bytes, before: bytes, behind: bytes
) -> None:
    stream = before + body + behind
    alone = decode(frame(command_id, body))
    at, end = len(before), len(before) + len(body)
    with suppress(CutOffError):
        pdu = DECODERS[command_id](stream, str(stream, "latin-1"), at, end)
        assert isinstance(alone, Decoded)
        assert pdu == alone.pdu


FOUND = re.compile(
    pattern(DeliverSm, "source_addr", "esm_class", "data_coding", "short_message"), re.DOTALL
)


@given(body=bodies, before=st.binary(max_size=20), behind=bodies)
def test_fields_found_in_a_stream_are_what_they_are_in_their_pdu(
    body: bytes, before: bytes, behind: bytes
) -> None:
    end = len(before) + len(body)
    found = FOUND.match(str(before + body + behind, "latin-1"), len(before), end)
    alone = decode(frame(DELIVER, body))
    assert (found is None) is not isinstance(alone, Decoded)
    if found is not None and isinstance(alone, Decoded):
        assert isinstance(pdu := alone.pdu, DeliverSm)
        source, esm_class, data_coding, length = found.groups()
        assert (source, ord(esm_class), ord(data_coding)) == (
            pdu.source_addr,
            pdu.esm_class,
            pdu.data_coding,
        )
        text = before + body
        assert pdu.short_message == text[found.end() : found.end() + ord(length)]


def test_a_regular_pdu_is_read_in_the_stream() -> None:
    pdu = DeliverSm("CMT", 1, 1, "346", 5, 0, "ACME", 4, short_message=b"Hola", tlvs=((5, b"x"),))
    body = encode(pdu, 1)[16:]
    stream = b"\0\1" + body + b"\0\xff"
    text = str(stream, "latin-1")
    assert DECODERS[DELIVER](stream, text, 2, 2 + len(body)) == pdu


FILLER = Filler(SubmitSm, "destination_addr", "short_message")
ALIKE = SubmitSm("CMT", 5, 0, "ACME", 1, 1, esm_class=0x40, data_coding=8, tlvs=((5, b"x"),))


@given(
    to=st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20),
    text=st.binary(max_size=254),
)
def test_what_is_filled_in_is_what_is_written_whole(to: str, text: bytes) -> None:
    pdu = SubmitSm(
        "CMT", 5, 0, "ACME", 1, 1, to, 0x40, data_coding=8, short_message=text, tlvs=((5, b"x"),)
    )
    assert FILLER.fill(FILLER.around(ALIKE), to, text) == encode(pdu, 1)[16:]


@pytest.mark.parametrize(
    ("to", "text"),
    [("1" * 21, b""), ("34\x006", b""), ("€", b""), (None, b""), ("346", b"x" * 255), ("346", "x")],
)
def test_what_does_not_fit_is_not_filled_in(to: str, text: bytes) -> None:
    with pytest.raises(EncodeError):
        FILLER.fill(FILLER.around(ALIKE), to, text)
    with pytest.raises(EncodeError, match="source_addr"):
        FILLER.around(SubmitSm(source_addr="x" * 21))


# ── receipts ─────────────────────────────────────────────────────────────────────────────────

receipt_tlvs = st.lists(
    st.tuples(
        st.sampled_from(
            [TlvTag.RECEIPTED_MESSAGE_ID, TlvTag.MESSAGE_STATE, TlvTag.MESSAGE_PAYLOAD, 0x1400]
        ),
        st.binary(max_size=5) | st.just(RECEIPT),
    ),
    max_size=3,
).map(tuple)
BARE = RECEIPT.partition(b" text")[0]


@given(
    esm_class=st.sampled_from([0, 4, 8, 0x20, 0x24, 0x10, 0x44]),
    raw=st.sampled_from([RECEIPT, BARE, BARE + b"7 text:", b"", b"Hola", b"id:7 stat:ACCEPTD"]),
    tlvs=receipt_tlvs,
    said=st.integers(-9, 9),
    behind=st.sampled_from([b"", b"\0\1\2", b" text:Hola"]),
    by_text=st.booleans(),
    accepted=st.booleans(),
)
def test_a_receipt_is_the_same_whether_all_of_its_pdu_is_read_or_not(
    esm_class: int,
    raw: bytes,
    tlvs: tuple[tuple[int, bytes], ...],
    said: int,
    behind: bytes,
    by_text: bool,
    accepted: bool,
) -> None:
    head = encode(DeliverSm(source_addr="346", destination_addr="A", esm_class=esm_class), 1)[:-1]
    length = min(max(len(raw) + said, 0), 255)  # sm_length may lie
    octets = head + bytes([length]) + raw + write_tlvs(tlvs)
    reader = ReceiptReader(by_text=by_text, accepted_is_final=accepted)
    stream = octets + behind
    peeked = reader.peek(stream, str(stream, "latin-1"), 16, len(octets))
    alone = decode(octets)
    assert isinstance(alone, Decoded)
    assert isinstance(alone.pdu, DeliverSm)
    if peeked is not None:
        assert peeked == reader.read(alone.pdu)
    if raw == RECEIPT and said == 0:
        assert (peeked is not None) is (esm_class & 0x3C in (4, 0x20, 0x24))


# ── the session ──────────────────────────────────────────────────────────────────────────────


def bound(window: int = 5, *, receipts: bool = True) -> Session:
    limits = Limits(window=window, enquire_link_interval=0)
    reader = ReceiptReader(by_text=True) if receipts else None
    session = Session(Role.ESME, limits, 0.0, reader)
    session.bind(BindTransceiver(system_id="me"), 0.0)
    number = struct.unpack_from(">L", session.data_to_send(), 12)[0]
    session.receive_data(frame(0x80000009, b"SMSC\0", number=number), 0.0)
    return session


def deliver(text: bytes, esm_class: int = 4, number: int = 1) -> bytes:
    return encode(DeliverSm(source_addr="346", esm_class=esm_class, short_message=text), number)


def test_receipts_are_told_from_messages_where_somebody_reads_them() -> None:
    stream = deliver(RECEIPT, 4, 7) + deliver(b"Hola", 0, 8) + deliver(RECEIPT, 0, 9)
    told, message, alike = bound().receive_data(stream, 1.0)
    assert isinstance(told, ReceiptReceived)
    assert (told.sequence_number, told.command_id) == (7, DELIVER)
    assert (told.receipt.message_id, told.receipt.unproven) == ("0123456789", None)
    assert isinstance(message, RequestReceived)
    assert isinstance(alike, ReceiptReceived)
    assert isinstance(alike.receipt.unproven, DeliverSm)
    events = bound(receipts=False).receive_data(stream, 1.0)
    assert [type(event) for event in events] == [RequestReceived] * 3


def test_a_receipt_in_a_data_sm_and_one_that_is_cut_short_are_receipts() -> None:
    payload = ((int(TlvTag.MESSAGE_PAYLOAD), RECEIPT),)
    short = deliver(RECEIPT)[:-8]  # sm_length says more than there is
    short = struct.pack(">L", len(short)) + short[4:]
    stream = encode(DataSm(esm_class=4, tlvs=payload), 3) + short + deliver(b"Hola", 0, 5)
    data, cut, message = bound().receive_data(stream, 1.0)
    assert isinstance(data, ReceiptReceived)
    assert data.command_id == 0x103
    assert isinstance(cut, ReceiptReceived)
    assert cut.receipt.raw == RECEIPT[:-8]
    assert isinstance(message, RequestReceived)


def test_requests_are_acknowledged_in_their_order() -> None:
    session = bound()
    torn = frame(DELIVER, b"\0\1\1xxx", number=9)
    stream = deliver(RECEIPT, 4, 8) + encode(DataSm(), 2**31) + torn + deliver(b"Hola", 0, 7)
    received = [
        event
        for event in session.receive_data(stream, 1.0)
        if isinstance(event, ReceiptReceived | RequestReceived | UnreadableReceived)
    ]
    session.acknowledge(received)
    response = DeliverSmResp()
    assert session.data_to_send() == (
        encode(response, 8)
        + encode(RESPONSE_TO[0x103](), 2**31)
        + encode(response, 9)
        + encode(response, 7)
    )
    session.respond(received[2], status=CommandStatus.ESME_RX_R_APPN)
    assert session.data_to_send() == encode(response, 9, CommandStatus.ESME_RX_R_APPN)
    session.abort("over", 2.0)
    session.acknowledge(received)
    assert session.data_to_send() == b""


def test_many_requests_are_what_each_would_be() -> None:
    many, single = bound(), bound()
    pdus = [SubmitSm(destination_addr=f"346{n}", short_message=b"x" * n) for n in range(3)]
    many.request_each(SUBMIT, [encode(pdu, 0)[16:] for pdu in pdus], ["a", "b", "c"], 1.0)
    for pdu, token in zip(pdus, "abc", strict=True):
        single.request(pdu, token, 1.0)
    assert many.data_to_send() == single.data_to_send()
    assert list(many.waiting()) == list(single.waiting()) == ["a", "b", "c"]
    (answer,) = many.receive_data(frame(SUBMIT_RESP, b"id\0", number=3), 2.0)
    assert answer == Answered("b", 0, SubmitSmResp("id"), 1.0)


def test_no_more_is_requested_than_there_is_room_for() -> None:
    session = bound(2)
    with pytest.raises(LocalProtocolError, match="the window of 2 is full"):
        session.request_each(SUBMIT, [b""] * 3, "abc", 1.0)
    assert (session.in_flight, session.data_to_send()) == (0, b"")
    session.abort("over", 1.0)
    with pytest.raises(LocalProtocolError, match="submit_sm"):
        session.request_each(SUBMIT, [b""], "a", 1.0)


def test_a_response_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    session = bound()
    session.request_each(SUBMIT, [b"", b""], "ab", 1.0)
    stream = frame(SUBMIT_RESP, b"4711", number=2) + frame(SUBMIT_RESP, b"", number=3)
    events = session.receive_data(stream + deliver(b"Hola", 0), 2.0)
    assert events[:2] == [
        Answered("a", 0, SubmitSmResp("4711"), 1.0),
        Answered("b", 0, SubmitSmResp(""), 1.0),
    ]


pieces = st.lists(
    st.builds(frame, st.sampled_from([DELIVER, 0x103, SUBMIT_RESP, SUBMIT]), bodies, st.just(0), st.integers(1, 9))
    | st.sampled_from([deliver(RECEIPT), deliver(RECEIPT, 0), deliver(b"Hola", 0)]),
    max_size=6,
)  # fmt: skip


@given(frames=pieces)
def test_a_stream_says_what_its_pdus_say_one_by_one(frames: list[bytes]) -> None:
    at_once, one_by_one = bound(), bound()
    for session in (at_once, one_by_one):
        session.request_each(SUBMIT, [b""] * 5, "abcde", 1.0)
        session.data_to_send()
    events = at_once.receive_data(b"".join(frames), 2.0)
    expected: list[Event] = []
    for each in frames:
        expected += one_by_one.receive_data(each, 2.0)
    assert events == expected
    assert at_once.data_to_send() == one_by_one.data_to_send()
