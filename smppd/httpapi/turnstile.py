"""The turnstile of an account: so many calls at once, so many a second, first come, first served."""

from __future__ import annotations

import trio

from smppd.httpapi.pacing import Pace


class Turnstile:
    """Lets calls through. Raises nothing."""

    def __init__(self, places: int, pace: Pace) -> None:
        self._limit = places
        self._places = trio.Semaphore(places)
        #: Places that are to go, and are still taken.
        self._owed = 0
        self._pace = pace
        self.inside = 0

    def change(self, places: int) -> None:
        """Let so many through at once from now on. Who is inside stays, and who waits goes on waiting."""
        self._owed += self._limit - places
        self._limit = places
        while self._owed < 0:
            self._owed += 1
            self._places.release()
        while self._owed and self._places.value:
            self._owed -= 1
            self._places.acquire_nowait()

    async def enter(self) -> None:
        """Wait for a place, then for a turn of the pace; the place is held until `leave`."""
        await self._places.acquire()
        self.inside += 1
        try:
            await trio.sleep(self._pace.take(trio.current_time()))
        except trio.Cancelled:
            self.leave()
            raise

    def leave(self) -> None:
        """The call is over."""
        self.inside -= 1
        if self._owed:
            self._owed -= 1
        else:
            self._places.release()
