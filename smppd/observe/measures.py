"""Every metric of the daemon, declared once: name, kind, labels, help, and where it comes from.

Labels are bounded: links, states, statuses, lanes, fates, never a message or a number. This is a
table; it knows nothing of Prometheus. It raises nothing on figures that are whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from smppd.figures import BIND_STATES, LIMITS, DaemonFigures, Histogram, LinkFigures
from smppd.ledger.message_ids import Form
from smppd.message import Lane, State
from smppd.smpp.session_states import SessionState
from smppd.smpp.vocabulary import status_name

#: Label values in the order of the measure's labels, and the number.
Sample = tuple[tuple[str, ...], float]
Samples = Iterable[Sample]
Shape = tuple[tuple[str, ...], Histogram]
_Key = TypeVar("_Key")

#: An SMSC may answer with any of 2³² numbers: so many of them get a series of their own per link.
MOST_VALUES = 50
OTHER = "other"

#: See `ledger.message_ids.Form`.
MESSAGE_ID_FORMS = get_args(Form)

#: States a session is always counted in, so that an alert finds a 0 and not an absent series.
SESSION_STATES = ("backoff", "connecting", *(state.value for state in SessionState))


@dataclass(frozen=True, slots=True)
class Measure:
    """One counter or gauge. Counters end in `_total`."""

    kind: Literal["gauge", "counter"]
    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[DaemonFigures], Samples]


@dataclass(frozen=True, slots=True)
class Durations:
    """One histogram of seconds, in the buckets of `figures.BUCKETS`."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[DaemonFigures], Iterable[Shape]]


def _plain(read: Callable[[DaemonFigures], float]) -> Callable[[DaemonFigures], Samples]:
    return lambda figures: (((), read(figures)),)


def _per_link(read: Callable[[LinkFigures], float]) -> Callable[[DaemonFigures], Samples]:
    return lambda figures: [((link.name,), read(link)) for link in figures.links]


def _bounded(counts: Mapping[_Key, int], name: Callable[[_Key], str]) -> Iterator[tuple[str, int]]:
    """The counts by name: the first `MOST_VALUES` seen each, the rest together.

    A dictionary keeps the order in which keys came, so a value never changes its series.
    """
    rest = 0
    for place, (key, count) in enumerate(counts.items()):
        if place < MOST_VALUES:
            yield name(key), count
        else:
            rest += count
    if rest:
        yield OTHER, rest


def _responses(figures: DaemonFigures) -> Samples:
    for link in figures.links:
        for status, count in _bounded(link.answers, status_name):
            yield (link.name, status), count


def _receipts(figures: DaemonFigures) -> Samples:
    for link in figures.links:
        for state, count in _bounded(link.receipts, str):
            yield (link.name, state), count


def _queries(figures: DaemonFigures) -> Samples:
    for link in figures.links:
        for outcome, count in link.queries.items():
            yield (link.name, outcome), count


def _cancels(figures: DaemonFigures) -> Samples:
    for link in figures.links:
        for outcome, count in link.cancels.items():
            yield (link.name, outcome), count


def _receipt_oddities(figures: DaemonFigures) -> Samples:
    for link in figures.links:
        odd = link.matching
        yield (link.name, "parked"), odd.parked
        yield (link.name, "duplicate"), odd.duplicates
        yield (link.name, "contradiction"), odd.contradictions
        yield (link.name, "other_handset"), odd.elsewhere
        yield (link.name, "no_receipt"), odd.unproven


def _message_id_forms(figures: DaemonFigures) -> Samples:
    for link in figures.links:
        for form in MESSAGE_ID_FORMS:
            yield (link.name, form), link.matching.form == form


def _oldest_parked_age(figures: DaemonFigures) -> float:
    oldest = figures.oldest_parked
    return 0.0 if oldest is None else max(0.0, figures.now - oldest)


def _sessions(figures: DaemonFigures) -> Samples:
    for link in figures.links:
        counts = dict.fromkeys(SESSION_STATES, 0)
        for session in link.sessions:
            counts[session.state] = counts.get(session.state, 0) + 1
        for state, count in counts.items():
            yield (link.name, state), count


def _bind_states(figures: DaemonFigures) -> Samples:
    for link in figures.links:
        for state in BIND_STATES:
            yield (link.name, state), state == link.bind_state


def _limits(figures: DaemonFigures) -> Samples:
    for link in figures.links:
        for reason in LIMITS:
            yield (link.name, reason), float(link.limited_by == reason)


def _window_size(link: LinkFigures) -> float:
    submitting = sum(session.state in {"bound_tx", "bound_trx"} for session in link.sessions)
    return link.window * submitting


def _expiries(figures: DaemonFigures) -> Samples:
    for link in figures.links:
        if (expires := link.certificate_expires) is not None:
            yield (link.name,), expires


