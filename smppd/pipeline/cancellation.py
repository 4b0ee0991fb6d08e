"""Cancel: messages are taken back, here while they wait, and at the SMSC when it has them.

What waits here is `cancelled` at once. What the SMSC took is asked for with cancel_sm (SMPP 3.4,
4.9), each part of it, if it holds it for its delivery time or the link says `cancel_sm`. Whoever
wants it waits for the answers for a while; one that comes later counts as well. What is on its way
out, or in doubt, is left as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
import trio

from smppd.ledger.entries import MessageRow, Outstanding
from smppd.ledger.facts import QUEUE_SHIFT
from smppd.message import Message, State
from smppd.pipeline.desk import Desk
from smppd.ports import UNENCODABLE, Asking, Heard, Question, Reply
from smppd.smpp.vocabulary import status_name

Recall = Callable[[Sequence[str]], Awaitable[None]]

_CANCELLED = State.CANCELLED.label


class Wanted(msgspec.Struct):
    """A message to be cancelled, and the receipt keys that it may be known under."""

    msg_id: int
    keys: list[str] = []


class Fate(msgspec.Struct):
    """What became of it: whether it is cancelled, its state now, and what else is to be said."""

    msg_id: int
    cancelled: bool
    state: str
    why: str = ""


class CancelTerms(msgspec.Struct, frozen=True):
    """What cancelling must know of a link: whom to ask, and whether for any message."""

    link: Asking
    cancel_sm: bool


class _Case:
    """The questions about one message, and what was answered."""

    def __init__(self, entry: Outstanding, parts: set[int]) -> None:
        self.entry = entry
        self.parts = parts
        self.refused: list[str] = []

    def hear(self, reply: Reply, entry: Outstanding | None) -> None:
        self.entry = entry or self.entry
        self.parts.discard(reply.question.part)
        if reply.status is None or reply.status == UNENCODABLE:
            self.refused.append(reply.reason)
        elif reply.status:
            self.refused.append(f"the SMSC says {status_name(reply.status)}")


class Cancellation:
    """Cancels messages on somebody's word. `recall` brings spilled ones back to memory."""

    def __init__(self, desk: Desk, recall: Recall, terms: Mapping[str, CancelTerms]) -> None:
        self._desk = desk
        self._recall = recall
        self._terms = terms
        self._cases: list[_Case] = []
        self._news = trio.lowlevel.ParkingLot()

    def change(self, terms: Mapping[str, CancelTerms]) -> None:
        """Ask these from now on."""
        self._terms = terms

    async def cancel(self, wanted: Sequence[Wanted], who: str, patience: float) -> list[Fate]:
        """Cancel these; on return that is on disk, and SMSCs were given so many seconds."""
        found = await self._desk.journal.read_messages([each.msg_id for each in wanted])
        rows = {row.msg_id: row for row in found}
        # Last of all: what is in memory now may be spilled while something else is waited for.
        await self._recall([key for each in wanted for key in each.keys])
        now, fates, cases = self._desk.wall(), list[Fate](), list[_Case]()
        questions: list[tuple[str, Question]] = []
        for msg_id in dict.fromkeys(each.msg_id for each in wanted if each.msg_id in rows):
            entry = self._desk.accounts.entries.get(msg_id)
            if entry is None or entry.state != State.SENT:
                fates.append(self._cancel_here(rows[msg_id], entry, who, now))
            elif (why := self._why_not(entry, rows[msg_id].message)) is not None:
                fates.append(Fate(msg_id, False, State.SENT.label, why))
            else:
                asked = _questions(entry, rows[msg_id].message)
                for _, question in asked:
                    self._desk.ledger.cancel_asked(now, who, msg_id, question.part)
                cases.append(_Case(entry, {question.part for _, question in asked}))
                questions += asked
        await self._desk.commit()
        await self._ask(questions, cases, patience)
        return fates + [self._conclude(case) for case in cases]

    async def _ask(
        self, questions: list[tuple[str, Question]], cases: list[_Case], patience: float
    ) -> None:
        """Ask, and wait until everything is answered or patience ends."""
        self._cases += cases
        for link, question in questions:
            if (terms := self._terms.get(link)) is not None:
                terms.link.ask([question])
        with trio.move_on_after(patience):
            while any(case.parts for case in cases):
                await self._news.park()
        self._cases = [case for case in self._cases if case not in cases]

    def heard(self, _link: str, replies: Sequence[Heard]) -> None:
        """The SMSC has answered these questions; what it said is on disk."""
        for reply, entry in replies:
            question = reply.question
            for case in self._cases if question.cancels else ():
                if case.entry.msg_id == question.msg_id and question.part in case.parts:
                    case.hear(reply, entry)
        self._news.unpark_all()

    # ── one message ──────────────────────────────────────────────────────────────────────────

    def _cancel_here(
        self, row: MessageRow, entry: Outstanding | None, who: str, now: float
    ) -> Fate:
        ledger, msg_id = self._desk.ledger, row.msg_id
        if entry is None and row.state == State.QUEUED and ledger.called_up(now, row):
            entry = self._desk.accounts.entries[msg_id]  # it had been waiting for its send_at
        if entry is None:
            queue = self._desk.accounts.queue(msg_id >> QUEUE_SHIFT)
            waits = row.state == State.QUEUED and msg_id > queue.head
            if not waits or msg_id in queue.passed:
                return Fate(msg_id, False, "", _OVER)
            ledger.cancelled(now, who, msg_id, row)
            return Fate(msg_id, True, _CANCELLED)
        if entry.state == State.QUEUED:
            why = _already_out(entry)
            ledger.cancelled(now, who, msg_id)
            return Fate(msg_id, True, _CANCELLED, why)
        why = (_ASKED if entry.op else _LEFT)[State(entry.state)]
        return Fate(msg_id, False, State(entry.state).label, why)

    def _why_not(self, entry: Outstanding, message: Message) -> str | None:
        """Why the SMSC is not asked to cancel a message that it took; None if it is."""
        if entry.op:
            return _DONE
        links = [key.partition("\t")[0] for _, key in entry.ids]
        for link in links:
            terms = self._terms.get(link)
            if terms is None:
                return f"the SMSC of {link} has it, and that link is not in the configuration"
            if not terms.cancel_sm and message.schedule is None:
                return f"the SMSC has it; if it takes cancel_sm, set cancel_sm in [link.{link}]"
        if any(key.endswith("\t") for _, key in entry.ids):
            return "the SMSC has it and gave it no message_id to cancel it by"
        accounts = self._desk.accounts
        for part, key in dict(entry.ids).items():
            newest = accounts.message_ids.get(key) == (entry.msg_id, part)
            if not newest or accounts.finished.get(key) is not None:
                return "the SMSC has it, and has given its message_id to another message since"
        return None

    def _conclude(self, case: _Case) -> Fate:
        entry = self._desk.accounts.entries.get(case.entry.msg_id, case.entry)
        state, why = State(entry.state), list(dict.fromkeys(case.refused))
        if state == State.CANCELLED:
            return Fate(entry.msg_id, True, state.label, _already_out(entry))
        if case.parts and state == State.SENT:
            why.append("the SMSC has not answered yet; what it says later counts")
        cancelled = entry.part_states.count(State.CANCELLED)
        if cancelled:
            why.append(f"{cancelled} of its {len(entry.part_states)} parts are cancelled")
        elif not why:
            why.append("it came to its end before the SMSC cancelled it")
        return Fate(entry.msg_id, False, state.label, "; ".join(why))


