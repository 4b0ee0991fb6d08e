"""What happened: frozen facts that stations report and observers turn into logs and metrics.

Nothing here is per message: the hot path counts in plain numbers (see `figures`), and an event
is something an operator may want to read. A station calls `emit(event)`; it does not know who
listens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# ── the daemon ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class DaemonStarted:
    """The journal is open and everything left from the last run is accounted for."""

    version: str
    pid: int
    queued: int
    outstanding: int
    in_doubt: int
    seconds: float


@dataclass(frozen=True, slots=True)
class DaemonStopping:
    """A signal asked the daemon to drain and stop."""

    signal: str


@dataclass(frozen=True, slots=True)
class DaemonStopped:
    """Everything is on disk and closed."""

    in_doubt: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ConfigReloaded:
    """The configuration was read again, and what changed in it is in force; `who` wanted it."""

    file: str
    changes: str
    who: str


@dataclass(frozen=True, slots=True)
class ReloadRefused:
    """The configuration was read again, and nothing of it is in force, because of this mistake."""

    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class LogLevelSet:
    """Lines from this level up are written about something, for so many seconds, as `who` wanted."""

    level: str
    about: str
    seconds: float
    who: str


@dataclass(frozen=True, slots=True)
class LogLevelOver:
    """The time of a log level is over, or somebody has ended it."""

    about: str
    reason: str


@dataclass(frozen=True, slots=True)
class PduPassed:
    """A PDU, asked for: on its way "out" or "in". `message`: the message that it is about, if that was
    asked for. No text of a message and no whole number."""

    link: str
    direction: str
    pdu: str
    sequence: int
    status: str
    octets: int
    says: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class MessageWatched:
    """What has happened to a message that is asked about; `at` is when, `part` counts
    from 1; 0 for the whole of it."""

    message: str
    what: str
    at: str
    part: int
    text: str


# ── links ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class LinkConnecting:
    """A session of a link is being opened to this address."""

    link: str
    session: int
    address: str


@dataclass(frozen=True, slots=True)
class LinkBound:
    """A session is bound."""

    link: str
    session: int
    address: str
    bind: str
    smsc_system_id: str


@dataclass(frozen=True, slots=True)
class BindRefused:
    """The SMSC refused the bind; the next attempt comes after `retry_in` seconds."""

    link: str
    session: int
    status: int
    status_name: str
    hint: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class BindNeedsOperator:
    """Binds are refused for a reason that somebody has to put right; said once until one is
    accepted. `state` is one of `figures.BIND_STATES`."""

    link: str
    session: int
    status: int
    status_name: str
    hint: str
    state: str


@dataclass(frozen=True, slots=True)
class LinkLost:
    """A session ended, or none came about; the next attempt comes after `retry_in` seconds."""

    link: str
    session: int
    reason: str
    in_doubt: int
    retry_in: float


@dataclass(frozen=True, slots=True)
class AnswersMissing:
    """So many submits had no answer within response_timeout since this was said last."""

    link: str
    count: int
    hint: str


@dataclass(frozen=True, slots=True)
class ConnectionsRefused:
    """Who asks the daemon for something is not heard: it may have no more files and sockets open."""

    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class LinkUnbound:
    """A session was unbound and closed in good order."""

    link: str
    session: int


@dataclass(frozen=True, slots=True)
class LinkUnverified:
    """A link does not verify whom it speaks to, because it was told not to."""

    link: str
    hint: str


@dataclass(frozen=True, slots=True)
class CertificateExpiring:
    """The SMSC's certificate is valid for no more than so many days."""

    link: str
    session: int
    address: str
    days: float
    hint: str


@dataclass(frozen=True, slots=True)
class ProtocolOddity:
    """The SMSC sent something that was answered or ignored as the specification asks."""

    link: str
    session: int
    what: str


@dataclass(frozen=True, slots=True)
class QueriesRefused:
    """An SMSC does not answer query_sm as one that supports it would."""

    link: str
    status: str


@dataclass(frozen=True, slots=True)
class RouteMoved:
    """The messages of a route go over another of its links from now on; `place` counts from 1."""

    route: str
    link: str
    place: int


@dataclass(frozen=True, slots=True)
class LinkMissing:
    """Messages wait for a link or account that is not in the configuration any more."""

    link: str
    queued: int
    hint: str


