"""Who is asked about messages that were taken, and which accounts stand in for links: built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import trio

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


class AskingOverHttp:
    """Has accounts asked about messages, by the name under which these are known: the account's that took
    them, or that of a link whose message_ids an account shares; an account is asked about its own even if
    no link's. `terms` are those of who is asked now."""

    def __init__(self, submissions: Submissions, emit: Emit) -> None:
        self._submissions = submissions
        self._emit = emit
        self._words: dict[str, Words] = {}
        self._statuses: dict[str, Statuses] = {}
        self._nursery: trio.Nursery | None = None
        self.terms: dict[str, QueryTerms] = {}

    def change(self, config: Config, accounts: Mapping[str, Account]) -> None:
        """Ask these from now on. Whoever is asked no more ends with the call under way."""
        before, self._statuses, self.terms = self._statuses, {}, {}
        self._change_words(config)
        for name, section in _asked(config):
            account, words = accounts[section.name], self._words[section.name]
            statuses = before.get(name)
            if statuses is not None and statuses.account is account:
                del before[name]
                statuses.lot = section.status_lot
            else:
                statuses = Statuses(name, account, section.status_lot, words, self._submissions)
                if self._nursery is not None:
                    self._nursery.start_soon(statuses.run)
            self._statuses[name], self.terms[name] = statuses, _terms(section, statuses)
        for statuses in before.values():
            statuses.leave()

    def _change_words(self, config: Config) -> None:
        before = self._words
        self._words = {
            each.name: before.get(each.name) or Words(each.name, self._emit) for each in config.http
        }
        for section in config.http:
            self._words[section.name].change(section.delivery_status)

    async def run(self) -> None:
        """Put questions until cancelled."""
        async with trio.open_nursery() as self._nursery:
            for statuses in self._statuses.values():
                self._nursery.start_soon(statuses.run)
            await trio.sleep_forever()


def _asked(config: Config) -> Iterator[tuple[str, HttpConfig]]:
    sections = {section.name: section for section in config.http if section.status_after}
    yield from sections.items()
    for link in config.links:
        if link.status_via in sections:
            yield link.name, sections[link.status_via]


def _terms(section: HttpConfig, statuses: Statuses) -> QueryTerms:
    return QueryTerms(
        statuses,
        section.status_after,
        held=section.status_lot,
        longest_pause=LONGEST_OF_ACCOUNT,
        most_answers=MOST_STATUSES,
        account=section.name,
    )


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
