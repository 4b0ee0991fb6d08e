"""How the daemon does, told to everybody who watches: made once a second, and once for all of them.

Nothing of it says what is in a message or to whom it goes: counts and names, in which whatever may be a
phone number is cut. What was is kept for a quarter of an hour, in memory that does not grow.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import trio

from smppd.figures import DaemonFigures
from smppd.masking import masked_words
from smppd.observe.recent import Recent
from smppd.vitals.picture import Picture, picture
from smppd.vitals.pulse import Pulse

#: Seconds between two looks where somebody watches, and between two points of what was.
EVERY = 1.0
STEP = 5.0
#: Points that are kept: of a quarter of an hour.
POINTS = 180
#: Links that have a line of their own among them.
MOST_LINES = 24

Send = Callable[[bytes], Awaitable[None]]

#: What may be a phone number, dates aside.
_NUMBER = re.compile(r"(?<![0-9])(?!20[0-9]{6}(?![0-9]))\+?[0-9]{7,}")


class Point(msgspec.Struct, array_like=True):
    """How it went up to `at` (epoch seconds): parts and receipts a second, messages queued, seconds
    within which half of the answers came and 99 %; and of each link its parts a second and its 99 %."""

    at: int
    submitted: float
    receipts: float
    queued: int
    half: float | None
    tail: float | None
    links: dict[str, tuple[float, float | None]]


class Live:
    """Looks at the figures, and tells who watches.

    A fault while looking is told to them as well: whoever watches must not stop traffic.
    """

    def __init__(self, read: Callable[[], DaemonFigures], recent: Recent) -> None:
        self._read = read
        self._recent = recent
        self._pulse = Pulse()
        self._points: deque[Point] = deque(maxlen=POINTS)
        self._point_due = 0.0
        self._past = b""
        self._now = b""
        self._looked = float("-inf")
        self._ticked = trio.Event()
        #: How many watch.
        self.watchers = 0

    async def run(self) -> None:
        """Look, until cancelled: once a second where somebody watches, else for the past alone."""
        self._point_due = trio.current_time()
        while True:
            if self.watchers or trio.current_time() >= self._point_due:
                self._look()
                self._ticked.set()
                self._ticked = trio.Event()
            await trio.sleep(EVERY)

    async def tell(self, send: Send) -> None:
        """Tell what was, and then how it stands, a second after the other, until `send` raises. Who is
        slow to take it misses some."""
        self.watchers += 1
        try:
            if trio.current_time() - self._looked > EVERY or not self._now:
                self._look()
            await send(self._told_past())
            while True:
                ticked = self._ticked
                await send(self._now)
                await ticked.wait()
        finally:
            self.watchers -= 1

    def _look(self) -> None:
        self._looked = trio.current_time()
        try:
            figures = self._read()
            self._pulse.feel(figures)
            seen = picture(figures, self._pulse)
            if self._looked >= self._point_due:
                self._point_due = max(self._point_due + STEP, self._looked)
                self._points.append(_point(seen))
                self._past = b""
            self._now = _message("now", self._told(seen)) if self.watchers else b""
        except Exception as fault:  # noqa: BLE001 - whoever watches must not stop traffic
            self._now = _message("fault", f"{type(fault).__name__}: {fault}")

    def _told(self, seen: Picture) -> dict[str, Any]:
        seen.troubles = [
            msgspec.structs.replace(each, why="the log says why") if each.quotes else each
            for each in seen.troubles
        ]
        told: dict[str, Any] = _masked(msgspec.to_builtins(seen))
        told["recent"] = _masked(msgspec.to_builtins(self._recent.newest_first()))
        told["point"] = msgspec.to_builtins(self._points[-1]) if self._points else None
        return told

    def _told_past(self) -> bytes:
        if not self._past:
            self._past = _message("past", list(self._points))
        return self._past


def _point(seen: Picture) -> Point:
    shown = seen.links[:MOST_LINES]
    links = {_masked(link.name): (link.submitted, link.tail) for link in shown}
    queued = seen.states.get("queued", 0)
    return Point(int(seen.now), seen.submitted, seen.receipts, queued, seen.half, seen.tail, links)


def _message(kind: str, value: Any) -> bytes:
    """One event of the stream (HTML, 9.2: server-sent events)."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode(value))


def _masked(value: Any) -> Any:
    """The same, without what may be a phone number in any text of it; keys are our own."""
    if isinstance(value, str):
        return masked_words(value, _NUMBER)
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if isinstance(value, dict):
        return {key: _masked(each) for key, each in value.items()}
    return value
