from __future__ import annotations

from typing import get_args

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from smppd import events
from smppd.figures import (
    BIND_STATES,
    AccountFigures,
    ChatFigures,
    DaemonFigures,
    JournalFigures,
    LinkFigures,
    MatchingFigures,
    RoomFigures,
    SessionFigures,
    SpoolFigures,
)
from smppd.message import LIFECYCLE, State
from smppd.observe.measures import DURATIONS, MEASURES
from smppd.observe.measuring import MOST_VALUES
from smppd.observe.metrics import EventCounter, build_registry

PROMISED = {
    "smppd_build_info": "gauge",
    "smppd_start_time_seconds": "gauge",
    "smppd_bind_sessions": "gauge",
    "smppd_bind_state": "gauge",
    "smppd_tls_certificate_expiry_timestamp_seconds": "gauge",
    "smppd_window_size": "gauge",
    "smppd_window_in_use": "gauge",
    "smppd_submits_total": "counter",
    "smppd_submit_responses_total": "counter",
    "smppd_submit_latency_seconds": "histogram",
    "smppd_unknown_outcomes_total": "counter",
    "smppd_late_responses_total": "counter",
    "smppd_accepted_without_message_id_total": "counter",
    "smppd_frame_errors_total": "counter",
    "smppd_receipts_total": "counter",
    "smppd_receipts_unmatched_total": "counter",
    "smppd_receipts_parked": "gauge",
    "smppd_oldest_parked_receipt_age_seconds": "gauge",
    "smppd_receipt_oddities_total": "counter",
    "smppd_settled_by_receipt_total": "counter",
    "smppd_message_id_conflicts_total": "counter",
    "smppd_message_id_form": "gauge",
    "smppd_throttled_total": "counter",
    "smppd_reconnects_total": "counter",
    "smppd_bind_refusals_total": "counter",
    "smppd_messages": "gauge",
    "smppd_queue_depth": "gauge",
    "smppd_oldest_queued_age_seconds": "gauge",
    "smppd_spool_files_total": "counter",
    "smppd_spool_lines_total": "counter",
    "smppd_journal_commit_seconds": "histogram",
    "smppd_event_loop_delay_seconds": "histogram",
    "smppd_event_loop_delay_recent_max_seconds": "gauge",
    "smppd_journal_bytes": "gauge",
    "smppd_journal_facts_to_look_at": "gauge",
    "smppd_journal_removed_messages_total": "counter",
    "smppd_journal_commits_total": "counter",
    "smppd_journal_rows_total": "counter",
    "smppd_accounting_balance": "gauge",
    "smppd_oldest_pending_age_seconds": "gauge",
    "smppd_accepted_messages_total": "counter",
    "smppd_finished_messages_total": "counter",
    "smppd_disk_free_bytes": "gauge",
    "smppd_disk_size_bytes": "gauge",
    "smppd_disk_least_free_bytes": "gauge",
    "smppd_config_last_reload_success_timestamp_seconds": "gauge",
    "smppd_config_last_reload_successful": "gauge",
    "smppd_journal_writer_lag_rows": "gauge",
    "smppd_receipt_delay_seconds": "histogram",
    "smppd_enquire_link_latency_seconds": "histogram",
    "smppd_enquire_link_timeouts_total": "counter",
    "smppd_rate_limit_messages_per_second": "gauge",
    "smppd_window_wait_seconds_total": "counter",
    "smppd_pace_wait_seconds_total": "counter",
    "smppd_retries_total": "counter",
    "smppd_bytes_total": "counter",
    "smppd_bind_attempts_total": "counter",
    "smppd_disconnects_total": "counter",
    "smppd_open_files": "gauge",
    "smppd_received_messages_total": "counter",
    "smppd_queries_total": "counter",
    "smppd_cancels_total": "counter",
    "smppd_connects_total": "counter",
    "smppd_protocol_oddities_total": "counter",
    "smppd_pace_limit": "gauge",
    "smppd_link_paused": "gauge",
    "smppd_link_limited_by": "gauge",
    "smppd_scheduled_messages": "gauge",
    "smppd_http_requests_total": "counter",
    "smppd_http_request_seconds": "histogram",
    "smppd_http_requests_in_flight": "gauge",
    "smppd_http_queued": "gauge",
    "smppd_http_account_paused": "gauge",
    "smppd_http_account_unreachable": "gauge",
    "smppd_chat_received_total": "counter",
    "smppd_chat_errors_total": "counter",
    "smppd_chat_conversations": "gauge",
    "smppd_chat_last_poll_timestamp_seconds": "gauge",
    "smppd_spool_rejected_lines_total": "counter",
    "smppd_events_total": "counter",
    "process_cpu_seconds_total": "counter",
    "python_info": "gauge",
}


