"""What a value may be that has to do with the provider's HTTP APIs; see `rules`.

A value that may hold a secret by mistake, a URL with a password in it, is never repeated.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Sequence
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from smppd.config.rules import Problem, Rule, choice, host, nearest, shown

_URL = re.compile(r"[!#-;=?-\[\]_a-z~%]+")
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")


class Place(NamedTuple):
    """What of a URL decides how it may be used."""

    scheme: str
    host: str

    @property
    def is_local(self) -> bool:
        """Whether what goes there does not leave this machine."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def place(url: str) -> Place:
    """Of a URL that has passed its rule."""
    parts = urlsplit(url)
    return Place(parts.scheme, (parts.hostname or "").rstrip("."))


def url_like(example: str) -> Rule:
    """An http or https URL that holds nothing secret: no credentials, query or fragment."""
    cure = f'write one like "{example}"'

    def rule(value: object) -> object:
        if not isinstance(value, str):
            return Problem(f"is not a text; {cure}, in quotes")
        why = _fault(value, cure)
        return Problem(why) if why else value

    return rule


#: The address of one of the provider's HTTP APIs.
url = url_like("https://api.example.net/api/http/")


def _fault(value: str, cure: str) -> str:
    """What is wrong with a URL, without a character of it."""
    try:
        parts = urlsplit(value)
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        return f"is no URL (its host or port cannot be read); {cure}"
    if "@" in parts.netloc:
        return "has a user or password in it; take them out: they have keys of their own"
    if "?" in value or "#" in value:
        return "has a query or fragment (? or #); leave only what stands before it"
    if parts.scheme not in ("http", "https") or not name:
        return f"does not begin with https:// and a host; {cure}"
    if isinstance(host(name), Problem) or not _URL.fullmatch(value):
        return f"has a host or a character that no URL can have; {cure}"
    return ""


def time_zone(value: object) -> object:
    """The name of a time zone (IANA); empty for none."""
    if value == "":
        return value
    if isinstance(value, str) and (value == "UTC" or _is_zone(value)):
        return value
    near = ""
    if isinstance(value, str):
        near = nearest(value, zoneinfo.available_timezones())
    return Problem(
        f'{shown(value)} is no time zone that this machine knows; write one like "Europe/Madrid"'
        f" (they come with the package tzdata){near}"
    )


def _is_zone(name: str) -> bool:
    if not _ZONE.fullmatch(name):
        return False
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def printable(longest: int) -> Rule:
    """A text of one line in any script; neither empty nor with a space at either end."""

    def rule(value: object) -> object:
        if not isinstance(value, str):
            return Problem(f"{shown(value)} is not a text; write it in quotes")
        if not value:
            return Problem("is empty; fill it in")
        if not value.isprintable() or value != value.strip():
            return Problem(
                f"{shown(value)} has characters that cannot be printed, or a space at an end;"
                " leave them out"
            )
        if len(value) > longest:
            return Problem(f"{shown(value)} has {len(value)} characters; write at most {longest}")
        return value

    return rule


def words(*known: str) -> Rule:
    """A list of some of these words, each once. Gives a tuple."""
    one = choice(*known)
    offer = ", ".join(f'"{word}"' for word in known)

    def rule(value: object) -> object:
        if not isinstance(value, list):
            return Problem(f"{shown(value)} is not a list; write some of [{offer}]")
        if not value:
            return Problem(f"is empty; write some of [{offer}]")
        return _each_once(value, one)

    return rule


def _each_once(value: Sequence[object], one: Rule) -> object:
    for number, each in enumerate(value):
        if isinstance(problem := one(each), Problem):
            return problem
        if each in value[:number]:
            return Problem(f"names {shown(each)} twice; keep one of them")
    return tuple(value)


def provider_id(value: object) -> object:
    """An id of the provider's, by number or as a text. Gives a text."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if isinstance(value, str) and value.isascii() and value.isalnum():
        return value
    return Problem(f'{shown(value)} is no id of the provider; write one like "100"')
