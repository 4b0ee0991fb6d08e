"""Counts and gauges in plain numbers: what `status`, /metrics and the status page are made of.

Stations own one of these each and add to it directly, which costs nothing worth measuring;
readers take a snapshot when somebody asks. All durations are seconds, all times epoch seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import ClassVar

import msgspec

#: Upper bounds of the latency buckets in seconds: 1 ms times powers of two, up to about a minute.
BUCKETS: tuple[float, ...] = tuple(0.001 * 2**power for power in range(17))
#: The same for what may take days, as a receipt may: an eighth of a second up to a day and a half.
LONG_BUCKETS: tuple[float, ...] = tuple(0.125 * 2**power for power in range(21))

#: What may keep a link from submitting more: its configured rate; its window, which the SMSC's
#: latency empties; what the SMSC complained of or showed; the journal; nothing being queued for
#: it; and what keeps it from submitting at all.
LIMITS = (
    "rate",
    "window",
    "throttling",
    "congestion",
    "latency",
    "journal",
    "nothing queued",
    "paused",
    "not bound",
    "receives only",
    "stopping",
)


class Histogram(msgspec.Struct):
    """Observations counted in the buckets of `bounds`, and one more that is open-ended."""

    bounds: ClassVar[tuple[float, ...]] = BUCKETS

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0

    def observe(self, seconds: float, count: int = 1) -> None:
        """Count a duration, so many times."""
        self.counts[bisect_left(self.bounds, seconds)] += count
        self.total += count * seconds

    def quantile(self, share: float) -> float | None:
        """The upper bound of the bucket that holds this share (0..1); None when nothing was seen."""
        seen = sum(self.counts)
        if not seen:
            return None
        needed = share * seen
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            needed -= count
            if needed <= 0:
                return bound
        return float("inf")


class LongHistogram(Histogram):
    """One of `LONG_BUCKETS`."""

    bounds: ClassVar[tuple[float, ...]] = LONG_BUCKETS

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(LONG_BUCKETS) + 1))


#: How a link stands with its SMSC, the gravest first: the ways in which a bind may be refused,
#: then whether there is a session of each kind.
BIND_STATES = ("auth_failed", "operator", "already_bound", "retry_later", "unbound", "bound")
#: What an attempt to be bound may come to.
ATTEMPTS = ("bound", "refused", "unreachable", "unanswered")
#: How a bound session may end: by what came that was no SMPP, with the connection, by who took leave
#: first, by what did not come in time, or because the SMSC closed the connection.
ENDINGS = (
    "out_of_step",
    "broken",
    "unbound_by_smsc",
    "unbound_by_us",
    "enquire_link_timeout",
    "half_a_pdu",
    "closed_by_smsc",
)


class SessionFigures(msgspec.Struct):
    """One SMPP session of a link, as it stands. `bind` is its kind: transceiver, transmitter or
    receiver. `refused` says how its last bind was refused, until one is accepted: a state of
    `BIND_STATES`. `certificate_expires` is of the SMSC's, when that was verified."""

    state: str
    address: str = ""
    in_flight: int = 0
    since: float | None = None
    bind: str = "transceiver"
    refused: str = ""
    certificate_expires: float | None = None

    @property
    def bound(self) -> bool:
        """Whether it is bound."""
        return self.state.startswith("bound")


class MatchingFigures(msgspec.Struct):
    """How the receipts of one link found their messages since the daemon started.

    `form` is how they name them, empty until it is known; `configured` says that it was not learnt.
    `id_conflicts`: ids given to a message while an older one still waited under them. `settled`:
    messages of unknown outcome, or without an id, that a receipt identified. `elsewhere`: receipts
    whose id was right and whose handset was another. `unproven`: handsets' messages that read
    like receipts. `delay`: from when a part was taken to its first final receipt.
    """

    form: str = ""
    configured: bool = False
    parked: int = 0
    duplicates: int = 0
    contradictions: int = 0
    id_conflicts: int = 0
    settled: int = 0
    elsewhere: int = 0
    unproven: int = 0
    delay: LongHistogram = msgspec.field(default_factory=LongHistogram)


