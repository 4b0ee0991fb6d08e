"""TLVs: values are read forgivingly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.smpp.errors import EncodeError
from smppd.smpp.tlv import (
    KINDS,
    CStringValue,
    IntegerValue,
    decode_tlv,
    read_tlvs,
    tlv_name,
    write_tlvs,
)
from smppd.smpp.vocabulary import TlvTag

VENDOR_TAG = 0x1400


def test_every_tag_that_has_a_name_has_a_kind() -> None:
    assert set(KINDS) == {tag.value for tag in TlvTag}


def test_tags_are_named_or_numbered() -> None:
    assert tlv_name(0x001E) == "receipted_message_id"
    assert tlv_name(VENDOR_TAG) == "0x1400"


@pytest.mark.parametrize(
    ("tag", "value", "raw"),
    [
        (TlvTag.MESSAGE_STATE, 2, b"\x02"),
        (TlvTag.USER_MESSAGE_REFERENCE, 0xBEEF, b"\xbe\xef"),
        (TlvTag.QOS_TIME_TO_LIVE, 3600, b"\x00\x00\x0e\x10"),
        (TlvTag.SOURCE_TELEMATICS_ID, 7, b"\x07"),
        (TlvTag.RECEIPTED_MESSAGE_ID, "abc", b"abc\0"),
        (TlvTag.NETWORK_ERROR_CODE, b"\x03\x00\x01", b"\x03\x00\x01"),
        (TlvTag.ALERT_ON_MESSAGE_DELIVERY, b"", b""),
        (TlvTag.MESSAGE_PAYLOAD, b"x" * 65535, b"x" * 65535),
        (VENDOR_TAG, b"\0raw", b"\0raw"),
    ],
)
def test_a_value_is_read(tag: int, value: int | str | bytes, raw: bytes) -> None:
    assert decode_tlv(tag, raw) == value


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"123\0", "123"), (b"123", "123"), (b"123\0\0", "123"), (b"12\x003", "12"), (b"", "")],
)
def test_a_string_ends_at_its_nul_or_with_its_value(raw: bytes, text: str) -> None:
    assert decode_tlv(TlvTag.RECEIPTED_MESSAGE_ID, raw) == text


@pytest.mark.parametrize(
    ("raw", "number"), [(b"\x02", 2), (b"\0\0\0\x02", 2), (b"", None), (b"\1" * 9, None)]
)
def test_an_integer_of_a_wrong_width_is_read_or_says_nothing(
    raw: bytes, number: int | None
) -> None:
    assert decode_tlv(TlvTag.MESSAGE_STATE, raw) == number


@given(tag=st.sampled_from(sorted(KINDS)) | st.integers(0, 0xFFFF), raw=st.binary(max_size=80))
def test_reading_a_value_never_fails(tag: int, raw: bytes) -> None:
    value = decode_tlv(tag, raw)
    kind = KINDS.get(tag)
    if isinstance(kind, IntegerValue):
        assert value is None or isinstance(value, int)
    else:
        assert isinstance(value, str if isinstance(kind, CStringValue) else bytes)


def test_tlvs_keep_their_order_and_their_repetitions() -> None:
    tlvs = ((0x1401, b"b"), (0x1400, b""), (0x1401, b"c"))
    octets = write_tlvs(tlvs)
    assert octets == bytes.fromhex("1401 0001 62 1400 0000 1401 0001 63")
    assert read_tlvs(octets, 0, len(octets)) == tlvs


@pytest.mark.parametrize(
    "tail", ["00", "0000", "000000", "00000000", "0000000000", "0427", "042700"]
)
def test_padding_and_spare_octets_are_no_tlvs(tail: str) -> None:
    octets = bytes.fromhex("0427 0001 02" + tail)
    assert read_tlvs(octets, 0, len(octets)) == ((0x0427, b"\x02"),)


def test_a_tlv_behind_padding_is_found() -> None:
    octets = bytes.fromhex("0000 0000 0427 0001 02")
    assert read_tlvs(octets, 0, len(octets)) == ((0x0427, b"\x02"),)


def test_a_tlv_that_runs_beyond_the_pdu_ends_the_reading() -> None:
    octets = bytes.fromhex("0427 0001 02 001E 0009 313233 0423 0000")
    assert read_tlvs(octets, 0, len(octets)) == ((0x0427, b"\x02"),)


@pytest.mark.parametrize("tlv", [(0x10000, b""), (-1, b""), (0x1400, b"x" * 65536)])
def test_a_tlv_that_has_no_place_on_the_wire_is_refused(tlv: tuple[int, bytes]) -> None:
    with pytest.raises(EncodeError, match="TLV"):
        write_tlvs([tlv])
