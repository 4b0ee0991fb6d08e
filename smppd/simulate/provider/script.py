"""What the simulated provider is told: its accounts, what they hold, and how it is difficult.

Data, checked once, as the rest of a script; a value that makes no sense raises ValueError.
"""

from __future__ import annotations

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from smppd.provider.catalogue import OPERATIONS
from smppd.simulate.states import STATE_WORDS
from smppd.simulate.units import Count, Seconds, Share, check_sum, read_address

Id = Annotated[str, Meta(pattern="^[0-9]{1,18}$")]
Credits = Annotated[float, Meta(ge=0)]
Platform = Literal["webchat", "whatsapp", "telegram", "operator"]


#: Not in the documents, but the provider's own clients call it.
BALANCE = "user.getbalance"
#: How calls are counted that name no operation.
NO_OPERATION = "none"
#: What calls are counted by.
COUNTED = (*OPERATIONS, BALANCE, NO_OPERATION)


class Trouble(StrEnum):
    """What a fault does to a call."""

    DELAY = "delay"
    LOST = "lost"
    HANG = "hang"
    REFUSE = "refuse"
    STATUS = "status"
    HTML = "html"
    EMPTY = "empty"
    BROKEN = "broken"
    CUT = "cut"
    SLOW = "slow"
    SAY = "say"


