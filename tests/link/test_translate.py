"""What stands in the PDUs that a link sends."""

from __future__ import annotations

import pytest

from smppd.address import Sender
from smppd.config import LinkConfig
from smppd.link.translate import (
    Wording,
    Writer,
    absolute_time,
    bind_request,
    relative_time,
    submit_sm,
    with_reference,
    wording_of,
)
from smppd.message import Message, Part
from smppd.smpp.codec import encode
from smppd.smpp.errors import EncodeError
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


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sender": "OTHER"},
        {"source_ton": 0, "source_npi": 1},
        {"links_sender": True},
        {"dest_ton": 0, "dest_npi": 0},
        {"esm_class": 0},
        {"receipt": False},
        {"data_coding": 0},
        {"to": "34600000002"},
        {"segments": (b"third", b"fourth")},
        {"expires": 1e9},
        {"schedule": 2e9},
        {"tlv": ((0x1400, b"x"),)},
        {"sar": 7},
    ],
)
def test_every_part_is_written_as_the_submit_sm_that_it_is(changes: dict[str, object]) -> None:
    wording = Wording("CMT", Sender("LINK", 5, 0))
    writer = Writer(wording, lambda: 0.0)
    for each in (message(), message(**changes), message(), message(**changes)):
        for index in (0, 1):
            part = Part(7, index, each)
            assert writer.body(part) == encode(submit_sm(part, wording, 0.0), 1)[16:]


def test_a_part_with_a_reference_has_its_own() -> None:
    wording = Wording(references=True)
    part = Part(7, 1, message())
    pdu = with_reference(submit_sm(part, wording, 0.0), part)
    assert pdu.tlvs
    assert Writer(wording, lambda: 0.0).body(part) == encode(pdu, 1)[16:]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"to": "1" * 21}, "destination_addr"), ({"sender": "x" * 21}, "source_addr")],
)
def test_a_part_that_does_not_fit_is_refused_by_the_field(
    changes: dict[str, object], field: str
) -> None:
    writer = Writer(Wording(), lambda: 0.0)
    for _ in range(2):
        with pytest.raises(EncodeError, match=f"submit_sm: {field}: "):
            writer.body(Part(7, 0, message(**changes)))
    assert writer.body(Part(7, 0, message()))


def test_kinds_of_submit_sm_are_not_remembered_for_ever() -> None:
    wording = Wording()
    writer = Writer(wording, lambda: 0.0)
    for number in range(2_500):
        part = Part(7, 0, message(sender=f"S{number}"))
        assert writer.body(part) == encode(submit_sm(part, wording, 0.0), 1)[16:]
    assert len(writer._kinds) <= 1_000


def test_a_bind_request_carries_the_account() -> None:
    config = LinkConfig(name="main", hosts=(), system_id="acme", system_type="VMA")
    assert bind_request(config, "secret", "transceiver") == BindTransceiver(
        system_id="acme", password="secret", system_type="VMA", interface_version=0x34
    )


@pytest.mark.parametrize("bind", ["transceiver", "transmitter", "receiver"])
def test_the_bind_is_of_the_configured_kind(bind: str) -> None:
    config = LinkConfig(name="main", hosts=(), system_id="acme", bind=bind)  # type: ignore[arg-type]
    assert bind_request(config, "", bind).command_id.name == f"BIND_{bind.upper()}"
