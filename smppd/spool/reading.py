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
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Literal

import msgspec

from smppd.campaign import NO_TERMS, CampaignTerms
from smppd.placing import beside
from smppd.ports import Line
from smppd.spool.careful import too_long
from smppd.spool.chunks import (
    BLOCK,
    CHUNK,
    EMPTY,
    READS,
    Chunk,
    Octets,
    Refused,
    Source,
    not_text,
)
from smppd.spool.csv_file import CsvFile
from smppd.spool.csv_rows import Layout
from smppd.spool.defaults import first_flaw, line_parser
from smppd.spool.formats import (
    Format,
    Parse,
    is_packed,
    parse_document,
    parse_line,
    parse_plain,
    parse_smstools,
)
from smppd.spool.heading import read_heading
from smppd.spool.packed import PackedFile, Unpacked
from smppd.spool.quarantine import Unusable
from smppd.spool.settings import LONGEST, NO_SETTINGS, Settings, joined, read_settings

#: Octets kept of a line that is too long, to say whose it was.
KEPT = 4096

_BOM = codecs.BOM_UTF8


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """What the journal keeps of how a file is to be read on: as on disk, extend at the end.

    `settings` is all that it says of itself, `size` that of what it holds, unpacked.
    """

    settings: bytes = b""
    layout: Layout | None = None
    size: int = 0


_encode_kept = msgspec.msgpack.Encoder().encode
_decode_kept = msgspec.msgpack.Decoder(_Kept).decode


def open_source(
    path: Path,
    form: Format,
    max_line: int,
    start: tuple[int, int],
    terms: CampaignTerms = NO_TERMS,
) -> Source:
    """Open a file at an (unpacked) octet offset and the number of lines that lie before it.

    `terms` are those that the journal has of it; before it has any, they are in the file, or in
    its sidecar beside it. A symbolic link is not followed and a FIFO does not block. OSError when
    it is no plain file.
    """
    file = _Plain(_open_plain(path))
    try:
        kept = _decode_kept(terms.layout) if terms.layout else _Kept()
        settings = _settings_of(path, kept)
    except OSError:
        file.close()
        raise
    if isinstance(settings, Unusable):
        file.close()
        return Refused(settings)

    def opened(octets: Octets) -> Source:
        source = _source(octets, form, max_line, start, settings, kept)
        return _Spread(source, octets.size, start[0], wanted=terms.spread > 0)

    if is_packed(path.name):
        return PackedFile(Unpacked(file.raw, kept.size), start, opened)
    file.raw.seek(start[0])
    return opened(file)


def _open_plain(path: Path) -> FileIO:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    return FileIO(descriptor)


class _Plain:
    """A file as `Octets`."""

    def __init__(self, raw: FileIO) -> None:
        self.raw = raw
        self.read = raw.read
        self.close = raw.close

    @property
    def size(self) -> int:
        return os.fstat(self.raw.fileno()).st_size


def _settings_of(path: Path, kept: _Kept) -> Settings | Unusable:
    """What the journal has, else what lies beside the file."""
    if kept.settings:
        return read_settings(kept.settings, "campaign")
    sidecar = beside(path)
    try:
        file = _open_plain(sidecar)
    except FileNotFoundError:
        return NO_SETTINGS
    with file:
        raw = file.read(LONGEST + 1)
    settings = read_settings(raw.removeprefix(_BOM), sidecar.name)
    return settings if isinstance(settings, Unusable) else first_flaw(settings) or settings


def _source(
    octets: Octets,
    form: Format,
    max_line: int,
    start: tuple[int, int],
    settings: Settings,
    kept: _Kept,
) -> Source:
    def noted(settings: Settings, layout: Layout | None = None) -> CampaignTerms:
        layout_too = _Kept(settings.octets, layout, octets.size)
        return msgspec.structs.replace(settings.terms, layout=_encode_kept(layout_too))

    if form is Format.CSV:
        return CsvFile(octets, max_line, start, settings, kept.layout, noted)
    if form is Format.JSON or form.is_smstools:
        terms = noted(settings) if settings.given else None
        document = _OfSmstools if form.is_smstools else _Document
        return document(octets, max_line, start, line_parser(settings), terms)
    return _JsonLines(octets, max_line, start, settings, noted)


class _Spread:
    """A `Source` whose lines say how much of the file lies before them, where its terms ask for it."""

    def __init__(self, source: Source, size: int, start: int, *, wanted: bool) -> None:
        self._source = source
        self._size = max(size, 1)
        self._offset = start
        self._wanted = wanted
        self.close = source.close

    def next_chunk(self) -> Chunk | Unusable:
        chunk = self._source.next_chunk()
        if isinstance(chunk, Unusable):
            return chunk
        self._wanted = self._wanted or bool(chunk.terms and chunk.terms.spread)
        if self._wanted and chunk.lines:
            step = (chunk.offset - self._offset) / len(chunk.lines)
            for number, line in enumerate(chunk.lines):
                line.share = min((self._offset + step * number) / self._size, 1.0)
            self._offset = chunk.offset
        return chunk


