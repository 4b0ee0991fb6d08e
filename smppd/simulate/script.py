"""What a simulated SMSC is to do: the good, and every way to be difficult.

A script is data, checked once; `reading` makes it from a TOML file and from flags. Each value's
description is the help of its flag. Times are seconds, shares run from 0 to 1. A value that
makes no sense raises ValueError, which `reading` turns into a message with its place.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from smppd.simulate.provider.script import Chats, Fates, Http
from smppd.simulate.states import STATE_WORDS
from smppd.simulate.units import Count, Seconds, Share, check_sum, read_address
from smppd.smpp.cutting import MAX_PARTS, count_parts
from smppd.smpp.text import Alphabet, Encoded
from smppd.smpp.vocabulary import CommandStatus


class Status(int):
    """A command_status. Written by name, or as a number: "ESME_RTHROTTLED", "0x58", 88."""


Address = Annotated[str, Meta(pattern="^[ -~]{1,20}$")]

IdForm = Literal["decimal", "hex", "hex_upper", "padded", "uuid"]
MoSplit = Literal["udh8", "udh16", "sar"]
ReceiptForm = Literal["standard", "lower", "no_text", "tlv", "text_and_tlv"]


def encode_mo(text: str, number: int) -> Encoded:
    """A handset's message in its octets: ASCII, or UCS-2 where that is not enough."""
    text = text.replace("{n}", str(number))
    if text.isascii():
        return Encoded(Alphabet.GSM7, 0, text.encode("ascii"))
    return Encoded(Alphabet.UCS2, 8, text.encode("utf-16-be"))


def read_status(written: str | int) -> Status:
    """The command_status of a refusal, by its name or number."""
    if isinstance(written, str) and written in CommandStatus.__members__:
        return Status(CommandStatus[written])
    try:
        number = int(written, 0) if isinstance(written, str) else written
    except ValueError:
        number = -1
    if not 0 < number <= 0xFFFFFFFF:
        problem = f"{written!r} is no command_status; write 0x58, 88 or ESME_RTHROTTLED"
        raise ValueError(problem)
    return Status(number)


class Answers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How submit_sm is answered."""

    latency: Annotated[Seconds, Meta(description="time until each answer")] = Seconds(0)
    jitter: Annotated[Seconds, Meta(description="up to so much more, at random")] = Seconds(0)
    status: Annotated[
        dict[str, Share],
        Meta(description="share of each refusal: 0x58=0.05,ESME_RSYSERR=0.01"),
    ] = {}
    rate: Annotated[
        float,
        Meta(ge=0, description="submits per second and account; above it ESME_RTHROTTLED"),
    ] = 0.0
    swallow: Annotated[Share, Meta(description="share taken, but never answered")] = 0.0
    late: Annotated[Share, Meta(description="share answered later by late-by")] = 0.0
    late_by: Annotated[Seconds, Meta(description="how much later those are answered")] = Seconds(5)
    id_form: Annotated[IdForm, Meta(description="how the message_id is written")] = "decimal"

    def __post_init__(self) -> None:
        check_sum("status", self.status)
        for name in self.status:
            read_status(name)


class Receipts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How delivery receipts come, where registered_delivery asks for them."""

    on: Annotated[bool, Meta(description="send receipts")] = True
    delay: Annotated[Seconds, Meta(description="time from the submit to the receipt")] = Seconds(0)
    jitter: Annotated[Seconds, Meta(description="up to so much more, at random")] = Seconds(0)
    states: Annotated[
        dict[str, Share],
        Meta(description="share of each final state, the rest DELIVRD: UNDELIV=0.1,EXPIRED=0.05"),
    ] = {}
    intermediate: Annotated[
        list[str],
        Meta(description="states reported on the way, asked for or not: ENROUTE,ACCEPTD"),
    ] = []
    id_form: Annotated[
        IdForm | None, Meta(description="how the id is written in receipts, if not as answered")
    ] = None
    form: Annotated[ReceiptForm, Meta(description="what a receipt looks like")] = "standard"
    before_answer: Annotated[Share, Meta(description="share that overtakes the answer")] = 0.0
    overtake_by: Annotated[Seconds, Meta(description="by how much it overtakes")] = Seconds(0.05)
    another_bind: Annotated[
        bool, Meta(description="on another bind of the account, if there is one")
    ] = False
    duplicate: Annotated[Share, Meta(description="share sent twice")] = 0.0
    never: Annotated[Share, Meta(description="share never sent")] = 0.0
    window: Annotated[int, Meta(ge=1, description="deliver_sm without an answer, per bind")] = 100
    answer_timeout: Annotated[
        Seconds, Meta(description="a deliver_sm without an answer is sent again after this")
    ] = Seconds(60)
    retry: Annotated[
        Seconds, Meta(description="a deliver_sm refused for now is sent again after this")
    ] = Seconds(1)

    def __post_init__(self) -> None:
        check_sum("states", self.states)
        for word in (*self.states, *self.intermediate):
            if word not in STATE_WORDS:
                known = ", ".join(STATE_WORDS)
                raise ValueError(f"{word!r} is no state of a receipt; choose from {known}")


