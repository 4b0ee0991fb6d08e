"""The cap: so many messages leave for a number in a day, whoever sends them and over whatever way.

A message is counted when it leaves, in the commit of the fact that says so, however many parts it
has and however often it goes on that day. One that came back and leaves again on another day is
one of that day's. Counts are looked up where messages are read, so that nobody waits for the disk
at the gate; of which none is known there, a message waits until it has been looked up. Memory holds
the counts of the numbers that were seen last. Raises nothing of its own; what the journal raises
passes through.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from smppd.config.policy import PolicyConfig
from smppd.figures import CapFigures
from smppd.ledger.entries import MessageRow, Outstanding
from smppd.ledger.facts import QUEUE_SHIFT
from smppd.message import ErrorInfo, Lane
from smppd.ports import Counted, CountMemory

#: Numbers whose counts are remembered: the newest so many, and as many before them.
REMEMBERED = 50_000
#: The code of a message that the cap rejects.
OVER_CAP = "OVER_CAP"

_EPOCH = date(1970, 1, 1).toordinal()


class Day(NamedTuple):
    """A day of some zone, counted from 1970, and when it begins and ends (epoch seconds)."""

    number: int
    begins: float
    ends: float


def day_of(moment: float, zone: ZoneInfo) -> Day:
    """The day in which this moment (epoch seconds) is, by the clock of a zone."""
    day = datetime.fromtimestamp(moment, zone).date()
    begins, ends = (
        datetime.combine(each, time(), zone).timestamp() for each in (day, day + timedelta(days=1))
    )
    return Day(day.toordinal() - _EPOCH, begins, ends)


class Cap:
    """Counts, and says not today. A `gate.Tally`; `lanes` says in which lane each queue is."""

    def __init__(
        self,
        section: PolicyConfig,
        lanes: Mapping[int, Lane],
        memory: CountMemory,
        wall: Callable[[], float],
    ) -> None:
        self._memory = memory
        self._wall = wall
        self._day = Day(0, 0.0, 0.0)
        #: Of the day, how many left for a number: of those seen last, and of those before them.
        self._recent: dict[str, int] = {}
        self._older: dict[str, int] = {}
        #: What is not on its way to the disk yet.
        self._news: dict[tuple[int, str], int] = {}
        #: Changes with the day, and whenever some counts are forgotten.
        self._version = 0
        self.figures = CapFigures()
        self.change(section, lanes)

    def change(self, section: PolicyConfig, lanes: Mapping[int, Lane]) -> None:
        """Go by this from now on; what was counted counts."""
        self._limit = self.figures.most = section.per_number_per_day
        self._rejects = section.over_cap == "reject"
        self._zone = ZoneInfo(section.zone)
        capped = {Lane[word.upper()] for word in section.cap_priorities}
        self._queues = frozenset(queue for queue, lane in lanes.items() if lane in capped)
        self._day = Day(0, 0.0, 0.0)  # a day of another zone is another one

    # ── at the gate ──────────────────────────────────────────────────────────────────────────

    def new(self, row: MessageRow, now: float) -> float | ErrorInfo | None:
        """Whether a message of which nothing has left may leave; it is counted if so."""
        number = self._number(row)
        if number is None:
            return None
        verdict = self._count(number, now)
        if verdict is None or verdict <= now:
            return verdict
        if not self._rejects:
            self.figures.held += 1
            return verdict
        self.figures.rejected += 1
        return self._error(now)

    def again(self, row: MessageRow, entry: Outstanding, now: float) -> float | None:
        """As `new`, of one that had left and came back whole: it is not counted twice in a day, and
        never rejected, for the SMSC may have it."""
        number = self._number(row)
        day = self._today(now)
        if number is None or day.begins <= entry.left < day.ends:
            return None
        return self._count(number, now)

    def _number(self, row: MessageRow) -> str | None:
        """The number for which a message counts; None for one that does not."""
        if row.msg_id >> QUEUE_SHIFT not in self._queues:
            return None
        number = row.message.handset
        return number if number.isdigit() else None

    def _count(self, number: str, now: float) -> float | None:
        day = self._today(now)
        count = self._known(number)
        if count is None:
            return now  # it is looked up before it is asked about again
        if count >= self._limit:
            return day.ends
        self._remember(number, count + 1)
        self._news[day.number, number] = count + 1
        return None

    def _error(self, now: float) -> ErrorInfo:
        local = datetime.fromtimestamp(now, self._zone)
        most = f"per_number_per_day = {self._limit}"
        return ErrorInfo(OVER_CAP, text=f"beyond {most} on {local:%Y-%m-%d} ({self._zone.key})")

    # ── what is known ────────────────────────────────────────────────────────────────────────

    def _today(self, now: float) -> Day:
        if not self._day.begins <= now < self._day.ends:
            self._day = day_of(now, self._zone)
            self._recent, self._older = {}, {}
            self._version += 1
        return self._day

    def _known(self, number: str) -> int | None:
        found = self._recent.get(number)
        if found is None:
            found = self._older.get(number)
        if found is None and self._news:
            found = self._news.get((self._day.number, number))
        return found

    def _remember(self, number: str, count: int) -> None:
        if len(self._recent) >= REMEMBERED and number not in self._recent:
            self._recent, self._older = {}, self._recent
            self._version += 1
        self._recent[number] = count

    async def learn(self, rows: Collection[MessageRow], known: int = -1) -> int:
        """Look up what `new` and `again` will want to know of these messages. Gives what is handed
        in as `known` next time with the same messages, so that it is not done without need."""
        day = self._today(self._wall())
        version = self._version
        if known == version:
            return version
        wanted = []
        for number in {self._number(row) for row in rows}:
            if number is None:
                continue
            count = self._known(number)
            if count is None:
                wanted.append(number)
            else:
                self._remember(number, count)
        if not wanted:
            return self._version
        asked = self._version
        found = await self._memory.counts_of(day.number, wanted)
        if asked != self._version:  # what was forgotten meanwhile may have been counted before
            return -1
        for number in wanted:
            if self._known(number) is None:
                self._remember(number, found.get(number, 0))
        return self._version

    def take(self) -> list[Counted]:
        """What is to be on disk, in the commit of the facts made since the last call."""
        news, self._news = self._news, {}
        return [Counted(day, number, count) for (day, number), count in news.items()]
