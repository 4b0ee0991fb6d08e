"""Delivery statuses by getdeliverystatus: an account that is asked about messages, many in one call.

To the pipeline it is whoever has the answers (`ports.Asking`). The documents say neither which words
the provider has for a status nor how it answers for several messages: words are explained by the
configuration or passed on as they came, and an answer counts for the message_ids that it names.
Nothing is guessed; a lost answer is no harm, because whoever asks asks again. Questions wait while
the account takes no calls: while it is paused, or its provider cannot be reached.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import trio

from smppd.config.accounts import StatusWord, plain_word
from smppd.events import Emit, StatusWordNew
from smppd.ledger.facts import NOTHING_SAID
from smppd.ports import NO_STATE, STATUSES_REFUSED, UNENCODABLE, Question, Reply, Submissions
from smppd.provider.answers import Answer, Failure, NoAnswer
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.operation import Operation, Value
from smppd.provider.results import DeliveryStatus, statuses
from smppd.smpp.receipt import FINAL_STATES
from smppd.smpp.vocabulary import MessageState

_ASK = OPERATIONS["sms.getdeliverystatus"]

_STATES: Mapping[StatusWord, MessageState] = MappingProxyType(
    {
        "pending": MessageState.ENROUTE,
        "delivered": MessageState.DELIVERED,
        "undelivered": MessageState.UNDELIVERABLE,
        "expired": MessageState.EXPIRED,
        "rejected": MessageState.REJECTED,
    }
)
#: What is said of a question that nobody puts any more.
ASKED_NO_MORE = "the account is not asked about this any more"
#: What is kept of a word of the provider's, in characters, and how many strange words are told of.
LONGEST_WORD = 80
MOST_WORDS = 100


class Asked(Protocol):
    """An account, as far as it is asked here."""

    async def wait_room(self) -> None:
        """See `ports.Route`."""

    async def call(self, operation: Operation, params: Mapping[str, Value]) -> Answer:
        """Make one call; what came of it."""


class Words:
    """What an account's words for a delivery status mean, whoever asks over it. A word that the
    configuration does not explain is told of once."""

    def __init__(self, account: str, emit: Emit) -> None:
        self._account = account
        self._emit = emit
        self._states: dict[str, MessageState] = {}
        self._strange: set[str] = set()

    def change(self, meanings: Mapping[str, StatusWord]) -> None:
        """Explain them so from now on."""
        self._states = {plain_word(word): _STATES[each] for word, each in meanings.items()}

    def state(self, word: str) -> MessageState | None:
        """What a word says of a message; None for one that nobody has explained."""
        known = plain_word(word)
        state, room = self._states.get(known), len(self._strange) < MOST_WORDS
        if state is None and room and known not in self._strange:
            self._strange.add(known)
            self._emit(StatusWordNew(self._account, word, _cure(self._account, word)))
        return state


def _cure(account: str, word: str) -> str:
    quoted = word.replace("\\", "\\\\").replace('"', '\\"')
    return (
        f'say in [http.{account}.delivery_status] what it means: "{quoted}" = '
        '"pending", "delivered", "undelivered", "expired" or "rejected"'
    )


class Statuses:
    """Asks an account about messages that are known under one name: its own, or that of a link
    whose message_ids it shares. `lot` is how many one call names at most."""

    def __init__(
        self, name: str, account: Asked, lot: int, words: Words, submissions: Submissions
    ) -> None:
        self._name = name
        self.account = account
        self.lot = lot
        self._words = words
        self._submissions = submissions
        self._waiting: deque[Question] = deque()
        self._in_flight = 0
        self._news = trio.lowlevel.ParkingLot()
        self._left = False
        self._for_room = trio.CancelScope()

    @property
    def asking(self) -> int:
        """See `ports.Asking`."""
        return len(self._waiting) + self._in_flight

    def ask(self, questions: Sequence[Question]) -> None:
        """See `ports.Asking`. So many go in one call as the lot has room for."""
        self._waiting.extend(questions)
        self._news.unpark_all()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Put questions, one call after the other, until `leave`, or until cancelled."""
        task_status.started()
        while self._waiting or not self._left:
            if not self._waiting:
                await self._news.park()
                continue
            if not self._left:
                with trio.CancelScope() as self._for_room:
                    await self.account.wait_room()
            lot = [self._waiting.popleft() for _ in range(min(self.lot, len(self._waiting)))]
            self._in_flight = len(lot)
            replies = await self._put(lot)
            self._in_flight = 0
            await self._submissions.answered(self._name, replies)

    def leave(self) -> None:
        """Put no question any more: each that waits comes to nothing, and `run` ends."""
        self._left = True
        self._for_room.cancel()
        self._news.unpark_all()

    async def _put(self, lot: Sequence[Question]) -> list[Reply]:
        if self._left:
            return [Reply(each, None, reason=ASKED_NO_MORE) for each in lot]
        ids = dict.fromkeys(each.message_id for each in lot if _can_be_listed(each.message_id))
        if not ids:
            return _read(lot, ids, (), self._words)
        answer = await self.account.call(_ASK, {"messages": ",".join(ids)})
        if isinstance(answer, NoAnswer):
            return [Reply(each, None, reason=answer.reason) for each in lot]
        if isinstance(answer, Failure):
            why = f"{answer.code}: {answer.text}" if answer.text else answer.code
            return [Reply(each, STATUSES_REFUSED, reason=why) for each in lot]
        return _read(lot, ids, statuses(answer.result), self._words)


def _can_be_listed(message_id: str) -> bool:
    """Whether an id may stand in the list: commas part its ids, and cannot be escaped."""
    return bool(message_id.strip()) and "," not in message_id


def _read(
    lot: Sequence[Question],
    asked: Mapping[str, object],
    found: Iterable[DeliveryStatus],
    words: Words,
) -> list[Reply]:
    """What an answer says of each question. What it says of other messages is of no concern."""
    told: dict[str, list[DeliveryStatus]] = {}
    for each in found:
        told.setdefault(each.messageid.strip(), []).append(each)
    if len(asked) == 1 and list(told) == [""] and len(told[""]) == 1:
        told = dict.fromkeys(asked, told[""])  # one was asked for, and one answered, without its id
    read = {message_id: _sum_up(told.get(message_id.strip(), ()), words) for message_id in asked}
    return [_reply(each, read.get(each.message_id)) for each in lot]


def _reply(question: Question, told: tuple[int, str, str] | None) -> Reply:
    if told is None:
        return Reply(question, UNENCODABLE, reason="its message_id cannot stand in a list")
    state, date, word = told
    return Reply(question, 0, state, final_date=date, word=word)


def _sum_up(told: Sequence[DeliveryStatus], words: Words) -> tuple[int, str, str]:
    """State, date and word of a message that is named once, or more than once: it has
    come to its end when all say so, and is delivered when all say that."""
    read = []
    for each in told:
        word = " ".join(each.deliverystatus.split())[:LONGEST_WORD]
        if word:
            read.append((words.state(word), each.deliverydate.strip()[:LONGEST_WORD], word))
    if not read:
        return NO_STATE, "", NOTHING_SAID
    state, date, word = min(read, key=lambda one: _rank(one[0]))
    return NO_STATE if state is None else state, date, word


def _rank(state: MessageState | None) -> int:
    """What counts before what, when a message is told of twice: what is open, what failed."""
    if state is None:
        return 0
    if state not in FINAL_STATES:
        return 1
    return 3 if state is MessageState.DELIVERED else 2
