"""The wire types of mandatory fields: how each is written, and the code that writes and reads it.

A PDU class names one of these beside every field (`Annotated[str, CString(21)]`). `codec` turns
such a class into one encoder and one decoder function, joining the source that the wire types
give for each field; `write` is the same rule in plain code and says what is wrong with a value.
Knows no PDU. `write` raises EncodeError.

Source for writing finds the value under the field's name, and is a run of f-string text (latin-1
on the wire) and octet expressions. Source for reading finds `data` (octets), `text` (the same as
latin-1), `find` (text.index) and `at`, the position less a distance known when the source is made,
so that a run of integers costs no additions. A value that does not fit raises ValueError,
LookupError or a fellow; the caller then asks `write` for the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Protocol, TypeAlias, get_type_hints

from smppd.smpp.errors import EncodeError

#: Largest size of a credential, NUL included, where longer ones than SMPP's are allowed.
LONG_CREDENTIAL_SIZE = 256

#: Longest text of a short_message in octets (3.4, 5.2.21).
SHORT_MESSAGE_LIMIT = 254


@dataclass(frozen=True)
class Writing:
    """How a field is written: checks first, then f-string text, then octets."""

    checks: tuple[str, ...] = ()
    text: str = ""
    octets: str = ""


@dataclass(frozen=True)
class Reading:
    """How a field is read, and how far behind `at` the next one begins."""

    lines: tuple[str, ...]
    distance: int


class WireType(Protocol):
    """What `codec` needs of a field."""

    def write(self, value: object) -> bytes:
        """The octets of a value; EncodeError says why there are none."""

    def writing(self, name: str) -> Writing:
        """Source that writes the value of the variable `name`."""

    def reading(self, name: str, distance: int) -> Reading:
        """Source that assigns `name` from `at + distance`."""

    def pattern(self, wanted: bool) -> str:
        """A regular expression that goes by the value in latin-1, as a group if it is wanted."""


@dataclass(frozen=True)
class Integer:
    """An unsigned integer, most significant octet first (3.4, 3.1)."""

    octets: int = 1

    def write(self, value: object) -> bytes:
        """Refuses what does not fit."""
        if not isinstance(value, int) or not 0 <= value < 1 << 8 * self.octets:
            raise EncodeError(f"{value!r} is not an integer of {self.octets} octet(s)")
        return value.to_bytes(self.octets, "big")

    def writing(self, name: str) -> Writing:
        """One octet is looked up as a character: a dict also refuses what is out of range."""
        if self.octets == 1:
            return Writing(text=f"{{octet[{name}]}}")
        return Writing(octets=f"{name}.to_bytes({self.octets}, 'big')")

    def reading(self, name: str, distance: int) -> Reading:
        """One octet by index; several from a slice, whose last octet must exist."""
        end = distance + self.octets
        if self.octets == 1:
            return Reading((f"{name} = data[at + {distance}]",), end)
        whole = f"data[at + {end - 1}]"
        value = f"int.from_bytes(data[at + {distance} : at + {end}], 'big')"
        return Reading((whole, f"{name} = {value}"), end)

    def pattern(self, wanted: bool) -> str:
        """As many characters."""
        return f"({'.' * self.octets})" if wanted else "." * self.octets


def step(distance: int) -> tuple[str, ...]:
    """Source that brings `at` up to the next field."""
    return (f"at += {distance}",) if distance else ()


def _writing_text(name: str, unfit: str) -> Writing:
    # Half of these fields are empty in practice: nothing more is asked of those. An f-string writes
    # anything, even None; what is no str cannot be added to one.
    return Writing((f"if {name} and ({unfit}): raise ValueError",), f"{{'' + {name}}}\\0")


def _read_c_string(name: str, distance: int) -> Reading:
    # Half of these fields are empty in practice: one look at the octet spares a search.
    lines = (
        *step(distance),
        "if data[at]:",
        "    start = at",
        "    at = find(NUL, at)",
        f"    {name} = text[start:at]",
        "else:",
        f"    {name} = ''",
    )
    return Reading(lines, 1)


_C_STRING = {False: r"[^\0]*+\0", True: r"([^\0]*+)\0"}


@dataclass(frozen=True)
class CString:
    """A C-octet string: `size` is its largest length in octets with the final NUL (3.4, 3.1).

    `credential` marks what some SMSCs hand out longer than SMPP allows.
    """

    size: int
    credential: bool = False

    def write(self, value: object) -> bytes:
        """Refuses what is too long, holds a NUL or is not latin-1."""
        if not isinstance(value, str):
            raise EncodeError(f"{value!r} is not a str")
        if len(value) >= self.size:
            raise EncodeError(f"{len(value)} characters, at most {self.size - 1} fit")
        if "\0" in value:
            raise EncodeError("a NUL inside a C-octet string")
        return _latin1(value) + b"\0"

    def writing(self, name: str) -> Writing:
        """Checks length and NUL; latin-1 is checked for all text of the PDU at once."""
        return _writing_text(name, f"len({name}) >= {self.size} or NUL in {name}")

    def reading(self, name: str, distance: int) -> Reading:
        """Up to the NUL, however long."""
        return _read_c_string(name, distance)

    def pattern(self, wanted: bool) -> str:
        """Up to the NUL."""
        return _C_STRING[wanted]


@dataclass(frozen=True)
class Time:
    """An SMPP time, absolute or relative: empty or exactly 16 characters (3.4, 7.1.1)."""

    def write(self, value: object) -> bytes:
        """Refuses all that is not of the form YYMMDDhhmmsstnnp."""
        if value == "":
            return b"\0"
        if not isinstance(value, str) or not is_time(value):
            raise EncodeError(f"{value!r} is not a time of the form YYMMDDhhmmsstnnp")
        return _latin1(value) + b"\0"

    def writing(self, name: str) -> Writing:
        """Checks the form."""
        return _writing_text(name, f"not is_time({name})")

    def reading(self, name: str, distance: int) -> Reading:
        """As any C-octet string."""
        return _read_c_string(name, distance)

    def pattern(self, wanted: bool) -> str:
        """As any C-octet string."""
        return _C_STRING[wanted]


def is_time(value: str) -> bool:
    """Whether this is 15 digits and one of + - R; not whether there is such a day."""
    return len(value) == 16 and value[:15].isdecimal() and value[15] in "+-R"


@dataclass(frozen=True)
class ShortMessage:
    """sm_length and the octets it counts (3.4, 5.2.21 and 5.2.22)."""

    def write(self, value: object) -> bytes:
        """Refuses more than 254 octets."""
        if not isinstance(value, bytes):
            raise EncodeError(f"{type(value).__name__} is not bytes")
        if len(value) > SHORT_MESSAGE_LIMIT:
            raise EncodeError(f"{len(value)} octets, at most {SHORT_MESSAGE_LIMIT} fit")
        return bytes([len(value)]) + value

    def writing(self, name: str) -> Writing:
        """The length as a character, then the octets as they are."""
        too_long = f"if len({name}) > {SHORT_MESSAGE_LIMIT}: raise ValueError"
        return Writing((too_long,), f"{{octet[len({name})]}}", name)

    def reading(self, name: str, distance: int) -> Reading:
        """As many octets as sm_length says, or as there are."""
        first = distance + 1
        lines = (
            f"at += {first}",
            f"{name} = data[at : at + data[at - 1]]",
            f"at += len({name})",
        )
        return Reading(lines, 0)

    def pattern(self, wanted: bool) -> str:
        """Only sm_length: what follows has as many characters as that one's code."""
        return "(.)" if wanted else "."


