"""Numbers and senders: what is taken, as what, and what is refused and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.address import Destination, Sender, classify_sender, normalise_destination

SPAIN = Destination("34600000001", 1, 1)


@pytest.mark.parametrize(
    "written",
    [
        "34600000001",
        "+34600000001",
        "0034600000001",
        "+34 600 000 001",
        "+34-600-000-001",
        "+34.600.000.001",
        "(+34) 600000001",
        "00 34 600 00 00 01",
        " 34600000001 ",
    ],
)
def test_an_international_number_in_any_writing_is_the_same_destination(written: str) -> None:
    assert normalise_destination(written) == SPAIN


@pytest.mark.parametrize(
    ("written", "digits", "ton", "npi"),
    [
        ("112", "112", 3, 0),
        ("12345", "12345", 3, 0),
        ("123456", "123456", 3, 0),
        ("+1234567", "1234567", 1, 1),
        ("001234567", "1234567", 1, 1),
        ("+298123456", "298123456", 1, 1),
        ("1234567890", "1234567890", 1, 1),
        ("123456789012345", "123456789012345", 1, 1),
    ],
)
def test_the_number_of_digits_decides_between_short_code_and_international(
    written: str, digits: str, ton: int, npi: int
) -> None:
    assert normalise_destination(written) == Destination(digits, ton, npi)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "empty"),
        (" - ", "empty"),
        ("12", "2 digits"),
        ("+12345", "5 digits"),
        ("0012345", "5 digits"),
        ("1234567", "7 digits and no +"),
        ("600000001", "9 digits and no +, so it may be a national one: write it with its country"),
        ("600 000 001", "or configure default_country"),
        ("1234567890123456", "16 digits"),
        ("3460000000134600000001346", "25 digits"),
        ("0600000001", "no country code begins with 0"),
        ("+0034600000001", "no country code begins with 0"),
        ("00034600000001", "no country code begins with 0"),
        ("+34 (0) 600000001", "leave it out"),
        ("0034(0)600000001", "leave it out"),
        ("34 (0)600000001", "leave it out"),
        ("34+600000001", "+ may only"),
        ("++34600000001", "+ may only"),
        ("+", "+ may only"),
        ("346\x000007000", "U+0000 at 4"),
        ("34600000001\n", "U+000A at 12"),
        ("\t34600000001", "U+0009 at 1"),
        ("3460000000a", "'a' U+0061 at 11"),
        ("٣٤٦٠٠٠٠٠٠٠١", "U+0663 at 1"),
        ("34600000001²", "U+00B2 at 12"),
        ("34\xa0600000001", "U+00A0 at 3"),
        ("34600000001;34600000002", "';' U+003B at 12"),
    ],
)
def test_what_is_no_certain_number_is_refused_with_the_reason(written: str, reason: str) -> None:
    refused = normalise_destination(written)

    assert isinstance(refused, str)
    assert reason in refused


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("600000001", "34600000001"),
        ("0600000001", "34600000001"),
        ("(0)600 000 001", "34600000001"),
        ("+49151000001", "49151000001"),
        ("0049151000001", "49151000001"),
        ("34600000001", "34600000001"),
    ],
)
def test_a_default_country_completes_national_numbers_only(written: str, digits: str) -> None:
    assert normalise_destination(written, "34") == Destination(digits, 1, 1)


def test_a_national_number_that_may_hold_the_country_code_is_not_guessed_at() -> None:
    refused = normalise_destination("3921234567", "39")

    assert isinstance(refused, str)
    assert "not certain" in refused
    assert normalise_destination("12345", "39") == Destination("12345", 3, 0)


def test_a_number_too_long_to_be_national_is_not_completed() -> None:
    refused = normalise_destination("447911123456", "34")

    assert isinstance(refused, str)
    assert "12 digits, too many for a national one" in refused


@given(st.text(alphabet="+0123456789 -.()\x00a٣", max_size=30), st.sampled_from(["", "34"]))
def test_no_digit_is_ever_cut_or_invented(written: str, country: str) -> None:
    destination = normalise_destination(written, country)

    if isinstance(destination, Destination):
        digits = "".join(char for char in written if char in "0123456789")
        expected = {digits, digits.removeprefix("00"), country + digits, country + digits[1:]}
        assert destination.digits in expected
        assert destination.digits.isascii()
        assert 3 <= len(destination.digits) <= 15


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("", Sender("", 0, 0)),
        ("ACME", Sender("ACME", 5, 0)),
        ("ACME Shop_1", Sender("ACME Shop_1", 5, 0)),
        ("A-B", Sender("A-B", 5, 0)),
        ("1&1", Sender("1&1", 5, 0)),
        ("24-7", Sender("24-7", 5, 0)),
        ("34600000001", Sender("34600000001", 1, 1)),
        ("+34600000001", Sender("34600000001", 1, 1)),
        ("0034600000001", Sender("34600000001", 1, 1)),
        ("+34 600 000 001", Sender("34600000001", 1, 1)),
        ("123456789012345", Sender("123456789012345", 1, 1)),
        ("1234", Sender("1234", 3, 0)),
        ("123456", Sender("123456", 3, 0)),
    ],
)
def test_a_sender_is_classified_by_what_it_looks_like(text: str, sender: Sender) -> None:
    assert classify_sender(text) == sender


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ACME SHOP 12", "12 characters"),
        ("A" * 1_000_000, "1000000 characters"),
        ("AC\x00ME", "U+0000 at 3"),
        ("ACME\n", "U+000A at 5"),
        ("CAFÉ", "'É' U+00C9 at 4"),
        ("Ω", "U+03A9 at 1"),
        ("info@acme", "'@' U+0040 at 5"),
        ("[ACME]", "'[' U+005B at 1"),
        ("AC`ME", "'`' U+0060 at 3"),
        (" ACME", "space"),
        ("   ", "space"),
        ("+12345", "5 digits"),
        ("1234567890123456", "16 digits"),
        ("0600000001", "begins with 0"),
    ],
)
def test_a_sender_that_a_network_would_change_is_refused(text: str, reason: str) -> None:
    refused = classify_sender(text)

    assert isinstance(refused, str)
    assert reason in refused
