"""A claimed file as chunks of lines, each with the checkpoint that follows it.

Memory stays flat however long the file or a line of it is; one call reads a bounded amount, so
that no file holds up the others. It reads with blocking calls, knows neither the journal nor the
event loop, and lets OSError out. What makes a whole file unusable comes back as a value, always
before any line of it.
"""

from __future__ import annotations

import codecs
import errno
import os
import stat
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Protocol

import msgspec

from smppd.campaign import CampaignTerms
from smppd.ports import Line
from smppd.spool.careful import too_long
from smppd.spool.formats import Format, parse_document, parse_line, parse_plain
from smppd.spool.quarantine import Unusable

#: Octets per read.
BLOCK = 128 * 1024

#: Lines per chunk at most.
CHUNK = 250

#: Reads per chunk at most: blank or endless lines end a chunk too.
READS = 8

#: Octets kept of a line that is too long, to say whose it was.
KEPT = 4096

_BOM = codecs.BOM_UTF8


class Chunk(msgspec.Struct):
    """Lines in the order of the file; `offset` (octets) and `line` say how far it is read.

    `terms`: what the file says of itself, with its first chunk where it says something.
    """

    lines: list[Line]
    offset: int
    line: int
    last: bool
    terms: CampaignTerms | None = None


class Source(Protocol):
    """An open file of any format."""

    def next_chunk(self) -> Chunk | Unusable:
        """The next lines, possibly none; not to be called again after `last` or `Unusable`."""

    def close(self) -> None:
        """Give the descriptor back; calling it again does nothing."""


