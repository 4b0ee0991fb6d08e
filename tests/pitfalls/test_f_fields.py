"""Addresses and the other fields of a submit_sm: what goes out, and what is refused instead."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from smppd.config import TonNpi
from tests.pitfalls.raw import BINDS
from tests.pitfalls.rig import Rig
from tests.pitfalls.submits import Submit, refused, submitted, taken_apart


def source(submits: list[Submit]) -> tuple[int, int, bytes]:
    (submit,) = submits
    return submit.source_ton, submit.source_npi, submit.source


def destination(submits: list[Submit]) -> tuple[int, int, bytes]:
    (submit,) = submits
    return submit.dest_ton, submit.dest_npi, submit.destination


# ── P79: the sender ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("ACME", (5, 0, b"ACME")),
        ("A-B C_D.E&F", (5, 0, b"A-B C_D.E&F")),
        ("24-7", (5, 0, b"24-7")),
        ("+34 911 111 111", (1, 1, b"34911111111")),
        ("0034911111111", (1, 1, b"34911111111")),
        ("2580", (3, 0, b"2580")),
        ("", (0, 0, b"")),
    ],
)
async def test_p79_a_sender_has_the_ton_and_npi_of_what_it_is(
    rig: Rig, autojump_clock: MockClock, sender: str, address: tuple[int, int, bytes]
) -> None:
    await rig.start()
    assert source(await submitted(rig, **{"text": "Hola", "from": sender})) == address


@pytest.mark.parametrize(
    ("sender", "why"),
    [
        ("TWELVELETTER", "12 characters"),
        ("Ω", "U+03A9"),
        ("é", "U+00E9"),
        ("a@b", "'@'"),
        ("[ACME]", "'['"),
        ("AC\0ME", "U+0000"),
        ("ACME\n", "U+000A"),
        ("ACME\x7f", "U+007F"),
        ("1234567890123456", "16 digits"),
    ],
)
async def test_p79_a_sender_that_would_arrive_as_another_is_refused(
    rig: Rig, autojump_clock: MockClock, sender: str, why: str
) -> None:
    await rig.start()
    error = await refused(rig, **{"from": sender})
    assert error["code"] == "BAD_FROM"
    assert why in error["text"]


# ── P80: the destination ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("to", "address"),
    [
        ("+34600000000", (1, 1, b"34600000000")),
        ("0034600000000", (1, 1, b"34600000000")),
        ("34600000000", (1, 1, b"34600000000")),
        ("+34 600-00 00.00", (1, 1, b"34600000000")),
        ("2580", (3, 0, b"2580")),
        ("112", (3, 0, b"112")),
        ("+1234567", (1, 1, b"1234567")),
        ("+123456789012345", (1, 1, b"123456789012345")),
    ],
)
async def test_p80_a_destination_is_digits_with_its_ton_and_npi(
    rig: Rig, autojump_clock: MockClock, to: str, address: tuple[int, int, bytes]
) -> None:
    await rig.start()
    assert destination(await submitted(rig, to=to, text="Hola")) == address


async def test_p80_a_national_number_needs_a_default_country(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(
        bound=3,
        links={
            "none": {},
            "spain": {"default_country": "34"},
            "germany": {"default_country": "49"},
        },
    )
    error = await refused(rig, to="600000000")
    assert error["code"] == "BAD_TO"
    assert "may be a national one" in error["text"]
    for via, code in (("spain", b"34"), ("germany", b"49")):
        for to in ("600000000", "0600000000"):
            assert destination(await submitted(rig, to=to, text="Hola", via=via)) == (
                *(1, 1, code + b"600000000"),
            )
        kept = await submitted(rig, to="+33600000000", text="Hola", via=via)
        assert destination(kept) == (1, 1, b"33600000000")


async def test_p80_a_provider_may_want_other_ton_and_npi(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(ton_npi=TonNpi((0, 1), (0, 0), (5, 8)))
    assert destination(await submitted(rig, to="2580", text="Hola")) == (0, 0, b"2580")
    submits = await submitted(rig, text="Hola")
    assert (source(submits), destination(submits)) == ((5, 8, b"ACME"), (0, 1, b"34600000001"))


# ── P81 and P82: nothing injected, nothing cut ───────────────────────────────────────────────


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("to", "346\x0000007", "BAD_TO"),
        ("to", "34600000001\0", "BAD_TO"),
        ("to", "34600000001\n", "BAD_TO"),
        ("to", "\x0134600000001", "BAD_TO"),
        ("to", "34600000001\x1b", "BAD_TO"),
        ("from", "AC\0ME", "BAD_FROM"),
        ("from", "\0", "BAD_FROM"),
        ("from", "ACME\r", "BAD_FROM"),
        ("from", "346\x00000000", "BAD_FROM"),
        ("expires", "10m\0", "BAD_EXPIRES"),
    ],
)
async def test_p81_no_nul_or_control_character_gets_into_a_field(
    rig: Rig, autojump_clock: MockClock, field: str, value: str, code: str
) -> None:
    await rig.start()
    assert (await refused(rig, **{field: value}))["code"] == code


async def test_p81_a_nul_in_the_text_stays_in_the_text(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    for text, octets in (("a\0b", b"\0a\0\0\0b"), ("@", b"\0")):
        (submit,) = await submitted(rig, text=text)
        assert submit.text == octets
        assert submit.destination == b"34600000001"


@pytest.mark.parametrize(
    "to", ["3460000000134600000001346", "+1234567890123456", "34600000001,34600000002"]
)
async def test_p82_a_number_that_is_too_long_is_refused_never_cut(
    rig: Rig, autojump_clock: MockClock, to: str
) -> None:
    await rig.start()
    assert (await refused(rig, to=to))["code"] == "BAD_TO"


async def test_p82_nothing_of_a_message_is_cut(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    assert (await refused(rig, **{"from": "ABCDEFGHIJKL"}))["code"] == "BAD_FROM"
    assert (await refused(rig, text="x" * 40_000))["code"] == "TOO_LONG"
    assert (await refused(rig, text="x", udh="8b00" + "00" * 139))["code"] == "BAD_UDH"


# ── P84 to P86: the other fields ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["Hola", "x" * 400])
@pytest.mark.parametrize(
    ("fields", "octet"), [({"receipt": True}, 1), ({"receipt": False}, 0), ({}, 1)]
)
async def test_p84_a_receipt_is_asked_for_with_1_or_not_with_0(
    rig: Rig, autojump_clock: MockClock, text: str, fields: dict[str, bool], octet: int
) -> None:
    await rig.start()
    rig.hand_in({"to": "+34600000001", "text": text, "id": "m"} | fields)
    parts = 3 if len(text) > 160 else 1
    await rig.until(lambda: len(rig.smsc.submits) == parts)
    await rig.until(lambda: rig.state("m") == "sent")
    assert [taken_apart(frame).registered_delivery for frame in rig.smsc.submits] == [octet] * parts


async def test_p84_nothing_but_true_and_false_can_be_asked_for(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    for value in (2, 3, 17, "failure", "true"):
        assert (await refused(rig, receipt=value))["code"] == "BAD_TYPE"


async def test_p85_service_type_is_empty_and_nothing_is_replaced(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    twice = [await submitted(rig, text="Hola") for _ in range(2)]
    for (submit,) in twice:
        assert (submit.service_type, submit.replace_if_present_flag) == (b"", 0)


async def test_p85_a_provider_may_want_a_service_type(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start(service_type="CMT")
    (submit,) = await submitted(rig, text="Hola")
    assert (submit.service_type, submit.replace_if_present_flag) == (b"CMT", 0)


@pytest.mark.parametrize("priority", ["high", "normal", "bulk"])
async def test_p86_priority_protocol_and_default_message_are_0(
    rig: Rig, autojump_clock: MockClock, priority: str
) -> None:
    await rig.start()
    for fields in (
        {"text": "Hola"},
        {"text": "x" * 400},
        {"data": "00"},
        {"text": "a", "flash": True},
    ):
        for submit in await submitted(rig, priority=priority, **fields):
            assert submit.priority_flag == 0
            assert submit.protocol_id == 0
            assert submit.sm_default_msg_id == 0
            assert submit.schedule_delivery_time == b""


@pytest.mark.parametrize(
    ("keys", "version"), [({"tlvs": False}, 0x34), ({"interface_version": "3.3"}, 0x33)]
)
async def test_p45_a_link_without_tlvs_sends_none(
    rig: Rig, autojump_clock: MockClock, keys: dict[str, Any], version: int
) -> None:
    await rig.start(**keys)
    error = await refused(rig, tlv={"0x1400": "01"})
    assert error["code"] == "BAD_TLV"
    assert "takes no optional parameters" in error["text"]
    for submit in await submitted(rig, text="x" * 400):
        assert submit.tlvs == ()
    (bind,) = [frame for frame in rig.call.frames if frame.command_id in BINDS]
    assert bind.body.split(b"\0", 3)[3][0] == version
