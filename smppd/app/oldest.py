"""Which file waits longest in each lane, found without holding up the traffic. Pure; raises nothing."""

from __future__ import annotations

from collections.abc import Collection

from smppd.ledger.accounts import Accounts
from smppd.ledger.snapshot import FileAccount
from smppd.message import Lane, State

#: Files looked at in one call: a few milliseconds.
AT_ONCE = 20_000


class OldestQueued:
    """Looks through the open files, the oldest first, so many at a time: of more than `AT_ONCE` what
    is told is of the last pass that came to its end."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._left: list[int] = []
        self._found: dict[int, FileAccount] = {}
        self._known: dict[int, FileAccount] = {}

    def by_lane(self, busy: Collection[Lane]) -> dict[str, float]:
        """When the oldest file was handed in of which something could leave, for the lane that it was
        handed in to. `busy`: the lanes that have something queued."""
        if self._accounts.counts[State.QUEUED] <= len(self._accounts.agenda):
            self._left, self._found, self._known = [], {}, {}
            return {}
        if not self._left:
            self._left = list(reversed(self._accounts.files))
        self._look(busy)
        return {
            Lane(lane).name.lower(): file.opened
            for lane, file in sorted(self._known.items())
            if _could_leave(file)
        }

    def _look(self, busy: Collection[Lane]) -> None:
        files, left, found = self._accounts.files, self._left, self._found
        for _ in range(min(AT_ONCE, len(left))):
            file = files.get(left.pop())
            if file is not None and _could_leave(file):
                found.setdefault(file.lane, file)
                if found.keys() >= set(busy):
                    left.clear()
                    break
        if not left:
            self._known, self._found = found, {}


def _could_leave(file: FileAccount) -> bool:
    return file.states[State.QUEUED] > file.scheduled
