"""Between the spool and the pipeline: lines of files are handed in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from smppd.campaign import NO_TERMS, CampaignTerms
from smppd.message import ErrorInfo, Lane, Request


class Line(msgspec.Struct, gc=False):
    """One line of a file: a request, or a mistake with what could still be read of it.

    `share` is how much of the file lies before it (0..1), told where the file's terms have `spread`.
    """

    number: int
    request: Request | None
    mistake: ErrorInfo | None = None
    to: str = ""
    id: str | None = None
    echo: dict[str, bytes] | None = None
    share: float = 0.0


class Claimed(msgspec.Struct, frozen=True):
    """A file in `work/`, private to the daemon. `token` names its folder there."""

    token: str
    name: str
    lane: Lane
    folder: Path

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder / self.name


class Brief(msgspec.Struct, frozen=True):
    """A claimed file that is one message, of which nothing is in the journal yet, and its octets."""

    claimed: Claimed
    line: Line
    octets: int


class Unread(msgspec.Struct, frozen=True):
    """A claimed file whose lines are not all in the journal: go on at this octet and line.

    `terms` are those that the file gave before its first line was admitted.
    """

    file_id: int
    claimed: Claimed
    offset: int
    line: int
    terms: CampaignTerms = NO_TERMS


class Admission(Protocol):
    """What the spool hands lines to. Each call but `open_file` and `admit` returns when its effect is on
    disk."""

    async def open_file(self, claimed: Claimed) -> Unread:
        """Enter the file in the journal, with whatever follows about it, or find the entry that a
        crash left."""

    async def note_terms(self, file_id: int, terms: CampaignTerms) -> None:
        """What the file says of itself as a whole, before any line of it is admitted."""

    async def admit(self, file_id: int, lines: Sequence[Line], offset: int, line: int) -> None:
        """Take lines in; the file has been read up to this octet and line number.

        They and this number reach the disk together, in the order of the file. It returns when few
        chunks of the file are still on their way there, so that the next one is prepared meanwhile;
        `close_file` returns when none is.
        """

    async def close_file(self, file_id: int) -> None:
        """Every line has been admitted."""

    async def admit_brief(self, files: Sequence[Brief]) -> None:
        """Take files of one lane in whole, each from its opening to its end, all at once."""

    async def withdraw_file(self, file_id: int) -> None:
        """The file proved unusable as a whole before any line of it was admitted."""
