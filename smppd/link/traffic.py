"""What the sessions of one link share: the parts that are ready, the pace, the counters.

Everything runs on one thread between awaits, so there is no lock. Knows no sockets and no PDUs.
Raises nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import Protocol

import trio

from smppd.events import Emit
from smppd.figures import LinkFigures
from smppd.link.asking import Questions
from smppd.link.limiting import Limiting, Stop
from smppd.link.pace import Pace
from smppd.link.translate import Writer
from smppd.link.weather import Weather
from smppd.message import Part
from smppd.ports import Question, Returned, Submissions, Tap
from smppd.smpp.receipt import ReceiptReader


class Carrier(Protocol):
    """A session that may submit, as its link sees it."""

    @property
    def load(self) -> int:
        """Parts it holds: submitted without an answer, or pulled and not yet written."""

    @property
    def pulled(self) -> deque[Part]:
        """Parts of messages begun that it has not written yet."""

    def destinations(self) -> Iterator[str]:
        """Where the parts go that it has submitted and that have no answer."""

    def wake_writer(self) -> None:
        """There may be something to write."""


class Traffic:
    """The shared side of a link's sessions.

    `ready` holds the parts that no session has pulled yet; sessions take from its left. Parts
    that no session will carry come back through `give_back`. `wall` is the time for people, in
    seconds since the epoch. `writer` writes parts as the link does, `receipts` reads its receipts.
    """

    def __init__(
        self,
        submissions: Submissions,
        emit: Emit,
        wall: Callable[[], float],
        figures: LinkFigures,
        writer: Writer,
        pace: Pace,
    ) -> None:
        self.submissions = submissions
        self.emit = emit
        self.wall = wall
        self.figures = figures
        self.writer = writer
        self.receipts = ReceiptReader()
        self.name = figures.name
        self.pace = pace
        self.limiting = Limiting()
        self.weather = Weather(figures, emit)
        #: Who hears what passes on the sessions, if anybody does.
        self.tap: Tap | None = None
        self.ready: deque[Part] = deque()
        self.questions = Questions(figures)
        self._urgent: set[int] = set()
        self.draining = False
        self.paused = False
        self._carriers: list[Carrier] = []
        #: Since when no session may submit (trio's clock); None while one may, or before any tried.
        self.unbound_since: float | None = None
        self._returned: list[Part] = []
        self._closing = False
        #: How often everything was called back, and how often by when room was last offered.
        self._recalls = 0
        self._offered: int | None = None
        self._to_return = trio.lowlevel.ParkingLot()
        self._for_room = trio.lowlevel.ParkingLot()

    @property
    def room(self) -> int:
        """How many parts more are wanted: two windows per session that may submit, of which no
        more wait for their turn than the pace lets go in a second."""
        if self.draining or self.paused or not self._carriers:
            return 0
        held = len(self.ready)
        for carrier in self._carriers:
            held += carrier.load
        free = 2 * self.figures.window * len(self._carriers) - held
        if rate := self.pace.rate:
            free = min(free, ceil(rate) - len(self.ready))
        return max(0, free)

    async def wait_room(self) -> None:
        """Return when there is room for half the windows, which is worth a commit."""
        await trio.lowlevel.checkpoint()
        while not self._roomy():
            await self._for_room.park()
        self._offered = self._recalls

    def note_room(self) -> None:
        """Something happened that may have made room."""
        if self._for_room and self._roomy():
            self._for_room.unpark_all()

    def _roomy(self) -> bool:
        half = self.figures.window * len(self._carriers) // 2
        if rate := self.pace.rate:
            half = min(half, int(rate / 2))
        return self.room >= max(1, half)

    def submit(self, parts: Sequence[Part], urgent: int = 0) -> None:
        """Queue parts for the next session with a free slot; see `ports.Route`.

        What was taken from the queue before the link called everything back might overtake what
        came back: it goes the same way.
        """
        stale = self._offered is not None and self._offered != self._recalls
        self._offered = None
        if self.draining or self.paused or stale or not self._carriers:
            self.put_back(parts)
            return
        if urgent:
            self._put_ahead(parts[:urgent])
            parts = parts[urgent:]
        self.ready.extend(parts)
        self.wake_writers()

    def wake_writers(self) -> None:
        """There may be something to write on every session."""
        for carrier in self._carriers:
            carrier.wake_writer()

    def ask(self, questions: Sequence[Question]) -> None:
        """Queue questions for the next session with a free slot; see `ports.Asking`."""
        self.questions.put(questions)
        self.wake_writers()

    def limited_by(self, now: float) -> str:
        """What keeps the link from submitting more: one of `figures.LIMITS`."""
        reasons = {
            "paused": self.paused,
            "stopping": self.draining,
            "receives only": self.figures.bind == "receiver",
            "not bound": not self._carriers,
        }
        for reason, applies in reasons.items():
            if applies:
                return reason
        stop, journal = self.limiting.main(now)
        if stop is Stop.PACE:
            return self.pace.cause.value if self.pace.cause else "rate"
        if stop is Stop.WINDOW:
            return "journal" if journal else "window"
        return "nothing queued"

    def count_in(self, figures: LinkFigures) -> None:
        """Count in these from now on."""
        self.figures = figures
        self.questions.count_in(figures)

    # ── order before speed ───────────────────────────────────────────────────────────────────

    def recall(self) -> list[Part]:
        """Take back every part that is not submitted, in the order in which they would have been."""
        self._recalls += 1
        parts: list[Part] = []
        for carrier in self._carriers:
            parts += carrier.pulled
            carrier.pulled.clear()
        parts += self.ready
        self.ready.clear()
        return parts

    def busy(self, but: Carrier) -> set[str]:
        """The destinations of parts that are under way, and of those begun on other sessions."""
        found: set[str] = set()
        for carrier in self._carriers:
            found.update(carrier.destinations())
            if carrier is not but:
                found.update(part.message.to for part in carrier.pulled)
        return found

    def take_back(self, wanted: Callable[[int], bool]) -> None:
        """Give back the messages of which this is true, by msg_id, where nothing of them has been
        submitted; so does what is being taken from its queue just now, whatever it is."""
        self._recalls += 1
        back = [part for part in self.ready if wanted(part.msg_id)]
        if back:
            kept = [part for part in self.ready if not wanted(part.msg_id)]
            self.ready.clear()
            self.ready.extend(kept)
            self.put_back(back)
            self.note_room()

    # ── pausing ──────────────────────────────────────────────────────────────────────────────

    def pause(self) -> None:
        """Submit nothing until resumed, and give back what is not submitted."""
        self.paused = True
        self.put_back(self.recall())

    def resume(self) -> None:
        """Submit again."""
        self.paused = False
        self.note_room()

    def _put_ahead(self, parts: Sequence[Part]) -> None:
        """Put urgent parts before all that is ready, but behind those that are urgent as well."""
        ready, before = self.ready, self._urgent
        leading = 0
        self._urgent = {part.msg_id for part in parts}
        for part in ready:
            if part.msg_id not in before:
                break
            self._urgent.add(part.msg_id)
            leading += 1
        ready.rotate(-leading)
        ready.extendleft(reversed(parts))
        ready.rotate(leading)

    def give_back_late(self, part: Part) -> bool:
        """Whether a part's time passed while it waited: its message goes back, unbegun."""
        expires = part.message.expires
        if expires is None or expires > self.wall():
            return False
        rest: deque[Part] = deque()
        self.pull_rest(part.msg_id, rest)
        self.put_back([part, *rest])
        return True

    def pull_rest(self, msg_id: int, pulled: deque[Part]) -> None:
        """Move what follows of a message to the session that began it: parts stay together."""
        ready = self.ready
        while ready and ready[0].msg_id == msg_id:
            pulled.append(ready.popleft())

    def join(self, carrier: Carrier) -> None:
        """This session may submit from now on."""
        self._carriers.append(carrier)
        self.unbound_since = None
        self.note_room()

    def leave(self, carrier: Carrier, pulled: deque[Part]) -> None:
        """This session may submit no more; what it pulled and did not write goes back first."""
        if carrier in self._carriers:
            self._carriers.remove(carrier)
            if not self._carriers:
                self.unbound_since = trio.current_time()
        self.ready.extendleft(reversed(pulled))
        pulled.clear()
        if self.draining or not self._carriers:
            self._return_ready()
        elif self.ready:
            for other in self._carriers:
                other.wake_writer()

    def drain(self) -> None:
        """Take nothing more; give back what no session has begun to submit."""
        self.draining = True
        self._return_ready()

    def put_back(self, parts: Sequence[Part]) -> None:
        """These parts were not submitted and will not be."""
        if parts:
            self._returned.extend(parts)
            self._to_return.unpark_all()

    def close(self) -> None:
        """No session is left: `give_back` ends when everything is settled."""
        self._closing = True
        self._to_return.unpark_all()

    async def give_back(self) -> None:
        """Settle what was put back, until closed."""
        while self._returned or not self._closing:
            if not self._returned:
                await self._to_return.park()
                continue
            parts, self._returned = self._returned, []
            outcomes = [Returned(part.msg_id, part.index) for part in parts]
            await self.submissions.settle(self.name, outcomes)

    def _return_ready(self) -> None:
        self.put_back(self.ready)
        self.ready.clear()
