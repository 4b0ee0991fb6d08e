"""The states of an SMPP session, what leads from one to the next, and what may be said in each.

Two tables and nothing else decides: `TRANSITIONS` and `LEGAL`. Documentation is generated from
them, so they cannot disagree. This module does not know which role we play. It raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from smppd.smpp.vocabulary import CommandId


class Role(Enum):
    """Which side of the session speaks."""

    ESME = "ESME"
    SMSC = "SMSC"

    @property
    def peer(self) -> Role:
        """The other side."""
        return Role.SMSC if self is Role.ESME else Role.ESME


class SessionState(Enum):
    """3.4, 2.2. BINDING and UNBINDING are the moments between a request and its answer."""

    OPEN = "open"
    BINDING = "binding"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    BOUND_TRX = "bound_trx"
    UNBINDING = "unbinding"
    CLOSED = "closed"


class Trigger(Enum):
    """What moves a session from one state to the next, whichever side did it."""

    BIND = "bind request"
    BOUND_AS_TX = "bind_transmitter_resp, status 0"
    BOUND_AS_RX = "bind_receiver_resp, status 0"
    BOUND_AS_TRX = "bind_transceiver_resp, status 0"
    REFUSED = "bind response, other status"
    UNBIND = "unbind"
    END = "end of the connection"


_WHILE_BOUND = MappingProxyType(
    {Trigger.UNBIND: SessionState.UNBINDING, Trigger.END: SessionState.CLOSED}
)

TRANSITIONS: Mapping[SessionState, Mapping[Trigger, SessionState]] = MappingProxyType(
    {
        SessionState.OPEN: MappingProxyType(
            {Trigger.BIND: SessionState.BINDING, Trigger.END: SessionState.CLOSED}
        ),
        SessionState.BINDING: MappingProxyType(
            {
                Trigger.BOUND_AS_TX: SessionState.BOUND_TX,
                Trigger.BOUND_AS_RX: SessionState.BOUND_RX,
                Trigger.BOUND_AS_TRX: SessionState.BOUND_TRX,
                Trigger.REFUSED: SessionState.OPEN,
                Trigger.END: SessionState.CLOSED,
            }
        ),
        SessionState.BOUND_TX: _WHILE_BOUND,
        SessionState.BOUND_RX: _WHILE_BOUND,
        SessionState.BOUND_TRX: _WHILE_BOUND,
        SessionState.UNBINDING: MappingProxyType({Trigger.END: SessionState.CLOSED}),
        SessionState.CLOSED: MappingProxyType({}),
    }
)

#: What the answer to each bind request makes of the session.
BOUND_BY: Mapping[int, Trigger] = MappingProxyType(
    {
        CommandId.BIND_TRANSMITTER: Trigger.BOUND_AS_TX,
        CommandId.BIND_RECEIVER: Trigger.BOUND_AS_RX,
        CommandId.BIND_TRANSCEIVER: Trigger.BOUND_AS_TRX,
    }
)

BOUND_STATES = frozenset({SessionState.BOUND_TX, SessionState.BOUND_RX, SessionState.BOUND_TRX})


def _answers(*requests: CommandId) -> frozenset[CommandId]:
    return frozenset(CommandId(request | 0x80000000) for request in requests)


BINDS = frozenset({CommandId.BIND_TRANSMITTER, CommandId.BIND_RECEIVER, CommandId.BIND_TRANSCEIVER})
#: PDUs that are neither answers nor have one.
NOTIFICATIONS = frozenset({CommandId.OUTBIND, CommandId.ALERT_NOTIFICATION})
#: 3.4 lists enquire_link for bound sessions only, but SMSCs send it before the bind as well, and
#: leaving it unanswered costs the session.
_ALWAYS = frozenset({CommandId.ENQUIRE_LINK, CommandId.ENQUIRE_LINK_RESP, CommandId.GENERIC_NACK})
_WHEN_BOUND = _ALWAYS | {
    CommandId.UNBIND,
    CommandId.UNBIND_RESP,
    CommandId.DATA_SM,
    CommandId.DATA_SM_RESP,
}
_SUBMITTING = frozenset(
    {
        CommandId.SUBMIT_SM,
        CommandId.SUBMIT_MULTI,
        CommandId.QUERY_SM,
        CommandId.CANCEL_SM,
        # 3.4 leaves replace_sm out for a transceiver, 5.0 puts it in.
        CommandId.REPLACE_SM,
    }
)
_DELIVERING = frozenset({CommandId.DELIVER_SM, CommandId.ALERT_NOTIFICATION})
#: Requests that only the session's holder can answer, and that take a slot of the window.
MESSAGE_REQUESTS = _SUBMITTING | {CommandId.DELIVER_SM, CommandId.DATA_SM}

_TRX = MappingProxyType(
    {
        Role.ESME: _WHEN_BOUND | _SUBMITTING | _answers(CommandId.DELIVER_SM),
        Role.SMSC: _WHEN_BOUND | _DELIVERING | _answers(*_SUBMITTING),
    }
)

#: In which state which side may issue which PDU (3.4, 2.3).
LEGAL: Mapping[SessionState, Mapping[Role, frozenset[CommandId]]] = MappingProxyType(
    {
        SessionState.OPEN: MappingProxyType(
            {Role.ESME: _ALWAYS | BINDS, Role.SMSC: _ALWAYS | {CommandId.OUTBIND}}
        ),
        SessionState.BINDING: MappingProxyType(
            {Role.ESME: _ALWAYS, Role.SMSC: _ALWAYS | _answers(*BINDS)}
        ),
        SessionState.BOUND_TX: MappingProxyType(
            {
                Role.ESME: _WHEN_BOUND | _SUBMITTING,
                Role.SMSC: _WHEN_BOUND | _answers(*_SUBMITTING),
            }
        ),
        SessionState.BOUND_RX: MappingProxyType(
            {
                Role.ESME: _WHEN_BOUND | _answers(CommandId.DELIVER_SM),
                Role.SMSC: _WHEN_BOUND | _DELIVERING,
            }
        ),
        SessionState.BOUND_TRX: _TRX,
        # What was under way when the unbind crossed it; nobody starts anything new.
        SessionState.UNBINDING: _TRX,
        SessionState.CLOSED: MappingProxyType({Role.ESME: frozenset(), Role.SMSC: frozenset()}),
    }
)


def welcome(state: SessionState, sender: Role) -> frozenset[CommandId]:
    """What is heard from this side: what it may issue, and receipts over a transmitter. SMSCs
    send those there, too, and a refused one is lost."""
    legal = LEGAL[state][sender]
    if state is SessionState.BOUND_TX and sender is Role.SMSC:
        legal |= {CommandId.DELIVER_SM}
    return legal
