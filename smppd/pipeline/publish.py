"""Publish: a file whose messages have come to rest gets its results and its report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nsmallest

import trio

from smppd.events import Emit, FileReported
from smppd.ledger.entries import Outstanding, read_outstanding
from smppd.ledger.snapshot import FileAccount
from smppd.message import State
from smppd.pipeline.desk import Desk
from smppd.ports import Publisher

#: Seconds between two looks at files whose receipts may never come.
LOOK_EVERY = 5.0
#: Files published before it is seen whether more urgent ones have come to rest.
AT_ONCE = 20


class Publication:
    """Watches for files that can be reported, and reports each once.

    `spilled` reads the messages that are waiting on disk, for a file reported before its end;
    `on_reported` is told the claim's token and name.
    """

    def __init__(
        self,
        desk: Desk,
        publisher: Publisher,
        spilled: Callable[[], Iterable[bytes]],
        emit: Emit,
        report_after: float,
        on_reported: Callable[[str, str], None],
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
            for file_id in nsmallest(AT_ONCE, accounts.touched, self._urgency):
                file = accounts.files.get(file_id)
                if file is not None and self._at_rest(file):
                    await self._publish(file)
                # Not before: a stop in the middle leaves it for the last round.
                accounts.touched.discard(file_id)

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

    async def _publish(self, file: FileAccount) -> None:
        # Results are read from the disk: what is not there yet is taken along as it stands now.
        slots, unfinished = self._desk.accounts.slots[file.file_id].copy(), self._unfinished(file)
        await self._desk.commit()
        placed = await self._publisher.publish(file, slots, unfinished)
        states = {state.label: count for state in State if (count := file.states[state])}
        self._desk.ledger.file_reported(self._desk.wall(), file.file_id, placed)
        await self._desk.commit()
        self._on_reported(file.token, file.name)
        self._emit(FileReported(file.name, placed, states))

    def _unfinished(self, file: FileAccount) -> list[Outstanding]:
        if not file.pending:
            return []
        found = {
            entry.item: entry
            for entry in self._desk.accounts.entries.values()
            if entry.file_id == file.file_id
        }
        if len(found) < file.pending:
            for entry in map(read_outstanding, self._spilled()):
                if entry.file_id == file.file_id:
                    found.setdefault(entry.item, entry)
        return list(found.values())
