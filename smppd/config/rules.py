"""What a value in the configuration may be: each rule gives the typed value, or a `Problem`.

A rule knows neither its key nor its section; `sections` names one beside every key and `reading`
applies it. A problem says what is wrong and what to write instead. Nothing is raised.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path

from smppd.address import Sender, classify_sender
from smppd.config import quantities

#: A host name or IP address, and a port.
Address = tuple[str, int]

#: Where SMPP is served when nothing is said: the port registered for it.
DEFAULT_PORT = 2775

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
#: A number, a short code, or a name of ASCII that GSM 03.38 has in one septet (@ ends a text).
_SENDER = re.compile(
    r"(?:\+|00)?[1-9][0-9]{6,14}|[0-9]{1,6}"
    r"|(?! |\+?[-.() 0-9]+$)[ !\"#$%&'()*+,\-./0-9:;<=>?A-Z_a-z]{0,11}(?<! )"
)
_DIALLING_CODE = re.compile(r"\+?[1-9][0-9]{0,2}|")
_PORT = re.compile(r"[0-9]{1,5}")
_IP_CHARACTERS = re.compile(r"[0-9A-Za-z.:%_-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value cannot be used, and the cure."""

    why: str


Rule = Callable[[object], object]


def quoted(value: str) -> str:
    """A text in quotes, with whatever cannot be printed escaped."""
    return json.dumps(value)


def shown(value: object) -> str:
    """A value as it stands in the file, short enough for a line."""
    if isinstance(value, str):
        return quoted(value if len(value) <= 60 else value[:60] + "...")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return "a number far too large" if abs(value) >= 1 << 63 else str(value)
    return "a list" if isinstance(value, list) else "a section or a date"


def nearest(word: str, known: Iterable[str]) -> str:
    """The cure for a misspelt word: `; did you mean …?`, or nothing."""
    plain = {each.lower(): each for each in known}
    found = get_close_matches(word.lower(), plain, n=1)
    return f'; did you mean "{plain[found[0]]}"?' if found else ""


def whole(low: int, high: int) -> Rule:
    """A whole number in a range."""

    def rule(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int):
            unquoted = " without quotes" if isinstance(value, str) else ""
            return Problem(
                f"{shown(value)} is not a whole number; write one from {low} to {high}{unquoted}"
            )
        if not low <= value <= high:
            return Problem(f"{shown(value)} is out of range; write a number from {low} to {high}")
        return value

    return rule


