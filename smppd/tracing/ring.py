"""The files of one trace: one after the other, each of a moderate size, the oldest making room.

Blocks on the disk. Raises OSError.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

#: Octets of one file, more or less, and how many are kept.
MOST_OCTETS = 16 << 20
MOST_FILES = 8

_MODE = 0o600


class Ring:
    """Files NAME-DATE-TIME-NUMBER.pcapng in a folder, each of which begins with `head`."""

    def __init__(self, folder: Path, name: str, now: float, head: bytes) -> None:
        self._folder = folder
        self._stem = f"{name}-{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}"
        self._head = head
        self._number = 0
        self._size = 0
        self._descriptor: int | None = None
        #: Those that are there, the oldest first.
        self.files = deque[Path]()

    def open(self) -> None:
        """Begin the first file, or the next."""
        self.close()
        self._number += 1
        path = self._folder / f"{self._stem}-{self._number:04d}.pcapng"
        # What is there is somebody else's, and no link is followed.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, _MODE)
        self.files.append(path)
        self._size = 0
        self._put(self._head)
        while len(self.files) > MOST_FILES:
            self.files.popleft().unlink(missing_ok=True)

    def write(self, blocks: Iterable[bytes]) -> int:
        """Append these; how many octets they are. A file that is full ends between two of them."""
        lot: list[bytes] = []
        size = total = 0
        for block in blocks:
            lot.append(block)
            size += len(block)
            if self._size + size >= MOST_OCTETS:
                self._put(b"".join(lot))
                total += size
                lot, size = [], 0
                self.open()
        self._put(b"".join(lot))
        return total + size

    def close(self) -> None:
        """Write no more to the file that is open, if any."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _put(self, octets: bytes) -> None:
        assert self._descriptor is not None
        left = memoryview(octets)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            os.ftruncate(self._descriptor, self._size)  # so that whole packets are left
            raise
        self._size += len(octets)
