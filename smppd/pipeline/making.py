"""From a request to what a link or an account of the HTTP APIs carries, and the pool where it waits.

Decides nothing itself: `routing` says over what it goes, `prepare` and `calling` how it is made.
"""

from __future__ import annotations

from smppd.calling import make_call, operation_of
from smppd.config import LinkConfig
from smppd.message import CallRequest, ErrorInfo, Lane, Message, PlainRequest, Request
from smppd.prepare import Number, Plain, prepare
from smppd.routing import Way, Ways


class Maker:
    """`country` is the dialling code of national numbers where a link or account has none of its
    own; `number` gives the reference of a long message."""

    def __init__(self, ways: Ways, country: str, number: Number) -> None:
        self._ways = ways
        self._country = country
        self._number = number
        self._plain: dict[str, Plain] = {}
        #: Of a pool that takes all that names none, and what makes plain messages for it.
        self.usual = None if ways.usual is None else (ways.usual[0], self._plainly(ways.usual[1]))

    def make(
        self, request: Request, to: str, lane: Lane, now: float
    ) -> tuple[str, Message | ErrorInfo]:
        """The pool of a request to one destination, and its message or why there is none. What
        cannot go anywhere is accounted for in the pool of what names none."""
        if isinstance(request, CallRequest):
            way = self._way_of_call(request)
        else:
            way = self._ways.choose(request, to, lane)
        if isinstance(way, ErrorInfo):
            return self._ways.default, way
        pool, terms = way
        if isinstance(terms, LinkConfig):
            if isinstance(request, PlainRequest):
                message = self._plainly(terms).make(request)
                if message is not None:
                    return pool, message
            return pool, prepare(request, to, terms, self._country, self._number, now)
        return pool, make_call(request, to, terms, self._country, now)

    def _plainly(self, link: LinkConfig) -> Plain:
        plain = self._plain.get(link.name)
        if plain is None:
            plain = self._plain[link.name] = Plain(link, self._country)
        return plain

    def _way_of_call(self, request: CallRequest) -> Way | ErrorInfo:
        operation = operation_of(request)
        if isinstance(operation, ErrorInfo):
            return operation
        return self._ways.choose_account(request.via, operation.api)
