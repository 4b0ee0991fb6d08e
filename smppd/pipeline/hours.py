"""Quiet hours: until when a message to some country is held, by the clock of people there.

A check of the gate. What is held goes when the hours end, by the zone's own time, also on the days
on which its clocks are changed; a message that expires before then expires. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from smppd.config.quiet import QuietConfig
from smppd.countries import Places
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import QUEUE_SHIFT
from smppd.message import Lane

#: A moment (epoch seconds) until which one knows whether it is quiet, and until when if it is.
_Known = tuple[float, float, float | None]
_DAY = timedelta(days=1)


class Quiet:
    """The hours of one section. What was found holds till the next change, so that a clock is not
    read for every message."""

    def __init__(self, section: QuietConfig) -> None:
        self._section = section
        self._zone = ZoneInfo(section.zone)
        self._known: _Known = (0.0, 0.0, None)

    def until(self, now: float) -> float | None:
        """When the quiet hours end in which this moment (epoch seconds) is; None for in none."""
        begins, ends, until = self._known
        if not begins <= now < ends:
            self._known = self._look(now)
            until = self._known[2]
        return until

    def _look(self, now: float) -> _Known:
        local = datetime.fromtimestamp(now, self._zone)
        after = now + 86_400.0
        for ahead in range(-1, 3):
            day = (local + ahead * _DAY).date()
            if day.weekday() not in self._section.days:
                continue
            begins, ends = (self._moment(day, each) for each in self._minutes())
            if begins <= now < ends:
                return begins, ends, ends
            if begins > now:
                after = min(after, begins)
        return now, after, None

    def _minutes(self) -> tuple[int, int]:
        begins, ends = self._section.begins, self._section.ends
        return begins, ends if ends > begins else ends + 24 * 60

    def _moment(self, day: date, minute: int) -> float:
        days, minute = divmod(minute, 24 * 60)
        hour = time(minute // 60, minute % 60)
        return datetime.combine(day + days * _DAY, hour, self._zone).timestamp()


class QuietHours:
    """All sections; `lanes` says in which lane each queue is."""

    def __init__(self, sections: Sequence[QuietConfig], lanes: Mapping[int, Lane]) -> None:
        self._everywhere: dict[Lane, list[Quiet]] = {lane: [] for lane in Lane}
        places: dict[Lane, dict[str, list[Quiet]]] = {lane: {} for lane in Lane}
        for section in sections:
            quiet = Quiet(section)
            for lane in (Lane[word.upper()] for word in section.priorities):
                if not section.places:
                    self._everywhere[lane].append(quiet)
                for place in section.places:
                    places[lane].setdefault(place, []).append(quiet)
        self._places = {lane: Places(each) for lane, each in places.items() if each}
        self._lanes = lanes

    def check(self, row: MessageRow, now: float) -> float | None:
        """Until when a message is to wait."""
        lane, message = self._lanes.get(row.msg_id >> QUEUE_SHIFT), row.message
        if lane is None or not message.to.isdigit():
            return None
        hours = self._everywhere[lane]
        if (places := self._places.get(lane)) is not None:
            hours = [*hours, *(places.find(message.to) or ())]
        ends = [until for quiet in hours if (until := quiet.until(now)) is not None]
        return max(ends, default=None)
