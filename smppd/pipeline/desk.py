"""The desk that the stages of the pipeline share: the ledger, the journal, and who to wake.

The rule of the house is in `commit`: facts are made, then they are on disk, and only then does
anything that depends on them leave the process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from smppd.ledger import memory
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Damaged
from smppd.ledger.ledger import Ledger
from smppd.ledger.ranges import in_ranges
from smppd.message import ErrorInfo, OnUnknown, State
from smppd.pipeline.gate import Gate
from smppd.ports import Base, Checkpoint, Journal, Writing

#: Facts between two snapshots: bounds what a start after a crash has to read again.
SNAPSHOT_EVERY = 300_000
#: Client ids kept in memory before they are written as a lot.
IDS_IN_MEMORY = 50_000
#: message_ids that wait for receipts in memory; the oldest beyond that are spilled.
WAITING_IN_MEMORY = 50_000
WAITING_AFTER_SPILL = 25_000
#: So many are spilled as one lot. After a crash there may be more to do.
SPILLED_AT_ONCE = 30_000
#: Of a lot so much is written at once: nobody is to wait for all of it.
WRITTEN_AT_ONCE = 3000
#: What can wait is done in pieces; the pause (seconds) behind one is so many times as long as it took,
#: and no shorter than this.
PAUSE, SHORTEST_PAUSE = 9.0, 0.02
#: Days of which it is known how many messages left for a number: those that some clock may yet show.
COUNTS_KEPT = 7


#: Client ids that no lot holds yet, each with its msg_id (0 while it is being admitted) and when
#: it was handed in (epoch seconds).
RecentIds = dict[str, tuple[int, float]]


class Desk:
    """What the stages share. `wall` gives epoch seconds."""

    def __init__(
        self, ledger: Ledger, recent: RecentIds, journal: Journal, wall: Callable[[], float]
    ) -> None:
        self.ledger = ledger
        self.accounts = ledger.accounts
        self.gate = Gate(ledger.accounts)
        self.journal = journal
        self.wall = wall
        self.recent_ids = recent
        journal.expect_ids(list(recent))
        self.stirred = trio.Event()
        #: Something of a file may have to stay.
        self.restrained = trio.Event()
        #: Something may wait that expires some time.
        self.timed = trio.Event()
        self._wakers: dict[int, Callable[[], None]] = {}
        self._takers: dict[int, Callable[[Sequence[MessageRow]], None]] = {}
        self._snapshot_due = self.accounts.seq + SNAPSHOT_EVERY
        self._checkpoints = trio.Lock()

    def on_work(self, queue: int, wake: Callable[[], None]) -> None:
        """Whom to wake when something is put into this queue."""
        self._wakers[queue] = wake

    def leave(self, queue: int) -> None:
        """Nobody takes from this queue any more."""
        self._wakers.pop(queue, None)
        self._takers.pop(queue, None)

    def wake(self, queue: int) -> None:
        """Something was put into this queue."""
        waker = self._wakers.get(queue)
        if waker is not None:
            waker()

    def on_rows(self, queue: int, take: Callable[[Sequence[MessageRow]], None]) -> None:
        """Who may take rows of this queue that are about to be on disk."""
        self._takers[queue] = take

    def keep_rows(self, queue: int) -> None:
        """Nobody takes rows of this queue before they are on disk any more."""
        self._takers.pop(queue, None)

    def offer(self, queue: int, rows: Sequence[MessageRow]) -> None:
        """These rows, some of them of this queue and the last in it, are in a commit that was begun:
        who is about to read them has them now. What is made of them gets to disk no sooner."""
        taker = self._takers.get(queue)
        if taker is not None:
            taker(rows)

    async def commit(
        self, messages: Sequence[MessageRow] = (), checkpoint: Checkpoint | None = None
    ) -> None:
        """Return when all facts made so far, and these messages, are on disk."""
        await self.finish(self.begin(messages, checkpoint))

    def begin(
        self, messages: Sequence[MessageRow] = (), checkpoint: Checkpoint | None = None
    ) -> Writing:
        """Like `commit`, for whoever goes on meanwhile, and calls `finish` with it."""
        ledger = self.ledger
        if self.gate.tally is not None:
            self.journal.set_counts(self.gate.tally.take())
        return self.journal.begin(
            ledger.take_facts(), messages, ledger.take_full_blocks(), checkpoint
        )

    async def finish(self, writing: Writing) -> None:
        """Return when what was begun is on disk."""
        await writing.wait()
        if self.accounts.touched:
            self.stirred.set()
        if self.accounts.restrained:
            self.restrained.set()
        if self.accounts.may_expire:
            self.timed.set()
        refilled, self.accounts.refilled = self.accounts.refilled, set()
        for queue in refilled:
            self.wake(queue)

    async def read_sound(self, msg_ids: Sequence[int]) -> list[MessageRow]:
        """These messages, in no particular order, but those that are damaged in the journal."""
        try:
            found = await self.journal.read_messages(msg_ids)
        except Damaged:
            if len(msg_ids) == 1:
                return []
            middle = len(msg_ids) // 2
            halves = msg_ids[:middle], msg_ids[middle:]
            return [row for half in halves for row in await self.read_sound(half)]
        return [row for row in found if _is_sound(row)]

    def judge_doubtful(self, now: float) -> None:
        """Apply each message's `on_unknown` to those whose outcome has just become unknown."""
        doubtful, self.accounts.doubtful = self.accounts.doubtful, []
        for msg_id in doubtful:
            entry = self.accounts.entries.get(msg_id)
            if entry is None or entry.state != State.UNKNOWN:
                continue
            if entry.on_unknown == OnUnknown.RESEND:
                delay = min(2.0 ** min(entry.attempts - 2, 10), 600.0) if entry.attempts > 1 else 0
                self.ledger.requeued(now, msg_id, "on_unknown = resend", now + delay)
            elif entry.on_unknown == OnUnknown.FAIL:
                reason = entry.error.text if entry.error else ""
                self.ledger.failed(now, msg_id, ErrorInfo("UNKNOWN_OUTCOME", None, reason))

    async def requeue(self, msg_ids: Sequence[int], who: str) -> list[int]:
        """Put messages of unknown outcome back into their queues; those that were unknown."""
        now = self.wall()
        done = [msg_id for msg_id in msg_ids if msg_id in self.accounts.held]
        for msg_id in done:
            self.ledger.requeued(now, msg_id, who, now)
        await self.commit()
        return done

    # ── keeping memory flat and starts short ─────────────────────────────────────────────

    def checkpoint_due(self) -> bool:
        """Whether `checkpoint` has something to do."""
        return (
            len(self.recent_ids) >= IDS_IN_MEMORY
            or self._waiting() >= WAITING_IN_MEMORY
            or self.accounts.seq >= self._snapshot_due
        )

    def _waiting(self) -> int:
        return len(self.accounts.message_ids) + self.accounts.called

    async def forget(self, dedupe_window: float) -> None:
        """Drop client ids that may come again, and counts of days that are over."""
        before = self.wall() - dedupe_window
        for lot, written in await self.journal.lots("client_id"):
            if written < before:
                await self.drop_lot(lot)
        today, more = int(self.wall() // 86_400), True
        while more:
            more = await self.journal.forget_counts(today - COUNTS_KEPT)
            await trio.sleep(SHORTEST_PAUSE)

    async def drop_lot(self, lot: int) -> None:
        """Forget what a lot leads to, piece by piece; what cannot be forgotten now is the next time."""
        more = True
        while more:
            began = trio.current_time()
            more = (await self.journal.drop_lot(lot)).more
            await trio.sleep(max(SHORTEST_PAUSE, (trio.current_time() - began) * PAUSE))

    async def checkpoint(self, *, final: bool = False, base: bool = False) -> None:
        """Write client ids and the oldest waiting messages as lots, piece by piece, and now and then a
        snapshot.

        `final` writes a snapshot whatever is due, so that the next start reads nothing twice; `base`
        one besides by which what is over now may be removed some day.
        """
        async with self._checkpoints:
            now = self.wall()
            begun = await self._write_ids(now)
            await self._spill(now)
            ids = self._take_ids(list(self.recent_ids))
            self.ledger.indexed(now)
            snapshot = None
            if final or base or self.accounts.seq >= self._snapshot_due:
                snapshot = (self.accounts.seq, memory.snapshot(self.accounts))
                self._snapshot_due = self.accounts.seq + SNAPSHOT_EVERY
            kept = self._base(now) if base else None
            await self.commit(checkpoint=Checkpoint(now, ids, [], snapshot, kept, begun))

    async def _write_ids(self, now: float) -> bool:
        """Write most of many ids; whether their lot is begun. Those that are left, and those that come
        meanwhile, belong with the fact that says that all of them are on disk."""
        begun = False
        for keys in in_ranges(list(self.recent_ids), str, WRITTEN_AT_ONCE)[:-1]:
            if ids := self._take_ids(keys):
                await self.commit(checkpoint=Checkpoint(now, ids, [], None, goes_on=begun))
                begun = True
        return begun

    def _take_ids(self, keys: Sequence[str]) -> RecentIds:
        # An id reserved by an admission that is still under way (0) must not be on disk before
        # its message is.
        ids = self.recent_ids
        taken = {key: held for key in keys if (held := ids.get(key)) is not None and held[0]}
        for key in taken:
            del ids[key]
        return taken

    async def _spill(self, now: float) -> None:
        if self._waiting() < WAITING_IN_MEMORY:
            return
        keep = max(WAITING_AFTER_SPILL, self._waiting() - SPILLED_AT_ONCE)
        oldest, keys, begun = memory.oldest_waiting(self.accounts, keep), set[str](), False
        await trio.lowlevel.checkpoint()
        for part in in_ranges(oldest, memory.place_of, WRITTEN_AT_ONCE):
            if waiting := memory.spill(self.accounts, part, keys):
                await self.commit(checkpoint=Checkpoint(now, {}, waiting, None, goes_on=begun))
                begun = True

    def _base(self, now: float) -> Base:
        accounts = self.accounts
        data = memory.snapshot(accounts, base=True)
        return Base(accounts.seq, now, memory.settled(accounts), data)


def _is_sound(row: MessageRow) -> bool:
    """Whether it can be read; of what was rejected nobody wants the message."""
    try:
        return row.state != State.QUEUED or row.message is not None
    except Damaged:
        return False
