"""Counts and gauges in plain numbers: what `status`, /metrics and the status page are made of.

Stations own one of these each and add to it directly, which costs nothing worth measuring;
readers take a snapshot when somebody asks. All durations are seconds, all times epoch seconds.
"""

from __future__ import annotations

from smppd.figures.accounts import AccountFigures, ChatFigures, FallbackFigures
from smppd.figures.daemon import DaemonFigures
from smppd.figures.histograms import BUCKETS, Histogram
from smppd.figures.links import (
    ATTEMPTS,
    BIND_STATES,
    ENDINGS,
    LIMITS,
    LinkFigures,
    MatchingFigures,
    SessionFigures,
)
from smppd.figures.messages import CampaignFigures, CapFigures, OptOutFigures, RouteFigures
from smppd.figures.pausing import cure_of_pause
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

__all__ = [
    "ATTEMPTS",
    "BIND_STATES",
    "BUCKETS",
    "ENDINGS",
    "LIMITS",
    "AccountFigures",
    "CampaignFigures",
    "CapFigures",
    "ChatFigures",
    "ConfigFigures",
    "DaemonFigures",
    "FallbackFigures",
    "Histogram",
    "JournalFigures",
    "LinkFigures",
    "LoopFigures",
    "MatchingFigures",
    "OptOutFigures",
    "OutletFigures",
    "PlaceFigures",
    "RoomFigures",
    "RouteFigures",
    "SessionFigures",
    "SpoolFigures",
    "TraceFigures",
    "cure_of_pause",
]
