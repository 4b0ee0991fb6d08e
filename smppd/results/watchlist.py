"""Which open files are looked at, once a second: of tens of thousands not each one each time. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import takewhile

from smppd.ledger.accounts import Accounts
from smppd.ledger.snapshot import FileAccount

#: Seconds after which a file is worth looking at, and one of a single message.
EVERY = 1.0
PATIENCE = 10.0


class Watchlist:
    """The open files of a daemon's accounts: all that may be long, and in turn those of one message."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._newest = 0
        self._long: set[int] = set()
        #: Files of one message, the oldest first, until they have been open for a while.
        self._fresh: deque[int] = deque()
        #: Those that have, each with what stood when it was last looked at.
        self._turn: deque[tuple[int, object]] = deque()

    def campaigns(self) -> list[FileAccount]:
        """The open files of more than one message, that are still read, or that are restrained."""
        self._take_in()
        held = self._accounts.restrained - self._long
        return [file for file_id in sorted(self._long | held) if (file := self._open(file_id))]

    def long(self, now: float) -> list[FileAccount]:
        """The open files of more than one message, or still being read, that are worth a look."""
        self._take_in()
        files = [file for file_id in sorted(self._long) if (file := self._open(file_id))]
        return [file for file in files if now - file.opened > EVERY]

    def single(self, now: float, at_most: int) -> Iterator[FileAccount]:
        """So many open files of one message, of which something has changed since they were looked at;
        others the next time."""
        self._let_ripen(now)
        for _ in range(min(at_most, len(self._turn))):
            file_id, stood = self._turn.popleft()
            file = self._open(file_id)
            if file is not None:
                stands = (*file.states, file.why_held)
                self._turn.append((file_id, stands))
                if stands != stood:
                    yield file

    def _take_in(self) -> None:
        """Files that are new, and those of one message that have been read."""
        accounts = self._accounts
        new = takewhile(lambda each: each > self._newest, reversed(accounts.files))
        found = sorted(new)
        self._newest = max(self._newest, *found[-1:], 0)
        self._long.update(found)
        for file_id in list(self._long):
            file = self._open(file_id)
            if file is None:
                self._long.discard(file_id)
            elif file.closed and file.items <= 1:
                self._long.discard(file_id)
                self._fresh.append(file_id)

    def _let_ripen(self, now: float) -> None:
        while self._fresh:
            file = self._open(self._fresh[0])
            if file is not None and now - file.opened <= PATIENCE:
                return
            file_id = self._fresh.popleft()
            if file is not None:
                self._turn.append((file_id, None))

    def _open(self, file_id: int) -> FileAccount | None:
        """The file if its messages have not come to rest."""
        file = self._accounts.files.get(file_id)
        if file is None or file.reported or (file.closed and not file.pending):
            return None
        return file
