"""What a refused bind means: how its status is classed, and the cure.

Pure data and look-ups; raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from smppd.config import BindClass
from smppd.smpp.vocabulary import CommandStatus
from smppd.statuses import MEANINGS, Binding

_CLASSES: Mapping[int, Binding] = MappingProxyType(
    {code: row.bind for code, row in MEANINGS.items() if row.bind is not None}
)

_SMSC_TROUBLE = "the SMSC has a trouble of its own: nothing to do but wait"
_NO_TLVS = "the SMSC does not take what a bind carries: set interface_version as the provider says"

_HINTS: Mapping[int, str] = MappingProxyType(
    {
        CommandStatus.ESME_RBINDFAIL: (
            "check system_id, system_type and the password, and whether `sessions` is more than"
            " the account allows"
        ),
        CommandStatus.ESME_RINVPASWD: "wrong password: correct password_file or password_env",
        CommandStatus.ESME_RINVSYSID: "unknown system_id: correct system_id",
        CommandStatus.ESME_RINVSYSTYP: "wrong system_type: correct system_type",
        CommandStatus.ESME_RALYBND: (
            "already bound: another client uses this account, an earlier session is still open"
            " there, or `sessions` is more than the account allows"
        ),
        CommandStatus.ESME_RINVCMDID: (
            "this kind of bind is not allowed here, or the account is not known: correct bind,"
            " system_id, host or port"
        ),
        CommandStatus.ESME_RINVBNDSTS: (
            "this kind of bind is not allowed here: correct bind, host or port"
        ),
        CommandStatus.ESME_RINVCMDLEN: (
            "the SMSC cannot read our bind: set interface_version as the provider says"
        ),
        CommandStatus.ESME_RTHROTTLED: "too many binds or messages: nothing to do but wait",
        CommandStatus.ESME_RSYSERR: _SMSC_TROUBLE,
        CommandStatus.ESME_RMSGQFUL: _SMSC_TROUBLE,
        CommandStatus.ESME_RX_T_APPN: _SMSC_TROUBLE,
        CommandStatus.ESME_RUNKNOWNERR: (
            "the SMSC gives no reason: wait, and ask the provider if it goes on (out of credit?)"
        ),
        CommandStatus.ESME_RINVOPTPARSTREAM: _NO_TLVS,
        CommandStatus.ESME_ROPTPARNOTALLWD: _NO_TLVS,
        CommandStatus.ESME_RPROHIBITED: "the account may not bind: ask the provider",
    }
)


#: What a link's `bind_status` makes of statuses, where it has its own view.
Overrides = Mapping[int, BindClass]
NO_OVERRIDES: Overrides = MappingProxyType({})

#: The cures where a link says what a status means.
_CLASS_HINTS: Mapping[Binding, str] = MappingProxyType(
    {
        Binding.CREDENTIALS: "check system_id and the password",
        Binding.ALREADY_BOUND: _HINTS[CommandStatus.ESME_RALYBND],
        Binding.OPERATOR: "ask the provider",
        Binding.RETRY_LATER: _SMSC_TROUBLE,
    }
)


def bind_class(status: int, overrides: Overrides = NO_OVERRIDES) -> Binding:
    """What a bind refused with this command_status comes to; what nobody knows may pass."""
    if status in overrides:
        return Binding(overrides[status])
    return _CLASSES.get(status, Binding.RETRY_LATER)


def wants_operator(status: int, times: int, overrides: Overrides = NO_OVERRIDES) -> bool:
    """Whether an operator is to hear of a session whose bind was refused so for so many times."""
    refused = bind_class(status, overrides)
    if refused is Binding.ALREADY_BOUND:
        return times >= ALREADY_BOUND_TIMES
    unknown = status not in _CLASSES and status not in overrides
    return unknown or refused in (Binding.CREDENTIALS, Binding.OPERATOR)


#: An old session may take a while to die; after so many refusals it is something else.
ALREADY_BOUND_TIMES = 3


def bind_hint(status: int, overrides: Overrides = NO_OVERRIDES) -> str:
    """The cure for a bind refused with this command_status."""
    if status in overrides:
        return _CLASS_HINTS[bind_class(status, overrides)]
    return _HINTS.get(status, "ask the provider what this status means for a bind")
