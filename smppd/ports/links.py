"""Between a link and the pipeline: what is handed over, reported, asked and steered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from smppd.ledger.entries import Outstanding
from smppd.message import Message, Part
from smppd.smpp.codec import Undecodable
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.receipt import DeliveryReceipt

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
    """A link or account, as far as refusals have a say in what it does."""

    def reconnect(self, reason: str) -> None:
        """Bind anew every session that submits. Harmless while that is under way."""

    def pause(self) -> None:
        """Submit nothing, and give back what is not begun. Sessions stay bound."""

    def resume(self) -> None:
        """Submit again."""


class GivingBack(Protocol):
    """A link, as whoever has a campaign wait sees it."""

    def take_back(self, wanted: Callable[[int], bool]) -> None:
        """Give back the messages of which this is true, by msg_id, as far as they are not begun; and
        whatever the dispatcher is about to hand over, which is looked at again."""


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
    """A link or account, as the dispatcher sees it."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""

    @property
    def room(self) -> int:
        """How many more parts it takes now. 0 while not bound, paused or draining."""

    async def wait_room(self) -> None:
        """Return when `room` is worth a commit (at least half a window, or all that is free)."""

    def submit(self, parts: Sequence[Part], urgent: int = 0) -> None:
        """Take parts that are on disk as `sending`, the first `urgent` of them ahead of what had
        been handed over and not begun, in their order. Each comes back through `settle`, once
        (and once more, `late`, when an answer arrives after `Unanswered`)."""
