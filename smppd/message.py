"""The message and its lifecycle: the words every other part of the daemon uses.

A `Request` is one line as a writer handed it in. A `Message` is what became of it once it was
checked, encoded and cut into segments: all that a link needs to submit it. What happened to it
since is not here but in the ledger. This module knows no files, sockets, clocks or SQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec


class State(IntEnum):
    """Where a message is. Every accepted message is in exactly one state."""

    QUEUED = 1
    SENDING = 2
    SENT = 3
    DELIVERED = 4
    UNDELIVERED = 5
    REJECTED = 6
    DUPLICATE = 7
    EXPIRED = 8
    CANCELLED = 9
    FAILED = 10
    UNKNOWN = 11

    @property
    def label(self) -> str:
        """The state's name in results, reports and commands."""
        return self.name.lower()


#: From each state, the states a message may go to next. Anything else is a fault of the program.
#: SENT is final for a message that asked for no receipt.
LIFECYCLE: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        # SENT or UNKNOWN, from QUEUED: a late answer arrived before a resend had left, for the
        # only part or for one beside a part in doubt. REJECTED: it was barred when it was to leave.
        State.QUEUED: frozenset(
            {
                State.SENDING,
                State.SENT,
                State.UNKNOWN,
                State.REJECTED,
                State.EXPIRED,
                State.CANCELLED,
                State.FAILED,
            }
        ),
        State.SENDING: frozenset({State.SENT, State.QUEUED, State.FAILED, State.UNKNOWN}),
        # CANCELLED, from SENT: the SMSC agreed to cancel it.
        State.SENT: frozenset({State.DELIVERED, State.UNDELIVERED, State.CANCELLED}),
        State.UNKNOWN: frozenset(
            {State.SENT, State.DELIVERED, State.UNDELIVERED, State.QUEUED, State.FAILED}
        ),
        State.DELIVERED: frozenset(),
        State.UNDELIVERED: frozenset(),
        State.REJECTED: frozenset(),
        State.DUPLICATE: frozenset(),
        State.EXPIRED: frozenset(),
        State.CANCELLED: frozenset(),
        State.FAILED: frozenset(),
    }
)

#: What a message may be when it enters the journal.
INITIAL = frozenset({State.QUEUED, State.REJECTED, State.DUPLICATE})


class Lane(IntEnum):
    """Priority: a lower lane goes first."""

    HIGH = 0
    NORMAL = 1
    BULK = 2


class OnUnknown(IntEnum):
    """What to do when nobody can say whether the SMSC took a message."""

    HOLD = 0
    RESEND = 1
    FAIL = 2


#: Characters of a client's id: those of hundreds of thousands of messages are in memory.
MOST_ID = 500


class Request(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One message as handed in (contract, part 2). Types are checked, nothing else yet.

    Fields set to None were not given. `echo` holds the `x-…` fields, which come back in the
    result untouched, each as the JSON it was written in.
    """

    to: str | list[str]
    text: str | None = None
    data: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    id: str | None = None
    priority: str | None = None
    via: str | None = None
    send_at: str | None = None
    expires: str | int | float | None = None
    receipt: bool = True
    on_unknown: str | None = None
    encoding: str = "auto"
    transliterate: bool | None = None
    flash: bool = False
    udh: str | None = None
    tlv: dict[str, str] | None = None
    echo: dict[str, bytes] | None = msgspec.field(default=None, name="x-*")


class PlainRequest(Request, kw_only=True, forbid_unknown_fields=True):
    """One that says no more than most: to one number, a text, from whom, under which id, and what
    is echoed.

    Its types are narrower, so that whatever can be read as one has been looked at already.
    """

    to: Annotated[str, msgspec.Meta(min_length=1)]
    text: Annotated[str, msgspec.Meta(min_length=1)]
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_ID)] | None = None
    data: None = None
    priority: None = None
    via: None = None
    send_at: None = None
    expires: None = None
    on_unknown: None = None
    encoding: Literal["auto"] = "auto"
    transliterate: None = None
    udh: None = None
    tlv: None = None


class CallRequest(Request, kw_only=True, forbid_unknown_fields=True):
    """One line for the provider's HTTP APIs, as handed in. Types are checked, nothing else yet.

    It names an operation with its `args`, or holds what is short for one: a `template`, a `group`,
    or both. Only a template to single numbers has a `to`.
    """

    to: str | list[str] = ""
    op: str | None = None
    args: dict[str, object] | None = None
    confirm: bool = False
    template: str | int | None = None
    params: str | dict[str, object] | None = None
    group: str | int | None = None
    country: str | int | None = None


class Call(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """An operation of the provider's HTTP API with its checked parameters (see `provider`).

    `params` are as they are sent. `harmless`: it only reads, so that it may be repeated.
    """

    op: str
    params: dict[str, str | int]
    harmless: bool = False


class Message(msgspec.Struct, array_like=True, gc=False):
    """A checked, encoded message, cut into segments once so that a retry sends the same octets.

    `segments` are the short_message octets of each part, UDH included; `esm_class`,
    `data_coding`, TON and NPI are as SMPP 3.4 section 5.2 defines them. `expires` is seconds
    since the epoch, None for never. `tlv` pairs are (tag, value) written after the body. `sar` is
    the reference of parts that are numbered by TLVs; `transliterated` are the replaced characters.
    `send_at` is until when it is held here, `schedule` until when the SMSC is to hold it (seconds
    since the epoch). `links_sender`: it leaves with the default sender of the link that carries it.
    `call`: it is no submit_sm but this operation; its one segment is empty, `to` is for people.
    `text_key`: by which its text to this number is known again where it must not go twice.
    """

    to: str
    dest_ton: int
    dest_npi: int
    sender: str
    source_ton: int
    source_npi: int
    data_coding: int
    esm_class: int
    encoding: str
    segments: tuple[bytes, ...]
    receipt: bool = True
    on_unknown: OnUnknown = OnUnknown.HOLD
    expires: float | None = None
    tlv: tuple[tuple[int, bytes], ...] = ()
    echo: dict[str, bytes] | None = None
    sar: int | None = None
    transliterated: dict[str, str] | None = None
    send_at: float | None = None
    schedule: float | None = None
    links_sender: bool = False
    call: Call | None = None

    @property
    def handset(self) -> str:
        """The digits of the number that something is sent to; empty for a call that only reads."""
        if self.call is None:
            return self.to
        return "" if self.call.harmless else self.to.lstrip("+")

    text_key: str = ""


class Part(msgspec.Struct, gc=False, frozen=True):
    """One segment of one message on its way to the SMSC: what a link submits."""

    msg_id: int
    index: int
    message: Message


class ErrorInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a message did not make it, as it stands in results."""

    code: str
    status: int | None = None
    text: str = ""
