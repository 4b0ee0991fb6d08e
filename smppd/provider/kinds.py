"""One parameter's value as it is given, and as it is sent: a rule for each kind. Pure.

What cannot be used is refused with its cure, never guessed, cut or replaced. A refusal does not
repeat numbers or texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

from smppd.address import Destination, normalise_destination
from smppd.provider.fields import columns, contacts, field_name, pairs
from smppd.provider.operation import Kind, Value
from smppd.provider.words import Wrong, body, line
from smppd.smpp.vocabulary import Ton

PLATFORMS = ("webchat", "whatsapp", "telegram", "operator")
FILE_TYPES = ("image", "video", "audio", "voice", "document", "contact")
GROUP_TYPES = ("mobile", "email")

#: Whole numbers of the second API go into JSON; what is larger is a mistake.
_LARGEST = 2**63 - 1
_ID = re.compile(r"[^\s,]{1,100}")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,18}")
_DIAL_CODE = re.compile(r"(?:\+|00)?([1-9][0-9]{0,3})")
_COUNTRY = re.compile(r"[A-Za-z]{3}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_LIKE_MOMENT = 'write it like "2030-01-31 09:30:00"'


class Clock(NamedTuple):
    """The zone of the provider's times, where it is known."""

    zone: tzinfo | None = None


def read(kind: Kind, value: object, clock: Clock) -> Value | Wrong:
    """The value as it is sent, or what is wrong with it."""
    if kind is Kind.MOMENT:
        return _moment(value, clock.zone)
    return _RULES[kind](value)


def _id(value: object) -> str | Wrong:
    plain = _plain(value)
    if plain is not None and _ID.fullmatch(plain) and plain.isprintable():
        return plain
    return Wrong('is not one id; write one like "1000"')


def _ids(value: object) -> str | Wrong:
    if isinstance(value, str) and value.lstrip().startswith("["):
        return Wrong('is a list in JSON; write them like "123456,123457"')
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, int):
        value = [value]
    if not isinstance(value, list | tuple):
        return Wrong('is no list of ids; write them like "123456,123457"')
    found = [_id(each) for each in value]
    for number, each in enumerate(found, 1):
        if isinstance(each, Wrong):
            return Wrong(f'entry {number} is no id; write them like "123456,123457"')
    return ",".join(map(str, found))


def _destination(value: object) -> str | Wrong:
    plain = _plain(value)
    if plain is not None:
        found = normalise_destination(plain)
        if isinstance(found, Destination) and found.ton == Ton.INTERNATIONAL:
            return found.digits
    return Wrong("is not one number with its country code; write it like +34600000001")


def _dial_code(value: object) -> str | Wrong:
    plain = _plain(value)
    found = _DIAL_CODE.fullmatch(plain) if plain is not None else None
    return found[1] if found else Wrong('is no dialling code; write its digits, like "34"')


def _country(value: object) -> str | Wrong:
    if isinstance(value, str) and _COUNTRY.fullmatch(value.strip()):
        return value.strip()
    return Wrong('is no country code of three letters; write one like "esp"')


def _moment(value: object, zone: tzinfo | None) -> str | Wrong:
    text = value.strip() if isinstance(value, str) else ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return Wrong(f"is no date and time that exists; {_LIKE_MOMENT}")
    if _MOMENT.fullmatch(text):
        return text
    if moment.tzinfo is None:
        return Wrong(f"is not written as the provider reads it; {_LIKE_MOMENT}")
    if zone is None:
        return Wrong(
            "has an offset, but the time zone of the provider's clock is not known: set time_zone of"
            f" its account, or give the provider's own time; {_LIKE_MOMENT}"
        )
    try:
        return moment.astimezone(zone).replace(tzinfo=None).isoformat(" ", "seconds")
    except OverflowError:
        return Wrong(f"is no date and time that exists; {_LIKE_MOMENT}")


def _one_of(*words: str) -> Callable[[object], str | Wrong]:
    def rule(value: object) -> str | Wrong:
        if isinstance(value, str) and value in words:
            return value
        return Wrong(f"can only be one of {', '.join(words)}")

    return rule


def _url(value: object) -> str | Wrong:
    like = 'write one like "https://www.example.com/image.jpg"'
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return Wrong(f"is no URL; {like}")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return Wrong(f"is no URL (its host or port cannot be read); {like}")
    if "@" in parts.netloc:
        return Wrong("has a user or password in it, which would be told to the provider; drop them")
    if parts.scheme not in ("http", "https") or not host:
        return Wrong(f"is no whole http or https URL; {like}")
    return value


def _whole(value: object) -> int | Wrong:
    plain = _plain(value)
    if plain is not None and _WHOLE.fullmatch(plain) and int(plain) <= _LARGEST:
        return int(plain)
    return Wrong("is no whole number; write one like 1234")


def _plain(value: object) -> str | None:
    """A text or whole number as text, without space at its ends."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**100:
        return None
    return str(value)


_RULES: Mapping[Kind, Callable[[object], Value | Wrong]] = MappingProxyType(
    {
        Kind.TEXT: line,
        Kind.BODY: body,
        Kind.ID: _id,
        Kind.IDS: _ids,
        Kind.DESTINATION: _destination,
        Kind.DIAL_CODE: _dial_code,
        Kind.COUNTRY: _country,
        Kind.GROUP_TYPE: _one_of(*GROUP_TYPES),
        Kind.FIELD: field_name,
        Kind.COLUMNS: columns,
        Kind.PAIRS: pairs,
        Kind.CONTACTS: contacts,
        Kind.PLATFORM: _one_of(*PLATFORMS),
        Kind.FILE_TYPE: _one_of(*FILE_TYPES),
        Kind.URL: _url,
        Kind.WHOLE: _whole,
    }
)
