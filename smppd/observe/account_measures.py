"""The metrics of accounts at the provider's HTTP APIs: a table.

Labels are bounded: accounts and outcomes, never a message or a number.
"""

from __future__ import annotations

from collections.abc import Callable

from smppd.figures import AccountFigures, DaemonFigures
from smppd.observe.measuring import Durations, Measure, Samples, bounded
from smppd.provider.answers import NO_ANSWER, NOT_SENT, SUCCESS


def _requests(figures: DaemonFigures) -> Samples:
    for account in figures.accounts:
        # Always there, so that an alert finds a 0 and not an absent series.
        counts = dict.fromkeys((SUCCESS, NO_ANSWER, NOT_SENT), 0) | account.outcomes
        for outcome, count in bounded(counts, str):
            yield (account.name, outcome), count


def _each(name: str, text: str, read: Callable[[AccountFigures], float]) -> Measure:
    return Measure(
        name,
        text,
        ("account",),
        lambda figures: [((each.name,), read(each)) for each in figures.accounts],
    )


ACCOUNT_MEASURES: tuple[Measure, ...] = (
    Measure(
        "smppd_http_requests_total",
        "Calls of the provider's HTTP APIs by what came of them: SUCCESS, an error code, NO_ANSWER, or"
        " NOT_SENT.",
        ("account", "outcome"),
        _requests,
    ),
    _each(
        "smppd_http_requests_in_flight",
        "Calls under way.",
        lambda account: account.in_flight,
    ),
    _each(
        "smppd_http_queued",
        "Messages queued for an account.",
        lambda account: account.queued,
    ),
    _each(
        "smppd_http_account_paused",
        "1 while an account calls nothing until it is resumed.",
        lambda account: bool(account.paused),
    ),
    _each(
        "smppd_http_account_unreachable",
        "1 while an account's provider does not answer.",
        lambda account: account.unreachable_since is not None,
    ),
    Measure(
        "smppd_fallback_active",
        "1 for each link or route that is down and whose messages go over an account instead.",
        ("account", "what"),
        lambda figures: [((each.account, each.what), 1) for each in figures.fallbacks],
    ),
)

ACCOUNT_DURATIONS: tuple[Durations, ...] = (
    Durations(
        "smppd_http_request_seconds",
        "How long calls of the provider's HTTP APIs took, answered or not.",
        ("account",),
        lambda figures: [((account.name,), account.seconds) for account in figures.accounts],
    ),
)
