"""The journal station: one thread, group commit, a `ports.Journal`.

Whoever needs something on disk adds it to the batch that is gathering and waits; the loop in
`run` writes the whole batch in one transaction while the next one gathers. Reads share the
thread, after the commit of the same turn, because a hop to it costs more than they do.

The store is closed by whoever opened it, after `run` has ended: never while its thread works.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from errno import ENOSPC
from functools import partial
from typing import Any, Generic, TypeVar, cast

import trio

from smppd.disk import JOURNAL, Disk
from smppd.figures import JournalFigures
from smppd.journal.known import KnownKeys
from smppd.journal.lots import CLIENT_ID, WAITING
from smppd.journal.schema import JournalError, is_full
from smppd.journal.store import Batch, Store
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Fact, LedgerError
from smppd.ledger.snapshot import FullBlock
from smppd.message import Lane
from smppd.optout.roll import Change
from smppd.ports import (
    ApiCall,
    Checkpoint,
    Commanded,
    Conversation,
    Counted,
    FileRow,
    PolledChannel,
    Pruned,
    Readers,
    Writing,
)

T = TypeVar("T")

#: Passes of the event loop for which a turn gathers: a dispatcher takes two from what was admitted to
#: its word that it is on its way.
GATHERING = 2
#: So many counts are forgotten at once.
COUNTS_AT_ONCE = 10_000

RunSync = Callable[..., Awaitable[Any]]


class _Turn:
    """One hop to the thread: what it writes and reads, and who waits for it."""

    def __init__(self) -> None:
        self.batch = Batch()
        self.reads: list[_Read[Any]] = []
        self.failure: JournalError | None = None
        self.written = False
        self._done = trio.Event()

    @property
    def is_writing(self) -> bool:
        return bool(self.batch.rows) or self.batch.snapshot is not None

    def end(self, failure: JournalError | None = None) -> None:
        if not self._done.is_set():
            self.failure = failure
            self._done.set()

    async def wait(self) -> None:
        await self._done.wait()
        if self.failure is not None:
            raise self.failure


class _Read(Generic[T]):
    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self.answer: T | None = None

    def work(self) -> None:
        self.answer = self._call()


class _Chore:
    """What is done behind a turn, so that nobody's commit waits for it."""

    def __init__(self, call: Callable[[], Pruned]) -> None:
        self.call = call
        self.done = trio.Event()
        self.outcome = Pruned(0, 0, more=False)


