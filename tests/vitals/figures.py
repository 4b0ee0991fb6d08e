"""Figures to look at, of a daemon with one link that does well."""

from __future__ import annotations

from typing import Any

from smppd.figures import (
    DaemonFigures,
    JournalFigures,
    LinkFigures,
    SessionFigures,
    SpoolFigures,
)

STARTED, NOW = 1_700_000_000.0, 1_700_003_600.0


def link(name: str = "main", state: str = "bound_trx", **more: Any) -> LinkFigures:
    sessions = [SessionFigures(state, "smsc:2775", 3, NOW - 60)]
    return LinkFigures(name, window=10, sessions=sessions, **more)


def daemon(*links: LinkFigures, **more: Any) -> DaemonFigures:
    known: dict[str, Any] = {
        "version": "1.2.3",
        "pid": 4711,
        "started": STARTED,
        "now": NOW,
        "stopping": False,
        "accepted": 1000,
        "states": {"queued": 100, "delivered": 900},
        "queued_by_lane": {"high": 0, "normal": 80, "bulk": 20},
        "oldest_queued": NOW - 20,
        "oldest_by_lane": {"normal": NOW - 20, "bulk": NOW - 7},
        "open_files": 2,
        "parked_receipts": 3,
        "unmatched_receipts": 5,
        "links": list(links) or [link()],
        "journal": JournalFigures(),
        "spool": SpoolFigures(),
    }
    return DaemonFigures(**(known | more))
