"""Reading `[[quiet]]` (see `quiet`).

Notes mistakes with the `Reading` it is given; raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from smppd.config.mistakes import unknown
from smppd.config.quiet import QUIET_KEYS, QuietConfig
from smppd.config.rules import nearest, shown
from smppd.countries import read_place

if TYPE_CHECKING:
    from smppd.config.mistakes import Reading

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LANES = ("high", "normal", "bulk")
_HOUR = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


def read_quiet(reading: Reading, sections: object) -> tuple[QuietConfig, ...]:
    """What the document says of quiet hours."""
    if not isinstance(sections, list):
        reading.refuse('is not a list of sections; begin each with "[[quiet]]"', "quiet")
        return ()
    found = []
    for number, section in enumerate(sections, start=1):
        name = f"quiet #{number}"
        table = reading.table(section, name)
        before = len(reading.mistakes)
        for key in table:
            if key not in QUIET_KEYS:
                reading.refuse(unknown(key, QUIET_KEYS), name, key)
        given = dict(_fields(reading, name, table))
        if len(reading.mistakes) == before:
            found.append(QuietConfig(**given))
    return tuple(found)


def _fields(reading: Reading, name: str, table: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, field in (("from", "begins"), ("until", "ends")):
        minute = _minute(table.get(key))
        if minute is None:
            says = "is missing" if key not in table else f"{shown(table[key])} is no time of day"
            reading.refuse(f'{says}; write it like "22:00"', name, key)
        yield field, minute
    if table.get("from") is not None and table.get("from") == table.get("until"):
        reading.refuse("is the same as from, which leaves no time; write another", name, "until")
    yield "zone", _zone(reading, name, table.get("zone"))
    if "countries" in table:
        yield "places", _places(reading, name, table["countries"])
    if "days" in table:
        chosen = _words(reading, (name, "days"), table["days"], DAYS)
        yield "days", tuple(DAYS.index(day) for day in chosen if day in DAYS)
    if "priorities" in table:
        yield "priorities", _words(reading, (name, "priorities"), table["priorities"], _LANES)


def _minute(value: object) -> int | None:
    if not isinstance(value, str) or not _HOUR.fullmatch(value):
        return None
    hour, _, minute = value.partition(":")
    return int(hour) * 60 + int(minute)


def _zone(reading: Reading, name: str, value: object) -> str:
    if value is None:
        reading.refuse('is missing; write a time zone like "Europe/Madrid"', name, "zone")
    elif not isinstance(value, str) or not is_zone(value):
        reading.refuse(
            f'{shown(value)} is no time zone that this machine knows; write one like "Europe/Madrid"',
            *(name, "zone"),
        )
    return str(value)


def is_zone(value: str) -> bool:
    """Whether this machine knows a time zone of this name."""
    try:
        ZoneInfo(value)
    except (KeyError, OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError
        return False
    return True


def _places(reading: Reading, name: str, value: object) -> tuple[str, ...]:
    how = 'write codes of countries or prefixes, like ["ES", "+52"]'
    if not isinstance(value, list) or not value:
        reading.refuse(f"{shown(value)} is no list of countries; {how}", name, "countries")
        return ()
    found = []
    for each in value:
        place = read_place(each) if isinstance(each, str) else None
        if place is None:
            reading.refuse(f"{shown(each)} is neither country nor prefix; {how}", name, "countries")
        else:
            found.append(place)
    return tuple(found)


def _words(
    reading: Reading, key: tuple[str, str], value: object, known: tuple[str, ...]
) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        reading.refuse(f"{shown(value)} is no list; write some of {list(known)}", *key)
        return ()
    for each in value:
        if each not in known:
            hint = nearest(str(each), known)
            reading.refuse(f"{shown(each)} is none of {', '.join(known)}{hint}", *key)
    return tuple(dict.fromkeys(str(each) for each in value))
