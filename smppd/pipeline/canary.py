"""What a campaign's first messages say of the rest: it may follow, or not, or nobody knows yet. Pure."""

from __future__ import annotations

from smppd.campaign import Canary
from smppd.ledger.snapshot import Trial
from smppd.message import State

_BAD = (State.FAILED, State.UNDELIVERED, State.EXPIRED)
#: What never left: it says nothing of the campaign.
_NO_WORD = (State.REJECTED, State.CANCELLED)


def judge(trial: Trial, canary: Canary, still_for: float) -> str | None:
    """Why the rest may not follow; empty when it may, None while that is open.

    `still_for`: for so many seconds nothing has changed. Too many that failed decide at once. Else
    all must have come to their end, or have left and been waited for. What is in doubt counts as
    failed then; what has left and of which nothing was heard does not.
    """
    states = trial.states
    sent = trial.messages - sum(states[state] for state in _NO_WORD)
    bad = sum(states[state] for state in _BAD)
    allowed = canary.max_failed * sent
    if bad > allowed:
        return _reason(bad, sent, canary)
    leaving = states[State.QUEUED] + states[State.SENDING]
    ended = trial.done == trial.messages
    if leaving or not (ended or still_for >= canary.wait):
        return None
    if not sent:
        return f"canary: none of the first {trial.messages:,} messages was sent"
    bad += states[State.UNKNOWN]
    return _reason(bad, sent, canary) if bad > allowed else ""


def _reason(bad: int, sent: int, canary: Canary) -> str:
    return f"canary: {bad:,} of {sent:,} failed, at most {canary.max_failed * 100:g} % may"
