"""What stands in the PDUs that a link sends."""

from __future__ import annotations

import pytest

from smppd.config import LinkConfig
from smppd.link.translate import absolute_time, bind_request, submit_sm
from smppd.message import Message, Part
from smppd.smpp.pdu import BindTransceiver, SubmitSm


def message(**changes: object) -> Message:
    fields: dict[str, object] = {
        "to": "34600000001",
        "dest_ton": 1,
        "dest_npi": 1,
        "sender": "ACME",
        "source_ton": 5,
        "source_npi": 0,
        "data_coding": 8,
        "esm_class": 0x40,
        "encoding": "ucs2",
        "segments": (b"first", b"second"),
    }
    return Message(**(fields | changes))  # type: ignore[arg-type]


def test_a_part_becomes_a_submit_sm_with_its_own_segment() -> None:
    part = Part(7, 1, message(tlv=((0x1400, b"\x01"),)))
    assert submit_sm(part, "CMT") == SubmitSm(
        service_type="CMT",
        source_addr_ton=5,
        source_addr="ACME",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="34600000001",
        esm_class=0x40,
        registered_delivery=1,
        data_coding=8,
        short_message=b"second",
        tlvs=((0x1400, b"\x01"),),
    )


@pytest.mark.parametrize(("wanted", "octet"), [(True, 1), (False, 0)])
def test_a_receipt_is_asked_for_with_every_part_or_none(wanted: bool, octet: int) -> None:
    wished = message(receipt=wanted)
    asked = [submit_sm(Part(1, index, wished), "").registered_delivery for index in (0, 1)]
    assert asked == [octet, octet]


def test_the_validity_period_is_absolute_in_utc() -> None:
    assert submit_sm(Part(1, 0, message(expires=1_798_761_599.9)), "").validity_period == (
        "261231235959000+"
    )
    assert absolute_time(0) == "700101000000000+"


def test_a_bind_request_carries_the_account() -> None:
    config = LinkConfig(name="main", hosts=(), system_id="acme", system_type="VMA")
    assert bind_request(config, "secret", "transceiver") == BindTransceiver(
        system_id="acme", password="secret", system_type="VMA", interface_version=0x34
    )


@pytest.mark.parametrize("bind", ["transceiver", "transmitter", "receiver"])
def test_the_bind_is_of_the_configured_kind(bind: str) -> None:
    config = LinkConfig(name="main", hosts=(), system_id="acme", bind=bind)  # type: ignore[arg-type]
    assert bind_request(config, "", bind).command_id.name == f"BIND_{bind.upper()}"
