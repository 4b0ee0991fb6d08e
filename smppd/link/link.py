"""A link: one account at an SMSC, with as many sessions as it is allowed, seen as a `Route`.

It composes: `traffic` is what its sessions share, `supervisor` keeps each of them bound,
`connection` is one of them while it lives. Knows neither journal nor spool. Nothing that the
network or the SMSC does is raised; what `Submissions` raises passes through `run`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import SystemRandom

import trio

from smppd.config import LinkConfig
from smppd.events import Emit, LinkUnverified
from smppd.figures import LinkFigures
from smppd.link.dial import Dialler
from smppd.link.entrance import Entrance
from smppd.link.limiting import Stop
from smppd.link.pace import Pace
from smppd.link.supervisor import Connect, Supervisor
from smppd.link.taps import Taps
from smppd.link.tls import UNVERIFIED
from smppd.link.traffic import Traffic
from smppd.link.translate import Writer, bind_request, wording_of
from smppd.message import Part
from smppd.ports import Question, Submissions, Tap
from smppd.smpp.receipt import ReceiptReader
from smppd.statuses import complaints

_DAY = 86_400.0


class Link:
    """Submits parts and reports what became of them. `name` is that of the configuration.

    `wall` gives seconds since the epoch, for people; everything else runs on trio's clock.
    """

    def __init__(
        self,
        config: LinkConfig,
        password: str,
        submissions: Submissions,
        emit: Emit,
        *,
        wall: Callable[[], float] = time.time,
        connect: Connect | None = None,
    ) -> None:
        self._config = config
        figures = LinkFigures(config.name, bind=config.bind, window=config.window, rate=config.rate)
        pace = Pace(config.rate, config.rate_floor, complaints(config.status))
        writer = Writer(wording_of(config), wall)
        self._traffic = Traffic(submissions, emit, wall, figures, writer, pace)
        self._entrance = Entrance(config.hosts, SystemRandom().random, config.bind_status)
        self._traffic.receipts = ReceiptReader(
            by_text=config.receipts_by_text, accepted_is_final=config.accepted_is_final
        )
        kinds = [bind for bind in config.binds for _ in range(config.sessions)]
        self._supervisors = [
            Supervisor(
                config,
                bind_request(config, password, bind),
                number,
                self._traffic,
                self._entrance,
                connect or Dialler(config).open,
            )
            for number, bind in enumerate(kinds, start=1)
        ]
        self._submitting = [each for each in self._supervisors if each.bind != "receiver"]
        self._receiving = [each for each in self._supervisors if each.bind == "receiver"]
        self._finished = trio.Event()
        self._running = False
        self._taps = Taps()
        self._taps.serve(self)

    # ── as the dispatcher sees it: ports.Route ───────────────────────────────────────────────

    @property
    def name(self) -> str:
        """See `ports.Route`."""
        return self._config.name

    @property
    def room(self) -> int:
        """See `ports.Route`."""
        return self._traffic.room

    async def wait_room(self) -> None:
        """See `ports.Route`."""
        await self._traffic.wait_room()

    def submit(self, parts: Sequence[Part], urgent: int = 0) -> None:
        """See `ports.Route`. All parts of a message come in one call, in their order."""
        self._traffic.submit(parts, urgent)

    # ── as whoever takes its place sees it: ports.Absence ────────────────────────────────────

    @property
    def unbound_since(self) -> float | None:
        """See `ports.Absence`."""
        return self._traffic.unbound_since

    # ── as whoever has a question sees it: ports.Asking ──────────────────────────────────────

    @property
    def asking(self) -> int:
        """See `ports.Asking`."""
        questions = self._traffic.questions
        return len(questions.waiting) + questions.in_flight

    def ask(self, questions: Sequence[Question]) -> None:
        """See `ports.Asking`."""
        self._traffic.ask(questions)

    # ── as the composition root sees it ──────────────────────────────────────────────────────

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the sessions bound until `drain`, or until cancelled.

        After `drain` it returns when every session is closed and everything that happened is
        settled. When cancelled, connections are closed as they stand, and what was in flight is
        told to nobody: the journal knows it as sending.
        """
        self._running = True
        self._traffic.unbound_since = trio.current_time()
        if self._config.tls and not self._config.tls_verify:
            self._traffic.emit(LinkUnverified(self.name, UNVERIFIED))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._traffic.give_back)
                async with self._certificates_watched(), trio.open_nursery() as sessions:
                    for supervisor in self._supervisors:
                        sessions.start_soon(supervisor.run)
                    task_status.started()
                self._traffic.close()
        finally:
            self._running = False
            self._finished.set()
            self._taps.leave(self)

    @asynccontextmanager
    async def _certificates_watched(self) -> AsyncIterator[None]:
        """A session may be bound for longer than the SMSC's certificate has to live."""

        async def watch() -> None:
            while True:
                await trio.sleep(_DAY)
                for supervisor in self._supervisors:
                    supervisor.note_expiry()

        async with trio.open_nursery() as nursery:
            if self._config.tls:
                nursery.start_soon(watch)
            yield
            nursery.cancel_scope.cancel()

    async def drain(self) -> None:
        """Take no more parts, give back those not begun, wait for answers at most
        `drain_timeout`, unbind and close; return when `run` is about to.

        Receivers go last: until the others are closed, receipts may still come for what those
        have submitted.
        """
        self._traffic.drain()
        until = trio.current_time() + self._config.drain_timeout
        for half in (self._submitting, self._receiving):
            for supervisor in half:
                supervisor.drain(until)
            if self._running:
                for supervisor in half:
                    await supervisor.finished.wait()
        if self._running:
            await self._finished.wait()

    def reconnect(self, reason: str) -> None:
        """Bind every session that submits anew: the SMSC has lost what it knew of them.

        A session takes no more parts, waits shortly for the answers it is owed, unbinds, and is
        bound again after the shortest delay; only sessions that keep ending so wait longer.
        Harmless while that is under way.
        """
        for supervisor in self._submitting:
            supervisor.reconnect(reason)

    def change(self, config: LinkConfig) -> None:
        """Go by this from now on, without a session noticing. What is said in a bind, and how many
        sessions there are, stays as it was: that is for another link, see `take_place_of`."""
        self._config = config
        traffic, now = self._traffic, trio.current_time()
        traffic.figures.window, traffic.figures.rate = config.window, config.rate
        traffic.pace.change(config.rate, config.rate_floor, complaints(config.status), now)
        traffic.writer = Writer(wording_of(config), traffic.wall)
        traffic.receipts.change(
            by_text=config.receipts_by_text, accepted_is_final=config.accepted_is_final
        )
        self._entrance.change(config.bind_status)
        for supervisor in self._supervisors:
            supervisor.change(config)
        traffic.wake_writers()
        traffic.note_room()

    def take_place_of(self, other: Link) -> None:
        """Count on where the link counts that was called so until now, and is to be drained; who hears
        that one hears this one, too."""
        figures, own = other._traffic.figures, self._traffic.figures
        figures.bind, figures.window, figures.rate = own.bind, own.window, own.rate
        figures.limit = 0.0
        self._traffic.count_in(figures)
        self._taps = other._taps
        self._taps.serve(self)

    def go(self) -> None:
        """A reload has removed it, and has it drained: who hears it is told so when it has ended."""
        self._taps.why = "a reload has removed the link"

    def pause(self) -> None:
        """See `ports.Steering`."""
        self._traffic.pause()

    def resume(self) -> None:
        """See `ports.Steering`."""
        self._traffic.resume()

    def take_back(self, wanted: Callable[[int], bool]) -> None:
        """See `ports.GivingBack`."""
        self._traffic.take_back(wanted)

    def overhear(self, tap: Tap) -> None:
        """Have this hear what passes, and on the link that takes its place, until `leave_alone`; harmless
        if it does."""
        self._taps.add(tap)

    def leave_alone(self, tap: Tap) -> None:
        """This one hears no more; harmless if it does not."""
        self._taps.remove(tap)

    def tell(self, tap: Tap | None) -> None:
        """See `taps.Heard`."""
        self._traffic.tap = tap

    def join(self, tap: Tap) -> None:
        """See `taps.Heard`."""
        for supervisor in self._supervisors:
            supervisor.join(tap)

    def figures(self) -> LinkFigures:
        """What happened since the start, and the sessions as they stand."""
        figures = self._traffic.figures
        figures.lost_lately = self._traffic.weather.lost_lately()
        figures.limit = self._traffic.pace.limit or 0.0
        figures.limited_by = self._traffic.limited_by(trio.current_time())
        spent = self._traffic.limiting.spent
        figures.window_wait, figures.pace_wait = spent[Stop.WINDOW], spent[Stop.PACE]
        figures.ready = len(self._traffic.ready)
        figures.sessions = [supervisor.figures() for supervisor in self._supervisors]
        return figures
