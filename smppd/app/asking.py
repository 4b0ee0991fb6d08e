"""Who is asked about messages that were taken, and which accounts stand in for links: built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from smppd.config import Config, HttpConfig, LinkConfig
from smppd.events import Emit
from smppd.httpapi.account import Account
from smppd.httpapi.statuses import Statuses, Words
from smppd.link.link import Link
from smppd.message import Lane
from smppd.pipeline.cancellation import CancelTerms
from smppd.pipeline.desk import Desk
from smppd.pipeline.detour import Detour, FallbackTerms
from smppd.pipeline.fallback import Fallback
from smppd.pipeline.pools import Pool
from smppd.pipeline.query_terms import LONGEST_OF_ACCOUNT, MOST_STATUSES, QueryTerms
from smppd.ports import Submissions


def query_terms(config: Config, links: Sequence[Link]) -> dict[str, QueryTerms]:
    """The terms of the links whose SMSC answers query_sm."""
    return {
        section.name: QueryTerms(link, section.query_after)
        for section, link in zip(config.links, links, strict=True)
        if section.query_sm
    }


def cancel_terms(config: Config, links: Sequence[Link]) -> dict[str, CancelTerms]:
    """Whom to ask to take messages back, and whether any message."""
    return {
        section.name: CancelTerms(link, section.cancel_sm)
        for section, link in zip(config.links, links, strict=True)
    }


def build_statuses(
    config: Config, accounts: Mapping[str, Account], submissions: Submissions, emit: Emit
) -> dict[str, tuple[QueryTerms, Statuses]]:
    """By the name under which messages are known: the account's that took them, or that of a link
    whose message_ids an account shares; an account is asked about its own even if no link's."""
    words = {section.name: Words(section, emit) for section in config.http}
    return {
        name: _terms(name, section, accounts[section.name], words[section.name], submissions)
        for name, section in _asked(config)
    }


def _asked(config: Config) -> Iterator[tuple[str, HttpConfig]]:
    sections = {section.name: section for section in config.http if section.status_after}
    yield from sections.items()
    for link in config.links:
        if link.status_via in sections:
            yield link.name, sections[link.status_via]


def _terms(
    name: str, section: HttpConfig, account: Account, words: Words, submissions: Submissions
) -> tuple[QueryTerms, Statuses]:
    statuses = Statuses(name, account, section.status_lot, words, submissions)
    terms = QueryTerms(
        statuses,
        section.status_after,
        held=section.status_lot,
        longest_pause=LONGEST_OF_ACCOUNT,
        most_answers=MOST_STATUSES,
        account=section.name,
    )
    return terms, statuses


# ── standing in ──────────────────────────────────────────────────────────────────────────────


def build_fallbacks(
    config: Config,
    links: Sequence[Link],
    pools: Sequence[Pool],
    accounts: Mapping[str, Account],
    desk: Desk,
    emit: Emit,
) -> list[Fallback]:
    """One for each account over which links fall back. A route does when all its links do, over
    the account of the first."""
    sections = {section.name: section for section in config.links if section.fallback_after}
    terms = {
        link.name: _fallback(sections[link.name], link) for link in links if link.name in sections
    }
    by_account: dict[str, list[Detour]] = {}
    for pool in pools:
        chosen = [terms[name] for name in pool.turns.links if name in terms]
        if len(chosen) == len(pool.turns.links):
            first = sections[pool.turns.links[0]]
            by_account.setdefault(first.fallback_via or config.http[0].name, []).append(
                Detour(desk, pool, chosen)
            )
    senders = {section.name: section.from_ for section in config.http}
    return [
        Fallback(desk, accounts[name], senders[name], detours, emit)
        for name, detours in by_account.items()
    ]


def _fallback(section: LinkConfig, link: Link) -> FallbackTerms:
    lanes = frozenset(Lane[each.upper()] for each in section.fallback_priorities)
    return FallbackTerms(link, section.fallback_after, lanes, section.from_)
