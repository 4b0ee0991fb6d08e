"""Whether more files in memory would serve nobody: what is to be sent, or reported, is enough as it is.

A file costs memory from its admission to its report, and a hundred thousand of them lie as well in the
inbox. What waits for receipts alone is never counted against what is to leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

from smppd.ledger.accounts import Accounts
from smppd.ledger.snapshot import FileAccount
from smppd.message import Lane

#: Open files of a lane from which on it may be crowded.
FILES = 6000
#: Messages of such a lane that are queued, or files of it that may be reported, to make it so.
WAITING = 4000


class Crowding:
    """Counts the open files of each lane. `queues` by pool and lane."""

    def __init__(self, accounts: Accounts, queues: Mapping[tuple[str, Lane], int]) -> None:
        self._accounts = accounts
        self.look_at(queues)
        self.files = Counter(file.lane for file in accounts.files.values() if not file.reported)

    def look_at(self, queues: Mapping[tuple[str, Lane], int]) -> None:
        """These are the queues, by pool and lane."""
        self._queues = {
            lane: {number for (_, each), number in queues.items() if each is lane} for lane in Lane
        }

    def is_crowded(self, lane: Lane) -> bool:
        """Whether this lane has files enough."""
        if self.files[lane] <= FILES:
            return False
        accounts = self._accounts
        if sum(accounts.queue(number).queued for number in self._queues[lane]) > WAITING:
            return True
        if len(accounts.touched) <= WAITING:
            return False
        return next(islice(self._at_rest(lane), WAITING, None), None) is not None

    def _at_rest(self, lane: Lane) -> Iterator[FileAccount]:
        """Files of this lane that may be reported."""
        accounts = self._accounts
        for file_id in accounts.touched:
            file = accounts.files.get(file_id)
            if file is not None and file.lane == lane:
                yield file
