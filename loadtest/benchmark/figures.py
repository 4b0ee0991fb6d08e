"""Every figure of a run, declared once: its name, its unit, what is better, and how it is measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

Unit = Literal["", "/s", "s", "µs", "octets", "share", "load"]

Value = float | str | None


class Figure(NamedTuple):
    """`better` is "more" or "less"; empty where neither is, so that it is not compared."""

    key: str
    title: str
    unit: Unit
    better: Literal["more", "less", ""]
    how: str


_JOURNAL = "times of the journal's facts, from the commit that accepted a message to the answer"
_OWN = "from the rename of a single file to the journal's fact of the answer"
_ARRIVAL = "from the journal's fact that accepted a message to its arrival at the simulated SMSC"
_PROC = "/proc: user and system of the process and its children, hand-in to the last result"
_HISTOGRAM = "the daemon's histogram (buckets double from 1 ms), within a bucket by straight line"
_TALLY = "counted by the simulated SMSC"

FIGURES: tuple[Figure, ...] = (
    Figure("messages", "messages", "", "", "handed in"),
    Figure("parts", "parts that the SMSC took", "", "", "facts of answers in the journal"),
    Figure("seconds", "hand-in to the last result", "s", "less", "the clock"),
    Figure("rate", "messages/s, hand-in to results", "/s", "more", "messages by these seconds"),
    Figure("submit_rate", "parts/s, while submitting", "/s", "more",
           "facts of answers, from the first to the last"),
    Figure("daemon_cpu", "daemon CPU per message", "µs", "less", _PROC),
    Figure("daemon_load", "daemon CPU, of one core", "share", "", _PROC),
    Figure("smsc_cpu", "SMSC CPU per message", "µs", "", _PROC),
    Figure("smsc_load", "SMSC CPU, of one core", "share", "", _PROC),
    Figure("load_before", "load average before it began", "load", "",
           "/proc/loadavg: what others did on this machine"),
    Figure("limit", "who was the limit", "", "",
           "whose CPU was above 85 % of a core; else what the daemon said most often"),
    Figure("rss", "daemon memory, the most", "octets", "less", "/proc, RSS of it and its children"),
    Figure("wrote", "given to write() per message", "octets", "less",
           "/proc/PID/io of it and its children, wchar: journal, files and results, no sockets"),
    Figure("written", "written to the disk per message", "octets", "less",
           "/proc/PID/io, write_bytes: whole pages of a disk; next to nothing on tmpfs"),
    Figure("journal", "journal per message", "octets", "less",
           "size of journal.db when the daemon has ended, by all messages in it"),
    Figure("making", "a new file on this disk", "µs", "", "CPU of writing a message into inbox/tmp"),
    Figure("single_p50", "single file: hand-in to answer, p50", "s", "less", _OWN),
    Figure("single_p99", "single file: hand-in to answer, p99", "s", "less", _OWN),
    Figure("single_p999", "single file: hand-in to answer, p99.9", "s", "less", _OWN),
    Figure("high_submit_p50", "high lane: accept to submit_sm, p50", "s", "less", _ARRIVAL),
    Figure("high_submit_p99", "high lane: accept to submit_sm, p99", "s", "less", _ARRIVAL),
    Figure("high_submit_p999", "high lane: accept to submit_sm, p99.9", "s", "less", _ARRIVAL),
    Figure("high_p50", "high lane: accept to answer, p50", "s", "less", _JOURNAL),
    Figure("high_p99", "high lane: accept to answer, p99", "s", "less", _JOURNAL),
    Figure("high_p999", "high lane: accept to answer, p99.9", "s", "less", _JOURNAL),
    Figure("normal_p50", "normal lane: accept to answer, p50", "s", "less", _JOURNAL),
    Figure("normal_p99", "normal lane: accept to answer, p99", "s", "less", _JOURNAL),
    Figure("bulk_p50", "bulk lane: accept to answer, p50", "s", "less", _JOURNAL),
    Figure("bulk_p99", "bulk lane: accept to answer, p99", "s", "less", _JOURNAL),
    Figure("answer_p50", "submit to answer, p50", "s", "less", _HISTOGRAM),
    Figure("answer_p99", "submit to answer, p99", "s", "less", _HISTOGRAM),
    Figure("commit_p50", "journal commit, p50", "s", "less", _HISTOGRAM),
    Figure("commit_p99", "journal commit, p99", "s", "less", _HISTOGRAM),
    Figure("late_p50", "event loop late by, p50", "s", "less", _HISTOGRAM),
    Figure("late_p99", "event loop late by, p99", "s", "less", _HISTOGRAM),
    Figure("commits", "journal commits", "", "", "the daemon's count"),
    Figure("throttled", "submits throttled", "", "less", "facts in the journal"),
    Figure("throttled_late", "throttled after the first 10 s", "share", "less",
           "of the submits since then, facts in the journal"),
    Figure("overtaken", "overtaken at their destination", "", "less",
           "messages that the SMSC took after a later one to the same number"),
    Figure("delivered", "delivered", "", "", "the results that were written"),
    Figure("refused", "refused by the daemon or the SMSC", "", "less",
           "results that are rejected, failed or expired: what was to be measured was not sent"),
    Figure("left", "without a result", "", "less", "handed in, less the lines of results"),
    Figure("lost", "lost", "", "less",
           "delivered by the results, and never seen by the SMSC; or in no result at all"),
    Figure("strays", "files out of place", "", "less",
           "left in inbox/ or work/, or in done/ without results or report"),
    Figure("audit", "smppd audit of the journal", "", "", "what smppd audit says afterwards"),
    Figure("twice", "taken twice by the SMSC", "", "less", _TALLY),
)  # fmt: skip
#: What must be nothing at all.
AMISS = ("refused", "left", "lost", "twice", "overtaken", "strays")
#: In place of a figure's value: the audit found nothing wrong.
HOLDS = "holds"
BY_KEY = {figure.key: figure for figure in FIGURES}


def amiss(value_of: Callable[[str], Value], audits: Iterable[Value]) -> list[str]:
    """What went wrong, for people, by the values of figures and what the audits said."""
    values = ((key, value_of(key)) for key in AMISS)
    found = [
        f"{BY_KEY[key].title}: {value:,.0f}"
        for key, value in values
        if isinstance(value, int | float) and value
    ]
    if any(audit != HOLDS for audit in audits):
        found.append("smppd audit found the journal wrong")
    return found


def shown(figure: Figure, value: Value) -> str:
    """A value for people."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    if isinstance(value, str):
        return value
    if figure.unit == "octets":
        return f"{value / 2**20:,.0f} MB" if value >= 2**20 else f"{value:,.0f} octets"
    if figure.unit == "s":
        return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"
    return _FORMATS[figure.unit].format(value)


def axis_label(figure: Figure, value: float) -> str:
    """A round value at an axis."""
    if figure.unit == "s":
        return f"{value * 1000:g} ms" if value and value < 1 else f"{value:g} s"
    return shown(figure, value)


_FORMATS = {
    "": "{:,.0f}",
    "/s": "{:,.0f}/s",
    "µs": "{:,.1f} µs",
    "share": "{:.0%}",
    "load": "{:.2f}",
}