class Questions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How query_sm and cancel_sm are answered: truthfully, unless told otherwise."""

    query_status: Annotated[
        Status | None, Meta(description="refuse every query_sm with this command_status")
    ] = None
    cancel_status: Annotated[
        Status | None, Meta(description="refuse every cancel_sm with this command_status")
    ] = None
    swallow: Annotated[Share, Meta(description="share of both that is never answered")] = 0.0
    remember: Annotated[
        Count, Meta(description="how many messages are remembered for them; older are unknown")
    ] = 50_000


class Connections(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How connections break."""

    drop_after: Annotated[Count, Meta(description="close after so many submits")] = 0
    drop_share: Annotated[Share, Meta(description="close at this share of submits")] = 0.0
    drop_times: Annotated[
        Count, Meta(description="how many connections are closed so; 0: every one")
    ] = 0
    half_open_after: Annotated[
        Count, Meta(description="after so many submits stay connected, deaf and dumb")
    ] = 0
    half_open_times: Annotated[
        Count, Meta(description="how many connections go deaf; 0: every one")
    ] = 1
    enquire_link_interval: Annotated[
        Seconds, Meta(description="silence before an enquire_link; 0: never")
    ] = Seconds(30)
    enquire_link_timeout: Annotated[Seconds, Meta(description="wait for its answer")] = Seconds(10)
    inactivity_timeout: Annotated[
        Seconds, Meta(description="close without messages for this long; 0: never")
    ] = Seconds(0)


class Binds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is let in."""

    refuse_first: Annotated[Count, Meta(description="refuse so many binds first")] = 0
    refuse_status: Annotated[Status, Meta(description="with this command_status")] = Status(
        CommandStatus.ESME_RBINDFAIL
    )
    latency: Annotated[Seconds, Meta(description="time until the answer to a bind")] = Seconds(0)
    most: Annotated[
        Count, Meta(description="binds of one account at once, then ESME_RALYBND; 0: any")
    ] = 0


class Handsets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Messages from handsets (MO), to whoever is bound to receive."""

    count: Annotated[Count, Meta(description="how many; 0: no end, if there is a rate")] = 0
    rate: Annotated[float, Meta(ge=0, description="per second; 0: all at once")] = 0.0
    text: Annotated[str, Meta(description="their text; {n} is their number")] = "Hello {n}"
    source: Annotated[Address, Meta(description="who sends them, 1 to 20 characters")] = (
        "34600999999"
    )
    destination: Annotated[Address, Meta(description="whom they are for, 1 to 20 characters")] = (
        "12345"
    )

    split: Annotated[MoSplit, Meta(description="how the parts of a long text are numbered")] = (
        "udh8"
    )
    backwards: Annotated[bool, Meta(description="the last part of a long text first")] = False
    lose_parts: Annotated[Share, Meta(description="share of the parts that never come")] = 0.0

    def __post_init__(self) -> None:
        parts = count_parts(encode_mo(self.text, 10**8), wide=self.split == "udh16")
        if parts > MAX_PARTS:
            raise ValueError(f"text: would be {parts} parts; {MAX_PARTS} are the most there are")


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS instead of plain TCP, when there is a certificate."""

    cert: Annotated[str, Meta(description="speak TLS with the certificate in this PEM file")] = ""
    key: Annotated[str, Meta(description="its private key; empty: in the same file")] = ""
    ca: Annotated[
        str, Meta(description="want certificates from clients, of the CAs in this PEM file")
    ] = ""

    def __post_init__(self) -> None:
        if (self.key or self.ca) and not self.cert:
            raise ValueError("cert: is missing; name the certificate to speak TLS with")


class Tallying(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written down of it all."""

    file: Annotated[str, Meta(description="write the tally here, at the end and on SIGUSR1")] = ""
    every: Annotated[Seconds, Meta(description="and this often; 0: not")] = Seconds(0)
    messages: Annotated[
        Count, Meta(description="how many different messages are remembered to find repeats")
    ] = 1_000_000


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a simulated SMSC is told. The default is an SMSC with no faults at all."""

    listen: Annotated[str, Meta(description="HOST:PORT; port 0: any free one")] = "127.0.0.1:2775"
    seed: Annotated[int, Meta(description="the same seed gives the same run")] = 1
    system_id: Annotated[str, Meta(description="the account let in; empty: any")] = ""
    password: Annotated[str, Meta(description="its password; empty: any")] = ""
    name: Annotated[
        str,
        Meta(pattern="^[ -~]{0,15}$", description="the SMSC's system_id in bind responses"),
    ] = "SMSC"
    first_id: Annotated[int, Meta(ge=0, description="the first message_id")] = 1_000_000_001
    answer: Answers = Answers()
    receipt: Receipts = Receipts()
    question: Questions = Questions()
    connection: Connections = Connections()
    bind: Binds = Binds()
    mo: Handsets = Handsets()
    tls: Tls = Tls()
    http: Http = Http()
    fate: Fates = Fates()
    chat: Chats = Chats()
    tally: Tallying = Tallying()

    def __post_init__(self) -> None:
        self.address()

    def address(self) -> tuple[str, int]:
        """Where to listen. An IPv6 host stands in brackets."""
        return read_address(self.listen)
