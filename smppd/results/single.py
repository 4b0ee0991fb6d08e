"""What a file of one message came to, said straight away: most files are of one message. Pure.

It says what a `Tally` would: a test holds the two to the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from smppd.config import Prices
from smppd.countries import name_of
from smppd.results.lines import ResultLine
from smppd.results.tally import Tally, countries_of
from smppd.results.timeline import of_one
from smppd.results.totals import NO_COUNTRY, Heading, Kind, Share, Totals, cost_of, price_of


class Single:
    """Stands in for a `Tally` where one message is counted."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._line: ResultLine | None = None
        #: Counts it if it is a send to a group.
        self._tally: Tally | None = None

    def count(self, line: ResultLine, destinations: Sequence[ResultLine] = ()) -> None:
        """See `Tally`."""
        if self._line is not None:
            raise ValueError("this is for one message")
        self._line = line
        if destinations:
            self._tally = Tally(self._prices)
            self._tally.count(line, destinations)

    def count_many(self, lines: Sequence[ResultLine]) -> None:
        """See `Tally`."""
        for line in lines:
            self.count(line)

    def totals(self, heading: Heading, *, complete: bool = True) -> Totals:
        """See `Tally`."""
        if self._line is None or self._tally is not None:
            return (self._tally or Tally(self._prices)).totals(heading, complete=complete)
        return _totals(self._line, heading, self._prices, complete=complete)


def _totals(line: ResultLine, heading: Heading, prices: Prices, *, complete: bool) -> Totals:
    code = None if line.error is None else line.error.code
    (country,), state = countries_of([line]), line.state
    price, twice = price_of(prices, line, country), line.possible_duplicate
    kind = Kind(state, country, line.encoding, line.parts, line.link, code, twice, price)
    at_home, over = Share(name_of(country)), Share()
    at_home.add(kind, 1)
    over.add(kind, 1)
    found = Totals(
        heading.file,
        heading.claim,
        heading.lane,
        heading.handed_in,
        1,
        complete,
        {state: 1},
        {} if line.encoding is None else {line.encoding: 1},
        line.parts,
        int(twice),
        campaign=heading.campaign,
        lengths={line.parts: 1} if line.parts else {},
        countries={country or NO_COUNTRY: at_home},
        links={} if line.link is None else {line.link: over},
        errors={} if code is None else {code: 1},
    )
    if heading.terms:
        found.terms = dict(heading.terms)
    if prices:
        found.cost = cost_of(prices, [(kind, 1)])
    _add_times(found, line)
    return found


def _add_times(found: Totals, line: ResultLine) -> None:
    if line.submitted is not None:
        found.first_submitted = found.last_submitted = line.submitted
        found.seconds = 0.0
    if line.done is not None:
        found.first_done = found.last_done = line.done
    delivered = line.done if line.state == "delivered" else None
    timeline = of_one(line.submitted, delivered)
    if timeline is not None:
        found.timeline = timeline
