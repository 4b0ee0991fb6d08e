"""The figures of a report as people see them: what is drawn, how long, and what stands beside. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from smppd.message import State
from smppd.results.timeline import Timeline
from smppd.results.totals import Share

#: Rows of a table and bars of a chart at most; what is left shares one more.
MOST_ROWS = 40
MOST_BARS = 12
#: The plane on which bars and columns are drawn, in units of its own.
WIDTH = 640
COLUMNS_HEIGHT = 150
#: Decimals of a sum of money for people; programs read them all.
_CENTS = Decimal("0.0001")

#: In the order in which they are drawn and told: what went well first.
_ORDER = (
    *(State.DELIVERED, State.SENT, State.UNKNOWN, State.SENDING, State.QUEUED),
    *(State.UNDELIVERED, State.FAILED, State.EXPIRED, State.REJECTED),
    *(State.CANCELLED, State.DUPLICATE),
)
_RANK = {state.label: number for number, state in enumerate(_ORDER)}


class Piece(NamedTuple):
    """A piece of a bar: messages of one state, from `x` on so wide."""

    state: str
    messages: int
    percent: str
    x: float
    width: float


class Row(NamedTuple):
    """A row of a table, with its bar: drawn as long as its share of the longest."""

    name: str
    code: str
    messages: int
    percent: str
    pieces: Sequence[Piece]
    parts: int = 0
    delivered: str = ""
    cost: str = ""


class Column(NamedTuple):
    """One step of time."""

    label: str
    x: float
    width: float
    submitted: int
    submitted_height: float
    delivered: int
    delivered_height: float


class Columns(NamedTuple):
    """What happened over time. `top` is the count at the upper edge, `ticks` are (x, label)."""

    columns: Sequence[Column]
    top: int
    step: str
    ticks: Sequence[tuple[float, str]]
    later: Mapping[str, int]


def stacked(states: Mapping[str, int], width: float = WIDTH) -> list[Piece]:
    """One bar of all states, so wide in all."""
    total, x, pieces = sum(states.values()), 0.0, []
    for state in sorted(states, key=lambda each: (_RANK.get(each, len(_RANK)), each)):
        own = width * states[state] / total if total else 0.0
        percent = share_of(states[state], total)
        pieces.append(Piece(state, states[state], percent, round(x, 2), round(own, 2)))
        x += own
    return pieces


def shares(found: Mapping[str, Share]) -> list[Row]:
    """Countries or links, the largest first; the smallest of very many together."""
    entries = list(found.items())
    if len(entries) > MOST_ROWS:
        rest = Share(name=f"{len(entries) - MOST_ROWS + 1:,} more")
        for _, each in entries[MOST_ROWS - 1 :]:
            _merge(rest, each)
        entries = [*entries[: MOST_ROWS - 1], ("", rest)]
    longest = max((share.messages for _, share in entries), default=0)
    total = sum(share.messages for _, share in entries)
    return [_row(code, share, longest, total) for code, share in entries]


def _merge(into: Share, other: Share) -> None:
    into.messages += other.messages
    into.parts += other.parts
    for state, count in other.states.items():
        into.states[state] = into.states.get(state, 0) + count
    if other.cost:
        into.cost = (into.cost or Decimal(0)) + other.cost


def _row(code: str, share: Share, longest: int, total: int) -> Row:
    return Row(
        share.name or code,
        code,
        share.messages,
        share_of(share.messages, total),
        stacked(share.states, WIDTH * share.messages / longest if longest else 0.0),
        share.parts,
        share_of(share.states.get("delivered", 0), share.messages),
        money(share.cost),
    )


def counts(found: Mapping[str, int], state: str) -> list[Row]:
    """Counts by name, the largest first, drawn in the colour of a state."""
    entries = list(found.items())
    if len(entries) > MOST_ROWS:
        rest = sum(count for _, count in entries[MOST_ROWS - 1 :])
        more = f"{len(entries) - MOST_ROWS + 1:,} more"
        entries = [*entries[: MOST_ROWS - 1], (more, rest)]
    longest, total = max(dict(entries).values(), default=0), sum(dict(entries).values())
    rows = []
    for name, count in entries:
        width = round(WIDTH * count / longest, 2) if longest else 0.0
        piece = Piece(state, count, share_of(count, total), 0.0, width)
        rows.append(Row(name, name, count, piece.percent, [piece]))
    return rows


def columns(timeline: Timeline) -> Columns:
    """The steps of a timeline, side by side."""
    start, step = datetime.fromisoformat(timeline.start), timeline.step
    length = len(timeline.submitted)
    top = _rounded_up(max(*timeline.submitted, *timeline.delivered, 1))
    width = WIDTH / length
    drawn = [
        Column(
            _moment(start + timedelta(seconds=number * step), step),
            round(number * width, 2),
            round(width, 2),
            submitted,
            round(COLUMNS_HEIGHT * submitted / top, 2),
            delivered,
            round(COLUMNS_HEIGHT * delivered / top, 2),
        )
        for number, (submitted, delivered) in enumerate(
            zip(timeline.submitted, timeline.delivered, strict=True)
        )
    ]
    every = -(-length // 6)
    ticks = [(column.x, column.label) for column in drawn[::every]]
    later = {} if not timeline.later else dict(timeline.later)
    return Columns(drawn, top, duration(step), ticks, later)


def _moment(at: datetime, step: int) -> str:
    at = at.astimezone(UTC)
    if step >= 86_400:
        return f"{at:%Y-%m-%d}"
    if step >= 3600:
        return f"{at:%d %b %H:%M}"
    return f"{at:%H:%M}" if step >= 60 else f"{at:%H:%M:%S}"


def _rounded_up(count: int) -> int:
    """A round number that is not smaller: 1, 2 or 5 with zeros behind."""
    unit = 1
    while True:
        for each in (unit, 2 * unit, 5 * unit):
            if each >= count:
                return each
        unit *= 10


def share_of(count: int, total: int) -> str:
    """A share in percent; what is neither nothing nor everything is not rounded to either."""
    if not total:
        return "-"
    percent = 100 * count / total
    if 0 < percent < 0.1:
        return "< 0.1 %"
    return "> 99.9 %" if 99.9 < percent < 100 else f"{percent:.1f} %"


def money(amount: Decimal | msgspec.UnsetType, currency: str = "") -> str:
    """A sum for people; nothing where there is no price."""
    if amount is msgspec.UNSET:
        return ""
    rounded = amount.quantize(_CENTS)
    text = f"{rounded if rounded else amount:,f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')} {currency}".rstrip()


def duration(seconds: float) -> str:
    """A length of time in its two largest units."""
    left, words = max(0, round(seconds)), list[str]()
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            words.append(f"{count} {unit}")
    return " ".join(words[:2]) or "less than 1 s"


def moment(iso: str | None) -> str:
    """A moment of a report, to the second."""
    return "-" if iso is None else f"{iso[:10]} {iso[11:19]} UTC"


def bars(rows: Iterable[Row]) -> list[Row]:
    """Those that are drawn."""
    return list(rows)[:MOST_BARS]
