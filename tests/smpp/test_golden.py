"""Known octets: every command at least once, laid out by hand (each file says after what)."""

from __future__ import annotations

from pathlib import Path

import pytest

from smppd.smpp.codec import Decoded, Header, decode, encode
from smppd.smpp.pdu import (
    AlertNotification,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    CancelSm,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    DistributionList,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Pdu,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    UnsuccessSme,
)

GOLDEN = Path(__file__).with_name("golden")


def golden(name: str) -> bytes:
    lines = (GOLDEN / f"{name}.hex").read_text(encoding="utf-8").splitlines()
    return bytes.fromhex("".join(line.partition("#")[0] for line in lines))


RECEIPT_TEXT = (
    b"id:0123abCD sub:001 dlvrd:001 submit date:2611210946 done date:2611210947 "
    b"stat:DELIVRD err:000   "
)
KNOWN: dict[str, tuple[Pdu, int, int]] = {
    "bind_transmitter": (
        BindTransmitter("SMPP3TEST", "secret08", "SUBMIT1", 0x00, 1, 1, ""), 1, 0,
    ),
    "bind_transceiver": (BindTransceiver("smppd", "sesame12", "VMA"), 1, 0),
    "bind_transceiver_resp": (BindTransceiverResp("SMSC", ((0x0210, b"\x34"),)), 1, 0),
    "bind_receiver_resp_refused": (BindReceiverResp(), 2, 0x0D),
    "outbind": (Outbind("SMSC", "pw1"), 1, 0),
    "unbind": (Unbind(), 255, 0),
    "unbind_resp": (UnbindResp(), 255, 0),
    "generic_nack": (GenericNack(), 5, 3),
    "submit_sm": (
        SubmitSm(
            source_addr_ton=5, source_addr="Example",
            dest_addr_ton=1, dest_addr_npi=1, destination_addr="34600000000",
            esm_class=0x40, priority_flag=2, validity_period="000002000000000R",
            registered_delivery=1, data_coding=8,
            short_message=b"\x05\x00\x03\x2a\x02\x01\x00H\x20\xac",
        ), 0x7FFFFFFF, 0,
    ),
    "submit_sm_sar": (
        SubmitSm(
            source_addr_ton=5, source_addr="Example",
            dest_addr_ton=1, dest_addr_npi=1, destination_addr="34600000000",
            short_message=b"Hola",
            tlvs=((0x020C, b"\x00\x2a"), (0x020E, b"\x03"), (0x020F, b"\x02")),
        ), 2, 0,
    ),
    "submit_sm_payload": (
        SubmitSm(
            source_addr_ton=5, source_addr="Example",
            dest_addr_ton=1, dest_addr_npi=1, destination_addr="34600000000",
            data_coding=8, tlvs=((0x0424, "H€😀".encode("utf-16-be")),),
        ), 3, 0,
    ),
    "submit_sm_resp": (SubmitSmResp("0123abCD"), 0x7FFFFFFF, 0),
    "submit_sm_resp_throttled": (SubmitSmResp(), 6, 0x58),
    "submit_multi": (
        SubmitMulti(
            service_type="CMT", source_addr_ton=3, source_addr="247",
            dest_address=(SmeAddress(1, 1, "346000"), DistributionList("staff")),
            short_message=b"Hi", tlvs=((0x0204, b"\xbe\xef"),),
        ), 7, 0,
    ),
    "submit_multi_resp": (SubmitMultiResp("m1", (UnsuccessSme(1, 1, "346000", 0x0B),)), 7, 0),
    "deliver_sm_receipt": (
        DeliverSm(
            source_addr_ton=1, source_addr_npi=1, source_addr="34600000000",
            dest_addr_ton=5, destination_addr="Example", esm_class=4,
            short_message=RECEIPT_TEXT,
            tlvs=((0x001E, b"0123abCD\0"), (0x0427, b"\x02"), (0x0423, b"\x03\0\0")),
        ), 0, 0,
    ),
    "deliver_sm_resp": (DeliverSmResp(), 0, 0),
    "data_sm": (
        DataSm(
            service_type="WAP", source_addr_ton=1, source_addr_npi=1, source_addr="346",
            destination_addr="12", esm_class=4, data_coding=8,
            tlvs=((0x0424, b"\x20\xac"), (0x1400, b"")),
        ), 9, 0,
    ),
    "data_sm_resp": (DataSmResp("d1", ((0x0425, b"\x02"), (0x1401, b""))), 9, 0xFE),
    "query_sm": (QuerySm("q7", 1, 1, "3467"), 10, 0),
    "query_sm_resp": (QuerySmResp("q7", "261121094700004+", 5, 99), 10, 0),
    "cancel_sm": (CancelSm("", "c1", 1, 1, "34", 0, 0, "356"), 11, 0),
    "replace_sm": (ReplaceSm("r1", 1, 1, "34", "261231235959000+", "", 1), 12, 0),
    "enquire_link": (EnquireLink(), 1, 0),
    "enquire_link_resp": (EnquireLinkResp(), 1, 0),
    "alert_notification": (
        AlertNotification(1, 1, "346", 0, 0, "E1", ((0x0422, b"\0"),)), 13, 0,
    ),
}  # fmt: skip


def test_every_golden_file_is_used() -> None:
    assert {path.stem for path in GOLDEN.glob("*.hex")} == set(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_known_octets_are_written_and_read(name: str) -> None:
    pdu, sequence_number, status = KNOWN[name]
    octets = golden(name)
    assert encode(pdu, sequence_number, status) == octets
    header = Header(len(octets), pdu.command_id, status, sequence_number)
    assert decode(octets) == Decoded(header, pdu)
