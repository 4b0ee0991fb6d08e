"""The metrics of links: a table.

Labels are bounded: links, states, statuses, never a message or a number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from smppd.figures import ATTEMPTS, BIND_STATES, ENDINGS, LIMITS, DaemonFigures, LinkFigures
from smppd.ledger.message_ids import Form
from smppd.observe.measuring import Counts, Measure, Samples, bounded, each_link, each_link_by
from smppd.smpp.session_states import SessionState
from smppd.smpp.vocabulary import status_name

#: See `ledger.message_ids.Form`.
MESSAGE_ID_FORMS = get_args(Form)

#: States a session is always counted in, so that an alert finds a 0 and not an absent series.
SESSION_STATES = ("backoff", "connecting", *(state.value for state in SessionState))


def _one_of(values: Iterable[str], current: str) -> Counts:
    """1 for the current one of these, 0 for the others."""
    return [(value, value == current) for value in values]


def _sessions(link: LinkFigures) -> Counts:
    counts = dict.fromkeys(SESSION_STATES, 0)
    for session in link.sessions:
        counts[session.state] = counts.get(session.state, 0) + 1
    return counts.items()


def _receipt_oddities(link: LinkFigures) -> Counts:
    odd = link.matching
    yield "parked", odd.parked
    yield "duplicate", odd.duplicates
    yield "contradiction", odd.contradictions
    yield "other_handset", odd.elsewhere
    yield "no_receipt", odd.unproven


def _window_size(link: LinkFigures) -> float:
    submitting = sum(session.state in {"bound_tx", "bound_trx"} for session in link.sessions)
    return link.window * submitting


def _expiries(figures: DaemonFigures) -> Samples:
    for link in figures.links:
        if (expires := link.certificate_expires) is not None:
            yield (link.name,), expires


LINK_MEASURES: tuple[Measure, ...] = (
    each_link_by(
        "state",
        "smppd_bind_sessions",
        "Sessions of a link by their SMPP state; bound_tx, bound_rx and bound_trx are bound.",
        _sessions,
    ),
    each_link_by(
        "state",
        "smppd_bind_state",
        "1 for how a link stands with its SMSC: as its binds are refused, else unbound or bound.",
        lambda link: _one_of(BIND_STATES, link.bind_state),
    ),
    each_link(
        "smppd_window_size",
        "Submits that may be without an answer, over the bound sessions that may submit.",
        _window_size,
    ),
    each_link(
        "smppd_window_in_use",
        "Submits without an answer now.",
        lambda link: link.in_flight,
    ),
    each_link(
        "smppd_submits_total",
        "Parts submitted (submit_sm sent).",
        lambda link: link.submitted,
    ),
    each_link_by(
        "status",
        "smppd_submit_responses_total",
        "Answers to submits by command_status.",
        lambda link: bounded(link.answers, status_name),
    ),
    each_link(
        "smppd_unknown_outcomes_total",
        "Submits of which nobody can say whether the SMSC took them: no answer, or the link lost.",
        lambda link: link.unanswered,
    ),
    each_link(
        "smppd_late_responses_total",
        "Answers that came after their submit had been given up as unknown.",
        lambda link: link.late,
    ),
    each_link_by(
        "state",
        "smppd_receipts_total",
        "Delivery receipts by the state they report.",
        lambda link: bounded(link.receipts, str),
    ),
    each_link_by(
        "oddity",
        "smppd_receipt_oddities_total",
        "Receipts parked when they came, repeated, contradicting an earlier one, matched by their"
        " message_id alone, or taken for a handset's message.",
        _receipt_oddities,
    ),
    each_link(
        "smppd_settled_by_receipt_total",
        "Parts of unknown outcome, or without a message_id, that a receipt identified.",
        lambda link: link.matching.settled,
    ),
    each_link(
        "smppd_message_id_conflicts_total",
        "message_ids that the SMSC gave again while an older message still waited under them.",
        lambda link: link.matching.id_conflicts,
    ),
    each_link_by(
        "form",
        "smppd_message_id_form",
        "1 for the form in which a link's receipts name messages, configured or learnt.",
        lambda link: _one_of(MESSAGE_ID_FORMS, link.matching.form),
    ),
    each_link_by(
        "outcome",
        "smppd_queries_total",
        "Questions to the SMSC for messages without a receipt (query_sm), by the state it told, "
        "or failed, refused, unanswered.",
        lambda link: link.queries.items(),
    ),
    each_link_by(
        "outcome",
        "smppd_cancels_total",
        "cancel_sm for parts that the SMSC had: cancelled, failed, refused or unanswered.",
        lambda link: link.cancels.items(),
    ),
    each_link(
        "smppd_accepted_without_message_id_total",
        "Submits that the SMSC took without giving a message_id, which its receipts need.",
        lambda link: link.nameless,
    ),
    each_link(
        "smppd_frame_errors_total",
        "Sessions given up because the stream was no SMPP, or out of step.",
        lambda link: link.frame_errors,
    ),
    each_link(
        "smppd_received_messages_total",
        "Messages from handsets.",
        lambda link: link.received,
    ),
    each_link(
        "smppd_throttled_total",
        "Submits refused because they came too fast (ESME_RTHROTTLED).",
        lambda link: link.throttled,
    ),
    each_link(
        "smppd_pace_limit",
        "Parts per second that the SMSC is given because it complained; 0 when it did not.",
        lambda link: link.limit,
    ),
    each_link(
        "smppd_link_paused",
        "1 while a link submits nothing until it is resumed.",
        lambda link: bool(link.paused),
    ),
    each_link_by(
        "reason",
        "smppd_link_limited_by",
        "1 for what keeps a link from submitting more, 0 for everything else.",
        lambda link: _one_of(LIMITS, link.limited_by),
    ),
    each_link(
        "smppd_rate_limit_messages_per_second",
        "Parts (submit_sm) per second that are configured at most; 0 for no limit.",
        lambda link: link.rate,
    ),
    each_link(
        "smppd_window_wait_seconds_total",
        "For how long the window was full.",
        lambda link: link.window_wait,
    ),
    each_link(
        "smppd_pace_wait_seconds_total",
        "For how long parts waited for the rate that is configured, or that the SMSC is given because"
        " it complained.",
        lambda link: link.pace_wait,
    ),
    each_link_by(
        "reason",
        "smppd_retries_total",
        "Parts that went back into their queue because they were refused, by command_status.",
        lambda link: bounded(link.retries, status_name),
    ),
    each_link_by(
        "direction",
        "smppd_bytes_total",
        "Octets of SMPP that were read from the SMSC (in), and written to it (out).",
        lambda link: (("in", link.octets_in), ("out", link.octets_out)),
    ),
    each_link_by(
        "result",
        "smppd_bind_attempts_total",
        "Attempts to be bound by what came of them.",
        lambda link: (dict.fromkeys(ATTEMPTS, 0) | link.attempts).items(),
    ),
    each_link_by(
        "reason",
        "smppd_disconnects_total",
        "Bound sessions that ended, by why.",
        lambda link: (dict.fromkeys(ENDINGS, 0) | link.endings).items(),
    ),
    each_link(
        "smppd_enquire_link_timeouts_total",
        "Sessions given up because our enquire_link had no answer in time.",
        lambda link: link.endings.get("enquire_link_timeout", 0),
    ),
    each_link(
        "smppd_connects_total",
        "Connections that were opened to the SMSC.",
        lambda link: link.connects,
    ),
    each_link(
        "smppd_reconnects_total",
        "Bound sessions that were lost, each followed by another attempt.",
        lambda link: link.losses,
    ),
    each_link(
        "smppd_bind_refusals_total",
        "Binds that the SMSC refused.",
        lambda link: link.bind_refusals,
    ),
    Measure(
        "smppd_tls_certificate_expiry_timestamp_seconds",
        "When the first of the SMSC's certificates in use expires, in seconds since the epoch.",
        ("link",),
        _expiries,
    ),
    each_link(
        "smppd_protocol_oddities_total",
        "PDUs that were answered or ignored as the specification asks for faulty ones.",
        lambda link: link.oddities,
    ),
)
