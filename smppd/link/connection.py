"""One connection to an SMSC: a reader and a writer round one session.

The writer is the only one who writes. The reader keeps the clock as well: a timer is judged
only after what had arrived by then was read, so that a slow commit never looks like a silent
SMSC. Knows nothing of reconnecting. What breaks a connection ends it as a value: only faults of
the program, and those of `Submissions`, leave `run` as exceptions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from math import inf

import trio

from smppd.link.asking import Asked
from smppd.link.batch import Batch, sort_events
from smppd.link.dial import broken, ends_of
from smppd.link.ending import Ended, kind_of
from smppd.link.handover import Handover
from smppd.link.loading import Loader
from smppd.link.oddities import Oddities
from smppd.link.reading import Reading
from smppd.link.standby import Standby
from smppd.link.traffic import Traffic
from smppd.message import Part
from smppd.ports import Tap
from smppd.smpp.pdu import Request, Response
from smppd.smpp.session import (
    BindRefused,
    Bound,
    Closed,
    Enquired,
    Event,
    Limits,
    NotificationReceived,
    Oddity,
    PeerUnbinding,
    Session,
    SessionState,
)

#: How long the SMSC may leave what we write unread before the connection counts as lost.
WRITE_TIMEOUT = 30.0

#: How long answers may still come after the SMSC has unbound, or before we do to bind anew; and
#: how long the end may take with nothing left to answer.
PARTING = 10.0
PARTING_IDLE = 1.0

#: How long our own unbind may take, and the last octets of a session that is over.
UNBIND_TIMEOUT = 5.0
LAST_WORDS = 1.0

_SUBMITTING = frozenset({SessionState.BOUND_TX, SessionState.BOUND_TRX})
_BOUND = _SUBMITTING | {SessionState.BOUND_RX}
_NOT_YET_BOUND = frozenset({SessionState.OPEN, SessionState.BINDING})

#: A broken connection is an exception where it is read and written; from there on it is a value.
_BROKEN = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)


class Connection:
    """Moves octets between a stream and a session, parts out of the traffic, events into it."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        session: Session,
        traffic: Traffic,
        number: int,
        on_bound: Callable[[Response | None], None],
    ) -> None:
        self.session = session
        self._stream = stream
        self._traffic = traffic
        self._oddities = Oddities(traffic, number)
        self._on_bound = on_bound
        self._loader = Loader(session, traffic)
        self._to_write = trio.lowlevel.ParkingLot()
        self._standby = Standby(stream, session, self._to_write, self._heard)
        self._handover = Handover(session, traffic, self._loader, self._standby, self.wake_writer)
        self._reading = Reading(stream, self._due)
        self._broken = False
        self._parting = False
        self._leaving = False
        self._reason = ""
        self._leave_at = inf
        self._leave_reason = ""
        self._drain_until = inf
        self._bound_at: float | None = None
        self._refused: int | None = None
        self._first = b""
        self._ended: Ended | None = None

    @property
    def load(self) -> int:
        """See `traffic.Carrier`."""
        return self._loader.load

    @property
    def pulled(self) -> deque[Part]:
        """See `traffic.Carrier`."""
        return self._loader.pulled

    def destinations(self) -> Iterator[str]:
        """See `traffic.Carrier`."""
        return self._loader.destinations()

    async def run(self, bind: Request, *, long_credentials: bool) -> Ended:
        """Bind, and see the session to its end. The stream stays the caller's to close.

        When it returns, everything that happened on the session has been settled.
        """
        self.session.bind(bind, trio.current_time(), long_credentials=long_credentials)
        if (tap := self._traffic.tap) is not None:
            tap.opened(self, *ends_of(self._stream))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                nursery.start_soon(self._standby.run)
                ended = await self._read()
                self._standby.stop()
                # The writer goes when it has nothing more to say, or when time is up.
                nursery.cancel_scope.deadline = trio.current_time() + LAST_WORDS
                self.wake_writer()
        finally:
            self._traffic.leave(self, self._loader.pulled)
            if (tap := self._traffic.tap) is not None:
                tap.closed(self)
        return ended

    def message_of(self, number: int) -> int:
        """See `ports.Talk`."""
        token = self.session.waiting_under(number)
        if isinstance(token, Asked):
            return token.question.msg_id
        return token.msg_id if isinstance(token, Part) else 0

    def join(self, tap: Tap) -> None:
        """Have this hear the session from here on."""
        tap.joined(self, *ends_of(self._stream), self.session.begun)

    def drain(self, until: float) -> None:
        """Submit only the rest of a message begun, wait for answers until then, and unbind."""
        self._drain_until = min(self._drain_until, until)
        if self.session.state in _NOT_YET_BOUND:
            self._leave("stopped before it was bound", trio.current_time())
        self._reading.interrupt()

    def retire(self, reason: str) -> None:
        """Submit nothing more, wait shortly for the answers that are due, and unbind."""
        if self.session.state not in _BOUND or self._drain_until < inf:
            return
        self._reason = reason
        self._drain_until = trio.current_time() + PARTING
        self._loader.retired = True
        self._traffic.leave(self, self._loader.pulled)
        self._reading.interrupt()

    def change_limits(self, limits: Limits) -> None:
        """Go by these from now on, see `Session.change_limits`."""
        self.session.change_limits(limits)
        self.wake_writer()  # a larger window is filled, and what is due sooner is not overslept

    def wake_writer(self) -> None:
        """See `traffic.Carrier`."""
        self._to_write.unpark_all()

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    async def _write(self) -> None:
        """Write what the session has to say, until it is over or the stream breaks."""
        while not self._broken:
            now, listening = trio.current_time(), self._standby.listening
            look_again_at = inf if listening else self._loader.fill(now, self)
            self._reading.set_alarm()
            if self._loader.unwritable or self._loader.asker.unencodable:
                self._reading.interrupt()
            data = self.session.data_to_send()
            # What has left, or went back because its time was over, makes room at a link's rate,
            # whether answers come or not.
            self._traffic.note_room()
            if data:
                await self._send(data)
            elif self._ended:
                return
            elif look_again_at == inf:
                await self._to_write.park()
            else:
                with trio.CancelScope(deadline=look_again_at):
                    await self._to_write.park()

    async def _send(self, data: bytes) -> None:
        if (tap := self._traffic.tap) is not None:
            tap.said(self, data)
        try:
            with trio.CancelScope(deadline=trio.current_time() + WRITE_TIMEOUT) as scope:
                await self._stream.send_all(data)
                self._traffic.figures.octets_out += len(data)
            if scope.cancelled_caught:
                self._break(f"the SMSC has not read for {WRITE_TIMEOUT:g} s")
        except _BROKEN as error:
            self._break(f"the connection broke: {broken(error)}")

    # ── reading, and the clock ───────────────────────────────────────────────────────────────

    async def _read(self) -> Ended:
        """Read, and hand over what was read, until the session is over."""
        while self._ended is None:
            events = await self._next_events()
            now, traffic = trio.current_time(), self._traffic
            batch = sort_events(events, traffic.figures, now, traffic.pace.complaints)
            for event in batch.rare:
                self._note(event, batch)
            if batch.unanswered and self._ended is None:
                self._traffic.weather.missing(batch.unanswered)
            await self._handover.hand_over(batch)
            self._take_leave()
        return self._ended

    async def _next_events(self) -> list[Event]:
        """What the next octets bring, or the passing of time, or the end of the connection."""
        if heard := self._standby.take():
            return heard
        data = await self._receive()
        session, now = self.session, trio.current_time()
        events: list[Event] = []
        if data is not None:
            self._heard(data)
            if self._bound_at is None and not self._first:
                self._first = bytes(data[:4])
            events = session.receive_data(bytes(data), now) if data else session.receive_eof(now)
        if self._reading.exhausted and now >= session.deadline():
            events += session.tick(now)
        # Answers that had arrived before a breakdown are read first, but not for ever.
        if now >= self._leave_at + (0.0 if data is None else LAST_WORDS):
            events += session.abort(self._leave_reason, now)
        return events

    async def _receive(self) -> bytes | bytearray | None:
        """The next octets, none at the end of the stream; None when something else is due."""
        try:
            return await self._reading.receive()
        except _BROKEN as error:
            self._break(f"the connection broke: {broken(error)}")
            return None

    def _due(self) -> float:
        """By when the reader is to look at the clock."""
        return min(self.session.deadline(), self._leave_at, self._drain_until)

    def _heard(self, data: bytes | bytearray) -> None:
        """Octets came."""
        self._traffic.figures.octets_in += len(data)
        if data and (tap := self._traffic.tap) is not None:
            tap.heard(self, bytes(data))

    # ── turns in the life of the session ─────────────────────────────────────────────────────

    def _note(self, event: Event, batch: Batch) -> None:
        if isinstance(event, Bound):
            self._note_bound(event)
        elif isinstance(event, BindRefused):
            self._refused = event.status
            self._leave("the bind was refused", trio.current_time())
        elif isinstance(event, PeerUnbinding):
            self._traffic.leave(self, self._loader.pulled)
            timeout = min(PARTING, self.session.limits.response_timeout or PARTING)
            self._parting = True
            self._reason = "the SMSC unbound the session"
            self._leave(self._reason, trio.current_time() + timeout)
        elif isinstance(event, Oddity):
            self._oddities.note(event.what)
        elif isinstance(event, NotificationReceived):
            self._oddities.note(f"{event.pdu.command_id.name.lower()} received and ignored")
        elif isinstance(event, Enquired):
            self._traffic.figures.enquiries.observe(event.seconds)
        elif isinstance(event, Closed):
            self._note_closed(event, batch.unanswered)

    def _note_bound(self, event: Bound) -> None:
        self._bound_at = trio.current_time()
        self._on_bound(event.pdu)
        if self.session.state in _SUBMITTING and not self._traffic.draining:
            self._traffic.join(self)

    def _note_closed(self, event: Closed, in_doubt: int) -> None:
        self._traffic.figures.frame_errors += event.out_of_step
        self._traffic.leave(self, self._loader.pulled)
        bound_at = self._bound_at
        self._ended = Ended(
            reason=self._reason or event.reason,
            held=0.0 if bound_at is None else trio.current_time() - bound_at,
            was_bound=bound_at is not None,
            in_doubt=in_doubt,
            clean=event.clean,
            refused=self._refused,
            first=self._first,
            kind=kind_of(
                event,
                broken=self._broken,
                left_by_peer=self._parting,
                left_by_us=self._leaving,
            ),
        )

    def _take_leave(self) -> None:
        """Unbind once drained. Everything so far is settled: the handover has come back."""
        now = trio.current_time()
        if self._parting and not self.session.in_flight:
            self._leave(self._reason, now + PARTING_IDLE)
        if self._drain_until == inf or self.session.state not in _BOUND:
            return
        if not self.load or now >= self._drain_until:
            if self.load and not self._reason:
                self._reason = "not every answer came within drain_timeout"
            self._drain_until = inf
            self._traffic.leave(self, self._loader.pulled)
            self.session.unbind(now)
            self._leaving = True
            self._leave("no unbind_resp came", now + UNBIND_TIMEOUT)
            self.wake_writer()

    def _leave(self, reason: str, at: float) -> None:
        """Give the session up at this time, unless it is to be given up earlier."""
        if at < self._leave_at:
            self._leave_reason, self._leave_at = reason, at
            self._reading.set_alarm()

    def _break(self, reason: str) -> None:
        """The stream is no good any more."""
        self._broken = True
        self._leave(reason, trio.current_time())
