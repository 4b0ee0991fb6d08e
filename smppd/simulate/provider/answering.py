"""What an operation of the simulated provider takes and gives, and how it writes things down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from smppd.simulate.provider.accounts import Account
from smppd.simulate.provider.script import Chats, Http

#: Digits of the longest id that is written as a number: it fits 64 bits.
LONGEST_NUMBER = 18
MOMENT = "%Y-%m-%d %H:%M:%S"


class Refused(NamedTuple):
    """It was not done, for this error of the documents."""

    code: str


#: What a call is made of. `now` is on the clock of the sessions.
Params = Mapping[str, str]
#: A result that JSON can express, or a refusal.
Result = object
Doing = Callable[[Account, Params, float], Result]

#: "No additional values will be sent to you."
NOTHING: list[object] = []


class Writing:
    """How ids, credits, dates and flags stand in answers, as the script says."""

    def __init__(self, http: Http, chats: Chats, wall_clock: Callable[[], float]) -> None:
        self._as_numbers = http.ids == "number"
        self._sent_form = chats.sent_form
        self._zone = ZoneInfo(http.zone)
        self._wall_clock = wall_clock

    def id(self, written: str | int) -> str | int:
        """An id. What a number would not bring back as it was stays a text."""
        text = str(written)
        digits = text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER
        faithful = digits and (text == "0" or text[0] != "0")
        return int(text) if self._as_numbers and faithful else text

    def credits(self, amount: Decimal) -> str | float:
        """An amount of credits."""
        plain = format(amount.normalize(), "f")
        return float(plain) if self._as_numbers else plain

    def sent(self, ours: bool) -> str | int | bool:
        """Whether a chat message is one that we sent."""
        return {"text": "1" if ours else "0", "number": int(ours), "bool": ours}[self._sent_form]

    def date(self, seconds_from_now: float = 0.0) -> str:
        """A moment, as the documents write them."""
        at = self._wall_clock() + seconds_from_now
        return datetime.fromtimestamp(at, self._zone).strftime(MOMENT)

    def seconds_until(self, moment: str) -> float | None:
        """How long until a moment so written; None where it cannot be read."""
        try:
            at = datetime.strptime(moment, MOMENT).replace(tzinfo=self._zone)
        except ValueError:
            return None
        return max(0.0, at.timestamp() - self._wall_clock())