class LinkFigures(msgspec.Struct):
    """One link since the daemon started."""

    name: str
    bind: str = "transceiver"
    window: int = 0
    rate: float = 0.0
    sessions: list[SessionFigures] = msgspec.field(default_factory=list)
    ready: int = 0
    submitted: int = 0
    answers: dict[int, int] = msgspec.field(default_factory=dict)
    unanswered: int = 0
    late: int = 0
    receipts: dict[str, int] = msgspec.field(default_factory=dict)
    received: int = 0
    throttled: int = 0
    connects: int = 0
    losses: int = 0
    bind_refusals: int = 0
    oddities: int = 0
    #: Submits taken without a message_id: no receipt can be told to be theirs by one.
    nameless: int = 0
    #: Sessions that ended because what came was no SMPP, or was out of step.
    frame_errors: int = 0
    queries: dict[str, int] = msgspec.field(default_factory=dict)
    cancels: dict[str, int] = msgspec.field(default_factory=dict)
    last_error: str = ""
    latency: Histogram = msgspec.field(default_factory=Histogram)
    matching: MatchingFigures = msgspec.field(default_factory=MatchingFigures)
    #: Parts per second learnt from the SMSC; 0 when it has not complained.
    limit: float = 0.0
    #: What keeps it from submitting more: one of `LIMITS`.
    limited_by: str = ""
    #: Why it submits nothing until it is resumed; empty when it is not paused.
    paused: str = ""
    #: Since when none of its sessions that submit is bound (epoch seconds); None while one is.
    unbound_since: float | None = None
    #: Octets that were read from the SMSC, and written to it.
    octets_in: int = 0
    octets_out: int = 0
    #: Attempts to be bound by what came of them: bound, refused, unreachable, unanswered.
    attempts: dict[str, int] = msgspec.field(default_factory=dict)
    #: Bound sessions that ended, by why: one of `ENDINGS`.
    endings: dict[str, int] = msgspec.field(default_factory=dict)
    #: From each enquire_link to its answer.
    enquiries: Histogram = msgspec.field(default_factory=Histogram)
    #: Seconds for which something to submit waited for the window, and for the pace.
    window_wait: float = 0.0
    pace_wait: float = 0.0
    #: Parts that went back into their queue because they were refused, by command_status.
    retries: dict[int, int] = msgspec.field(default_factory=dict)

    @property
    def bound(self) -> int:
        """How many sessions are bound."""
        return sum(session.bound for session in self.sessions)

    @property
    def bind_state(self) -> str:
        """One of `BIND_STATES`: the gravest of what its sessions met with."""
        met = {session.refused for session in self.sessions}
        met.add("unbound" if self.missing else "bound")
        return next(state for state in BIND_STATES if state in met)

    @property
    def missing(self) -> list[str]:
        """The kinds of bind of which no session is bound: without transmitter nothing is
        submitted, without receiver no receipt arrives."""
        kinds = dict.fromkeys(session.bind for session in self.sessions)
        present = {session.bind for session in self.sessions if session.bound}
        return [kind for kind in kinds if kind not in present]

    @property
    def unready(self) -> str:
        """What it lacks to do all its work, for people; empty when it lacks nothing."""
        if self.paused:
            cure = f"when it is put right: smppd resume {self.name}"
            return f"link {self.name} is paused: {self.paused}; {cure}"
        if not (missing := self.missing):
            return ""
        what = "" if not self.bound else f" as {missing[0]}"
        why = f": {self.last_error}" if self.last_error else ""
        return f"link {self.name} is not bound{what}{why}"

    @property
    def certificate_expires(self) -> float | None:
        """When the first of its sessions' certificates expires; None without any."""
        times = [each.certificate_expires for each in self.sessions]
        return min((at for at in times if at is not None), default=None)

    @property
    def slots(self) -> int:
        """Submits that may be without an answer, over all sessions that submit, bound or not."""
        return self.window * sum(session.bind != "receiver" for session in self.sessions)

    @property
    def in_flight(self) -> int:
        """Submits without an answer, over all sessions."""
        return sum(session.in_flight for session in self.sessions)


