"""Inquiry: messages whose receipt does not come are asked for, with query_sm (SMPP 3.4, 4.8) or
over an account of the provider's HTTP API.

A message that was taken is asked for when `query_after` has passed without a receipt (since
its delivery time, if the SMSC was to hold it), and again at growing intervals while it is on its
way, until it is final, whoever is asked does not know it, or it is too old. Whom to ask hangs on
the name under which its message_id is known: its link's or account's. What is due is found by
looking through the messages in memory and, page by page, through those spilled to disk; the cost
of a look is bounded however many there are. An SMSC that refuses or says nothing is asked less
and less often.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from math import inf
from typing import NamedTuple

import trio

from smppd.events import Emit, QueriesRefused, StatusesRefused
from smppd.ledger.entries import Outstanding, read_outstanding
from smppd.ledger.facts import waiting_key
from smppd.message import Message, State
from smppd.pipeline.desk import Desk
from smppd.pipeline.query_terms import ASKED_FOR, QueryTerms, is_due
from smppd.pipeline.refusals import OURSELVES
from smppd.pipeline.replies import TELLS
from smppd.ports import UNENCODABLE, Heard, Question, Reply
from smppd.provider.answers import INCORRECT_USER_PASSWORD
from smppd.smpp.vocabulary import CommandStatus, status_name

#: Seconds between two looks at what is due.
LOOK_EVERY = 5.0
#: Spilled messages read at once, and how often in one look.
PAGE = 500
PAGES = 10
#: Messages of a link that are known to be due, at most.
MOST_DUE = 2000
#: How long a link is not asked after a question that came to nothing, doubled each time: there was no
#: answer, or a refusal.
PAUSE, PAUSE_REFUSED = 5.0, 60.0
#: Questions without an answer that are remembered.
REMEMBERED = 20_000

_SENT = int(State.SENT)
_PACE = frozenset({CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RMSGQFUL})

Key = tuple[int, int]
#: Pauses an account: its name, why, and who decided it.
Pause = Callable[[str, str, str], bool]
#: Where the walk through the spilled messages is: a lot and a key in it.
Place = tuple[int, str]
_START: Place = (0, "")


class Due(NamedTuple):
    """A part that is to be asked for."""

    msg_id: int
    part: int
    link: str
    message_id: str
    file_id: int
    item: int


class _Line:
    """One link: what is due over it, and how it has answered lately."""

    def __init__(self, terms: QueryTerms) -> None:
        self.terms = terms
        self.due: deque[Due] = deque()
        self.strikes = 0
        self.paused_until = -inf

    def pause(self, shortest: float) -> None:
        self.paused_until = trio.current_time() + min(
            shortest * 2.0 ** min(self.strikes, 20), self.terms.longest_pause
        )
        self.strikes += 1


class Inquiry:
    """Asks about what is known under these names: whom, say the terms of each."""

    def __init__(
        self, desk: Desk, terms: Mapping[str, QueryTerms], emit: Emit, pause: Pause | None = None
    ) -> None:
        self._desk = desk
        self._emit = emit
        self._pause = pause
        self._lines = {name: _Line(each) for name, each in terms.items()}
        #: Parts that are due or being asked for (until infinity), and those for which no answer
        #: came: how often, and until when they are left alone.
        self._marks: OrderedDict[Key, tuple[int, float]] = OrderedDict()
        self._place = _START
        self._walk_began = self._walk_again_at = -inf
        self._news = trio.Event()

    def change(self, terms: Mapping[str, QueryTerms]) -> None:
        """Ask about what is known under these names from now on."""
        for name in [name for name in self._lines if name not in terms]:
            for due in self._lines.pop(name).due:
                self._marks.pop(due[:2], None)
        for name, each in terms.items():
            self._lines.setdefault(name, _Line(each)).terms = each
        self._news.set()

    async def run(self) -> None:
        """Look and ask, until cancelled."""
        look_at = trio.current_time()
        while True:
            while not self._lines:
                self._news = trio.Event()
                await self._news.wait()
            if trio.current_time() >= look_at:
                await self._look()
                look_at = trio.current_time() + LOOK_EVERY
            self._news = trio.Event()
            if self._desk.ledger.facts:
                await self._desk.commit()  # a pause, if nobody else has
            for line in list(self._lines.values()):
                await self._feed(line)
            with trio.move_on_at(look_at):
                await self._news.wait()

    def heard(self, link: str, replies: Sequence[Heard]) -> None:
        """What came of these questions; what was said is on disk."""
        line = self._lines.get(link)
        replies = [each for each in replies if not each[0].question.cancels]
        if line is None:
            for reply, _ in replies:
                self._marks.pop((reply.question.msg_id, reply.question.part), None)
        if line is None or not replies:
            return
        failed: Reply | None = None
        for reply, _ in replies:
            key = (reply.question.msg_id, reply.question.part)
            tries, _ = self._marks.pop(key, (0, 0.0))
            if reply.status in TELLS:
                line.strikes = 0
                continue
            if reply.status == UNENCODABLE:
                self._marks[key] = (line.terms.most_answers, inf)
                continue
            failed = reply
            wait = line.terms.query_after * 2.0 ** min(tries + 1, 20)
            until = inf if tries + 1 >= line.terms.most_answers else self._desk.wall() + wait
            self._marks[key] = (tries + 1, until)
        if failed is not None:
            self._slow_down(link, line, failed)
        self._news.set()

    def _slow_down(self, link: str, line: _Line, reply: Reply) -> None:
        if reply.status is None or reply.status in _PACE:
            line.pause(PAUSE)
            return
        account = line.terms.account
        if self._pause is not None and reply.reason.startswith(INCORRECT_USER_PASSWORD):
            self._pause(account, f"getdeliverystatus was refused with {reply.reason}", OURSELVES)
        elif not line.strikes and account:
            self._emit(StatusesRefused(link, account, reply.reason))
        elif not line.strikes:
            self._emit(QueriesRefused(link, status_name(reply.status)))
        line.pause(PAUSE_REFUSED)

    # ── what is due ──────────────────────────────────────────────────────────────────────────

    async def _look(self) -> None:
        now = self._desk.wall()
        while len(self._marks) > REMEMBERED:
            self._marks.popitem(last=False)
        await self._look_in_memory(now)
        for _ in range(PAGES):
            if self._walk_again_at > now or not self._has_room():
                return
            await self._read_page(now)

    async def _look_in_memory(self, now: float) -> None:
        """Look through the outstanding messages, and let others work in between."""
        old = now - min(line.terms.query_after for line in self._lines.values())
        entries = list(self._desk.accounts.entries.values())
        for start in range(0, len(entries), PAGE):
            if not self._has_room():
                return
            for entry in entries[start : start + PAGE]:
                if entry.submitted is None or entry.submitted > old or entry.state not in ASKED_FOR:
                    continue
                for due in self._parts_due(entry, now):
                    self._enter(due)
            await trio.lowlevel.checkpoint()

    def _has_room(self) -> bool:
        return any(len(line.due) < MOST_DUE for line in self._lines.values())

    def _parts_due(self, entry: Outstanding, now: float) -> Iterator[Due]:
        for part, key in dict(entry.ids).items():
            link, _, message_id = key.partition("\t")
            line = self._lines.get(link)
            # A link may have the name that an account had, or the other way round.
            if line is None or (line.terms.account == link) != bool(entry.op):
                continue
            if message_id and is_due(entry, part, line.terms, now):
                _, until = self._marks.get((entry.msg_id, part), (0, -inf))
                if until <= now:
                    yield Due(entry.msg_id, part, link, message_id, entry.file_id, entry.item)

    def _enter(self, due: Due) -> None:
        line = self._lines[due.link]
        if len(line.due) < MOST_DUE:
            tries, _ = self._marks.get(due[:2], (0, 0.0))
            self._marks[due[:2]] = (tries, inf)
            line.due.append(due)

    async def _read_page(self, now: float) -> None:
        """Go on through the spilled messages; at their end begin anew after a while."""
        if self._place == _START:
            self._walk_began = now
        rows = await self._desk.journal.read_waiting(self._place, PAGE)
        found = {key: blob for _, key, blob in rows if key.partition("\t")[0] in self._lines}
        due = self._spilled_due(found.values(), found.keys(), now)
        if due:
            # A message that was spilled again stands in a newer lot, too: that one counts.
            keys = set(due.values())
            blobs = await self._desk.journal.find_waiting(sorted(keys))
            for each in self._spilled_due(blobs, keys, now):
                self._enter(each)
        if len(rows) == PAGE:
            self._place = rows[-1][:2]
        else:
            self._place = _START
            after = min((line.terms.query_after for line in self._lines.values()), default=0.0)
            self._walk_again_at = self._walk_began + max(after, LOOK_EVERY)

    def _spilled_due(self, blobs: Iterable[bytes], keys: Set[str], now: float) -> dict[Due, str]:
        """What is due of spilled messages, the newest last, and under which of these keys."""
        accounts, due = self._desk.accounts, dict[Due, str]()
        newest = {entry.msg_id: entry for entry in map(read_outstanding, blobs)}
        for entry in newest.values():
            if entry.msg_id in accounts.entries or accounts.is_final(entry.file_id, entry.item):
                continue
            for each in self._parts_due(entry, now):
                key = f"{each.link}\t{each.message_id}"
                if entry.op:
                    key = waiting_key(each.link, each.msg_id)
                if key in keys:
                    due[each] = key
        return due

    # ── asking ───────────────────────────────────────────────────────────────────────────────

    async def _feed(self, line: _Line) -> None:
        """Give as many questions as may be put."""
        room = line.terms.held - line.terms.link.asking
        if room <= 0 or not line.due or trio.current_time() < line.paused_until:
            return
        if line.terms.account in self._desk.accounts.paused:
            return
        chosen: list[Due] = []
        while line.due and len(chosen) < room:
            due = line.due.popleft()
            if self._still_due(due):
                chosen.append(due)
            else:
                self._marks.pop(due[:2], None)
        found = await self._desk.read_sound([due.msg_id for due in chosen])
        messages = {row.msg_id: row.message for row in found}
        if line not in self._lines.values():  # whoever was asked has gone meanwhile
            for due in chosen:
                self._marks.pop(due[:2], None)
            return
        sound = [due for due in chosen if due.msg_id in messages]
        line.terms.link.ask([_question(due, messages[due.msg_id]) for due in sound])

    def _still_due(self, due: Due) -> bool:
        """Whether nothing was heard of it since it was found, and the SMSC has not given its id
        to another message, of which it would speak."""
        accounts = self._desk.accounts
        key = f"{due.link}\t{due.message_id}"
        place = accounts.message_ids.get(key)
        if place not in (None, due[:2]) or accounts.finished.get(key) is not None:
            return False
        entry = accounts.entries.get(due.msg_id)
        if entry is not None:
            return entry.part_states[due.part] == _SENT
        return not accounts.is_final(due.file_id, due.item)


def _question(due: Due, message: Message) -> Question:
    return Question(due.msg_id, due.part, due.message_id, message)
