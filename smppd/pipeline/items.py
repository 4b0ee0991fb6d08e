"""From a line to the messages it stands for: one for each destination in it. Pure.

Admission makes of them what the journal holds; an estimate counts them. Both ask here, so that
neither can know better than the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from smppd.config import AccountConfig, Config, LinkConfig, RouteConfig
from smppd.message import ErrorInfo, Lane, Message, PlainRequest, Request, State
from smppd.pipeline.making import Maker
from smppd.ports import Line
from smppd.prepare import Number
from smppd.routing import Ways

_LANES = {"high": Lane.HIGH, "normal": Lane.NORMAL, "bulk": Lane.BULK}


class Item(msgspec.Struct, gc=False):
    """One message-to-be, in the queue of its pool and lane. `key` is that of its text, where texts
    are unique."""

    line: int
    queue: int
    id: str | None
    to: str
    verdict: Message | ErrorInfo
    state: State = State.QUEUED
    echo: dict[str, bytes] | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What admission must know of the configuration; queues by pool (a link, a route, an
    account) and lane."""

    links: Mapping[str, LinkConfig]
    queues: Mapping[tuple[str, Lane], int]
    default_country: str
    dedupe_window: float
    routes: Sequence[RouteConfig] = ()
    accounts: Mapping[str, AccountConfig] = field(default_factory=dict)


def terms_of(config: Config, queues: Mapping[tuple[str, Lane], int]) -> Terms:
    """Those of a configuration."""
    return Terms(
        {link.name: link for link in config.links},
        queues,
        config.spool.default_country,
        config.spool.dedupe_window,
        config.routing.routes,
        {account.name: account for account in config.accounts},
    )


class Items:
    """Makes them. `number` gives the reference of a long message. What no route takes goes over the
    first link of the configuration, and an operation of an HTTP API over the first account of it."""

    def __init__(self, terms: Terms, number: Number) -> None:
        self._queues = terms.queues
        self._ways = Ways(terms.links, terms.routes, terms.default_country, terms.accounts)
        self._maker = Maker(self._ways, terms.default_country, number)
        self._own_senders = {route.pool for route in terms.routes if _differ(route, terms.links)}

    def of_each(self, lines: Sequence[Line], lane: Lane, now: float) -> list[Item]:
        """Those of lines of a file in this lane, in their order: as `of`, and quicker for most."""
        usual = self._maker.usual
        if usual is None:
            return [item for line in lines for item in self.of(line, lane, now)]
        items: list[Item] = []
        queue, make = self._queues[usual[0], lane], usual[1].make
        for line in lines:
            request = line.request
            if isinstance(request, PlainRequest) and (message := make(request)) is not None:
                items.append(Item(line.number, queue, request.id, request.to, message))
            else:
                items += self.of(line, lane, now)
        return items

    def of(self, line: Line, lane: Lane, now: float) -> list[Item]:
        """Those of a line of a file in this lane. `now` is epoch seconds."""
        request = line.request
        if isinstance(request, PlainRequest):
            return [self._item(line.number, request, request.to, request.id, lane, now)]
        if request is None:
            error = line.mistake or ErrorInfo("BAD_LINE")
            queue = self._queues[self._ways.default, lane]
            return [Item(line.number, queue, line.id, line.to, error, State.REJECTED, line.echo)]
        if isinstance(request.to, str):
            return [self._item(line.number, request, request.to, request.id, lane, now)]
        return [
            self._item(line.number, request, to, request.id and f"{request.id}#{n}", lane, now)
            for n, to in enumerate(request.to, start=1)
        ]

    def _item(
        self, number: int, request: Request, to: str, id_: str | None, lane: Lane, now: float
    ) -> Item:
        if request.priority is not None:
            lane = _LANES[request.priority]
        pool, verdict = self._maker.make(request, to, lane, now)
        queue = self._queues[pool, lane]
        if isinstance(verdict, ErrorInfo):
            return Item(number, queue, id_, to, verdict, State.REJECTED, request.echo)
        if request.from_ is None and pool in self._own_senders:
            verdict.links_sender = True
        return Item(number, queue, id_, to, verdict, State.QUEUED, request.echo)


def _differ(route: RouteConfig, links: Mapping[str, LinkConfig]) -> bool:
    """Whether the links of a route have different senders for messages that name none."""
    return len({links[name].from_ for name in route.links}) > 1
