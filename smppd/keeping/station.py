"""The station that goes round the places of the spool, now and then, in small lots.

It never holds anybody up: a lot is a few milliseconds in a thread, and the pause behind it is longer
than the lot. What cannot be removed is told once and tried again in the next round.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from math import inf
from typing import Any

import trio

from smppd.events import ClockDoubted, Emit, ForeignFiles, PlaceCleared, RetentionFailing
from smppd.figures import PlaceFigures
from smppd.keeping.places import MOST_TOLD, Keeper, Outcome, Place
from smppd.keeping.steady import SETTLE, Steady

#: Seconds between two rounds at most; and at least, however short things are kept.
ROUND, SHORTEST_ROUND = 3600.0, 0.25
#: A lot ends after so many seconds in its thread; the pause behind it is so many times as long.
LOT, PAUSE = 0.02, 4.0

RunSync = Callable[..., Awaitable[Any]]


def round_every(ages: Sequence[float | None]) -> float:
    """How often to look, for what is kept so long: a tenth of the shortest time."""
    shortest = min((age for age in ages if age is not None), default=inf)
    return max(SHORTEST_ROUND, min(ROUND, shortest / 10))


class Clock:
    """The time by which things are old; None while it cannot be believed."""

    def __init__(self, wall: Callable[[], float], last: float | None, emit: Emit) -> None:
        self._wall = wall
        self._steady = Steady(last)
        self._emit = emit
        self._doubted = False

    def now(self) -> float | None:
        """Epoch seconds; None when nothing may be removed by them."""
        wall = self._wall()
        believed = self._steady.believed(wall, trio.current_time())
        if not believed and not self._doubted:
            hint = "see that the date is right, and that something like chrony keeps it so"
            self._emit(ClockDoubted(SETTLE, hint))
        self._doubted = not believed
        return wall if believed else None


class Housekeeping:
    """`in_use` gives the days (YYYY-MM-DD) of files that are not reported yet, and today."""

    def __init__(
        self,
        places: Sequence[Place],
        clock: Clock,
        emit: Emit,
        run_sync: RunSync,
        in_use: Callable[[], Collection[str]],
    ) -> None:
        self._keepers = [Keeper(place) for place in places]
        #: What the places are to be from the next look on.
        self._wanted: Sequence[Place] = ()
        self._changed = trio.Event()
        self._clock = clock
        self._emit = emit
        self._run_sync = run_sync
        self._in_use = in_use
        self._told: set[str] = set()
        self._failing: set[str] = set()

    def figures(self) -> list[PlaceFigures]:
        """What was in each place at the last look."""
        return [keeper.figures for keeper in self._keepers]

    def change(self, places: Sequence[Place]) -> None:
        """Keep as much in the same places as is said of these; the round under way is given up for it."""
        self._wanted = places
        self._changed.set()

    async def run(self) -> None:
        """Go round, until cancelled."""
        while True:
            self._changed = trio.Event()
            for keeper, place in zip(self._keepers, self._wanted, strict=False):
                keeper.place = place
            for keeper in self._keepers:
                if not self._changed.is_set():
                    await self._round(keeper)
            every = round_every([keeper.place.age for keeper in self._keepers])
            with trio.move_on_after(every):
                await self._changed.wait()

    async def _round(self, keeper: Keeper) -> None:
        now, outcome = self._clock.now(), Outcome()
        steps = keeper.round(now, outcome)
        keeper.in_use = self._in_use()  # what is opened from now on is of today
        more = True
        while more and not self._changed.is_set():
            began = trio.current_time()
            more = await self._run_sync(_lot, steps)
            await trio.sleep((trio.current_time() - began) * PAUSE)
            if now is not None and self._clock.now() is None:
                break  # it jumped meanwhile
        self._tell(keeper.place.name, outcome)

    def _tell(self, place: str, outcome: Outcome) -> None:
        if outcome.files:
            self._emit(PlaceCleared(place, outcome.files, outcome.octets))
        new = [name for name in outcome.foreign if f"{place}/{name}" not in self._told]
        if new:
            self._told.update(f"{place}/{name}" for name in new)
            more = ", …" if len(new) > MOST_TOLD else ""
            self._emit(ForeignFiles(place, len(new), ", ".join(new[:MOST_TOLD]) + more))
        if outcome.failed and place not in self._failing:
            hint = f"give {place}/ to the daemon's user; it is tried again"
            self._emit(RetentionFailing(place, outcome.failed, hint))
        (self._failing.add if outcome.failed else self._failing.discard)(place)


def _lot(steps: Iterator[None]) -> bool:
    """Work for a moment; whether there is more to do."""
    until = time.perf_counter() + LOT
    return any(time.perf_counter() >= until for _ in steps)
