"""What to do when the SMSC refuses: pure decisions, no state, no clock, no chance of their own."""

from __future__ import annotations

from typing import NamedTuple

from smppd.statuses import Meaning, Refusal


class Again(NamedTuple):
    """Submit it again after `delay` seconds, 0 meaning from the head of the queue.

    `counts` if this was one of its attempts; `sets_back` if it was not, but cannot go on for ever.
    """

    delay: float
    counts: bool
    sets_back: bool = False


class Retries(NamedTuple):
    """A link's limits: attempts, and seconds between them."""

    max_attempts: int
    shortest: float
    longest: float


class Past(NamedTuple):
    """What a message has behind it: attempts, this one among them, and how often in a row it was
    set back without that being one."""

    attempts: int
    setbacks: int = 0


HEAD = Again(0.0, counts=False)

#: A message's wait for a full queue, in seconds, doubled each time from the first to the second.
FULL_MIN = 30.0
FULL_MAX = 600.0
#: From so many waits on, about a day, each counts as an attempt: nothing waits for ever.
FULL_PATIENCE = 144
#: A message that brought down so many sessions in a row is itself the cause.
RECONNECTS = 3

#: A delay is drawn out by up to this share, so that what was refused together does not come again
#: together.
JITTER = 0.25


def decide(row: Meaning, past: Past, limits: Retries, chance: float) -> Again | None:
    """Whether and when a refused part goes again; None gives it up.

    `chance` is a number in [0, 1). The delay doubles with every attempt from `shortest` (`retry`)
    or starts at `longest` (`retry_later`), and never passes `longest`.
    """
    refusal = row.refusal
    if refusal in (Refusal.THROTTLE, Refusal.OPERATOR):
        return HEAD
    if refusal is Refusal.QUEUE_FULL and past.setbacks < FULL_PATIENCE:
        full = Retries(0, FULL_MIN, FULL_MAX)
        return Again(wait(past.setbacks + 1, full, chance), counts=False, sets_back=True)
    if refusal is Refusal.RECONNECT and past.setbacks < RECONNECTS:
        return Again(0.0, counts=False, sets_back=True)
    most = limits.max_attempts if row.tries is None else min(row.tries, limits.max_attempts)
    if refusal in (Refusal.PERMANENT, Refusal.PERMANENT_UNKNOWN) or past.attempts >= most:
        return None
    if refusal is Refusal.RETRY_LATER or refusal is Refusal.QUEUE_FULL:
        return Again(_spread(limits.longest, limits, chance), counts=True)
    return Again(wait(past.attempts, limits, chance), counts=True)


def wait(times: int, limits: Retries, chance: float) -> float:
    """How long (seconds) something waits that has been tried so often, drawn out by `chance`."""
    base = min(limits.shortest * 2.0 ** min(times - 1, 60), limits.longest)
    return _spread(base, limits, chance)


def _spread(base: float, limits: Retries, chance: float) -> float:
    """Drawn out, or at the upper end cut short, but within the limits."""
    if base < limits.longest:
        return min(base * (1.0 + JITTER * chance), limits.longest)
    return max(base * (1.0 - JITTER * chance), limits.shortest)
