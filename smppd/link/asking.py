"""Questions about messages that the SMSC took: query_sm and cancel_sm on a link's sessions.

They share window and pace with what is submitted, take a small part of the window at most, and
give way: while parts are ready, one question goes for many parts; a cancel_sm waits for nothing
else. Knows no sockets and no tasks. Raises nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from smppd.figures import LinkFigures
from smppd.ports import UNENCODABLE, Question, Reply
from smppd.smpp.errors import EncodeError
from smppd.smpp.pdu import CancelSm, QuerySm, Response
from smppd.smpp.pdu_message import QuerySmResp
from smppd.smpp.session import Session
from smppd.smpp.vocabulary import CommandStatus, MessageState

#: Of so many slots of a session's window, questions take one (one at least).
WINDOW_SHARE = 10
#: While parts are ready, one question goes for so many of them.
PARTS_BETWEEN = 50

_STATES = frozenset(map(int, MessageState))


class Asked:
    """What a session knows a question by."""

    __slots__ = ("question",)

    def __init__(self, question: Question) -> None:
        self.question = question


class Questions:
    """The questions of a link that no session has put yet; sessions take from its left."""

    __slots__ = ("_figures", "_turn", "in_flight", "waiting")

    def __init__(self, figures: LinkFigures) -> None:
        self.waiting: deque[Question] = deque()
        self.in_flight = 0
        self._figures = figures
        self._turn = 0

    def count_in(self, figures: LinkFigures) -> None:
        """Count in these from now on."""
        self._figures = figures

    def put(self, questions: Sequence[Question]) -> None:
        """Take these; somebody waits for a cancellation, so it goes first."""
        for question in questions:
            if question.cancels:
                self.waiting.appendleft(question)
            else:
                self.waiting.append(question)

    def next(self, *, busy: bool) -> Question | None:
        """The next question that may go now; `busy` while parts are ready to be submitted."""
        if not self.waiting:
            return None
        if busy and not self.waiting[0].cancels and self._figures.submitted < self._turn:
            return None
        self._turn = self._figures.submitted + PARTS_BETWEEN
        return self.waiting.popleft()


class Asker:
    """Puts a link's questions on one session.

    `in_flight` are those without an answer here. `unencodable` collects replies of our own to
    those that could not be written.
    """

    __slots__ = ("_questions", "_session", "in_flight", "unencodable")

    def __init__(self, session: Session, questions: Questions) -> None:
        self._session = session
        self._questions = questions
        self.in_flight = 0
        self.unencodable: list[Reply] = []

    def put(self, most: int, now: float, *, busy: bool) -> int:
        """Put questions, `most` at most; how many left."""
        window = self._session.in_flight + self._session.room
        most = min(most, max(1, window // WINDOW_SHARE) - self.in_flight)
        count = 0
        while count < most and (question := self._questions.next(busy=busy)) is not None:
            count += self._ask(question, now)
        return count

    def heard(self, replies: Sequence[Reply]) -> None:
        """These came in on this session."""
        done = sum(not reply.late for reply in replies)
        self.in_flight -= done
        self._questions.in_flight -= done

    def _ask(self, question: Question, now: float) -> int:
        try:
            self._session.request(request(question), Asked(question), now)
        except EncodeError as error:
            self.unencodable.append(Reply(question, UNENCODABLE, reason=str(error)))
            return 0
        self.in_flight += 1
        self._questions.in_flight += 1
        return 1


def request(question: Question) -> QuerySm | CancelSm:
    """The query_sm (3.4, 4.8.1) or cancel_sm (3.4, 4.9.1): the message_id as the SMSC gave it,
    the addresses as they were submitted."""
    message = question.message
    if not question.cancels:
        return QuerySm(
            message_id=question.message_id,
            source_addr_ton=message.source_ton,
            source_addr_npi=message.source_npi,
            source_addr=message.sender,
        )
    return CancelSm(
        message_id=question.message_id,
        source_addr_ton=message.source_ton,
        source_addr_npi=message.source_npi,
        source_addr=message.sender,
        dest_addr_ton=message.dest_ton,
        dest_addr_npi=message.dest_npi,
        destination_addr=message.to,
    )


def reply_of(asked: Asked, status: int, pdu: Response | None, *, late: bool = False) -> Reply:
    """What the SMSC answered."""
    if status == 0 and isinstance(pdu, QuerySmResp):
        state, error, date = pdu.message_state, pdu.error_code, pdu.final_date
        return Reply(asked.question, 0, state, error, date, late=late)
    return Reply(asked.question, status, late=late)


def count_reply(reply: Reply, figures: LinkFigures) -> None:
    """Count it by what the SMSC said: the state, or why it said none."""
    counts = figures.cancels if reply.question.cancels else figures.queries
    outcome = _outcome(reply)
    counts[outcome] = counts.get(outcome, 0) + 1


def _outcome(reply: Reply) -> str:
    status = reply.status
    if status is None:
        return "unanswered"
    if status in (CommandStatus.ESME_RQUERYFAIL, CommandStatus.ESME_RCANCELFAIL):
        return "failed"
    if status:
        return "refused"
    if reply.question.cancels:
        return "cancelled"
    return MessageState(reply.state).name.lower() if reply.state in _STATES else "unreadable"
