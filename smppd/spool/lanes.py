"""Reading in turns: the files of one lane, fairly, and many short ones in one commit.

A turn gives each of a few long files one chunk and reads a lot of short files whole, all at once,
so that whatever they hand to the journal shares its commits. Each lane has its own task, hence no
bulk file can hold up an urgent one for longer than a chunk. It knows nothing of the inbox.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import trio

from smppd.spool.chunks import BLOCK
from smppd.spool.claiming import Taken
from smppd.spool.intake import Intake, Reading

#: Long files read in turns at the same time.
LONG_AT_ONCE = 4

#: Messages whose octets are there, admitted at the same time.
BRIEF_AT_ONCE = 500

#: Short files read at the same time.
SHORT_AT_ONCE = 250

#: Claimed files that may wait to be read; the rest stays in the inbox.
BACKLOG = 2000

#: Files up to this size (octets) are read whole in one turn.
_SHORT = BLOCK // 2


class LaneReader:
    """Reads one lane's claimed files until closed. `freed` is called when there is room again."""

    def __init__(self, intake: Intake, freed: Callable[[], None]) -> None:
        self._intake = intake
        self._freed = freed
        self._brief: deque[Taken] = deque()
        self._short: deque[Taken] = deque()
        self._long: deque[Taken] = deque()
        self._open: list[Reading] = []
        self._news = trio.Event()
        self._closed = False

    @property
    def room(self) -> int:
        """How many more files may be put."""
        waiting = len(self._brief) + len(self._short) + len(self._long)
        return max(BACKLOG - waiting, 0)

    def put(self, files: Iterable[Taken]) -> None:
        """Files to read, claimed and on disk where they are."""
        for taken in files:
            if taken.content is not None:
                self._brief.append(taken)
            else:
                (self._short if taken.octets <= _SHORT else self._long).append(taken)
        self._news.set()

    def close(self) -> None:
        """Let `run` return after the turn it is in; what is not read stays in `work/`."""
        self._closed = True
        self._news.set()

    async def run(self) -> None:
        """Read until closed. Open files are closed on the way out, however it comes about."""
        try:
            while not self._closed:
                if self._brief or self._short or self._long or self._open:
                    was_full = not self.room
                    await self._turn()
                    if was_full:
                        self._freed()
                else:
                    await self._news.wait()
                    self._news = trio.Event()
        finally:
            for reading in self._open:
                reading.source.close()

    async def _turn(self) -> None:
        steps: list[Callable[[], Awaitable[None]]] = [
            partial(self._go_on, reading) for reading in self._open
        ]
        for _ in range(min(LONG_AT_ONCE - len(self._open), len(self._long))):
            steps.append(partial(self._begin, self._long.popleft()))
        if self._brief:
            lot = [self._brief.popleft() for _ in range(min(BRIEF_AT_ONCE, len(self._brief)))]
            steps.append(partial(self._intake.read_brief, lot))
        for _ in range(min(SHORT_AT_ONCE, len(self._short))):
            steps.append(partial(self._intake.read_whole, self._short.popleft().claimed))
        if len(steps) == 1:  # tasks would cost it more than it does
            await steps[0]()
            return
        async with trio.open_nursery() as nursery:
            for step in steps:
                nursery.start_soon(step)

    async def _begin(self, taken: Taken) -> None:
        reading = await self._intake.begin(taken.claimed)
        if reading is not None:
            self._open.append(reading)

    async def _go_on(self, reading: Reading) -> None:
        if await self._intake.step(reading):
            self._open.remove(reading)