class Journal:
    """The daemon's only writer to the store."""

    def __init__(
        self,
        store: Store,
        *,
        run_sync: RunSync = trio.to_thread.run_sync,
        disk: Disk | None = None,
    ) -> None:
        self.disk = disk or Disk()
        self._store = store
        self._run_sync = run_sync
        self._turn = _Turn()
        self._wanted = trio.Event()
        self._on_disk = {holds: KnownKeys() for holds in (CLIENT_ID, WAITING)}
        self.figures = JournalFigures()
        #: What is written just now.
        self._under_way = self._turn
        self._listeners: list[Callable[[], None]] = []
        self._chores: deque[_Chore] = deque()

    async def learn_keys(self) -> None:
        """Read the keys of all lots, so that from then on most look-ups need not go to disk."""
        for holds, known in self._on_disk.items():
            await known.learn(partial(self._read_keys, holds))

    async def _read_keys(
        self, holds: str, after: tuple[int, str], limit: int
    ) -> Sequence[tuple[int, str]] | None:
        found: list[Sequence[tuple[int, str]]] = []

        def read() -> Pruned:
            found.append(self._store.lots.read_keys(holds, after, limit))
            return Pruned(0, 0, more=False)

        await self._chore(read)
        return found[0] if found else None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Commit whatever gathers, until cancelled. A commit under way is finished first.

        A full disk is waited for. Raises `JournalError` when it fails otherwise, or is full when the
        daemon stops: no promise can be kept without it.
        """
        task_status.started()
        turn, stopped = self._turn, JournalError("the journal has stopped")
        try:
            while True:
                await self._wanted.wait()
                # Who was woken by the same event adds to it what it came to: one commit, not two.
                for _ in range(GATHERING):
                    await trio.lowlevel.checkpoint()
                turn, self._turn, self._wanted = self._turn, _Turn(), trio.Event()
                self._under_way = turn
                if turn.is_writing or turn.reads:
                    await self._work_off(turn)
                turn.end()
                if turn.batch.facts:
                    for tell in self._listeners:
                        tell()
                if self._chores:
                    await self._run_sync(self._do, chore := self._chores.popleft())
                    chore.done.set()
                    if self._chores:
                        self._wanted.set()
        except JournalError as failure:
            stopped = failure
            raise
        finally:
            # Whoever still waits, even shielded, must hear of it: there will be no other turn.
            turn.end(stopped)
            self._turn.end(stopped)
            for left in self._chores:
                left.done.set()

    def _do(self, chore: _Chore) -> None:
        """What is not urgent, behind the commits: should the power fail it is done again, so it
        does not wait for the disk."""
        sql = self._store.connection
        try:
            sql.execute("PRAGMA synchronous = NORMAL")
            try:
                chore.outcome = chore.call()
            finally:
                sql.execute("PRAGMA synchronous = FULL")
        except (sqlite3.Error, LedgerError) as error:
            chore.outcome = Pruned(0, 0, more=False, failed=str(error))

    async def _chore(self, call: Callable[[], Pruned]) -> Pruned:
        chore = _Chore(call)
        self._chores.append(chore)
        self._wanted.set()
        await chore.done.wait()
        return chore.outcome

    async def resume_pruning(self) -> Pruned:
        """Begin again what the last run may not have ended."""
        return await self._chore(self._store.pruning.begin)

    async def promote(self, before: float, readers: Sequence[str], anyway: float) -> Pruned:
        """See `journal.pruning`: whether there is something to remove now."""
        return await self._chore(lambda: self._store.pruning.promote(before, readers, anyway))

    async def prune(self, seconds: float, files_before: float) -> Pruned:
        """Remove for so long what is over; rows of files, reported before this time."""
        return await self._chore(lambda: self._store.pruning.lot(seconds, files_before))

    async def _work_off(self, turn: _Turn) -> None:
        """Write and read; while the disk is full, the same again. Nobody has been told meanwhile
        that anything of it is on disk."""
        try:
            await self.disk.insist(JOURNAL, lambda: self._run_sync(self._work, turn))
        except OSError as error:
            raise JournalError(f"the journal cannot be written: {error.strerror}") from error

    async def begin_stripping(self) -> Pruned:
        """Overwrite what is removed, from now on."""
        return await self._chore(self._store.stripping.begin)

    async def strip(self, seconds: float, shelved: float, readers: Readers) -> Pruned:
        """Take texts out for so long; see `journal.stripping`."""
        return await self._chore(lambda: self._store.stripping.lot(seconds, shelved, readers))

    async def truncate(self) -> Pruned:
        """Let nothing that was taken out stand in the write-ahead log."""
        return await self._chore(self._store.stripping.truncate)

    def _work(self, turn: _Turn) -> None:
        try:
            self._write_and_read(turn)
        except sqlite3.Error as error:
            if is_full(error):
                raise OSError(ENOSPC, "No space left for the journal") from error
            raise JournalError(
                f"the journal cannot be written or read: {error}: is its disk failing?"
            ) from error
        except LedgerError as error:
            raise JournalError(f"the journal is damaged: {error}: run smppd audit") from error

    def _write_and_read(self, turn: _Turn) -> None:
        if turn.is_writing and not turn.written:
            started = time.perf_counter()
            self._store.commit(turn.batch)
            self.figures.commits += 1
            self.figures.rows += turn.batch.rows
            self.figures.commit_seconds.observe(time.perf_counter() - started)
        turn.written = True
        while turn.reads:
            turn.reads[0].work()
            del turn.reads[0]

    async def commit(
        self,
        facts: Sequence[Fact],
        messages: Sequence[MessageRow] = (),
        blocks: Sequence[FullBlock] = (),
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Return when these are on disk, together with everything that gathered beside them."""
        await self.begin(facts, messages, blocks, checkpoint).wait()

    @property
    def waiting(self) -> int:
        """Rows that are made and not on disk yet."""
        under_way = 0 if self._under_way.written else self._under_way.batch.rows
        gathering = 0 if self._turn is self._under_way else self._turn.batch.rows
        return under_way + gathering

    def begin(
        self,
        facts: Sequence[Fact],
        messages: Sequence[MessageRow] = (),
        blocks: Sequence[FullBlock] = (),
        checkpoint: Checkpoint | None = None,
    ) -> _Turn:
        """Like `commit`, for whoever goes on meanwhile: these are on disk when the turn has been
        waited for, and never before what was begun earlier."""
        turn = self._turn
        turn.batch.facts.extend(facts)
        if messages:
            turn.batch.messages.append(messages)
        turn.batch.blocks.extend(blocks)
        if checkpoint is not None:
            self._add(turn.batch, checkpoint)
        self._wanted.set()
        return turn

    def on_facts(self, tell: Callable[[], None]) -> None:
        """Whom to tell, once for each commit, that there are new facts on disk."""
        self._listeners.append(tell)

    def off_facts(self, tell: Callable[[], None]) -> None:
        """Tell this one no more."""
        self._listeners.remove(tell)

    async def move_cursor(self, name: str, seq: int) -> None:
        """Return when it is on disk that this reader of the log is done with the facts up to seq."""
        turn = self._turn
        turn.batch.cursors[name] = seq
        self._wanted.set()
        await turn.wait()

    async def log_calls(self, calls: Sequence[ApiCall]) -> None:
        """See `ports.ApiLog`: they share the commit of whatever gathers beside them."""
        turn = self._turn
        turn.batch.calls.extend(calls)
        self._wanted.set()
        await turn.wait()

    def note_command(self, command: Commanded) -> Writing:
        """Write this down, or what has come of it; it shares the commit of what gathers beside it."""
        turn = self._turn
        turn.batch.commanded.append(command)
        self._wanted.set()
        return turn

    async def forget_commands(self, before: float, most: int) -> None:
        """Forget what operators did before this time (epoch), and all but the newest so many."""

        def forget() -> Pruned:
            self._store.commanded.forget(before, most)
            return Pruned(0, 0, more=False)

        await self._chore(forget)

    async def change_opt_outs(self, changes: Sequence[Change]) -> None:
        """See `ports.OptOutMemory`: they share the commit of whatever gathers beside them."""
        turn = self._turn
        turn.batch.opt_outs.extend(changes)
        self._wanted.set()
        await turn.wait()

    def set_counts(self, counts: Sequence[Counted]) -> None:
        """See `ports.Journal`."""
        self._turn.batch.counts.extend(counts)
        self._wanted.set()

    async def counts_of(self, day: int, numbers: Sequence[str]) -> dict[str, int]:
        """See `ports.CountMemory`."""
        return await self._read(lambda: self._store.tally.counts_of(day, numbers))

    async def forget_counts(self, before: int) -> bool:
        """Forget some of the counts of days before this one; whether there may be more."""
        return await self._read(lambda: self._store.tally.forget(before, COUNTS_AT_ONCE))

    async def forget_calls(self, before: float) -> bool:
        """Forget some of the calls made before this time; whether there may be more."""
        return await self._read(lambda: self._store.calls.forget(before))

    def _add(self, batch: Batch, checkpoint: Checkpoint) -> None:
        batch.at, batch.goes_on = checkpoint.at, checkpoint.goes_on
        batch.ids.update(checkpoint.ids)
        batch.waiting.extend(checkpoint.waiting)
        batch.snapshot = checkpoint.snapshot or batch.snapshot
        batch.base = checkpoint.base or batch.base
        self._on_disk[WAITING].add([key for key, _ in checkpoint.waiting])

    async def _read(self, call: Callable[[], T]) -> T:
        turn, read = self._turn, _Read(call)
        turn.reads.append(read)
        self._wanted.set()
        await turn.wait()
        return cast(T, read.answer)

    async def answer(self) -> None:
        """Return when the thread has come to this, behind every commit that was begun before."""
        await self._read(lambda: None)

    async def read_queue(self, after: int, limit: int) -> list[MessageRow]:
        """The messages of one queue behind `after`, oldest first."""
        return await self._read(lambda: self._store.messages.read_queue(after, limit))

    async def enter_queues(self, wanted: Sequence[tuple[str, Lane]]) -> list[int]:
        """The numbers of these queues, given out where there was none; what is put in comes after."""
        return await self._read(lambda: [self._store.enter_queue(*each) for each in wanted])

    async def read_messages(self, msg_ids: Sequence[int]) -> list[MessageRow]:
        """These messages, in no particular order."""
        return await self._read(lambda: self._store.messages.read(msg_ids))

    def expect_ids(self, ids: Sequence[str]) -> None:
        """See `ports.Journal`."""
        self._on_disk[CLIENT_ID].add(ids)

    async def find_ids(self, ids: Sequence[str], since: float) -> dict[str, int]:
        """See `ports.Journal`."""
        candidates = self._on_disk[CLIENT_ID].add(ids)
        if not candidates:
            return {}
        return await self._read(lambda: self._store.lots.find_ids(candidates, since))

    async def files_of_campaign(self, name: str, since: float) -> list[FileRow]:
        """The files of this campaign that were opened since, the newest first."""
        return await self._read(lambda: self._store.files.of_campaign(name, since))

    async def find_waiting(self, keys: Sequence[str]) -> list[bytes]:
        """Every spilled message behind one of these receipt keys, the newest last."""
        candidates = self._on_disk[WAITING].among(keys)
        if not candidates:
            return []
        return await self._read(lambda: self._store.lots.find_waiting(candidates))

    async def read_waiting(
        self, after: tuple[int, str], limit: int
    ) -> list[tuple[int, str, bytes]]:
        """Spilled messages behind this lot and key: lot, receipt key and entry."""
        return await self._read(lambda: self._store.lots.read_waiting(after, limit))

    async def lots(self, holds: str) -> list[tuple[int, float]]:
        """The lots of "client_id" or "waiting", the oldest first, each with when it was written."""
        return await self._read(lambda: self._store.lots.of(holds))

    async def drop_lot(self, lot: int) -> Pruned:
        """Forget a piece of this lot; whether there is more of it."""
        return await self._chore(lambda: self._store.lots.drop(lot))

    async def open_chats(
        self, channel: PolledChannel, destinations: Sequence[str], day: int
    ) -> list[Conversation]:
        """See `ports.ChatMemory`."""
        return await self._read(lambda: self._store.chats.open(channel, destinations, day))

    async def seen_in_chat(self, number: int, keys: Sequence[bytes]) -> set[bytes]:
        """See `ports.ChatMemory`."""
        return await self._read(lambda: self._store.chats.seen(number, keys))

    async def note_chat(
        self, conversation: Conversation, keys: Sequence[bytes], day: int, *, whole: bool
    ) -> None:
        """See `ports.ChatMemory`."""
        await self._read(lambda: self._store.chats.note(conversation, keys, day, whole=whole))
