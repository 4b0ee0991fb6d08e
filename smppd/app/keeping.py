"""What removes what is old, built: which places there are, and what belongs in each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from smppd.app.outlets import cursor_names
from smppd.config import Config
from smppd.events import Emit
from smppd.journal.journal import Journal
from smppd.keeping.heaps import campaigns, nothing, series
from smppd.keeping.places import Place
from smppd.keeping.pruner import Pruner
from smppd.keeping.station import Clock, Housekeeping, RunSync
from smppd.keeping.stripper import Stripper
from smppd.ledger.accounts import Accounts
from smppd.pipeline.desk import Desk

#: The newest files of a series: one is written to, and by the one before it a start finds its place.
_SPARE = 2
_RECEIPTS = r"receipts-[0-9]{8}-[0-9]{2}\.jsonl"
_EVENTS = r"events-.+\.jsonl"
_RECEIVED = r"[^.].*\.json"


class DaysInUse:
    """The days of files that are not reported yet, whose results belong there, and today."""

    def __init__(self, accounts: Accounts, wall: Callable[[], float]) -> None:
        self._accounts = accounts
        self._wall = wall

    def __call__(self) -> frozenset[str]:
        """As their folders are named."""
        moments = {file.opened // 86_400 for file in self._accounts.files.values()}
        moments |= {self._wall() // 86_400}
        return frozenset(f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}" for day in moments)


def build_pruner(
    config: Config, journal: Journal, desk: Desk, clock: Clock, emit: Emit
) -> Pruner | None:
    """What removes from the journal; None where it is kept for ever."""
    age = config.retention.journal
    if age is None:
        return None
    ages = (age, config.spool.dedupe_window)
    return Pruner(journal, desk, ages, cursor_names(config), clock, emit)


def build_stripper(
    config: Config, journal: Journal, desk: Desk, clock: Clock, emit: Emit
) -> Stripper | None:
    """What takes texts out of the journal; None where they are kept."""
    if not config.retention.drops_contents:
        return None
    names = cursor_names(config)
    return Stripper(journal, desk, desk.accounts.shelf.oldest, names, clock, emit)


def build_housekeeping(
    config: Config, clock: Clock, emit: Emit, run_sync: RunSync, in_use: DaysInUse
) -> Housekeeping:
    """Everything in the spool that grows. `bad/` is only looked at."""
    root, terms = config.spool.path, config.retention
    places = [
        Place("done", root / "done", campaigns, True, terms.done, terms.done_size),
        Place(
            "receipts",
            root / "receipts",
            series(_RECEIPTS, _SPARE, "receipts-%Y%m%d-%H.jsonl"),
            False,
            terms.receipts,
            terms.receipts_size,
        ),
        Place(
            "events",
            root / "events",
            series(_EVENTS, _SPARE),
            False,
            terms.events,
            terms.events_size,
        ),
        Place("received", root / "received/new", series(_RECEIVED, 0), False, terms.received),
        Place("bad", root / "bad", nothing, True),
    ]
    return Housekeeping(places, terms, clock, emit, run_sync, in_use)
