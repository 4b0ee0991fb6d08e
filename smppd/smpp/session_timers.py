"""When a session must do something although nothing arrives (3.4, 7.2).

Every function takes the time; nothing here knows a clock. It knows no PDUs and no bytes, and
raises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from smppd.smpp.session_states import BOUND_STATES, Role, SessionState
from smppd.smpp.window import LAST_SEQUENCE_NUMBER

_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session may take and how long it waits. Times are seconds, 0 switches one off."""

    window: int = 10
    response_timeout: float = 60.0
    bind_timeout: float = 30.0
    enquire_link_interval: float = 30.0
    enquire_link_timeout: float = 10.0
    pdu_read_timeout: float = 10.0
    inactivity_timeout: float = 0.0
    unbind_timeout: float = 5.0
    max_pdu_length: int = 131072
    first_sequence_number: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.first_sequence_number <= LAST_SEQUENCE_NUMBER:
            raise ValueError(f"first_sequence_number must be 1 to {LAST_SEQUENCE_NUMBER}")
        if self.window < 1:
            raise ValueError("window must be at least 1")


class Due(Enum):
    """What a timer asks for: an enquire_link, or the end of the session with this reason."""

    ENQUIRE_LINK = "send enquire_link"
    BIND = "no bind within bind_timeout"
    ENQUIRE_LINK_TIMEOUT = "no answer to enquire_link within enquire_link_timeout"
    INACTIVITY = "no message within inactivity_timeout"
    PDU_READ = "half a PDU and no more of it within pdu_read_timeout"
    UNBIND = "no end of the session within unbind_timeout"


class Timers:
    """The clock readings of one session, and what follows from them."""

    __slots__ = (
        "_limits",
        "_role",
        "active_at",
        "enquired_at",
        "entered_at",
        "heard_at",
        "part_at",
    )

    def __init__(self, role: Role, limits: Limits, now: float) -> None:
        self._role = role
        self._limits = limits
        #: When the session came into its state.
        self.entered_at = now
        #: When the last whole PDU arrived. What we send proves nothing about the peer.
        self.heard_at = now
        #: When a message or its answer last passed.
        self.active_at = now
        #: When the PDU that is still incomplete began to arrive.
        self.part_at: float | None = None
        #: When the enquire_link that is still unanswered was sent.
        self.enquired_at: float | None = None

    def change(self, limits: Limits) -> None:
        """Go by these from now on."""
        self._limits = limits

    def hear(self, whole_pdus: bool, part_left: bool, now: float) -> None:
        """Something arrived: whole PDUs or not, and perhaps the beginning of one more."""
        if whole_pdus:
            self.heard_at = now
        if not part_left:
            self.part_at = None
        elif whole_pdus or self.part_at is None:
            self.part_at = now

    def enter(self, now: float) -> None:
        """The session comes into another state."""
        self.entered_at = now
        self.enquired_at = None

    def next_due(self, state: SessionState) -> tuple[float, Due | None]:
        """The time at which something is to be done next, and what."""
        when, what = self._next_in_state(state)
        if self.part_at is not None:
            read_until = self.part_at + (self._limits.pdu_read_timeout or _NEVER)
            if read_until < when:
                return read_until, Due.PDU_READ
        return when, what

    def _next_in_state(self, state: SessionState) -> tuple[float, Due | None]:
        limits = self._limits
        if state in BOUND_STATES:
            return self._next_while_bound()
        if state is SessionState.UNBINDING:
            return self.entered_at + (limits.unbind_timeout or _NEVER), Due.UNBIND
        # The SMSC waits for the request, the ESME for its answer; each sets its own pace else.
        waits_in = SessionState.OPEN if self._role is Role.SMSC else SessionState.BINDING
        if state is waits_in:
            return self.entered_at + (limits.bind_timeout or _NEVER), Due.BIND
        return _NEVER, None

    def _next_while_bound(self) -> tuple[float, Due]:
        limits = self._limits
        if self.enquired_at is not None:
            # A peer whose other PDUs still arrive is slow, not gone.
            since = max(self.enquired_at, self.heard_at)
            when, what = since + limits.enquire_link_timeout, Due.ENQUIRE_LINK_TIMEOUT
        else:
            when = self.heard_at + (limits.enquire_link_interval or _NEVER)
            what = Due.ENQUIRE_LINK
        if limits.inactivity_timeout and self.active_at + limits.inactivity_timeout < when:
            return self.active_at + limits.inactivity_timeout, Due.INACTIVITY
        return when, what
