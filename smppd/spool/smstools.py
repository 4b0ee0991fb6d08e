"""The folders of smstools: files of any name in `outgoing/` become hand-ins of ours.

A lot of finished files is renamed into `checked/`, under names that say which lot it is; then the
messages of the lot are handed in as one file of lines, each with an id that names its file. Both
are on disk before the next lot. After a crash the lots that are in `checked/` are handed in unless
the inbox, `work/` or the journal have them. What becomes of a file afterwards is told by the
journal's facts (see `outlets.smstools`). A file that asks for what cannot be done is left to that, too.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Protocol

import msgspec
import trio

from smppd.events import Emit, FileWaiting
from smppd.message import ErrorInfo
from smppd.placing import PLAINLY, fsync_folder, write_whole
from smppd.smstools_text import CheckedName, Habits, fields_of, read_checked, take_apart

#: The folders, below the root of the spool.
FOLDERS = ("outgoing", "checked", "sent", "failed", "incoming")
#: Files in one lot.
LOT = 200
#: Octets that a file may have: no message is that long.
LONGEST = 1 << 20
#: A shorter file is no message yet: a placeholder that mktemp made, say.
_SHORTEST = 8
#: A file whose inode changed this much later than its content was moved in (ns).
_MOVED_AFTER = 5_000_000

_encode = msgspec.json.Encoder().encode


def _content(path: Path) -> bytes:
    """As much of it as a message may have, and an octet more. FileNotFoundError for what is no file."""
    descriptor = os.open(path, PLAINLY)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError
        return file.read(LONGEST + 1)


class OutgoingRules(msgspec.Struct, frozen=True):
    """Seconds between two looks, seconds that a file must rest, and what holds where it does not say."""

    poll_interval: float = 1.0
    settle: float = 2.0
    habits: Habits = Habits(report=False)


class Papers(Protocol):
    """Whoever sees to what becomes of files in `checked/`."""

    def expect(self, name: CheckedName) -> None:
        """A file was taken."""

    async def refuse(self, name: CheckedName, mistake: ErrorInfo) -> None:
        """A file is handed in nowhere. OSError when the disk fails."""


class Outgoing:
    """Takes what lies in `outgoing/`. `is_known`: whether the journal has a file of this name."""

    def __init__(
        self,
        root: Path,
        rules: OutgoingRules,
        papers: Papers,
        is_known: Callable[[str], bool],
        emit: Emit,
        around: tuple[Callable[[], float], Callable[..., Awaitable[Any]]],
    ) -> None:
        self._root = root
        self._rules = rules
        self._papers = papers
        self._is_known = is_known
        self._emit = emit
        self._wall, self._run_sync = around
        self._seen: dict[str, tuple[tuple[int, int], float]] = {}
        self._last_lot = 0
        self._pending: list[list[CheckedName]] = []
        self._failing = False

    async def run(self) -> None:
        """Look again and again, until cancelled; what an earlier run began is done first."""
        self._pending = await self._run_sync(self._left)
        while True:
            try:
                worked = await self._work()
                self._failing = False
            except OSError as error:
                worked = False
                if not self._failing:
                    self._failing = True
                    where = error.filename or self._root
                    self._emit(FileWaiting("outgoing/", f"{where}: {error.strerror}"))
            if not worked:
                await trio.sleep(self._rules.poll_interval)

    async def _work(self) -> bool:
        """Take one lot and hand it in; False when there is none."""
        if not self._pending and not await self._run_sync(self._take, trio.current_time()):
            return False
        lot = self._pending[0]
        for name in lot:
            self._papers.expect(name)
        for name, mistake in await self._run_sync(self._hand_in, lot):
            await self._papers.refuse(name, mistake)
        del self._pending[0]
        return True

    # ── taking ───────────────────────────────────────────────────────────────────────────────

    def _take(self, now: float) -> list[CheckedName]:
        """Rename a lot of finished files into `checked/`."""
        outgoing, checked = self._root / "outgoing", self._root / "checked"
        finished = list(islice(self._finished(outgoing, now), LOT))
        if not finished:
            return []
        lot = self._last_lot = max(int(self._wall() * 1e6), self._last_lot + 1)
        taken: list[CheckedName] = []
        try:
            for number, name in enumerate(finished):
                place = CheckedName(lot, number, name)
                with suppress(
                    FileNotFoundError, PermissionError
                ):  # its writer's again, or not ours
                    (outgoing / name).rename(checked / str(place))
                    taken.append(place)
                self._seen.pop(name, None)
        finally:
            # Also when the disk takes no more of them: nobody else looks for those.
            if taken:
                self._pending.append(taken)
        return taken

    def _finished(self, folder: Path, now: float) -> Iterator[str]:
        """The files that nobody is writing any more, the oldest first."""
        found, names = [], {path.name for path in folder.iterdir()}
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        for name in names:
            if name.startswith((".", "LOCKED")) or name.endswith(".LOCK"):
                continue
            if f"{name}.LOCK" in names:
                continue
            try:
                status = os.lstat(folder / name)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode) and self._is_finished(name, status, now):
                found.append((status.st_mtime_ns, name))
        return (name for _, name in sorted(found))

    def _is_finished(self, name: str, status: os.stat_result, now: float) -> bool:
        if status.st_size < _SHORTEST or status.st_nlink > 1:
            return False
        if status.st_ctime_ns - status.st_mtime_ns > _MOVED_AFTER:
            return True
        signature = (status.st_size, status.st_mtime_ns)
        before, since = self._seen.get(name, (None, now))
        if before != signature:
            self._seen[name] = (signature, now)
            return self._rules.settle == 0
        return now - since >= self._rules.settle

    # ── handing in ───────────────────────────────────────────────────────────────────────────

    def _left(self) -> list[list[CheckedName]]:
        """The lots that an earlier run took and may not have handed in."""
        found = (read_checked(path.name) for path in (self._root / "checked").iterdir())
        names = sorted(name for name in found if name is not None)
        lots = [list(each) for _, each in groupby(names, lambda name: name.lot)]
        if names:
            self._last_lot = names[-1].lot
        return lots

    def _hand_in(self, lot: Sequence[CheckedName]) -> list[tuple[CheckedName, ErrorInfo]]:
        """Hand the messages of a lot in, unless that was done; those that cannot be."""
        # First of all they must not come back to `outgoing/`, whichever run took them.
        fsync_folder(self._root / "checked")
        fsync_folder(self._root / "outgoing")
        lines, refused = list[bytes](), list[tuple[CheckedName, ErrorInfo]]()
        for name in lot:
            found = self._fields(self._root / "checked" / str(name))
            if isinstance(found, ErrorInfo):
                refused.append((name, found))
            else:
                lines.append(_encode(found | {"id": name.id}))
        file = f"smstools-{lot[0].lot}.jsonl"
        if lines and not self._has(file):
            draft = self._root / "inbox" / "tmp" / file
            write_whole(draft, b"\n".join([*lines, b""]))
            draft.rename(self._root / "inbox" / file)
            fsync_folder(self._root / "inbox")
        return refused

    def _has(self, file: str) -> bool:
        if (self._root / "inbox" / file).exists() or self._is_known(file):
            return True
        return any(True for _ in (self._root / "work").glob(f"*/{file}"))

    def _fields(self, path: Path) -> dict[str, object] | ErrorInfo:
        try:
            content = _content(path)
        except FileNotFoundError:
            return ErrorInfo("NO_HEADERS", text="the file is gone: hand it in again")
        if len(content) > LONGEST:
            return ErrorInfo(
                "LINE_TOO_LONG", text=f"the file has more than {LONGEST} octets: cut it"
            )
        file = take_apart(content)
        if isinstance(file, ErrorInfo):
            return file
        fields = fields_of(file, self._rules.habits)
        if isinstance(fields, ErrorInfo):
            return fields
        return {name: value for name, value in fields.items() if not name.startswith("x-")}
