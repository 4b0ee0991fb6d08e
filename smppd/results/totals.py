"""What is told of a file, or a campaign, as a whole: the report, its fields and its sums. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from smppd.campaign import CampaignTerms
from smppd.config import Prices
from smppd.results.lines import ResultLine
from smppd.results.timeline import Timeline

#: States whose messages left for good, as far as anybody knows: they are what costs.
COSTING = ("sent", "delivered", "undelivered", "unknown")
#: Under which name the numbers of no country are counted.
NO_COUNTRY = "none"
_COSTING = frozenset(COSTING)
#: How the operations of the HTTP API begin that send SMS.
_SMS = "sms."
_NOTHING = Decimal(0)


class Heading(NamedTuple):
    """What is known of a file beside its messages. `terms` are those that the file set."""

    file: str
    claim: str
    lane: str
    handed_in: str | None
    campaign: str
    terms: Mapping[str, object] | None = None


class Share(msgspec.Struct):
    """The messages of one country, or of one link. `cost` is there where there is a price."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    messages: int = 0
    parts: int = 0
    states: dict[str, int] = msgspec.field(default_factory=dict)
    cost: Decimal | msgspec.UnsetType = msgspec.UNSET

    def add(self, kind: Kind, count: int) -> None:
        """Count so many messages of a kind."""
        self.messages += count
        self.parts += kind.parts * count
        self.states[kind.state] = self.states.get(kind.state, 0) + count
        self.pay(kind, count)

    def pay(self, kind: Kind, count: int) -> None:
        """Add what they cost, where that is known."""
        if kind.price is not None:
            self.cost = (self.cost or Decimal(0)) + kind.cost(count)


class Cost(msgspec.Struct):
    """What it came to by the configured prices, each message counted once.

    `possible_duplicates` is what it would cost more if each of them was delivered twice, `unpriced`
    are messages in a costing state for whose number there is no price.
    """

    currency: str
    estimated: Decimal
    by_state: dict[str, Decimal]
    possible_duplicates: Decimal
    unpriced: int
    counted: tuple[str, ...] = COSTING


class Totals(msgspec.Struct):
    """`NAME.report.json`. Times are ISO 8601; `rate` is messages a second while submitting.

    A send to a group is one message; its `destinations`, by state, are counted beside them, and by
    country and cost each of them instead of it. `lengths`: messages by their number of parts;
    `files`: of several files of one campaign, each with its messages.
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
    campaign: str = ""
    terms: dict[str, object] | msgspec.UnsetType = msgspec.UNSET
    lengths: dict[int, int] = msgspec.field(default_factory=dict)
    countries: dict[str, Share] = msgspec.field(default_factory=dict)
    links: dict[str, Share] = msgspec.field(default_factory=dict)
    errors: dict[str, int] = msgspec.field(default_factory=dict)
    cost: Cost | msgspec.UnsetType = msgspec.UNSET
    timeline: Timeline | msgspec.UnsetType = msgspec.UNSET
    files: dict[str, int] | msgspec.UnsetType = msgspec.UNSET

    def encode(self) -> bytes:
        """As it stands on disk: sums of money are numbers with all their decimals."""
        return _encode(self) + b"\n"


_encode = msgspec.json.Encoder(decimal_format="number").encode


class Kind(NamedTuple):
    """What the messages have in common that are counted together."""

    state: str
    country: str | None
    encoding: str | None
    parts: int
    link: str | None
    error: str | None
    twice: bool
    price: Decimal | None

    def cost(self, count: int) -> Decimal:
        """What so many of them cost; nothing where no price is known."""
        return Decimal(0) if self.price is None else self.price * (self.parts * count)


def price_of(prices: Prices, line: ResultLine, country: str) -> Decimal | None:
    """What a part of a message costs, where it costs and there is a price: of a call that sends no SMS
    (a chat message, say), nothing."""
    if not prices or line.state not in _COSTING:
        return None
    if line.op is not msgspec.UNSET and not line.op.startswith(_SMS):
        return _NOTHING
    return prices.price(line.to, line.link or "", country)


def cost_of(prices: Prices, places: Iterable[tuple[Kind, int]]) -> Cost:
    """What these messages come to, each kind with their number."""
    states, doubles, unpriced = defaultdict[str, Decimal](Decimal), Decimal(0), 0
    for kind, count in places:
        if kind.state not in _COSTING:
            continue
        if kind.price is None:
            unpriced += count
        states[kind.state] += kind.cost(count)
        if kind.twice:
            doubles += kind.cost(count)
    total = sum(states.values(), Decimal(0))
    by_state = {state: states[state] for state in COSTING if state in states}
    return Cost(prices.currency, total, by_state, doubles, unpriced)


def terms_of(terms: CampaignTerms) -> dict[str, object]:
    """A campaign's terms as a report names them: those that were set."""
    found: dict[str, object] = {}
    if terms.once:
        found["once"] = True
    if terms.unique_text:
        found["unique_text"] = True
    if terms.spread:
        found["spread"] = terms.spread
    if terms.canary is not None:
        canary = terms.canary
        found["canary"] = {
            "messages": canary.messages,
            "max_failed": canary.max_failed,
            "wait": canary.wait,
        }
    if terms.repeats:
        found["repeats"] = terms.repeats
    return found