class Repeated:
    """A counted list of structures, as in submit_multi (3.4, 4.5.1.1 and 4.5.2.1).

    Structures that have a `dest_flag` are preceded by it.
    """

    def __init__(self, *kinds: type, least: int = 0, most: int = 255) -> None:
        self.kinds = kinds
        self.least = least
        self.most = most

    def write(self, value: object) -> bytes:
        """Refuses too few, too many, foreign or ill-filled ones."""
        if not isinstance(value, tuple) or not self.least <= len(value) <= self.most:
            raise EncodeError(f"not a tuple of {self.least} to {self.most}")
        written = [bytes([len(value)])]
        for item in value:
            if type(item) not in self.kinds:
                raise EncodeError(f"a {type(item).__name__} does not belong here")
            flag = getattr(item, "dest_flag", None)
            written.append(b"" if flag is None else bytes([flag]))
            written.append(write_fields(item, fields_of(type(item))))
        return b"".join(written)

    def writing(self, name: str) -> Writing:
        """Leaves it to `write`: rare, and never hot."""
        return Writing(octets=f"wire_types['{name}'].write({name})")

    def reading(self, name: str, distance: int) -> Reading:
        """Leaves it to the readers made for the structures."""
        kinds = f"wire_types['{name}'].kinds"
        return Reading((f"{name}, at = read_repeated(data, text, at + {distance}, {kinds})",), 0)

    def pattern(self, wanted: bool) -> str:
        """There is none: lists are counted."""
        raise NotImplementedError


#: The declarations that recur.
Octet: TypeAlias = Annotated[int, Integer(1)]
SmppTime: TypeAlias = Annotated[str, Time()]
Text: TypeAlias = Annotated[bytes, ShortMessage()]


def _latin1(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError as error:
        raise EncodeError(f"{error.object[error.start]!r} is not latin-1") from None


def fields_of(kind: type) -> Mapping[str, WireType]:
    """The declared fields of a structure with their wire types, in wire order."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if _is_field(hint)}


def _is_field(hint: object) -> bool:
    return hasattr(hint, "__metadata__")


def lengthened(fields: Mapping[str, WireType]) -> Mapping[str, WireType]:
    """The same fields with room for credentials longer than SMPP allows."""
    return {name: _lengthened(wire_type) for name, wire_type in fields.items()}


def _lengthened(wire_type: WireType) -> WireType:
    if isinstance(wire_type, CString) and wire_type.credential:
        return replace(wire_type, size=LONG_CREDENTIAL_SIZE)
    return wire_type


def write_fields(structure: object, fields: Mapping[str, WireType]) -> bytes:
    """The octets of all fields; EncodeError names the first that is at fault."""
    written = []
    for name, wire_type in fields.items():
        try:
            written.append(wire_type.write(getattr(structure, name)))
        except EncodeError as fault:
            raise EncodeError(f"{name}: {fault}") from None
    return b"".join(written)
