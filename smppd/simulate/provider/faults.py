"""Troubles of the HTTP APIs: which call one comes to, and what it makes of the answer.

Which calls are struck follows from the order of the calls and the seed alone. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from http import HTTPStatus

from smppd.simulate.chance import Chance
from smppd.simulate.provider.script import Fault, Trouble
from smppd.simulate.provider.wire import Leaving, Response

#: What a web server says when nobody asked it.
PAGE = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>Back soon</h1></body></html>"


_LEAVING = {
    Trouble.LOST: Leaving.CLOSED,
    Trouble.HANG: Leaving.HANGING,
    Trouble.CUT: Leaving.CUT,
    Trouble.SLOW: Leaving.SLOW,
}


class Faults:
    """The rules of a script, and how often each has met a call."""

    def __init__(self, rules: Sequence[Fault], chance: Chance) -> None:
        self._rules = [_Rule(rule) for rule in rules]
        self._chance = chance

    def strike(self, operation: str) -> Fault | None:
        """The fault that comes to this call. Every rule counts the call, the first that has its
        turn strikes."""
        due = [rule for rule in self._rules if rule.is_due(operation)]
        for rule in due:
            if rule.told.share == 1 or self._chance.happens(rule.told.share):
                rule.struck += 1
                return rule.told
        return None


class _Rule:
    __slots__ = ("met", "struck", "told")

    def __init__(self, told: Fault) -> None:
        self.told = told
        self.met = 0
        self.struck = 0

    def is_due(self, operation: str) -> bool:
        told = self.told
        if not fnmatchcase(operation, told.op):
            return False
        self.met += 1
        turn = self.met - told.after
        ends = told.times and self.struck >= told.times
        return turn > 0 and turn % told.every == 0 and not ends


def is_done(fault: Fault | None) -> bool:
    """Whether the provider does what it was asked, for all that is wrong."""
    return fault is None or (fault.done and fault.what is not Trouble.REFUSE)


def spoil(answer: Response, fault: Fault) -> Response:
    """The answer as it leaves under this fault."""
    if fault.what is Trouble.STATUS:
        return _with_status(fault.status)
    if fault.what is Trouble.DELAY:
        return answer._replace(delay=fault.seconds)
    if fault.what is Trouble.HTML:
        return answer._replace(body=PAGE, content_type="text/html; charset=utf-8")
    if fault.what is Trouble.BROKEN:
        return answer._replace(body=answer.body[: len(answer.body) // 2])
    if fault.what in (Trouble.EMPTY, Trouble.SAY):
        body = "" if fault.what is Trouble.EMPTY else fault.body
        return answer._replace(body=body.encode("utf-8", "replace"))
    leaving = _LEAVING.get(fault.what, Leaving.WHOLE)
    return answer._replace(leaving=leaving, seconds=fault.seconds)


def _with_status(status: int) -> Response:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Out of order"
    # Where nobody listens: whoever follows a redirection with a password in hand is found out.
    headers = (("location", "http://127.0.0.1:1/"),) if status < 400 else ()
    return Response(f"{phrase}\n".encode(), status, "text/plain", headers=headers)
