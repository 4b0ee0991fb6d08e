"""A claimed file as chunks of lines, each with the checkpoint that follows it: which reader reads
what (`documents`, `json_lines`, `csv_file`), unpacked or not, and what the file says of itself.

Memory stays flat however long the file or a line of it is; one call reads a bounded amount, so
that no file holds up the others. It reads with blocking calls, knows neither the journal nor the
event loop, and lets OSError out. What makes a whole file unusable comes back as a value, always
before any line of it.
"""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO
from pathlib import Path

import msgspec

from smppd.campaign import NO_TERMS, CampaignTerms
from smppd.placing import PLAINLY, beside
from smppd.spool.belonging import STRANGE_CURE, why_strange
from smppd.spool.chunks import BOM, Chunk, Octets, Refused, Source
from smppd.spool.csv_file import CsvFile
from smppd.spool.csv_header import Layout
from smppd.spool.defaults import first_flaw, line_parser
from smppd.spool.documents import Document, SmstoolsDocument
from smppd.spool.formats import Format, is_packed
from smppd.spool.json_lines import JsonLines
from smppd.spool.packed import PackedFile, Unpacked
from smppd.spool.quarantine import Unusable
from smppd.spool.settings import LONGEST, NO_SETTINGS, Settings, read_settings


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
    if not start[0] and file.has_hole(0):
        file.close()
        return Refused(_HOLE)
    try:
        kept = _decode_kept(terms.layout) if terms.layout else _Kept()
        settings = _settings_of(path, kept, os.fstat(file.raw.fileno()))
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
    descriptor = os.open(path, PLAINLY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    return FileIO(descriptor)


#: A tebibyte of it costs its writer nothing, and takes an hour to be read.
_HOLE = Unusable("has a hole: octets that nobody has written", "write it again, to its end")


class _Plain:
    """A file as `Octets`. One that is given a hole while it is read raises OSError there."""

    def __init__(self, raw: FileIO) -> None:
        self.raw = raw
        self.close = raw.close

    def read(self, size: int) -> bytes:
        """See `Octets`."""
        block = self.raw.read(size)
        if block[-1:] == b"\0" and self.has_hole(self.raw.tell() - 1):
            raise OSError(errno.EIO, "it has a hole")
        return block

    def has_hole(self, start: int) -> bool:
        """Whether somewhere behind this octet nothing was ever written, as far as the disk tells."""
        place = self.raw.tell()
        try:
            return os.lseek(self.raw.fileno(), start, os.SEEK_HOLE) < self.size
        except OSError:
            return False
        finally:
            self.raw.seek(place)

    @property
    def size(self) -> int:
        return os.fstat(self.raw.fileno()).st_size


def _settings_of(path: Path, kept: _Kept, status: os.stat_result) -> Settings | Unusable:
    """What the journal has, else what lies beside the file, of which the disk says `status`."""
    if kept.settings:
        return read_settings(kept.settings, "campaign")
    sidecar = beside(path)
    try:
        file = _open_plain(sidecar)
    except FileNotFoundError:
        return NO_SETTINGS
    with file:
        why = why_strange(os.fstat(file.fileno()), status)
        if why:
            return Unusable(f"{sidecar.name}: {why}", STRANGE_CURE)
        raw = file.read(LONGEST + 1)
    settings = read_settings(raw.removeprefix(BOM), sidecar.name)
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
        document = SmstoolsDocument if form.is_smstools else Document
        return document(octets, max_line, start, line_parser(settings), terms)
    return JsonLines(octets, max_line, start, settings, noted)


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
