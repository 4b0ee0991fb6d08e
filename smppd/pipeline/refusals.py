"""Refusals: what an SMSC's no makes of a message and of its link.

A refusal fails the message, sends it back into its queue, has the link reconnect, or pauses the
link until an operator has looked. `policy` decides; here it becomes facts. A pause is a fact,
too, so it outlives the daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from smppd.events import Emit, LinkPaused, LinkResumed, RefusalsUnusual
from smppd.figures import cure_of_pause
from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import HEAD as FIRST
from smppd.message import ErrorInfo, State
from smppd.pipeline.desk import Desk
from smppd.pipeline.suspicion import Suspicion
from smppd.policy import HEAD, Again, Past, Retries, decide
from smppd.ports import UNENCODABLE, Answered, Steering
from smppd.smpp.vocabulary import status_name
from smppd.statuses import Meaning, Refusal, meaning

#: A link is made to reconnect by refusals at most once in so many seconds.
RECONNECT_EVERY = 30.0
#: Who pauses a link when it is not a person.
OURSELVES = "smppd"


class LinkTerms:
    """What must be known of one link."""

    def __init__(self, limits: Retries, overrides: Mapping[int, str], steering: Steering) -> None:
        self.limits = limits
        self.overrides = overrides
        self.steering = steering
        self.suspicion = Suspicion()
        self.reconnected_at = float("-inf")
        #: Parts that went back because they were refused, by command_status.
        self.retries: dict[int, int] = {}


class Refusals:
    """Judges refusals, and keeps links paused. `chance` gives numbers in [0, 1)."""

    def __init__(self, desk: Desk, emit: Emit, chance: Callable[[], float]) -> None:
        self._desk = desk
        self._emit = emit
        self._chance = chance
        self._terms: dict[str, LinkTerms] = {}

    def introduce(self, link: str, terms: LinkTerms) -> None:
        """Make a link known before it reports anything, or known anew; it may have been paused before."""
        self._terms[link] = terms
        if link in self._desk.accounts.paused:
            terms.steering.pause()

    def retries(self, link: str) -> dict[int, int]:
        """How many parts went back because a link's SMSC refused them, by command_status."""
        return self._terms[link].retries

    # ── answers ──────────────────────────────────────────────────────────────────────────────

    def taken(self, link: str, count: int, now: float) -> None:
        """So many parts were taken by the SMSC, after the last refusal."""
        self._terms[link].suspicion.answers(count, now)

    def refused(self, link: str, answer: Answered, taken: int, now: float) -> None:
        """Record what a refusal makes of its part; so many were `taken` since the last one."""
        ledger, terms = self._desk.ledger, self._terms[link]
        terms.suspicion.answers(taken + 1, now)
        entry = self._desk.accounts.entries.get(answer.msg_id)
        if answer.late and entry is not None and entry.part_states[answer.part] != State.UNKNOWN:
            return  # it speaks of an earlier submission; another is under way
        if answer.status == UNENCODABLE:
            error = ErrorInfo("UNENCODABLE", None, answer.message_id)
            ledger.refused(now, answer.msg_id, answer.part, error)
            return
        row = meaning(answer.status, terms.overrides)
        past = Past(entry.attempts, entry.setbacks) if entry else Past(1)
        again = decide(row, past, terms.limits, self._chance())
        if row.refusal is Refusal.OPERATOR:
            self._pause_for(link, row)
        elif row.refusal is Refusal.RECONNECT and again is not None and not again.counts:
            again = _reconnect(terms, row, again, now)
        elif again is None and (row.alert or row.refusal is Refusal.PERMANENT_UNKNOWN):
            again = self._suspect(link, terms, row, now)
        if again is not None:
            terms.retries[answer.status] = terms.retries.get(answer.status, 0) + 1
        self._record(answer, again, entry, now)

    def _record(
        self, answer: Answered, again: Again | None, entry: Outstanding | None, now: float
    ) -> None:
        ledger, msg_id, status = self._desk.ledger, answer.msg_id, answer.status
        if again is None:
            error = ErrorInfo(status_name(status), status, "refused by the SMSC")
            ledger.refused(now, msg_id, answer.part, error)
            return
        due = now + again.delay if again.delay else FIRST
        expires = entry.expires if entry else None
        if expires is not None:
            due = min(due, expires)
        if again.counts:
            ledger.retry(now, msg_id, answer.part, status, due)
        else:
            ledger.throttled(now, msg_id, answer.part, status, due, set_back=again.sets_back)
        if entry and entry.state == State.QUEUED and due == expires:
            ledger.expired(now, msg_id)  # it could only go again when its time is over

    def _suspect(self, link: str, terms: LinkTerms, row: Meaning, now: float) -> Again | None:
        """What becomes of a message that fails for a reason which lies with the account, or that
        nobody knows: it fails, until there are so many that the link pauses; those that come
        after that go back into the queue, so that they are not lost to it."""
        if link in self._desk.accounts.paused:
            return HEAD
        count = terms.suspicion.worth_telling(row.code, now, at_once=row.alert)
        if count:
            self._emit(RefusalsUnusual(link, row.code, row.name, count, _cure(row, link)))
        if terms.suspicion.suspect():
            self.pause(
                link, f"most messages are refused, now with {_explained(row, link)}", OURSELVES
            )
        return None

    # ── pausing ──────────────────────────────────────────────────────────────────────────────

    def _pause_for(self, link: str, row: Meaning) -> None:
        self.pause(link, f"a message was refused with {_explained(row, link)}", OURSELVES)

    def pause(self, link: str, reason: str, who: str) -> bool:
        """Have a link submit nothing until it is resumed; whether it did before. The caller
        commits. Its sessions stay bound, and its messages stay queued."""
        if link in self._desk.accounts.paused:
            return False
        self._desk.ledger.paused(self._desk.wall(), link, reason, who)
        if link in self._terms:
            self._terms[link].steering.pause()
        self._emit(LinkPaused(link, reason, who, cure_of_pause(link)))
        return True

    def resume(self, link: str, who: str) -> bool:
        """Have a paused link submit again; whether it was paused. The caller commits."""
        if link not in self._desk.accounts.paused:
            return False
        self._desk.ledger.resumed(self._desk.wall(), link, who)
        if link in self._terms:
            self._terms[link].suspicion.clear()
            self._terms[link].steering.resume()
        self._emit(LinkResumed(link, who))
        return True


def _reconnect(terms: LinkTerms, row: Meaning, again: Again, now: float) -> Again:
    """Have the link reconnect, but not over and over; when the message goes again."""
    if abs(now - terms.reconnected_at) >= RECONNECT_EVERY:  # the time for people may jump back
        terms.reconnected_at = now
        terms.steering.reconnect(f"a message was refused with {row.name}: {row.cure}")
    elif now != terms.reconnected_at:
        return again._replace(delay=terms.limits.shortest)
    return again


def _explained(row: Meaning, link: str) -> str:
    return f"{row.name}: {_cure(row, link)}" if row.cure else row.name


def _cure(row: Meaning, link: str) -> str:
    return row.cure.replace("[link.NAME.", f"[link.{link}.")
