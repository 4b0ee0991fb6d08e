"""Many files put in their places at once: none is seen before all of them are on disk.

They are written under names of no meaning, synced together, and only then renamed. Of many small
files the syncs cost most by far, so a whole lot of them has one. What a crash leaves of drafts
lies in a folder of `work/`, where the next start clears it away. All calls block; OSError leaves
them.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from smppd.placing import FILE_MODE

#: Up to so many drafts are synced one by one: a sync of the whole filesystem waits for others, too.
FEW = 8
_BUFFER = 1 << 16
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
_MORE = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC

_libc = ctypes.CDLL(None, use_errno=True)


class Drafts:
    """One lot: `write` each, then `place` all. Leaving it removes what was not placed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = str(folder)
        self._descriptor = -1
        self._waiting: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        # Whatever fails to reach the disk from here on is told to this descriptor.
        self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        with suppress(OSError):  # it goes with the next start, then
            for draft, _target in self._waiting:
                os.unlink(draft)
            self._folder.rmdir()

    def write(self, target: str, pieces: Iterable[bytes], begun: str | None = None) -> None:
        """Draft what is to be at this path, where it replaces whatever is there, behind what was
        `begun` in a file of its own."""
        draft = f"{self._path}/.{len(self._waiting)}.tmp"
        if begun is not None:
            os.rename(begun, draft)
        descriptor = os.open(draft, _NEW if begun is None else _MORE, FILE_MODE)
        try:
            self._waiting.append((draft, target))
            for octets in _gathered(pieces):
                _write_all(descriptor, octets)
        finally:
            os.close(descriptor)

    def place(self) -> None:
        """Put them on disk, and then each where it is to be, in the order they were written."""
        if len(self._waiting) > FEW:
            self._sync_filesystem()
        else:
            for draft, _ in self._waiting:
                _sync(draft)
        waiting, self._waiting = self._waiting, []
        for place, (draft, target) in enumerate(waiting):
            try:
                os.replace(draft, target)
            except OSError:
                self._waiting = waiting[place:]
                raise

    def _sync_filesystem(self) -> None:
        if _libc.syncfs(self._descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(self._folder))


def append(path: str, pieces: Iterable[bytes]) -> None:
    """Write this behind what is in a file that `write` is told of later."""
    descriptor = os.open(path, _MORE | os.O_CREAT, FILE_MODE)
    try:
        for octets in _gathered(pieces):
            _write_all(descriptor, octets)
    finally:
        os.close(descriptor)


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same octets in few pieces: a short file is one."""
    gathered, length = list[bytes](), 0
    for piece in pieces:
        gathered.append(piece)
        length += len(piece)
        if length >= _BUFFER:
            yield b"".join(gathered)
            gathered, length = [], 0
    yield b"".join(gathered)


def _write_all(descriptor: int, octets: bytes) -> None:
    written = os.write(descriptor, octets)
    while written < len(octets):
        written += os.write(descriptor, memoryview(octets)[written:])


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
