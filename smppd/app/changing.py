"""A configuration taken over while everything runs: what is the same does not notice.

Between two lots nothing is taken from any queue, and only then anything changes, at once: pools, who feeds
from them, how messages are made and what is asked of them. A session is touched only where its link is
removed, or changed in what it is bound with: that link drains, and another takes its place. Accounts and
outlets that stay change in place. What may still fail, or takes long, is prepared before.
"""

from __future__ import annotations

from typing import NamedTuple

from smppd.app.asking import cancel_terms
from smppd.app.dispatching import Dispatching
from smppd.app.keeping import ages_of, places_of
from smppd.app.parts import Parts, alphabets_of, turns_of
from smppd.app.reloading import Wanted
from smppd.app.succession import Moves
from smppd.config import Config, Mistake
from smppd.message import Lane
from smppd.pipeline.items import terms_of


class Changed(NamedTuple):
    """Who is to end and to begin, now that everything else is changed; and the pools from which nobody
    takes any more."""

    moves: Moves
    left: list[str]


class Changing:
    """Changes the parts."""

    def __init__(self, parts: Parts, dispatching: Dispatching) -> None:
        self._parts = parts
        self._dispatching = dispatching

    async def take_over(self, wanted: Wanted) -> Changed | Mistake:
        """On return it is in force, or nothing has changed. Raises what the journal raises."""
        parts, old, new = self._parts, self._parts.config, wanted.config
        await parts.http.prepare(new)
        begun = await parts.telling.prepare(new, wanted.secrets)
        if isinstance(begun, Mistake):
            return begun
        known = set(parts.queues.values())
        unknown = [
            (pool, lane) for pool in turns_of(new) for lane in Lane if (pool, lane) not in known
        ]
        numbers = await parts.journal.enter_queues(unknown) if unknown else []
        async with self._dispatching.halted():
            parts.config = new
            parts.enter_queues(dict(zip(unknown, numbers, strict=True)))
            for fallback in parts.fallbacks:
                fallback.end()
            links, accounts = parts.linking.change(old, wanted), parts.http.change(old, wanted)
            left = self._change_pools()
            parts.join_pools()
            self._change_terms(old)
            parts.telling.change(new, wanted.secrets, begun, parts.ledger.accounts.seq)
        moves = Moves(links.draining + accounts.draining, links.beginning + accounts.beginning)
        return Changed(moves, left)

    # ── pools ────────────────────────────────────────────────────────────────────────────────

    def _change_pools(self) -> list[str]:
        """Those from which nobody takes any more."""
        parts = self._parts
        before = {pool.name: pool for pool in parts.pools}
        parts.pools.clear()
        for name, turns in turns_of(parts.config).items():
            pool = before.pop(name, None)
            if pool is None:
                pool = parts.build_pool(name, turns)
            else:
                pool.change(pool.turns if pool.turns.is_like(turns) else turns)
            parts.pools.append(pool)
        for pool in before.values():
            pool.leave()
        return list(before)

    # ── what is asked of messages ────────────────────────────────────────────────────────────

    def _change_terms(self, old: Config) -> None:
        parts, config = self._parts, self._parts.config
        parts.keeping_back.change(config, parts.queues)
        for pool in parts.pools:
            for lane in pool.lanes:
                lane.unlearn()
        parts.pruner.change(ages_of(config))
        if config.retention != old.retention:
            parts.housekeeping.change(places_of(config))
        parts.space.change(config.spool.min_free)
        parts.admission.change(terms_of(config, parts.lanes))
        parts.cancellation.change(cancel_terms(config, parts.links))
        parts.over_http.change(config, parts.accounts)
        parts.inquiry.change(parts.asked)
        parts.alphabets.clear()
        parts.alphabets.update(alphabets_of(config))
        parts.heeding.change(config)
        parts.change_reports()
