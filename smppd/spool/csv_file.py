"""A CSV file as chunks of lines. Python's own parser reads the rows; what stands here keeps count of
octets and physical lines, and sees to it that one bad row stays one.

A row whose quotes are wrong, or that is endless, is rejected alone: reading goes on in the line after
the one in which it began. So a quote that nobody closed costs one row and swallows no others, and
wherever a row ends, reading may begin anew.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator

import msgspec

from smppd.campaign import CampaignTerms
from smppd.message import ErrorInfo
from smppd.ports import Line
from smppd.spool.chunks import (
    BLOCK,
    BOM,
    CHUNK,
    EMPTY,
    LOOKED_AT,
    READS,
    Chunk,
    Octets,
    not_text,
)
from smppd.spool.csv_header import Layout, first_misfit, read_header
from smppd.spool.csv_quotes import wrong_quotes
from smppd.spool.csv_rows import Rows
from smppd.spool.physical_lines import PhysicalLines
from smppd.spool.quarantine import Unusable
from smppd.spool.settings import Settings
from smppd.spool.wide import MOST_DESTINATIONS, destinations

#: Octets of a header row at most.
_HEADER = 64 * 1024

#: Octets of a row over several lines that are always read. Of `x","` over and over, each line begins a row
#: that never ends: read to `max_line` each, a mebibyte of them would take days.
_LEAST = 1024

#: Makes the terms of a file of its layout.
Noted = Callable[[Settings, Layout], CampaignTerms]


class _EndlessError(Exception):
    """A row is longer than a line may be."""


class CsvFile:
    """A `Source` of rows. Read on, it begins behind the header and has the `layout` already."""

    def __init__(
        self,
        file: Octets,
        max_line: int,
        start: tuple[int, int],
        settings: Settings,
        layout: Layout | None,
        noted: Noted,
    ) -> None:
        self._file = file
        self._max_line = max_line
        self._offset, self._line = start
        self._settings = settings
        self._noted = noted
        self._terms: CampaignTerms | None = None
        self._lines = PhysicalLines(file, max_line)
        self._begins = 0
        self._flaw: ErrorInfo | None = None
        self._room, self._left = MOST_DESTINATIONS, LOOKED_AT
        self._begun = start[0] > 0
        #: Octets of the row that is being read; how many it may have over several lines, less after each that
        #: was given up; and how far into the file those were read, where it may be as long as any again.
        self._octets = 0
        self._allowed = max_line
        self._reached = 0
        self._delimiter = ","
        self._rows: Rows | None = None
        if layout is not None and self._begun:
            self._lay_out(layout)

    def close(self) -> None:
        """See `Source`."""
        self._file.close()

    def next_chunk(self) -> Chunk | Unusable:
        """See `Source`."""
        if self._rows is None:
            problem = self._read_header()
            if problem is not None:
                return problem
        lines: list[Line] = []
        done = self._take_rows(lines)
        if done and not lines and not self._begun:
            return Unusable("holds a header row and no messages", "hand in at least one row", 1, 1)
        terms = None
        if lines:
            terms, self._terms = self._terms, None
            self._begun = True
        return Chunk(lines, self._offset, self._line, done, terms)

    # ── the header ───────────────────────────────────────────────────────────────────────────

    def _read_header(self) -> Unusable | None:
        block = self._file.read(max(BLOCK, 4096))
        problem = not_text(block) or _not_utf8(block)
        if problem is not None:
            return problem
        if block.startswith(BOM):
            self._offset += len(BOM)
        self._lines.put(block.removeprefix(BOM))
        while (raw := self._first_line()) is None:
            if self._lines.ended:
                return EMPTY
            self._lines.read(self._begins, BLOCK)
        row = self._line + 1
        if len(raw) > min(_HEADER, self._max_line):
            return Unusable("has an endless header row", "its first line names the columns", row, 1)
        if b"\r" in raw.rstrip(b"\r"):
            cure = "save it with LF or CRLF at the end of each line"
            return Unusable("ends its lines in CR alone", cure, row, 1)
        layout = read_header(raw.decode(errors="replace"))
        misfit = layout if isinstance(layout, Unusable) else first_misfit(layout, self._settings)
        if misfit is not None:
            return msgspec.structs.replace(misfit, line=row)
        assert isinstance(layout, Layout)
        self._terms = self._noted(self._settings, layout)
        self._lay_out(layout)
        self._pass_line()
        return None

    def _first_line(self) -> bytes | None:
        """The first line in which something stands, once it has been read."""
        lines = self._lines
        while lines.taken < len(lines.ready):
            raw = lines.ready[lines.taken]
            if raw.strip():
                return raw
            self._pass_line()
        return None

    def _pass_line(self) -> None:
        self._lines.taken = self._begins + 1
        self._count()

    def _lay_out(self, layout: Layout) -> None:
        self._delimiter = layout.delimiter
        self._rows = Rows(layout, self._settings)

    # ── rows ─────────────────────────────────────────────────────────────────────────────────

    def _take_rows(self, lines: list[Line]) -> bool:
        """Add rows to `lines` until the chunk is full; True at the end of the file."""
        reads, source = 0, self._lines
        self._room, self._left = MOST_DESTINATIONS, LOOKED_AT
        while len(lines) < CHUNK and self._room > 0 and self._left > 0:
            if source.taken < len(source.ready):
                try:
                    self._parse(lines)
                except (csv.Error, _EndlessError) as error:
                    self._reached = max(self._reached, self._offset + self._octets)
                    self._allowed = max(self._allowed // 2, min(_LEAST, self._max_line))
                    lines.append(self._rejected(error))
                    self._pass_line()
            elif source.ended:
                return True
            elif reads == READS:
                return False
            else:
                reads += 1
                source.read(self._begins, BLOCK)
                self._begins = 0
        return False

    def _parse(self, lines: list[Line]) -> None:
        """Rows until the lines in hand are used up or the chunk is full."""
        rows, source = self._rows, self._lines
        assert rows is not None
        read, missing = rows.read, CHUNK - len(lines)
        for row in csv.reader(self._feed(), delimiter=self._delimiter, strict=True):
            if self._flaw is not None:
                lines.append(rows.rejected(row, self._line + 1, self._flaw))
                missing -= 1
            elif any(row):
                line = read(row, self._line + 1)
                lines.append(line)
                self._room -= destinations(line)
                missing -= 1
            self._count()
            self._left -= 1
            full = not missing or self._room <= 0 or self._left <= 0
            if full or source.taken == len(source.ready):
                return

    def _count(self) -> None:
        """What has been taken is behind us."""
        source = self._lines
        self._offset += source.length(self._begins, source.taken)
        self._line += source.taken - self._begins
        self._begins = source.taken
        self._flaw = None
        self._octets = 0
        if self._offset >= self._reached:
            self._allowed = self._max_line

    def _feed(self) -> Iterator[str]:
        """Physical lines with their ends; it reads on in the middle of a row."""
        source, limit = self._lines, self._max_line
        while True:
            if source.taken == len(source.ready):
                if source.ended:
                    return
                if source.is_overlong:
                    raise _EndlessError
                source.read(self._begins, BLOCK)
                self._begins = 0
                continue
            raw = source.ready[source.taken]
            if len(raw) > limit or (self._octets and self._octets + len(raw) > self._allowed):
                raise _EndlessError
            text = self._decoded(raw)
            source.taken += 1
            self._octets += len(raw) + 1
            at_end = source.open_end and source.taken == len(source.ready)
            yield text if at_end else text + "\n"

    def _decoded(self, raw: bytes) -> str:
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            row = self._line + 1 + self._lines.taken - self._begins
            column = len(raw[: error.start].decode()) + 1
            self._flaw = ErrorInfo(
                "BAD_UTF8",
                text=f"not UTF-8: octet 0x{raw[error.start]:02x} in line {row}, column {column}: "
                "save it as UTF-8",
            )
            return raw.decode(errors="replace")
        if self._lines.has_nul and "\0" in text:
            row = self._line + 1 + self._lines.taken - self._begins
            column = text.index("\0") + 1
            self._flaw = ErrorInfo(
                "NUL_OCTET", text=f"a NUL octet in line {row}, column {column}: take it out"
            )
        return text

    def _rejected(self, error: Exception) -> Line:
        """The row that cannot be read: of it, its first line is what we go by."""
        rows, raw = self._rows, self._lines.ready[self._begins]
        assert rows is not None
        self._flaw = None
        text = raw.decode(errors="replace")
        row, wrong = wrong_quotes(text, self._delimiter, rows.columns)
        if len(raw) > self._max_line:
            why = f"the line is longer than {self._max_line} octets"
            mistake = ErrorInfo(
                "LINE_TOO_LONG", text=f"{why}: cut it, or raise max_line in [spool]"
            )
        elif "field larger" in str(error):
            why = f"a cell is longer than {csv.field_size_limit()} characters"
            mistake = ErrorInfo("LINE_TOO_LONG", text=f"{why}: cut it")
        elif "\r" in text.rstrip("\r"):
            at = text.index("\r") + 1
            mistake = ErrorInfo("BAD_QUOTES", text=f"a CR in column {at}: put the cell into quotes")
        else:
            mistake = ErrorInfo("BAD_QUOTES", text=wrong)
        return rows.rejected(row, self._line + 1, mistake)


def _not_utf8(block: bytes) -> Unusable | None:
    """Why a file is in another encoding altogether: not one character beyond ASCII is UTF-8."""
    end = block.rfind(b"\n")
    text = block[:end] if end >= 0 else block
    try:
        text.decode()
    except UnicodeDecodeError as error:
        ascii_only = text.translate(None, _BEYOND_ASCII)
        if end < 0 or len(text.decode(errors="ignore")) > len(ascii_only):
            return None
        row = text.count(b"\n", 0, error.start) + 1
        column = error.start - text.rfind(b"\n", 0, error.start)
        reason = f"is not UTF-8: octet 0x{text[error.start]:02x} in line {row}, column {column}"
        cure = 'it looks like Latin-1 or Windows-1252: save it as "CSV UTF-8"'
        return Unusable(reason, cure, row, column)
    return None


_BEYOND_ASCII = bytes(range(128, 256))
