"""Writing into a journal that no daemon has open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from smppd.journal.store import Batch, open_store
from smppd.locking import take_lock
from smppd.optout.roll import Change
from smppd.ports import ApiCall


def log_calls(path: Path, calls: Sequence[ApiCall]) -> None:
    """Add calls to the log of calls, the journal made or brought up to date as need be.

    Raises `AlreadyLocked` when a daemon has it (which then makes the calls itself), `JournalError`
    when it cannot be opened, OSError when its lock cannot be.
    """
    with take_lock(path.with_name(path.name + ".lock"), f"journal {path}"):
        with closing(open_store(path)) as store:
            store.commit(Batch(calls=list(calls)))


def change_opt_outs(path: Path, lots: Iterable[Sequence[Change]]) -> int:
    """Change the opt-out list, each lot in one commit; how many changes changed anything.

    Raises what `log_calls` raises, and what `lots` does.
    """
    with take_lock(path.with_name(path.name + ".lock"), f"journal {path}"):
        with closing(open_store(path)) as store:
            return sum(store.change_opt_outs(lot) for lot in lots)
