"""Listening in the reader's place while the disk keeps it waiting.

The reader reads no more before what it has read is on disk. When that takes long the SMSC may well
ask whether we are there, and must be answered (3.4, 2.4); so somebody goes on listening. What is
heard meanwhile is the reader's to report, in its order, and no more of it is read than fits
`MOST_HEARD`. Nothing is submitted meanwhile. Raises nothing: the end of the stream, or that it
broke, the reader will see.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import trio

from smppd.smpp.session import Event, Session

#: The disk may take so long, in seconds, before anybody listens.
SLOW = 1.0

#: So many events are kept for the reader at most.
MOST_HEARD = 10_000

_READ_SIZE = 65536


class Standby:
    """Listens between `begin` and `end` when those are more than `SLOW` apart; `note` is told what was
    read."""

    def __init__(
        self,
        stream: trio.abc.ReceiveStream,
        session: Session,
        writer: trio.lowlevel.ParkingLot,
        note: Callable[[bytes | bytearray], None],
    ) -> None:
        self._stream = stream
        self._note = note
        self._session = session
        self._writer = writer
        self._heard: list[Event] = []
        self._over = False
        #: When to listen; it sleeps till then, and is woken for nothing sooner.
        self._wanted_at = inf
        self._asleep = trio.CancelScope()
        self._listening: trio.CancelScope | None = None
        self._called = trio.lowlevel.ParkingLot()
        self._left = trio.lowlevel.ParkingLot()

    def begin(self) -> None:
        """The reader is about to wait for the disk."""
        self._asleep.deadline = self._wanted_at = trio.current_time() + SLOW

    async def end(self) -> None:
        """The reader is back: the stream is its own when this returns."""
        self._asleep.deadline = self._wanted_at = inf
        if self._listening is not None:
            self._listening.cancel()
            await self._left.park()
            self._writer.unpark_all()

    @property
    def listening(self) -> bool:
        """Whether it listens now: what the SMSC has said is not known to anybody else yet."""
        return self._listening is not None

    def take(self) -> list[Event]:
        """What was heard, once."""
        heard, self._heard = self._heard, []
        return heard

    def stop(self) -> None:
        """The session is over."""
        self._over = True
        self._called.unpark_all()

    async def run(self) -> None:
        """Be there until `stop`."""
        while not self._over:
            with trio.CancelScope(deadline=self._wanted_at) as self._asleep:
                await self._called.park()
            if trio.current_time() < self._wanted_at or self._over:
                continue
            with trio.CancelScope() as self._listening:
                await self._listen()
                await trio.sleep_forever()
            self._listening = None
            self._left.unpark_all()

    async def _listen(self) -> None:
        while len(self._heard) < MOST_HEARD:
            try:
                data = await self._stream.receive_some(_READ_SIZE)
            except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
                return
            if not data:
                return
            self._note(data)
            self._heard += self._session.receive_data(bytes(data), trio.current_time())
            self._writer.unpark_all()
