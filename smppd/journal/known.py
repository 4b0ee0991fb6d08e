"""Which keys the lots of a journal may hold, as far as memory knows: most look-ups are spared by it.

What was written before this process began is read a few keys at a time, beside everything else, so
that nobody waits for millions of them at a start. Until that is done every key may be there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import trio

from smppd.journal.filter import Filter

#: So many keys are read at once: a few milliseconds.
KEYS_AT_ONCE = 4000
#: The pause behind each is so many times as long as it took: nobody else is to feel it.
PAUSE = 1.0

#: Reads up to so many keys behind a lot and key, in order, each with its lot; None when it could not.
ReadKeys = Callable[[tuple[int, str], int], Awaitable[Sequence[tuple[int, str]] | None]]


class KnownKeys:
    """The keys of "client_id" or "waiting"."""

    def __init__(self) -> None:
        self._filter = Filter()
        self._complete = False

    def add(self, keys: Sequence[str]) -> Sequence[str]:
        """These are to be written, now or later; those of them that may be on disk already."""
        before = self._filter.add(keys)
        return before if self._complete else keys

    def among(self, keys: Sequence[str]) -> Sequence[str]:
        """Those of these keys that may be on disk."""
        return self._filter.among(keys) if self._complete else keys

    async def learn(self, read: ReadKeys) -> None:
        """Read all that is on disk. Where it cannot be read, look-ups go to disk as before."""
        place, more = (0, ""), True
        while more:
            began = trio.current_time()
            rows = await read(place, KEYS_AT_ONCE)
            if rows is None:
                return
            self._filter.add([key for _, key in rows])
            more = len(rows) == KEYS_AT_ONCE
            if more:
                place = rows[-1]
                await trio.sleep((trio.current_time() - began) * PAUSE)
        self._complete = True