_OVER = "it has come to its end already"
_DONE = "the provider has done it, and takes nothing back over its HTTP API"
_LEFT: Mapping[State, str] = {
    State.SENDING: "it is on its way to the SMSC just now; try again in a moment",
    State.UNKNOWN: "nobody knows whether the SMSC has it, so there is nothing sure to cancel",
}

#: The same of what is, or was, with an account of the HTTP API.
_ASKED: Mapping[State, str] = {
    State.SENDING: "the provider is being asked just now; try again in a moment",
    State.UNKNOWN: "nobody knows whether the provider has done it, and it takes nothing back",
}


def _already_out(entry: Outstanding) -> str:
    """What is to be said of a message that waits here but is not wholly here."""
    out = sum(state == State.SENT for state in entry.part_states)
    if out:
        return f"{out} of its {len(entry.part_states)} parts had been sent"
    return "it may have been sent before" if entry.possible_duplicate else ""


def _questions(entry: Outstanding, message: Message) -> list[tuple[str, Question]]:
    """The link to ask and what, for each part that is neither delivered nor cancelled."""
    newest = dict(entry.ids)
    asked = []
    for part, state in enumerate(entry.part_states):
        if state == State.SENT:
            link, _, message_id = newest[part].partition("\t")
            asked.append((link, Question(entry.msg_id, part, message_id, message, cancels=True)))
    return asked
