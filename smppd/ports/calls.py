"""Between an account of the HTTP APIs and the pipeline: what became of calls, and the log of them.

To the pipeline an account is a `Route` and a `Steering`, as a link is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from smppd.provider.results import Taken


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


class Commanded(NamedTuple):
    """What an operator had the daemon do, as the journal keeps it: no text or number of a message, no
    secret.

    `at` is epoch seconds, `who` a name for people; `uid` is that of the process that asked, None for a
    signal. `what` are the arguments, `outcome` is "under way", "done", "refused" or "failed", and `told` says in
    few words what came of it.
    """

    seq: int
    at: float
    who: str
    uid: int | None
    command: str
    what: str
    outcome: str = "under way"
    told: str = ""


class ApiLog(Protocol):
    """Where calls are written down."""

    async def log_calls(self, calls: Sequence[ApiCall]) -> None:
        """Return when these are on disk. They are taken at once: whoever is cancelled while it
        waits need not come again."""
