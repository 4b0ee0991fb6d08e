"""Which country a number belongs to, and what is found by it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from phonenumbers import (
    SUPPORTED_REGIONS,
    PhoneNumberFormat,
    PhoneNumberType,
    example_number_for_type,
    format_number,
    region_code_for_number,
)

from smppd.countries import (
    NOWHERE,
    Places,
    country_as_written,
    country_of,
    dialling_code,
    name_of,
    read_place,
    shares_code,
)


@pytest.mark.parametrize(
    ("digits", "country"),
    [
        ("34600000001", "ES"),
        ("12125550100", "US"),
        ("14165550100", "CA"),
        ("18095550100", "DO"),
        ("18765550100", "JM"),
        ("18005550100", "US"),
        ("79161234567", "RU"),
        ("77011234567", "KZ"),
        ("447700900123", "GB"),
        ("447781123456", "GG"),
        ("447797123456", "JE"),
        ("447624312345", "IM"),
        ("393401234567", "IT"),
        ("390669812345", "VA"),
        ("262692123456", "RE"),
        ("262639012345", "YT"),
        ("5999123456", "CW"),
        ("38349123456", "XK"),
        # No such area codes, nor lengths: of the country that has most numbers of its code.
        ("10005550100", "US"),
        ("4412345678901", "GB"),
    ],
)
def test_countries_of_one_dialling_code_are_told_apart(digits: str, country: str) -> None:
    assert country_of(digits) == country


@pytest.mark.parametrize("digits", ["", "34", "346000", "88161234567", "999123456789", "ACME"])
def test_what_is_no_countrys_is_nowhere(digits: str) -> None:
    assert country_of(digits) == NOWHERE
    assert name_of(country_of(digits)) == "no country"


def test_it_agrees_with_the_numbering_plans_of_every_country() -> None:
    asked = 0
    for region in sorted(SUPPORTED_REGIONS):
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
            example = example_number_for_type(region, kind)
            known = None if example is None else region_code_for_number(example)
            if example is None or known is None:
                continue
            digits = format_number(example, PhoneNumberFormat.E164)[1:]
            if len(digits) < 7:
                continue
            asked += 1
            assert country_of(digits) == known, digits
            assert name_of(known) != known
            assert digits.startswith(dialling_code(known))
    assert asked > 400


def test_codes_and_names() -> None:
    assert (dialling_code("ES"), dialling_code("CA"), dialling_code("XX")) == ("34", "1", "")
    assert (shares_code("ES"), shares_code("CA"), shares_code("XX")) == (False, True, False)
    assert (name_of("ES"), name_of("TR"), name_of("XX")) == ("Spain", "Türkiye", "XX")
    assert [read_place(each) for each in ("ES", "34", "+346", "es", "034", "", "3a", "XX")] == [
        *("ES", "34", "346"),
        *[None] * 5,
    ]


def test_the_longest_prefix_wins_and_a_country_before_its_own_code() -> None:
    places = Places({"1": "north", "CA": "canada", "1416": "toronto", "346": "mobile", "ES": "es"})
    assert places.find("12125550100") == "north"
    assert places.find("16045550100") == "canada"
    assert places.find("14165550100") == "toronto"
    assert places.find("34600000001") == "mobile"
    assert places.find("34910000001") == "es"
    assert places.find("34910000001", "FR") is None, "a country that is known is not looked up"
    assert places.find("33600000001") is None
    assert places.find("12345") == "north", "a prefix is a prefix, also of a short code"


def test_numbering_plans_are_loaded_only_when_a_number_is_asked_about() -> None:
    code = (
        "import sys, smppd.countries as c; assert 'phonenumbers' not in sys.modules;"
        " c.country_of('34600000001'); assert 'phonenumbers' in sys.modules;"
        " assert not [m for m in sys.modules if m.startswith('phonenumbers.data.region_')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("written", "country"),
    [
        ("600000101", NOWHERE),
        ("", NOWHERE),
        ("nobody", NOWHERE),
        ("+34 600-000-101", "ES"),
        ("0034600000101", "ES"),
        ("34600000101", "ES"),
    ],
)
def test_a_number_that_may_lack_its_country_code_is_of_no_country(
    written: str, country: str
) -> None:
    assert country_as_written(written) == country
