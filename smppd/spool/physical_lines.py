"""The lines of a file as they lie on the disk, whatever rows they make up."""

from __future__ import annotations

from smppd.spool.chunks import Octets


class PhysicalLines:
    """The lines of a file, a block at a time. `taken` of those in `ready` have been taken.

    Of one longer than `limit` no more is kept than shows that it is; `cut` says how many octets
    that left out.
    """

    def __init__(self, file: Octets, limit: int) -> None:
        self._file = file
        self._limit = limit
        self._rest = b""
        self._dropped = 0
        self.ready: list[bytes] = []
        self.taken = 0
        self.cut: dict[int, int] = {}
        self.ended = False
        self.open_end = False
        self.has_nul = False

    @property
    def is_overlong(self) -> bool:
        """Whether the line that is being read is too long already."""
        return len(self._rest) > self._limit

    def read(self, keep: int, size: int) -> bytes:
        """Read another block; of the lines taken, keep those from `keep` on. The block."""
        block = self._file.read(size)
        self.put(block, keep)
        return block

    def put(self, block: bytes, keep: int = 0) -> None:
        """Another block; none at the end of the file."""
        del self.ready[:keep]
        self.taken -= keep
        self.cut = {}
        if not block:
            self.ended = True
            if self._rest:
                self.open_end = True
                self._add([self._rest])
            return
        self.has_nul = self.has_nul or b"\0" in block
        *whole, rest = (self._rest + block).split(b"\n")
        if whole:
            self._add(whole)
        self._rest = self._shortened(rest)

    def _add(self, whole: list[bytes]) -> None:
        whole[0] = self._shortened(whole[0])
        if self._dropped:
            self.cut[len(self.ready)] = self._dropped
        self._dropped = 0
        self.ready += whole

    def _shortened(self, line: bytes) -> bytes:
        over = len(line) - self._limit - 1
        if over > 0:
            self._dropped += over
            return line[: self._limit + 1]
        return line

    def length(self, first: int, end: int) -> int:
        """Octets of these lines in the file, with their newlines."""
        octets = sum(map(len, self.ready[first:end])) + end - first
        if self.cut:
            octets += sum(self.cut.get(at, 0) for at in range(first, end))
        at_end = self.open_end and end == len(self.ready)
        return octets - 1 if at_end else octets
