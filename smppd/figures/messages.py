"""What is to leave, and what keeps it back: routes, campaigns, opt-outs, the cap."""

from __future__ import annotations

import msgspec


class RouteFigures(msgspec.Struct):
    """One route: what is queued for it, its links in their order, and those of them that have been
    unable to take anything for so long that others do."""

    name: str
    queued: int
    links: list[str]
    out: list[str]


class OptOutFigures(msgspec.Struct):
    """The opt-out list: how many entries it has, and since the daemon started, how many were added
    and removed and how many messages it kept back."""

    entries: int = 0
    added: int = 0
    removed: int = 0
    barred: int = 0


class CapFigures(msgspec.Struct):
    """How many messages a number gets in a day (0: any number), and since the daemon started, how
    often one was held till the next day, and how many were rejected."""

    most: int = 0
    held: int = 0
    rejected: int = 0


class CampaignFigures(msgspec.Struct):
    """A file that is open. `total` is final once it is `read`; `rate` is messages a second that left of
    late, `time_left` seconds until the last one has, where that can be said; `held` is why not all
    of it leaves that could."""

    campaign: str
    file: str
    read: bool
    total: int
    done: int
    states: dict[str, int]
    rate: float = 0.0
    time_left: float | None = None
    held: str = ""
