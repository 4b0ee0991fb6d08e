"""The seams between the pipeline and the stations: what each may ask of the other.

Stations never import one another. The pipeline sees a link as a `Route`; a link sees the
pipeline as `Submissions`; the spool sees it as `Admission`. `app` introduces them.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from smppd.ledger.facts import Fact, FileAccount, FullBlock, MessageRow, Outstanding
from smppd.ledger.slots import Slots
from smppd.message import ErrorInfo, Lane, Message, Part, Request
from smppd.provider.answers import Taken
from smppd.provider.chat import ChatMessage
from smppd.smpp.codec import Undecodable
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.receipt import DeliveryReceipt

# ── between a link and the pipeline ──────────────────────────────────────────────────────────


#: The status of a part that its link could not write as a submit_sm; the reason stands in
#: `message_id`, and nothing was sent.
UNENCODABLE = -1


class Answered(msgspec.Struct, frozen=True, gc=False):
    """The SMSC answered a submit_sm. `late`: after its response timeout had been reported."""

    msg_id: int
    part: int
    status: int
    message_id: str
    late: bool = False


class Unanswered(msgspec.Struct, frozen=True, gc=False):
    """Octets of this part may have left and no answer came: nobody knows whether it was taken."""

    msg_id: int
    part: int
    reason: str


class Returned(msgspec.Struct, frozen=True, gc=False):
    """The link gives this part back; not one octet of it left."""

    msg_id: int
    part: int


Outcome = Answered | Unanswered | Returned


# ── between an account of the HTTP API and the pipeline ──────────────────────────────────────


class CallDone(msgspec.Struct, frozen=True, gc=False):
    """The provider did what `op` asks for. `answer` is the JSON of its `result`; `taken` are the
    messages that it took, each with its message_id and destination."""

    msg_id: int
    op: str
    answer: bytes
    taken: Sequence[Taken] = ()


class CallRefused(msgspec.Struct, frozen=True, gc=False):
    """The provider refused a call; `text` is what the code means, as far as anybody knows."""

    msg_id: int
    code: str
    text: str


class CallUnanswered(msgspec.Struct, frozen=True, gc=False):
    """No answer that can be read. `sent`: the request may have arrived; else nothing of it left."""

    msg_id: int
    reason: str
    sent: bool


class CallReturned(msgspec.Struct, frozen=True, gc=False):
    """The account gives this call back; it was not begun."""

    msg_id: int


CallOutcome = CallDone | CallRefused | CallUnanswered | CallReturned


class Calls(Protocol):
    """What an account reports to. The call returns when what it was told is on disk."""

    async def settle_calls(self, account: str, outcomes: Sequence[CallOutcome]) -> None:
        """Record what became of calls that were handed to this account."""


class ApiCall(NamedTuple):
    """One call as the log of calls keeps it, secrets and (unless asked for) content masked.

    `at` is epoch seconds, `seconds` how long it took; `params` is JSON, `outcome` is SUCCESS, an error
    code, NO_ANSWER or (nothing of it left) NOT_SENT, and `answer` what was said.
    """

    at: float
    account: str
    op: str
    params: str
    outcome: str
    answer: str
    seconds: float


class ApiLog(Protocol):
    """Where calls are written down."""

    async def log_calls(self, calls: Sequence[ApiCall]) -> None:
        """Return when these are on disk. They are taken at once: whoever is cancelled while it
        waits need not come again."""


# ── questions about what was taken ───────────────────────────────────────────────────────────


class Question(msgspec.Struct, frozen=True, gc=False):
    """What the SMSC is to be asked about a part that it took as `message_id`: where it is
    (query_sm), or to cancel it (cancel_sm)."""

    msg_id: int
    part: int
    message_id: str
    message: Message
    cancels: bool = False


#: The status of a question that an account of the HTTP API refused; the code stands in `reason`.
STATUSES_REFUSED = -2
#: The state of a message when what was said of it is a word that nobody has explained.
NO_STATE = -1


class Reply(msgspec.Struct, frozen=True, gc=False):
    """What came of a question. `status` is None when no answer came, for this `reason`.

    `state`, `error` and `final_date` are those of a query_sm_resp (SMPP 3.4, 4.8.2). `late`:
    after it had been reported that no answer came. `word`: an account of the HTTP API was asked,
    and this is the provider's own word for the status (`NOTHING_SAID` for none); `final_date` is
    its date, as it came.
    """

    question: Question
    status: int | None
    state: int = 0
    error: int = 0
    final_date: str = ""
    reason: str = ""
    late: bool = False
    word: str = ""


#: A reply, and the message that it is about; None for one that had come to its end.
Heard = tuple[Reply, Outstanding | None]


class Submissions(Protocol):
    """What a link reports to. Each call returns when what it was told is on disk."""

    async def settle(
        self, link: str, outcomes: Sequence[Outcome], receipts: Sequence[DeliveryReceipt] = ()
    ) -> Sequence[int]:
        """Record what became of submitted parts, and delivery receipts in the order in which
        they came; only then may deliver_sm_resp leave. The numbers of those that nothing but their
        text proved and that are about no message of ours: a handset wrote them, to be kept."""

    async def keep(
        self, link: str, messages: Sequence[DeliverSm | DataSm | Undecodable]
    ) -> Sequence[bool]:
        """Store messages from handsets, and what might be one but cannot be read; only then may
        deliver_sm_resp leave. Of each, whether it is stored: what is not is to come again."""

    async def answered(self, link: str, replies: Sequence[Reply]) -> None:
        """Record what the SMSC answered when it was asked about messages that it took."""


class Asking(Protocol):
    """A link, as whoever has a question for its SMSC sees it."""

    @property
    def asking(self) -> int:
        """How many questions it holds: put, and not answered."""

    def ask(self, questions: Sequence[Question]) -> None:
        """Put these when window and pace have room. Each comes back through `answered`, once
        (and once more, `late`), unless the link ends before it was put."""


class Steering(Protocol):
    """A link, as far as refusals have a say in what it does."""

    def reconnect(self, reason: str) -> None:
        """Bind anew every session that submits. Harmless while that is under way."""

    def pause(self) -> None:
        """Submit nothing, and give back what is not begun. Sessions stay bound."""

    def resume(self) -> None:
        """Submit again."""


class Absence(Protocol):
    """A link, as whoever may take its place sees it."""

    @property
    def name(self) -> str:
        """The link's name in the configuration."""

    @property
    def unbound_since(self) -> float | None:
        """Since when (seconds on trio's clock) no session of it that submits has been bound, at
        the earliest since it runs. None while one is, and before it runs."""


