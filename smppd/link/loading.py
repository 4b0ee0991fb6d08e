"""Parts out of a link's traffic into the window of one session, at the link's pace.

The hot path of what goes out: no await, no task, no lock. Knows no sockets. Raises nothing: a
part that cannot be written is an outcome.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from math import inf

from smppd.link.asking import Asker
from smppd.link.limiting import Stop
from smppd.link.traffic import Carrier, Traffic
from smppd.message import Part
from smppd.ports import UNENCODABLE, Answered, Outcome
from smppd.smpp.errors import EncodeError
from smppd.smpp.session import Session
from smppd.smpp.vocabulary import CommandId

_SUBMIT_SM = int(CommandId.SUBMIT_SM)


class Loader:
    """Loads one session. `pulled` is the rest of a message begun on it: parts stay together.

    `unwritable` collects what could not be written, as answers of our own with the status
    `UNENCODABLE` and the reason in place of the message_id. `retired` takes no more parts.
    """

    __slots__ = ("_session", "_traffic", "asker", "pulled", "retired", "unwritable")

    def __init__(self, session: Session, traffic: Traffic) -> None:
        self._session = session
        self._traffic = traffic
        self.asker = Asker(session, traffic.questions)
        self.pulled: deque[Part] = deque()
        self.unwritable: list[Outcome] = []
        self.retired = False

    @property
    def load(self) -> int:
        """Parts submitted without an answer, and parts pulled."""
        return self._session.in_flight - self.asker.in_flight + len(self.pulled)

    def destinations(self) -> Iterator[str]:
        """See `traffic.Carrier`."""
        for token in self._session.waiting():
            if type(token) is Part:  # and no question
                yield token.message.to

    def fill(self, now: float, carrier: Carrier) -> float:
        """Submit ready parts while window and pace allow; when to look again for the pace."""
        traffic, pulled = self._traffic, self.pulled
        ready, pace = traffic.ready, traffic.pace
        waiting = traffic.questions.waiting
        room = self._session.room
        if not room and not self._session.in_flight:
            return inf  # not bound, or as a receiver: it keeps nothing from being submitted
        if not room or self.retired or not (ready or pulled or waiting):
            traffic.limiting.stopped(Stop.NOTHING_READY if room else Stop.WINDOW, now)
            return inf
        allowed = min(room, pace.available(now))
        asked = self.asker.put(allowed, now, busy=bool(ready or pulled)) if waiting else 0
        if pace.is_careful(now):
            count = self._take_in_order(allowed - asked, now, carrier)
        else:
            count = self._take(allowed - asked, now)
        traffic.figures.submitted += count
        count += asked
        pace.take(count)
        if not self._session.room:
            traffic.limiting.stopped(Stop.WINDOW, now)
        elif ready or pulled or (waiting and count >= allowed):
            traffic.limiting.stopped(Stop.PACE, now)
            if count >= allowed:
                return pace.felt(now)
        else:
            traffic.limiting.stopped(Stop.NOTHING_READY, now)
        return inf

    def _take(self, allowed: int, now: float) -> int:
        ready, pulled, begun = self._traffic.ready, self.pulled, 0
        parts = [pulled.popleft() for _ in range(min(allowed, len(pulled)))]
        while ready and len(parts) < allowed:
            part = ready.popleft()
            if part.message.expires is not None and part.msg_id != begun:
                if self._traffic.give_back_late(part):
                    continue
                begun = part.msg_id
            parts.append(part)
        if parts:
            self._traffic.pull_rest(parts[-1].msg_id, pulled)
        return self._submit(parts, now)

    def _take_in_order(self, allowed: int, now: float, carrier: Carrier) -> int:
        """Like `_take`, but of parts to the same destination only one at a time: if it is refused
        none has overtaken it."""
        busy = self._traffic.busy(carrier)
        parts: list[Part] = []
        for queue in (self.pulled, self._traffic.ready):
            waiting: list[Part] = []
            while queue and len(parts) < allowed:
                part = queue.popleft()
                to = part.message.to
                if to in busy:
                    waiting.append(part)
                    continue
                if queue is not self.pulled:
                    if self._traffic.give_back_late(part):
                        continue
                    self._traffic.pull_rest(part.msg_id, self.pulled)
                busy.add(to)
                parts.append(part)
            queue.extendleft(reversed(waiting))
        return self._submit(parts, now)

    def hold_rest(self, outcomes: Sequence[Outcome]) -> None:
        """Where a part was refused, the parts of its message that have not left go back.

        What the refusal means is for others to say: either the message has failed, and they would
        be money lost, or they go again behind that part, in their order.
        """
        refused = {out.msg_id for out in outcomes if type(out) is Answered and out.status}
        if not refused:
            return
        pulled, self.pulled = self.pulled, deque[Part]()
        self.pulled.extend(part for part in pulled if part.msg_id not in refused)
        self._traffic.put_back([part for part in pulled if part.msg_id in refused])

    def _submit(self, parts: Sequence[Part], now: float) -> int:
        """Submit these; how many could be written."""
        body, bodies, written = self._traffic.writer.body, list[bytes](), list[Part]()
        for part in parts:
            try:
                bodies.append(body(part))
                written.append(part)
            except EncodeError as error:
                unwritable = Answered(part.msg_id, part.index, UNENCODABLE, str(error))
                self.unwritable.append(unwritable)
        if written:
            self._session.request_each(_SUBMIT_SM, bodies, written, now)
        return len(written)
