"""Calls: what accounts of the provider's HTTP API report becomes facts. Implements `ports.Calls`.

All parts of a message follow together: it was one call, however long the SMS in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from smppd.codes import account_cure, is_documented
from smppd.events import CodeUndocumented, Emit
from smppd.ledger.calls import HARMLESS, Response
from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import HEAD
from smppd.ledger.lifecycle import QUEUED, SENDING, UNANSWERED
from smppd.message import ErrorInfo
from smppd.pipeline.desk import Desk
from smppd.pipeline.refusals import OURSELVES, Refusals
from smppd.policy import Retries, wait
from smppd.ports import CallDone, CallOutcome, CallRefused, CallReturned, CallUnanswered
from smppd.provider.answers import NO_ANSWER
from smppd.provider.catalogue import OPERATIONS

_GROUP = "destinations"


class CallTerms(NamedTuple):
    """What must be known of an account. `asks`: it asks the provider for the delivery of what it
    sent."""

    limits: Retries
    asks: bool = False


class CallSettlement:
    """Turns outcomes into facts and commits them. `chance` gives numbers in [0, 1)."""

    def __init__(
        self, desk: Desk, refusals: Refusals, emit: Emit, chance: Callable[[], float]
    ) -> None:
        self._desk = desk
        self._refusals = refusals
        self._emit = emit
        self._chance = chance
        self._terms: dict[str, CallTerms] = {}
        self._told: set[tuple[str, str]] = set()

    def introduce(self, account: str, terms: CallTerms) -> None:
        """Make an account known before it reports anything."""
        self._terms[account] = terms

    async def settle_calls(self, account: str, outcomes: Sequence[CallOutcome]) -> None:
        """Record what became of calls that were handed to this account."""
        now, strange = self._desk.wall(), list[CallRefused]()
        for outcome in outcomes:
            entry = self._desk.accounts.entries.get(outcome.msg_id)
            if isinstance(outcome, CallDone):
                self._desk.ledger.answered(
                    now, account, outcome.msg_id, self._read(account, outcome)
                )
            elif entry is None:
                continue  # it has come to its end meanwhile
            elif isinstance(outcome, CallRefused):
                strange += self._refused(account, outcome, entry, now)
            elif isinstance(outcome, CallReturned):
                for part in _parts(entry, {SENDING}):
                    self._desk.ledger.returned(now, entry.msg_id, part)
            elif outcome.sent:
                self._unanswered(account, outcome, entry, now)
            else:
                self._not_sent(account, outcome, entry, now)
        if self._desk.accounts.doubtful:
            self._desk.judge_doubtful(now)
        await self._desk.commit()
        for refusal in strange:
            self._tell(account, refusal)

    # ── answers ──────────────────────────────────────────────────────────────────────────────

    def _read(self, account: str, done: CallDone) -> Response:
        operation = OPERATIONS.get(done.op)
        to_group = operation is not None and operation.answer.nested == _GROUP
        group = to_group or len(done.taken) > 1
        return Response(
            done.op,
            _without_destinations(done) if group else done.answer,
            [(each.message_id, each.to) for each in done.taken],
            group,
            self._terms[account].asks,
        )

    def _refused(
        self, account: str, refusal: CallRefused, entry: Outstanding, now: float
    ) -> list[CallRefused]:
        """Record a refusal; it again if nobody knows its code."""
        ledger, code = self._desk.ledger, refusal.code
        cure = account_cure(code, account)
        if cure is not None:
            said = f"{code} ({refusal.text})" if refusal.text else code
            self._refusals.pause(account, f"a call was refused with {said}: {cure}", OURSELVES)
            for part in _parts(entry, UNANSWERED):
                ledger.call_back(now, entry.msg_id, part, HEAD, f"refused with {code}")
            return []
        for part in _parts(entry, UNANSWERED):
            ledger.refused(now, entry.msg_id, part, ErrorInfo(code, None, refusal.text))
        return [] if is_documented(code) else [refusal]

    def _tell(self, account: str, refusal: CallRefused) -> None:
        """Tell the operator of a code that the documents do not have, once."""
        if (account, refusal.code) not in self._told:
            self._told.add((account, refusal.code))
            self._emit(CodeUndocumented(account, refusal.code, refusal.text))

    # ── no answer ────────────────────────────────────────────────────────────────────────────

    def _unanswered(
        self, account: str, outcome: CallUnanswered, entry: Outstanding, now: float
    ) -> None:
        """The request may have arrived: what may be repeated goes again, what may not is in doubt."""
        ledger, limits = self._desk.ledger, self._terms[account].limits
        for part in _parts(entry, {SENDING}):
            if entry.call != HARMLESS:
                ledger.unknown(now, entry.msg_id, part, outcome.reason)
            elif entry.attempts >= limits.max_attempts:
                error = ErrorInfo(NO_ANSWER, None, outcome.reason)
                ledger.refused(now, entry.msg_id, part, error)
            else:
                due = self._due(entry, now + wait(entry.attempts, limits, self._chance()))
                ledger.call_again(now, entry.msg_id, part, due, outcome.reason)
        self._end_if_over(entry, now)

    def _not_sent(
        self, account: str, outcome: CallUnanswered, entry: Outstanding, now: float
    ) -> None:
        """Nothing of the request has left: the provider has seen no attempt."""
        limits = self._terms[account].limits
        due = self._due(entry, now + wait(entry.setbacks + 1, limits, self._chance()))
        for part in _parts(entry, {SENDING}):
            self._desk.ledger.call_back(now, entry.msg_id, part, due, outcome.reason)
        self._end_if_over(entry, now)

    @staticmethod
    def _due(entry: Outstanding, due: float) -> float:
        return due if entry.expires is None else min(due, entry.expires)

    def _end_if_over(self, entry: Outstanding, now: float) -> None:
        """What could only go again when its time is over does not wait for that."""
        if entry.state == QUEUED and entry.expires is not None and entry.due == entry.expires:
            self._desk.ledger.expired(now, entry.msg_id)


def _parts(entry: Outstanding, states: set[int] | frozenset[int]) -> list[int]:
    return [part for part, state in enumerate(entry.part_states) if state in states]


def _without_destinations(done: CallDone) -> bytes:
    """The answer without the list of what was taken; with it, if that says more than was read."""
    try:
        answer = msgspec.json.decode(done.answer, type=dict[str, msgspec.Raw])
        listed = msgspec.json.decode(answer.get(_GROUP, b"null"), type=list[dict[str, object]])
    except (msgspec.MsgspecError, RecursionError):
        return done.answer
    nested = OPERATIONS[done.op].answer.nested_fields if done.op in OPERATIONS else ()
    if len(listed) != len(done.taken) or any(set(each) - set(nested) for each in listed):
        return done.answer
    del answer[_GROUP]
    return msgspec.json.encode(answer)
