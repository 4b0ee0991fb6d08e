"""smpplib as a second opinion: both sides of our own tests share one codec, smpplib does not.

Values stay inside what smpplib can do: it cuts long strings, loses unknown TLVs, writes no
TLV that is empty, and knows no outbind, submit_multi, cancel_sm and replace_sm.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import consts
from smpplib.ptypes import ostr
from smpplib.smpp import make_pdu, parse_pdu

from smppd.config import LinkConfig
from smppd.link.translate import Wording, submit_sm
from smppd.message import Message, Part, Request
from smppd.prepare import prepare
from smppd.smpp.codec import Decoded, decode, encode
from smppd.smpp.fields import CString, Integer, ShortMessage, fields_of
from smppd.smpp.pdu import PDU_CLASSES, DataSm, DeliverSm, Pdu, SubmitSm
from smppd.smpp.tlv import KINDS, IntegerValue, decode_tlv
from smppd.smpp.vocabulary import CommandId, TlvTag

BEYOND_SMPPLIB = {
    CommandId.OUTBIND,
    CommandId.SUBMIT_MULTI, CommandId.SUBMIT_MULTI_RESP,
    CommandId.CANCEL_SM, CommandId.CANCEL_SM_RESP,
    CommandId.REPLACE_SM, CommandId.REPLACE_SM_RESP,
}  # fmt: skip
COMMON = [kind for kind in PDU_CLASSES.values() if kind.command_id not in BEYOND_SMPPLIB]
CARRIERS: list[type[Pdu]] = [SubmitSm, DeliverSm, DataSm]

Values = dict[str, Any]


class Numbers:
    """What smpplib asks for numbers when it makes a request."""

    sequence = 0

    def next_sequence(self) -> int:
        return 1


def name_of(kind: type[Pdu]) -> str:
    return kind.command_id.name.lower()


def theirs(kind: type[Pdu], values: Values, sequence_number: int) -> bytes:
    pdu = make_pdu(name_of(kind), client=Numbers())
    for name, value in values.items():
        setattr(pdu, name, value)
    pdu.sequence = sequence_number
    octets: bytes = pdu.generate()
    return octets


def raw(value: int | str | bytes, tag: int) -> bytes:
    match value, KINDS[tag]:
        case int(), IntegerValue(octets):
            return value.to_bytes(octets, "big")
        case str(), _:
            return value.encode("latin-1") + b"\0"
    assert isinstance(value, bytes)
    return value


def ours(kind: type[Pdu], values: Values) -> Pdu:
    fields = {name: value for name, value in values.items() if name in kind.__struct_fields__}
    order = make_pdu(name_of(kind), client=Numbers()).params_order
    tlvs = tuple(
        (int(TlvTag[name.upper()]), raw(values[name], TlvTag[name.upper()]))
        for name in order
        if name in values and name not in fields
    )
    return kind(**fields, tlvs=tlvs)


def values_of(kind: type[Pdu]) -> st.SearchStrategy[Values]:
    drawn: dict[str, st.SearchStrategy[Any]] = {}
    for name, wire_type in fields_of(kind).items():
        match wire_type:
            case Integer():
                drawn[name] = st.integers(0, 255)
            case CString(size):
                # smpplib's query_sm refuses to be without a message_id.
                least = 1 if name == "message_id" else 0
                longest = min(size, 21) if name.endswith("addr") else size
                latin1 = st.characters(min_codepoint=32, max_codepoint=255)
                drawn[name] = st.text(latin1, min_size=least, max_size=longest - 1)
            case ShortMessage():
                drawn[name] = st.binary(max_size=254)
            case _:
                drawn[name] = st.sampled_from(["", "261121094700004+", "000002000000000R"])
    return st.fixed_dictionaries(drawn)


def tlvs_of(kind: type[Pdu]) -> st.SearchStrategy[Values]:
    """The TLVs that smpplib declares for a PDU in the same way as we do."""
    drawn: dict[str, st.SearchStrategy[Any]] = {}
    for name, param in make_pdu(name_of(kind), client=Numbers()).params.items():
        tag = consts.OPTIONAL_PARAMS.get(name)
        wanted = KINDS.get(tag)
        if param.type is int and wanted == IntegerValue(param.size):
            drawn[name] = st.integers(0, 256**param.size - 1)
        elif param.type is ostr and name == "network_error_code":
            drawn[name] = st.binary(min_size=3, max_size=3)
        elif param.type is ostr and name == "callback_num":
            drawn[name] = st.binary(min_size=4, max_size=19)
        elif name == "message_payload":
            drawn[name] = st.binary(min_size=1, max_size=3000)
        elif name == "receipted_message_id":
            drawn[name] = st.text("0123456789abcdef-", min_size=1, max_size=63)
    return st.fixed_dictionaries({}, optional=drawn)


whole_pdus = st.sampled_from(COMMON).flatmap(
    lambda kind: st.tuples(st.just(kind), values_of(kind), st.integers(0, 0xFFFFFFFF))
)


def joined(fields: Values, tlvs: Values) -> Values:
    """Both; message_payload stands in place of short_message, never beside it (3.4, 5.2.21)."""
    instead = (
        {"short_message": b""} if "message_payload" in tlvs and "short_message" in fields else {}
    )
    return fields | instead | tlvs


carriers = st.sampled_from(CARRIERS).flatmap(
    lambda kind: st.tuples(st.just(kind), st.builds(joined, values_of(kind), tlvs_of(kind)))
)
Whole = tuple[type[Pdu], Values, int]
Carrier = tuple[type[Pdu], Values]


@given(whole_pdus)
def test_our_octets_are_smpplibs_octets(whole: Whole) -> None:
    kind, values, sequence_number = whole
    assert encode(ours(kind, values), sequence_number) == theirs(kind, values, sequence_number)


@given(carriers)
def test_our_tlvs_are_smpplibs_tlvs(carrier: Carrier) -> None:
    kind, values = carrier
    assert encode(ours(kind, values), 1) == theirs(kind, values, 1)


@given(whole_pdus)
def test_we_read_what_smpplib_writes(whole: Whole) -> None:
    kind, values, sequence_number = whole
    read = decode(theirs(kind, values, sequence_number))
    assert isinstance(read, Decoded)
    assert read.header.sequence_number == sequence_number
    assert type(read.pdu) is kind
    assert {name: getattr(read.pdu, name) for name in values} == values


@given(carriers)
def test_we_read_the_tlvs_that_smpplib_writes(carrier: Carrier) -> None:
    kind, values = carrier
    read = decode(theirs(kind, values, 1))
    assert isinstance(read, Decoded)
    tlvs = {name: value for name, value in values.items() if name not in kind.__struct_fields__}
    assert len(read.pdu.tlvs) == len(tlvs)
    for name, value in tlvs.items():
        tag = TlvTag[name.upper()]
        assert decode_tlv(tag, read.pdu.tlv(tag) or b"") == value


@given(st.one_of(carriers, whole_pdus.map(lambda whole: whole[:2])))
def test_smpplib_reads_what_we_write(carrier: Carrier) -> None:
    kind, values = carrier
    pdu = parse_pdu(encode(ours(kind, values), 7), client=Numbers())
    assert (pdu.command, pdu.sequence) == (name_of(kind), 7)
    for name, value in values.items():
        # smpplib stops reading at the end of the PDU and leaves an empty last field out.
        read = getattr(pdu, name) or (0 if isinstance(value, int) else b"")
        assert read == (value.encode("latin-1") if isinstance(value, str) else value)


@pytest.mark.parametrize("split", ["udh8", "udh16", "sar", "payload"])
def test_smpplib_reads_the_parts_of_a_long_message(split: str) -> None:
    link = LinkConfig(name="main", hosts=(), system_id="acme", split=split)  # type: ignore[arg-type]
    request = Request(to="+34600000001", text="x" * 400, from_="ACME")
    message = prepare(request, "+34600000001", link, "", lambda sender, to: 0x1234, 0.0)
    assert isinstance(message, Message)
    text = b""
    for index in range(len(message.segments)):
        octets = encode(submit_sm(Part(1, index, message), Wording(), 0.0), 1)
        pdu = parse_pdu(octets, client=Numbers())
        header = {"udh8": 6, "udh16": 7}.get(split, 0)
        assert (pdu.esm_class, pdu.sm_length) == (0x40 if header else 0, len(pdu.short_message))
        if header:
            assert pdu.short_message[header - 2 : header] == bytes((3, index + 1))
        elif split == "sar":
            numbers = (pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum)
            assert numbers == (0x34, 3, index + 1)
        text += pdu.short_message[header:] or pdu.message_payload
    assert text == b"x" * 400


def test_the_tlvs_of_long_messages_are_among_those_compared() -> None:
    wanted = {"sar_msg_ref_num", "sar_total_segments", "sar_segment_seqnum", "message_payload"}
    declared = make_pdu("submit_sm", client=Numbers()).params
    assert wanted <= set(declared)
    for name in wanted - {"message_payload"}:
        assert isinstance(KINDS[consts.OPTIONAL_PARAMS[name]], IntegerValue)


@pytest.mark.parametrize("command", sorted(BEYOND_SMPPLIB))
def test_what_smpplib_lacks_is_held_by_golden_octets_alone(command: CommandId) -> None:
    with pytest.raises(Exception, match="is not supported"):
        make_pdu(command.name.lower(), client=Numbers())
