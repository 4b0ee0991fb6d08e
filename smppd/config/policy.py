"""`[policy]`: how many messages a number gets in a day.

As in `sections`: a field with a rule is a key of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from smppd.config.rules import Problem, choice, whole
from smppd.config.web_rules import time_zone, words

#: What becomes of a message beyond the cap: it waits for the next day, or is rejected.
OverCap = Literal["hold", "reject"]


def _zone(value: object) -> object:
    """The name of a time zone."""
    if value == "":
        return Problem('is empty; write a time zone like "Europe/Madrid"')
    return time_zone(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConfig:
    """`[policy]`. At most `per_number_per_day` messages (0: any number) of these priorities leave
    for a number in a day of `zone`; others go all the same and do not count."""

    per_number_per_day: Annotated[int, whole(0, 1_000_000)] = 0
    over_cap: Annotated[OverCap, choice(*get_args(OverCap))] = "hold"
    zone: Annotated[str, _zone] = "UTC"
    cap_priorities: Annotated[tuple[str, ...], words("high", "normal", "bulk")] = ("normal", "bulk")