class RouteFigures(msgspec.Struct):
    """One route: what is queued for it, its links in their order, and those of them that have been
    unable to take anything for so long that others do."""

    name: str
    queued: int
    links: list[str]
    out: list[str]


class AccountFigures(msgspec.Struct):
    """One account at a provider's HTTP API since the daemon started.

    `outcomes` counts calls by what was answered: SUCCESS, an error code, NO_ANSWER, or NOT_SENT
    when nothing of it could leave. `ready` were handed over and are not begun, `queued` wait.
    """

    name: str
    url: str = ""
    connections: int = 0
    rate: float = 0.0
    in_flight: int = 0
    ready: int = 0
    queued: int = 0
    outcomes: dict[str, int] = msgspec.field(default_factory=dict)
    seconds: Histogram = msgspec.field(default_factory=Histogram)
    last_error: str = ""
    #: Since when its provider does not answer; None while it does.
    unreachable_since: float | None = None
    #: Why it calls nothing until it is resumed; empty when it is not paused.
    paused: str = ""

    @property
    def unready(self) -> str:
        """What keeps it from its work, for people; empty when nothing does."""
        if self.paused:
            cure = f"when it is put right: smppd resume {self.name}"
            return f"account {self.name} is paused: {self.paused}; {cure}"
        if self.unreachable_since is None:
            return ""
        return f"account {self.name} gets no answers: {self.last_error}"


class FallbackFigures(msgspec.Struct):
    """A link or route (`what`) whose messages go over an account of the HTTP API: since when (epoch
    seconds), how many have gone so, and how many were found that cannot and stay."""

    what: str
    account: str
    since: float
    messages: int
    stay: int


class JournalFigures(msgspec.Struct):
    """The journal since the daemon started. `octets` is how large it is on disk; `removed` messages
    were removed from it since it was made; so many facts are `to_look_at` for more. `waiting` rows
    are made and not on disk yet."""

    commits: int = 0
    rows: int = 0
    commit_seconds: Histogram = msgspec.field(default_factory=Histogram)
    octets: int = 0
    removed: int = 0
    to_look_at: int = 0
    waiting: int = 0


class LoopFigures(msgspec.Struct):
    """By how much the event loop was behind whenever it was looked, since the daemon started; and in
    the last minute: half of the times within `usual` seconds, 99 % within `tail`, at `most`."""

    delay: Histogram = msgspec.field(default_factory=Histogram)
    usual: float = 0.0
    tail: float = 0.0
    most: float = 0.0


class SpoolFigures(msgspec.Struct):
    """The spool since the daemon started."""

    claimed: int = 0
    admitted: int = 0
    quarantined: int = 0
    reported: int = 0
    lines: int = 0
    rejected_lines: int = 0


class PlaceFigures(msgspec.Struct):
    """One place of the spool at the last look: how much is in it, since when its oldest file has not
    changed (epoch seconds), and what was removed since the daemon started."""

    name: str
    files: int = 0
    octets: int = 0
    oldest: float | None = None
    removed_files: int = 0
    removed_octets: int = 0


class ChatFigures(msgspec.Struct):
    """One polled chat channel since the daemon started. `last_poll` (epoch seconds) is of the last
    one that was answered."""

    account: str
    platform: str
    platformid: str
    conversations: int = 0
    received: int = 0
    errors: int = 0
    last_poll: float | None = None


class OptOutFigures(msgspec.Struct):
    """The opt-out list: how many entries it has, and since the daemon started, how many were added
    and removed and how many messages it kept back."""

    entries: int = 0
    added: int = 0
    removed: int = 0
    barred: int = 0


class CapFigures(msgspec.Struct):
    """How many messages a number gets in a day (0: any number), and since the daemon started, how
    often one was held till the next day, and how many were rejected."""

    most: int = 0
    held: int = 0
    rejected: int = 0


