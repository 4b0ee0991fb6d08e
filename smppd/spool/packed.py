"""What is packed with gzip, unpacked a bounded piece at a time.

A packed file is unpacked once from its beginning to its end before its first line is admitted: one
that is cut off, damaged or far larger than anything that people send proves so before anything of it
is sent. Read on after a crash, it is unpacked again up to the checkpoint. Memory stays flat.
"""

from __future__ import annotations

import errno
import zlib
from collections.abc import Callable
from io import FileIO

from smppd.spool.chunks import BLOCK, EMPTY, READS, Chunk, Source
from smppd.spool.quarantine import Unusable

#: What people send packs fifty times smaller at best; more than this is meant to do harm, where it
#: is more than `HARMLESS` octets at all.
MOST_TIMES = 200
HARMLESS = 64 << 20

#: Packed octets in hand: where a member ends, what is behind it is copied.
_PIECE = 16 << 10
#: Members begun in one read: each takes its time, and may hold nothing.
MOST_MEMBERS = 256
#: Octets of zeros behind the last member: tapes and disks fill a block up, and nothing needs more.
MOST_PADDING = 1 << 20

_GZIP = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"
_PACK_AGAIN = "pack it again and hand it in again"


class PackedError(Exception):
    """The octets are no gzip from here on; `cut`: because they end too early."""

    def __init__(self, problem: Unusable, *, cut: bool = False) -> None:
        super().__init__(problem.reason)
        self.problem = problem
        self.cut = cut


class Unpacked:
    """The octets in a gzip file: one member after another. An `Octets`."""

    def __init__(self, file: FileIO, size: int = 0) -> None:
        self._file = file
        self.size = size
        self.position = 0
        self._packed = 0
        self._member: zlib._Decompress | None = None
        self._input = b""
        self._members = self._padding = 0

    def close(self) -> None:
        """See `Octets`."""
        self._file.close()

    def rewind(self) -> None:
        """Begin again."""
        self._file.seek(0)
        self.position = self._packed = self._padding = 0
        self._member, self._input = None, b""

    def read(self, size: int) -> bytes:
        """See `Octets`; raises `PackedError`, and OSError."""
        pieces, missing, self._members = [], size, 0
        while missing and (piece := self._read(missing)):
            pieces.append(piece)
            missing -= len(piece)
            if self._members >= MOST_MEMBERS:
                break
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read(self, size: int) -> bytes:
        while True:
            more = self._input or self._fill()
            if not more and self._member is None:
                return b""
            if self._member is None and not self._begin():
                continue
            found = self._unpack(size)
            if found:
                return self._counted(found)
            if not more and self._member is not None:
                reason = f"is cut off after {self.position} unpacked octets"
                cure = f"nothing of it was taken: {_PACK_AGAIN}"
                raise PackedError(Unusable(reason, cure), cut=True)

    def _counted(self, found: bytes) -> bytes:
        self.position += len(found)
        if self.position > max(HARMLESS, MOST_TIMES * self._packed):
            reason = f"unpacks to more than {MOST_TIMES} times its size"
            raise PackedError(Unusable(reason, "hand it in unpacked"))
        return found

    def _fill(self) -> bytes:
        self._input = self._file.read(_PIECE)
        self._packed += len(self._input)
        return self._input

    def _begin(self) -> bool:
        """Begin the next member; False when there is none in what has been read."""
        if self.position or self._packed > len(self._input):
            padded = len(self._input)
            self._input = self._input.lstrip(b"\0")
            self._padding += padded - len(self._input)
            if self._padding > MOST_PADDING:
                raise PackedError(self._behind_its_end())
            if not self._input:
                return False
        self._members += 1
        if self._members > 2 * MOST_MEMBERS:
            raise PackedError(Unusable("has too many parts that hold nothing", _PACK_AGAIN))
        while len(self._input) < len(_MAGIC):
            more = self._file.read(_PIECE)
            if not more:
                break
            self._packed += len(more)
            self._input += more
        if not self._input.startswith(_MAGIC):
            if self.position:
                raise PackedError(self._behind_its_end())
            raise PackedError(Unusable("is no gzip file", "pack it with gzip, or drop .gz"))
        self._member = zlib.decompressobj(_GZIP)
        return True

    def _behind_its_end(self) -> Unusable:
        reason = f"has something behind its end, after {self.position} unpacked octets"
        return Unusable(reason, _PACK_AGAIN)

    def _unpack(self, size: int) -> bytes:
        assert self._member is not None
        try:
            found = self._member.decompress(self._input, size)
        except zlib.error:
            reason = f"is damaged after {self.position} unpacked octets"
            raise PackedError(Unusable(reason, _PACK_AGAIN)) from None
        if self._member.eof:
            self._input, self._member = self._member.unused_data, None
        else:
            self._input = self._member.unconsumed_tail
        return found


class PackedFile:
    """A `Source`: checks what is packed or passes over what was read, then is what `then` makes."""

    def __init__(
        self, octets: Unpacked, start: tuple[int, int], then: Callable[[Unpacked], Source]
    ) -> None:
        self._octets = octets
        self._start = start
        self._then = then
        self._source: Source | None = None

    def close(self) -> None:
        """See `Source`."""
        self._octets.close()

    def next_chunk(self) -> Chunk | Unusable:
        """See `Source`."""
        try:
            if self._source is not None:
                return self._source.next_chunk()
            return self._prepare() or Chunk([], *self._start, last=False)
        except PackedError as error:
            if self._start[0] or self._source is not None:
                raise OSError(errno.EIO, f"{error} on reading it again") from None
            return error.problem

    def _prepare(self) -> Unusable | None:
        """A stretch of the way to the first line that is to be read."""
        octets, end = self._octets, self._start[0]
        for _ in range(READS):
            missing = end - octets.position if end else BLOCK
            found = octets.read(min(BLOCK, missing)) if missing else b""
            if found:
                continue
            if not end:
                if not octets.position:
                    return EMPTY
                octets.size = octets.position
                octets.rewind()
            elif octets.position < end:
                raise OSError(errno.EIO, "it is shorter than it was")
            self._source = self._then(octets)
            break
        return None
