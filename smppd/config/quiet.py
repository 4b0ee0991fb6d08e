"""What `[[quiet]]` says: hours in which nothing leaves for some countries."""

from __future__ import annotations

from dataclasses import dataclass

#: The keys of a section.
QUIET_KEYS = ("countries", "from", "until", "days", "zone", "priorities")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietConfig:
    """One section: from and until which minute of the day (in `zone`) nothing leaves for these
    places (`countries.read_place`; none: for all), on the `days` (0 is Monday) on which such hours
    begin. Past midnight they end on the next day. Messages of other `priorities` go all the same.
    """

    begins: int
    ends: int
    zone: str
    places: tuple[str, ...] = ()
    days: tuple[int, ...] = tuple(range(7))
    priorities: tuple[str, ...] = ("normal", "bulk")
