"""The survey: how everything stands at one moment, for `status`, /metrics and the status page."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress

import trio

from smppd import __version__
from smppd.app.lateness import Lateness
from smppd.app.oldest import OldestQueued
from smppd.app.parts import Parts
from smppd.app.summary import Summary
from smppd.disk import JOURNAL
from smppd.events import LinkMissing
from smppd.figures import (
    AccountFigures,
    CapFigures,
    ConfigFigures,
    DaemonFigures,
    JournalFigures,
    LinkFigures,
    RoomFigures,
    RouteFigures,
)
from smppd.message import Lane, State

#: What is said to limit a link as long as the journal does not.
_UNDER_WAY = frozenset({"nothing queued", "rate", "window", "throttling", "congestion", "latency"})

#: Open campaigns that are told of one by one, at most.
CAMPAIGNS_SHOWN = 20


class Survey:
    """Asks the parts. `started` is when the daemon did, in epoch seconds."""

    def __init__(self, parts: Parts, started: float) -> None:
        self._parts = parts
        self._accounts = parts.ledger.accounts
        self._started = started
        #: By how much the event loop is behind.
        self.lateness = Lateness()
        self._oldest = OldestQueued(self._accounts)

    def figures(self, configuration: ConfigFigures, *, stopping: bool) -> DaemonFigures:
        """Everything, at this moment."""
        accounts, parts = self._accounts, self._parts
        lanes = {lane.name.lower(): 0 for lane in Lane}
        for queue in accounts.queues.values():
            lanes[parts.queues[queue.number][1].name.lower()] += queue.queued
        oldest = self._oldest.by_lane([lane for lane in Lane if lanes[lane.name.lower()]])
        return DaemonFigures(
            version=__version__,
            pid=os.getpid(),
            started=self._started,
            now=parts.desk.wall(),
            stopping=stopping,
            accepted=accounts.accepted,
            states={state.label: accounts.counts[state] for state in State},
            queued_by_lane=lanes,
            oldest_queued=min(oldest.values(), default=None),
            open_files=len(accounts.files),
            parked_receipts=len(accounts.shelf),
            unmatched_receipts=accounts.unmatched,
            links=self._links(),
            journal=self._journal(),
            spool=parts.spool.figures,
            scheduled=len(accounts.agenda),
            oldest_parked=accounts.shelf.oldest(),
            routes=self._routes(),
            chats=parts.chat.figures(),
            accounts=self._http_accounts(),
            optouts=parts.opt_outs.counted(),
            cap=CapFigures() if parts.cap is None else parts.cap.figures,
            outlets=parts.outlets.figures(accounts.seq),
            fallbacks=[each for way in parts.fallbacks for each in way.figures()],
            places=parts.housekeeping.figures(),
            disk=dict(parts.disk.troubles),
            campaigns=parts.progress.campaigns(CAMPAIGNS_SHOWN),
            loop=self.lateness.figures(),
            configuration=configuration,
            oldest_by_lane=oldest,
            balance=accounts.balance,
            traces=parts.tracing.figures(),
            rooms=self._rooms(),
            damaged=self._damaged(),
            more_campaigns=parts.progress.campaigns_beyond(CAMPAIGNS_SHOWN),
        )

    def _rooms(self) -> list[RoomFigures]:
        """Of the filesystems of spool and journal; one that cannot be asked is left out."""
        spool, found = self._parts.config.spool, dict[int, RoomFigures]()
        for place in (spool.path, self._parts.config.journal.path.parent):
            with suppress(OSError):
                told, device = os.statvfs(place), place.stat().st_dev
                size, free = told.f_blocks * told.f_frsize, told.f_bavail * told.f_frsize
                found.setdefault(device, RoomFigures(str(place), size, free, spool.min_free))
        return list(found.values())

    def _damaged(self) -> dict[str, str]:
        """What waits because the journal is damaged, and why."""
        files = self._accounts.files
        unreadable = self._parts.publication.unreadable.items()
        found = {f"results of {files[each].name}": how.why for each, how in unreadable}
        found |= self._parts.campaigns.unreadable
        for pool in self._parts.pools:
            for lane, queue in zip(Lane, pool.lanes, strict=True):
                if queue.damage:
                    found[f"messages of lane {lane.name.lower()} of {pool.name}"] = queue.damage
        return found

    def _journal(self) -> JournalFigures:
        """Its figures, with what only its file and whoever prunes it know."""
        figures, pruner = self._parts.journal.figures, self._parts.pruner
        path = self._parts.config.journal.path
        figures.octets = sum(
            each.stat().st_size
            for each in (path, path.with_name(path.name + "-wal"))
            if each.exists()
        )
        figures.waiting = self._parts.journal.waiting
        figures.removed = self._parts.removed_before
        figures.removed += pruner.messages
        figures.to_look_at = pruner.left
        return figures

    def _routes(self) -> list[RouteFigures]:
        pools, now = {pool.name: pool for pool in self._parts.pools}, trio.current_time()
        return [
            RouteFigures(
                route.name,
                sum(self._accounts.queue(lane.number).queued for lane in pools[route.pool].lanes),
                list(route.links),
                [link for link in route.links if pools[route.pool].turns.is_out(link, now)],
            )
            for route in self._parts.config.routing.routes
        ]

    def _links(self) -> list[LinkFigures]:
        """Each link's figures, with what only the accounts and its dispatcher know."""
        parts, found, now = self._parts, [], trio.current_time()
        stuck = JOURNAL in parts.disk.troubles
        for link, dispatcher in zip(parts.links, parts.dispatchers, strict=False):
            figures = link.figures()
            figures.matching = parts.settlement.matching(link.name)
            figures.paused = self._paused(link.name)
            since = link.unbound_since
            figures.unbound_since = None if since is None else parts.desk.wall() - now + since
            figures.retries = parts.refusals.retries(link.name)
            idle = figures.limited_by == "nothing queued" and dispatcher.has_work
            if idle or (stuck and figures.limited_by in _UNDER_WAY):
                figures.limited_by = "journal"
            found.append(figures)
        return found

    def _paused(self, name: str) -> str:
        """Why a link or an account is paused; empty when it is not."""
        pause = self._accounts.paused.get(name)
        return f"{pause.reason} ({pause.who})" if pause else ""

    def _http_accounts(self) -> list[AccountFigures]:
        """Each account's figures, with what only the ledger knows."""
        parts, found = self._parts, []
        for name, account in parts.accounts.items():
            figures = account.figures()
            figures.paused = self._paused(name)
            queues = [self._accounts.queue(parts.lanes[name, lane]) for lane in Lane]
            figures.queued = sum(queue.queued for queue in queues)
            found.append(figures)
        return found

    def summary(self) -> Summary:
        """In short, for the service manager."""
        links, counts = self._links(), self._accounts.counts
        return Summary(
            links=len(links),
            missing=[link.name for link in links if link.missing and not link.paused],
            bound=sum(not link.missing for link in links),
            queued=counts[State.QUEUED],
            sending=counts[State.SENDING],
            unready=self.unready(),
            done=self._accounts.seq,
            damaged=list(self._damaged()),
        )

    def unready(self) -> list[str]:
        """What the disk and the links lack to do all their work, for people.

        Accounts have no say in it: a provider of HTTP APIs that does not answer holds up only its
        own calls, and nobody is to take SMPP out of service for that. Without any link they have.
        """
        disk = [f"{what} cannot go on: {why}" for what, why in self._parts.disk.troubles.items()]
        if self._parts.links:
            return disk + [line for link in self._links() if (line := link.unready)]
        return disk + [line for each in self._http_accounts() if (line := each.unready)]

    def missing(self) -> list[LinkMissing]:
        """The links and routes that have messages queued and are not configured."""
        configured, waiting = {pool.name for pool in self._parts.pools}, Counter[str]()
        for number, (pool, _) in self._parts.queues.items():
            if pool not in configured:
                waiting[pool] += self._accounts.queue(number).queued
        return [_missing(pool, queued) for pool, queued in (+waiting).items()]


def _missing(pool: str, queued: int) -> LinkMissing:
    kind, _, route = pool.partition(":")
    section = f'[[routing.route]] name = "{route}"' if route else f"[link.{kind}]"
    if route and kind in ("http", "contacts"):
        section = f"[{kind}.{route}]"
    hint = f"put {section} back into the configuration: they stay queued until then"
    return LinkMissing(pool, queued, hint)