class Access(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One user who is let in, and what he has to spend."""

    user: Annotated[str, Meta(min_length=1)]
    password: str
    balance: Credits = 1000


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text by its id; <name> in it stands for the value of that name. `user`: whose; empty:
    everybody's."""

    id: Id
    text: str
    sender: str = "Afilnet"
    user: str = ""


class GroupAtFirst(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group that is there before anyone calls, with its contacts; their ids count from 1."""

    id: Id
    name: str = "group"
    type: Literal["mobile", "email"] = "mobile"
    fields: tuple[str, ...] = ("mobile", "name")
    contacts: tuple[dict[str, str], ...] = ()
    user: str = ""

    def __post_init__(self) -> None:
        if self.type not in self.fields:
            raise ValueError(f"fields: {self.type} must be among them")


class Channel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A chat channel."""

    platform: Platform
    platformid: Id
    name: str = ""
    user: str = ""


class Letter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A chat message that comes in, so long after the first call of its account."""

    platform: Platform
    platformid: Id
    source: str
    text: str
    after: float = 0.0
    user: str = ""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trouble, and the calls it comes to: every so many of an operation, or a share of them.

    `done`: the provider does what it was asked before it fails to say so. `code` is the error of
    a refusal, `status` that of HTTP, `seconds` how long a delay or a slow body takes, `body` what
    is said instead of the answer.
    """

    what: Trouble
    op: str = "*"
    every: Annotated[int, Meta(ge=1)] = 1
    share: Share = 1.0
    #: So many calls are left alone first.
    after: Count = 0
    #: No more often than this; 0: no end.
    times: Count = 0
    done: bool = True
    code: str = "NO_ROUTE_AVAILABLE"
    status: Annotated[int, Meta(ge=300, le=599)] = 503
    seconds: Annotated[float, Meta(ge=0)] = 1.0
    body: str = ""

    def __post_init__(self) -> None:
        if not any(fnmatchcase(name, self.op) for name in COUNTED):
            raise ValueError(f"op: no operation is {self.op!r}; there are {', '.join(COUNTED)}")


_TEMPLATES = (Template(id="1000", text="Hola <name>, this is template 1000"),)
_CHANNELS = (
    Channel(platform="whatsapp", platformid="100", name="WhatsApp"),
    Channel(platform="telegram", platformid="101", name="Telegram"),
    Channel(platform="webchat", platformid="102", name="Web chat"),
    Channel(platform="operator", platformid="103", name="Operators"),
)


class Http(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The provider's HTTP APIs."""

    listen: Annotated[
        str, Meta(description="serve them at HOST:PORT; port 0: any free one; empty: not at all")
    ] = "127.0.0.1:0"
    cert: Annotated[str, Meta(description="over TLS, with the certificate in this PEM file")] = ""
    key: Annotated[str, Meta(description="its private key; empty: in the same file")] = ""
    user: Annotated[str, Meta(description="the user let in; empty: any")] = ""
    password: Annotated[str, Meta(description="the password; empty: any")] = ""
    balance: Annotated[Credits, Meta(description="credits of each of them at first")] = 1000
    account: Annotated[
        tuple[Access, ...],
        Meta(description="several users instead: user=a,password=b,balance=10;…"),
    ] = ()
    price: Annotated[Credits, Meta(description="credits for each part of an SMS")] = 1
    prices: Annotated[
        dict[str, Credits], Meta(description="other prices by prefix of the number: 33=2,351=0.5")
    ] = {}
    no_route: Annotated[
        list[str], Meta(description="prefixes of numbers that no route leads to: 999,1")
    ] = []
    token: Annotated[str, Meta(description="the bearer token of the contacts API; empty: any")] = ""
    books: Annotated[
        list[int], Meta(description="ids of its address books; none: any id is one")
    ] = []
    template: Annotated[
        tuple[Template, ...], Meta(description="templates: id=1000,text=Hi <name>;…")
    ] = _TEMPLATES
    group: Annotated[
        tuple[GroupAtFirst, ...], Meta(description="groups there are at first: id=7,name=all;…")
    ] = ()
    channel: Annotated[
        tuple[Channel, ...], Meta(description="chat channels: platform=whatsapp,platformid=100;…")
    ] = _CHANNELS
    fault: Annotated[
        tuple[Fault, ...], Meta(description="troubles: what=lost,op=sms.*,every=10;…")
    ] = ()
    status_form: Annotated[
        Literal["one", "list", "map"],
        Meta(description="getdeliverystatus: one object for one id, always a list, or a map by id"),
    ] = "one"
    envelope: Annotated[
        Literal["SUCCESS", "success"], Meta(description="how status is written in answers")
    ] = "SUCCESS"
    ids: Annotated[
        Literal["text", "number"], Meta(description="what ids and credits are in answers")
    ] = "text"
    group_id: Annotated[bool, Meta(description="creategroup answers the id of the group")] = False
    zone: Annotated[str, Meta(description="the time zone of dates, like Europe/Madrid")] = "UTC"

    def __post_init__(self) -> None:
        if self.listen:
            read_address(self.listen)
        if self.key and not self.cert:
            raise ValueError("cert: is missing; name the certificate to speak TLS with")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"zone: {self.zone!r} is no time zone known here") from None


class Fates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of messages sent over HTTP, as getdeliverystatus tells it."""

    delay: Annotated[Seconds, Meta(description="time from the send to the end of it")] = Seconds(0)
    jitter: Annotated[Seconds, Meta(description="up to so much more, at random")] = Seconds(0)
    states: Annotated[
        dict[str, Share],
        Meta(description="share of each final state, the rest DELIVRD: UNDELIV=0.1,EXPIRED=0.05"),
    ] = {}
    words: Annotated[
        dict[str, str],
        Meta(description="other words for states: DELIVRD=delivered,ENROUTE=pending"),
    ] = {}

    def __post_init__(self) -> None:
        check_sum("states", self.states)
        for word in (*self.states, *self.words):
            if word not in STATE_WORDS:
                known = ", ".join(STATE_WORDS)
                raise ValueError(f"{word!r} is no state of a receipt; choose from {known}")


class Chats(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What customers write in chats."""

    count: Annotated[Count, Meta(description="messages that come in; 0: no end, if a rate")] = 0
    rate: Annotated[float, Meta(ge=0, description="per second; 0: all at once")] = 0.0
    text: Annotated[str, Meta(description="their text; {n} is their number")] = "Hello {n}"
    source: Annotated[str, Meta(description="who writes them")] = "34600999999"
    platform: Annotated[Platform, Meta(description="on which platform")] = "whatsapp"
    platformid: Annotated[Id, Meta(description="in which channel of it")] = "100"
    reply: Annotated[
        str, Meta(description="answer to each message that we send; {} is its text")
    ] = ""
    reply_delay: Annotated[Seconds, Meta(description="so long after it")] = Seconds(1)
    letter: Annotated[
        tuple[Letter, ...],
        Meta(description="single messages: platform=whatsapp,platformid=100,source=346,text=Hi;…"),
    ] = ()
    keep_unread: Annotated[
        bool, Meta(description="getunreadmessages leaves them unread, so that they come again")
    ] = False
    sent_form: Annotated[
        Literal["text", "number", "bool"], Meta(description="how sent and issent are written")
    ] = "text"