def link_figures() -> LinkFigures:
    link = LinkFigures(
        name="main",
        window=100,
        sessions=[
            SessionFigures(state="bound_trx", in_flight=40),
            SessionFigures(state="bound_rx", in_flight=0),
            SessionFigures(state="connecting"),
        ],
        submitted=1000,
        answers={0: 900, 0x58: 50, 0x401: 7},
        unanswered=3,
        late=2,
        nameless=4,
        frame_errors=5,
        receipts={"delivered": 800, "expired": 1},
        received=4,
        throttled=50,
        connects=5,
        losses=4,
        bind_refusals=1,
        matching=MatchingFigures("folded", duplicates=6, id_conflicts=2, settled=9),
        oddities=6,
    )
    for seconds in (0.0005, 0.001, 0.003, 100.0):
        link.latency.observe(seconds)
    return link


@pytest.fixture
def figures() -> DaemonFigures:
    return DaemonFigures(
        version="0.1.0",
        pid=77,
        started=1_700_000_000.0,
        now=1_700_000_100.0,
        stopping=False,
        accepted=1200,
        states={"queued": 200, "sent": 199, "delivered": 800},
        queued_by_lane={"high": 150, "normal": 50},
        oldest_queued=1_700_000_060.0,
        open_files=2,
        parked_receipts=5,
        unmatched_receipts=6,
        links=[link_figures(), LinkFigures(name="backup", window=10)],
        journal=JournalFigures(commits=30, rows=4000),
        spool=SpoolFigures(claimed=9, admitted=8, quarantined=1, reported=6, lines=1300),
        chats=[
            ChatFigures("shop", "whatsapp", "100", 3, 12, 1, 1_700_000_090.0),
            ChatFigures("shop", "telegram", "7"),
        ],
    )


@pytest.fixture
def registry(figures: DaemonFigures) -> CollectorRegistry:
    return build_registry(lambda: figures, EventCounter())


