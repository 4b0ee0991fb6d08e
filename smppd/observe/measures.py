"""Every metric of the daemon, declared once.

Labels are bounded: links, states, statuses, lanes, fates, never a message or a number. This is a
table. It raises nothing on figures that are whole.
"""

from __future__ import annotations

from smppd.figures import DaemonFigures
from smppd.message import LIFECYCLE, Lane, State
from smppd.observe.account_measures import ACCOUNT_DURATIONS, ACCOUNT_MEASURES
from smppd.observe.chat_measures import CHAT_MEASURES
from smppd.observe.keeping_measures import KEEPING_MEASURES
from smppd.observe.link_measures import LINK_MEASURES
from smppd.observe.measuring import Counts, Durations, Measure, whole, whole_by
from smppd.observe.outlet_measures import OUTLET_MEASURES


def _messages(figures: DaemonFigures) -> Counts:
    return ({state.label: 0 for state in State} | figures.states).items()


def _queues(figures: DaemonFigures) -> Counts:
    return ({lane.name.lower(): 0 for lane in Lane} | figures.queued_by_lane).items()


def _files(figures: DaemonFigures) -> Counts:
    spool = figures.spool
    yield "claimed", spool.claimed
    yield "admitted", spool.admitted
    yield "quarantined", spool.quarantined
    yield "reported", spool.reported


def _oldest(figures: DaemonFigures) -> Counts:
    for lane in Lane:
        name = lane.name.lower()
        yield name, _age(figures.oldest_by_lane.get(name), figures.now)


def _finished(figures: DaemonFigures) -> Counts:
    for state, after in LIFECYCLE.items():
        if not after:
            yield state.label, figures.states.get(state.label, 0)


def _age(since: float | None, now: float) -> float:
    return 0.0 if since is None else max(0.0, now - since)


