"""The parts round the traffic: journal, spool, outlets, traces, and what the daemon stands on."""

from __future__ import annotations

import msgspec

from smppd.figures.histograms import Histogram


class JournalFigures(msgspec.Struct):
    """The journal since the daemon started. `octets` is how large it is on disk; `removed` messages
    were removed from it since it was made; so many facts are `to_look_at` for more. `waiting` rows
    are made and not on disk yet."""

    commits: int = 0
    rows: int = 0
    commit_seconds: Histogram = msgspec.field(default_factory=Histogram)
    octets: int = 0
    removed: int = 0
    to_look_at: int = 0
    waiting: int = 0


class LoopFigures(msgspec.Struct):
    """By how much the event loop was behind whenever it was looked, since the daemon started; and in
    the last minute: half of the times within `usual` seconds, 99 % within `tail`, at `most`."""

    delay: Histogram = msgspec.field(default_factory=Histogram)
    usual: float = 0.0
    tail: float = 0.0
    most: float = 0.0


class SpoolFigures(msgspec.Struct):
    """The spool since the daemon started."""

    claimed: int = 0
    admitted: int = 0
    quarantined: int = 0
    reported: int = 0
    lines: int = 0
    rejected_lines: int = 0


class PlaceFigures(msgspec.Struct):
    """One place of the spool at the last look: how much is in it, since when its oldest file has not
    changed (epoch seconds), and what was removed since the daemon started."""

    name: str
    files: int = 0
    octets: int = 0
    oldest: float | None = None
    removed_files: int = 0
    removed_octets: int = 0


class OutletFigures(msgspec.Struct):
    """One way that events leave since the daemon started: the stream, a webhook, a hook.

    `behind` counts the facts of the journal that it has not passed; `waiting_since` is when the event
    happened that is on its way. All times are epoch seconds.
    """

    name: str
    delivered: int = 0
    failures: int = 0
    given_up: int = 0
    behind: int = 0
    waiting_since: float | None = None
    failing_since: float | None = None
    last_error: str = ""


class ConfigFigures(msgspec.Struct):
    """The configuration: its file, and since when it is in force as it is (epoch seconds). `refused`:
    why the last reload was, and `refused_at` when; empty once one was taken over."""

    file: str = ""
    loaded: float = 0.0
    reloads: int = 0
    refused: list[str] = msgspec.field(default_factory=list)
    refused_at: float | None = None


class RoomFigures(msgspec.Struct):
    """The filesystem of a place, in octets: how large it is, how much is free, and the least that must
    be (`min_free`)."""

    place: str
    octets: int
    free: int
    least: int = 0


class TraceFigures(msgspec.Struct):
    """A trace of a link: its folder, from when until when (epoch seconds), whether texts are `readable` in it,
    who wanted it, and how much there is of it so far."""

    link: str
    folder: str
    since: float
    until: float
    readable: bool
    who: str
    pdus: int = 0
    octets: int = 0
    files: list[str] = msgspec.field(default_factory=list)
