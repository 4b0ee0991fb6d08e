"""What is told of a file: the octets of its results and of its report.

Pure but for the journal that its messages are read from; where the octets go is `reporter`'s.
"""

from __future__ import annotations

<<<<<<< HEAD
import contextlib
import glob
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
=======
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple
>>>>>>> e6a3e5c (Publish files that have come to rest in lots, with one sync and one commit for each lot)

import msgspec

from smppd.config import Html, Prices
from smppd.ledger.entries import MessageRow, Outstanding
from smppd.ledger.facts import Fact
from smppd.ledger.slots import Slots
from smppd.ledger.snapshot import FileAccount
from smppd.message import Lane
<<<<<<< HEAD
from smppd.placing import beside, day_folder, free_name, fsync_folder, write_whole
=======
>>>>>>> e6a3e5c (Publish files that have come to rest in lots, with one sync and one commit for each lot)
from smppd.results.lines import echo_of, encode_line, result_lines
from smppd.results.page import PAGE, render_page, wants_page
from smppd.results.totals import Heading, Tally, terms_of
from smppd.told import iso

#: The endings of what stands beside a file in `done/`.
RESULTS = ".results.jsonl"
REPORT = ".report.json"

#: A file's messages in its order, each with the fact that ended it.
Ended = Iterator[tuple[MessageRow, Fact | None]]
Items = Callable[[FileAccount, Slots], Ended]


class ReportTerms(NamedTuple):
    """What goes into reports: costs by these prices; a page (`config.Html`)."""

    prices: Prices = Prices()
    html: Html = "auto"


PLAIN = ReportTerms()


class Report:
    """Everything that is told of one file: its results, and behind them what sums them up.

    `items` are its messages in its order, `unfinished` those that are not final yet.
    """

    def __init__(
        self,
        file: FileAccount,
        items: Ended,
        unfinished: Sequence[Outstanding],
        terms: ReportTerms = PLAIN,
    ) -> None:
        self._heading = heading_of(file)
        self._items = items
        self._entries = {entry.item: entry for entry in unfinished}
        self._html = terms.html
        self._tally = Tally(terms.prices)

    def results(self) -> Iterator[bytes]:
        """The octets of `NAME.results.jsonl`, in pieces; to be taken once, to their end."""
        return write_lines(self._items, self._entries, self._tally)

<<<<<<< HEAD
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
=======
    def documents(self) -> Iterator[tuple[str, bytes]]:
        """What stands beside the results once all of these were taken: the ending of each name,
        and its octets. `REPORT` is the last: who sees it sees all of them."""
        totals = self._tally.totals(self._heading, complete=not self._entries)
        if wants_page(self._html, totals.messages):
            yield PAGE, render_page(totals)
        yield REPORT, totals.encode()
>>>>>>> e6a3e5c (Publish files that have come to rest in lots, with one sync and one commit for each lot)


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
        file.name, claim_of(file), lane, iso(file.opened), file.campaign, terms_of(file.terms)
    )


def claim_of(file: FileAccount) -> str:
    """What tells this file from all others of its name."""
    return f"{file.token}/{file.name}"


def claim_in(report: bytes) -> str | None:
    """Which claim a `NAME.report.json` is about; None when it does not say."""
    try:
        return _read_claim(report).claim
    except msgspec.DecodeError:
        return None


class _Claim(msgspec.Struct):
    claim: str


_read_claim = msgspec.json.Decoder(_Claim).decode
