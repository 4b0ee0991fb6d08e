"""The turnstile of an account: so many calls at once, so many a second, first come, first served."""

from __future__ import annotations

import trio

from smppd.httpapi.pacing import Pace


class Turnstile:
    """Lets calls through. Raises nothing."""

    def __init__(self, places: int, pace: Pace) -> None:
        self._places = trio.Semaphore(places)
        self._pace = pace
        self.inside = 0

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
        self._places.release()