def number(high: int, least: float = 0) -> Rule:
    """A number from `least` to `high`."""
    span = f"from {least:g} to {high}"

    def rule(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return Problem(f"{shown(value)} is not a number; write one {span}")
        if not least <= value <= high:
            return Problem(f"{shown(value)} is out of range; write a number {span}")
        return float(value)

    return rule


def duration(low: str, high: str) -> Rule:
    """A length of time in a range: a number of seconds or a text. Gives seconds."""
    shortest, longest = quantities.seconds(low) or 0.0, quantities.seconds(high) or math.inf

    def rule(value: object) -> object:
        length: float | None
        if isinstance(value, str):
            length = quantities.seconds(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            length = min(value, 1e18)  # no float holds some of TOML's integers
        else:
            length = None
        if length is None:
            return Problem(
                f"{shown(value)} is not a length of time;"
                ' write seconds as a number, or a text like "500ms", "10s", "10m", "2h" or "7d"'
            )
        if not shortest <= length <= longest:
            return Problem(f'{shown(value)} is out of range; write from "{low}" to "{high}"')
        return float(length)

    return rule


def size(low: str, high: str) -> Rule:
    """A size in a range: a number of octets or a text. Gives octets."""
    smallest, largest = quantities.octets(low) or 0, quantities.octets(high) or 0

    def rule(value: object) -> object:
        found = quantities.octets(value) if isinstance(value, str) else value
        if isinstance(found, bool) or not isinstance(found, int):
            return Problem(
                f'{shown(value)} is not a size; write octets, or a text like "128KiB" or "1MiB"'
            )
        if not smallest <= found <= largest:
            return Problem(f'{shown(value)} is out of range; write from "{low}" to "{high}"')
        return found

    return rule


def flag(value: object) -> object:
    """True or false."""
    if not isinstance(value, bool):
        return Problem(f"{shown(value)} is neither true nor false; write one of them, unquoted")
    return value


def choice(*words: str, later: tuple[str, ...] = ()) -> Rule:
    """One of some words. `later`: words that a coming version will know."""

    def rule(value: object) -> object:
        if value in later:
            return Problem(f"{shown(value)} is not available in this version; write {offer}")
        if value not in words:
            near = nearest(value, words) if isinstance(value, str) else ""
            return Problem(f"{shown(value)} is not known here; write {offer}{near}")
        return value

    *most, last = (f'"{word}"' for word in words)
    offer = f"{', '.join(most)} or {last}" if most else last
    return rule


def text(longest: int | None = None, shortest: int = 0) -> Rule:
    """Printable ASCII characters, as a C-octet string of SMPP can carry them (3.4, 3.1)."""

    def rule(value: object) -> object:
        if not isinstance(value, str):
            return Problem(f"{shown(value)} is not a text; write it in quotes")
        if len(value) < shortest:
            return Problem("is empty; fill it in")
        if not (value.isascii() and (value.isprintable() or not value)):
            return Problem(
                f"{shown(value)} has characters that are not printable ASCII; use others"
            )
        if longest is not None and len(value) > longest:
            return Problem(f"{shown(value)} has {len(value)} characters; write at most {longest}")
        return value

    return rule


def sender(value: object) -> object:
    """A source address: a number, a short code or a name; empty for the SMSC's choice."""
    plain = text()(value)
    if not isinstance(plain, str):
        return plain
    if not _SENDER.fullmatch(plain) or not isinstance(classify_sender(plain), Sender):
        return Problem(
            f"{shown(plain)} is no sender; write a number of 7 to 15 digits with its country code,"
            " a short code of up to 6 digits, or a name of up to 11 letters, digits and spaces"
        )
    return plain


def country(value: object) -> object:
    """A country's dialling code; empty for none."""
    if isinstance(value, str) and _DIALLING_CODE.fullmatch(value):
        return value.removeprefix("+")
    return Problem(f'{shown(value)} is not a dialling code; write one like "34", in quotes')


def variable(value: object) -> object:
    """The name of an environment variable. Never repeated: it may be the secret itself."""
    if isinstance(value, str) and _VARIABLE.fullmatch(value):
        return value
    return Problem('is not the name of an environment variable; write one like "SMPP_PASSWORD"')


def path(value: object) -> object:
    """A path, relative to the configuration's folder unless absolute."""
    if not isinstance(value, str) or not value:
        return Problem(f"{shown(value)} is not a path; write one in quotes")
    if "\0" in value:
        return Problem(f"{shown(value)} contains a NUL; write a path without")
    if value.startswith("~"):
        return Problem(f"{shown(value)} begins with ~, which is not expanded; write the whole path")
    return Path(value)


def host(value: object) -> object:
    """A host name or an IP address, without a port."""
    if isinstance(value, str) and (_is_ip(value) or _is_name(value)):
        return value
    return Problem(
        f"{shown(value)} is not a host; write its name or IP address alone, without port,"
        " brackets or //"
    )


def server_name(value: object) -> object:
    """The name in a certificate; empty for that of the host."""
    return value if value == "" else host(value)


def local_address(value: object) -> object:
    """An IP address of this machine to connect from; empty for the one the kernel takes.

    A port of 0 may stand behind it, and is what there is anyway: each session has its own.
    """
    found = value if value == "" else address(0)(value)
    if isinstance(found, tuple) and not found[1] and _is_ip(found[0]):
        return found[0]
    if isinstance(found, str):
        return found
    return Problem(
        f"{shown(value)} is not an IP address of this machine; write it alone, without a port"
    )


def address(port: int | None) -> Rule:
    """HOST:PORT as a text, or HOST alone where `port` is the default. Gives an `Address`."""

    def rule(value: object) -> object:
        problem = Problem(
            f'{shown(value)} is not an address; write "HOST:PORT", an IPv6 host in brackets'
        )
        if not isinstance(value, str):
            return problem
        name, digits = _parted(value)
        if isinstance(host(name), Problem) or (digits is None and port is None):
            return problem
        if digits is None:
            return name, port
        if not _PORT.fullmatch(digits) or not low <= int(digits) <= 65_535:
            return Problem(f"{shown(value)} has no valid port; write one from {low} to 65535")
        return name, int(digits)

    low = 1 if port else 0
    return rule


def listener(value: object) -> object:
    """Where to listen, HOST:PORT; empty, which gives None, for nowhere."""
    return None if value == "" else address(None)(value)


def _parted(place: str) -> tuple[str, str | None]:
    """Host and port of a text, the port None when there is none."""
    if bracketed := re.fullmatch(r"\[([^\]]*)\](?::(.*))?", place):
        return bracketed[1], bracketed[2]
    if place.count(":") > 1:
        return place, None
    name, colon, digits = place.partition(":")
    return name, digits if colon else None


def _is_ip(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return bool(_IP_CHARACTERS.fullmatch(value))


def _is_name(value: str) -> bool:
    # All digits and dots is a mistyped IPv4 address: no top-level domain is a number.
    return bool(_HOST.fullmatch(value)) and not re.fullmatch(r"[0-9.]+", value)
