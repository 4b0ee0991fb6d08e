"""Reading the stream's files as a consumer does: from a place, whole lines only, file after file.

A place is a file's name and how many octets of it were read, `events-00000003.jsonl:4711`; or a seq:
then it is behind every event of the facts up to that one. Blocking; OSError where files cannot be
read or a place cannot be kept.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from smppd.outlets.stream import position_of, stream_files
from smppd.placing import fsync_folder, write_whole

_PLACE = re.compile(r"events-(\d{8,})\.jsonl:(\d+)")
#: So many octets are read at once, or a line if that is longer.
_AT_ONCE = 1 << 20


class Place(NamedTuple):
    """Where the next line begins; number 0 is before all files."""

    number: int
    offset: int

    def __str__(self) -> str:
        return f"events-{self.number:08d}.jsonl:{self.offset}"


def read_place(text: str) -> Place | None:
    """A place as it is written; None if it is none."""
    found = _PLACE.fullmatch(text.strip())
    return None if found is None else Place(int(found[1]), int(found[2]))


def place_behind(folder: Path, seq: int) -> Place:
    """Behind every event of the facts up to this one."""
    found = Place(0, 0)
    for number, path in stream_files(folder):
        with path.open("rb") as file:
            position = position_of(file.readline())
        if position is not None and position.seq > seq and found.number:
            break
        found = Place(number, 0)
    if not found.number:
        return found
    with (folder / str(found).rpartition(":")[0]).open("rb") as file:
        offset = 0
        for line in file:
            position = position_of(line) if line.endswith(b"\n") else None
            if position is None or position.seq > seq:
                break
            offset += len(line)
    return Place(found.number, offset)


class Reading:
    """Reads on from a place. `gap`: the file in which it was is gone, and maybe events unread."""

    def __init__(self, folder: Path, place: Place) -> None:
        self._folder = folder
        self.place = place
        self.gap = False

    def read(self) -> bytes:
        """The next whole lines; empty when there are none yet."""
        while True:
            files = dict(stream_files(self._folder))
            later = sorted(number for number in files if number > self.place.number)
            path = files.get(self.place.number)
            if path is not None:
                lines = self._lines(path)
                if lines:
                    return lines
            elif self.place.number and later:
                self.gap = True
            if not later:
                return b""
            self.place = Place(later[0], 0)

    def _lines(self, path: Path) -> bytes:
        length = _AT_ONCE
        with path.open("rb") as file:
            while True:
                file.seek(self.place.offset)
                found = file.read(length)
                end = found.rfind(b"\n") + 1
                if end or len(found) < length:
                    break
                length *= 4
        self.place = Place(self.place.number, self.place.offset + end)
        return found[:end]


class Bookmark:
    """Where a named consumer left off: a file in `events/cursors/`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / "cursors" / name

    def load(self) -> Place | None:
        """The place; None for a new consumer. ValueError for a file that holds none."""
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            return None
        place = read_place(text)
        if place is None:
            raise ValueError(f"{self.path} holds no place in the stream")
        return place

    def save(self, place: Place) -> None:
        """On return it is on disk."""
        self.path.parent.mkdir(exist_ok=True)
        write_whole(self.path, f"{place}\n".encode())
        fsync_folder(self.path.parent)
