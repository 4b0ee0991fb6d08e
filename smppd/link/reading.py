"""Reading from a stream for a reader that keeps the clock as well."""

from __future__ import annotations

from collections.abc import Callable

import trio

#: The most octets taken from the socket at once.
READ_SIZE = 65536

#: The least time given to reading before a timer is judged.
_GRACE = 0.01


class Reading:
    """What one reader reads. `due`: by when it is to look at the clock (trio's time)."""

    def __init__(self, stream: trio.abc.ReceiveStream, due: Callable[[], float]) -> None:
        self._stream = stream
        self._due = due
        self._waiting: trio.CancelScope | None = None
        self._interrupted = False
        #: The last time took all that had arrived.
        self.exhausted = True

    async def receive(self) -> bytes | bytearray | None:
        """The next octets, none at the end of the stream; None when something else is due. Raises what
        the stream raises."""
        data, self.exhausted = None, True
        if not self._interrupted:
            try:
                with trio.CancelScope(deadline=self._alarm()) as self._waiting:
                    data = await self._stream.receive_some(READ_SIZE)
            finally:
                self._waiting = None
        if data is None:
            self._interrupted = False
        else:
            self.exhausted = len(data) < READ_SIZE
        return data

    def _alarm(self) -> float:
        """When to look at the clock: never before the socket could be looked at."""
        return max(self._due(), trio.current_time() + _GRACE)

    def set_alarm(self) -> None:
        """Wait no longer than is due now."""
        if self._waiting is not None and (alarm := self._alarm()) < self._waiting.deadline:
            self._waiting.deadline = alarm

    def interrupt(self) -> None:
        """Have the reader look up, now or as soon as it would read again."""
        self._interrupted = True
        if self._waiting is not None:
            self._waiting.cancel()
