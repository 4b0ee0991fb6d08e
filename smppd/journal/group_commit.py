"""The journal's thread, turn by turn: what gathers is written in one commit, and what is to be read is read then.

While one turn is written the next one gathers. Reads share the thread with the commit of their turn,
because a hop to it costs more than they do; chores come behind, one a turn, so that no commit waits
for more than one of them.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Awaitable, Callable
from errno import ENOSPC
from typing import Any, Generic, TypeVar, cast

import trio

from smppd.disk import JOURNAL, Disk
from smppd.figures import JournalFigures
from smppd.journal.schema import JournalError, broken_in_words, is_full
from smppd.journal.store import Batch, Store
from smppd.ledger.facts import Damaged, LedgerError
from smppd.ports import Pruned

T = TypeVar("T")

#: Passes of the event loop for which a turn gathers: a dispatcher takes two from what was admitted to
#: its word that it is on its way.
GATHERING = 2

RunSync = Callable[..., Awaitable[Any]]


class Turn:
    """One hop to the thread: what it writes and reads, and who waits for it."""

    def __init__(self) -> None:
        self.batch = Batch()
        self.reads: list[_Read[Any]] = []
        self.failure: JournalError | None = None
        self.written = False
        self._done = trio.Event()

    @property
    def is_writing(self) -> bool:
        """Whether there is something to commit."""
        return bool(self.batch.rows) or self.batch.snapshot is not None

    def end(self, failure: JournalError | None = None) -> None:
        """Let go on who waits; with a failure it is raised there."""
        if not self._done.is_set():
            self.failure = failure
            self._done.set()

    async def wait(self) -> None:
        """Return when all of it is on disk and was read."""
        await self._done.wait()
        if self.failure is not None:
            raise self.failure


class _Read(Generic[T]):
    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self.answer: T | None = None
        self.damage: Damaged | None = None

    def work(self) -> None:
        try:
            self.answer = self._call()
        except Damaged as damage:  # which is a matter of who asked alone
            self.damage = damage


class _Chore:
    """What is done behind a turn, so that nobody's commit waits for it."""

    def __init__(self, call: Callable[[], Pruned]) -> None:
        self.call = call
        self.done = trio.Event()
        self.outcome = Pruned(0, 0, more=False)


class GroupCommit:
    """The loop round the thread that has the store. `listeners` are told of each commit with facts."""

    def __init__(self, store: Store, run_sync: RunSync, disk: Disk) -> None:
        self.figures = JournalFigures()
        self.listeners: list[Callable[[], None]] = []
        self._store = store
        self._run_sync = run_sync
        self._disk = disk
        self._turn = Turn()
        self._wanted = trio.Event()
        #: What is written just now.
        self._under_way = self._turn
        self._chores: deque[_Chore] = deque()

    @property
    def waiting(self) -> int:
        """Rows that are made and not on disk yet."""
        under_way = 0 if self._under_way.written else self._under_way.batch.rows
        gathering = 0 if self._turn is self._under_way else self._turn.batch.rows
        return under_way + gathering

    def gather(self) -> Turn:
        """The turn that gathers: what is added to it now, before anything is waited for, goes with it."""
        self._wanted.set()
        return self._turn

    async def read(self, call: Callable[[], T]) -> T:
        """What this gives, called in the thread behind the commit of its turn. Raises `Damaged` where it
        does."""
        turn, read = self.gather(), _Read(call)
        turn.reads.append(read)
        await turn.wait()
        if read.damage is not None:
            raise read.damage
        return cast(T, read.answer)

    async def chore(self, call: Callable[[], Pruned]) -> Pruned:
        """What came of this, called in the thread behind a turn; empty when the journal has stopped."""
        chore = _Chore(call)
        self._chores.append(chore)
        self._wanted.set()
        await chore.done.wait()
        return chore.outcome

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
                turn, self._turn, self._wanted = self._turn, Turn(), trio.Event()
                self._under_way = turn
                if turn.is_writing or turn.reads:
                    await self._work_off(turn)
                turn.end()
                if turn.batch.facts:
                    for tell in self.listeners:
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

    async def _work_off(self, turn: Turn) -> None:
        """Write and read; while the disk is full, the same again. Nobody has been told meanwhile
        that anything of it is on disk."""
        try:
            await self._disk.insist(JOURNAL, lambda: self._run_sync(self._work, turn))
        except OSError as error:
            raise JournalError(f"the journal cannot be written: {error.strerror}") from error

    def _work(self, turn: Turn) -> None:
        try:
            self._write_and_read(turn)
        except sqlite3.Error as error:
            if is_full(error):
                raise OSError(ENOSPC, "No space left for the journal") from error
            told = broken_in_words(error) or f"the journal cannot be written or read: {error}"
            raise JournalError(told) from error
        except LedgerError as error:
            raise JournalError(error.of_the_journal) from error

    def _write_and_read(self, turn: Turn) -> None:
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
