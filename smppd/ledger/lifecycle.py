"""The lifecycle in plain numbers: an enum's attribute and its comparison cost a look-up for every
message. `message.LIFECYCLE` is the table that people read; everything here follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence

from smppd.message import LIFECYCLE, State

QUEUED = int(State.QUEUED)
SENDING = int(State.SENDING)
SENT = int(State.SENT)
DELIVERED = int(State.DELIVERED)
UNDELIVERED = int(State.UNDELIVERED)
REJECTED = int(State.REJECTED)
EXPIRED = int(State.EXPIRED)
CANCELLED = int(State.CANCELLED)
FAILED = int(State.FAILED)
UNKNOWN = int(State.UNKNOWN)

PARTLY_DONE = frozenset({DELIVERED, UNDELIVERED, CANCELLED})
#: A refusal may come late, when the part's outcome already counts as unknown.
UNANSWERED = frozenset({SENDING, UNKNOWN})

# SMPP 3.4, 5.2.28, and SKIPPED of 5.0: the final message states, and what each means for us.
# ACCEPTED (6) comes as a final one only over links of which the configuration says so.
RECEIPT_STATES = {
    2: DELIVERED,
    6: DELIVERED,
    3: UNDELIVERED,
    4: UNDELIVERED,
    5: UNDELIVERED,
    8: UNDELIVERED,
    9: UNDELIVERED,
}
#: The one that a message has after a cancel_sm.
DELETED = 4
RECEIPT_WORDS = {3: "EXPIRED", 4: "DELETED", 5: "UNDELIVERABLE", 8: "REJECTED", 9: "SKIPPED"}

ALLOWED: tuple[frozenset[int], ...] = tuple(
    frozenset(map(int, LIFECYCLE[State(n)])) if n else frozenset() for n in range(len(State) + 1)
)
FINAL = frozenset(int(state) for state, after in LIFECYCLE.items() if not after)


def aggregate(parts: Sequence[int]) -> int:
    """The state of a message from the states of its parts (one state for the whole)."""
    if len(parts) == 1:
        return parts[0]
    present = set(parts)
    for state in (SENDING, FAILED, QUEUED, UNKNOWN, SENT):
        if state in present:
            return state
    if CANCELLED in present:
        return CANCELLED if len(present) == 1 else UNDELIVERED
    return UNDELIVERED if UNDELIVERED in present else DELIVERED
