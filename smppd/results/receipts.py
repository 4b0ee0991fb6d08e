"""`receipts/receipts-YYYYMMDD-HH.jsonl`: a line for each delivery receipt, appended.

Lines are written after their facts are in the journal, each with its `seq` there. After a crash
the log is brought up to date from the journal, so that it has every receipt, each once: the seq
of the last line, or the one in `.position`, says how far it got. A receipt that came before its
message_id was known stands there twice: when it came, and with its message when that was known.
A final state that the SMSC told when it was asked stands there, too, with "by": "query_sm", and
what an account of the HTTP API said, with "by": "getdeliverystatus" and the provider's own `word`
for it: also a word that the configuration does not explain, as "state": "unknown". What
names no message_id, or no state that anybody knows, has the octets of its text in `data` (hex).
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from io import FileIO
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import msgspec

from smppd.disk import RECEIPTS, Disk
from smppd.placing import FILE_MODE, write_whole
from smppd.ports import ReceiptOf

_encode_lines = msgspec.json.Encoder().encode_lines
#: How much of a moment in ISO 8601 tells the hour.
_HOUR = len("2000-01-01T00")
_TAIL = 1 << 20


_seq, _time = attrgetter("seq"), attrgetter("time")


class ReceiptLog:
    """The growing file of the hour; a `ports.Receipts`. It belongs to one task. Without `content` it
    has no octets of texts."""

    def __init__(self, folder: Path, disk: Disk | None = None, *, content: bool = True) -> None:
        self._content = content
        self._disk = disk or Disk()
        #: What the disk has not taken: the hour in which it came, its lines, its last seq.
        self._owed: deque[tuple[str, bytes, int]] = deque()
        #: Where a line begins that is only half there.
        self._torn: int | None = None
        self._folder = folder
        self._hour = ""
        self._file: FileIO | None = None
        self._seq = 0

    def recover(self) -> int:
        """Mend a torn last line; the seq up to which receipts have been written."""
        position = self._folder / ".position"
        seq = int(position.read_text()) if position.exists() else 0
        for path in sorted(self._folder.glob("receipts-*.jsonl"))[-2:]:
            seq = max(seq, _mend(path))
        self._seq = seq
        return seq

    def append(self, receipts: Iterable[ReceiptOf]) -> None:
        """Append receipts that are already in the journal, each to the file of its hour. What the
        disk does not take is owed, and written before whatever comes later."""
        lines, hour = list[ReceiptOf](), ""
        for time, group in groupby(receipts, _time):  # seldom several
            if time[:_HOUR] != hour:
                self._owe(hour, lines)
                hour, lines = time[:_HOUR], []
            lines += group
        self._owe(hour, lines)
        self.write_owed()

    def _owe(self, hour: str, lines: Sequence[ReceiptOf]) -> None:
        if not lines:
            return
        if not self._content:
            for line in lines:
                line.data = ""
        self._owed.append((hour, _encode_lines(lines), max(map(_seq, lines))))

    def write_owed(self) -> None:
        """Write what the disk has not taken yet. To be called now and then."""
        if not self._owed:
            return
        try:
            while self._owed:
                hour, octets, seq = self._owed[0]
                self._write(self._open(hour), octets)
                self._seq = max(self._seq, seq)
                self._owed.popleft()
        except OSError as error:
            self._disk.note(RECEIPTS, error)
        else:
            self._disk.note(RECEIPTS, None)

    def _write(self, file: FileIO, octets: bytes) -> None:
        """All of it or nothing: a line that is half there is cut off before the next attempt."""
        if self._torn is not None:
            file.truncate(self._torn)
            self._torn = None
        written = 0
        try:
            while written < len(octets):
                written += file.write(octets[written:]) or 0
        except OSError:
            self._torn = file.seek(0, os.SEEK_END) - written
            raise

    def close(self) -> None:
        """Remember how far the log got. What a full disk did not take, the next start writes."""
        self.write_owed()
        with suppress(OSError):
            self._end_file()
            write_whole(self._folder / ".position", str(self._seq).encode())

    def _end_file(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            try:
                if self._torn is not None:
                    file.truncate(self._torn)
                    self._torn = None
                os.fsync(file.fileno())
            finally:
                file.close()

    def _open(self, hour: str) -> FileIO:
        if self._file is None or hour != self._hour:
            if self._file is not None:
                self._end_file()
                write_whole(self._folder / ".position", str(self._seq).encode())
            self._hour = hour
            name = f"receipts-{hour.replace('-', '').replace('T', '-')}.jsonl"
            self._file = FileIO(self._folder / name, "ab", opener=partial(os.open, mode=FILE_MODE))
        return self._file


def _mend(path: Path) -> int:
    """Cut a line that a crash left half written; the highest seq of the last whole ones."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        tail = file.read()
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            file.truncate(size - len(tail) + whole)
        lines = tail[:whole].splitlines()
    return max(map(_seq_of, lines), default=0)


def _seq_of(line: bytes) -> int:
    try:
        return int(json.loads(line)["seq"])
    except (ValueError, KeyError, TypeError):
        return 0
