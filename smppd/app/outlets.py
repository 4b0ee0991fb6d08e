"""The outlets, built and changed: the stream of events, webhooks and hooks, each behind its cursor.

The log is not even opened where none is configured. A new one begins with what happens from now on; one
that was there before goes on where it left off, however it left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import closing
from functools import partial
from importlib import import_module
from random import SystemRandom
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from smppd.config import Config, EventsConfig, HookConfig, Mistake, WebhookConfig, account_tls
from smppd.config.outlets import EVENTS
from smppd.events import Emit, OutletGap
from smppd.journal.journal import Journal
from smppd.journal.log import LogReader
from smppd.journal.store import Batch, Store, open_reader
from smppd.ledger.facts import Damaged
from smppd.outlets import smstools
from smppd.outlets.aside import Undelivered
from smppd.outlets.hook import Hook
from smppd.outlets.outlet import Outlet, Sink, Terms, World
from smppd.outlets.smstools import Papers
from smppd.outlets.source import Source
from smppd.outlets.station import Outlets
from smppd.outlets.stream import Rotation, Stream, StreamFiles

if TYPE_CHECKING:
    from smppd.outlets.webhook import Posting, Webhook

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


class Section(NamedTuple):
    """What is said of an outlet, and its secret."""

    said: EventsConfig | WebhookConfig | HookConfig | Papers
    secret: str = ""


class Begun(NamedTuple):
    """Where outlets that come begin: the cursors that there are, the last fact and the oldest; and the
    stream's files, if that is one of them."""

    cursors: dict[str, int]
    head: int
    oldest: int
    files: StreamFiles | None


