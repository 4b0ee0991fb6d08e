"""Turns what happened into lines for an operator: words on a terminal, JSON lines elsewhere.

`LINES` says for each event its name, which never changes, its level, and how a person reads it.
Nothing here is asked per message, and nothing that stations report holds a password. Message text
and numbers can only come along in the octets of an undecodable PDU: those are cut to the header
unless `log_content` is set. An observer that cannot write raises what the stream raises.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TextIO, cast

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger, Processor

from smppd import events
from smppd.observe.summing import Summed, Summing
from smppd.provider.masking import masked_words

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "console"]

#: A level's number for structlog, and its syslog priority for the journal of systemd.
_NUMBERS: Mapping[str, int] = MappingProxyType(
    {"debug": 10, "info": 20, "warning": 30, "error": 40}
)
_PRIORITIES: Mapping[str, int] = MappingProxyType({"debug": 7, "info": 6, "warning": 4, "error": 3})

#: So many lines of one kind about one link, within so many seconds; the rest is only counted.
BURST = 100
BURST_SECONDS = 60.0
_ALL = float("inf")

_SECONDS = frozenset({"retry_in", "took"})
_LONG_HEX = re.compile(r"[0-9a-fA-F]{34,}")
_HEADER_DIGITS = 32

_Fields = MutableMapping[str, Any]


class Line(NamedTuple):
    """How one kind of event is logged. `renamed`: event field to log field, where they differ."""

    name: str
    level: Level
    says: str
    renamed: Mapping[str, str] = MappingProxyType({})


_IN_DOUBT = MappingProxyType({"in_doubt": "outcome_unknown"})
_LEVEL = MappingProxyType({"level": "from_level"})  # that of the line is another
_STOPPED = MappingProxyType({"in_doubt": "outcome_unknown", "seconds": "took"})
_LASTED = MappingProxyType({"seconds": "took"})
_REFUSED = MappingProxyType({"status_name": "status", "status": "status_code"})

LINES: Mapping[type[events.Event], Line] = MappingProxyType(
    {
        events.DaemonStarted: Line("daemon_started", "info", "smppd has started", _STOPPED),
        events.DaemonStopping: Line("daemon_stopping", "info", "draining before the stop"),
        events.DaemonStopped: Line("daemon_stopped", "info", "smppd has stopped", _STOPPED),
        events.ConfigReloaded: Line("config_reloaded", "info", "configuration was read again"),
        events.ReloadRefused: Line(
            "reload_refused", "error", "new configuration refused, nothing has changed"
        ),
        events.LogLevelSet: Line(
            "log_level_set", "info", "more or less is logged for a while", _LEVEL
        ),
        events.LogLevelOver: Line("log_level_over", "info", "as much is logged as before"),
        events.PduPassed: Line("pdu_passed", "debug", "PDU"),
        events.MessageWatched: Line("message_watched", "debug", "happened to the message"),
        events.LinkConnecting: Line("link_connecting", "info", "connecting to the SMSC"),
        events.LinkBound: Line("link_bound", "info", "link is bound"),
        events.BindRefused: Line("bind_refused", "warning", "bind refused", _REFUSED),
        events.BindNeedsOperator: Line(
            "bind_needs_operator", "error", "binds are refused until somebody acts", _REFUSED
        ),
        events.LinkLost: Line("link_lost", "warning", "link lost", _IN_DOUBT),
        events.LinkUnbound: Line("link_unbound", "info", "link unbound in good order"),
        events.LinkUnverified: Line("link_unverified", "warning", "SMSC is not verified"),
        events.CertificateExpiring: Line(
            "certificate_expiring", "warning", "certificate of the SMSC expires soon"
        ),
        events.ProtocolOddity: Line("protocol_oddity", "info", "odd PDU, dealt with"),
        events.FileClaimed: Line("file_claimed", "info", "reading a file"),
        events.FileAdmitted: Line("file_admitted", "info", "file is in the journal"),
        events.FileQuarantined: Line("file_quarantined", "warning", "unusable file, nothing sent"),
        events.InboxUnwatched: Line(
            "inbox_unwatched", "warning", "inotify tells nothing of new files; they are looked for"
        ),
        events.InboxMadeAgain: Line(
            "inbox_made_again", "warning", "a folder of the inbox was gone; who may write there?"
        ),
        events.FileWaiting: Line("file_waiting", "warning", "file stays in the inbox"),
        events.FileReported: Line("file_reported", "info", "file is done, results written"),
        events.Requeued: Line("requeued", "info", "messages put back in the queue"),
        events.Cancelled: Line("cancelled", "info", "messages cancelled"),
        events.QueriesRefused: Line(
            "queries_refused", "warning", "the SMSC refuses query_sm; is query_sm = true right?"
        ),
        events.StatusesRefused: Line(
            "statuses_refused", "warning", "the account does not answer getdeliverystatus"
        ),
        events.StatusWordNew: Line(
            "status_word_new", "warning", "a delivery status that nobody has explained"
        ),
        events.FallbackBegan: Line(
            "fallback_began", "warning", "messages go over the HTTP API instead"
        ),
        events.FallbackEnded: Line("fallback_ended", "info", "messages go over their link again"),
        events.RouteMoved: Line("route_moved", "warning", "a route goes over another link"),
        events.LinkMissing: Line("link_missing", "warning", "messages wait for no link"),
        events.DiskFailing: Line(
            "disk_failing", "warning", "the disk takes no more, and is waited for"
        ),
        events.DiskRecovered: Line("disk_recovered", "info", "the disk takes what it must again"),
        events.MailboxFailing: Line("mailbox_failing", "warning", "cannot keep what handsets send"),
        events.MailboxRecovered: Line("mailbox_recovered", "info", "what handsets send is kept"),
        events.ReceivedIncomplete: Line(
            "received_incomplete", "warning", "a handset's message without all its parts"
        ),
        events.OptedOut: Line("opted_out", "info", "a handset wants no more messages"),
        events.OptedIn: Line("opted_in", "info", "a handset wants messages again"),
        events.OptOutUnclear: Line(
            "opt_out_unclear", "warning", "a wish of no more messages from nobody knows whom"
        ),
        events.OptOutUnconfirmed: Line(
            "opt_out_unconfirmed", "warning", "cannot confirm an opt-out"
        ),
        events.OptOutsChanged: Line("opt_outs_changed", "info", "the opt-out list was changed"),
        events.TraceStarted: Line("trace_started", "info", "a trace has begun"),
        events.TraceEnded: Line("trace_ended", "info", "a trace is over"),
        events.TraceBroken: Line("trace_broken", "warning", "a trace could not go on"),
        events.EventHandlerFailed: Line(
            "eventhandler_failed", "warning", "the event handler failed"
        ),
        events.ChatFailing: Line("chat_failing", "warning", "cannot read a chat channel"),
        events.ChatRecovered: Line("chat_recovered", "info", "chat channel is read again"),
        events.OutletFailing: Line("outlet_failing", "warning", "events do not get out and wait"),
        events.OutletRecovered: Line("outlet_recovered", "info", "events get out again", _LASTED),
        events.OutletGaveUp: Line("outlet_gave_up", "error", "events were refused and put aside"),
        events.OutletGap: Line("outlet_gap", "error", "events are gone that nobody was told"),
        events.PlaceCleared: Line("place_cleared", "info", "old files removed"),
        events.ReceiptsGivenUp: Line(
            "receipts_given_up", "info", "no receipt came in all this time; they stay sent"
        ),
        events.JournalPruned: Line("journal_pruned", "info", "old messages removed"),
        events.RetentionFailing: Line("retention_failing", "warning", "cannot remove what is old"),
        events.ForeignFiles: Line("foreign_files", "warning", "files that are not ours stay"),
        events.ClockDoubted: Line(
            "clock_doubted", "warning", "the clock jumped, nothing is removed"
        ),
        events.RefusalsUnusual: Line(
            "refusals_unusual", "warning", "messages fail for an unusual reason", _REFUSED
        ),
        events.CodeUndocumented: Line(
            "code_undocumented", "warning", "a call failed with a code that no document has"
        ),
        events.LinkPaused: Line("link_paused", "warning", "link is paused, its messages wait"),
        events.LinkResumed: Line("link_resumed", "info", "link submits again"),
        events.CampaignPaused: Line("campaign_paused", "warning", "campaign is held"),
        events.CampaignResumed: Line("campaign_resumed", "info", "campaign goes on"),
        events.CampaignCancelled: Line("campaign_cancelled", "info", "campaign is cancelled"),
        events.AccountUnreachable: Line(
            "account_unreachable", "warning", "the provider does not answer, its calls wait"
        ),
        events.AccountReachable: Line(
            "account_reachable", "info", "the provider answers again", _LASTED
        ),
    }
)

_FIELDS: Mapping[type[events.Event], tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        kind: tuple(
            (field.name, line.renamed.get(field.name, field.name)) for field in fields(kind)
        )
        for kind, line in LINES.items()
    }
)
#: What may come by the thousand in a second, and how it is told then.
SUMMED: Mapping[type[events.Event], Summed] = MappingProxyType(
    {
        events.FileClaimed: Summed("files_claimed", "reading further files", ("octets",)),
        events.FileAdmitted: Summed(
            "files_admitted", "further files are in the journal", ("lines", "rejected")
        ),
        events.FileReported: Summed(
            "files_reported", "further files are done, results written", counts=("states",)
        ),
    }
)
_SAYS: Mapping[str, str] = MappingProxyType(
    {line.name: line.says for line in LINES.values()}
    | {line.name: line.says for line in SUMMED.values()}
)


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
        shown = {key: getattr(event, name) for name, key in _FIELDS[type(event)]}
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
    """An observer that logs to `stream` (stderr unless given) from this level up.

    `auto` is words on a terminal and JSON lines elsewhere. Under systemd each line carries its
    priority. At level `debug` no line is left out. Nothing global is touched.
    """
    out = sys.stderr if stream is None else stream
    terminal = out.isatty()
    in_words = format == "console" or (format == "auto" and terminal)
    render = _in_words(colours=terminal and not os.environ.get("NO_COLOR")) if in_words else _json
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_priority(render) if _is_journal(out) else render,
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


def _json(_logger: Any, _method: str, entry: _Fields) -> str:
    head = {key: entry.pop(key) for key in ("timestamp", "level", "event")}
    line = {key: _encodable(value) for key, value in (head | dict(entry)).items()}
    return msgspec.json.encode(line, enc_hook=str).decode()


def _encodable(value: Any) -> Any:
    """File names may hold octets that are no UTF-8, which Python keeps as lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def _in_words(*, colours: bool) -> Processor:
    console = structlog.dev.ConsoleRenderer(colors=colours, sort_keys=False)

    def render(logger: Any, method: str, entry: _Fields) -> str:
        shown = {key: _readable(key, value) for key, value in entry.items()}
        shown["event"] = _SAYS.get(entry["event"], entry["event"])
        return console(logger, method, shown)

    return render


def _readable(key: str, value: Any) -> Any:
    if key in _SECONDS:
        return f"{round(value, 3):g}s"
    if isinstance(value, Mapping):
        return ", ".join(f"{count} {name}" for name, count in value.items()) or "none"
    if isinstance(value, str) and not value.isprintable():
        # What an SMSC or a file name says must not steer the terminal.
        return "".join(_escaped(character) for character in value)
    return value


def _escaped(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def _with_priority(render: Callable[[Any, str, _Fields], Any]) -> Processor:
    def prefixed(logger: Any, method: str, entry: _Fields) -> str:
        priority = _PRIORITIES[entry["level"]]
        return f"<{priority}>{render(logger, method, entry)}"

    return prefixed


def _is_journal(stream: TextIO) -> bool:
    """Whether systemd connected this stream to its journal (systemd.exec(5), JOURNAL_STREAM)."""
    expected = os.environ.get("JOURNAL_STREAM", "")
    try:
        there = os.fstat(stream.fileno())
    except (OSError, ValueError):  # io.UnsupportedOperation is both: no file behind the stream
        return False
    return expected == f"{there.st_dev}:{there.st_ino}"