class Route(Protocol):
    """A way out, as the dispatcher sees it."""

    @property
    def name(self) -> str:
        """The link's name in the configuration."""

    @property
    def room(self) -> int:
        """How many more parts it takes now. 0 while not bound, paused or draining."""

    async def wait_room(self) -> None:
        """Return when `room` is worth a commit (at least half a window, or all that is free)."""

    def submit(self, parts: Sequence[Part], urgent: int = 0) -> None:
        """Take parts that are on disk as `sending`, the first `urgent` of them ahead of what had
        been handed over and not begun, in their order. Each comes back through `settle`, once
        (and once more, `late`, when an answer arrives after `Unanswered`)."""


# ── between the spool and the pipeline ───────────────────────────────────────────────────────


class Line(msgspec.Struct, gc=False):
    """One line of a file: a request, or a mistake with what could still be read of it."""

    number: int
    request: Request | None
    mistake: ErrorInfo | None = None
    to: str = ""
    id: str | None = None
    echo: dict[str, bytes] | None = None


class Claimed(msgspec.Struct, frozen=True):
    """A file in `work/`, private to the daemon. `token` names its folder there."""

    token: str
    name: str
    lane: Lane
    path: Path


class Unread(msgspec.Struct, frozen=True):
    """A claimed file whose lines are not all in the journal: go on at this octet and line."""

    file_id: int
    claimed: Claimed
    offset: int
    line: int


class Admission(Protocol):
    """What the spool hands lines to. Each call returns when its effect is on disk."""

    async def open_file(self, claimed: Claimed) -> Unread:
        """Enter the file in the journal, or find the entry that a crash left."""

    async def admit(self, file_id: int, lines: Sequence[Line], offset: int, line: int) -> None:
        """Take lines in; the file has been read up to this octet and line number."""

    async def close_file(self, file_id: int) -> None:
        """Every line has been admitted."""

    async def withdraw_file(self, file_id: int) -> None:
        """The file proved unusable as a whole before any line of it was admitted."""


# ── between the pipeline and the journal ─────────────────────────────────────────────────────


class Checkpoint(msgspec.Struct, frozen=True):
    """What keeps memory flat and starts short, written together with the facts up to it.

    Client ids and spilled messages are written as sorted lots of this moment (epoch seconds);
    the snapshot is the ledger's at a seq.
    """

    at: float
    ids: dict[str, tuple[int, float]]
    waiting: list[tuple[str, bytes]]
    snapshot: tuple[int, bytes] | None


