"""The journal station, a `ports.Journal`: one thread, and one commit for all that has gathered (`group_commit`).

The store is closed by whoever opened it, after `run` has ended: never while its thread works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import trio

from smppd.disk import Disk
from smppd.journal.group_commit import GroupCommit, RunSync
from smppd.journal.known import KnownKeys
from smppd.journal.lots import CLIENT_ID, WAITING
from smppd.journal.store import Batch, Store
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Fact
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

#: So many counts are forgotten at once.
COUNTS_AT_ONCE = 10_000


class Journal:
    """The daemon's only writer to the store."""

    def __init__(
        self,
        store: Store,
        *,
        run_sync: RunSync = trio.to_thread.run_sync,
        disk: Disk | None = None,
    ) -> None:
        self._store = store
        self._thread = GroupCommit(store, run_sync, disk or Disk())
        self._on_disk = {holds: KnownKeys() for holds in (CLIENT_ID, WAITING)}
        self.figures = self._thread.figures

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Commit whatever gathers, until cancelled; see `GroupCommit.run`."""
        await self._thread.run(task_status=task_status)

    @property
    def waiting(self) -> int:
        """Rows that are made and not on disk yet."""
        return self._thread.waiting

    def on_facts(self, tell: Callable[[], None]) -> None:
        """Whom to tell, once for each commit, that there are new facts on disk."""
        self._thread.listeners.append(tell)

    def off_facts(self, tell: Callable[[], None]) -> None:
        """Tell this one no more."""
        self._thread.listeners.remove(tell)

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

        await self._thread.chore(read)
        return found[0] if found else None

    async def resume_pruning(self) -> Pruned:
        """Begin again what the last run may not have ended."""
        return await self._thread.chore(self._store.pruning.begin)

    async def promote(self, before: float, readers: Sequence[str], anyway: float) -> Pruned:
        """See `journal.pruning`: whether there is something to remove now."""
        return await self._thread.chore(
            lambda: self._store.pruning.promote(before, readers, anyway)
        )

    async def prune(self, seconds: float, files_before: float) -> Pruned:
        """Remove for so long what is over; rows of files, reported before this time."""
        return await self._thread.chore(lambda: self._store.pruning.lot(seconds, files_before))

    async def begin_stripping(self) -> Pruned:
        """Overwrite what is removed, from now on."""
        return await self._thread.chore(self._store.stripping.begin)

    async def strip(self, seconds: float, shelved: float, readers: Readers) -> Pruned:
        """Take texts out for so long; see `journal.stripping`."""
        return await self._thread.chore(
            lambda: self._store.stripping.lot(seconds, shelved, readers)
        )

    async def truncate(self) -> Pruned:
        """Let nothing that was taken out stand in the write-ahead log."""
        return await self._thread.chore(self._store.stripping.truncate)

    async def commit(
        self,
        facts: Sequence[Fact],
        messages: Sequence[MessageRow] = (),
        blocks: Sequence[FullBlock] = (),
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Return when these are on disk, together with everything that gathered beside them."""
        await self.begin(facts, messages, blocks, checkpoint).wait()

    def begin(
        self,
        facts: Sequence[Fact],
        messages: Sequence[MessageRow] = (),
        blocks: Sequence[FullBlock] = (),
        checkpoint: Checkpoint | None = None,
    ) -> Writing:
        """Like `commit`, for whoever goes on meanwhile: these are on disk when the turn has been
        waited for, and never before what was begun earlier."""
        turn = self._thread.gather()
        turn.batch.facts.extend(facts)
        if messages:
            turn.batch.messages.append(messages)
        turn.batch.blocks.extend(blocks)
        if checkpoint is not None:
            self._add(turn.batch, checkpoint)
        return turn

    async def move_cursor(self, name: str, seq: int) -> None:
        """Return when it is on disk that this reader of the log is done with the facts up to seq."""
        turn = self._thread.gather()
        turn.batch.cursors[name] = seq
        await turn.wait()

    async def log_calls(self, calls: Sequence[ApiCall]) -> None:
        """See `ports.ApiLog`: they share the commit of whatever gathers beside them."""
        turn = self._thread.gather()
        turn.batch.calls.extend(calls)
        await turn.wait()

    def note_command(self, command: Commanded) -> Writing:
        """Write this down, or what has come of it; it shares the commit of what gathers beside it."""
        turn = self._thread.gather()
        turn.batch.commanded.append(command)
        return turn

    async def forget_commands(self, before: float, most: int) -> None:
        """Forget what operators did before this time (epoch), and all but the newest so many."""

        def forget() -> Pruned:
            self._store.commanded.forget(before, most)
            return Pruned(0, 0, more=False)

        await self._thread.chore(forget)

    async def change_opt_outs(self, changes: Sequence[Change]) -> None:
        """See `ports.OptOutMemory`: they share the commit of whatever gathers beside them."""
        turn = self._thread.gather()
        turn.batch.opt_outs.extend(changes)
        await turn.wait()

    def set_counts(self, counts: Sequence[Counted]) -> None:
        """See `ports.Journal`."""
        self._thread.gather().batch.counts.extend(counts)

    async def counts_of(self, day: int, numbers: Sequence[str]) -> dict[str, int]:
        """See `ports.CountMemory`."""
        return await self._thread.read(lambda: self._store.tally.counts_of(day, numbers))

    async def forget_counts(self, before: int) -> bool:
        """Forget some of the counts of days before this one; whether there may be more."""
        return await self._thread.read(lambda: self._store.tally.forget(before, COUNTS_AT_ONCE))

    async def forget_calls(self, before: float) -> bool:
        """Forget some of the calls made before this time; whether there may be more."""
        return await self._thread.read(lambda: self._store.calls.forget(before))

    def _add(self, batch: Batch, checkpoint: Checkpoint) -> None:
        batch.at, batch.goes_on = checkpoint.at, checkpoint.goes_on
        batch.ids.update(checkpoint.ids)
        batch.waiting.extend(checkpoint.waiting)
        batch.snapshot = checkpoint.snapshot or batch.snapshot
        batch.base = checkpoint.base or batch.base
        self._on_disk[WAITING].add([key for key, _ in checkpoint.waiting])

    async def answer(self) -> None:
        """Return when the thread has come to this, behind every commit that was begun before."""
        await self._thread.read(lambda: None)

    async def read_queue(self, after: int, limit: int) -> list[MessageRow]:
        """The messages of one queue behind `after`, oldest first."""
        return await self._thread.read(lambda: self._store.messages.read_queue(after, limit))

    async def enter_queues(self, wanted: Sequence[tuple[str, Lane]]) -> list[int]:
        """The numbers of these queues, given out where there was none; what is put in comes after."""
        return await self._thread.read(lambda: [self._store.enter_queue(*each) for each in wanted])

    async def read_messages(self, msg_ids: Sequence[int]) -> list[MessageRow]:
        """These messages, in no particular order."""
        return await self._thread.read(lambda: self._store.messages.read(msg_ids))

    def expect_ids(self, ids: Sequence[str]) -> None:
        """See `ports.Journal`."""
        self._on_disk[CLIENT_ID].add(ids)

    async def find_ids(self, ids: Sequence[str], since: float) -> dict[str, int]:
        """See `ports.Journal`."""
        candidates = self._on_disk[CLIENT_ID].add(ids)
        if not candidates:
            return {}
        return await self._thread.read(lambda: self._store.lots.find_ids(candidates, since))

    async def files_of_campaign(self, name: str, since: float) -> list[FileRow]:
        """The files of this campaign that were opened since, the newest first."""
        return await self._thread.read(lambda: self._store.files.of_campaign(name, since))

    async def find_waiting(self, keys: Sequence[str]) -> list[bytes]:
        """Every spilled message behind one of these receipt keys, the newest last."""
        candidates = self._on_disk[WAITING].among(keys)
        if not candidates:
            return []
        return await self._thread.read(lambda: self._store.lots.find_waiting(candidates))

    async def read_waiting(
        self, after: tuple[int, str], limit: int
    ) -> list[tuple[int, str, bytes]]:
        """Spilled messages behind this lot and key: lot, receipt key and entry."""
        return await self._thread.read(lambda: self._store.lots.read_waiting(after, limit))

    async def lots(self, holds: str) -> list[tuple[int, float]]:
        """The lots of "client_id" or "waiting", the oldest first, each with when it was written."""
        return await self._thread.read(lambda: self._store.lots.of(holds))

    async def drop_lot(self, lot: int) -> Pruned:
        """Forget a piece of this lot; whether there is more of it."""
        return await self._thread.chore(lambda: self._store.lots.drop(lot))

    async def open_chats(
        self, channel: PolledChannel, destinations: Sequence[str], day: int
    ) -> list[Conversation]:
        """See `ports.ChatMemory`."""
        return await self._thread.read(lambda: self._store.chats.open(channel, destinations, day))

    async def seen_in_chat(self, number: int, keys: Sequence[bytes]) -> set[bytes]:
        """See `ports.ChatMemory`."""
        return await self._thread.read(lambda: self._store.chats.seen(number, keys))

    async def note_chat(
        self, conversation: Conversation, keys: Sequence[bytes], day: int, *, whole: bool
    ) -> None:
        """See `ports.ChatMemory`."""
        await self._thread.read(
            lambda: self._store.chats.note(conversation, keys, day, whole=whole)
        )
