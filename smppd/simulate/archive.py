"""What the simulated SMSC knows of messages it took: where each is, for query_sm and cancel_sm.

It remembers the newest so many. Time comes in as an argument, on the clock of the sessions, and
for the dates of SMPP from the clock on the wall. Raises nothing.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from smppd.simulate.states import STATE_WORDS
from smppd.smpp.pdu import CancelSm, DataSm, QuerySm, SubmitSm
from smppd.smpp.pdu_message import QuerySmResp
from smppd.smpp.vocabulary import MessageState

_ABSOLUTE = re.compile(r"(\d{12})(\d)(\d\d)([+-])")
_RELATIVE = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)000R")


class Kept(msgspec.Struct, gc=False):
    """A message that was taken: who sent it, until when it is held back, when it comes to its
    end, and to which. `message` is its text, or the PDU that brought it."""

    source: str
    held_until: float
    ends_at: float
    word: str
    account: str = ""
    message: SubmitSm | DataSm | str = ""
    cancelled: bool = False

    def state(self, now: float) -> MessageState:
        """Where it is (3.4, 5.2.28; SCHEDULED as 5.0 has it)."""
        if self.cancelled:
            return MessageState.DELETED
        if now >= self.ends_at:
            return STATE_WORDS[self.word]
        return MessageState.SCHEDULED if now < self.held_until else MessageState.ENROUTE


class Archive:
    """The newest messages, by the message_id that was given to each."""

    def __init__(self, most: int, wall_clock: Callable[[], float]) -> None:
        self._most = most
        self._wall_clock = wall_clock
        # Ordered: a dict looks for its first key behind the places of all that were forgotten.
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, message_id: str, kept: Kept) -> None:
        """Remember one more; the oldest is forgotten for it when there are too many."""
        self._kept[message_id] = kept
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def find(self, pdu: QuerySm | CancelSm, account: str) -> Kept | None:
        """The message that is asked for, by message_id and source; None for anyone else's."""
        kept = self._kept.get(pdu.message_id)
        if kept is None or (kept.source, kept.account) != (pdu.source_addr, account):
            return None
        return kept

    def look_up(self, message_id: str) -> Kept | None:
        """The message that is asked for by its message_id alone, as over HTTP."""
        return self._kept.get(message_id)

    def report(self, message_id: str, kept: Kept, now: float) -> QuerySmResp:
        """The answer to query_sm."""
        state = kept.state(now)
        final = "" if state in (MessageState.SCHEDULED, MessageState.ENROUTE) else self._date()
        return QuerySmResp(message_id=message_id, final_date=final, message_state=int(state))

    def _date(self) -> str:
        """A moment of this minute: when exactly a message ended nobody asks a simulation."""
        now = datetime.fromtimestamp(self._wall_clock(), UTC)
        return f"{now:%y%m%d%H%M%S}000+"

    def seconds_until(self, moment: str) -> float | None:
        """How long until an SMPP time, absolute or relative (3.4, 7.1.1); None if it is neither."""
        if not moment:
            return 0.0
        if match := _RELATIVE.fullmatch(moment):
            years, months, days, hours, minutes, seconds = map(int, match.groups())
            span = timedelta((years * 365) + months * 30 + days, seconds, 0, 0, minutes, hours)
            return span.total_seconds()
        if not (match := _ABSOLUTE.fullmatch(moment)):
            return None
        digits, tenths, quarters, sign = match.groups()
        try:
            local = datetime.strptime(digits, "%y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return None
        offset = int(quarters) * 900 * (1 if sign == "+" else -1)
        at = local.timestamp() + int(tenths) / 10 - offset
        return max(0.0, at - self._wall_clock())
