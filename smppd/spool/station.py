"""The spool station: notice, claim, read, three lanes side by side.

`Spool.run` owns every task and open file of the station and gives them all back when it ends.
It may be cancelled anywhere: what was claimed lies in `work/`, what was admitted is in the
journal with its checkpoint, and the next start goes on from there. It hands lines to an
`Admission` and knows nothing of what becomes of them. OSError leaves it when the spool itself
fails (no disk, no folder), never for one file's sake.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import trio

from smppd.disk import CLAIMS, INBOX_FOLDER, Disk
from smppd.events import Emit, FileClaimed, FileWaiting, InboxMadeAgain, InboxUnwatched
from smppd.figures import SpoolFigures
from smppd.message import Lane
from smppd.ports import Admission
from smppd.spool.claiming import Pass, Taken, Tokens, claim, left_over, recover, sync_claim
from smppd.spool.folders import INBOX, INBOX_FOLDERS, make_folder, shown_name
from smppd.spool.inbox import LOT, LaneInbox
from smppd.spool.intake import Bin, Intake, RunSync
from smppd.spool.judging import IntakeRules
from smppd.spool.lanes import LaneReader
from smppd.spool.quarantine import Unusable
from smppd.spool.space import LOOK_EVERY, Space
from smppd.spool.watching import Lost, Overflow, Watch

#: Drafts in inbox/tmp are removed when nothing has touched them for this long (seconds).
DRAFTS_LAST = 36 * 3600.0

#: Seconds between two lots of a crowded lane, and between two looks whether it still is.
CROWDED_EVERY = 1.0
CROWDED_LOOK = 0.05

#: From so many files at once on, claiming them is work for `run_many`.
MANY = 16

_SWEEP_EVERY = 3600.0
_SWEEP_AT_MOST = 1000


class ResumableAdmission(Admission, Protocol):
    """An `Admission` that knows which claimed files it has done with."""

    def is_read(self, token: str, name: str) -> bool:
        """Whether every line of this claimed file is in the journal already."""

    def is_crowded(self, lane: Lane) -> bool:
        """Whether more files of this lane would only take memory."""


class _Desk:
    """What belongs to one lane; `left` are the files that earlier runs claimed."""

    def __init__(self, lane: Lane, inbox: LaneInbox, reader: LaneReader) -> None:
        self.lane = lane
        self.inbox = inbox
        self.reader = reader
        self.left: Iterator[Taken] = iter(())
        self.taken_at = float("-inf")

    def put(self, files: Sequence[Taken]) -> None:
        """Have them read."""
        self.taken_at = trio.current_time()
        self.reader.put(files)


class Spool:
    """Takes hand-ins from the inbox to an `Admission`. `figures` counts what it did."""

    def __init__(
        self,
        root: Path,
        admission: ResumableAdmission,
        emit: Emit,
        *,
        rules: IntakeRules,
        wall: Callable[[], float],
        run_sync: RunSync = trio.to_thread.run_sync,
    ) -> None:
        self._root = root
        self._admission = admission
        self._emit = emit
        self._rules = rules
        self._wall = wall
        self._run_sync = run_sync
        self._run_many = run_sync
        self.figures = SpoolFigures()
        self._bad = Bin(root, emit, wall, run_sync, self.figures)
        self.mind(Space([root], 0, Disk()))
        self._tokens = Tokens(root / "work", wall)
        self._desks = {lane: self._desk(lane) for lane in Lane}
        #: Ends a rest. One that ended it before it began does so then.
        self._rest = trio.CancelScope()
        self._closed = False
        self._watch: Watch | None = None
        self._lost: set[Lane] = set()
        self._list_at = float("-inf")
        self._sweep_at = float("-inf")

    def _desk(self, lane: Lane) -> _Desk:
        intake = Intake(self._admission, self._emit, self._bad, self._rules.max_line, self.figures)
        folder = self._root / INBOX[lane]
        inbox = LaneInbox(folder, self._rules, self._wall, self._tell_waiting)
        return _Desk(lane, inbox, LaneReader(intake, self._wake))

    def mind(self, space: Space) -> None:
        """Claim nothing while there is too little room."""
        self._space, self._disk = space, space.disk
        self._bad.disk = space.disk

    def hand_over(self, run_many: RunSync) -> None:
        """Let this run what is many files at once."""
        self._run_many = run_many

    def close(self) -> None:
        """Claim nothing more and let `run` return once the chunks in hand are admitted."""
        self._closed = True
        for desk in self._desks.values():
            desk.reader.close()
        self._wake()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Go on with what `work/` holds, then take what comes, until closed or cancelled.

        Started once the inbox is watched. Needs a root that `prepare_root` found good.
        """
        watch = self._watch = self._open_watch()
        try:
            for lane, folders in left_over(self._root).items():
                self._desks[lane].left = self._unread(recover(folders))
            async with trio.open_nursery() as readers:
                for desk in self._desks.values():
                    readers.start_soon(desk.reader.run)
                task_status.started()
                await self._notice()
        finally:
            for desk in self._desks.values():
                desk.inbox.close()
            if watch is not None:
                watch.close()

    def _open_watch(self) -> Watch | None:
        try:
            return Watch({lane: self._root / place for lane, place in INBOX.items()})
        except OSError as error:
            self._emit(InboxUnwatched(error.strerror or str(error), self._rules.poll_interval))
            return None

    def _unread(self, left: Iterator[Taken]) -> Iterator[Taken]:
        for taken in left:
            if not self._admission.is_read(taken.claimed.token, taken.claimed.name):
                yield taken

    # ── noticing ─────────────────────────────────────────────────────────────────────────────

    async def _notice(self) -> None:
        """Lane by lane, the high one first again after every lot, then rest."""
        while not self._closed:
            self._heed_watch()
            self._keep_hours()
            for desk in self._desks.values():
                if await self._serve(desk):
                    await trio.lowlevel.checkpoint()
                    break
            else:
                await self._wait_news()

    async def _serve(self, desk: _Desk) -> bool:
        """Take one lot from a lane; False when there is nothing to take, or no room for it."""
        room = min(desk.reader.room, LOT)
        if not room or self._closed or self._must_wait(desk):
            return False
        left = list(islice(desk.left, room))
        if left:
            desk.put(left)
            return True
        if self._space.is_short(trio.current_time()):
            return False
        names = desk.inbox.gather(room, trio.current_time())
        if not names:
            return desk.inbox.has_more
        looking = desk.inbox.looking_at(names)
        glances = await self._run_many(looking) if len(names) >= MANY else looking()
        look = desk.inbox.judge(names, glances, trio.current_time())
        for name, problem in look.refused:
            await self._refuse(desk, name, problem)
        if look.found:
            await self._claim(desk, look.found)
        return desk.inbox.has_more

    def _must_wait(self, desk: _Desk) -> bool:
        crowded = self._admission.is_crowded(desk.lane)
        return crowded and trio.current_time() < desk.taken_at + CROWDED_EVERY

    async def _claim(self, desk: _Desk, found: list[tuple[str, int]]) -> None:
        run_sync = self._run_sync if len(found) < MANY else self._run_many
        inbox = self._root / INBOX[desk.lane]
        try:
            folder = self._tokens.new_folder(desk.lane)
            outcome = await run_sync(claim, inbox, folder, desk.lane, found)
        except OSError as error:
            outcome = Pass([], [], error)
        for name, reason in outcome.refused:
            desk.inbox.leave(name, _immovable(reason), trio.current_time())
        if outcome.taken:
            files = outcome.safe or await self._disk.insist(
                CLAIMS, lambda: run_sync(sync_claim, inbox, folder, outcome.taken)
            )
            self.figures.claimed += len(files)
            for taken in files:
                self._emit(FileClaimed(taken.claimed.name, desk.lane.name.lower(), taken.octets))
            desk.put(files)
        self._disk.note(CLAIMS, outcome.failure)
        if outcome.failure is not None:
            desk.inbox.list_again()
            await trio.sleep(LOOK_EVERY)

    async def _refuse(self, desk: _Desk, name: str, problem: Unusable) -> None:
        try:
            await self._bad.put(self._root / INBOX[desk.lane] / name, problem)
        except FileNotFoundError:
            return
        except PermissionError as error:
            reason = _immovable(error.strerror or "not permitted")
            desk.inbox.leave(name, reason, trio.current_time())

    def _tell_waiting(self, path: Path, reason: str) -> None:
        self._emit(FileWaiting(shown_name(str(path.relative_to(self._root))), reason))

    # ── when to look again ───────────────────────────────────────────────────────────────────

    def _wake(self) -> None:
        self._rest.cancel()

    async def _wait_news(self) -> None:
        """Until the watch, a reader with room again, a file's rest or the next listing."""
        now = trio.current_time()
        dues = [each.inbox.next_due() for each in self._desks.values() if each.reader.room]
        soon = LOOK_EVERY if self._space.is_short(now) else 3600.0
        if any(map(self._must_wait, self._desks.values())):
            soon = min(soon, CROWDED_LOOK)
        self._rest.deadline = max(min(self._list_at, *dues, now + soon), now + 0.01)
        with self._rest:
            if self._watch is None:
                await trio.sleep_forever()
            else:
                await self._watch.wait()
        self._rest = trio.CancelScope()

    def _heed_watch(self) -> None:
        for news in self._watch.news() if self._watch is not None else ():
            if isinstance(news, Overflow):
                self._list_all()
            elif isinstance(news, Lost):
                self._lost.add(news.lane)
                self._list_at = trio.current_time()
            else:
                self._desks[news.lane].inbox.expect(news.name, moved=news.moved)

    def _keep_inbox(self) -> None:
        """Make again what somebody has removed of the inbox, or moved away, and watch it again."""
        for place in INBOX_FOLDERS:
            folder = self._root / place
            if folder.is_dir():
                continue
            try:
                make_folder(self._root, place)
            except OSError as error:
                self._disk.note(INBOX_FOLDER, error)
                return
            self._emit(InboxMadeAgain(place))
        self._disk.note(INBOX_FOLDER, None)
        while self._watch is not None and self._lost:
            try:
                self._watch.renew(self._lost.pop())
            except OSError as error:
                self._emit(InboxUnwatched(error.strerror or str(error), self._rules.poll_interval))

    def _keep_hours(self) -> None:
        """Listing and sweeping, each when its time has come."""
        now = trio.current_time()
        if now >= self._list_at:
            self._list_at = now + self._rules.poll_interval
            self._keep_inbox()
            self._list_all()
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_EVERY
            sweep_drafts(self._root / "inbox" / "tmp", self._wall() - DRAFTS_LAST)

    def _list_all(self) -> None:
        for desk in self._desks.values():
            desk.inbox.list_again()


def sweep_drafts(folder: Path, before: float) -> None:
    """Remove files that nobody has touched since this moment (epoch seconds), a lot of them."""
    with os.scandir(folder) as entries:
        for entry in islice(entries, _SWEEP_AT_MOST):
            try:
                status = entry.stat(follow_symlinks=False)
                if max(status.st_mtime, status.st_ctime) < before:
                    Path(entry).unlink()
            except OSError:
                continue


def _immovable(reason: str) -> str:
    return f"cannot be moved: {reason}: let the daemon's user write the folder it lies in"
