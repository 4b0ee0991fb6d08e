"""What an estimate says, as `smppd estimate --json` prints it.

`messages` are all that the file stands for; those in state `queued` would leave, and only they are
in `parts`, `encodings`, `lengths`, `countries` and `cost`.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Place(msgspec.Struct):
    """Where in the file: a line, and a character of its text, both counted from 1."""

    line: int
    column: int


class WideCharacter(msgspec.Struct):
    """A character that the alphabet lacks. Of `messages` have it; of `alone` nothing else forces
    UCS-2."""

    character: str
    code: str
    name: str
    messages: int
    alone: int
    places: list[Place]


class Transliteration(msgspec.Struct):
    """What other characters would change, where transliteration is off: so many messages would not
    need UCS-2 any more. `replaced`: in how many of them each character would become which."""

    messages: int
    parts_saved: int
    cost_saved: Decimal | None
    replaced: dict[str, tuple[str, int]]


class Wide(msgspec.Struct):
    """Messages that go as UCS-2 because of their characters, not by order."""

    messages: int
    parts: int
    characters: list[WideCharacter]
    more_characters: int
    transliteration: Transliteration


class Example(msgspec.Struct):
    """A line, and what is to be said of it."""

    line: int
    to: str
    text: str = ""


class Faults(msgspec.Struct):
    """So many messages that would not leave for one reason, and the first of them."""

    count: int
    examples: list[Example]


class Repeated(msgspec.Struct):
    """What stands in the file more than once: `values` so many different ones, `messages` all but
    the first of each. `most` are the most frequent, with how often they stand there."""

    values: int
    messages: int
    most: dict[str, int]


class Repeats(msgspec.Struct):
    """Repeated ids (which do not leave a second time), numbers, and texts to the same number."""

    ids: Repeated
    numbers: Repeated
    texts: Repeated


class Country(msgspec.Struct):
    """The messages to one country; `cost` None where no price is known for some of them."""

    name: str
    messages: int
    parts: int
    cost: Decimal | None


class Cost(msgspec.Struct):
    """By the configured prices. `unpriced` are messages to numbers without one."""

    currency: str
    estimated: Decimal
    unpriced: int


class Long(msgspec.Struct):
    """One of the longest messages."""

    line: int
    to: str
    parts: int
    characters: int
    encoding: str


class Estimate(msgspec.Struct):
    """Of one file. `calls` are operations of the HTTP APIs among the messages that would leave."""

    file: str
    campaign: str
    lines: int
    messages: int
    states: dict[str, int]
    parts: int
    encodings: dict[str, int]
    lengths: dict[int, int]
    calls: int
    countries: dict[str, Country]
    cost: Cost | None
    ucs2: Wide
    transliterated: int
    rejected: dict[str, Faults]
    invalid_numbers: Faults
    opted_out: Faults
    repeated: Repeats
    longest: list[Long]

    def encode(self) -> bytes:
        """As JSON; sums of money are numbers with all their decimals."""
        return _encode(self)


_encode = msgspec.json.Encoder(decimal_format="number").encode
