"""A configuration taken over while everything runs: what is the same does not notice.

Between two lots nothing is taken from any queue, and only then anything changes, at once: pools, who feeds
from them, how messages are made and what is asked of them. A session is touched only where its link is
removed, or changed in what it is bound with: that link drains, and another takes its place.
"""

from __future__ import annotations

from typing import NamedTuple

from smppd.app.asking import cancel_terms
from smppd.app.dispatching import Dispatching
from smppd.app.parts import Parts, alphabets_of, turns_of
from smppd.app.reloading import Wanted
from smppd.config import Config, LinkConfig, bound_anew_for
from smppd.link.link import Link
from smppd.message import Lane
from smppd.pipeline.items import terms_of


class Moves(NamedTuple):
    """What is to end, and what is to begin, now that everything else is changed; and the pools from which
    nobody takes any more."""

    draining: list[Link]
    beginning: list[Link]
    left: list[str]


class Changing:
    """Changes the parts."""

    def __init__(self, parts: Parts, dispatching: Dispatching) -> None:
        self._parts = parts
        self._dispatching = dispatching

    async def take_over(self, wanted: Wanted) -> Moves:
        """On return it is in force. Raises what the journal raises."""
        parts, old, new = self._parts, self._parts.config, wanted.config
        pools = turns_of(new)
        unknown = [
            (pool, lane) for pool in pools for lane in Lane if (pool, lane) not in parts.lanes
        ]
        numbers = await parts.journal.enter_queues(unknown) if unknown else []
        async with self._dispatching.halted():
            parts.config = new
            parts.enter_queues(dict(zip(unknown, numbers, strict=True)))
            draining, beginning = self._change_links(old, wanted)
            left = self._change_pools()
            parts.join_pools()
            self._change_terms()
        return Moves(draining, beginning, left)

    # ── links ────────────────────────────────────────────────────────────────────────────────

    def _change_links(self, old: Config, wanted: Wanted) -> tuple[list[Link], list[Link]]:
        parts, sections = self._parts, {section.name: section for section in old.links}
        before = {link.name: link for link in parts.links}
        for fallback in parts.fallbacks:
            fallback.end()
        parts.links.clear()
        draining, beginning = list[Link](), list[Link]()
        for section in wanted.config.links:
            name, link, was = (
                section.name,
                before.pop(section.name, None),
                sections.get(section.name),
            )
            if link is None or was is None:
                link = parts.build_link(section, wanted.secrets[name])
                parts.introduce(section, link)
                beginning.append(link)
            elif name in wanted.secrets_changed or bound_anew_for(was, section):
                draining.append(link)
                link, other = parts.build_link(section, wanted.secrets[name]), link
                link.take_place_of(other)
                parts.introduce(section, link, anew=_named_otherwise(was, section))
                beginning.append(link)
            elif was != section:
                link.change(section)
                parts.introduce(section, link, anew=_named_otherwise(was, section))
            parts.links.append(link)
        for link in before.values():
            link.go()
        return [*draining, *before.values()], beginning

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

    def _change_terms(self) -> None:
        parts, config = self._parts, self._parts.config
        parts.keeping_back.change(config, parts.queues)
        for pool in parts.pools:
            for lane in pool.lanes:
                lane.unlearn()
        parts.space.change(config.spool.min_free)
        parts.admission.change(terms_of(config, parts.lanes))
        parts.cancellation.change(cancel_terms(config, parts.links))
        parts.inquiry.change(parts.asked)
        parts.alphabets.clear()
        parts.alphabets.update(alphabets_of(config))
        parts.heeding.change(config)
        parts.change_reports()


def _named_otherwise(was: LinkConfig, section: LinkConfig) -> bool:
    """Whether receipts of the link may name messages otherwise than they did."""
    return any(
        getattr(was, key) != getattr(section, key)
        for key in (
            "message_id_form",
            "user_message_reference",
            "hosts",
            "system_id",
            "smsc_account",
        )
    )
