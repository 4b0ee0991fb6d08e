"""What is told of a file: the octets of its results and of its report.

Pure but for the journal that its messages are read from; where the octets go is `reporter`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from smppd.campaign import NO_TERMS
from smppd.config import Html, Prices
from smppd.ledger.entries import Ending, MessageRow, Outstanding
from smppd.ledger.slots import Slots
from smppd.ledger.snapshot import FileAccount
from smppd.message import Lane
from smppd.ports import Resting
from smppd.results.lines import ResultLine, told_of_each, with_echo
from smppd.results.page import PAGE, render_page, wants_page
from smppd.results.single import Single
from smppd.results.tally import Tally
from smppd.results.totals import Heading, terms_of
from smppd.told import iso

#: The endings of what stands beside a file in `done/`.
RESULTS = ".results.jsonl"
REPORT = ".report.json"

#: Some messages of a file in its order, each with what ended it.
Lot = Sequence[tuple[MessageRow, Ending | None]]


class Items(Protocol):
    """Reads files' messages from the journal, in their order."""

    def of_each(self, files: Iterable[tuple[FileAccount, Slots, int]]) -> Iterator[Iterator[Lot]]:
        """Those of each of these files from that number on; to be taken before the next file's."""

    def of(self, file: FileAccount, slots: Slots, begin: int, end: int) -> Iterator[Lot]:
        """Those of one file that have these numbers."""


_LANES = {lane: lane.name.lower() for lane in Lane}


class ReportTerms(NamedTuple):
    """What goes into reports: costs by these prices; a page (`config.Html`)."""

    prices: Prices = Prices()
    html: Html = "auto"
    keeps_source: bool = True


PLAIN = ReportTerms()


class Report:
    """Everything that is told of one file: its results, and behind them what sums them up.

    `items` are its messages in its order, but for those that were counted and told before (`begun`).
    """

    def __init__(
        self,
        resting: Resting,
        items: Iterable[Lot],
        terms: ReportTerms = PLAIN,
        begun: Tally | None = None,
    ) -> None:
        self._heading = heading_of(resting.file)
        self._items = items
        self._entries = {entry.item: entry for entry in resting.unfinished}
        self._html = terms.html
        self._tally = begun or (Single if resting.file.items == 1 else Tally)(terms.prices)

    def results(self) -> Iterator[bytes]:
        """The octets of `NAME.results.jsonl`, in pieces; to be taken once, to their end."""
        return write_lines(self._items, self._entries, self._tally)

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """What stands beside the results once all of these were taken: the ending of each name,
        and its octets. `REPORT` is the last: who sees it sees all of them."""
        totals = self._tally.totals(self._heading, complete=not self._entries)
        if wants_page(self._html, totals.messages):
            yield PAGE, render_page(totals)
        yield REPORT, totals.encode()


def write_lines(
    items: Iterable[Lot], entries: Mapping[int, Outstanding], tally: Tally | Single
) -> Iterator[bytes]:
    """The lines of results of these messages, lot by lot, each counted as it goes by."""
    for lot in items:
        written, plain = list[object](), list[ResultLine]()
        for line, destinations, echo in told_of_each(lot, entries):
            if destinations:
                tally.count_many(plain)
                plain = []
                tally.count(line, destinations)
            else:
                plain.append(line)
            for each in destinations or (line,):
                written.append(with_echo(each, echo) if echo else each)
        tally.count_many(plain)
        yield _encode_lines(written)


_encode_lines = msgspec.json.Encoder().encode_lines


def heading_of(file: FileAccount) -> Heading:
    """What a report says of a file beside its messages."""
    terms = None if file.terms == NO_TERMS else terms_of(file.terms)
    opened = iso(file.opened)
    return Heading(file.name, claim_of(file), _LANES[Lane(file.lane)], opened, file.campaign, terms)


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
