"""What to do when the SMSC refuses: pure decisions, no state.

The table is our policy, not the specification's (SMPP 3.4, 5.1.3 gives only the names): what
peers answer with each status in the field decides its class. A link may override any row.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from smppd.smpp.vocabulary import CommandStatus


class Refusal(Enum):
    """How a refusal is treated; the values are the words of `[link.NAME.status]`."""

    RETRY = "retry"
    RETRY_LATER = "retry_later"
    PERMANENT = "permanent"
    RECONNECT = "reconnect"
    OPERATOR = "operator"


class Again(NamedTuple):
    """Submit it again after `delay` seconds; `counts` if this was one of its attempts."""

    delay: float
    counts: bool


class Retries(NamedTuple):
    """A link's limits: attempts, and seconds between them."""

    max_attempts: int
    shortest: float
    longest: float


#: Refusals that speak of our pace, not of the message: they are no attempt.
PACE = frozenset({CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RMSGQFUL})
#: How long a link's dispatcher holds back after one of those, in seconds.
PACE_PAUSE = 1.0

_CLASSES: Mapping[int, Refusal] = {
    CommandStatus.ESME_RINVCMDID: Refusal.OPERATOR,
    CommandStatus.ESME_RINVBNDSTS: Refusal.RECONNECT,
    CommandStatus.ESME_RALYBND: Refusal.RECONNECT,
    CommandStatus.ESME_RSYSERR: Refusal.RETRY,
    CommandStatus.ESME_RBINDFAIL: Refusal.OPERATOR,
    CommandStatus.ESME_RINVPASWD: Refusal.OPERATOR,
    CommandStatus.ESME_RINVSYSID: Refusal.OPERATOR,
    CommandStatus.ESME_RMSGQFUL: Refusal.RETRY_LATER,
    CommandStatus.ESME_RSUBMITFAIL: Refusal.RETRY,
    CommandStatus.ESME_RTHROTTLED: Refusal.RETRY,
    CommandStatus.ESME_RX_T_APPN: Refusal.RETRY_LATER,
    CommandStatus.ESME_RUNKNOWNERR: Refusal.RETRY,
    CommandStatus.ESME_RSERTYPUNAVAIL: Refusal.RETRY_LATER,
}


def classify(status: int, overrides: Mapping[int, str]) -> Refusal:
    """The class of a command_status in a submit_sm_resp; what is not in the table is permanent."""
    word = overrides.get(status)
    return Refusal(word) if word is not None else _CLASSES.get(status, Refusal.PERMANENT)


def decide(
    status: int, attempts: int, overrides: Mapping[int, str], limits: Retries
) -> Again | None:
    """Whether and when a refused part goes again; None gives it up.

    The delay doubles with every attempt from `shortest` (`retry`) or starts at `longest`
    (`retry_later`). A refusal for which an operator is wanted holds the message without
    counting, so that a wrong setting does not burn the spool.
    """
    refusal = classify(status, overrides)
    if status in PACE and refusal in (Refusal.RETRY, Refusal.RETRY_LATER):
        return Again(PACE_PAUSE, counts=False)
    if refusal in (Refusal.RECONNECT, Refusal.OPERATOR):
        delay = limits.shortest if refusal is Refusal.RECONNECT else limits.longest
        return Again(delay, counts=False)
    if refusal is Refusal.PERMANENT or attempts >= limits.max_attempts:
        return None
    if refusal is Refusal.RETRY_LATER:
        return Again(limits.longest, counts=True)
    return Again(min(limits.shortest * 2.0 ** (attempts - 1), limits.longest), counts=True)
