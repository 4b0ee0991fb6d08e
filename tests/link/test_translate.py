"""What stands in the PDUs that a link sends."""

from __future__ import annotations

import pytest

from smppd.config import LinkConfig
from smppd.link.translate import (
    Wording,
    absolute_time,
    bind_request,
    relative_time,
    submit_sm,
    wording_of,
)
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
    assert submit_sm(part, Wording("CMT"), 0.0) == SubmitSm(
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
    asked = [
        submit_sm(Part(1, index, wished), Wording(), 0.0).registered_delivery for index in (0, 1)
    ]
    assert asked == [octet, octet]


def test_times_are_absolute_in_utc_relative_or_left_out() -> None:
    now, timed = (
        1_798_761_000.0,
        Part(1, 0, message(expires=1_798_761_599.9, schedule=1_798_761_060.2)),
    )
    written = {
        times: submit_sm(timed, Wording(times=times), now)
        for times in ("absolute", "relative", "omit")
    }
    assert {times: pdu.validity_period for times, pdu in written.items()} == {
        "absolute": "261231235959000+",
        "relative": "000000000959000R",
        "omit": "",
    }
    assert {times: pdu.schedule_delivery_time for times, pdu in written.items()} == {
        "absolute": "261231235101000+",
        "relative": "000000000101000R",
        "omit": "",
    }


def test_a_delivery_time_that_has_come_is_left_out() -> None:
    timed = Part(1, 0, message(schedule=1000.0))
    assert submit_sm(timed, Wording(), 1000.0).schedule_delivery_time == ""
    assert absolute_time(0) == "700101000000000+"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.2, "000000000001000R"),
        (59.9, "000000000059000R"),
        (86_399, "000000235959000R"),
        (31 * 86_400, "000031000000000R"),
        (32 * 86_400, "000102000000000R"),
        (720 * 86_400 + 3661, "020000010101000R"),
    ],
)
def test_a_length_of_time_on_the_wire(seconds: float, written: str) -> None:
    assert relative_time(seconds) == written


def test_a_message_without_a_sender_of_its_own_has_that_of_the_link() -> None:
    config = LinkConfig(name="b", hosts=(), system_id="b", from_="+34600000009")
    left, named = message(links_sender=True), message()
    pdus = [submit_sm(Part(1, 0, each), wording_of(config), 0.0) for each in (left, named)]
    assert [(pdu.source_addr_ton, pdu.source_addr) for pdu in pdus] == [
        (1, "34600000009"),
        (5, "ACME"),
    ]


def test_a_bind_request_carries_the_account() -> None:
    config = LinkConfig(name="main", hosts=(), system_id="acme", system_type="VMA")
    assert bind_request(config, "secret", "transceiver") == BindTransceiver(
        system_id="acme", password="secret", system_type="VMA", interface_version=0x34
    )


@pytest.mark.parametrize("bind", ["transceiver", "transmitter", "receiver"])
def test_the_bind_is_of_the_configured_kind(bind: str) -> None:
    config = LinkConfig(name="main", hosts=(), system_id="acme", bind=bind)  # type: ignore[arg-type]
    assert bind_request(config, "", bind).command_id.name == f"BIND_{bind.upper()}"
