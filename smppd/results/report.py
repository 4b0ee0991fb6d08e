"""Results and report of a file, written into `done/` beside the source.

The order makes a crash harmless: results and report first, each whole or absent, then the source
is moved, and only then does the journal say that the file is reported. A start after a crash in
between writes the same files again. OSError leaves: a full disk stops the daemon, and nothing is
lost by it.
"""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import trio

from smppd.config import Html, Prices
from smppd.ledger.entries import MessageRow, Outstanding
from smppd.ledger.facts import Fact
from smppd.ledger.slots import Slots
from smppd.ledger.snapshot import FileAccount
from smppd.message import Lane
from smppd.placing import beside, day_folder, free_name, fsync_folder, write_whole
from smppd.results.lines import echo_of, encode_line, result_lines
from smppd.results.page import PAGE, render_page, wants_page
from smppd.results.totals import Heading, Tally, terms_of
from smppd.told import iso

#: A file's messages in its order, each with the fact that ended it.
Ended = Iterator[tuple[MessageRow, Fact | None]]
Items = Callable[[FileAccount, Slots], Ended]


#: What stands behind a file's name for what is written about it.
RESULTS, REPORT = ".results.jsonl", ".report.json"


class ReportTerms(NamedTuple):
    """What goes into reports: costs by these prices; a page (`config.Html`)."""

    prices: Prices = Prices()
    html: Html = "auto"


PLAIN = ReportTerms()


class Reporter:
    """Writes results; a `ports.Publisher`. `items` reads a file's messages from the journal."""

    def __init__(
        self,
        root: Path,
        items: Items,
        run_sync: Callable[..., Awaitable[Any]] = trio.to_thread.run_sync,
        terms: ReportTerms = PLAIN,
    ) -> None:
        self._root = root
        self._items = items
        self._run_sync = run_sync
        self._terms = terms

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
        tally = Tally(self._terms.prices)
        write_whole(place.with_name(place.name + RESULTS), write_lines(items, entries, tally))
        totals = tally.totals(heading_of(file), complete=not unfinished)
        write_whole(place.with_name(place.name + REPORT), totals.encode())
        if wants_page(self._terms.html, totals.messages):
            write_whole(place.with_name(place.name + PAGE), render_page(totals))
        # First what lies beside it: without its file nobody reads it.
        with contextlib.suppress(FileNotFoundError):
            beside(source).rename(beside(place))
        if source.exists():
            source.rename(place)
        fsync_folder(folder)
        _clear_away(source)
        return str(place)

    def _placed_before(self, file: FileAccount) -> Path | None:
        """Where a file went that was moved just before a crash kept that from the journal."""
        stem = glob.escape(Path(file.name).stem)
        for report in (self._root / "done").glob(f"*/{stem}*{REPORT}"):
            if msgspec.json.decode(report.read_bytes()).get("claim") == _claim(file):
                return report.with_name(report.name.removesuffix(REPORT))
        return None


def write_lines(items: Ended, entries: Mapping[int, Outstanding], tally: Tally) -> Iterator[bytes]:
    """The lines of results of these messages, each counted as it goes by."""
    for row, fact in items:
        line, destinations = result_lines(row, fact, entries.get(row.item))
        tally.count(line, destinations)
        echo = echo_of(row)
        for each in destinations or [line]:
            yield encode_line(each, echo) + b"\n"


def heading_of(file: FileAccount) -> Heading:
    """What a report says of a file beside its messages."""
    lane = Lane(file.lane).name.lower()
    return Heading(
        file.name, _claim(file), lane, iso(file.opened), file.campaign, terms_of(file.terms)
    )


def _claim(file: FileAccount) -> str:
    """What tells this file from all others of its name."""
    return f"{file.token}/{file.name}"


def _clear_away(source: Path) -> None:
    """Remove what stood beside the source, and its folder if it was the last one in it."""
    source.with_name(source.name + ".progress.json").unlink(missing_ok=True)
    try:
        source.parent.rmdir()
    except OSError:
        return  # other files of the same claim are still being worked on
