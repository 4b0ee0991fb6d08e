"""Hands in what a profile says, as a client would: drafts in inbox/tmp, renamed into their lane."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import msgspec

from benchmark.profiles import PARTS, Profile, Stream

#: Singles that are handed in while others are sent are no more than these.
MOST_MEANWHILE = 100_000

#: Where each lane's files go in the inbox.
_FOLDERS = {"high": "high", "normal": ".", "bulk": "bulk"}


def destination(prefix: str, number: int) -> str:
    """Whom the message with this number is for."""
    return f"{prefix}{number:08d}"


class Workload:
    """The files of a profile. `handed` says when (epoch seconds) a message that has a file of its own
    was handed in, by its number; `making`: seconds of CPU for writing one of many such files."""

    making: float | None = None

    def __init__(self, profile: Profile, spool: Path, prefix: str, *, receipts: bool) -> None:
        self.handed: dict[int, float] = {}
        self._profile = profile
        self._inbox = spool / "inbox"
        self._done = spool / "done"
        self._prefix = prefix
        self._more = {} if receipts else {"receipt": False}
        self._drafts: list[tuple[Path, Path, int | None]] = []
        self._earlier: tuple[Path, Path, None]
        self._waiting: tuple[Path, Path, None]
        self._streams: list[tuple[Stream, int, int]] = []
        self._threads: list[threading.Thread] = []
        self._over, self._drained = threading.Event(), threading.Event()
        #: Files of many lines, and the lines in those that are measured.
        self._lines = self._in_lines = 0
        self._lock = threading.Lock()
        self.files = 0

    def prepare(self) -> None:
        """Write all drafts that are handed in at once."""
        (self._inbox / "tmp").mkdir(parents=True, exist_ok=True)
        streams, waits = self._profile.streams, self._profile.waiting
        first, before = self._profile.first, self._profile.before
        if before:
            self._earlier = self._lines_draft("before", streams[0], first, before)
            first += before
        for place, (stream, count) in enumerate(zip(streams, self._profile.counts(), strict=True)):
            if stream.meanwhile:
                continue
            if stream.rate:
                self._streams.append((stream, first, count))
            elif stream.files:
                began = time.process_time()
                self._drafts.extend(self._single(n, stream) for n in range(first, first + count))
                self.making = (time.process_time() - began) / max(count, 1)
            else:
                self._write_lines(place, first, count, 0 if place else waits)
            first += count
        # What comes meanwhile has the numbers behind all others.
        self._streams += [(each, first, MOST_MEANWHILE) for each in streams if each.meanwhile]

    def _write_lines(self, place: int, first: int, count: int, waits: int) -> None:
        """The lines of a stream, in files of their own those that wait in the journal and the rest."""
        stream = self._profile.streams[place]
        if waits:
            self._waiting = self._lines_draft("waiting", stream, first, waits)
        if count > waits:
            rest = first + waits, count - waits
            self._drafts.append(self._lines_draft(f"load-{place}", stream, *rest))
        self._in_lines += count

    def _lines_draft(
        self, name: str, stream: Stream, first: int, count: int
    ) -> tuple[Path, Path, None]:
        self._lines += 1
        draft = self._inbox / "tmp" / f"{name}.jsonl"
        encode = msgspec.json.Encoder().encode
        with draft.open("wb") as file:
            for n in range(first, first + count):
                file.write(encode({**self._message(n, stream), "id": f"load-{n}"}) + b"\n")
        return draft, self._inbox / _FOLDERS[stream.lane] / draft.name, None

    def _single(self, number: int, stream: Stream) -> tuple[Path, Path, int]:
        draft = self._inbox / "tmp" / f"load-{number:08d}.json"
        message = json.dumps(self._message(number, stream), ensure_ascii=False)
        draft.write_text(message, encoding="utf-8")
        return draft, self._inbox / _FOLDERS[stream.lane] / draft.name, number

    def _message(self, number: int, stream: Stream) -> dict[str, object]:
        to = destination(self._prefix, number % (self._profile.destinations or 1 << 60))
        return {"to": to, **self._profile.message(number, stream.lane), **self._more}

    def begin_before(self) -> None:
        """Hand in what is sent before anything is measured."""
        self._rename(*self._earlier)

    def begin_waiting(self) -> None:
        """Hand in what is to wait in the journal."""
        self._rename(*self._waiting)

    def begin(self) -> None:
        """Hand in what goes at once, and begin what comes at a rate."""
        for draft in self._drafts:
            self._rename(*draft)
        for each in self._streams:
            thread = threading.Thread(target=self._trickle, args=each, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _rename(self, draft: Path, place: Path, number: int | None) -> None:
        if number is not None:
            self.handed[number] = time.time()
        draft.rename(place)
        with self._lock:
            self.files += 1

    def _trickle(self, stream: Stream, first: int, count: int) -> None:
        began = time.monotonic()
        for n in range(count):
            left = began + n / stream.rate - time.monotonic()
            if self._over.wait(max(0.0, left)) or (stream.meanwhile and self._lines_over()):
                return
            self._rename(*self._single(first + n, stream))

    def answered(self, parts: int) -> None:
        """So many parts were, in all: where that is everything there is, what comes meanwhile ends, for it
        is timed beside others."""
        if parts >= (self._profile.before + self.messages) * PARTS[self._profile.text]:
            self._drained.set()

    def _lines_over(self) -> bool:
        """Whether the files of many lines are sent or have their reports; asked before each single."""
        return (
            self._drained.is_set()
            or len(list(self._done.glob("*/*.jsonl.report.json"))) == self._lines
        )

    def handing_in(self) -> bool:
        """Whether more is to come."""
        return any(thread.is_alive() for thread in self._threads)

    def end(self) -> None:
        """Hand in no more."""
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    @property
    def messages(self) -> int:
        """How many were handed in to be measured, once nothing more is to come."""
        return self._in_lines + len(self.handed)

    def last_report(self) -> float | None:
        """When the last report was written (epoch seconds)."""
        times = [path.stat().st_mtime for path in self._done.glob("*/*.report.json")]
        return max(times, default=None)
