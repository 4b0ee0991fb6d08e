"""From a request to what a link or an account of the HTTP APIs carries, and the pool where it waits.

Decides nothing itself: `routing` says over what it goes, `prepare` and `calling` how it is made.
"""

from __future__ import annotations

from smppd.calling import make_call, operation_of
from smppd.config import LinkConfig
from smppd.message import CallRequest, ErrorInfo, Lane, Message, PlainRequest, Request
from smppd.prepare import Number, prepare
from smppd.routing import Way, Ways


class Maker:
    """`country` is the dialling code of national numbers where a link or account has none of its
    own; `number` gives the reference of a long message."""

    def __init__(self, ways: Ways, country: str, number: Number) -> None:
        self._ways = ways
        self._country = country
        self._number = number
        self._usual = ways.usual

    def make(
        self, request: Request, to: str, lane: Lane, now: float
    ) -> tuple[str, Message | ErrorInfo]:
        """The pool of a request to one destination, and its message or why there is none. What
        cannot go anywhere is accounted for in the pool of what names none."""
        usual = self._usual
        if usual is not None and type(request) is PlainRequest:
            return usual[0], prepare(request, to, usual[1], self._country, self._number, now)
        if isinstance(request, CallRequest):
            way = self._way_of_call(request)
        else:
            way = self._ways.choose(request, to, lane)
        if isinstance(way, ErrorInfo):
            return self._ways.default, way
        pool, terms = way
        if isinstance(terms, LinkConfig):
            return pool, prepare(request, to, terms, self._country, self._number, now)
        return pool, make_call(request, to, terms, self._country, now)

    def _way_of_call(self, request: CallRequest) -> Way | ErrorInfo:
        operation = operation_of(request)
        if isinstance(operation, ErrorInfo):
            return operation
        return self._ways.choose_account(request.via, operation.api)
