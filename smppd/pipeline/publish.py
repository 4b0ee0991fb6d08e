"""Publish: a file whose messages have come to rest gets its results and its report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import trio

from smppd.events import Emit, FileReported, JournalDamaged
from smppd.ledger.entries import Outstanding, read_outstanding
from smppd.ledger.snapshot import FileAccount
from smppd.message import Lane, State
from smppd.pipeline.desk import Desk
from smppd.ports import Publisher, Resting, Unreadable, Writing

#: Seconds between two looks at files whose receipts may never come.
LOOK_EVERY = 5.0
#: Seconds from one round of publishing to the next: files that come to rest between them share what it costs.
ROUND = 0.2
#: Files published at once, and about so many messages in them, before it is seen whether more
#: urgent ones have come to rest.
AT_ONCE = 2000
MESSAGES_AT_ONCE = 2500

_HINT = "smppd audit says what is damaged; nothing of the file is sent again, and others go on"

#: So often one looks again for messages that are being spilled.
LOOKS = 100

#: A file, and where it lies now.
_Done = tuple[FileAccount, str]

_LABELS = [(int(state), state.label) for state in State]


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
        #: Files that have no results because the journal is damaged, and how; the next start tries again.
        self.unreadable: dict[int, Unreadable] = {}
        #: No file can have waited long enough before this moment (epoch seconds).
        self._none_before = 0.0

    async def run(self) -> None:
        """Report files as they come to rest, until cancelled."""
        look_at = trio.current_time() + LOOK_EVERY
        while True:
            began = trio.current_time()
            if await self.publish_ready():
                await trio.sleep_until(began + ROUND)
            with trio.move_on_at(look_at):
                await self._desk.stirred.wait()
            if trio.current_time() >= look_at:
                self._desk.accounts.touched.update(self._overdue())
                look_at = trio.current_time() + LOOK_EVERY

    async def publish_ready(self) -> bool:
        """Report every file that is at rest now; whether there was one."""
        self._desk.stirred = trio.Event()
        touched, found = self._desk.accounts.touched, False
        async with trio.open_nursery() as telling:
            # The high lane's files first, also those that came to rest while others were written.
            while touched and (lot := self._next_lot()):
                found = True
                try:
                    placed = await self._place(lot)
                except OSError:
                    # The daemon stops and the disk takes nothing: the next start does it.
                    return True
                done = list(self._sorted_out(zip(lot, placed, strict=True)))
                writing = self._note(done)
                # Not before: a stop in the middle leaves them for the last round.
                touched.difference_update([file.file_id for file in lot])
                # The next lot is read meanwhile.
                telling.start_soon(self._tell, writing, done)
        return found

    def _next_lot(self) -> list[FileAccount]:
        """As many files as go at once, the most urgent ones."""
        lot, messages = list[FileAccount](), 0
        for file in self._resting():
            if lot and (len(lot) == AT_ONCE or messages + file.items > MESSAGES_AT_ONCE):
                break
            lot.append(file)
            messages += file.items
        return lot

    def _resting(self) -> Iterator[FileAccount]:
        """The files that are at rest, the high lane's first and of each lane the oldest."""
        accounts, lanes, others = self._desk.accounts, [list[int]() for _ in Lane], list[int]()
        for file_id in accounts.touched:
            file = accounts.files.get(file_id)
            at_rest = file is not None and self._at_rest(file)
            (lanes[file.lane] if file is not None and at_rest else others).append(file_id)
        # At once: one of them may come to rest while the others are published.
        accounts.touched.difference_update(others)
        for lane in lanes:
            yield from (accounts.files[file_id] for file_id in sorted(lane))

    def _at_rest(self, file: FileAccount) -> bool:
        """Whether all is final or held as unknown, or has waited long enough for receipts."""
        if file.reported or file.file_id in self.unreadable:
            return False
        return file.at_rest or self._is_overdue(file)

    def _is_overdue(self, file: FileAccount) -> bool:
        waited = self._desk.wall() - file.last_submit
        return file.closed and not file.queued and waited > self._report_after

    def _overdue(self) -> list[int]:
        """Those that have waited long enough by now. They are looked through when one can have."""
        now = self._desk.wall()
        if now < self._none_before:
            return []
        files = [file for file in self._desk.accounts.files.values() if not file.reported]
        submitted = (file.last_submit for file in files if file.last_submit)
        self._none_before = min(submitted, default=now) + self._report_after
        return [file.file_id for file in files if self._is_overdue(file)]

    async def _place(self, files: Sequence[FileAccount]) -> Sequence[str | Unreadable]:
        # Results are read from the disk: what is not there yet is taken along as it stands now.
        unfinished: dict[int, dict[int, Outstanding]] = {}
        for _ in range(LOOKS):
            pending = {file.file_id: file.pending for file in files if file.pending}
            unfinished = self._unfinished(pending)
            if all(len(unfinished[each]) >= count for each, count in pending.items()):
                break
            await self._desk.commit()  # what is being spilled is not even on the disk
        slots = self._desk.accounts.slots
        lot = [
            Resting(
                file, slots[file.file_id].copy(), list(unfinished.get(file.file_id, {}).values())
            )
            for file in files
        ]
        await self._desk.commit()
        return await self._publisher.publish(lot)

    def _sorted_out(
        self, placed: Iterable[tuple[FileAccount, str | Unreadable]]
    ) -> Iterator[_Done]:
        """Those that have their results; of the others people are told."""
        for file, place in placed:
            if isinstance(place, Unreadable):
                self.unreadable[file.file_id] = place
                self._emit(JournalDamaged(f"results of {file.name}", place.why, _HINT))
            else:
                yield file, place

    def _note(self, done: Sequence[_Done]) -> Writing:
        """That they are reported; nothing awaits between that and their being so."""
        now = self._desk.wall()
        for file, place in done:
            self._desk.ledger.file_reported(now, file.file_id, place)
        return self._desk.begin()

    async def _tell(self, writing: Writing, done: Sequence[_Done]) -> None:
        await self._desk.finish(writing)
        for file, place in done:
            self._on_reported(file)
            self._emit(FileReported(file.name, place, _by_label(file.states)))

    def _unfinished(self, pending: Mapping[int, int]) -> dict[int, dict[int, Outstanding]]:
        """The messages of these files that are not final, by their number in it: one look for all of
        them. `pending` is how many each has."""
        found: dict[int, dict[int, Outstanding]] = {each: {} for each in pending}
        if not found:
            return found
        accounts = self._desk.accounts
        for entry in accounts.entries.values():
            if entry.file_id in found:
                found[entry.file_id][entry.item] = entry
        if any(len(found[each]) < count for each, count in pending.items()):
            spilled: dict[int, dict[int, Outstanding]] = {each: {} for each in found}
            for entry in map(read_outstanding, self._spilled()):
                if entry.file_id in found and not accounts.is_final(entry.file_id, entry.item):
                    spilled[entry.file_id][entry.item] = entry  # the newest is the last
            found = {each: spilled[each] | entries for each, entries in found.items()}
        return found


def _by_label(states: Sequence[int]) -> dict[str, int]:
    return {label: count for number, label in _LABELS if (count := states[number])}
