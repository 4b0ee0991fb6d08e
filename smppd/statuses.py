"""What each command_status means for a submit_sm and for a bind: our policy, as data.

The specification gives only the names (SMPP 3.4, 5.1.3; 5.0, 4.7.6); the classes come from what
peers answer in the field, and a link may override each with `[link.NAME.status]`. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from smppd.smpp.vocabulary import CommandStatus as Status
from smppd.smpp.vocabulary import status_name


class Refusal(Enum):
    """How a refused submit_sm is treated; the values are the words of `[link.NAME.status]`."""

    #: Again on the same link, with a growing delay.
    RETRY = "retry"
    #: Again, but not soon.
    RETRY_LATER = "retry_later"
    #: We are too fast: no attempt; the link slows down.
    THROTTLE = "throttle"
    #: One destination's queue, or the SMSC's, is full: no attempt; this message waits.
    QUEUE_FULL = "queue_full"
    #: The message has failed.
    PERMANENT = "permanent"
    #: It has failed, but nobody knows what the status means: not the whole spool that way.
    PERMANENT_UNKNOWN = "permanent_unknown"
    #: The session is at fault: no attempt; the link reconnects.
    RECONNECT = "reconnect"
    #: The account is at fault: no attempt; the link pauses until somebody has looked.
    OPERATOR = "operator"


class Binding(Enum):
    """How a refused bind is treated; the values are the words of `[link.NAME.bind_status]`."""

    #: A trouble of the SMSC's that passes: again with the usual delay.
    RETRY_LATER = "retry_later"
    #: The SMSC has not noticed yet that an old session is dead, or has as many as it allows.
    ALREADY_BOUND = "already_bound"
    #: Wrong credentials: long delays for the whole link, so that the account is not locked.
    CREDENTIALS = "credentials"
    #: Somebody has to correct something, here or there.
    OPERATOR = "operator"

    @property
    def state(self) -> str:
        """How the link stands meanwhile: one of `figures.BIND_STATES`."""
        return "auth_failed" if self is Binding.CREDENTIALS else self.value


class Meaning(NamedTuple):
    """One row; without `bind` it says nothing of a bind. `tries` is how often a message is submitted at most, None for the link's
    `max_attempts`; `alert`: failing for this status, the operator is told; `cure` is for people."""

    code: int
    refusal: Refusal
    bind: Binding | None = None
    cure: str = ""
    tries: int | None = None
    alert: bool = False

    @property
    def name(self) -> str:
        """The specification's name, or the number."""
        return status_name(self.code)


_RETRY, _LATER, _PERMANENT = Refusal.RETRY, Refusal.RETRY_LATER, Refusal.PERMANENT
_UNKNOWN, _OPERATOR = Refusal.PERMANENT_UNKNOWN, Refusal.OPERATOR
_NO, _WAIT, _ASK = None, Binding.RETRY_LATER, Binding.OPERATOR
_LOGIN = Binding.CREDENTIALS


def _fails(code: int, cure: str = "") -> Meaning:
    return Meaning(code, _PERMANENT, _NO, cure)


def _misconfigured(code: int, cure: str, bind: Binding | None = _NO) -> Meaning:
    return Meaning(code, _PERMANENT, bind, cure, alert=True)


