"""All figures of a daemon together, at one moment."""

from __future__ import annotations

import msgspec

from smppd.figures.accounts import AccountFigures, ChatFigures, FallbackFigures
from smppd.figures.links import LinkFigures
from smppd.figures.messages import CampaignFigures, CapFigures, OptOutFigures, RouteFigures
from smppd.figures.stations import (
    ConfigFigures,
    JournalFigures,
    LoopFigures,
    OutletFigures,
    PlaceFigures,
    RoomFigures,
    SpoolFigures,
    TraceFigures,
)


class DaemonFigures(msgspec.Struct):
    """Everything, at one moment."""

    version: str
    pid: int
    started: float
    now: float
    stopping: bool
    accepted: int
    #: All messages in the journal.
    states: dict[str, int]
    queued_by_lane: dict[str, int]
    oldest_queued: float | None
    open_files: int
    parked_receipts: int
    unmatched_receipts: int
    links: list[LinkFigures]
    journal: JournalFigures
    spool: SpoolFigures
    #: Of the queued ones, those that wait for a moment, or for their campaign.
    scheduled: int = 0
    routes: list[RouteFigures] = msgspec.field(default_factory=list)
    oldest_parked: float | None = None
    chats: list[ChatFigures] = msgspec.field(default_factory=list)
    fallbacks: list[FallbackFigures] = msgspec.field(default_factory=list)
    accounts: list[AccountFigures] = msgspec.field(default_factory=list)
    optouts: OptOutFigures = msgspec.field(default_factory=OptOutFigures)
    cap: CapFigures = msgspec.field(default_factory=CapFigures)
    outlets: list[OutletFigures] = msgspec.field(default_factory=list)
    places: list[PlaceFigures] = msgspec.field(default_factory=list)
    #: Why something cannot be written, by what it is.
    disk: dict[str, str] = msgspec.field(default_factory=dict)
    #: Some of the open files: those that are held, that move and the longest first.
    campaigns: list[CampaignFigures] = msgspec.field(default_factory=list)
    loop: LoopFigures = msgspec.field(default_factory=LoopFigures)
    configuration: ConfigFigures = msgspec.field(default_factory=ConfigFigures)
    #: When the oldest file of a lane was handed in of which something could leave.
    oldest_by_lane: dict[str, float] = msgspec.field(default_factory=dict)
    rooms: list[RoomFigures] = msgspec.field(default_factory=list)
    #: Messages accepted that are neither in a final state nor anywhere where they could wait for one.
    balance: int = 0
    traces: list[TraceFigures] = msgspec.field(default_factory=list)
    #: Why something waits because the journal is damaged, by what it is.
    damaged: dict[str, str] = msgspec.field(default_factory=dict)
    #: Open files that are not among the campaigns.
    more_campaigns: int = 0
