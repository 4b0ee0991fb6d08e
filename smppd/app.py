"""The composition root: builds every part, introduces them, and nests their lifetimes.

Read `Daemon.run` downwards for the order of starting and upwards for the order of stopping: each
level drains before the one around it stops, so that nothing is asked of a part that has gone.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Any

import msgspec
import trio

from smppd import __version__
from smppd.config import Config, LinkConfig
from smppd.control import ControlRefused, serve_control
from smppd.events import (
    Cancelled,
    DaemonStarted,
    DaemonStopped,
    DaemonStopping,
    LinkMissing,
    Requeued,
)
from smppd.figures import DaemonFigures, LinkFigures, RouteFigures
from smppd.journal.journal import Journal
from smppd.journal.store import Store, open_reader, open_store
from smppd.ledger.facts import Fact
from smppd.ledger.ledger import Ledger
from smppd.link.link import Link
from smppd.link.supervisor import Connect
from smppd.locking import take_lock
from smppd.message import Lane, State
from smppd.observe.metrics import EventCounter, build_registry
from smppd.observe.observers import Observer, Observers
from smppd.observe.web import serve
from smppd.pipeline.admission import Admission, Terms
from smppd.pipeline.cancellation import Cancellation, CancelTerms, Wanted
from smppd.pipeline.desk import Desk
from smppd.pipeline.dispatch import Dispatcher
from smppd.pipeline.inquiry import Inquiry, QueryTerms
from smppd.pipeline.pools import Pool
from smppd.pipeline.publish import Publication
from smppd.pipeline.reconcile import Book
from smppd.pipeline.refusals import LinkTerms, Refusals
from smppd.pipeline.settlement import Settlement
from smppd.pipeline.turns import Turns
from smppd.policy import Retries
from smppd.ports import ReceiptOf
from smppd.results.mailbox import Mailbox, MailRules
from smppd.results.progress import ProgressWriter
from smppd.results.receipts import ReceiptLog
from smppd.results.report import Reporter
from smppd.spool.folders import prepare_root
from smppd.spool.inbox import IntakeRules
from smppd.spool.intake import RunSync
from smppd.spool.station import Spool

#: Seconds between two looks at whether the books need a checkpoint.
BOOKKEEPING = 0.25
#: Seconds between two rounds of forgetting what was indexed long ago.
FORGETTING = 3600.0


class CannotStartError(Exception):
    """The daemon cannot start; the text names the place and the cure."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the daemon stands on: the time for people (epoch seconds), a place for calls that
    block, and the way to an SMSC (None: as the link's section says). A test brings its own."""

    wall: Callable[[], float] = time.time
    run_sync: RunSync = trio.to_thread.run_sync
    connect: Connect | None = None


class Daemon:
    """One daemon: its parts, and their lifetimes.

    `passwords` by link name. Building it opens the journal and takes the locks, so use it as a
    context manager. Raises `CannotStartError`, `JournalError` or `AlreadyLocked`.
    """

    def __init__(
        self,
        config: Config,
        passwords: dict[str, str],
        observer: Observer,
        around: Surroundings | None = None,
    ) -> None:
        self.config = config
        self._passwords = passwords
        self._around = around or Surroundings()
        self._wall = self._around.wall
        self._stack = ExitStack()
        self._events = EventCounter()
        self.emit = Observers(observer, self._events).emit
        self.started = self._wall()
        self.stopping = False
        self.stop_requested = trio.Event()

    def __enter__(self) -> Daemon:
        began = time.perf_counter()
        root, path = self.config.spool.path, self.config.journal.path
        if (problem := prepare_root(root)) is not None:
            raise CannotStartError(problem)
        with self._stack:
            self._lock(root / ".lock", f"spool {root}", "[spool] path")
            self._lock(path.with_name(path.name + ".lock"), f"journal {path}", "[journal] path")
            store = self._stack.enter_context(closing(open_store(path)))
            reader = self._stack.enter_context(closing(open_reader(path)))
            self._build(store, reader)
            self._stack = self._stack.pop_all()
        self._recovery_seconds = time.perf_counter() - began
        return self

    def _lock(self, lock: Path, what: str, key: str) -> None:
        try:
            self._stack.enter_context(take_lock(lock, what))
        except OSError as error:
            raise CannotStartError(
                f"cannot lock {what} with {lock}: {error.strerror}: check {key} and permissions"
            ) from error

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # ── building ─────────────────────────────────────────────────────────────────────────

    def _build(self, store: Store, reader: Store) -> None:
        config, root = self.config, self.config.spool.path
        self.ledger = Ledger()
        self.ledger.accounts, recent = store.load()
        self.ledger.accounts.message_ids.conflicts.clear()  # those of earlier runs
        wall, run_sync = self._wall, self._around.run_sync
        self.journal = Journal(store, run_sync=run_sync)
        self.journal.load_filters()
        self.desk = Desk(self.ledger, recent, self.journal, wall)
        self.receipts = ReceiptLog(root / "receipts")
        self._stack.callback(self.receipts.close)
        self.receipts.append(_missed(store, self.receipts.recover()))
        self.mailbox = self._build_mailbox()
        self.refusals = Refusals(self.desk, self.emit, SystemRandom().random)
        self.settlement = Settlement(self.desk, self.receipts, self.mailbox, self.refusals)
        shares = {link.name: Turns([link.name]) for link in config.links} | {
            route.pool: Turns(route.links, route.weights, route.failover_after)
            for route in config.routing.routes
        }
        queues = {(pool, lane): store.enter_queue(pool, lane) for pool in shares for lane in Lane}
        self.queues = store.queues()
        self.pools = [
            Pool(self.desk, name, [queues[name, lane] for lane in Lane], turns, self.emit)
            for name, turns in shares.items()
        ]
        self.links = [self._build_link(link) for link in config.links]
        self._build_asking()
        self.dispatchers = [
            self._build_dispatcher(link, route)
            for link, route in zip(config.links, self.links, strict=True)
        ]
        terms = Terms(
            {link.name: link for link in config.links},
            queues,
            config.spool.default_country,
            config.spool.dedupe_window,
            config.routing.routes,
        )
        self.admission = Admission(self.desk, terms, self.emit)
        accounts = self.ledger.accounts
        self.publication = Publication(
            self.desk,
            Reporter(root, reader.items, run_sync),
            reader.all_waiting,
            self.emit,
            config.spool.report_after,
            self._forget_file,
        )
        self.progress = ProgressWriter(root / "work", accounts.files.values, wall)
        self.spool = self._build_spool()

    def _build_mailbox(self) -> Mailbox:
        config = self.config
        alphabets = {link.name: link.data_coding_0 for link in config.links}
        rules = MailRules(config.spool.reassembly_timeout, alphabets)
        mailbox = Mailbox(config.spool.path, self._wall, self.emit, rules, self._around.run_sync)
        mailbox.recover()
        return mailbox

    def _forget_file(self, token: str, name: str) -> None:
        self.admission.forget_file(token, name)
        self.spool.figures.reported += 1

    def _build_link(self, link: LinkConfig) -> Link:
        return Link(
            link,
            self._passwords[link.name],
            self.settlement,
            self.emit,
            wall=self._wall,
            connect=self._around.connect,
        )

    def _build_asking(self) -> None:
        """What has questions for the SMSCs, and hears what they say."""
        pairs = list(zip(self.config.links, self.links, strict=True))
        self.cancellation = Cancellation(
            self.desk,
            self.settlement.recall,
            {link.name: CancelTerms(route, link.cancel_sm) for link, route in pairs},
        )
        self.settlement.tell_of_replies(self.cancellation.heard)
        asked = {
            link.name: QueryTerms(route, link.query_after) for link, route in pairs if link.query_sm
        }
        self.inquiry = Inquiry(self.desk, asked, self.emit)
        self.settlement.tell_of_replies(self.inquiry.heard)

    def _build_dispatcher(self, link: LinkConfig, route: Link) -> Dispatcher:
        pools = [pool for pool in self.pools if link.name in pool.turns.links]
        dispatcher = Dispatcher(self.desk, route, pools)
        limits = Retries(link.max_attempts, link.retry_min, link.retry_max)
        book = Book(link.message_id_form, references=link.user_message_reference)
        self.settlement.introduce(link.name, book)
        self.refusals.introduce(link.name, LinkTerms(limits, link.status, route))
        return dispatcher

    def _build_spool(self) -> Spool:
        section = self.config.spool
        rules = IntakeRules(section.poll_interval, section.settle, section.max_line)
        return Spool(
            section.path,
            self.admission,
            self.emit,
            rules=rules,
            wall=self._wall,
            run_sync=self._around.run_sync,
        )

    # ── running ──────────────────────────────────────────────────────────────────────────

    async def run(self, *, signals: bool = True) -> None:
        """Run until `stop_requested`, drain, and return when everything is on disk."""
        async with self._watched(), self._journaled(signals=signals):
            in_doubt = await self.settlement.account_for_the_last_run()
            async with self._controlled(), self._published(), self._linked(), self._dispatching():
                async with self._spooling():
                    self._say_started(in_doubt)
                    await self.stop_requested.wait()
                    began = time.perf_counter()
        self.emit(DaemonStopped(len(self.ledger.accounts.held), time.perf_counter() - began))

    def request_stop(self, reason: str) -> None:
        """Begin to drain and stop."""
        self.stopping = True
        self.emit(DaemonStopping(reason))
        self.stop_requested.set()

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """/metrics, /healthz and /readyz: first up, last down, so that the drain can be seen."""
        async with trio.open_nursery() as nursery:
            if self.config.observe.listen is not None:
                host, port = self.config.observe.listen
                listen = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                registry = build_registry(self.figures, self._events)
                try:
                    await nursery.start(serve, listen, registry, self._unready)
                except OSError as error:
                    raise CannotStartError(
                        f"cannot listen on {listen}: {error.strerror or error}: set [observe] "
                        'listen to a free address, or to "" for none'
                    ) from error
            yield
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def _journaled(self, *, signals: bool) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.journal.run)
            nursery.start_soon(self._keep_books)
            if signals:
                nursery.start_soon(self._heed_signals)
            yield
            await self.desk.checkpoint(final=True)
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def _controlled(self) -> AsyncIterator[None]:
        commands: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "status": self._status,
            "requeue": self._requeue,
            "cancel": self._cancel,
            "pause": self._pause,
            "resume": self._resume,
        }
        async with trio.open_nursery() as nursery:
            try:
                await nursery.start(serve_control, self.config.observe.control, commands)
            except OSError as error:
                raise CannotStartError(
                    f"cannot open the control socket {self.config.observe.control}: "
                    f"{error.strerror or error}: set [observe] "
                    "control to a place where a socket can be"
                ) from error
            yield
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def _published(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.publication.run)
            nursery.start_soon(self.progress.run)
            yield
            nursery.cancel_scope.cancel()
        await self.publication.publish_ready()

    @asynccontextmanager
    async def _linked(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            for link in self.links:
                await nursery.start(link.run)
            yield
            for link in self.links:
                nursery.start_soon(link.drain)

    @asynccontextmanager
    async def _dispatching(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            for dispatcher in self.dispatchers:
                nursery.start_soon(dispatcher.run)
            nursery.start_soon(self.inquiry.run)
            yield
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def _spooling(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.spool.run)
            yield
            self.spool.close()

    # ── what runs beside ─────────────────────────────────────────────────────────────────

    def _say_started(self, in_doubt: int) -> None:
        counts = self.ledger.accounts.counts
        for pool, queued in self._queued_without_link().items():
            kind, _, route = pool.partition(":")
            section = f'[[routing.route]] name = "{route}"' if route else f"[link.{kind}]"
            hint = f"put {section} back into the configuration: they stay queued until then"
            self.emit(LinkMissing(pool, queued, hint))
        self.emit(
            DaemonStarted(
                __version__,
                os.getpid(),
                counts[State.QUEUED],
                len(self.ledger.accounts.entries),
                in_doubt,
                self._recovery_seconds,
            )
        )

    def _queued_without_link(self) -> dict[str, int]:
        """How many messages wait for each link or route that is not configured."""
        configured, waiting = {pool.name for pool in self.pools}, Counter[str]()
        for number, (pool, _) in self.queues.items():
            if pool not in configured:
                waiting[pool] += self.ledger.accounts.queue(number).queued
        return dict(+waiting)

    async def _keep_books(self) -> None:
        forget_at = trio.current_time()
        while True:
            if self.desk.checkpoint_due():
                await self.desk.checkpoint()
            if trio.current_time() >= forget_at:
                await self.desk.forget(self.config.spool.dedupe_window)
                forget_at = trio.current_time() + FORGETTING
            await self.mailbox.tend()
            await trio.sleep(BOOKKEEPING)

    async def _heed_signals(self) -> None:
        """The first signal drains; a second one ends the process as it stands, which is safe."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as received:
            async for number in received:
                if self.stopping:
                    os._exit(1)
                self.request_stop(signal.Signals(number).name)

    # ── answering ────────────────────────────────────────────────────────────────────────

    def figures(self) -> DaemonFigures:
        """Everything, at this moment."""
        accounts = self.ledger.accounts
        lanes = {lane.name.lower(): 0 for lane in Lane}
        for queue in accounts.queues.values():
            lanes[self.queues[queue.number][1].name.lower()] += queue.queued
        files = accounts.files.values()
        waiting = [file.opened for file in files if file.states[State.QUEUED] > file.scheduled]
        return DaemonFigures(
            version=__version__,
            pid=os.getpid(),
            started=self.started,
            now=self._wall(),
            stopping=self.stopping,
            accepted=accounts.accepted,
            states={state.label: accounts.counts[state] for state in State},
            queued_by_lane=lanes,
            oldest_queued=min(waiting, default=None),
            open_files=len(accounts.files),
            parked_receipts=len(accounts.shelf),
            unmatched_receipts=accounts.unmatched,
            links=self._link_figures(),
            journal=self.journal.figures,
            spool=self.spool.figures,
            scheduled=len(accounts.agenda),
            oldest_parked=accounts.shelf.oldest(),
            routes=self._route_figures(),
        )

    def _route_figures(self) -> list[RouteFigures]:
        queued = {
            pool.name: sum(self.ledger.accounts.queue(lane.number).queued for lane in pool.lanes)
            for pool in self.pools
        }
        turns, now = {pool.name: pool.turns for pool in self.pools}, trio.current_time()
        return [
            RouteFigures(
                route.name,
                queued[route.pool],
                list(route.links),
                [link for link in route.links if turns[route.pool].is_out(link, now)],
            )
            for route in self.config.routing.routes
        ]

    def _link_figures(self) -> list[LinkFigures]:
        """Each link's figures, with what only the accounts and its dispatcher know."""
        paused, found = self.ledger.accounts.paused, []
        for link, dispatcher in zip(self.links, self.dispatchers, strict=True):
            figures = link.figures()
            figures.matching = self.settlement.matching(link.name)
            pause = paused.get(link.name)
            figures.paused = f"{pause.reason} ({pause.who})" if pause else ""
            if figures.limited_by == "nothing queued" and dispatcher.has_work:
                figures.limited_by = "journal"
            found.append(figures)
        return found

    def _unready(self) -> list[str]:
        return [line for link in self._link_figures() if (line := link.unready)]

    async def _status(self, _arguments: dict[str, Any]) -> DaemonFigures:
        return self.figures()

    async def _requeue(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Requeue these msg_ids, or with "all" every message held as unknown."""
        held = self.ledger.accounts.held
        wanted = list(held) if arguments.get("all") else [int(n) for n in arguments["msg_ids"]]
        who = str(arguments["who"])
        done = await self.desk.requeue(wanted, who)
        if done:
            self.emit(Requeued(len(done), who))
        return {"requeued": len(done), "not_unknown": len(wanted) - len(done)}

    async def _cancel(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Cancel "messages" (msg_id, receipt keys), giving SMSCs "patience" seconds to answer."""
        wanted = msgspec.convert(arguments["messages"], list[Wanted])
        who = str(arguments["who"])
        fates = await self.cancellation.cancel(wanted, who, float(arguments["patience"]))
        if done := sum(fate.cancelled for fate in fates):
            self.emit(Cancelled(done, who))
        return {"messages": fates}

    async def _pause(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Pause these links, or with "all" every one."""
        names, who = self._chosen_links(arguments), str(arguments["who"])
        reason = str(arguments.get("reason") or "paused by hand")
        done = [name for name in names if self.refusals.pause(name, reason, who)]
        await self.desk.commit()
        return {"paused": done, "unchanged": [name for name in names if name not in done]}

    async def _resume(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Resume these links, or with "all" every one that is paused."""
        names, who = self._chosen_links(arguments), str(arguments["who"])
        done = [name for name in names if self.refusals.resume(name, who)]
        await self.desk.commit()
        return {"resumed": done, "unchanged": [name for name in names if name not in done]}

    def _chosen_links(self, arguments: dict[str, Any]) -> list[str]:
        """The links that a command names; one that is not configured any more may be paused."""
        known = dict.fromkeys([*(link.name for link in self.links), *self.ledger.accounts.paused])
        if arguments.get("all"):
            return list(known)
        chosen = [str(name) for name in arguments["links"]]
        for name in chosen:
            if name not in known:
                raise ControlRefused(f"there is no link {name}; there are {', '.join(known)}")
        return chosen


def _missed(store: Store, seq: int) -> Iterator[ReceiptOf]:
    """The receipts that a crash kept from their log."""
    for fact in list(store.receipts(seq)):
        yield _with_message(store, fact)


def _with_message(store: Store, fact: Fact) -> ReceiptOf:
    if fact.msg is None:
        return ReceiptOf(fact, None, None)
    row = store.read_messages([fact.msg])[0]
    return ReceiptOf(fact, row.client_id, row.message.to)
