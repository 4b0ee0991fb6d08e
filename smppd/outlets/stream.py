"""`events/events-00000001.jsonl` and so on: every event, appended, a whole line for each.

The last whole line says how far the stream has come, so that after a crash it goes on with the next
event, and none stands there twice. A consumer keeps the file's name and how many octets of it it has
read, up to a newline, or the `seq` of the last line; the file with the next number follows when there
is one. Blocking: one call at a time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from smppd.outlets.happenings import Happening
from smppd.outlets.outlet import Trouble
from smppd.placing import FILE_MODE, fsync_folder

_NAME = re.compile(r"events-(\d{8,})\.jsonl")
#: So much of a file's end is looked at for its last line, and four times as much if that is longer.
_TAIL = 64 << 10


class Position(NamedTuple):
    """Which event a line is: of the fact `seq` the one with this number. `at` is epoch seconds."""

    seq: int
    number: int
    at: float


class _Line(msgspec.Struct):
    seq: int
    event_id: str
    at: str


_read_line = msgspec.json.Decoder(_Line).decode


def stream_files(folder: Path) -> list[tuple[int, Path]]:
    """The files of the stream with their numbers, the oldest first."""
    found = [(match[1], path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return sorted((int(number), path) for number, path in found)


def position_of(line: bytes) -> Position | None:
    """Which event a line is; None for one that is none of ours."""
    try:
        found = _read_line(line)
        at = datetime.fromisoformat(found.at).timestamp()
        last = found.event_id.rpartition("-")[2]
        number = 0 if found.event_id.startswith("received-") else int(last, 16)
    except (msgspec.DecodeError, ValueError):
        return None
    return Position(found.seq, number, at)


class Rotation(NamedTuple):
    """When a file is followed by the next: octets, seconds."""

    size: int
    every: float


class StreamFiles:
    """The growing file, and the next. `wall` gives epoch seconds."""

    def __init__(self, folder: Path, rotation: Rotation, wall: Callable[[], float]) -> None:
        self._folder = folder
        self._rotation = rotation
        self._wall = wall
        self._descriptor: int | None = None
        self._number = 0
        self._size = 0
        self._began = 0.0
        self.last: Position | None = None

    def change(self, rotation: Rotation) -> None:
        """Have files followed so from the next line on."""
        self._rotation = rotation

    def recover(self) -> Position | None:
        """Cut a line that a crash left half written; the last event that stands there."""
        self._folder.mkdir(exist_ok=True)
        for number, path in reversed(stream_files(self._folder)):
            newest, self._number = not self._number, self._number or number
            last = _mend(path) if newest else _last_line(path)[0]
            if last is not None:
                self.last = position_of(last)
                break
        return self.last

    def forget(self) -> None:
        """What stands there is of another journal."""
        self.last = None

    def append(self, lot: Sequence[Happening]) -> None:
        """On return these are on disk, those that stand there already left out. OSError: none is."""
        if self.last is not None:
            last = self.last[:2]
            lot = [each for each in lot if (each.seq, each.number) > last]
        if not lot:
            return
        descriptor = self._open()
        octets = b"\n".join([*(each.json for each in lot), b""])
        try:
            _write(descriptor, octets)
            os.fdatasync(descriptor)
        except OSError:
            with suppress(OSError):  # what is half written goes with the next start, then
                os.ftruncate(descriptor, self._size)
            raise
        self._size += len(octets)
        self.last = Position(lot[-1].seq, lot[-1].number, lot[-1].at)

    def close(self) -> None:
        """Close the growing file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        """The file to append to: that which there was, or the next when that is full or old."""
        if self._descriptor is None and self._number:
            self._take_up(self._path())
        if self._descriptor is not None:
            full = self._size >= self._rotation.size
            old = self._size and self._wall() - self._began >= self._rotation.every
            if not full and not old:
                return self._descriptor
            self.close()
        self._number += 1
        self._take_up(self._path())
        fsync_folder(self._folder)
        assert self._descriptor is not None
        return self._descriptor

    def _take_up(self, path: Path) -> None:
        self._descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE
        )
        self._size = os.fstat(self._descriptor).st_size
        first = _first_line(path) if self._size else None
        position = None if first is None else position_of(first)
        self._began = self._wall() if position is None else position.at

    def _path(self) -> Path:
        return self._folder / f"events-{self._number:08d}.jsonl"


class Stream:
    """Events into files; a `Sink`."""

    #: So many events are written and synced at once.
    batch = 2000

    def __init__(self, files: StreamFiles, run_sync: Callable[..., Awaitable[Any]]) -> None:
        self._files = files
        self._run_sync = run_sync

    async def deliver(self, lot: Sequence[Happening]) -> Trouble | None:
        """See `Sink`."""
        try:
            await self._run_sync(self._files.append, lot)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            return Trouble(f"events/ cannot be written: {error.strerror}{where}")
        return None


def _write(descriptor: int, octets: bytes) -> None:
    view = memoryview(octets)
    while view:
        view = view[os.write(descriptor, view) :]


def _first_line(path: Path) -> bytes | None:
    with path.open("rb") as file:
        line = file.readline()
    return line if line.endswith(b"\n") else None


def _mend(path: Path) -> bytes | None:
    """Cut what stands behind the last newline; the last whole line, if there is one."""
    line, end = _last_line(path)
    if end < path.stat().st_size:
        os.truncate(path, end)
    return line


def _last_line(path: Path) -> tuple[bytes | None, int]:
    """The last whole line, and where it ends."""
    with path.open("rb") as file:
        size, length = file.seek(0, os.SEEK_END), _TAIL
        while True:
            start = max(0, size - length)
            file.seek(start)
            tail = file.read(size - start)
            end = tail.rfind(b"\n")
            before = tail.rfind(b"\n", 0, end) if end >= 0 else -1
            if end < 0 and not start:
                return None, 0
            if end >= 0 and (before >= 0 or not start):
                return tail[before + 1 : end], start + end + 1
            length *= 4