def open_source(path: Path, form: Format, max_line: int, start: tuple[int, int]) -> Source:
    """Open a file at an octet offset and the number of lines that lie before it.

    A symbolic link is not followed and a FIFO does not block. OSError when it is no plain file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    file = FileIO(descriptor)
    file.seek(start[0])
    if form is Format.JSON:
        return _Document(file, max_line, start)
    return _JsonLines(file, max_line, start)


class _Document:
    """A file that is one message."""

    def __init__(self, file: FileIO, max_line: int, start: tuple[int, int]) -> None:
        self._file = file
        self._max_line = max_line
        self._offset, self._line = start

    def close(self) -> None:
        self._file.close()

    def next_chunk(self) -> Chunk | Unusable:
        if self._offset:
            return Chunk([], self._offset, self._line, last=True)
        raw = self._read_all()
        if len(raw) > self._max_line:
            reason = f"is longer than one message may be ({self._max_line} octets)"
            return Unusable(reason, "hand many messages in as .jsonl, or raise max_line in [spool]")
        outcome = _not_text(raw) or _holds_nothing(raw) or parse_document(raw.removeprefix(_BOM))
        if isinstance(outcome, Unusable):
            return outcome
        return Chunk([outcome], len(raw), 1, last=True)

    def _read_all(self) -> bytes:
        """All of it, or one octet more than allowed."""
        raw = b""
        while len(raw) <= self._max_line:
            block = self._file.read(min(self._max_line + 1 - len(raw), BLOCK // 2))
            if not block:
                break
            raw += block
        return raw


class _JsonLines:
    """A file of one message per line."""

    def __init__(self, file: FileIO, max_line: int, start: tuple[int, int]) -> None:
        self._file = file
        self._max_line = max_line
        self._offset, self._line = start
        self._position = start[0]
        self._ready: list[bytes] = []
        self._taken = 0
        self._rest = b""
        self._skipping = False
        self._ended = False
        self._begun = start[0] > 0

    def close(self) -> None:
        self._file.close()

    def next_chunk(self) -> Chunk | Unusable:
        lines: list[Line] = []
        for _ in range(READS):
            self._parse_ready(lines)
            if len(lines) >= CHUNK or self._ended:
                break
            problem = self._read_block(lines)
            if problem is not None:
                return problem
        self._begun = self._begun or bool(lines)
        if self._ended and not self._begun:
            return _EMPTY
        return Chunk(lines, self._offset, self._line, self._ended)

    def _parse_ready(self, lines: list[Line]) -> None:
        while (missing := CHUNK - len(lines)) > 0 and self._taken < len(self._ready):
            lot = self._ready[self._taken : self._taken + missing]
            self._taken += len(lot)
            octets = sum(map(len, lot)) + len(lot)
            plain = parse_plain(lot, self._line + 1) if octets <= self._max_line else None
            if plain is None:
                lines += self._parse_each(lot)
            else:
                lines += plain
            self._offset += octets
            self._line += len(lot)

    def _parse_each(self, lot: list[bytes]) -> Iterator[Line]:
        for number, raw in enumerate(lot, self._line + 1):
            if raw and not raw.isspace():
                yield self._parse(raw, number)

    def _parse(self, raw: bytes, number: int) -> Line:
        if len(raw) > self._max_line:
            return too_long(raw[:KEPT], number, self._max_line)
        return parse_line(raw, number)

    def _read_block(self, lines: list[Line]) -> Unusable | None:
        """Read on; every line that was ready has been taken."""
        block = self._file.read(BLOCK)
        first = self._position == 0
        self._position += len(block)
        if not block:
            self._finish(lines)
            return None
        if first:
            problem = _not_text(block) or _not_lines(block)
            if problem is not None:
                return problem
            if block.startswith(_BOM):
                block = block[len(_BOM) :]
                self._offset += len(_BOM)
        if self._skipping:
            block = self._skip(block, lines)
        if not self._skipping:
            *whole, self._rest = (self._rest + block).split(b"\n")
            self._ready, self._taken = whole, 0
            if len(self._rest) > self._max_line:
                self._skipping, self._rest = True, self._rest[:KEPT]
        return None

    def _skip(self, block: bytes, lines: list[Line]) -> bytes:
        """Drop the rest of a line that is too long; what follows it."""
        end = block.find(b"\n")
        if end < 0:
            return b""
        self._line += 1
        self._offset = self._position - len(block) + end + 1
        lines.append(too_long(self._rest, self._line, self._max_line))
        self._skipping, self._rest = False, b""
        return block[end + 1 :]

    def _finish(self, lines: list[Line]) -> None:
        """The file has ended; its last line may lack a newline."""
        self._ended = True
        self._offset = self._position
        if self._skipping:
            self._line += 1
            lines.append(too_long(self._rest, self._line, self._max_line))
        elif self._rest:
            self._line += 1
            if not self._rest.isspace():
                lines.append(self._parse(self._rest, self._line))


# ── what makes a whole file unusable ─────────────────────────────────────────────────────────

_EMPTY = Unusable("is empty", "hand in at least one message")


def _holds_nothing(raw: bytes) -> Unusable | None:
    return None if raw.removeprefix(_BOM).strip() else _EMPTY


def _not_text(block: bytes) -> Unusable | None:
    """Why the first octets of a file are no text at all. A line that is not UTF-8 is the line's
    own mistake."""
    if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Unusable("is UTF-16", "save it as UTF-8", 1, 1)
    if block.startswith(b"\x1f\x8b"):
        return Unusable("is compressed", "unpack it before handing it in", 1, 1)
    at = block.find(b"\0")
    if at < 0:
        return None
    row = block.count(b"\n", 0, at) + 1
    column = len(block[block.rfind(b"\n", 0, at) + 1 : at].decode(errors="replace")) + 1
    reason = f"is binary: a NUL octet in line {row}, column {column}"
    return Unusable(reason, "hand in text in UTF-8", row, column)


def _not_lines(block: bytes) -> Unusable | None:
    """Why a text cannot be one message per line: it is one JSON text over many lines."""
    text = block.removeprefix(_BOM)
    start = text.lstrip()
    first, newline, _ = start.partition(b"\n")
    first = first.strip()
    broken = first in {b"{", b"["} or first.startswith((b"[{", b"[ {"))
    if not newline or not broken:
        return None
    row = text.count(b"\n", 0, len(text) - len(start)) + 1
    if first == b"{":
        cure = "write each message on one line, or hand a single one in as .json"
        return Unusable("spreads a message over several lines", cure, row, 1)
    return Unusable("holds a list, not lines", "one message per line, no brackets", row, 1)