# ── accounts of the HTTP APIs ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class AccountUnreachable:
    """An account's provider does not answer; it is tried again after `retry_in` seconds, and then
    after longer and longer, without another word until it does."""

    account: str
    reason: str
    hint: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class AccountReachable:
    """An account's provider answers again, after so many `seconds`."""

    account: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CodeUndocumented:
    """A call failed with an error code that the provider's documents do not have; said once for
    each."""

    account: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class StatusesRefused:
    """An account does not answer getdeliverystatus; `link` is whose messages it was asked about."""

    link: str
    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class StatusWordNew:
    """The provider uses a word for a delivery status that the configuration does not explain."""

    account: str
    word: str
    hint: str


@dataclass(frozen=True, slots=True)
class FallbackBegan:
    """What waits for a link or route that is down goes over an account of the HTTP API."""

    what: str
    account: str


@dataclass(frozen=True, slots=True)
class FallbackEnded:
    """It goes over its links again; so many messages had gone the other way."""

    what: str
    account: str
    messages: int
    seconds: float


# ── pauses, of links and of accounts ───────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RefusalsUnusual:
    """Messages fail for a reason that lies with the account, or that nobody knows."""

    link: str
    status: int
    status_name: str
    count: int
    hint: str


@dataclass(frozen=True, slots=True)
class LinkPaused:
    """A link or account submits nothing until it is resumed; `who` decided it."""

    link: str
    reason: str
    who: str
    hint: str


@dataclass(frozen=True, slots=True)
class LinkResumed:
    """A paused link or account submits again."""

    link: str
    who: str


@dataclass(frozen=True, slots=True)
class CampaignPaused:
    """Nothing of a campaign leaves until it is resumed; `who` decided it."""

    campaign: str
    file: str
    reason: str
    who: str
    hint: str


@dataclass(frozen=True, slots=True)
class CampaignResumed:
    """A campaign that was held goes on; `who` is "canary" when its first messages went well."""

    campaign: str
    file: str
    who: str


@dataclass(frozen=True, slots=True)
class CampaignCancelled:
    """Nothing more of a campaign leaves; so many of its messages are being cancelled."""

    campaign: str
    file: str
    queued: int
    who: str


# ── files and messages ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class FileClaimed:
    """A file has left the inbox and is being read."""

    file: str
    lane: str
    octets: int


@dataclass(frozen=True, slots=True)
class FileAdmitted:
    """Every line of a file is in the journal."""

    file: str
    lines: int
    rejected: int


@dataclass(frozen=True, slots=True)
class FileQuarantined:
    """A file could not be used and lies in `bad/`; nothing of it was sent."""

    file: str
    reason: str
    placed: str


@dataclass(frozen=True, slots=True)
class FileWaiting:
    """A file stays in the inbox because it is not complete or cannot be read."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class InboxUnwatched:
    """The system tells nothing of files that come (inotify): they are found by looking, every
    `interval` seconds."""

    reason: str
    interval: float


@dataclass(frozen=True, slots=True)
class InboxMadeAgain:
    """A folder of the inbox was gone; it is there again, with the daemon's own permissions."""

    folder: str


@dataclass(frozen=True, slots=True)
class FileReported:
    """A file's results and report are in `done/`."""

    file: str
    placed: str
    states: dict[str, int]


