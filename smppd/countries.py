"""To which country a number belongs: E.164 digits to ISO 3166-1 alpha-2, and its English name.

Countries that share a dialling code are told apart (+1, +7, +39, +44, …) by the first digits after
it; where these do not tell, a number is the country's that has most of them. The numbering plans
are Google's libphonenumber, loaded when the first number is asked about, and of those countries
alone that are to be told apart. Pure; nothing is raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from smppd.country_names import NAMES

if TYPE_CHECKING:
    from phonenumbers import PhoneMetadata

Value = TypeVar("Value")

#: The country of a number that belongs to none: a short code, a satellite phone, a mistyped one.
NOWHERE: Final = ""

#: What is shorter is a short code, which every country has.
_FEWEST_DIGITS = 7
#: Digits behind a shared dialling code that tell its countries apart, and where fewer do.
_DECIDING = 5
_AREA_CODES = frozenset({"1", "7"})
_AREA_CODE = 3
#: What makes a whole number of the digits that decide.
_FILLINGS = ("2" * 15, "5" * 15, "0" * 15)
_KINDS = (
    *("mobile", "fixed_line", "toll_free", "premium_rate", "shared_cost"),
    *("voip", "personal_number", "pager", "uan", "voicemail"),
)
#: A number with fewer digits may lack its country code; what may stand between them.
_FEWEST_WRITTEN = 10
_PUNCTUATION = str.maketrans("", "", " -.()/")
_PREFIX = re.compile(r"\+?([1-9][0-9]{0,14})")

_Decide = Callable[[str], bool]


def country_of(digits: str) -> str:
    """The country of a number in international form, without `+`; `NOWHERE` for none."""
    if len(digits) < _FEWEST_DIGITS:
        return NOWHERE
    code, country = _by_code(digits[:3])
    if country is not None:
        return country
    length = len(code)
    return _told_apart(code, digits[length : length + _telling(code)])


@lru_cache(maxsize=1000)
def _by_code(leading: str) -> tuple[str, str | None]:
    """The dialling code of numbers that begin with these three digits, and their country: `NOWHERE`,
    or None where several have this code."""
    codes = _codes()
    for length in (2, 3, 1):
        countries = codes.get(leading[:length])
        if countries is not None:
            return leading[:length], countries[0] if len(countries) == 1 else None
    return "", NOWHERE


def country_as_written(to: str) -> str:
    """The country of a number that somebody wrote and nobody has read: `NOWHERE` where its country
    code does not stand there for certain (`+`, `00`, or ten digits and more)."""
    digits = to.translate(_PUNCTUATION)
    if digits.startswith(("+", "00")):
        digits = digits.removeprefix("+").removeprefix("00")
    elif len(digits) < _FEWEST_WRITTEN:
        return NOWHERE
    return country_of(digits) if digits.isdecimal() and digits.isascii() else NOWHERE


def name_of(country: str) -> str:
    """The English name of a country by its code; for `NOWHERE`, that there is none."""
    return NAMES.get(country, country or "no country")


def dialling_code(country: str) -> str:
    """The digits that all numbers of a country begin with; empty for an unknown one."""
    return _dialling_codes().get(country, "")


def shares_code(country: str) -> bool:
    """Whether other countries have the dialling code of this one."""
    return len(_codes().get(dialling_code(country), ())) > 1


def read_place(text: str) -> str | None:
    """A place as configuration names it: a country by its code, or the digits that numbers begin
    with, with or without `+`. None for what is neither."""
    if text in NAMES:
        return text
    found = _PREFIX.fullmatch(text)
    return found[1] if found else None


class Places(Generic[Value]):
    """Something for each of some places (`read_place`), found by number: the longest prefix wins.

    A country counts as its dialling code, and more than these digits themselves: where it shares
    them, it is the narrower of the two.
    """

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._prefixes = {place: each for place, each in values.items() if place.isdigit()}
        self._countries = {place: each for place, each in values.items() if not place.isdigit()}
        self._lengths = tuple(sorted({len(each) for each in self._prefixes}, reverse=True))

    def find(self, digits: str, country: str | None = None) -> Value | None:
        """What there is for a number; `country` is its own, where that is known already."""
        found, matched = None, 0
        for length in self._lengths:
            found = self._prefixes.get(digits[:length])
            if found is not None:
                matched = length
                break
        if self._countries:
            own = country_of(digits) if country is None else country
            of_country = self._countries.get(own)
            if of_country is not None and matched <= len(dialling_code(own)):
                return of_country
        return found


# ── numbering plans ──────────────────────────────────────────────────────────────────────────


@cache
def _codes() -> dict[str, tuple[str, ...]]:
    """Dialling codes, each with its countries, the one that has most numbers first."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE  # noqa: PLC0415 (not at every start)

    return {
        str(code): countries
        for code, countries in COUNTRY_CODE_TO_REGION_CODE.items()
        if countries[0] in NAMES
    }


@cache
def _dialling_codes() -> dict[str, str]:
    return {country: code for code, countries in _codes().items() for country in countries}


def _telling(code: str) -> int:
    return _AREA_CODE if code in _AREA_CODES else _DECIDING


@lru_cache(maxsize=1 << 14)
def _told_apart(code: str, leading: str) -> str:
    """Which of the countries with this code has numbers that begin like this."""
    for country, has in _deciders(code):
        if has(leading):
            return country
    return _codes()[code][0]


@cache
def _deciders(code: str) -> tuple[tuple[str, _Decide], ...]:
    """Of each country with this code, whether it has numbers with these leading digits."""
    from phonenumbers import PhoneMetadata  # noqa: PLC0415 (not at every start)

    plans = ((each, PhoneMetadata.metadata_for_region(each)) for each in _codes()[code])
    return tuple((each, _decider(plan)) for each, plan in plans if plan is not None)


def _decider(plan: PhoneMetadata) -> _Decide:
    if plan.leading_digits is not None:
        leads = re.compile(plan.leading_digits)
        return lambda leading: leads.match(leading) is not None
    kinds = (getattr(plan, kind) for kind in _KINDS)
    patterns = [each.national_number_pattern for each in kinds if each is not None]
    has = re.compile("|".join(f"(?:{each})" for each in patterns if each))
    lengths = plan.general_desc.possible_length if plan.general_desc is not None else ()

    def decide(leading: str) -> bool:
        return any(
            has.fullmatch((leading + filling)[:length])
            for length in lengths
            if length >= len(leading)
            for filling in _FILLINGS
        )

    return decide
