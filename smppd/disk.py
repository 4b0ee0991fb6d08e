"""A disk that takes nothing more: whoever must write waits and tries again, and people are told.

Each writer has a word for what it writes (`what`). While one fails it stands in `troubles`, with one
event when that begins and one when it ends. Who stops cannot wait for ever: see `stop_waiting`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from errno import EMFILE, ENFILE
from math import inf
from typing import TypeVar

import trio

from smppd.events import DiskFailing, DiskRecovered, Emit

T = TypeVar("T")

#: Seconds between two attempts, growing from the first to the last.
SHORTEST = 0.1
LONGEST = 2.0
#: Seconds for which a daemon that stops still waits for the disk.
PATIENCE = 10.0

#: What writers call what they write.
JOURNAL = "journal"
RESULTS = "results"
RECEIPTS = "receipts"
CLAIMS = "claims"
QUARANTINE = "bad"
INBOX_FOLDER = "inbox"

_DESCRIPTORS = (
    "raise LimitNOFILE= of the unit (ulimit -n): it is tried again, and nothing is lost meanwhile"
)
_HINT = "free space or mend the disk: it is tried again, and nothing is lost meanwhile"


class Disk:
    """What cannot be written at the moment, and the patience for it."""

    def __init__(self, emit: Emit = lambda _: None) -> None:
        self._emit = emit
        self._deadline = inf
        #: Why, by what cannot be written.
        self.troubles: dict[str, str] = {}

    async def insist(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` comes to once it raises no OSError; it is called again until then.

        OSError when the daemon stops and has waited long enough.
        """
        wait = SHORTEST
        while True:
            try:
                outcome = await call()
            except OSError as error:
                self.note(what, error)
                if trio.current_time() >= self._deadline:
                    raise
                await trio.sleep(wait)
                wait = min(2 * wait, LONGEST)
            else:
                self.note(what, None)
                return outcome

    def note(self, what: str, error: OSError | None) -> None:
        """This failed, or works."""
        if error is None:
            self.tell(what, "")
        else:
            where = f"{error.filename}: " if error.filename else ""
            hint = _DESCRIPTORS if error.errno in (EMFILE, ENFILE) else _HINT
            self.tell(what, f"{where}{error.strerror or error}", hint)

    def tell(self, what: str, reason: str, hint: str = _HINT) -> None:
        """Why this is not written; empty when it is. Only a change is an event."""
        if not reason:
            if self.troubles.pop(what, None) is not None:
                self._emit(DiskRecovered(what))
            return
        if what not in self.troubles:
            self._emit(DiskFailing(what, reason, hint))
        self.troubles[what] = reason

    def stop_waiting(self) -> None:
        """The daemon stops: what cannot be written within `PATIENCE` is left for the next start."""
        self._deadline = trio.current_time() + PATIENCE
