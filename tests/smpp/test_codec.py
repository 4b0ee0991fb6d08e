"""The codec: strict when writing, forgiving when reading."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.smpp.codec import Decoded, Header, Undecodable, decode, encode
from smppd.smpp.errors import EncodeError, LocalProtocolError
from smppd.smpp.fields import (
    CString,
    Integer,
    Repeated,
    ShortMessage,
    Time,
    WireType,
    fields_of,
    write_fields,
)
from smppd.smpp.pdu import (
    PDU_CLASSES,
    BindTransceiver,
    BindTransceiverResp,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    DistributionList,
    EnquireLink,
    EnquireLinkResp,
    Pdu,
    QuerySmResp,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    UnsuccessSme,
)
from smppd.smpp.tlv import write_tlvs
from smppd.smpp.vocabulary import RESPONSE_BIT, CommandId, CommandStatus, TlvTag

REFUSED = CommandStatus.ESME_RINVDSTADR
ALL = sorted(PDU_CLASSES.values(), key=lambda kind: kind.__name__)
RESPONSES = [kind for kind in ALL if kind.command_id & RESPONSE_BIT]


def frame(command_id: int, body: bytes, status: int = 0, sequence_number: int = 1) -> bytes:
    return struct.pack(">LLLL", 16 + len(body), command_id, status, sequence_number) + body


def pdu_of(octets: bytes) -> Pdu:
    decoded = decode(octets)
    assert isinstance(decoded, Decoded), decoded
    return decoded.pdu


# ── properties of every PDU ──────────────────────────────────────────────────────────────────


def structures(kind: type, first_character: int) -> st.SearchStrategy[Any]:
    fields = fields_of(kind).items()
    return st.builds(kind, **{name: values(wire, first_character) for name, wire in fields})


def values(wire_type: WireType, first_character: int) -> st.SearchStrategy[Any]:
    match wire_type:
        case Integer(octets):
            return st.integers(0, 256**octets - 1)
        case CString(size):
            characters = st.characters(min_codepoint=first_character, max_codepoint=255)
            return st.text(characters, max_size=size - 1)
        case Time():
            return st.just("") | st.from_regex(r"[0-9]{15}[+\-R]", fullmatch=True)
        case ShortMessage():
            return st.binary(max_size=254)
        case Repeated():
            items = st.one_of([structures(item, first_character) for item in wire_type.kinds])
            return st.lists(items, min_size=wire_type.least, max_size=5).map(tuple)
        case _:
            raise AssertionError(wire_type)


def with_tlvs(pdu: Pdu, tlvs: list[tuple[int, bytes]]) -> Pdu:
    return msgspec.structs.replace(pdu, tlvs=tuple(tlvs))


tlvs = st.lists(
    st.tuples(st.integers(1, 0xFFFF).filter(lambda tag: tag != 0x0424), st.binary(max_size=40)),
    max_size=5,
)
# A response that begins with a control character may be taken for one that is TLVs alone.
pdus = st.sampled_from(ALL).flatmap(
    lambda kind: st.builds(with_tlvs, structures(kind, 32 if kind in RESPONSES else 1), tlvs)
)
numbers = st.integers(0, 0xFFFFFFFF)


@given(pdu=pdus, sequence_number=numbers, status=numbers)
def test_what_is_written_is_read_again(pdu: Pdu, sequence_number: int, status: int) -> None:
    octets = encode(pdu, sequence_number, status)
    header = Header(len(octets), pdu.command_id, status, sequence_number)
    assert decode(octets) == Decoded(header, pdu)


@given(pdu=pdus)
def test_generated_encoders_write_what_the_wire_types_say(pdu: Pdu) -> None:
    body = write_fields(pdu, fields_of(type(pdu))) + write_tlvs(pdu.tlvs)
    assert encode(pdu, 1) == frame(pdu.command_id, body)


@given(pdu=pdus, data=st.data())
def test_a_request_cut_short_is_undecodable_and_keeps_its_header(
    pdu: Pdu, data: st.DataObject
) -> None:
    octets = encode(pdu, 77)
    body = write_fields(pdu, fields_of(type(pdu)))
    cut = octets[: data.draw(st.integers(16, len(octets)))]
    read = decode(cut)
    assert read.header.sequence_number == 77
    text = getattr(pdu, "short_message", b"")
    if type(pdu) in RESPONSES or len(cut) >= 16 + len(body) - len(text):
        assert isinstance(read, Decoded)
    else:
        assert isinstance(read, Undecodable)
        assert read.raw == cut


@given(
    command_id=st.sampled_from(sorted(PDU_CLASSES)) | numbers,
    status=st.sampled_from([0, 8]),
    body=st.binary(max_size=120),
)
def test_decoding_never_raises(command_id: int, status: int, body: bytes) -> None:
    read = decode(frame(command_id, body, status))
    assert read.header == Header(16 + len(body), command_id, status, 1)
    if command_id & RESPONSE_BIT and command_id in PDU_CLASSES:
        assert isinstance(read, Decoded)


@given(st.binary(max_size=15))
def test_less_than_a_header_is_undecodable(octets: bytes) -> None:
    assert isinstance(decode(octets), Undecodable)


@pytest.mark.parametrize("kind", RESPONSES)
@pytest.mark.parametrize("status", [0, REFUSED])
def test_a_response_without_a_body_is_a_response(kind: type[Pdu], status: int) -> None:
    assert pdu_of(frame(kind.command_id, b"", status)) == kind()


# ── strict when writing ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("pdu", "field"),
    [
        (SubmitSm(destination_addr="346\x000000007"), "destination_addr"),
        (SubmitSm(destination_addr="1" * 21), "destination_addr"),
        (SubmitSm(source_addr="Zürich €"), "source_addr"),
        (SubmitSm(service_type="SIXTEEN"), "service_type"),
        (SubmitSm(short_message=b"x" * 255), "short_message"),
        (SubmitSm(short_message="text"), "short_message"),  # type: ignore[arg-type]
        (SubmitSm(source_addr=b"octets"), "source_addr"),  # type: ignore[arg-type]
        (SubmitSm(source_addr=None), "source_addr"),  # type: ignore[arg-type]
        (SubmitSm(source_addr=["346"]), "source_addr"),  # type: ignore[arg-type]
        (SubmitSm(source_addr=b""), "source_addr"),  # type: ignore[arg-type]
        (SubmitSm(validity_period=None), "validity_period"),  # type: ignore[arg-type]
        (SubmitSm(priority_flag=256), "priority_flag"),
        (SubmitSm(source_addr_ton=-1), "source_addr_ton"),
        (SubmitSm(data_coding="8"), "data_coding"),  # type: ignore[arg-type]
        (SubmitSm(schedule_delivery_time="2026-11-21 00:00"), "schedule_delivery_time"),
        (SubmitSm(validity_period="00000200000000R"), "validity_period"),
        (SubmitSm(validity_period="000002000000000r"), "validity_period"),
        (BindTransceiver(system_id="sixteen letters!"), "system_id"),
        (BindTransceiver(password="nineteen"[:8] + "9"), "password"),
        (BindTransceiver(system_type="x" * 13), "system_type"),
        (DataSm(destination_addr="1" * 65), "destination_addr"),
        (SubmitMulti(), "dest_address"),
        (SubmitMulti(dest_address=(DistributionList("x"),) * 255), "dest_address"),
        (SubmitMulti(dest_address=(SmeAddress(1, 1, "1" * 21),)), "destination_addr"),
        (SubmitMulti(dest_address=("346",)), "dest_address"),  # type: ignore[arg-type]
        (SubmitMultiResp(unsuccess_sme=(UnsuccessSme(error_status_code=-1),)), "error_status_code"),
        (SubmitSm(tlvs=((0x1400, b"x" * 65536),)), "TLV"),
        (SubmitSm(short_message=b"x", tlvs=((0x0424, b"y"),)), "message_payload"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(pdu: Pdu, field: str) -> None:
    with pytest.raises(EncodeError, match=f"{pdu.command_id.name.lower()}: .*{field}"):
        encode(pdu, 1)


@pytest.mark.parametrize(("number", "status"), [(1 << 32, 0), (-1, 0), (1, 1 << 32), (1, -1)])
def test_a_header_out_of_range_is_refused(number: int, status: int) -> None:
    with pytest.raises(LocalProtocolError, match="out of range"):
        encode(SubmitSm(), number, status)


@pytest.mark.parametrize(
    "pdu",
    [
        SubmitSm(destination_addr="1" * 20),
        SubmitSm(short_message=b"x" * 254),
        SubmitSm(tlvs=((TlvTag.MESSAGE_PAYLOAD, b"x" * 65535),)),
        BindTransceiver(system_id="x" * 15, password="y" * 8, system_type="z" * 12),
        SubmitSmResp("x" * 64),
    ],
)
def test_a_value_that_just_fits_is_written_whole(pdu: Pdu) -> None:
    assert pdu_of(encode(pdu, 1)) == pdu


def test_long_credentials_are_written_only_on_demand_and_never_cut() -> None:
    bind = BindTransceiver(system_id="user@some.example.com", password="correct horse battery")
    with pytest.raises(EncodeError, match="system_id: 21 characters, at most 15 fit"):
        encode(bind, 1)
    assert pdu_of(encode(bind, 1, long_credentials=True)) == bind
    with pytest.raises(EncodeError, match="system_id"):
        encode(BindTransceiver(system_id="x" * 256), 1, long_credentials=True)
    with pytest.raises(EncodeError, match="system_type"):
        encode(BindTransceiver(system_type="x" * 13), 1, long_credentials=True)


def test_the_interface_version_stands_in_the_bind() -> None:
    assert encode(BindTransceiver(), 1)[19] == 0x34
    assert encode(BindTransceiver(interface_version=0x50), 1)[19] == 0x50


def test_a_refusal_with_something_to_say_has_a_body() -> None:
    explained = SubmitSmResp(tlvs=((TlvTag.ADDITIONAL_STATUS_INFO_TEXT, b"no\0"),))
    assert len(encode(SubmitSmResp(), 1, REFUSED)) == 16
    assert pdu_of(encode(explained, 1, REFUSED)) == explained
    assert len(encode(DeliverSmResp(), 1, REFUSED)) == 17


# ── forgiving when reading ───────────────────────────────────────────────────────────────────


def deliver(source: bytes = b"346\0", tail: bytes = b"\x02Hi") -> bytes:
    return frame(CommandId.DELIVER_SM, b"\0\1\1" + source + b"\0\0" + b"1\0" + bytes(9) + tail)


def test_a_string_longer_than_its_field_is_read_whole() -> None:
    pdu = pdu_of(deliver(source=b"4" * 40 + b"\0"))
    assert isinstance(pdu, DeliverSm)
    assert (pdu.source_addr, pdu.destination_addr) == ("4" * 40, "1")
    assert pdu.short_message == b"Hi"


def test_a_mandatory_string_without_nul_is_undecodable() -> None:
    octets = frame(CommandId.DELIVER_SM, b"\0\1\1" + b"346", sequence_number=9)
    read = decode(octets)
    assert read == Undecodable(Header(22, 5, 0, 9), "cut off in source_addr", octets)


@pytest.mark.parametrize(
    ("tail", "text"),
    [
        (b"\xffHi", b"Hi"),
        (b"\x03Hi\0", b"Hi\0"),
        (b"\x02Hi\0", b"Hi"),
        (b"\x02Hi\0\0\0", b"Hi"),
        (b"\x02Hi\0\0\0\0", b"Hi"),
        (b"\0", b""),
    ],
)
def test_the_text_is_what_sm_length_says_or_what_there_is(tail: bytes, text: bytes) -> None:
    pdu = pdu_of(deliver(tail=tail))
    assert isinstance(pdu, DeliverSm)
    assert (pdu.short_message, pdu.tlvs) == (text, ())


def test_a_deliver_sm_that_ends_before_sm_length_is_undecodable() -> None:
    read = decode(deliver(tail=b""))
    assert isinstance(read, Undecodable)
    assert read.why == "cut off in short_message"


def test_a_receipt_may_be_all_payload() -> None:
    pdu = pdu_of(deliver(tail=b"\0" + write_tlvs([(0x0424, b"id:1 stat:DELIVRD")])))
    assert isinstance(pdu, DeliverSm)
    assert pdu.message_octets == b"id:1 stat:DELIVRD"


@pytest.mark.parametrize("tag", [0x1400, 0x0599, 0x3FFF, 0x001D, 0x0210, 0x0428])
@pytest.mark.parametrize("kind", [DeliverSm, SubmitSmResp, BindTransceiverResp, EnquireLinkResp])
def test_a_tlv_unknown_or_out_of_place_is_kept(kind: type[Pdu], tag: int) -> None:
    pdu = kind(tlvs=((tag, b"raw"),))
    assert pdu_of(encode(pdu, 1)).tlv(tag) == b"raw"


@pytest.mark.parametrize(
    ("tail", "tlvs_read"),
    [
        ("0427 0000  0423 0003 030001", ((0x0427, b""), (0x0423, b"\3\0\1"))),
        ("0427 0004 00000002", ((0x0427, b"\0\0\0\2"),)),
        ("0427 0001 02  001E 00FF 3132", ((0x0427, b"\2"),)),
        ("0427 0001 02  0423", ((0x0427, b"\2"),)),
    ],
)
def test_an_ill_formed_tlv_spoils_nothing_before_it(
    tail: str, tlvs_read: tuple[tuple[int, bytes], ...]
) -> None:
    assert pdu_of(deliver(tail=b"\x02Hi" + bytes.fromhex(tail))).tlvs == tlvs_read


def test_reserved_values_are_numbers_like_others() -> None:
    pdu = SubmitSm(source_addr_ton=7, dest_addr_npi=15, priority_flag=9, esm_class=0xFF)
    assert pdu_of(encode(pdu, 1)) == pdu


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", SubmitSmResp()),
        (b"\0", SubmitSmResp()),
        (b"0A00\0", SubmitSmResp("0A00")),
        (b"0A00", SubmitSmResp("0A00")),
        (b"x" * 100 + b"\0", SubmitSmResp("x" * 100)),
        (b"\x04\x25\0\1\2", SubmitSmResp(tlvs=((0x0425, b"\2"),))),
        (b"\0\x1d\0\3no\0", SubmitSmResp(tlvs=((0x001D, b"no\0"),))),
        (b"\0\x04\x25\0\1\2", SubmitSmResp(tlvs=((0x0425, b"\2"),))),
        (b"1\0\x04\x25\0\1\2", SubmitSmResp("1", ((0x0425, b"\2"),))),
        (b"1\0\x04\x25\0", SubmitSmResp("1")),
    ],
)
@pytest.mark.parametrize("status", [0, REFUSED])
def test_a_response_never_fails_for_its_body(body: bytes, expected: Pdu, status: int) -> None:
    assert pdu_of(frame(CommandId.SUBMIT_SM_RESP, body, status)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"q7\0", QuerySmResp("q7")),
        (b"q7\0\0\x02", QuerySmResp("q7", "", 2)),
        (b"q7\0" + b"2611", QuerySmResp("q7", "2611")),
    ],
)
def test_of_a_response_cut_short_the_beginning_counts(body: bytes, expected: Pdu) -> None:
    assert pdu_of(frame(CommandId.QUERY_SM_RESP, body)) == expected


def test_an_empty_message_id_before_other_fields_is_not_taken_for_a_tlv() -> None:
    pdu = SubmitMultiResp(unsuccess_sme=(UnsuccessSme(), UnsuccessSme()))
    assert pdu_of(encode(pdu, 1)) == pdu


def test_a_bind_resp_may_be_a_header_alone() -> None:
    assert pdu_of(frame(CommandId.BIND_TRANSCEIVER_RESP, b"")) == BindTransceiverResp()


def test_a_bodiless_request_may_have_a_body() -> None:
    assert pdu_of(frame(CommandId.ENQUIRE_LINK, b"\0")) == EnquireLink()


@pytest.mark.parametrize("sequence_number", [0, 0x80000000, 0xFFFFFFFF])
def test_a_sequence_number_out_of_range_is_echoed(sequence_number: int) -> None:
    header = decode(encode(EnquireLink(), sequence_number)).header
    assert decode(encode(EnquireLinkResp(), header.sequence_number)).header[3] == sequence_number


@pytest.mark.parametrize("command_id", [0x00010200, 0x80010200, 0x0111])
def test_an_unknown_command_keeps_its_header(command_id: int) -> None:
    octets = frame(command_id, b"body", sequence_number=5)
    why = f"unknown command_id 0x{command_id:08X}"
    assert decode(octets) == Undecodable(Header(20, command_id, 0, 5), why, octets)


def test_an_unknown_dest_flag_is_undecodable() -> None:
    octets = encode(SubmitMulti(dest_address=(DistributionList("x"),)), 1)
    read = decode(octets.replace(b"\2x\0", b"\3x\0"))
    assert isinstance(read, Undecodable)
    assert read.why == "cut off in dest_address"
