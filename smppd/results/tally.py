"""Counts what becomes of the messages of a file, or a campaign, message by message. Pure.

Memory is flat however many messages there are: they are counted by what they have in common.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import repeat

from smppd.config import Prices
from smppd.countries import country_as_written, country_of, name_of
from smppd.results.lines import ResultLine
from smppd.results.timeline import Moments
from smppd.results.totals import (
    COSTING,
    NO_COUNTRY,
    Heading,
    Kind,
    Share,
    Totals,
    cost_of,
    price_of,
)

#: So many kinds of messages are told apart; those beyond share one error.
_MOST_KINDS = 20_000
_OTHER = "OTHER"
_ERROR = Kind._fields.index("error")
#: After and before every moment in ISO 8601.
_NEVER = ("~", "")


def countries_of(lines: Iterable[ResultLine]) -> list[str]:
    """Of the destination of each; one that was refused as it was handed in stands there as it was
    written."""
    return [country_of(line.to) if line.parts else country_as_written(line.to) for line in lines]


class Tally:
    """Counts messages; `totals` says what they come to."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._priced = bool(prices)
        self._kinds: defaultdict[tuple[object, ...], int] = defaultdict(int)
        #: Of sends to groups, each destination.
        self._reached: defaultdict[tuple[object, ...], int] = defaultdict(int)
        self._moments = Moments()
        #: The first moment and the last.
        self._submitted = self._done = _NEVER
        self._messages = 0

    def count(self, line: ResultLine, destinations: Sequence[ResultLine] = ()) -> None:
        """Add one message; a send to a group with its destinations."""
        if destinations:
            self._count_destinations(destinations)
            self._count_kinds([line], [None], [None])
        else:
            self.count_many([line])

    def count_many(self, lines: Sequence[ResultLine]) -> None:
        """Add messages, none of which is a send to a group."""
        countries = countries_of(lines)
        prices: Iterable[Decimal | None] = repeat(None)
        if self._priced:
            prices = map(price_of, repeat(self._prices), lines, countries)
        self._count_kinds(lines, countries, prices)

    def _count_kinds(
        self,
        lines: Sequence[ResultLine],
        countries: Iterable[str | None],
        prices: Iterable[Decimal | None],
    ) -> None:
        kinds = Counter(
            [
                (
                    line.state, country, line.encoding, line.parts, line.link,
                    None if line.error is None else line.error.code,
                    line.possible_duplicate, price,
                )
                for line, country, price in zip(lines, countries, prices, strict=False)
            ]
        )  # fmt: skip
        for kind, count in kinds.items():
            if kind[_ERROR] is not None and len(self._kinds) >= _MOST_KINDS:
                self._kinds[*kind[:_ERROR], _OTHER, *kind[_ERROR + 1 :]] += count
            else:
                self._kinds[kind] += count
        self._messages += len(lines)
        self._note_times(lines)

    def _count_destinations(self, lines: Iterable[ResultLine]) -> None:
        for line in lines:
            country, price = country_of(line.to), None
            if self._priced:
                price = price_of(self._prices, line, country)
            twice = line.possible_duplicate
            self._reached[line.state, country, None, 1, line.link, None, twice, price] += 1

    def _note_times(self, lines: Iterable[ResultLine]) -> None:
        times = Counter([(line.submitted, line.done, line.state) for line in lines])
        submitted, done, moments = self._submitted, self._done, self._moments
        for (left, ended, state), count in times.items():
            if left is not None:
                submitted = min(submitted[0], left), max(submitted[1], left)
                moments.submitted[left[: moments.width]] += count
            if ended is not None:
                done = min(done[0], ended), max(done[1], ended)
                if state == "delivered":
                    moments.delivered[ended[: moments.width]] += count
        moments.settle()
        self._submitted, self._done = submitted, done

    def add(self, other: Tally) -> None:
        """Count what another counted, too: of another file of the same campaign."""
        for counts, more in ((self._kinds, other._kinds), (self._reached, other._reached)):
            for kind, count in more.items():
                counts[kind] += count
        self._messages += other._messages
        self._moments.add(other._moments)
        self._submitted = _both(self._submitted, other._submitted)
        self._done = _both(self._done, other._done)

    def totals(self, heading: Heading, *, complete: bool = True) -> Totals:
        """What was counted so far."""
        found = Totals(
            heading.file,
            heading.claim,
            heading.lane,
            heading.handed_in,
            messages=self._messages,
            complete=complete,
            campaign=heading.campaign,
        )
        if heading.terms:
            found.terms = dict(heading.terms)
        kinds = [(Kind._make(each), count) for each, count in self._kinds.items()]
        reached = [(Kind._make(each), count) for each, count in self._reached.items()]
        _add_counts(found, kinds)
        if reached:
            found.destinations = _counted((kind.state, count) for kind, count in reached)
        self._add_shares(found, kinds, reached)
        self._add_times(found)
        return found

    def _add_shares(
        self,
        found: Totals,
        kinds: Sequence[tuple[Kind, int]],
        reached: Sequence[tuple[Kind, int]],
    ) -> None:
        countries, links = defaultdict[str, Share](Share), defaultdict[str, Share](Share)
        places = [each for each in kinds if each[0].country is not None] + list(reached)
        for kind, count in places:
            countries[kind.country or NO_COUNTRY].add(kind, count)
        for kind, count in kinds:
            if kind.link is not None:
                links[kind.link].add(kind, count)
        for kind, count in reached:
            if kind.link is not None:
                links[kind.link].pay(kind, count)
        for country, share in countries.items():
            share.name = name_of("" if country == NO_COUNTRY else country)
        found.countries, found.links = _by_size(countries), _by_size(links)
        if self._priced:
            found.cost = cost_of(self._prices, places)

    def _add_times(self, found: Totals) -> None:
        if self._submitted is not _NEVER:
            first, last = found.first_submitted, found.last_submitted = self._submitted
            found.seconds = round(_seconds(last) - _seconds(first), 3)
            sent = sum(count for state, count in found.states.items() if state in COSTING)
            found.rate = round(sent / found.seconds, 1) if found.seconds else None
        if self._done is not _NEVER:
            found.first_done, found.last_done = self._done
        if (timeline := self._moments.timeline()) is not None:
            found.timeline = timeline


def _add_counts(found: Totals, kinds: Sequence[tuple[Kind, int]]) -> None:
    found.states = _counted((kind.state, count) for kind, count in kinds)
    found.encodings = _counted((kind.encoding, count) for kind, count in kinds)
    found.errors = _by_count(_counted((kind.error, count) for kind, count in kinds))
    lengths = Counter[int]()
    for kind, count in kinds:
        lengths[kind.parts] += count
    found.lengths = {parts: count for parts, count in sorted(lengths.items()) if parts}
    found.parts = sum(kind.parts * count for kind, count in kinds)
    found.possible_duplicates = sum(count for kind, count in kinds if kind.twice)


def _counted(pairs: Iterable[tuple[str | None, int]]) -> dict[str, int]:
    counts = Counter[str]()
    for key, count in pairs:
        if key is not None:
            counts[key] += count
    return dict(counts)


def _by_count(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


def _by_size(shares: Mapping[str, Share]) -> dict[str, Share]:
    return dict(sorted(shares.items(), key=lambda each: (-each[1].messages, each[0])))


def _both(one: tuple[str, str], other: tuple[str, str]) -> tuple[str, str]:
    found = min(one[0], other[0]), max(one[1], other[1])
    return _NEVER if found == _NEVER else found


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