class Journal(Protocol):
    """Durable memory. What was committed is there after any crash, and nothing else is."""

    async def commit(
        self,
        facts: Sequence[Fact],
        messages: Sequence[MessageRow] = (),
        blocks: Sequence[FullBlock] = (),
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Return when these are on disk, all or none of them."""

    async def read_queue(self, after: int, limit: int) -> list[MessageRow]:
        """The messages of one queue behind the msg_id `after`, oldest first."""

    async def read_messages(self, msg_ids: Sequence[int]) -> list[MessageRow]:
        """These messages, in no particular order."""

    async def find_ids(self, ids: Sequence[str], since: float) -> dict[str, int]:
        """The msg_id of each of these client ids handed in after `since` (epoch), of those that
        a checkpoint wrote."""

    async def find_waiting(self, keys: Sequence[str]) -> list[bytes]:
        """Every spilled message behind one of these receipt keys, the newest last."""

    async def read_waiting(
        self, after: tuple[int, str], limit: int
    ) -> list[tuple[int, str, bytes]]:
        """Spilled messages behind this lot and key: lot, receipt key and entry, in that order."""

    async def drop_lots(self, holds: str, before: float) -> None:
        """Forget lots of "client_id" or "waiting" written before this time (epoch)."""


# ── between the pipeline and what leaves for people ──────────────────────────────────────────


class ReceiptOf(NamedTuple):
    """A receipt's fact with the client's id and destination of its message; None if unmatched."""

    fact: Fact
    id: str | None
    to: str | None


class Receipts(Protocol):
    """Where delivery receipts go for people."""

    def append(self, receipts: Sequence[ReceiptOf]) -> None:
        """Append receipts that are already in the journal."""


class Publisher(Protocol):
    """Where results and reports go for people."""

    async def publish(
        self, file: FileAccount, slots: Slots, unfinished: Sequence[Outstanding]
    ) -> str:
        """Write results and report, move the source beside them; the source's new place.

        `slots` say which facts ended its messages, as far as the journal has not got them.
        """


class ChatChannel(NamedTuple):
    """A channel of the provider's chat, as an account sees it."""

    account: str
    platform: str
    platformid: str


class ChatStage(IntEnum):
    """What is to be done before a conversation is even with what the provider has of it."""

    #: It was there before us: what it holds is history, but for what nobody has read.
    HISTORY = 0
    #: It is to be read whole, and what we have not seen of it is new: an answer that may have
    #: marked messages as read may have been lost, or it is new itself.
    OWED = 1
    #: What it held has been taken over.
    EVEN = 2


class Conversation(NamedTuple):
    """A conversation of a channel, by its number in the journal. `tip` is of the newest message
    that has been accounted for (`provider.chat.Listed`)."""

    number: int
    destination: str
    stage: ChatStage
    tip: bytes


class ChatMemory(Protocol):
    """Durable memory of what was received in chats. Each call returns when it is on disk."""

    async def open_chats(
        self, channel: ChatChannel, destinations: Sequence[str], day: int
    ) -> list[Conversation]:
        """The conversations that the channel lists on this day (since 1970), in their order.

        Those not known are entered: as history when the channel is seen for the first time, else
        as owed. What the channel has not listed for very long is forgotten."""

    async def seen_in_chat(self, number: int, keys: Sequence[bytes]) -> set[bytes]:
        """Which of these messages of a conversation were noted before."""

    async def note_chat(
        self, conversation: Conversation, keys: Sequence[bytes], day: int, *, whole: bool
    ) -> None:
        """Note stage and tip, and that these messages were seen this day. `whole`: the provider
        has no others, so that what it has not had for very long may be forgotten."""


class ChatLetter(NamedTuple):
    """A message of a conversation for people; `number` is the conversation's in the journal."""

    channel: ChatChannel
    number: int
    destination: str
    message: ChatMessage


class Letterbox(Protocol):
    """Where chat messages go for people: drafts first, given out when they are noted."""

    async def draft(self, letters: Sequence[ChatLetter]) -> list[str] | None:
        """Put them on disk where nobody looks; the names of the drafts in their order, or None when the disk
        does not let us."""

    async def give_out(self, drafts: Sequence[str]) -> None:
        """Move these, of which the journal knows, to where people take them."""


class Mailbox(Protocol):
    """Where messages from handsets go for people."""

    async def keep(
        self, link: str, messages: Sequence[DeliverSm | DataSm | Undecodable]
    ) -> Sequence[bool]:
        """Return when they are on disk: of each, whether it is."""
