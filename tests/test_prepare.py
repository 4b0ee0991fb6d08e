"""From a request to a message: what leaves, and every way in which it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.config import LinkConfig
from smppd.message import ErrorInfo, Message, OnUnknown, Request
from smppd.prepare import prepare
from smppd.smpp.text import decode_text
from smppd.smpp.vocabulary import EsmClass, Npi, Ton

NOW = 1_800_000_000.0
LINK = LinkConfig(name="main", hosts=(), system_id="acme", from_="ACME")
SPANISH = "34"


def outcome(
    to: str = "+34600000001", link: LinkConfig = LINK, country: str = "", **fields: Any
) -> Message | ErrorInfo:
    if "data" not in fields:
        fields.setdefault("text", "Hola")
    return prepare(Request(to=to, **fields), to, link, country, 7, NOW)


def good(**fields: Any) -> Message:
    message = outcome(**fields)
    assert isinstance(message, Message), message
    return message


def bad(**fields: Any) -> ErrorInfo:
    error = outcome(**fields)
    assert isinstance(error, ErrorInfo), error
    assert error.status is None
    return error


def linked(**keys: Any) -> LinkConfig:
    return LinkConfig(name="main", hosts=(), system_id="acme", **{"from_": "ACME", **keys})


# ── what leaves ──────────────────────────────────────────────────────────────────────────────


def test_a_plain_message() -> None:
    assert good() == Message(
        "34600000001", Ton.INTERNATIONAL, Npi.ISDN, "ACME", Ton.ALPHANUMERIC, Npi.UNKNOWN,
        0, 0, "gsm7", (b"Hola",), True, OnUnknown.HOLD, None, (), None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("to", "country", "digits", "ton"),
    [
        ("+34 600-000-001", "", "34600000001", Ton.INTERNATIONAL),
        ("0034600000001", "", "34600000001", Ton.INTERNATIONAL),
        ("34600000001", "", "34600000001", Ton.INTERNATIONAL),
        ("600000001", SPANISH, "34600000001", Ton.INTERNATIONAL),
        ("2580", "", "2580", Ton.NETWORK_SPECIFIC),
    ],
)
def test_where_it_goes(to: str, country: str, digits: str, ton: Ton) -> None:
    message = good(to=to, country=country)
    assert (message.to, message.dest_ton) == (digits, ton)


@pytest.mark.parametrize(
    ("own", "links", "sender", "ton"),
    [
        (None, "ACME", "ACME", Ton.ALPHANUMERIC),
        ("Shop", "ACME", "Shop", Ton.ALPHANUMERIC),
        ("+34911111111", "ACME", "34911111111", Ton.INTERNATIONAL),
        ("2580", "ACME", "2580", Ton.NETWORK_SPECIFIC),
        ("", "ACME", "", Ton.UNKNOWN),
        (None, "", "", Ton.UNKNOWN),
    ],
)
def test_whom_it_is_from(own: str | None, links: str, sender: str, ton: Ton) -> None:
    message = good(from_=own, link=linked(from_=links))
    assert (message.sender, message.source_ton) == (sender, ton)


@pytest.mark.parametrize(
    ("text", "asked", "encoding", "data_coding", "octets"),
    [
        ("a€", "auto", "gsm7", 0, b"a\x1be"),
        ("ж", "auto", "ucs2", 8, b"\x04\x36"),
        ("a", "ucs2", "ucs2", 8, b"\0a"),
        ("ñ", "latin1", "latin1", 3, b"\xf1"),
        ("ñ", "gsm7", "gsm7", 0, b"\x7d"),
        ("😀", "auto", "ucs2", 8, b"\xd8\x3d\xde\x00"),
    ],
)
def test_how_text_is_encoded(
    text: str, asked: str, encoding: str, data_coding: int, octets: bytes
) -> None:
    message = good(text=text, encoding=asked)
    assert (message.encoding, message.data_coding) == (encoding, data_coding)
    assert message.segments == (octets,)


def test_data_goes_as_it_is() -> None:
    message = good(data="00 ff7F", encoding="binary")
    assert (message.encoding, message.data_coding, message.segments) == (
        "binary",
        4,
        (b"\x00\xff\x7f",),
    )
    assert good(data="00ff7f") == message


@pytest.mark.parametrize(
    ("fields", "data_coding"),
    [
        ({"text": "a"}, 0x10),
        ({"text": "ж"}, 0x18),
        ({"data": "00"}, 0x14),
    ],
)
def test_flash_is_class_0_in_its_alphabet(fields: dict[str, str], data_coding: int) -> None:
    assert good(flash=True, **fields).data_coding == data_coding


@pytest.mark.parametrize(("split", "header"), [("udh8", 6), ("udh16", 7)])
def test_a_long_text_is_cut_as_the_link_says(split: str, header: int) -> None:
    text = "0123456789" * 40
    message = good(text=text, link=linked(split=split))
    assert message.esm_class == EsmClass.UDHI
    assert [segment[0] + 1 for segment in message.segments] == [header] * 3
    assert b"".join(segment[header:] for segment in message.segments).decode() == text
    for number, segment in enumerate(message.segments, start=1):
        assert tuple(segment[header - 2 : header]) == (3, number)
        assert segment[header - 3] == 7  # the reference


def test_a_header_of_the_clients_own_stands_in_each_part() -> None:
    message = good(text="Hola", udh="0605040b8423f0")
    assert message.esm_class == EsmClass.UDHI
    assert message.segments == (bytes.fromhex("0605040b8423f0") + b"Hola",)


@pytest.mark.parametrize("own", ["hold", "resend", "fail", None])
@pytest.mark.parametrize("links", ["hold", "resend", "fail"])
def test_what_to_do_in_doubt_is_the_messages_or_else_the_links(own: str | None, links: str) -> None:
    message = good(on_unknown=own, link=linked(on_unknown=links))
    assert message.on_unknown.name.lower() == (own or links)


def test_a_message_without_receipt() -> None:
    assert good(receipt=False).receipt is False


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("10m", NOW + 600),
        (90, NOW + 90),
        (0.5, NOW + 0.5),
        ("2027-01-15T09:00:00+01:00", NOW),
        ("2027-01-15T08:00:10Z", NOW + 10),
        (None, None),
    ],
)
def test_until_when_it_may_be_submitted(value: Any, moment: float | None) -> None:
    assert good(expires=value).expires == moment


def test_tlvs_stand_in_their_order() -> None:
    message = good(tlv={"0x1400": "0a0b", "0x0204": "0001", "0x1401": ""})
    assert message.tlv == ((0x1400, b"\x0a\x0b"), (0x204, b"\0\1"), (0x1401, b""))


def test_the_clients_own_fields_come_along() -> None:
    assert good(echo={"x-a": b"1"}).echo == {"x-a": b"1"}


# ── what cannot leave ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("to", ["12", "", "abc", "+0123456789", "+" + "9" * 16, "60000O001"])
def test_a_number_that_is_none(to: str) -> None:
    assert bad(to=to).code == "BAD_TO"


@pytest.mark.parametrize("sender", ["TooLongAName", "a@b", "ñ", " x", "+123", "1" * 20])
def test_a_sender_that_is_none(sender: str) -> None:
    error = bad(from_=sender)
    assert error.code == "BAD_FROM"
    assert "sender" in error.text


@pytest.mark.parametrize(("text", "encoding"), [("ж", "gsm7"), ("ж", "latin1"), ("€", "latin1")])
def test_a_text_that_its_encoding_cannot_express(text: str, encoding: str) -> None:
    error = bad(text=text, encoding=encoding)
    assert error.code == "BAD_ENCODING"
    assert text in error.text
    assert "auto" in error.text


@pytest.mark.parametrize("split", ["udh8", "udh16"])
@pytest.mark.parametrize("udh", [None, "0605040b8423f0"])
def test_a_text_for_more_parts_than_can_be_numbered(split: str, udh: str | None) -> None:
    error = bad(text="x" * 40_000, udh=udh, link=linked(split=split))
    assert error.code == "TOO_LONG"
    assert "255" in error.text


@pytest.mark.parametrize(
    ("udh", "text"),
    [
        ("0705040b8423f0", "x"),  # its length is not its own
        ("03000301", "x"),  # an element beyond its end
        ("0500030a0201", "x" * 200),  # numbered already, and too long for one
        ("8b00" + "00" * 138, "x"),
        ("ff" * 200, "x"),
    ],
)
def test_a_header_that_cannot_be_used(udh: str, text: str) -> None:
    error = bad(udh=udh, text=text)
    assert error.code == "BAD_UDH"
    assert "udh" in error.text


def test_flash_in_latin1() -> None:
    error = bad(flash=True, encoding="latin1")
    assert error.code == "BAD_FLASH"
    assert "latin1" in error.text


@pytest.mark.parametrize("value", ["soon", "10", "2027-01-15T09:00:00", -1, 0, float("nan"), 1e12])
def test_a_time_that_is_none(value: Any) -> None:
    error = bad(expires=value)
    assert error.code == "BAD_EXPIRES"
    assert error.text.startswith("expires:")


# ── any text at all ──────────────────────────────────────────────────────────────────────────


@given(
    st.text(
        st.characters(exclude_categories=["Cs"]) | st.sampled_from("ñ€[]{}~^|\\àé😀\r\n"),
        min_size=1,
        max_size=700,
    ),
    st.sampled_from(["udh8", "udh16"]),
)
def test_any_text_arrives_as_it_was_written(text: str, split: str) -> None:
    message = good(text=text, link=linked(split=split))
    several = len(message.segments) > 1
    assert message.esm_class == (EsmClass.UDHI if several else 0)
    assert all(
        len(segment) <= (160 if message.encoding == "gsm7" else 140) for segment in message.segments
    )
    read = [decode_text(each, message.data_coding, several) for each in message.segments]
    assert "".join(read) == text
