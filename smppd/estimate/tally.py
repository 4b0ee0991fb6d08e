"""Counts the messages of a file as the daemon would make them. Pure, but for what it asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec

from smppd.config import LinkConfig, Prices
from smppd.countries import country_of, name_of
from smppd.estimate.findings import Cost, Country, Estimate, Example, Faults, Long, Repeats
from smppd.estimate.repeats import Counted, tail_of
from smppd.estimate.wide import WideTexts
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import QUEUE_SHIFT
from smppd.ledger.unique import text_key
from smppd.message import CallRequest, ErrorInfo, Lane, Message, Request, State
from smppd.pipeline.items import Item, Items
from smppd.ports import Line
from smppd.smpp.text import Alphabet

#: Why a message must not leave; None where it may.
Check = Callable[[MessageRow, float], ErrorInfo | None]

#: Under which name the numbers of no country are counted, as in a report.
NO_COUNTRY = "none"
_OPTED_OUT = "OPTED_OUT"
_OF_NUMBERS = frozenset({"BAD_TO", "EMPTY_TO", "MISSING_TO"})
_EXAMPLES = 5
_LONGEST = 5
#: So many digits decide of which country a number is; so many of such beginnings are remembered.
_DECIDING = 8
_MOST_KNOWN = 1 << 16
_UCS2 = Alphabet.UCS2


class Pools(msgspec.Struct, frozen=True):
    """For each queue, the link or account that its messages are priced for, and the link whose
    alphabet counts, if it is one."""

    names: Mapping[int, str]
    links: Mapping[int, LinkConfig]


class Tally:
    """`suspects` are the checksums of ids, numbers and texts that may stand in the file twice."""

    def __init__(
        self,
        items: Items,
        pools: Pools,
        prices: Prices,
        check: Check | None,
        suspects: tuple[set[int], set[int], set[int]],
    ) -> None:
        self._items = items
        self._pools = pools
        self._prices = prices
        self._priced = bool(prices)
        self._check = check
        self._suspect_ids, self._suspect_numbers, self._suspect_texts = suspects
        self._ids, self._numbers, self._texts = Counted(), Counted(), Counted()
        self._once: Counted | None = None
        self._kinds: dict[tuple[str, str | None, int, Decimal | None], int] = {}
        self._known: dict[str, str] = {}
        self._wide = WideTexts()
        self._states = Counter[str]()
        self._faults: dict[str, Faults] = {}
        self._lines = self._transliterated = 0
        self._longest: list[Long] = []

    def send_texts_once(self) -> None:
        """A text goes to a number once, as the file's terms say."""
        self._once = Counted()

    def count(self, lines: Sequence[Line], lane: Lane, now: float) -> None:
        """More lines of the file, in their order."""
        self._lines += len(lines)
        requests, at = {line.number: line.request for line in lines}, (lane, now)
        for item in self._items.of_each(lines, lane, now):
            verdict, request = item.verdict, requests[item.line]
            if not isinstance(verdict, Message):
                self._reject(item, verdict)
            elif self._may_leave(item, verdict, request, now):
                self._count_one(item, verdict, request, at)

    # ── what does not leave ──────────────────────────────────────────────────────────────────

    def _reject(self, item: Item, error: ErrorInfo) -> None:
        self._states["rejected"] += 1
        faults = self._faults.setdefault(error.code, Faults(0, []))
        faults.count += 1
        if len(faults.examples) < _EXAMPLES:
            faults.examples.append(Example(item.line, item.to, error.text))

    def _may_leave(self, item: Item, message: Message, request: Request | None, now: float) -> bool:
        if item.id is not None and hash(item.id) in self._suspect_ids and self._ids.again(item.id):
            self._states["duplicate"] += 1
            return False
        tail = tail_of(item.to)
        if hash(tail) in self._suspect_numbers and tail:
            self._numbers.again(message.to)
            text = None if request is None else request.text
            if hash((tail, text)) in self._suspect_texts:
                self._texts.again(f"{message.to}: {text}")
                if self._once is not None and self._once.again(text_key("", message)):
                    self._states["duplicate"] += 1
                    if item.id is not None:
                        self._ids.free(item.id)
                    return False
        if self._check is None:
            return True
        row = MessageRow(
            item.queue << QUEUE_SHIFT, 0, 0, item.line, item.id, State.QUEUED, b"", message
        )
        error = self._check(row, now)
        if error is not None:
            self._reject(item, error)
        return error is None

    # ── what leaves ──────────────────────────────────────────────────────────────────────────

    def _count_one(
        self, item: Item, message: Message, request: Request | None, at: tuple[Lane, float]
    ) -> None:
        to, price, parts = message.to, None, len(message.segments)
        country = self._known.get(to[:_DECIDING])
        if country is None:
            country = self._country(to)
        if self._priced:
            price = self._prices.price(to, self._pools.names[item.queue], country)
        encoding = None if message.call is not None else message.encoding
        kind = country, encoding, parts, price
        self._kinds[kind] = self._kinds.get(kind, 0) + 1
        if message.transliterated is not None:
            self._transliterated += 1
        if encoding == _UCS2 and request is not None and request.encoding == "auto":
            self._count_wide(item, parts, request, price, at)
        if parts > 1 or len(self._longest) < _LONGEST:
            self._note_length(item, message, request)

    def _country(self, to: str) -> str:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        country = self._known[to[:_DECIDING]] = country_of(to)
        return country

    def _count_wide(
        self,
        item: Item,
        parts: int,
        request: Request,
        price: Decimal | None,
        at: tuple[Lane, float],
    ) -> None:
        link = self._pools.links.get(item.queue)
        if request.text is None or link is None:
            return
        self._wide.count(item.line, request.text, parts, Alphabet(link.text_terms.data_coding_0))
        if isinstance(request, CallRequest) or request.transliterate is not None:
            return
        if link.text_terms.transliterate:
            return
        # No plain one: of these it is known what they do not say.
        other = Request(**{name: getattr(request, name) for name in Request.__struct_fields__})
        other.to, other.transliterate = item.to, True
        for each in self._items.of(Line(item.line, other), *at):
            if isinstance(each.verdict, Message) and each.verdict.encoding != _UCS2:
                self._wide.spare(parts, each.verdict, price)

    def _note_length(self, item: Item, message: Message, request: Request | None) -> None:
        parts, longest = len(message.segments), self._longest
        if len(longest) == _LONGEST and parts <= longest[-1].parts:
            return
        text = "" if request is None else request.text or ""
        longest.append(Long(item.line, message.to, parts, len(text), message.encoding))
        longest.sort(key=lambda each: (-each.parts, -each.characters, each.line))
        del longest[_LONGEST:]

    # ── the end ──────────────────────────────────────────────────────────────────────────────

    def told(self, file: str, campaign: str) -> Estimate:
        """What it comes to."""
        kinds = self._kinds.items()
        leaving = sum(self._kinds.values())
        encodings, lengths = Counter[str](), Counter[int]()
        for (_, encoding, parts, _), count in kinds:
            lengths[parts] += count
            if encoding is not None:
                encodings[encoding] += count
        states = {"queued": leaving, **self._states}
        faults = dict(sorted(self._faults.items(), key=lambda each: (-each[1].count, each[0])))
        opted_out = faults.pop(_OPTED_OUT, Faults(0, []))
        return Estimate(
            file,
            campaign,
            self._lines,
            sum(states.values()),
            {state: count for state, count in states.items() if count},
            sum(kind[2] * count for kind, count in kinds),
            dict(encodings.most_common()),
            dict(sorted(lengths.items())),
            sum(count for kind, count in kinds if kind[1] is None),
            self._countries(),
            self._cost(),
            self._wide.told(priced=self._priced),
            self._transliterated,
            faults,
            _together([each for code, each in faults.items() if code in _OF_NUMBERS]),
            opted_out,
            Repeats(self._ids.told(), self._numbers.told(), self._texts.told()),
            self._longest,
        )

    def _countries(self) -> dict[str, Country]:
        found: dict[str, Country] = {}
        for (country, _, parts, price), count in self._kinds.items():
            nothing = Decimal(0) if self._priced else None
            own = found.setdefault(country or NO_COUNTRY, Country(name_of(country), 0, 0, nothing))
            own.messages += count
            own.parts += parts * count
            if own.cost is not None:
                own.cost = None if price is None else own.cost + price * parts * count
        return dict(sorted(found.items(), key=lambda each: (-each[1].messages, each[0])))

    def _cost(self) -> Cost | None:
        if not self._priced:
            return None
        total, unpriced = Decimal(0), 0
        for (_, _, parts, price), count in self._kinds.items():
            if price is None:
                unpriced += count
            else:
                total += price * parts * count
        return Cost(self._prices.currency, total, unpriced)


def _together(several: Sequence[Faults]) -> Faults:
    examples = sorted((each for one in several for each in one.examples), key=lambda e: e.line)
    return Faults(sum(each.count for each in several), examples[:_EXAMPLES])
