"""The declarations: complete, in step with one another, and of one shape."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from smppd.smpp.fields import fields_of
from smppd.smpp.pdu import (
    PDU_CLASSES,
    RESPONSE_TO,
    DataSm,
    DeliverSm,
    Pdu,
    Request,
    Response,
    SubmitSm,
)
from smppd.smpp.vocabulary import RESPONSE_BIT, CommandId, TlvTag

ALL = sorted(PDU_CLASSES.values(), key=lambda kind: kind.__name__)


def test_every_command_of_smpp_has_its_pdu() -> None:
    assert set(PDU_CLASSES) == set(CommandId)
    assert len(get_args(Request)) + len(get_args(Response)) == len(CommandId)


@pytest.mark.parametrize("kind", ALL)
def test_a_class_is_named_after_its_command(kind: type[Pdu]) -> None:
    assert kind.__name__.lower() == kind.command_id.name.replace("_", "").lower()
    assert (kind in get_args(Response)) == bool(kind.command_id & RESPONSE_BIT)


@pytest.mark.parametrize("kind", ALL)
def test_every_field_but_the_tlvs_is_declared_with_a_wire_type(kind: type[Pdu]) -> None:
    assert kind.__struct_fields__ == (*fields_of(kind), "tlvs")
    assert kind().tlvs == ()


def test_every_request_but_notifications_has_its_response() -> None:
    unanswered = {CommandId.OUTBIND, CommandId.ALERT_NOTIFICATION}
    requests = {kind.command_id for kind in get_args(Request)}
    assert set(RESPONSE_TO) == requests - unanswered
    for command_id, response in RESPONSE_TO.items():
        assert response.command_id == command_id | RESPONSE_BIT


def test_the_first_tlv_with_a_tag_is_found() -> None:
    pdu = DeliverSm(tlvs=((0x1400, b"a"), (0x1400, b"b"), (TlvTag.MESSAGE_STATE, b"\2")))
    assert pdu.tlv(0x1400) == b"a"
    assert pdu.tlv(TlvTag.MESSAGE_STATE) == b"\2"
    assert pdu.tlv(TlvTag.RECEIPTED_MESSAGE_ID) is None


@pytest.mark.parametrize("kind", [SubmitSm, DeliverSm])
def test_message_octets_are_the_short_message_or_else_the_payload(
    kind: type[SubmitSm | DeliverSm],
) -> None:
    payload = ((TlvTag.MESSAGE_PAYLOAD.value, b"long"),)
    assert kind(short_message=b"short").message_octets == b"short"
    assert kind(short_message=b"short", tlvs=payload).message_octets == b"short"
    assert kind(tlvs=payload).message_octets == b"long"
    assert kind().message_octets == b""


def test_message_octets_of_data_sm_are_its_payload() -> None:
    assert DataSm(tlvs=((TlvTag.MESSAGE_PAYLOAD.value, b"long"),)).message_octets == b"long"
    assert DataSm().message_octets == b""


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError):
        msgspec.structs.replace(SubmitSm(), sm_length=3)