_ROWS: tuple[Meaning, ...] = (
    _fails(Status.ESME_RINVMSGLEN, "the text is too long for this SMSC: check split"),
    Meaning(
        Status.ESME_RINVCMDLEN,
        _PERMANENT,
        _ASK,
        "the SMSC could not read the PDU: look for oddities in the log",
    ),
    Meaning(
        Status.ESME_RINVCMDID,
        _OPERATOR,
        _ASK,
        "this account may not submit here: check bind, host and port with the provider",
    ),
    Meaning(
        Status.ESME_RINVBNDSTS,
        Refusal.RECONNECT,
        Binding.RETRY_LATER,
        "the SMSC has lost the state of the session",
    ),
    Meaning(
        Status.ESME_RALYBND,
        Refusal.RECONNECT,
        Binding.ALREADY_BOUND,
        "more sessions than the account allows: check sessions",
    ),
    _misconfigured(
        Status.ESME_RINVPRTFLG, "the SMSC wants another priority_flag: ask the provider"
    ),
    _misconfigured(
        Status.ESME_RINVREGDLVFLG, "the account may not ask for receipts: ask the provider"
    ),
    Meaning(Status.ESME_RSYSERR, _RETRY, _WAIT, "the SMSC has a fault of its own"),
    _fails(Status.ESME_RINVSRCADR, "the sender is not allowed: check from with the provider"),
    _fails(Status.ESME_RINVDSTADR, "the destination is not valid"),
    _fails(Status.ESME_RINVMSGID),
    Meaning(Status.ESME_RBINDFAIL, _OPERATOR, _LOGIN, "check system_id, password and sessions"),
    Meaning(Status.ESME_RINVPASWD, _OPERATOR, _LOGIN, "check the password"),
    Meaning(Status.ESME_RINVSYSID, _OPERATOR, _LOGIN, "check system_id"),
    Meaning(Status.ESME_RCANCELFAIL, _UNKNOWN, _NO, "an answer to cancel_sm only"),
    _fails(Status.ESME_RREPLACEFAIL),
    Meaning(Status.ESME_RMSGQFUL, Refusal.QUEUE_FULL, _WAIT, "a queue at the SMSC is full"),
    _misconfigured(Status.ESME_RINVSERTYP, "the service_type is not allowed: correct service_type"),
    _fails(Status.ESME_RINVNUMDESTS),
    _fails(Status.ESME_RINVDLNAME),
    _fails(Status.ESME_RINVDESTFLAG),
    _fails(Status.ESME_RINVSUBREP),
    _misconfigured(Status.ESME_RINVESMCLASS, "the SMSC refuses user data headers: correct split"),
    _fails(Status.ESME_RCNTSUBDL),
    Meaning(Status.ESME_RSUBMITFAIL, _RETRY, _NO, "the SMSC gives no reason", tries=3),
    _misconfigured(Status.ESME_RINVSRCTON, "the sender's type of number is refused: check from"),
    _misconfigured(Status.ESME_RINVSRCNPI, "the sender's numbering plan is refused: check from"),
    _misconfigured(
        Status.ESME_RINVDSTTON, "the destination's type of number is refused: ask the provider"
    ),
    _misconfigured(
        Status.ESME_RINVDSTNPI, "the destination's numbering plan is refused: ask the provider"
    ),
    _misconfigured(Status.ESME_RINVSYSTYP, "correct system_type", _ASK),
    _fails(Status.ESME_RINVREPFLAG),
    _fails(Status.ESME_RINVNUMMSGS),
    Meaning(Status.ESME_RTHROTTLED, Refusal.THROTTLE, _WAIT, "too fast for this account"),
    _fails(Status.ESME_RINVSCHED, "the time to deliver at is refused"),
    _fails(Status.ESME_RINVEXPIRY, "the validity period is refused"),
    _fails(Status.ESME_RINVDFTMSGID),
    Meaning(Status.ESME_RX_T_APPN, _LATER, _WAIT, "an application behind the SMSC is out of order"),
    _fails(Status.ESME_RX_P_APPN),
    _fails(Status.ESME_RX_R_APPN),
    Meaning(Status.ESME_RQUERYFAIL, _UNKNOWN, _NO, "an answer to query_sm; some: out of credit"),
    _misconfigured(Status.ESME_RINVOPTPARSTREAM, "the SMSC refuses TLVs: leave tlv out", _ASK),
    _misconfigured(Status.ESME_ROPTPARNOTALLWD, "the SMSC refuses a TLV: leave tlv out", _ASK),
    _misconfigured(Status.ESME_RINVPARLEN, "the SMSC refuses a TLV's length: correct tlv"),
    _fails(Status.ESME_RMISSINGOPTPARAM, "the SMSC wants a TLV: add it with tlv"),
    _fails(Status.ESME_RINVOPTPARAMVAL, "the SMSC refuses a TLV's value: correct tlv"),
    _fails(Status.ESME_RDELIVERYFAILURE),
    Meaning(
        Status.ESME_RUNKNOWNERR,
        _RETRY,
        _WAIT,
        "the SMSC gives no reason; some: out of credit",
        tries=3,
        alert=True,
    ),
    _misconfigured(Status.ESME_RSERTYPUNAUTH, "the account may not use this service_type"),
    _misconfigured(Status.ESME_RPROHIBITED, "the account may not do this: ask the provider", _ASK),
    Meaning(Status.ESME_RSERTYPUNAVAIL, _LATER, _NO, "the service is out of order"),
    _fails(Status.ESME_RSERTYPDENIED, "the content is refused"),
    _misconfigured(Status.ESME_RINVDCS, "the data_coding is refused: check data_coding_0"),
    _fails(Status.ESME_RINVSRCADDRSUBUNIT),
    _fails(Status.ESME_RINVDSTADDRSUBUNIT),
    *(
        _fails(code, "an answer to broadcast_sm only")
        for code in range(Status.ESME_RINVBCASTFREQINT, Status.ESME_RINVBCASTCHANIND + 1)
    ),
)

#: Every status that the specification names, but ESME_ROK.
MEANINGS: Mapping[int, Meaning] = MappingProxyType({row.code: row for row in _ROWS})

_OF_PACE = frozenset({Refusal.THROTTLE, Refusal.QUEUE_FULL})


def complaints(overrides: Mapping[int, str]) -> dict[int, Refusal]:
    """The statuses with which an SMSC complains of a link's pace, with their class."""
    codes = {*MEANINGS, *overrides}
    found = {code: meaning(code, overrides).refusal for code in codes}
    return {code: refusal for code, refusal in found.items() if refusal in _OF_PACE}


_ASK_PROVIDER = "ask the provider what this status means, and give it a class in [link.NAME.status]"


def meaning(status: int, overrides: Mapping[int, str]) -> Meaning:
    """The row of a command_status, with the class that a link gives it.

    What is in no table is reserved, or the vendor's own: `permanent_unknown`.
    """
    row = MEANINGS.get(status)
    word = overrides.get(status)
    if row is None:
        cure = _ASK_PROVIDER if word is None else f'"{word}" in [link.NAME.status]'
        row = Meaning(status, Refusal.PERMANENT_UNKNOWN, Binding.RETRY_LATER, cure)
    if word is not None:
        row = Meaning(status, Refusal(word), row.bind, row.cure)
    return row