def scraped(registry: CollectorRegistry) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample name to label values (in the order of label names) to number."""
    samples: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            values = tuple(value for _, value in sorted(sample.labels.items()))
            assert values not in samples.setdefault(sample.name, {}), "a series twice"
            samples[sample.name][values] = sample.value
    return samples


def test_every_promised_metric_is_there_with_its_type_and_help(registry: CollectorRegistry) -> None:
    lines = generate_latest(registry).decode().splitlines()
    types = dict(line.split()[2:4] for line in lines if line.startswith("# TYPE"))
    helps = {
        line.split()[2]: line.split(maxsplit=3)[3] for line in lines if line.startswith("# HELP")
    }
    assert {name: types.get(name) for name in PROMISED} == PROMISED
    assert all(len(helps[name].split()) > 1 for name in types)


def test_names_keep_the_rules_of_prometheus(registry: CollectorRegistry) -> None:
    for measure in MEASURES:
        assert measure.name.startswith("smppd_")
        assert measure.help.endswith(".")
    for durations in DURATIONS:
        assert durations.name.endswith("_seconds")
    assert not [name for name in scraped(registry) if name.endswith("_created")]


def test_labels_are_bounded_ones() -> None:
    allowed = {"link", "state", "status", "lane", "fate", "outcome", "oddity", "form", "reason"}
    allowed |= {"account", "platform", "platformid", "what", "change", "place", "outlet"}
    allowed |= {"direction", "result"}
    declared = [measure.labels for measure in MEASURES]
    declared += [durations.labels for durations in DURATIONS]
    assert all(set(labels) <= allowed for labels in declared)


def test_the_numbers_of_a_link_arrive_under_their_labels(registry: CollectorRegistry) -> None:
    samples = scraped(registry)
    assert samples["smppd_submits_total"] == {("main",): 1000, ("backup",): 0}
    assert samples["smppd_submit_responses_total"] == {
        ("main", "ESME_ROK"): 900,
        ("main", "ESME_RTHROTTLED"): 50,
        ("main", "0x00000401"): 7,
    }
    assert samples["smppd_receipts_total"] == {("main", "delivered"): 800, ("main", "expired"): 1}
    for name, number in {
        "smppd_unknown_outcomes_total": 3,
        "smppd_late_responses_total": 2,
        "smppd_accepted_without_message_id_total": 4,
        "smppd_frame_errors_total": 5,
        "smppd_received_messages_total": 4,
        "smppd_throttled_total": 50,
        "smppd_connects_total": 5,
        "smppd_reconnects_total": 4,
        "smppd_bind_refusals_total": 1,
        "smppd_protocol_oddities_total": 6,
        "smppd_window_in_use": 40,
    }.items():
        assert samples[name][("main",)] == number, name


def test_sessions_are_counted_by_state_with_zeros(registry: CollectorRegistry) -> None:
    sessions = scraped(registry)["smppd_bind_sessions"]
    assert sessions[("main", "bound_trx")] == 1
    assert sessions[("main", "bound_rx")] == 1
    assert sessions[("main", "connecting")] == 1
    assert sessions[("backup", "bound_trx")] == 0


def test_how_a_link_stands_is_one_state_of_several(figures: DaemonFigures) -> None:
    link = figures.links[0]
    for refused, state in (("", "bound"), ("already_bound", "already_bound"), ("operator",) * 2):
        link.sessions[2].refused = refused
        states = scraped(build_registry(lambda: figures))["smppd_bind_state"]
        assert {name for link, name in states if link == "main"} == set(BIND_STATES)
        assert [name for (link, name), on in states.items() if link == "main" and on] == [state]


def test_the_expiry_is_that_of_the_first_certificate(figures: DaemonFigures) -> None:
    name = "smppd_tls_certificate_expiry_timestamp_seconds"
    assert scraped(build_registry(lambda: figures)).get(name, {}) == {}
    sessions = figures.links[0].sessions
    sessions[0].certificate_expires, sessions[2].certificate_expires = 2e9, 1.9e9
    assert scraped(build_registry(lambda: figures))[name] == {("main",): 1.9e9}


def test_the_window_is_that_of_the_sessions_that_may_submit(registry: CollectorRegistry) -> None:
    assert scraped(registry)["smppd_window_size"] == {("main",): 100, ("backup",): 0}


def test_the_numbers_of_the_daemon_arrive(registry: CollectorRegistry) -> None:
    samples = scraped(registry)
    assert samples["smppd_build_info"] == {("0.1.0",): 1}
    assert samples["smppd_start_time_seconds"] == {(): 1_700_000_000.0}
    assert samples["smppd_oldest_queued_age_seconds"] == {(): 40.0}
    assert samples["smppd_open_files"] == {(): 2}
    assert samples["smppd_receipts_parked"] == {(): 5}
    assert samples["smppd_receipt_oddities_total"]["main", "duplicate"] == 6
    assert samples["smppd_receipt_oddities_total"]["main", "contradiction"] == 0
    assert samples["smppd_settled_by_receipt_total"]["main",] == 9
    assert samples["smppd_message_id_conflicts_total"]["main",] == 2
    assert samples["smppd_message_id_form"]["folded", "main"] == 1
    assert samples["smppd_message_id_form"]["exact", "main"] == 0
    assert samples["smppd_receipts_unmatched_total"] == {(): 6}
    assert samples["smppd_journal_commits_total"] == {(): 30}
    assert samples["smppd_journal_rows_total"] == {(): 4000}
    assert samples["smppd_spool_lines_total"] == {(): 1300}
    assert samples["smppd_spool_files_total"] == {
        ("claimed",): 9,
        ("admitted",): 8,
        ("quarantined",): 1,
        ("reported",): 6,
    }


def test_every_state_and_lane_is_there_even_at_zero(registry: CollectorRegistry) -> None:
    samples = scraped(registry)
    assert {values[0] for values in samples["smppd_messages"]} == {s.label for s in State}
    assert samples["smppd_messages"][("delivered",)] == 800
    assert samples["smppd_messages"][("unknown",)] == 0
    assert samples["smppd_queue_depth"] == {("high",): 150, ("normal",): 50, ("bulk",): 0}


def test_the_balance_is_what_the_accounts_say_and_not_worked_out_here(
    registry: CollectorRegistry, figures: DaemonFigures
) -> None:
    assert scraped(registry)["smppd_accounting_balance"] == {(): 0}
    figures.balance = -3
    assert scraped(registry)["smppd_accounting_balance"] == {(): -3}


def test_each_lane_has_its_oldest(registry: CollectorRegistry, figures: DaemonFigures) -> None:
    figures.oldest_by_lane = {"high": figures.now - 7, "bulk": figures.now + 1}
    ages = scraped(registry)["smppd_oldest_pending_age_seconds"]
    assert ages == {("high",): 7.0, ("normal",): 0.0, ("bulk",): 0.0}


def test_what_came_to_its_end_only_grows(registry: CollectorRegistry) -> None:
    finished = scraped(registry)["smppd_finished_messages_total"]
    final = {state.label for state, after in LIFECYCLE.items() if not after}
    assert finished == {(label,): 800 if label == "delivered" else 0 for label in final}
    assert scraped(registry)["smppd_accepted_messages_total"] == {(): 1200}


def test_what_limits_a_link_and_ends_its_sessions(
    registry: CollectorRegistry, figures: DaemonFigures
) -> None:
    link = figures.links[0]
    link.window_wait, link.pace_wait, link.rate = 1.5, 2.5, 30.0
    link.octets_in, link.octets_out = 10, 20
    link.retries = {0x58: 5}
    link.attempts = {"bound": 3, "refused": 1}
    link.endings = {"enquire_link_timeout": 2}
    samples = scraped(registry)
    assert samples["smppd_window_wait_seconds_total"]["main",] == 1.5
    assert samples["smppd_pace_wait_seconds_total"]["main",] == 2.5
    assert samples["smppd_rate_limit_messages_per_second"]["main",] == 30.0
    assert samples["smppd_bytes_total"]["in", "main"] == 10
    assert samples["smppd_bytes_total"]["out", "main"] == 20
    assert samples["smppd_retries_total"] == {("main", "ESME_RTHROTTLED"): 5}
    assert samples["smppd_bind_attempts_total"]["main", "bound"] == 3
    assert samples["smppd_bind_attempts_total"]["main", "unreachable"] == 0
    assert samples["smppd_disconnects_total"]["main", "enquire_link_timeout"] == 2
    assert samples["smppd_disconnects_total"]["main", "broken"] == 0
    assert samples["smppd_enquire_link_timeouts_total"] == {("main",): 2, ("backup",): 0}


def test_receipts_may_take_a_day(registry: CollectorRegistry, figures: DaemonFigures) -> None:
    delay = figures.links[0].matching.delay
    for seconds in (0.1, 3600.0, 100_000.0, 1e9):
        delay.observe(seconds)
    buckets = scraped(registry)["smppd_receipt_delay_seconds_bucket"]
    assert buckets["0.125", "main"] == 1
    assert buckets["4096.0", "main"] == 2
    assert buckets["131072.0", "main"] == 3
    assert buckets["+Inf", "main"] == 4
    assert delay.quantile(0.5) == 4096.0


def test_the_room_that_there_is_and_the_room_that_is_wanted(
    registry: CollectorRegistry, figures: DaemonFigures
) -> None:
    figures.rooms = [RoomFigures("/a", 100, 40, 30), RoomFigures("/b", 200, 50, 30)]
    samples = scraped(registry)
    assert samples["smppd_disk_free_bytes"] == {("/a",): 40, ("/b",): 50}
    assert samples["smppd_disk_size_bytes"] == {("/a",): 100, ("/b",): 200}
    assert samples["smppd_disk_least_free_bytes"] == {("/a",): 30, ("/b",): 30}


def test_a_latency_counts_in_every_bucket_at_or_above_it(registry: CollectorRegistry) -> None:
    samples = scraped(registry)
    buckets = samples["smppd_submit_latency_seconds_bucket"]
    assert buckets[("0.001", "main")] == 2
    assert buckets[("0.002", "main")] == 2
    assert buckets[("0.004", "main")] == 3
    assert buckets[("65.536", "main")] == 3
    assert buckets[("+Inf", "main")] == 4
    assert samples["smppd_submit_latency_seconds_count"][("main",)] == 4
    assert samples["smppd_submit_latency_seconds_sum"][("main",)] == pytest.approx(100.0045)
    assert samples["smppd_journal_commit_seconds_count"] == {(): 0}


def test_an_empty_queue_has_no_age(figures: DaemonFigures) -> None:
    figures.oldest_queued = None
    registry = build_registry(lambda: figures)
    assert scraped(registry)["smppd_oldest_queued_age_seconds"] == {(): 0.0}


def test_an_smsc_with_endless_statuses_does_not_make_endless_series(figures: DaemonFigures) -> None:
    answers = figures.links[0].answers
    answers.clear()
    registry = build_registry(lambda: figures)
    last: dict[tuple[str, ...], float] = {}
    for status in range(0x500, 0x500 + 3 * MOST_VALUES):
        answers[status] = 1
        now = scraped(registry)["smppd_submit_responses_total"]
        assert all(now[series] >= count for series, count in last.items()), "a counter fell"
        last = now
    assert len(last) == MOST_VALUES + 1
    assert last[("main", "other")] == 2 * MOST_VALUES


def test_each_scrape_reads_the_figures_once_and_anew(figures: DaemonFigures) -> None:
    reads: list[int] = []

    def read() -> DaemonFigures:
        reads.append(1)
        return figures

    registry = build_registry(read)
    assert not reads, "nothing is read before somebody scrapes"
    scraped(registry)
    figures.open_files = 3
    assert scraped(registry)["smppd_open_files"] == {(): 3}
    assert len(reads) == 2


def test_two_registries_live_side_by_side(figures: DaemonFigures) -> None:
    first, second = build_registry(lambda: figures), build_registry(lambda: figures)
    assert scraped(first).keys() == scraped(second).keys()


def test_openmetrics_is_well_formed_too(registry: CollectorRegistry) -> None:
    text = generate_openmetrics(registry).decode()  # type: ignore[no-untyped-call]
    names = {family.name for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]
    assert {"smppd_submits", "smppd_build", "smppd_submit_latency_seconds"} <= names


def test_every_event_is_counted_under_its_name_from_zero() -> None:
    counter = EventCounter()
    registry = CollectorRegistry()
    registry.register(counter)
    assert len(scraped(registry)["smppd_events_total"]) == len(get_args(events.Event))
    counter(events.DaemonStopping(signal="SIGTERM"))
    counter(events.DaemonStopping(signal="SIGTERM"))
    samples = scraped(registry)["smppd_events_total"]
    assert samples[("daemon_stopping",)] == 2
    assert samples[("link_missing",)] == 0


def test_each_chat_channel_is_told_of(registry: CollectorRegistry) -> None:
    samples = scraped(registry)
    busy, idle = ("shop", "whatsapp", "100"), ("shop", "telegram", "7")
    assert samples["smppd_chat_received_total"] == {busy: 12, idle: 0}
    assert samples["smppd_chat_errors_total"] == {busy: 1, idle: 0}
    assert samples["smppd_chat_conversations"] == {busy: 3, idle: 0}
    assert samples["smppd_chat_last_poll_timestamp_seconds"] == {busy: 1_700_000_090.0, idle: 0}


def test_the_numbers_of_an_account_arrive_under_their_labels(figures: DaemonFigures) -> None:
    account = AccountFigures("afilnet", in_flight=3, queued=40, outcomes={"SUCCESS": 9, "E1": 2})
    account.unreachable_since = figures.now - 5
    account.seconds.observe(0.3)
    figures.accounts = [account, AccountFigures("second", paused="NO_CREDITS (smppd)")]
    registry = build_registry(lambda: figures)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    requests = "smppd_http_requests_total"
    assert value(requests, account="afilnet", outcome="SUCCESS") == 9
    assert value(requests, account="afilnet", outcome="E1") == 2
    assert value(requests, account="second", outcome="NO_ANSWER") == 0
    assert value("smppd_http_requests_in_flight", account="afilnet") == 3
    assert value("smppd_http_queued", account="afilnet") == 40
    assert value("smppd_http_request_seconds_count", account="afilnet") == 1
    assert value("smppd_http_account_unreachable", account="afilnet") == 1
    assert value("smppd_http_account_paused", account="afilnet") == 0
    assert value("smppd_http_account_paused", account="second") == 1
