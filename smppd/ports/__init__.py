"""The seams between the pipeline and the stations: what each may ask of the other.

Stations never import one another. The pipeline sees a link as a `Route`; a link sees the
pipeline as `Submissions`; the spool sees it as `Admission`. `app` introduces them. Each module
here is about one side: `links`, `calls` (accounts), `spool`, `journal`, `people`, `chats`, `outlets`.
"""

from __future__ import annotations

from smppd.ports.calls import (
    ApiCall,
    ApiLog,
    CallDone,
    CallOutcome,
    CallRefused,
    CallReturned,
    Calls,
    CallUnanswered,
    Commanded,
)
from smppd.ports.chats import (
    ChatLetter,
    ChatMemory,
    ChatStage,
    Conversation,
    Letterbox,
    PolledChannel,
)
from smppd.ports.counts import Counted, CountMemory
from smppd.ports.journal import Base, Checkpoint, FileRow, Journal, Pruned, Readers, Writing
from smppd.ports.links import (
    NO_STATE,
    STATUSES_REFUSED,
    UNENCODABLE,
    Absence,
    Answered,
    Asking,
    GivingBack,
    Heard,
    Outcome,
    Question,
    Reply,
    Returned,
    Route,
    Steering,
    Submissions,
    Unanswered,
)
from smppd.ports.optouts import OptOutBook, OptOutMemory
from smppd.ports.outlets import Cursors, Log, Stretch
from smppd.ports.people import (
    Letter,
    Mailbox,
    Publisher,
    ReceiptOf,
    Receipts,
    Resting,
    Unreadable,
    state_word,
)
from smppd.ports.spool import Admission, Brief, Claimed, Line, Unread
from smppd.ports.traces import End, Talk, Tap

__all__ = [
    "NO_STATE",
    "STATUSES_REFUSED",
    "UNENCODABLE",
    "Absence",
    "Admission",
    "Answered",
    "ApiCall",
    "ApiLog",
    "Asking",
    "Base",
    "Brief",
    "CallDone",
    "CallOutcome",
    "CallRefused",
    "CallReturned",
    "CallUnanswered",
    "Calls",
    "ChatLetter",
    "ChatMemory",
    "ChatStage",
    "Checkpoint",
    "Claimed",
    "Commanded",
    "Conversation",
    "CountMemory",
    "Counted",
    "Cursors",
    "End",
    "FileRow",
    "GivingBack",
    "Heard",
    "Journal",
    "Letter",
    "Letterbox",
    "Line",
    "Log",
    "Mailbox",
    "OptOutBook",
    "OptOutMemory",
    "Outcome",
    "PolledChannel",
    "Pruned",
    "Publisher",
    "Question",
    "Readers",
    "ReceiptOf",
    "Receipts",
    "Reply",
    "Resting",
    "Returned",
    "Route",
    "Steering",
    "Stretch",
    "Submissions",
    "Talk",
    "Tap",
    "Unanswered",
    "Unread",
    "Unreadable",
    "Writing",
    "state_word",
]
