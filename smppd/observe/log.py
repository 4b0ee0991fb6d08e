"""Turns what happened into lines for an operator (`lines`, `rendering`), and cuts floods of them.

Nothing here is asked per message, and nothing that stations report holds a password. Message text
and numbers can only come along in the octets of an undecodable PDU: those are cut to the header
unless `log_content` is set. An observer that cannot write raises what the stream raises.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from smppd import events
from smppd.masking import masked_words
from smppd.observe.lines import FIELDS, LINES, SUMMED, Level
from smppd.observe.rendering import Format, rendering
from smppd.observe.summing import Summing

#: A level's number for structlog.
_NUMBERS: Mapping[str, int] = MappingProxyType(
    {"debug": 10, "info": 20, "warning": 30, "error": 40}
)

#: So many lines of one kind about one link, within so many seconds; the rest is only counted.
BURST = 100
BURST_SECONDS = 60.0
_ALL = float("inf")

_LONG_HEX = re.compile(r"[0-9a-fA-F]{34,}")
_HEADER_DIGITS = 32

#: What is about somebody's number, or may be, because it repeats the words of a provider.
_REPEATING = (
    events.CodeUndocumented,
    events.ChatFailing,
    events.LinkPaused,
    events.StatusesRefused,
    events.OutletFailing,
    events.OutletGaveUp,
    events.OptedOut,
    events.OptedIn,
)
_REPEATED = ("reason", "text", "number")

#: What is only told when somebody has asked for it, whatever the level, and every one of it.
_ON_DEMAND = (events.PduPassed, events.MessageWatched)

#: A logger for each level.
LoggerOf = Callable[[Level], FilteringBoundLogger]


class LogObserver:
    """Logs events. Of more than `burst` lines of one kind about one link within a minute the rest
    is left out, and the next line that is written says how many were (`left_out`). Unless every line
    is wanted, files that come by the hundred in a second are summed up (`SUMMED`)."""

    def __init__(
        self,
        logger_of: LoggerOf,
        level: Level = "info",
        *,
        log_content: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger_of = logger_of
        self._on_demand = logger_of("debug")
        self._log_content = log_content
        self._clock = clock
        self._since: dict[tuple[str, str], float] = {}
        self._count: dict[tuple[str, str], int] = {}
        self._summing: dict[type[events.Event], Summing] = {}
        self._change_level(level)

    def set_level(self, level: Level) -> Level:
        """Write lines from this level up, from now on; the level before."""
        before = self.level
        self._change_level(level)
        return before

    def _change_level(self, level: Level) -> None:
        self.settle(at_once=True)
        self.level: Level = level
        self._logger = self._logger_of(level)
        self._burst = _ALL if level == "debug" else BURST
        summed = {} if level == "debug" else SUMMED
        self._summing = {kind: Summing(each) for kind, each in summed.items()}

    def __call__(self, event: events.Event) -> None:
        """Write the event's line, if its level is wanted."""
        if isinstance(event, _ON_DEMAND):
            self._write(event, 0, self._on_demand)
            return
        summing = self._summing.get(type(event))
        if summing is None:
            left_out = self._left_out((LINES[type(event)].name, _about(event)))
            if left_out is not None:
                self.settle(at_once=True)
                self._write(event, left_out)
            return
        self._settle(type(event), summing)
        if not summing.takes(event):
            self._write(event, 0)

    def settle(self, *, at_once: bool = False) -> None:
        """Write what was summed up in a second that is over; to be called a few times a second.
        `at_once`: also what it has come to so far, because something else is to be told."""
        for kind, summing in self._summing.items():
            self._settle(kind, summing, at_once=at_once)

    def _settle(self, kind: type[events.Event], summing: Summing, *, at_once: bool = False) -> None:
        told = summing.settle(self._clock(), at_once=at_once)
        if told is not None:
            self._logger.log(_NUMBERS[LINES[kind].level], SUMMED[kind].name, **told)

    def _write(
        self, event: events.Event, left_out: int, logger: FilteringBoundLogger | None = None
    ) -> None:
        line = LINES[type(event)]
        shown = {key: getattr(event, name) for name, key in FIELDS[type(event)]}
        if isinstance(event, events.ProtocolOddity) and not self._log_content:
            shown["what"] = _LONG_HEX.sub(_only_header, event.what)
        if isinstance(event, _REPEATING) and not self._log_content:
            shown |= {key: masked_words(shown[key]) for key in _REPEATED if key in shown}
        if left_out:
            shown["left_out"] = left_out
        (logger or self._logger).log(_NUMBERS[line.level], line.name, **shown)

    def _left_out(self, key: tuple[str, str]) -> int | None:
        """How many lines like this were left out before it; None when this one is, too."""
        now = self._clock()
        seen = self._count.get(key, 0)
        if key not in self._since or now - self._since[key] >= BURST_SECONDS:
            self._since[key] = now
            self._count[key] = 1
            return int(seen - min(self._burst, seen))
        self._count[key] = seen + 1
        return 0 if seen < self._burst else None


def _about(event: events.Event) -> str:
    """The link, account or outlet that an event is about; empty for none."""
    found = (getattr(event, name, "") for name in ("link", "account", "outlet"))
    return str(next(filter(None, found), ""))


def configure(
    level: Level = "info",
    format: Format = "auto",  # noqa: A002 - the name of the key in the configuration
    stream: TextIO | None = None,
    *,
    log_content: bool = False,
) -> LogObserver:
    """An observer that logs to `stream` (stderr unless given) from this level up, in the form that
    `rendering` tells. At level `debug` no line is left out. Nothing global is touched."""
    out = sys.stderr if stream is None else stream
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        rendering(out, format),
    ]

    def logger_of(level: Level) -> FilteringBoundLogger:
        logger = structlog.wrap_logger(
            structlog.WriteLogger(out),
            processors=processors,
            wrapper_class=structlog.make_filtering_bound_logger(_NUMBERS[level]),
            cache_logger_on_first_use=True,
        )
        return cast("FilteringBoundLogger", logger)

    return LogObserver(logger_of, level, log_content=log_content)


def _only_header(digits: re.Match[str]) -> str:
    octets = len(digits[0]) // 2
    return f"{digits[0][:_HEADER_DIGITS]}… ({octets} octets, see log_content)"
