"""What removes what is old: for how long what is kept, which places there are, and what belongs in each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from smppd.config import Config
from smppd.keeping.heaps import campaigns, nothing, series
from smppd.keeping.places import Place
from smppd.keeping.pruner import Ages
from smppd.ledger.accounts import Accounts

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


def ages_of(config: Config) -> Ages:
    """For how long the journal is kept."""
    return Ages(config.retention.journal, config.spool.dedupe_window)


def places_of(config: Config) -> list[Place]:
    """Everything in the spool that grows. `bad/` is only looked at."""
    root, terms = config.spool.path, config.retention
    return [
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