class OutletFigures(msgspec.Struct):
    """One way that events leave since the daemon started: the stream, a webhook, a hook.

    `behind` counts the facts of the journal that it has not passed; `waiting_since` is when the event
    happened that is on its way. All times are epoch seconds.
    """

    name: str
    delivered: int = 0
    failures: int = 0
    given_up: int = 0
    behind: int = 0
    waiting_since: float | None = None
    failing_since: float | None = None
    last_error: str = ""


class CampaignFigures(msgspec.Struct):
    """A file that is open. `total` is final once it is `read`; `rate` is messages a second that left of
    late, `time_left` seconds until the last one has, where that can be said; `held` is why not all
    of it leaves that could."""

    campaign: str
    file: str
    read: bool
    total: int
    done: int
    states: dict[str, int]
    rate: float = 0.0
    time_left: float | None = None
    held: str = ""


class ConfigFigures(msgspec.Struct):
    """The configuration: its file, and since when it is in force as it is (epoch seconds). `refused`:
    why the last reload was, and `refused_at` when; empty once one was taken over."""

    file: str = ""
    loaded: float = 0.0
    reloads: int = 0
    refused: list[str] = msgspec.field(default_factory=list)
    refused_at: float | None = None


class RoomFigures(msgspec.Struct):
    """The filesystem of a place, in octets: how large it is, how much is free, and the least that must
    be (`min_free`)."""

    place: str
    octets: int
    free: int
    least: int = 0


class TraceFigures(msgspec.Struct):
    """A trace of a link: its folder, from when until when (epoch seconds), whether texts are `readable` in it,
    who wanted it, and how much there is of it so far."""

    link: str
    folder: str
    since: float
    until: float
    readable: bool
    who: str
    pdus: int = 0
    octets: int = 0
    files: list[str] = msgspec.field(default_factory=list)


class DaemonFigures(msgspec.Struct):
    """Everything, at one moment. `states` counts all messages in the journal by state; of the
    queued ones, `scheduled` wait for a moment, or for their campaign. `oldest_by_lane`: when the
    oldest file of a lane was handed in of which something could leave. `campaigns`: some of the open
    files, those that are held and the longest first. `disk`: why something cannot be written, by what
    it is."""

    version: str
    pid: int
    started: float
    now: float
    stopping: bool
    accepted: int
    states: dict[str, int]
    queued_by_lane: dict[str, int]
    oldest_queued: float | None
    open_files: int
    parked_receipts: int
    unmatched_receipts: int
    links: list[LinkFigures]
    journal: JournalFigures
    spool: SpoolFigures
    scheduled: int = 0
    routes: list[RouteFigures] = msgspec.field(default_factory=list)
    oldest_parked: float | None = None
    chats: list[ChatFigures] = msgspec.field(default_factory=list)
    fallbacks: list[FallbackFigures] = msgspec.field(default_factory=list)
    accounts: list[AccountFigures] = msgspec.field(default_factory=list)
    optouts: OptOutFigures = msgspec.field(default_factory=OptOutFigures)
    cap: CapFigures = msgspec.field(default_factory=CapFigures)
    outlets: list[OutletFigures] = msgspec.field(default_factory=list)
    places: list[PlaceFigures] = msgspec.field(default_factory=list)
    disk: dict[str, str] = msgspec.field(default_factory=dict)
    campaigns: list[CampaignFigures] = msgspec.field(default_factory=list)
    loop: LoopFigures = msgspec.field(default_factory=LoopFigures)
    configuration: ConfigFigures = msgspec.field(default_factory=ConfigFigures)
    oldest_by_lane: dict[str, float] = msgspec.field(default_factory=dict)
    rooms: list[RoomFigures] = msgspec.field(default_factory=list)
    #: Messages accepted that are neither in a final state nor anywhere where they could wait for one.
    balance: int = 0
    traces: list[TraceFigures] = msgspec.field(default_factory=list)
