"""One link as it stands, and what was counted of it."""

from __future__ import annotations

import msgspec

from smppd.figures.histograms import Histogram, LongHistogram
from smppd.figures.pausing import cure_of_pause

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
    #: Of the losses, those of the last ten minutes.
    lost_lately: int = 0
    bind_refusals: int = 0
    oddities: int = 0
    #: Submits taken without a message_id: no receipt can be told to be theirs by one.
    nameless: int = 0
    #: Sessions that ended because what came was no SMPP, or was out of step.
    frame_errors: int = 0
    queries: dict[str, int] = msgspec.field(default_factory=dict)
    cancels: dict[str, int] = msgspec.field(default_factory=dict)
    last_error: str = ""
    #: When that was (epoch seconds).
    last_error_at: float | None = None
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
            return f"link {self.name} is paused: {self.paused}; {cure_of_pause(self.name)}"
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
