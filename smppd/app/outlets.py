"""The outlets, built: the stream of events, webhooks and hooks, each behind its cursor.

Nothing is read, and nobody is woken, where none is configured.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from functools import partial
from random import SystemRandom
from typing import Any, NamedTuple

from smppd.config import Config, HookConfig, WebhookConfig, account_tls
from smppd.config.outlets import EVENTS
from smppd.events import Emit, OutletGap
from smppd.journal.journal import Journal
from smppd.journal.log import LogReader
from smppd.journal.store import Batch, Store, open_reader
from smppd.outlets import smstools
from smppd.outlets.aside import Undelivered
from smppd.outlets.hook import Hook
from smppd.outlets.outlet import Outlet, Outlets, Sink, Terms, World
from smppd.outlets.smstools import Papers
from smppd.outlets.source import Source
from smppd.outlets.stream import Rotation, Stream, StreamFiles

#: The name of the stream's cursor.
STREAM = "stream"
#: The name of the cursor of what becomes of smstools' files.
SMSTOOLS = "smstools"
#: The stream's files say themselves how far it has come: its cursor is for whoever prunes the log.
_SAVE_STREAM_EVERY = 1.0


class Surrounding(NamedTuple):
    """What they need of the daemon: `wall` gives epoch seconds."""

    emit: Emit
    wall: Callable[[], float]
    run_sync: Callable[..., Awaitable[Any]]


def cursor_names(config: Config) -> list[str]:
    """The cursors of what is configured: facts that these have not passed must stay."""
    names = [STREAM] if config.events.stream else []
    names += [SMSTOOLS] if config.spool.compat else []
    names += [f"webhook:{each.name}" for each in config.webhooks]
    return names + [f"hook:{each.name}" for each in config.hooks]


def build_outlets(
    config: Config,
    secrets: Mapping[str, str],
    store: Store,
    journal: Journal,
    around: Surrounding,
    papers: Papers | None = None,
) -> Outlets:
    """All that are configured; `secrets` by the names of webhooks, `papers` for the folders of
    smstools. One that is new begins with what happens from now on. Raises `JournalError`, and OSError where `events/` cannot be used."""
    names = cursor_names(config)
    if not names:
        return Outlets((), lambda: None)
    with ExitStack() as opened:
        log = LogReader(open_reader(config.journal.path))
        opened.callback(log.close)
        cursors = _cursors(names, store, log)
        building = _Building(config, journal, around, log, cursors)
        building.papers = papers
        outlets = building.build(secrets, opened)
        for each in outlets:
            _say_gap(each.name, cursors[each.name], log.oldest(), around.emit)
        found = Outlets(outlets, opened.pop_all().close)
    journal.on_facts(found.wake)
    return found


def _cursors(names: list[str], store: Store, log: LogReader) -> dict[str, int]:
    """Where each goes on, or begins: that is on disk before anything else happens."""
    known, head = store.cursors.all(), log.head()
    new = {name: head for name in names if name not in known}
    if new:
        store.commit(Batch(cursors=new))
    return {name: known.get(name, head) for name in names}


def _say_gap(name: str, cursor: int, oldest: int, emit: Emit) -> None:
    gone = oldest - cursor - 1
    if cursor and gone > 0:
        hint = "they were removed while it was not configured: look into done/ for results"
        emit(OutletGap(name, gone, hint))


class _Building:
    def __init__(
        self,
        config: Config,
        journal: Journal,
        around: Surrounding,
        log: LogReader,
        cursors: dict[str, int],
    ) -> None:
        self._config = config
        self._around = around
        self.papers: Papers | None = None
        self._log = log
        self._cursors = cursors
        self._folder = config.spool.path / "events"
        source = Source(log, around.run_sync)
        chance = SystemRandom().random
        self._world = World(source, journal, around.emit, around.wall, chance)

    def build(self, secrets: Mapping[str, str], opened: ExitStack) -> list[Outlet]:
        """Each with its way out."""
        outlets = []
        if self._config.events.stream:
            outlets.append(self._stream(opened))
        outlets += [self._webhook(each, secrets) for each in self._config.webhooks]
        outlets += [self._hook(each) for each in self._config.hooks]
        if self.papers is not None:
            outlets.append(self._smstools(self.papers))
        return outlets

    def _webhook(self, section: WebhookConfig, secrets: Mapping[str, str]) -> Outlet:
        from smppd.exchange import Exchange, Limits  # noqa: PLC0415 - only where it is needed
        from smppd.outlets.webhook import Webhook  # noqa: PLC0415 - see above

        name = f"webhook:{section.name}"
        limits, url = Limits(section.timeout, 1), f"the url of [webhook.{section.name}]"
        exchange = Exchange(limits, partial(account_tls, section), url=url)
        sink = Webhook(section.url, secrets[name], exchange, section.batch, self._around.wall)
        terms = Terms(
            frozenset(section.events),
            section.content,
            section.retry_min,
            section.retry_max,
            section.give_up_after,
        )
        return self._outlet(name, sink, terms, self._aside(name))

    def _hook(self, section: HookConfig) -> Outlet:
        name = f"hook:{section.name}"
        aside = self._aside(name)
        terms = Terms(
            frozenset(section.events), section.content, section.retry_min, section.retry_max
        )
        return self._outlet(name, Hook(section, aside, self._world.chance), terms, aside)

    def _smstools(self, papers: Papers) -> Outlet:
        terms = Terms(smstools.EVENTS, content=True, retry_max=30.0)
        return self._outlet(SMSTOOLS, papers, terms, self._aside(SMSTOOLS))

    def _stream(self, opened: ExitStack) -> Outlet:
        section = self._config.events
        rotation = Rotation(section.rotate_size, section.rotate_every)
        files = StreamFiles(self._folder, rotation, self._around.wall)
        opened.callback(files.close)
        last = files.recover()
        if last is not None and self._is_ours(last.seq, last.at):
            self._cursors[STREAM] = max(self._cursors[STREAM], last.seq - 1)
        else:
            files.forget()
        sink = Stream(files, self._around.run_sync)
        terms = Terms(EVENTS, section.content, retry_max=30.0, save_every=_SAVE_STREAM_EVERY)
        return self._outlet(STREAM, sink, terms, self._aside(STREAM))

    def _is_ours(self, seq: int, at: float) -> bool:
        """Whether a line of the stream is about a fact of this journal, and not of one before it."""
        if seq > self._log.head():
            return False
        happened = self._log.fact_at(seq)
        return happened is None or abs(happened - at) < 0.002

    def _aside(self, name: str) -> Undelivered:
        return Undelivered(self._folder, name, self._around.run_sync, self._around.emit)

    def _outlet(self, name: str, sink: Sink, terms: Terms, aside: Undelivered) -> Outlet:
        return Outlet(name, sink, terms, self._cursors[name], self._world, aside)
