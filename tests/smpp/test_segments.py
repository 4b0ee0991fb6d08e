"""What a user data header and the SAR TLVs say about a part of a long message."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.smpp.cutting import Cut, Manner, cut
from smppd.smpp.pdu import DataSm, DeliverSm, Tlvs
from smppd.smpp.segments import Ports, Segment, UserData, read_user_data
from smppd.smpp.text import binary
from smppd.smpp.vocabulary import TlvTag

UDHI = 0x40


def headed(header: str, text: bytes = b"text") -> DeliverSm:
    return DeliverSm(esm_class=UDHI, short_message=bytes.fromhex(header) + text)


def sar(reference: bytes = b"\1\2", total: bytes = b"\3", number: bytes = b"\2") -> Tlvs:
    return (
        (int(TlvTag.SAR_MSG_REF_NUM), reference),
        (int(TlvTag.SAR_TOTAL_SEGMENTS), total),
        (int(TlvTag.SAR_SEGMENT_SEQNUM), number),
    )


@pytest.mark.parametrize(
    ("header", "segment", "ports"),
    [
        ("050003ff0302", Segment("udh8", 255, 3, 2), None),
        ("060804abcd0302", Segment("udh16", 0xABCD, 3, 2), None),
        ("0b05040b8423f00003ff0302", Segment("udh8", 255, 3, 2), Ports(0x0B84, 0x23F0)),
        ("0a0003ff030205030b8401", Segment("udh8", 255, 3, 2), None),
        ("0404020102", None, Ports(1, 2)),
        ("0605040b8423f0", None, Ports(0x0B84, 0x23F0)),
        ("00", None, None),
        ("0170", None, None),
        # An element that is longer than the header, or of another length than its kind has.
        ("05000aff0302", None, None),
        ("040002ff03", None, None),
    ],
)
def test_headers(header: str, segment: Segment | None, ports: Ports | None) -> None:
    octets = bytes.fromhex(header)
    assert read_user_data(headed(header)) == UserData(octets, b"text", segment, ports)


@pytest.mark.parametrize("octets", [b"", b"\xff", b"\5\0\3"])
def test_a_header_longer_than_the_message_is_none(octets: bytes) -> None:
    pdu = DeliverSm(esm_class=UDHI, short_message=octets)
    assert read_user_data(pdu) == UserData(b"", octets, None, None)


def test_without_the_flag_there_is_no_header() -> None:
    pdu = DeliverSm(short_message=bytes.fromhex("050003ff0302"))
    assert read_user_data(pdu) == UserData(b"", pdu.short_message, None, None)


def test_sar_tlvs_in_either_pdu_and_at_any_width() -> None:
    assert read_user_data(DeliverSm(tlvs=sar())).segment == Segment("sar", 0x0102, 3, 2)
    assert read_user_data(DataSm(tlvs=sar(b"\7"))).segment == Segment("sar", 7, 3, 2)
    assert read_user_data(DataSm(tlvs=sar(total=b""))).segment is None
    assert read_user_data(DataSm(tlvs=sar()[:2])).segment is None


def test_the_header_comes_before_the_tlvs() -> None:
    pdu = DeliverSm(esm_class=UDHI, short_message=b"\5\0\3\7\2\1", tlvs=sar())
    assert read_user_data(pdu).segment == Segment("udh8", 7, 2, 1)


@pytest.mark.parametrize(("number", "total"), [(0, 3), (4, 3), (1, 0), (0, 0)])
def test_numbers_that_cannot_be(number: int, total: int) -> None:
    assert not Segment("udh8", 1, total, number).is_numbered


@given(
    st.binary(min_size=141, max_size=900),
    st.integers(0, 0xFFFF),
    st.sampled_from(["udh8", "udh16"]),
)
def test_what_we_cut_we_can_join(
    octets: bytes, reference: int, split: Literal["udh8", "udh16"]
) -> None:
    done = cut(binary(octets), Manner(split), lambda: reference)
    assert isinstance(done, Cut)
    told = [read_user_data(DeliverSm(esm_class=UDHI, short_message=each)) for each in done.segments]
    assert b"".join(each.octets for each in told) == octets
    total = len(told)
    kept = reference & (0xFF if split == "udh8" else 0xFFFF)
    assert [each.segment for each in told] == [
        Segment(split, kept, total, n) for n in range(1, total + 1)
    ]


@given(
    st.binary(max_size=160), st.sampled_from([0, UDHI]), st.lists(st.binary(max_size=4), max_size=3)
)
def test_nothing_that_comes_is_lost_or_raises(
    octets: bytes, esm_class: int, values: list[bytes]
) -> None:
    tlvs = tuple((tag, value) for (tag, _), value in zip(sar(), values, strict=False))
    user_data = read_user_data(DeliverSm(esm_class=esm_class, short_message=octets, tlvs=tlvs))
    assert user_data.header + user_data.octets == octets
