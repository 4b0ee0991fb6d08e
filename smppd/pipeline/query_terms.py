"""When a part that was taken is asked for, and whom: the terms of a link or an account. Pure."""

from __future__ import annotations

import msgspec

from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import ANSWERED_FOR_GOOD
from smppd.message import State
from smppd.ports import Asking

#: Questions that a link or account holds at most.
HELD = 20
#: A part is asked for until so many answers came, and so long (seconds) after its submission.
MOST_ANSWERS = 8
MOST_STATUSES = 24
GIVEN_UP_AFTER = 3 * 86_400.0
#: The longest interval between two questions about a part, in seconds.
LONGEST_WAIT = 6 * 3600.0
#: After questions that came to nothing a link is not asked for so long at most; an account, of which it
#: is known when its provider answers again, for the second.
LONGEST_PAUSE, LONGEST_OF_ACCOUNT = 3600.0, 600.0

_SENT, _UNKNOWN = int(State.SENT), int(State.UNKNOWN)
#: The states of messages that may be asked for.
ASKED_FOR = frozenset({_SENT, _UNKNOWN})


class QueryTerms(msgspec.Struct, frozen=True):
    """What asking must know: whom to ask, and after how many seconds.

    `held` questions are put at most, without an answer; `most_answers` may come about a part;
    after questions that came to nothing none is put for `longest_pause` seconds at most.
    `account` is that of the HTTP API which is asked instead of the SMSC: an SMSC of which this is
    empty is asked also while its link is paused, an account is not.
    """

    link: Asking
    query_after: float
    held: int = HELD
    longest_pause: float = LONGEST_PAUSE
    most_answers: int = MOST_ANSWERS
    account: str = ""


def is_due(entry: Outstanding, part: int, terms: QueryTerms, now: float) -> bool:
    """Whether it is time to ask for a part."""
    query_after = terms.query_after
    if entry.state not in ASKED_FOR or entry.part_states[part] != _SENT or entry.submitted is None:
        return False
    age = now - max(entry.submitted, entry.schedule or 0.0)
    if age < query_after or age > GIVEN_UP_AFTER + query_after:
        return False
    if entry.asked is None or part not in entry.asked:
        return True
    answers, asked_at = entry.asked[part]
    if answers == ANSWERED_FOR_GOOD or answers >= terms.most_answers:
        return False
    return now >= asked_at + max(query_after, min(query_after * 2.0**answers, LONGEST_WAIT))
