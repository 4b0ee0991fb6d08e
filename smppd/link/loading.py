"""Parts out of a link's traffic into the window of one session, at the link's pace.

The hot path of what goes out: no await, no task, no lock. Knows no sockets. Raises nothing: a
part that cannot be written is an outcome.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf

from smppd.link.asking import Asker
from smppd.link.traffic import Traffic
from smppd.link.translate import submit_sm, with_reference
from smppd.message import Part
from smppd.ports import UNENCODABLE, Answered, Outcome
from smppd.smpp.errors import EncodeError
from smppd.smpp.session import Session


class Loader:
    """Loads one session. `pulled` is the rest of a message begun on it: parts stay together.

    `unwritable` collects what could not be written, as answers of our own with the status
    `UNENCODABLE` and the reason in place of the message_id. A `retired` session submits no more.
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

    def fill(self, now: float) -> float:
        """Submit ready parts while window and pace allow; when to look again for the pace."""
        ready, pulled = self._traffic.ready, self.pulled
        waiting = self._traffic.questions.waiting
        room = self._session.room
        if not room or self.retired or not (ready or pulled or waiting):
            return inf
        bucket = self._traffic.bucket
        allowed = min(room, bucket.available(now))
        asked = self.asker.put(allowed, now, busy=bool(ready or pulled)) if waiting else 0
        count = asked
        while count < allowed and (pulled or ready):
            if pulled:
                part = pulled.popleft()
            else:
                part = ready.popleft()
                if self._traffic.give_back_late(part):
                    continue
                if ready and ready[0].msg_id == part.msg_id:
                    self._traffic.pull_rest(part.msg_id, pulled)
            count += self._submit(part, now)
        bucket.take(count)
        self._traffic.figures.submitted += count - asked
        more = ready or pulled or (waiting and count >= allowed)
        return bucket.ready_at(now) if allowed < room and more else inf

    def hold_rest(self, outcomes: Sequence[Outcome]) -> None:
        """Where a part was refused, the parts of its message that have not left go back.

        What the refusal means is for others to say: either the message has failed, and they would
        be money lost, or they go again behind that part, in their order.
        """
        msg_id = self.pulled[0].msg_id
        for outcome in outcomes:
            if type(outcome) is Answered and outcome.status and outcome.msg_id == msg_id:
                self._traffic.put_back(self.pulled)
                self.pulled.clear()
                return

    def _submit(self, part: Part, now: float) -> int:
        message, traffic = part.message, self._traffic
        timeless = message.expires is None and message.schedule is None
        try:
            pdu = submit_sm(part, traffic.wording, 0.0 if timeless else traffic.wall())
            if traffic.wording.references:
                pdu = with_reference(pdu, part)
            self._session.request(pdu, (part, now), now)
        except EncodeError as error:
            self.unwritable.append(Answered(part.msg_id, part.index, UNENCODABLE, str(error)))
            return 0
        return 1