@dataclass(frozen=True, slots=True)
class JournalDamaged:
    """Something cannot be done for now (`what`): what the journal has of it cannot be read."""

    what: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Requeued:
    """An operator put messages of unknown outcome back into the queue."""

    count: int
    who: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An operator cancelled messages."""

    count: int
    who: str


# ── the disk ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class DiskFailing:
    """Something cannot be written (`what`), and whatever depends on it waits."""

    what: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class DiskRecovered:
    """It is written again."""

    what: str


# ── what is received ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class MailboxFailing:
    """Messages from handsets cannot be written."""

    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class MailboxRecovered:
    """Messages from handsets are written again."""


@dataclass(frozen=True, slots=True)
class ReceivedIncomplete:
    """A long message from a handset was given out without some of its parts."""

    link: str
    parts: int
    missing: str
    reason: str


@dataclass(frozen=True, slots=True)
class OptedOut:
    """A handset wants no more messages from a sender ("all": from none of ours)."""

    link: str
    number: str
    sender: str


@dataclass(frozen=True, slots=True)
class OptedIn:
    """A handset that had opted out wants messages again."""

    link: str
    number: str
    sender: str


@dataclass(frozen=True, slots=True)
class OptOutUnclear:
    """A message with a keyword of opt-out came from a number that is not certain."""

    link: str
    word: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class OptOutUnconfirmed:
    """An opt-out or opt-in is in force, but its confirmation could not be handed in."""

    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class TraceStarted:
    """What passes on a link goes into files in this folder, for so many seconds; texts are `readable`
    in them, if so. `who` wanted it."""

    link: str
    folder: str
    seconds: float
    readable: bool
    who: str


@dataclass(frozen=True, slots=True)
class TraceEnded:
    """A trace is over, and has so many PDUs, as far as they are still there."""

    link: str
    folder: str
    pdus: int
    reason: str


@dataclass(frozen=True, slots=True)
class TraceBroken:
    """A trace could not go on; the traffic does."""

    link: str
    folder: str
    pdus: int
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class OptOutsChanged:
    """An operator changed the opt-out list."""

    added: int
    removed: int
    who: str


@dataclass(frozen=True, slots=True)
class ChatFailing:
    """A chat channel, or a conversation of it, could not be read; said once until it can."""

    account: str
    platform: str
    platformid: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class ChatRecovered:
    """Everything of a chat channel can be read again."""

    account: str
    platform: str
    platformid: str


@dataclass(frozen=True, slots=True)
class OutletFailing:
    """Events do not get out over this outlet, and wait; said once until they do."""

    outlet: str
    reason: str


@dataclass(frozen=True, slots=True)
class OutletRecovered:
    """Events get out again."""

    outlet: str
    seconds: float


@dataclass(frozen=True, slots=True)
class OutletGaveUp:
    """Events that the other side does not take were put aside, into a file at `place`."""

    outlet: str
    count: int
    reason: str
    place: str


@dataclass(frozen=True, slots=True)
class EventHandlerFailed:
    """The event handler of smstools failed; the event is done with all the same, as there."""

    kind: str
    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class OutletGap:
    """Events that an outlet has not told are not in the journal any more; `facts` of it are gone."""

    outlet: str
    facts: int
    hint: str


@dataclass(frozen=True, slots=True)
class OutletLeft:
    """An outlet is not configured any more, and has not told what happened in the last `facts`."""

    outlet: str
    facts: int
    hint: str


@dataclass(frozen=True, slots=True)
class PlaceCleared:
    """A round removed what was too old or too much in a place of the spool."""

    place: str
    files: int
    octets: int


@dataclass(frozen=True, slots=True)
class JournalPruned:
    """A round removed from the journal what was over for long enough."""

    messages: int
    facts: int


@dataclass(frozen=True, slots=True)
class ReceiptsGivenUp:
    """Messages have waited so long (seconds) for a receipt that they stay `sent` for good."""

    messages: int
    waited: float


@dataclass(frozen=True, slots=True)
class RetentionFailing:
    """Something cannot be removed; said once until a round passes without that."""

    place: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class ForeignFiles:
    """Files that are not the daemon's lie in a place that it clears: they stay, told once."""

    place: str
    count: int
    names: str


@dataclass(frozen=True, slots=True)
class ClockDoubted:
    """The clock has jumped: nothing is removed until it has run evenly for so long."""

    seconds: float
    hint: str


Event = (
    DaemonStarted
    | DaemonStopping
    | DaemonStopped
    | ConfigReloaded
    | ReloadRefused
    | LogLevelSet
    | LogLevelOver
    | PduPassed
    | MessageWatched
    | LinkConnecting
    | LinkBound
    | BindRefused
    | BindNeedsOperator
    | LinkLost
    | AnswersMissing
    | ConnectionsRefused
    | LinkUnbound
    | LinkUnverified
    | CertificateExpiring
    | ProtocolOddity
    | QueriesRefused
    | RouteMoved
    | LinkMissing
    | AccountUnreachable
    | AccountReachable
    | CodeUndocumented
    | StatusesRefused
    | StatusWordNew
    | FallbackBegan
    | FallbackEnded
    | RefusalsUnusual
    | LinkPaused
    | LinkResumed
    | CampaignPaused
    | CampaignResumed
    | CampaignCancelled
    | FileClaimed
    | FileAdmitted
    | FileQuarantined
    | FileWaiting
    | InboxUnwatched
    | InboxMadeAgain
    | FileReported
    | JournalDamaged
    | Requeued
    | Cancelled
    | DiskFailing
    | DiskRecovered
    | MailboxFailing
    | MailboxRecovered
    | ReceivedIncomplete
    | OptedOut
    | OptedIn
    | OptOutUnclear
    | OptOutUnconfirmed
    | OptOutsChanged
    | TraceStarted
    | TraceEnded
    | TraceBroken
    | EventHandlerFailed
    | ChatFailing
    | ChatRecovered
    | OutletFailing
    | OutletRecovered
    | OutletGaveUp
    | OutletGap
    | OutletLeft
    | PlaceCleared
    | JournalPruned
    | ReceiptsGivenUp
    | RetentionFailing
    | ForeignFiles
    | ClockDoubted
)

Emit = Callable[[Event], None]
