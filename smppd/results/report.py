"""Results and report of a file, written into `done/` beside the source.

The order makes a crash harmless: results and report first, each whole or absent, then the source
is moved, and only then does the journal say that the file is reported. A start after a crash in
between writes the same files again. OSError leaves: a full disk stops the daemon, and nothing is
lost by it.
"""

from __future__ import annotations

import glob
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import trio

from smppd.ledger.entries import MessageRow, Outstanding
from smppd.ledger.facts import Fact
from smppd.ledger.slots import Slots
from smppd.ledger.snapshot import FileAccount
from smppd.message import Lane
from smppd.placing import day_folder, free_name, fsync_folder, write_whole
from smppd.results.lines import ResultLine, echo_of, encode_line, iso, result_lines

#: A file's messages in its order, each with the fact that ended it.
Ended = Iterator[tuple[MessageRow, Fact | None]]
Items = Callable[[FileAccount, Slots], Ended]


class Totals(msgspec.Struct):
    """`NAME.report.json`. Times are ISO 8601; `rate` is messages a second while submitting.

    A send to a group is one message; its `destinations`, by state, are counted beside them.
    """

    file: str
    claim: str
    lane: str
    handed_in: str | None
    messages: int = 0
    complete: bool = True
    states: dict[str, int] = msgspec.field(default_factory=dict)
    encodings: dict[str, int] = msgspec.field(default_factory=dict)
    parts: int = 0
    possible_duplicates: int = 0
    first_submitted: str | None = None
    last_submitted: str | None = None
    first_done: str | None = None
    last_done: str | None = None
    seconds: float | None = None
    rate: float | None = None
    destinations: dict[str, int] | msgspec.UnsetType = msgspec.UNSET

    def count_destinations(self, lines: Sequence[ResultLine]) -> None:
        """Add those of one send to a group."""
        if self.destinations is msgspec.UNSET:
            self.destinations = {}
        for line in lines:
            self.destinations[line.state] = self.destinations.get(line.state, 0) + 1

    def count(self, line: ResultLine) -> None:
        """Add one message."""
        self.messages += 1
        self.states[line.state] = self.states.get(line.state, 0) + 1
        if line.encoding is not None:
            self.encodings[line.encoding] = self.encodings.get(line.encoding, 0) + 1
        self.parts += line.parts
        self.possible_duplicates += line.possible_duplicate
        if line.submitted is not None:
            if self.first_submitted is None or line.submitted < self.first_submitted:
                self.first_submitted = line.submitted
            if self.last_submitted is None or line.submitted > self.last_submitted:
                self.last_submitted = line.submitted
        if line.done is not None:
            if self.first_done is None or line.done < self.first_done:
                self.first_done = line.done
            if self.last_done is None or line.done > self.last_done:
                self.last_done = line.done


class Reporter:
    """Writes results; a `ports.Publisher`. `items` reads a file's messages from the journal."""

    def __init__(
        self,
        root: Path,
        items: Items,
        run_sync: Callable[..., Awaitable[Any]] = trio.to_thread.run_sync,
    ) -> None:
        self._root = root
        self._items = items
        self._run_sync = run_sync

    async def publish(
        self, file: FileAccount, slots: Slots, unfinished: Sequence[Outstanding]
    ) -> str:
        """Write results and report, move the source beside them; the source's new place."""
        items = self._items(file, slots)
        placed: str = await self._run_sync(self._publish, file, items, unfinished)
        return placed

    def _publish(self, file: FileAccount, items: Ended, unfinished: Sequence[Outstanding]) -> str:
        source = self._root / "work" / file.token / file.name
        if not source.exists() and (before := self._placed_before(file)) is not None:
            return str(before)
        # The day of the hand-in, so that a publication begun again after midnight finds its place.
        folder = day_folder(self._root / "done", file.opened)
        place = free_name(folder, file.name)
        entries = {entry.item: entry for entry in unfinished}
        totals = self._write_results(file, items, entries, place)
        totals.complete = not unfinished
        write_whole(
            place.with_name(place.name + ".report.json"), msgspec.json.encode(totals) + b"\n"
        )
        if source.exists():
            source.rename(place)
        fsync_folder(folder)
        _clear_away(source)
        return str(place)

    def _placed_before(self, file: FileAccount) -> Path | None:
        """Where a file went that was moved just before a crash kept that from the journal."""
        stem = glob.escape(Path(file.name).stem)
        for report in (self._root / "done").glob(f"*/{stem}*.report.json"):
            if msgspec.json.decode(report.read_bytes()).get("claim") == _claim(file):
                return report.with_name(report.name.removesuffix(".report.json"))
        return None

    def _write_results(
        self, file: FileAccount, items: Ended, entries: dict[int, Outstanding], place: Path
    ) -> Totals:
        lane = Lane(file.lane).name.lower()
        totals = Totals(file.name, _claim(file), lane, iso(file.opened))
        lines = _lines(items, entries, totals)
        write_whole(place.with_name(place.name + ".results.jsonl"), lines)
        first, last = totals.first_submitted, totals.last_submitted
        if first is not None and last is not None:
            totals.seconds = round(_seconds(last) - _seconds(first), 3)
            sent = sum(entry for state, entry in totals.states.items() if state in _SUBMITTED)
            totals.rate = round(sent / totals.seconds, 1) if totals.seconds else None
        return totals


def _lines(items: Ended, entries: dict[int, Outstanding], totals: Totals) -> Iterator[bytes]:
    for row, fact in items:
        line, destinations = result_lines(row, fact, entries.get(row.item))
        totals.count(line)
        if destinations:
            totals.count_destinations(destinations)
        echo = echo_of(row)
        for each in destinations or [line]:
            yield encode_line(each, echo) + b"\n"


def _claim(file: FileAccount) -> str:
    """What tells this file from all others of its name."""
    return f"{file.token}/{file.name}"


_SUBMITTED = frozenset({"sent", "delivered", "undelivered", "unknown"})


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _clear_away(source: Path) -> None:
    """Remove what stood beside the source, and its folder if it was the last one in it."""
    source.with_name(source.name + ".progress.json").unlink(missing_ok=True)
    try:
        source.parent.rmdir()
    except OSError:
        return  # other files of the same claim are still being worked on
