"""The daemon: the lifetimes of its parts.

Read `Daemon.run` downwards for the order of starting and upwards for the order of stopping: each
level drains before the one around it stops, so that nothing is asked of a part that has gone.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial

import trio

from smppd import __version__
from smppd.app.accepting import telling_refusals
from smppd.app.announcing import Announcer
from smppd.app.bookkeeping import forget, keep_books, settled
from smppd.app.changing import Changed, Changing
from smppd.app.chronicle import Chronicle
from smppd.app.commands import Commands
from smppd.app.dispatching import Dispatching
from smppd.app.opening import CannotStartError, open_ground, operators_of
from smppd.app.parts import Parts
from smppd.app.reloading import Loaded, Reloading, Surround, Wanted
from smppd.app.succession import Succession
from smppd.app.surroundings import Surroundings
from smppd.app.survey import Survey
from smppd.app.watching import Watching
from smppd.config import Config, Mistake
from smppd.control import Arguments, Command, serve_control
from smppd.disk import JOURNAL
from smppd.events import DaemonStarted, DaemonStopped, DaemonStopping
from smppd.figures import DaemonFigures
from smppd.journal.schema import telling_what_is_broken
from smppd.message import State
from smppd.observe.live import Live
from smppd.observe.metrics import EventCounter, build_registry
from smppd.observe.observers import Observer, Observers
from smppd.observe.recent import Recent
from smppd.observe.status_page import pages
from smppd.observe.web import serve
from smppd.peers import LOOKING
from smppd.signals import HEEDED, RELOAD, take_noted


class Daemon:
    """One daemon: its parts, and their lifetimes.

    `passwords` by the names of links and accounts. Building it opens the journal and takes the
    locks, so use it as a context manager. Raises `CannotStartError`, `JournalError` or `AlreadyLocked`.
    """

    def __init__(
        self,
        config: Config,
        passwords: dict[str, str],
        observer: Observer,
        around: Surroundings | None = None,
    ) -> None:
        self._config = config
        self._passwords = passwords
        self._around = around or Surroundings()
        self._stack = ExitStack()
        self._events = EventCounter()
        self._recent = Recent(self._around.wall)
        self.emit = Observers(observer, self._events, self._recent).emit
        self._started = self._around.wall()
        self.stopping = False
        self.stop_requested = trio.Event()
        self._reload_wanted = trio.Event()

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.parts.config

    def __enter__(self) -> Daemon:
        began = time.perf_counter()
        with self._stack, telling_what_is_broken():
            around, stores = open_ground(self._config, self._around, self._stack)
            self.parts = Parts(
                self._config, self._passwords, self.emit, around, stores, self._stack
            )
            self._survey = Survey(self.parts, self._started)
            self._dispatch = Dispatching(self.parts)
            self._changing = Changing(self.parts, self._dispatch)
            self.announcer = Announcer(
                around.notifier, self._survey, self.parts.journal, self.parts.disk
            )
            stores.main.unheard()
            self._reloading = Reloading(
                Loaded(self._config, self._passwords),
                self.take_over,
                Surround(self.emit, around.wall, around.run_sync, self.announcer.reloading),
            )
            self._chronicle = Chronicle(
                self.parts.journal.note_command,
                stores.main.commanded.last(),
                around.wall,
                lambda: self.parts.disk.troubles.get(JOURNAL, ""),
            )
            self._watching = Watching(self.parts, self.emit, around.set_level)
            commands: dict[str, Command] = {
                "log-level": self._watching.command,
                "status": self._status,
                "reload": self._reload,
                **Commands(self.parts, self.emit).by_name(),
            }
            self.commands: dict[str, Command] = {
                name: each if name in LOOKING else self._chronicle.keeping(name, each)
                for name, each in commands.items()
            }
            self._stack.enter_context(telling_refusals(self.emit))
            self._stack = self._stack.pop_all()
        self._recovery_seconds = time.perf_counter() - began
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # ── running ──────────────────────────────────────────────────────────────────────────

    async def run(self, *, signals: bool = True) -> None:
        """Run until `stop_requested`, drain, and return when everything is on disk."""
        async with self._watched(), self._journaled(signals=signals), self._told():
            in_doubt = await self.parts.settlement.account_for_the_last_run()
            async with self._controlled(), self._published(), self._linked(), self._dispatching():
                async with self._spooling(), self._reloadable():
                    self._say_started(in_doubt)
                    self.announcer.started()
                    await self.stop_requested.wait()
                    began = time.perf_counter()
        self.emit(DaemonStopped(len(self.parts.ledger.accounts.held), time.perf_counter() - began))

    def request_stop(self, reason: str) -> None:
        """Begin to drain and stop."""
        self.stopping = True
        self.parts.disk.stop_waiting()
        self.emit(DaemonStopping(reason))
        ways = (*self.config.links, *self.config.accounts)
        drain = max((way.drain_timeout for way in ways), default=0.0)
        self.announcer.stopping(drain + self.config.events.drain_timeout)
        self.stop_requested.set()

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """The status page, /metrics, /healthz, /readyz: first up, last down, so that the drain can be seen."""
        async with trio.open_nursery() as nursery:
            if self.parts.config.observe.listen is not None:
                host, port = self.parts.config.observe.listen
                listen = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                registry = build_registry(self.figures, self._events)
                live = Live(self.figures, self._recent)
                nursery.start_soon(live.run)
                try:
                    await nursery.start(serve, listen, registry, self.unready, pages(live))
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
            await nursery.start(self.parts.journal.run)
            nursery.start_soon(settled, self.parts.journal.learn_keys)
            nursery.start_soon(keep_books, self.parts, self._survey.lateness, self._around.sum_up)
            nursery.start_soon(self.announcer.run)
            nursery.start_soon(forget, self.parts)
            if signals:
                nursery.start_soon(self._heed_signals)
            yield
            await self.parts.desk.checkpoint(final=True)
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def _told(self) -> AsyncIterator[None]:
        """Events leave until everything else is at rest, and then what can leave in time."""
        outlets = self.parts.outlets
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outlets.run)
            yield
            await self.parts.desk.commit()
            await outlets.drain(
                self.parts.ledger.accounts.seq, self.parts.config.events.drain_timeout
            )
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def _controlled(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            try:
                socket, operators = self.config.observe.control, operators_of(self.config)
                await nursery.start(serve_control, socket, self.commands, operators)
            except OSError as error:
                raise CannotStartError(
                    f"cannot open the control socket {self.parts.config.observe.control}: "
                    f"{error.strerror or error}: set [observe] "
                    "control to a place where a socket can be"
                ) from error
            yield
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def _published(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.parts.publication.run)
            nursery.start_soon(self.parts.ahead.run)
            nursery.start_soon(self.parts.progress.run)
            nursery.start_soon(self.parts.housekeeping.run)
            nursery.start_soon(self.parts.tracing.run)
            nursery.start_soon(settled, self.parts.unheard.run)
            if (stripper := self.parts.stripper) is not None:
                nursery.start_soon(settled, stripper.run)
            prune = partial(self.parts.pruner.run, self.parts.newest_base, self._facts)
            nursery.start_soon(settled, prune)
            yield
            nursery.cancel_scope.cancel()
        await self.parts.publication.publish_ready()

    @asynccontextmanager
    async def _linked(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            self._succession = Succession(nursery)
            for way in self.parts.ways:
                await self._succession.begin(way)
            yield
            self._succession.drain(self.parts.ways)

    @asynccontextmanager
    async def _dispatching(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            await nursery.start(self._dispatch.run)
            nursery.start_soon(self.parts.campaigns.run)
            nursery.start_soon(self.parts.overdue.run)
            nursery.start_soon(self.parts.inquiry.run)
            nursery.start_soon(self.parts.chat.run)
            nursery.start_soon(self.parts.over_http.run)
            yield
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def _spooling(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.parts.spool.run)
            async with trio.open_nursery() as taking:
                if self.parts.outgoing is not None:
                    taking.start_soon(self.parts.outgoing.run)
                yield
                taking.cancel_scope.cancel()
            self.parts.spool.close()

    @asynccontextmanager
    async def _reloadable(self) -> AsyncIterator[None]:
        """From here on everything runs, and can be changed."""
        async with trio.open_nursery() as nursery:
            self._beside = nursery
            self._reloading.open()
            nursery.start_soon(self._reload_on_signals)
            nursery.start_soon(self._watching.run)
            yield
            await self._reloading.close()
            nursery.cancel_scope.cancel()

    def _facts(self) -> int:
        return self.parts.ledger.accounts.seq

    # ── what runs beside ─────────────────────────────────────────────────────────────────

    def _say_started(self, in_doubt: int) -> None:
        for each in self._survey.missing():
            self.emit(each)
        accounts = self.parts.ledger.accounts
        self.emit(
            DaemonStarted(
                __version__,
                os.getpid(),
                accounts.counts[State.QUEUED],
                len(accounts.entries),
                in_doubt,
                self._recovery_seconds,
            )
        )

    async def _heed_signals(self) -> None:
        """Those that came before anybody could, too."""
        with trio.open_signal_receiver(*HEEDED) as received:
            for number in take_noted():
                self._heed(number)
            async for number in received:
                self._heed(number)

    def _heed(self, number: int) -> None:
        """SIGHUP reads the configuration again. Of the others the first one drains; a second one ends
        the process as it stands, which is safe."""
        if number == RELOAD:
            self._reload_wanted.set()
        elif self.stopping:
            os._exit(1)
        else:
            self.request_stop(signal.Signals(number).name)

    async def _reload_on_signals(self) -> None:
        while True:
            await self._reload_wanted.wait()
            self._reload_wanted = trio.Event()
            arguments: Arguments = {"who": signal.Signals(RELOAD).name}
            await self._chronicle.keep("reload", arguments, partial(self._reload, arguments))

    async def _reload(self, arguments: Arguments) -> Arguments:
        """Read the configuration again: what has "changed", or why it is "refused"."""
        found = await self._reloading.reload(str(arguments["who"]))
        refused = [str(each) for each in found if isinstance(each, Mistake)]
        changed = [str(each) for each in found if not isinstance(each, Mistake)]
        return {"changed": changed, "refused": refused}

    async def take_over(self, wanted: Wanted) -> list[Mistake]:
        """Have this in force, or say why that cannot be; then nothing has changed. Raises what the
        journal raises."""
        changed = await self._changing.take_over(wanted)
        if isinstance(changed, Mistake):
            return [changed]
        self._watching.change_usual(wanted.config.observe.log_level)
        self._watching.follow_links()
        self._succession.move(changed.moves)
        if changed.left:
            self._beside.start_soon(self._tell_left, changed)
        return []

    async def _tell_left(self, changed: Changed) -> None:
        """Say what waits for who is gone, and for routes that are, once nothing more comes back to them."""
        stay = {way.name for way in changed.moves.beginning}
        for way in changed.moves.draining:
            if way.name not in stay:
                await self._succession.wait_end(way.name)
        for each in self._survey.missing():
            if each.link in changed.left:
                self.emit(each)

    def figures(self) -> DaemonFigures:
        """Everything, at this moment."""
        return self._survey.figures(self._reloading.figures, stopping=self.stopping)

    def unready(self) -> list[str]:
        """What it lacks to do all its work, for people."""
        return self._survey.unready()

    async def _status(self, _: Arguments) -> DaemonFigures:
        return self.figures()