MEASURES: tuple[Measure, ...] = (
    *LINK_MEASURES,
    *CHAT_MEASURES,
    *ACCOUNT_MEASURES,
    *OUTLET_MEASURES,
    *KEEPING_MEASURES,
    whole(
        "smppd_start_time_seconds",
        "When the daemon started, in seconds since the epoch.",
        lambda figures: figures.started,
    ),
    whole(
        "smppd_receipts_unmatched_total",
        "Receipts that matched no message when they came.",
        lambda figures: figures.unmatched_receipts,
    ),
    whole(
        "smppd_receipts_parked",
        "Receipts kept until the answer that tells their message_id arrives.",
        lambda figures: figures.parked_receipts,
    ),
    whole(
        "smppd_oldest_parked_receipt_age_seconds",
        "How long the oldest parked receipt has waited; 0 when none is parked.",
        lambda figures: _age(figures.oldest_parked, figures.now),
    ),
    whole_by(
        "state",
        "smppd_messages",
        "Messages in the journal by state; every message is in exactly one.",
        _messages,
    ),
    whole_by(
        "lane",
        "smppd_queue_depth",
        "Messages queued by lane.",
        _queues,
    ),
    whole(
        "smppd_scheduled_messages",
        "Messages that wait for a moment or their campaign; they are counted as queued, too.",
        lambda figures: figures.scheduled,
    ),
    whole(
        "smppd_oldest_queued_age_seconds",
        "How long the oldest queued message that may go has waited; 0 when there is none.",
        lambda figures: _age(figures.oldest_queued, figures.now),
    ),
    whole_by(
        "lane",
        "smppd_oldest_pending_age_seconds",
        "How long the oldest file of which something may go has waited, by the lane that it was handed in"
        " to; 0 when there is none.",
        _oldest,
    ),
    whole(
        "smppd_accepted_messages_total",
        "Messages accepted since the journal was made.",
        lambda figures: figures.accepted,
    ),
    whole_by(
        "state",
        "smppd_finished_messages_total",
        "Messages that came to their end since the journal was made, by their final state; those that"
        " asked for no receipt end as sent, and are not among them.",
        _finished,
    ),
    whole(
        "smppd_accounting_balance",
        "Messages accepted minus those in a final state minus those pending: anything but 0 is a"
        " fault of smppd.",
        lambda figures: figures.balance,
    ),
    whole_by(
        "place",
        "smppd_disk_free_bytes",
        "How much may still be written to the filesystem of the spool, and of the journal if it is another.",
        lambda figures: [(room.place, room.free) for room in figures.rooms],
    ),
    whole_by(
        "place",
        "smppd_disk_size_bytes",
        "How large the filesystem of the spool is, and of the journal if it is another.",
        lambda figures: [(room.place, room.octets) for room in figures.rooms],
    ),
    whole_by(
        "place",
        "smppd_disk_least_free_bytes",
        "How much must be free there so that files are taken in (min_free); 0 for any.",
        lambda figures: [(room.place, room.least) for room in figures.rooms],
    ),
    whole(
        "smppd_config_last_reload_success_timestamp_seconds",
        "When the configuration in force was read, in seconds since the epoch.",
        lambda figures: figures.configuration.loaded,
    ),
    whole(
        "smppd_config_last_reload_successful",
        "1 unless the last attempt to read the configuration anew was refused.",
        lambda figures: not figures.configuration.refused,
    ),
    whole(
        "smppd_journal_writer_lag_rows",
        "Rows that are made and not on disk yet.",
        lambda figures: figures.journal.waiting,
    ),
    whole(
        "smppd_open_files",
        "Files taken in and not yet reported.",
        lambda figures: figures.open_files,
    ),
    whole(
        "smppd_disk_waiting",
        "How many kinds of what is written wait for the disk: 0 when all is well.",
        lambda figures: len(figures.disk),
    ),
    whole_by(
        "fate",
        "smppd_spool_files_total",
        "Files of the spool by what became of them; a file counts in each fate it met.",
        _files,
    ),
    whole(
        "smppd_spool_lines_total",
        "Lines read from files of the spool.",
        lambda figures: figures.spool.lines,
    ),
    whole(
        "smppd_spool_rejected_lines_total",
        "Lines of files that became rejected results.",
        lambda figures: figures.spool.rejected_lines,
    ),
    whole(
        "smppd_opt_outs",
        "Entries of the opt-out list.",
        lambda figures: figures.optouts.entries,
    ),
    whole_by(
        "change",
        "smppd_opt_out_changes_total",
        "Entries that were added to the opt-out list, and removed from it.",
        lambda figures: (
            ("added", figures.optouts.added),
            ("removed", figures.optouts.removed),
        ),
    ),
    whole(
        "smppd_opted_out_messages_total",
        "Messages that were kept back because their destination has opted out.",
        lambda figures: figures.optouts.barred,
    ),
    whole_by(
        "fate",
        "smppd_over_cap_messages_total",
        "How often a message was beyond what its number gets in a day, by what became of it.",
        lambda figures: (("held", figures.cap.held), ("rejected", figures.cap.rejected)),
    ),
    whole(
        "smppd_event_loop_delay_recent_max_seconds",
        "By how much the event loop was behind at most in the last minute.",
        lambda figures: figures.loop.most,
    ),
    whole(
        "smppd_journal_commits_total",
        "Commits of the journal.",
        lambda figures: figures.journal.commits,
    ),
    whole(
        "smppd_journal_rows_total",
        "Rows written to the journal.",
        lambda figures: figures.journal.rows,
    ),
)

DURATIONS: tuple[Durations, ...] = (
    *ACCOUNT_DURATIONS,
    Durations(
        "smppd_submit_latency_seconds",
        "From a submit_sm to its answer.",
        ("link",),
        lambda figures: [((link.name,), link.latency) for link in figures.links],
    ),
    Durations(
        "smppd_receipt_delay_seconds",
        "From the SMSC's answer to a submit_sm to the first final receipt for it.",
        ("link",),
        lambda figures: [((link.name,), link.matching.delay) for link in figures.links],
    ),
    Durations(
        "smppd_enquire_link_latency_seconds",
        "From our enquire_link to its answer.",
        ("link",),
        lambda figures: [((link.name,), link.enquiries) for link in figures.links],
    ),
    Durations(
        "smppd_journal_commit_seconds",
        "How long a commit of the journal took until it was on disk.",
        (),
        lambda figures: [((), figures.journal.commit_seconds)],
    ),
    Durations(
        "smppd_event_loop_delay_seconds",
        "By how much the event loop was behind, looked at four times a second.",
        (),
        lambda figures: [((), figures.loop.delay)],
    ),
)
