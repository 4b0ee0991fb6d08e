"""What a file says of itself as a whole: a campaign's name, and how its messages are to go.

Every file is a campaign; most say nothing, and then its name is the file's. This module knows no
files, clocks or SQL.
"""

from __future__ import annotations

import msgspec


class Canary(msgspec.Struct, array_like=True, frozen=True):
    """The first `messages` go alone; the rest follows when at most the share `max_failed` (0..1) of
    them has failed, or is held when more has. After `wait` seconds without news it is decided by
    what is known."""

    messages: int
    max_failed: float = 0.05
    wait: float = 600.0


class CampaignTerms(msgspec.Struct, array_like=True, frozen=True):
    """A campaign's terms, as they stand on disk: extend at the end.

    `name` is empty for that of the file. `once`: the same name again within `dedupe_window` is a
    repetition, and nothing of it is sent; `repeats` is then the earlier file. `unique_text`: the
    same text to the same number goes once. `spread` are the seconds over which its messages are
    spread evenly. `layout` is the spool's own note of how the file is to be read on.
    """

    name: str = ""
    once: bool = False
    unique_text: bool = False
    spread: float = 0.0
    canary: Canary | None = None
    layout: bytes = b""
    repeats: str = ""


#: What a file has that says nothing.
NO_TERMS = CampaignTerms()
