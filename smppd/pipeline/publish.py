"""Publish: a file whose messages have come to rest gets its results and its report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from heapq import nsmallest

import trio

from smppd.events import Emit, FileReported
from smppd.ledger.entries import Outstanding, read_outstanding
from smppd.ledger.snapshot import FileAccount
from smppd.message import State
from smppd.pipeline.desk import Desk
from smppd.ports import Publisher, Resting

#: Seconds between two looks at files whose receipts may never come.
LOOK_EVERY = 5.0
#: Files published at once, and about so many messages in them, before it is seen whether more
#: urgent ones have come to rest.
AT_ONCE = 500
MESSAGES_AT_ONCE = 2000


class Publication:
    """Watches for files that can be reported, and reports each once.

    `spilled` reads the messages that are waiting on disk, for a file reported before its end;
    `on_reported` is told each that was.
    """

    def __init__(
        self,
        desk: Desk,
        publisher: Publisher,
        spilled: Callable[[], Iterable[bytes]],
        emit: Emit,
        report_after: float,
        on_reported: Callable[[FileAccount], None],
    ) -> None:
        self._desk = desk
        self._publisher = publisher
        self._spilled = spilled
        self._emit = emit
        self._report_after = report_after
        self._on_reported = on_reported

    async def run(self) -> None:
        """Report files as they come to rest, until cancelled."""
        look_at = trio.current_time() + LOOK_EVERY
        while True:
            await self.publish_ready()
            with trio.move_on_at(look_at):
                await self._desk.stirred.wait()
            if trio.current_time() >= look_at:
                self._desk.accounts.touched.update(self._overdue())
                look_at = trio.current_time() + LOOK_EVERY

    async def publish_ready(self) -> None:
        """Report every file that is at rest now."""
        self._desk.stirred = trio.Event()
        accounts = self._desk.accounts
        while accounts.touched:
            # The high lane's files first, also those that came to rest while others were written.
            lot = self._next_lot(nsmallest(AT_ONCE, accounts.touched, self._urgency))
            try:
                await self._publish(lot)
            except OSError:
                return  # the daemon stops and the disk takes nothing: the next start does it
            # Not before: a stop in the middle leaves them for the last round.
            accounts.touched.difference_update(file.file_id for file in lot)

    def _next_lot(self, ordered: Sequence[int]) -> list[FileAccount]:
        """As many of these files as go at once; those that are not at rest are passed over."""
        accounts, lot, messages = self._desk.accounts, list[FileAccount](), 0
        for file_id in ordered:
            file = accounts.files.get(file_id)
            if file is None or not self._at_rest(file):
                # At once: it may come to rest while the others are published.
                accounts.touched.discard(file_id)
            elif lot and messages + file.items > MESSAGES_AT_ONCE:
                break
            else:
                lot.append(file)
                messages += file.items
        return lot

    def _urgency(self, file_id: int) -> tuple[int, int]:
        file = self._desk.accounts.files.get(file_id)
        return (-1 if file is None else file.lane, file_id)

    def _at_rest(self, file: FileAccount) -> bool:
        """Whether all is final or held as unknown, or has waited long enough for receipts."""
        if not file.closed or file.reported:
            return False
        return file.pending == file.states[State.UNKNOWN] or self._is_overdue(file)

    def _is_overdue(self, file: FileAccount) -> bool:
        waited = self._desk.wall() - file.last_submit
        return file.closed and not file.queued and waited > self._report_after

    def _overdue(self) -> list[int]:
        return [
            file.file_id
            for file in self._desk.accounts.files.values()
            if not file.reported and self._is_overdue(file)
        ]

    async def _publish(self, files: Sequence[FileAccount]) -> None:
        if not files:
            return
        # Results are read from the disk: what is not there yet is taken along as it stands now.
        slots = self._desk.accounts.slots
        unfinished = self._unfinished({file.file_id for file in files if file.pending})
        lot = [
            Resting(file, slots[file.file_id].copy(), unfinished.get(file.file_id, []))
            for file in files
        ]
        await self._desk.commit()
        placed = await self._publisher.publish(lot)
        told = [
            FileReported(
                file.name,
                place,
                {state.label: count for state in State if (count := file.states[state])},
            )
            for file, place in zip(files, placed, strict=True)
        ]
        now = self._desk.wall()
        for file, event in zip(files, told, strict=True):
            self._desk.ledger.file_reported(now, file.file_id, event.placed)
        await self._desk.commit()
        for file, event in zip(files, told, strict=True):
            self._on_reported(file)
            self._emit(event)

    def _unfinished(self, files: Set[int]) -> dict[int, list[Outstanding]]:
        """The messages of these files that are not final, by file: one look for all of them."""
        if not files:
            return {}
        found: dict[int, dict[int, Outstanding]] = defaultdict(dict)
        for entry in self._desk.accounts.entries.values():
            if entry.file_id in files:
                found[entry.file_id][entry.item] = entry
        if any(len(found[each]) < self._desk.accounts.files[each].pending for each in files):
            for entry in map(read_outstanding, self._spilled()):
                if entry.file_id in files:
                    found[entry.file_id].setdefault(entry.item, entry)
        return {file_id: list(entries.values()) for file_id, entries in found.items()}