class Telling:
    """Keeps `outlets`. `papers`: for the folders of smstools."""

    def __init__(
        self, config: Config, journal: Journal, around: Surrounding, papers: Papers | None
    ) -> None:
        self._path = config.journal.path
        self._folder = config.spool.path / "events"
        self._journal = journal
        self._around = around
        self._papers = papers
        self._log: LogReader | None = None
        self._world: World | None = None
        self._sections: dict[str, Section] = {}
        self._webhooks: dict[str, Webhook] = {}
        self._hooks: dict[str, Hook] = {}
        self._files: StreamFiles | None = None
        self.outlets = Outlets(around.emit, self._left)
        journal.on_facts(self.outlets.wake)

    # ── whole ────────────────────────────────────────────────────────────────────────────────

    def build(self, config: Config, secrets: Mapping[str, str], store: Store) -> None:
        """All that are configured; `secrets` by the names of webhooks. Where new ones begin is on disk
        before anything else happens. Raises `JournalError`, and OSError where `events/` cannot be used."""
        sections = self._sections_of(config, secrets)
        if sections:
            begun = self._look_up(config, sections)
            new = {name: begun.head for name in sections if name not in begun.cursors}
            if new:
                store.commit(Batch(cursors=new))
            self._change(sections, begun, 0.0)

    async def prepare(self, config: Config, secrets: Mapping[str, str]) -> Begun | Mistake | None:
        """Where those begin that come with this configuration, on disk, or why they cannot; None where
        none comes. One that is just leaving under such a name leaves first."""
        coming = [name for name in self._sections_of(config, secrets) if name not in self._sections]
        if not coming:
            return None
        await self.outlets.gone(coming)
        try:
            begun: Begun = await self._around.run_sync(self._look_up, config, coming)
        except OSError as error:
            why = f"needs {self._folder}, which cannot be used ({error.strerror}): give it to smppd"
            return Mistake("events.stream", why, config.file)
        except Damaged as damage:
            why = f"is damaged, and {coming[0]} reads it: {damage}: smppd audit says what is"
            return Mistake("journal", why, config.file)
        for name in coming:
            if name not in begun.cursors:
                await self._journal.move_cursor(name, begun.head)
        return begun

    def change(
        self, config: Config, secrets: Mapping[str, str], begun: Begun | None, head: int
    ) -> None:
        """Tell by this from now on: those that go tell what happened up to the fact `head`."""
        sections = self._sections_of(config, secrets)
        self._change(sections, begun, config.events.drain_timeout, head)

    def close(self) -> None:
        """Close what they read and write, when they run no more."""
        for each in (self._files, self._log):
            if each is not None:
                each.close()

    def _change(
        self, sections: dict[str, Section], begun: Begun | None, seconds: float, head: int = 0
    ) -> None:
        there, wanted = self.outlets.by_name, list[Outlet]()
        for name, section in sections.items():
            outlet = there.get(name)
            if outlet is None:
                assert begun is not None, f"{name} was not prepared"
                outlet = self._outlet(name, section, begun)
            elif section != self._sections[name]:
                self._change_sink(name, section)
                outlet.change(_terms(section))
            wanted.append(outlet)
        self._sections = sections
        self.outlets.change(wanted, head, seconds)

    def _sections_of(self, config: Config, secrets: Mapping[str, str]) -> dict[str, Section]:
        """By the names of their cursors."""
        found = {STREAM: Section(config.events)} if config.events.stream else {}
        for webhook in config.webhooks:
            name = f"webhook:{webhook.name}"
            found[name] = Section(webhook, secrets[name])
        found |= {f"hook:{hook.name}": Section(hook) for hook in config.hooks}
        if self._papers is not None:
            found[SMSTOOLS] = Section(self._papers)
        return found

    def _look_up(self, config: Config, coming: Collection[str]) -> Begun:
        """Blocks; OSError for files of the stream."""
        if any(name.startswith("webhook:") for name in coming):
            import_module("smppd.outlets.webhook")
        with closing(LogReader(open_reader(self._path))) as log:
            cursors, files = log.cursors(), None
            if STREAM in coming:
                files = StreamFiles(self._folder, _rotation(config.events), self._around.wall)
                last = files.recover()
                if last is not None and log.has(last.seq, last.at):
                    cursors[STREAM] = max(cursors.get(STREAM, 0), last.seq - 1)
                else:
                    files.forget()
            return Begun(cursors, log.head(), log.oldest(), files)

    # ── one ──────────────────────────────────────────────────────────────────────────────────

    def _outlet(self, name: str, section: Section, begun: Begun) -> Outlet:
        cursor = begun.cursors.get(name, begun.head)
        gone = begun.oldest - cursor - 1
        if cursor and gone > 0:
            hint = "they were removed while it was not configured: look into done/ for results"
            self._around.emit(OutletGap(name, gone, hint))
        aside = Undelivered(self._folder, name, self._around.run_sync, self._around.emit)
        sink = self._sink(name, section, begun, aside)
        return Outlet(name, sink, _terms(section), cursor, self._opened(), aside)

    def _opened(self) -> World:
        """What all of them stand on; the log is read from now on."""
        if self._world is None:
            self._log = LogReader(open_reader(self._path))
            source, around = Source(self._log, self._around.run_sync), self._around
            chance = SystemRandom().random
            self._world = World(source, self._journal, around.emit, around.wall, chance)
        return self._world

    def _sink(self, name: str, section: Section, begun: Begun, aside: Undelivered) -> Sink:
        said = section.said
        if isinstance(said, WebhookConfig):
            from smppd.outlets.webhook import Webhook  # noqa: PLC0415 - only where it is needed

            posting = _posting(said, section.secret)
            webhook = self._webhooks[name] = Webhook(posting, self._around.wall)
            return webhook
        if isinstance(said, HookConfig):
            hook = self._hooks[name] = Hook(said, aside, SystemRandom().random)
            return hook
        if isinstance(said, EventsConfig):
            assert begun.files is not None
            self._files = begun.files
            return Stream(begun.files, self._around.run_sync)
        return said

    def _change_sink(self, name: str, section: Section) -> None:
        said = section.said
        if isinstance(said, WebhookConfig):
            self._webhooks[name].change(_posting(said, section.secret))
        elif isinstance(said, HookConfig):
            self._hooks[name].change(said)
        elif isinstance(said, EventsConfig) and self._files is not None:
            self._files.change(_rotation(said))

    async def _left(self, name: str) -> None:
        """One has left: close what it had."""
        self._hooks.pop(name, None)
        if name == STREAM and self._files is not None:
            self._files.close()
            self._files = None
        webhook = self._webhooks.pop(name, None)
        if webhook is not None:
            await webhook.aclose()


def _terms(section: Section) -> Terms:
    said = section.said
    if isinstance(said, EventsConfig):
        return Terms(EVENTS, said.content, retry_max=30.0, save_every=_SAVE_STREAM_EVERY)
    if isinstance(said, Papers):
        return Terms(smstools.EVENTS, content=True, retry_max=30.0)
    terms = Terms(frozenset(said.events), said.content, said.retry_min, said.retry_max)
    if isinstance(said, WebhookConfig):
        return msgspec.structs.replace(terms, give_up_after=said.give_up_after)
    return terms


def _rotation(section: EventsConfig) -> Rotation:
    return Rotation(section.rotate_size, section.rotate_every)


def _posting(section: WebhookConfig, secret: str) -> Posting:
    from smppd.exchange import Exchange, Limits  # noqa: PLC0415 - only where it is needed
    from smppd.outlets.webhook import Posting  # noqa: PLC0415 - see above

    limits, url = Limits(section.timeout, 1), f"the url of [webhook.{section.name}]"
    exchange = Exchange(limits, partial(account_tls, section), url=url)
    return Posting(section.url, secret, exchange, section.batch)
