"""What may be seen of a PDU: secrets are covered, lengths and all else stay."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.smpp.codec import Decoded, decode, encode
from smppd.smpp.masking import masked
from smppd.smpp.pdu import (
    AlertNotification,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    CancelSm,
    DataSm,
    DeliverSm,
    DistributionList,
    Outbind,
    QuerySm,
    ReplaceSm,
    SmeAddress,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
)
from smppd.smpp.vocabulary import TlvTag

SECRET = b"the secret text"
NUMBER = "34600123456"
COVERED = "********456"
RECEIPT = b"id:0a-7 sub:001 dlvrd:001 submit date:2611210000 done date:2611210001 stat:DELIVRD err:000 text:"


def shown(pdu: Any, *, text: bool = False) -> Any:
    """What is left of it, decoded; its length and header are as they were."""
    octets = encode(pdu, 77)
    found = masked(octets, text=text)
    assert len(found) == len(octets)
    assert found[:16] == octets[:16]
    read = decode(found)
    assert isinstance(read, Decoded)
    return read.pdu


@pytest.mark.parametrize("kind", [BindTransceiver, BindTransmitter, BindReceiver])
@pytest.mark.parametrize("text", [False, True])
def test_the_password_of_a_bind_is_never_seen(kind: type[Any], *, text: bool) -> None:
    found = shown(kind(system_id="acme", password="s3cret", system_type="SMPP"), text=text)
    assert (found.system_id, found.password, found.system_type) == ("acme", "x" * 6, "SMPP")


def test_nor_is_that_of_an_outbind() -> None:
    assert shown(Outbind(system_id="smsc", password="s3cret"), text=True).password == "x" * 6


@pytest.mark.parametrize("kind", [SubmitSm, DeliverSm])
def test_text_and_numbers_of_a_message_are_covered(kind: type[Any]) -> None:
    pdu = kind(source_addr="ACME", destination_addr=NUMBER, short_message=SECRET)
    found = shown(pdu)
    assert found.short_message == b"x" * len(SECRET)
    assert (found.source_addr, found.destination_addr) == ("ACME", COVERED)
    assert shown(pdu, text=True) == pdu


def test_short_codes_stay_and_a_plus_is_of_the_number() -> None:
    found = shown(DeliverSm(source_addr=f"+{NUMBER}", destination_addr="25522"))
    assert (found.source_addr, found.destination_addr) == (f"*{COVERED}", "25522")


def test_a_payload_is_covered_and_other_parameters_stay() -> None:
    tlvs = (
        (int(TlvTag.MESSAGE_PAYLOAD), SECRET),
        (int(TlvTag.USER_MESSAGE_REFERENCE), b"\x01\x02"),
        (int(TlvTag.RECEIPTED_MESSAGE_ID), b"a7\0"),
        (int(TlvTag.CALLBACK_NUM), b"\x00\x00\x00" + NUMBER.encode()),
        (0x1400, SECRET),
    )
    for kind in (SubmitSm, DataSm):
        found = dict(shown(kind(destination_addr=NUMBER, tlvs=tlvs)).tlvs)
        assert found[TlvTag.MESSAGE_PAYLOAD] == found[0x1400] == b"x" * len(SECRET)
        assert found[TlvTag.USER_MESSAGE_REFERENCE] == b"\x01\x02"
        assert found[TlvTag.RECEIPTED_MESSAGE_ID] == b"a7\0"
        assert NUMBER.encode() not in found[TlvTag.CALLBACK_NUM]
        assert dict(shown(kind(tlvs=tlvs), text=True).tlvs) == dict(tlvs)


def test_a_user_data_header_stays() -> None:
    header = bytes.fromhex("050003aa0201")
    found = shown(SubmitSm(esm_class=0x40, short_message=header + SECRET))
    assert found.short_message == header + b"x" * len(SECRET)
    # One that claims more than there is covers nothing that would not be its own.
    assert (
        shown(SubmitSm(esm_class=0x40, short_message=b"\xff\x00\x01")).short_message == b"\xff\0\1"
    )


def test_a_receipt_stays_readable_but_for_the_text_it_quotes() -> None:
    found = shown(DeliverSm(esm_class=0x04, source_addr=NUMBER, short_message=RECEIPT + SECRET))
    assert found.short_message == RECEIPT + b"x" * len(SECRET)
    without = RECEIPT.removesuffix(b" text:")
    assert shown(DeliverSm(esm_class=0x04, short_message=without)).short_message == without


def test_what_only_begins_like_a_receipt_is_a_text() -> None:
    for text in (b"id:1 " + SECRET, RECEIPT.replace(b"err:000", b"err:? ") + SECRET):
        found = shown(DeliverSm(esm_class=0x04, short_message=text))
        assert found.short_message == b"x" * len(text)
    receipt = RECEIPT + SECRET
    assert shown(DeliverSm(short_message=receipt)).short_message == b"x" * len(receipt)


def test_questions_and_the_rest_of_the_numbers() -> None:
    assert shown(QuerySm(message_id="a7", source_addr=NUMBER)).source_addr == COVERED
    found = shown(CancelSm(message_id="a7", source_addr="ACME", destination_addr=NUMBER))
    assert (found.message_id, found.destination_addr) == ("a7", COVERED)
    found = shown(ReplaceSm(message_id="a7", source_addr=NUMBER, short_message=SECRET))
    assert (found.source_addr, found.short_message) == (COVERED, b"x" * len(SECRET))
    assert shown(AlertNotification(source_addr=NUMBER, esme_addr=NUMBER)).source_addr == COVERED
    destinations = (SmeAddress(1, 1, NUMBER), DistributionList("staff"))
    many = shown(SubmitMulti(dest_address=destinations, short_message=SECRET))
    assert many.dest_address == (SmeAddress(1, 1, COVERED), DistributionList("staff"))
    assert many.short_message == b"x" * len(SECRET)
    assert shown(SubmitSmResp(message_id="a7")).message_id == "a7"


@given(st.sampled_from([4, 5, 9, 0x0B, 0x21, 0x103, 0x80000004, 0x999]), st.binary(max_size=80))
def test_whatever_comes_keeps_its_length_and_header(command_id: int, body: bytes) -> None:
    octets = (16 + len(body)).to_bytes(4, "big") + command_id.to_bytes(4, "big") + bytes(8) + body
    found = masked(octets)
    assert len(found) == len(octets)
    assert found[:16] == octets[:16]


def test_a_body_that_breaks_off_or_that_nobody_knows_is_covered() -> None:
    whole = encode(SubmitSm(destination_addr=NUMBER, short_message=SECRET), 1)
    for end in range(17, len(whole)):
        cut = end.to_bytes(4, "big") + whole[4:end]
        assert SECRET[:4] not in masked(cut)
        assert NUMBER[:4].encode() not in masked(cut)
    unknown = (16 + len(SECRET)).to_bytes(4, "big") + b"\0\0\x09\x99" + bytes(8) + SECRET
    assert masked(unknown)[16:] == b"x" * len(SECRET)
    bind = encode(BindTransceiver(system_id="acme", password="s3cret"), 1)
    assert b"s3" not in masked(bind[:24])
