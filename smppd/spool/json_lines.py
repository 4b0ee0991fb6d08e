"""A file of one JSON message per line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from smppd.campaign import CampaignTerms
from smppd.ports import Line
from smppd.spool.at_once import AtOnce
from smppd.spool.careful import too_long
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
from smppd.spool.defaults import first_flaw
from smppd.spool.heading import read_heading
from smppd.spool.quarantine import Unusable
from smppd.spool.settings import Settings, joined
from smppd.spool.wide import MOST_DESTINATIONS, destinations

#: Octets kept of a line that is too long, to say whose it was.
_KEPT = 4096


class JsonLines:
    """A `Source` of a message per line, behind the first that may be about them all."""

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
        self._at_once = AtOnce(settings)
        self._position = start[0]
        self._ready: list[bytes] = []
        self._taken = 0
        self._rest = b""
        self._skipping = False
        self._ended = False
        self._room, self._left = MOST_DESTINATIONS, LOOKED_AT
        self._begun = start[0] > 0

    def close(self) -> None:
        """See `Source`."""
        self._file.close()

    def next_chunk(self) -> Chunk | Unusable:
        """See `Source`."""
        lines: list[Line] = []
        self._room, self._left = MOST_DESTINATIONS, LOOKED_AT
        for _ in range(READS):
            problem = self._parse_ready(lines)
            if problem is not None:
                return problem
            if len(lines) >= CHUNK or self._room <= 0 or self._left <= 0 or self._ended:
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
            self._at_once = AtOnce(settings)
        return None

    def _parse_ready(self, lines: list[Line]) -> Unusable | None:
        if self._heading and (problem := self._take_heading()) is not None:
            return problem
        while (missing := CHUNK - len(lines)) > 0 and self._room > 0 and self._left > 0:
            lot = self._ready[self._taken : self._taken + missing]
            if not lot:
                return None
            octets = sum(map(len, lot)) + len(lot)
            found = self._at_once.lot(lot, self._line + 1) if octets <= self._max_line else None
            if found is None:
                found = []
                if (count := self._parse_each(lot, found)) < len(lot):
                    lot = lot[:count]
                    octets = sum(map(len, lot)) + len(lot)
            lines += found
            self._taken += len(lot)
            self._offset += octets
            self._line += len(lot)
            self._left -= len(lot)
        return None

    def _parse_each(self, lot: list[bytes], found: list[Line]) -> int:
        """One after the other, until they come to as many messages as the chunk has room for; how many
        of the lot that were. (What is read at once has one destination a line.)"""
        for number, raw in enumerate(lot):
            if self._room <= 0:
                return number
            if raw and not raw.isspace():
                found.append(self._parse(raw, self._line + 1 + number))
                self._room -= destinations(found[-1])
        return len(lot)

    def _parse(self, raw: bytes, number: int) -> Line:
        if len(raw) > self._max_line:
            return too_long(raw[:_KEPT], number, self._max_line)
        return self._at_once.line(raw, number)

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
            if block.startswith(BOM):
                block = block[len(BOM) :]
                self._offset += len(BOM)
        if self._skipping:
            block = self._skip(block, lines)
        if not self._skipping:
            *whole, self._rest = (self._rest + block).split(b"\n")
            self._ready, self._taken = whole, 0
            if len(self._rest) > self._max_line:
                self._skipping, self._rest = True, self._rest[:_KEPT]
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


def _not_lines(block: bytes) -> Unusable | None:
    """Why a text cannot be one message per line: it is one JSON text over many lines."""
    text = block.removeprefix(BOM)
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
