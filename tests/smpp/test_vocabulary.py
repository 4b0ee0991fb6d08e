"""The dictionary: names that people see, numbers that the wire sees."""

from __future__ import annotations

from enum import IntEnum

import pytest
from smpplib import consts
from smpplib.command_codes import commands

from smppd.smpp.vocabulary import (
    RESPONSE_BIT,
    CommandId,
    CommandStatus,
    DataCoding,
    EsmClass,
    MessageState,
    Npi,
    RegisteredDelivery,
    TlvTag,
    Ton,
    status_name,
)


def test_a_known_status_has_the_specifications_name() -> None:
    assert status_name(0) == "ESME_ROK"
    assert status_name(0x58) == "ESME_RTHROTTLED"
    assert status_name(0x112) == "ESME_RINVBCASTCHANIND"


@pytest.mark.parametrize(
    ("code", "name"), [(0x401, "0x00000401"), (0x10, "0x00000010"), (0xFFFFFFFF, "0xFFFFFFFF")]
)
def test_a_vendors_status_is_named_by_its_number(code: int, name: str) -> None:
    assert status_name(code) == name


def test_every_command_of_the_dictionary_is_there() -> None:
    assert {command.name.lower(): command.value for command in CommandId} == commands


def test_every_status_of_the_dictionary_is_there() -> None:
    known = {
        name.removeprefix("SMPP_"): value
        for name, value in vars(consts).items()
        if name.startswith("SMPP_ESME_")
    }
    assert known.items() <= {status.name: status.value for status in CommandStatus}.items()


def test_every_tlv_of_the_dictionary_is_there() -> None:
    assert consts.OPTIONAL_PARAMS.items() <= {tag.name.lower(): tag.value for tag in TlvTag}.items()


def test_responses_differ_from_requests_by_one_bit() -> None:
    for command in CommandId:
        if command.name.endswith("_RESP"):
            assert command == CommandId[command.name.removesuffix("_RESP")] | RESPONSE_BIT


@pytest.mark.parametrize(
    "names",
    [
        CommandId, CommandStatus, DataCoding, EsmClass, MessageState, Npi, RegisteredDelivery,
        TlvTag, Ton,
    ],
)  # fmt: skip
def test_no_number_has_two_names(names: type[IntEnum]) -> None:
    assert len(names.__members__) == len(list(names))


def test_numbers_of_both_versions_stand_where_the_specifications_put_them() -> None:
    numbers: dict[int, int] = {
        TlvTag.MESSAGE_PAYLOAD: 0x0424,
        TlvTag.CONGESTION_STATE: 0x0428,
        TlvTag.DEST_ADDR_NP_COUNTRY: 0x0613,
        CommandStatus.ESME_RX_R_APPN: 0x66,
        MessageState.SKIPPED: 9,
        EsmClass.MESSAGE_TYPE_MASK: 0b00111100,
        RESPONSE_BIT: 1 << 31,
    }
    assert all(name == number for name, number in numbers.items())