class _Document:
    """A file that is one message."""

    def __init__(
        self,
        file: Octets,
        max_line: int,
        start: tuple[int, int],
        parse: Parse,
        terms: CampaignTerms | None,
    ) -> None:
        self._file = file
        self._max_line = max_line
        self._offset, self._line = start
        self._parse = parse
        self._terms = terms

    def close(self) -> None:
        self._file.close()

    def next_chunk(self) -> Chunk | Unusable:
        if self._offset:
            return Chunk([], self._offset, self._line, last=True)
        raw = self._read_all()
        if len(raw) > self._max_line:
            reason = f"is longer than one message may be ({self._max_line} octets)"
            return Unusable(reason, "hand many messages in as .jsonl, or raise max_line in [spool]")
        outcome = self._read(raw)
        if isinstance(outcome, Unusable):
            return outcome
        return Chunk([outcome], len(raw), 1, last=True, terms=self._terms)

    def _read(self, raw: bytes) -> Line | Unusable:
        problem = not_text(raw) or _holds_nothing(raw)
        return problem or parse_document(raw.removeprefix(_BOM), self._parse)

    def _read_all(self) -> bytes:
        """All of it, or one octet more than allowed."""
        raw = b""
        while len(raw) <= self._max_line:
            block = self._file.read(min(self._max_line + 1 - len(raw), BLOCK // 2))
            if not block:
                break
            raw += block
        return raw


class _OfSmstools(_Document):
    """A file that is one message as smstools writes it."""

    def _read(self, raw: bytes) -> Line | Unusable:
        return _holds_nothing(raw) or parse_smstools(raw, self._parse)


class _JsonLines:
    """A file of one message per line."""

    def __init__(
        self,
        file: Octets,
        max_line: int,
        start: tuple[int, int],
        settings: Settings,
        noted: Callable[[Settings], CampaignTerms],
    ) -> None:
        self._file = file
        self._max_line = max_line
        self._offset, self._line = start
        self._settings = settings
        self._noted = noted
        self._heading = not start[0]
        self._terms = noted(settings) if settings.given and self._heading else None
        self._parse_line = line_parser(settings)
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
            problem = self._parse_ready(lines)
            if problem is not None:
                return problem
            if len(lines) >= CHUNK or self._ended:
                break
            problem = self._read_block(lines)
            if problem is not None:
                return problem
        self._begun = self._begun or bool(lines)
        if self._ended and not self._begun:
            return EMPTY
        terms = None
        if lines:
            terms, self._terms = self._terms, None
        return Chunk(lines, self._offset, self._line, self._ended, terms)

    def _take_heading(self) -> Unusable | None:
        """Find the first line that is not blank, and whether it is about the whole file."""
        while self._heading and self._taken < len(self._ready):
            raw = self._ready[self._taken]
            found = self._read_heading(raw) if raw.strip() else None
            if found is False:
                return None
            self._taken += 1
            self._offset += len(raw) + 1
            self._line += 1
            if found is not None:
                return found
        return None

    def _read_heading(self, raw: bytes) -> Unusable | Literal[False] | None:
        """Take over what the first line says of the file; False when it is one like others."""
        self._heading = False
        own = read_heading(raw, self._line + 1)
        if own is None:
            return False
        settings = own if isinstance(own, Unusable) else joined(self._settings, own)
        problem = settings if isinstance(settings, Unusable) else first_flaw(settings)
        if isinstance(settings, Unusable) or problem is not None:
            return problem
        if settings.given:
            self._terms = self._noted(settings)
            self._parse_line = line_parser(settings)
        return None

    def _parse_ready(self, lines: list[Line]) -> Unusable | None:
        if self._heading and (problem := self._take_heading()) is not None:
            return problem
        while (missing := CHUNK - len(lines)) > 0 and self._taken < len(self._ready):
            lot = self._ready[self._taken : self._taken + missing]
            self._taken += len(lot)
            octets = sum(map(len, lot)) + len(lot)
            plain = self._parse_lot(lot) if octets <= self._max_line else None
            if plain is None:
                lines += self._parse_each(lot)
            else:
                lines += plain
            self._offset += octets
            self._line += len(lot)
        return None

    def _parse_lot(self, lot: list[bytes]) -> list[Line] | None:
        return parse_plain(lot, self._line + 1) if self._parse_line is parse_line else None

    def _parse_each(self, lot: list[bytes]) -> Iterator[Line]:
        for number, raw in enumerate(lot, self._line + 1):
            if raw and not raw.isspace():
                yield self._parse(raw, number)

    def _parse(self, raw: bytes, number: int) -> Line:
        if len(raw) > self._max_line:
            return too_long(raw[:KEPT], number, self._max_line)
        return self._parse_line(raw, number)

    def _read_block(self, lines: list[Line]) -> Unusable | None:
        """Read on; every line that was ready has been taken."""
        block = self._file.read(BLOCK)
        first = self._position == 0
        self._position += len(block)
        if not block:
            return self._finish(lines)
        if first:
            problem = not_text(block) or _not_lines(block)
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
        self._heading = False
        self._offset = self._position - len(block) + end + 1
        lines.append(too_long(self._rest, self._line, self._max_line))
        self._skipping, self._rest = False, b""
        return block[end + 1 :]

    def _finish(self, lines: list[Line]) -> Unusable | None:
        """The file has ended; its last line may lack a newline."""
        self._ended = True
        self._offset = self._position
        if self._heading and self._rest.strip():
            found = self._read_heading(self._rest)
            if found is not False:
                return found
        if self._skipping:
            self._line += 1
            lines.append(too_long(self._rest, self._line, self._max_line))
        elif self._rest:
            self._line += 1
            if not self._rest.isspace():
                lines.append(self._parse(self._rest, self._line))
        return None


# ── what makes a whole file unusable ─────────────────────────────────────────────────────────


def _holds_nothing(raw: bytes) -> Unusable | None:
    return None if raw.removeprefix(_BOM).strip() else EMPTY


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
