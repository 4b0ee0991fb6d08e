"""The simulated SMSC on the network: a message centre, sockets around it, and one clock for all.

Each connection has a reader and a writer, and one task keeps the time; no task and no wait is
spent on a single PDU. What a peer does to its connection ends that connection and nothing else;
a listening address or a certificate that cannot be had raises OSError from `listen`, a tally
that cannot be written from `write_tally`.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from typing import NamedTuple

import trio

from smppd.simulate.accounts import Connection
from smppd.simulate.centre import MessageCentre
from smppd.simulate.common import Common
from smppd.simulate.script import Script
from smppd.simulate.securing import secured
from smppd.simulate.tally import Tally

#: Octets taken from a socket at once.
READ_SIZE = 65536

#: Nothing is done later than asked by more than this, and the clock's task never runs more often.
GRAIN = 0.001

#: How long the last octets of an ended session may take to leave, seconds.
FLUSH_TIME = 1.0


class _Hold(NamedTuple):
    """What a connection's tasks are held by: where the writer waits, and their scope."""

    lot: trio.lowlevel.ParkingLot
    scope: trio.CancelScope


class Smsc:
    """A simulated SMSC. `tally` says what it saw; `address` where it listens while it serves."""

    def __init__(
        self,
        script: Script,
        wall_clock: Callable[[], float] = time.time,
        common: Common | None = None,
    ) -> None:
        self.script = script
        self.address: tuple[str, int] | None = None
        self._listeners: list[trio.SocketListener] = []
        self._centre = MessageCentre(script, wall_clock, common)
        self._holds: dict[Connection, _Hold] = {}
        self._alarm = trio.lowlevel.ParkingLot()
        self._alarm_at = 0.0
        self._tls: ssl.SSLContext | None = None

    @property
    def tally(self) -> Tally:
        """What it saw and did so far."""
        return self._centre.tally

    @property
    def connected(self) -> int:
        """How many connections are open, the deaf ones included."""
        return len(self._holds)

    def write_tally(self) -> None:
        """Write the tally now, if the script names a file for it."""
        if self.script.tally.file:
            self.tally.write(self.script.tally.file)

    async def listen(self) -> tuple[str, int]:
        """Open the listening sockets; the bound (host, port). `serve` does it where this was not."""
        tls = self.script.tls
        self._tls = secured(tls.cert, tls.key, tls.ca)
        host, port = self.script.address()
        self._listeners = await trio.open_tcp_listeners(port, host=host or None)
        bound = self._listeners[0].socket.getsockname()
        self.address = (bound[0], bound[1])
        return self.address

    async def serve(
        self, *, task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Listen and serve until cancelled. Gives the bound (host, port).

        Closes its connections without a word when it is cancelled, and writes the tally last.
        """
        address = self.address or await self.listen()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_time)
                if self.script.tally.file and self.script.tally.every:
                    nursery.start_soon(self._keep_tally)
                await nursery.start(trio.serve_listeners, self.serve_stream, self._listeners)
                task_status.started(address)
        finally:
            self.address = None
            self.write_tally()

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection until it ends, and close it."""
        if self._tls is not None:
            stream = trio.SSLStream(stream, self._tls, server_side=True, https_compatible=True)
        connection = self._centre.connect(trio.current_time())
        hold = _Hold(trio.lowlevel.ParkingLot(), trio.CancelScope())
        self._holds[connection] = hold
        try:
            with hold.scope:
                async with stream, trio.open_nursery() as nursery:
                    nursery.start_soon(self._write, connection, stream)
                    await self._read(connection, stream)
                    self._wake_stirred()
        finally:
            del self._holds[connection]

    async def _read(self, connection: Connection, stream: trio.abc.ReceiveStream) -> None:
        while not connection.over:
            try:
                data = await stream.receive_some(READ_SIZE)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                self._centre.lose(connection, f"cannot read: {error}", trio.current_time())
                return
            self._centre.receive(connection, bytes(data), trio.current_time())
            self._wake_stirred()

    async def _write(self, connection: Connection, stream: trio.abc.SendStream) -> None:
        lot = self._holds[connection].lot
        while not connection.deaf:
            over = connection.over
            connection.stirred = False
            octets = b"" if connection.dropped else connection.session.data_to_send()
            if octets and not await self._send(connection, stream, octets):
                return
            if over:
                # Ends the reader, which may wait for a peer that says no more.
                await stream.aclose()
                return
            if not connection.stirred:
                await lot.park()
        await trio.sleep_forever()

    async def _send(
        self, connection: Connection, stream: trio.abc.SendStream, octets: bytes
    ) -> bool:
        """Whether the octets left."""
        try:
            await stream.send_all(octets)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._centre.lose(connection, f"cannot write: {error}", trio.current_time())
            await stream.aclose()
            return False
        return True

    def _wake_stirred(self) -> None:
        """Wake the writers that have something to write, and the clock if it sleeps too long."""
        for connection, hold in self._holds.items():
            if connection.stirred:
                hold.lot.unpark_all()
                if connection.over and not connection.deaf:
                    # A peer that does not read must not keep us from closing.
                    latest = trio.current_time() + FLUSH_TIME
                    hold.scope.deadline = min(hold.scope.deadline, latest)
        if self._centre.next_due() < self._alarm_at:
            self._alarm.unpark_all()

    async def _keep_time(self) -> None:
        while True:
            now = trio.current_time()
            self._alarm_at = max(self._centre.next_due(), now + GRAIN)
            with trio.move_on_at(self._alarm_at):
                await self._alarm.park()
                # Woken because something is due sooner: it still waits for its turn.
                continue
            self._centre.advance(trio.current_time())
            self._wake_stirred()

    async def _keep_tally(self) -> None:
        while True:
            await trio.sleep(self.script.tally.every)
            self.write_tally()