def _messages(figures: DaemonFigures) -> Samples:
    counts = {state.label: 0 for state in State} | figures.states
    return [((state,), count) for state, count in counts.items()]


def _queues(figures: DaemonFigures) -> Samples:
    counts = {lane.name.lower(): 0 for lane in Lane} | figures.queued_by_lane
    return [((lane,), count) for lane, count in counts.items()]


def _oldest_age(figures: DaemonFigures) -> float:
    oldest = figures.oldest_queued
    return 0.0 if oldest is None else max(0.0, figures.now - oldest)


def _files(figures: DaemonFigures) -> Samples:
    spool = figures.spool
    yield ("claimed",), spool.claimed
    yield ("admitted",), spool.admitted
    yield ("quarantined",), spool.quarantined
    yield ("reported",), spool.reported


def _balance(figures: DaemonFigures) -> float:
    return figures.accepted - sum(figures.states.values())


MEASURES: tuple[Measure, ...] = (
    Measure(
        "gauge",
        "smppd_start_time_seconds",
        "When the daemon started, in seconds since the epoch.",
        (),
        _plain(lambda figures: figures.started),
    ),
    Measure(
        "gauge",
        "smppd_bind_sessions",
        "Sessions of a link by their SMPP state; bound_tx, bound_rx and bound_trx are bound.",
        ("link", "state"),
        _sessions,
    ),
    Measure(
        "gauge",
        "smppd_bind_state",
        "1 for how a link stands with its SMSC: as its binds are refused, else unbound or bound.",
        ("link", "state"),
        _bind_states,
    ),
    Measure(
        "gauge",
        "smppd_window_size",
        "Submits that may be without an answer, over the bound sessions that may submit.",
        ("link",),
        _per_link(_window_size),
    ),
    Measure(
        "gauge",
        "smppd_window_in_use",
        "Submits without an answer now.",
        ("link",),
        _per_link(lambda link: link.in_flight),
    ),
    Measure(
        "counter",
        "smppd_submits_total",
        "Parts submitted (submit_sm sent).",
        ("link",),
        _per_link(lambda link: link.submitted),
    ),
    Measure(
        "counter",
        "smppd_submit_responses_total",
        "Answers to submits by command_status.",
        ("link", "status"),
        _responses,
    ),
    Measure(
        "counter",
        "smppd_unknown_outcomes_total",
        "Submits of which nobody can say whether the SMSC took them: no answer, or the link lost.",
        ("link",),
        _per_link(lambda link: link.unanswered),
    ),
    Measure(
        "counter",
        "smppd_late_responses_total",
        "Answers that came after their submit had been given up as unknown.",
        ("link",),
        _per_link(lambda link: link.late),
    ),
    Measure(
        "counter",
        "smppd_receipts_total",
        "Delivery receipts by the state they report.",
        ("link", "state"),
        _receipts,
    ),
    Measure(
        "counter",
        "smppd_receipts_unmatched_total",
        "Receipts that belonged to no message of ours and never will.",
        (),
        _plain(lambda figures: figures.unmatched_receipts),
    ),
    Measure(
        "gauge",
        "smppd_receipts_parked",
        "Receipts kept until the answer that tells their message_id arrives.",
        (),
        _plain(lambda figures: figures.parked_receipts),
    ),
    Measure(
        "gauge",
        "smppd_oldest_parked_receipt_age_seconds",
        "How long the oldest parked receipt has waited; 0 when none is parked.",
        (),
        _plain(_oldest_parked_age),
    ),
    Measure(
        "counter",
        "smppd_receipt_oddities_total",
        "Receipts parked when they came, repeated, contradicting an earlier one, matched by their"
        " message_id alone, or taken for a handset's message.",
        ("link", "oddity"),
        _receipt_oddities,
    ),
    Measure(
        "counter",
        "smppd_settled_by_receipt_total",
        "Parts of unknown outcome, or without a message_id, that a receipt identified.",
        ("link",),
        _per_link(lambda link: link.matching.settled),
    ),
    Measure(
        "counter",
        "smppd_message_id_conflicts_total",
        "message_ids that the SMSC gave again while an older message still waited under them.",
        ("link",),
        _per_link(lambda link: link.matching.id_conflicts),
    ),
    Measure(
        "gauge",
        "smppd_message_id_form",
        "1 for the form in which a link's receipts name messages, configured or learnt.",
        ("link", "form"),
        _message_id_forms,
    ),
    Measure(
        "counter",
        "smppd_queries_total",
        "Questions to the SMSC for messages without a receipt (query_sm), by the state it told, "
        "or failed, refused, unanswered.",
        ("link", "outcome"),
        _queries,
    ),
    Measure(
        "counter",
        "smppd_cancels_total",
        "cancel_sm for parts that the SMSC had: cancelled, failed, refused or unanswered.",
        ("link", "outcome"),
        _cancels,
    ),
    Measure(
        "counter",
        "smppd_accepted_without_message_id_total",
        "Submits that the SMSC took without giving a message_id, which its receipts need.",
        ("link",),
        _per_link(lambda link: link.nameless),
    ),
    Measure(
        "counter",
        "smppd_frame_errors_total",
        "Sessions given up because the stream was no SMPP, or out of step.",
        ("link",),
        _per_link(lambda link: link.frame_errors),
    ),
    Measure(
        "counter",
        "smppd_received_messages_total",
        "Messages from handsets.",
        ("link",),
        _per_link(lambda link: link.received),
    ),
    Measure(
        "counter",
        "smppd_throttled_total",
        "Submits refused because they came too fast (ESME_RTHROTTLED).",
        ("link",),
        _per_link(lambda link: link.throttled),
    ),
    Measure(
        "gauge",
        "smppd_pace_limit",
        "Parts per second that the SMSC is given because it complained; 0 when it did not.",
        ("link",),
        _per_link(lambda link: link.limit),
    ),
    Measure(
        "gauge",
        "smppd_link_paused",
        "1 while a link submits nothing until it is resumed.",
        ("link",),
        _per_link(lambda link: bool(link.paused)),
    ),
    Measure(
        "gauge",
        "smppd_link_limited_by",
        "1 for what keeps a link from submitting more, 0 for everything else.",
        ("link", "reason"),
        _limits,
    ),
    Measure(
        "counter",
        "smppd_connects_total",
        "Connections that were opened to the SMSC.",
        ("link",),
        _per_link(lambda link: link.connects),
    ),
    Measure(
        "counter",
        "smppd_reconnects_total",
        "Bound sessions that were lost, each followed by another attempt.",
        ("link",),
        _per_link(lambda link: link.losses),
    ),
    Measure(
        "counter",
        "smppd_bind_refusals_total",
        "Binds that the SMSC refused.",
        ("link",),
        _per_link(lambda link: link.bind_refusals),
    ),
    Measure(
        "gauge",
        "smppd_tls_certificate_expiry_timestamp_seconds",
        "When the first of the SMSC's certificates in use expires, in seconds since the epoch.",
        ("link",),
        _expiries,
    ),
    Measure(
        "counter",
        "smppd_protocol_oddities_total",
        "PDUs that were answered or ignored as the specification asks for faulty ones.",
        ("link",),
        _per_link(lambda link: link.oddities),
    ),
    Measure(
        "gauge",
        "smppd_messages",
        "Messages in the journal by state; every message is in exactly one.",
        ("state",),
        _messages,
    ),
    Measure(
        "gauge",
        "smppd_queue_depth",
        "Messages queued by lane.",
        ("lane",),
        _queues,
    ),
    Measure(
        "gauge",
        "smppd_scheduled_messages",
        "Messages that wait for their send_at; they are counted as queued, too.",
        (),
        _plain(lambda figures: figures.scheduled),
    ),
    Measure(
        "gauge",
        "smppd_oldest_queued_age_seconds",
        "How long the oldest queued message that may go has waited; 0 when there is none.",
        (),
        _plain(_oldest_age),
    ),
    Measure(
        "gauge",
        "smppd_accounting_balance",
        "Messages accepted minus the sum of all states: anything but 0 is a fault of smppd.",
        (),
        _plain(_balance),
    ),
    Measure(
        "gauge",
        "smppd_open_files",
        "Files taken in and not yet reported.",
        (),
        _plain(lambda figures: figures.open_files),
    ),
    Measure(
        "counter",
        "smppd_spool_files_total",
        "Files of the spool by what became of them; a file counts in each fate it met.",
        ("fate",),
        _files,
    ),
    Measure(
        "counter",
        "smppd_spool_lines_total",
        "Lines read from files of the spool.",
        (),
        _plain(lambda figures: figures.spool.lines),
    ),
    Measure(
        "counter",
        "smppd_spool_rejected_lines_total",
        "Lines of files that became rejected results.",
        (),
        _plain(lambda figures: figures.spool.rejected_lines),
    ),
    Measure(
        "counter",
        "smppd_journal_commits_total",
        "Commits of the journal.",
        (),
        _plain(lambda figures: figures.journal.commits),
    ),
    Measure(
        "counter",
        "smppd_journal_rows_total",
        "Rows written to the journal.",
        (),
        _plain(lambda figures: figures.journal.rows),
    ),
)

DURATIONS: tuple[Durations, ...] = (
    Durations(
        "smppd_submit_latency_seconds",
        "From a submit_sm to its answer.",
        ("link",),
        lambda figures: [((link.name,), link.latency) for link in figures.links],
    ),
    Durations(
        "smppd_journal_commit_seconds",
        "How long a commit of the journal took until it was on disk.",
        (),
        lambda figures: [((), figures.journal.commit_seconds)],
    ),
)
