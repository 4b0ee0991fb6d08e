"""How fast the daemon is, end to end, and what it costs.

    python loadtest/run.py --messages 200000
    python loadtest/run.py --queued 1000000 --high 1000
    python loadtest/run.py --messages 0 --high 1000

Starts the simulated SMSC in one process and the daemon in another, hands in one .jsonl, waits
until every message is reported, and prints a table. Everything is on loopback and in a temporary
folder. CPU is that of the daemon's process alone, user and system, from the hand-in until the
results are written.

With --queued so many bulk messages are in the journal before the SMSC can be reached, and while
they drain, messages of high priority are handed in one by one; with --messages 0 there is nothing
else. What these wait, from the fact that accepted them to the one that they are about to leave, which
is on disk before they do, and to the one of their submit_sm_resp, has lines of its own.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from processes import cpu, free_port, simulated_smsc, start_daemon, stop, until, written

from smppd.control import ask
from smppd.ledger.facts import QUEUE_SHIFT, Kind
from smppd.ledger.snapshot import read_chunk
from smppd.message import Lane

CONFIG = """
[spool]
path = "{root}/spool"
[journal]
path = "{root}/journal.db"
[link.main]
hosts = ["127.0.0.1:{port}"]
system_id = "load"
password_env = "SMPPD_LOAD_PASSWORD"
window = {window}
reconnect_max = "1s"
sessions = {sessions}
[observe]
listen = ""
control = "{root}/control.sock"
"""


@dataclass
class Cost:
    """What one run measured; seconds, octets and microseconds."""

    messages: int
    seconds: float
    cpu: float
    rss: int
    written: int
    latencies: list[float]
    delivered: int
    lost: int
    duplicated: int
    high: list[float]
    high_submits: list[float]
    queued_then: tuple[int, int]

    def rows(self) -> list[tuple[str, str]]:
        """The table."""
        return self._general() + (self._high() if self.high else [])

    def _high(self) -> list[tuple[str, str]]:
        first, last = self.queued_then
        return [
            ("high, handed in one by one", f"{len(self.high):,}"),
            ("bulk queued when they began", f"{first:,}"),
            ("bulk queued when they ended", f"{last:,}"),
            *_quantiles("high: accept to submit_sm", self.high_submits),
            *_quantiles("high: accept to submit_sm_resp", self.high),
        ]

    def _general(self) -> list[tuple[str, str]]:
        return [
            ("messages", f"{self.messages:,}"),
            ("messages/s, hand-in to report", f"{self.messages / self.seconds:,.0f}"),
            ("daemon CPU per message", f"{self.cpu / self.messages * 1e6:.1f} µs"),
            ("peak RSS", f"{self.rss / 1024:.0f} MB"),
            *(_quantiles("accept to submit_sm_resp", self.latencies) if self.latencies else []),
            ("written per message", f"{self.written / self.messages:.0f} octets"),
            ("delivered", f"{self.delivered:,}"),
            ("lost", f"{self.lost:,}"),
            ("duplicated", f"{self.duplicated:,}"),
        ]


def _quantiles(what: str, ordered: list[float]) -> list[tuple[str, str]]:
    shares = (("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("most", 1.0))
    return [(f"{what}, {name}", _duration(quantile(ordered, share))) for name, share in shares]


def quantile(ordered: list[float], share: float) -> float:
    """Of sorted values, the one below which this share (0..1) of them lies."""
    if not ordered:
        return float("nan")
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def main() -> int:
    """Run once and print the table; 1 if a message was lost or sent twice."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="smppd-load-") as folder:
        cost = run(Path(folder), options)
    width = max(len(name) for name, _ in cost.rows())
    for name, value in cost.rows():
        print(f"{name:<{width}}  {value:>14}")
    return 1 if cost.lost or cost.duplicated else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--window", type=int, default=100)
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--queued", type=int, default=0, help="bulk messages queued beforehand")
    parser.add_argument("--high", type=int, help="high ones, in all (with --queued: 1000)")
    parser.add_argument("--high-rate", type=float, default=25.0, help="... and in a second")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds until it is given up")
    parser.add_argument("--events", action="store_true", help="with the stream of events on")
    parser.add_argument("--smsc", nargs="*", default=[], help="further options of smppd simulate")
    options = parser.parse_args()
    if options.queued:
        options.messages = options.queued
    if options.high is None:
        options.high = 1000 if options.queued else 0
    return options


def run(root: Path, options: argparse.Namespace) -> Cost:
    """Start both, hand in, wait, stop both, count."""
    tally, port = root / "tally.json", free_port()
    queued_then, high = (0, 0), options.high
    with ExitStack() as stack:
        if not options.queued:
            stack.enter_context(simulated_smsc(tally, port, options.smsc))
        daemon = start_bound(root, port, options, bound=not options.queued)
        try:
            spent = cpu(daemon.pid)
            began = time.monotonic()
            if options.messages:
                began = hand_in(root, options.messages, "bulk" if options.queued else ".")
            if options.queued:
                until(lambda: _queued(root) == options.queued, daemon, root, options.timeout)
                stack.enter_context(simulated_smsc(tally, port, options.smsc))
                until(lambda: _queued(root) < options.queued, daemon, root, 30.0)
            if high:
                queued_then = (_queued(root), trickle(root, high, options.high_rate))
            files = high + (options.messages > 0)
            until(lambda: len(_reports(root)) == files, daemon, root, options.timeout)
            seconds = time.monotonic() - began
            spent = cpu(daemon.pid) - spent
        finally:
            octets = written(daemon.pid)
            usage = stop(daemon)
    lines = (root / "spool" / "done").glob("*/*.results.jsonl")
    states = [json.loads(line)["state"] for path in lines for line in path.open()]
    total = options.messages + high
    taken = json.loads(tally.read_text())["accepted"]
    latencies = list(_latencies(root / "journal.db"))
    return Cost(
        total,
        seconds,
        spent,
        usage.ru_maxrss,
        octets,
        sorted(took for lane, took in latencies if lane != Lane.HIGH),
        states.count("delivered"),
        total - len(states) + sum(state in ("unknown", "queued") for state in states),
        max(0, taken - total),
        sorted(took for lane, took in latencies if lane == Lane.HIGH),
        sorted(_submits(root / "journal.db", Lane.HIGH)),
        queued_then,
    )


def _queued(root: Path) -> int:
    """How many messages of the bulk lane are queued."""
    queued: int = ask(root / "control.sock", "status")["queued_by_lane"]["bulk"]
    return queued


def trickle(root: Path, count: int, rate: float) -> int:
    """Hand in messages of high priority, each in a file; how much bulk was queued at the end."""
    inbox = root / "spool" / "inbox"
    began = time.monotonic()
    for n in range(count):
        time.sleep(max(0.0, began + n / rate - time.monotonic()))
        line = {"to": f"+347{n:08d}", "from": "ACME", "text": f"{n:06d} is your code."}
        draft = inbox / "tmp" / f"high-{n}.json"
        draft.write_text(json.dumps(line))
        draft.rename(inbox / "high" / draft.name)
    return _queued(root)


def start_bound(
    root: Path, port: int, options: argparse.Namespace, *, bound: bool = True, more: str = ""
) -> subprocess.Popen[bytes]:
    """The daemon, when its link is bound; or, not `bound`, as soon as it is up."""
    config = CONFIG.format(root=root, port=port, window=options.window, sessions=options.sessions)
    events = "[events]\nstream = true\n" if options.events else ""
    daemon = start_daemon(root, config + events + more)
    ready = b'"link_bound"' if bound else b'"daemon_started"'
    until(lambda: ready in (root / "log").read_bytes(), daemon, root, 30.0)
    return daemon


def hand_in(root: Path, messages: int, lane: str, ids: str = "load") -> float:
    """Write the batch, rename it into a lane's folder; when that was (monotonic seconds)."""
    draft = root / "spool" / "inbox" / "tmp" / "load.jsonl"
    with draft.open("w") as file:
        for n in range(messages):
            text = f"Your code is {n:07d}. It is valid for ten minutes. Do not share it."
            line = {"to": f"+346{n:08d}", "from": "ACME", "text": text, "id": f"{ids}-{n}"}
            file.write(json.dumps(line) + "\n")
    began = time.monotonic()
    draft.rename(draft.parent.parent / lane / draft.name)
    return began


def _reports(root: Path) -> list[Path]:
    return list((root / "spool" / "done").glob("*/*.report.json"))


def _latencies(journal: Path) -> Iterator[tuple[int, float]]:
    """Each message's lane, and the seconds from the fact that accepted it to the fact of its
    submit_sm_resp."""
    with closing(sqlite3.connect(journal)) as sql:
        lanes, accepted = dict(sql.execute("SELECT number, lane FROM queue")), _Accepted(sql)
        for at, msg in sql.execute("SELECT at, msg FROM fact WHERE kind = ?", (Kind.SENT,)):
            yield lanes[msg >> QUEUE_SHIFT], at - accepted.when(msg)


def _submits(journal: Path, lane: Lane) -> Iterator[float]:
    """For each message of a lane, the seconds from the fact that accepted it to the first fact that it
    is about to leave."""
    with closing(sqlite3.connect(journal)) as sql:
        accepted = _Accepted(sql)
        for (queue,) in sql.execute("SELECT number FROM queue WHERE lane = ?", (lane,)).fetchall():
            head = queue << QUEUE_SHIFT
            for at, first, last in sql.execute(
                "SELECT at, msg, num FROM fact WHERE kind = ? AND msg > ? AND msg < ? ORDER BY seq",
                (Kind.SENDING, head, head + (1 << QUEUE_SHIFT)),
            ):
                yield from (
                    at - accepted.when(msg) for msg in range(max(first, head + 1), last + 1)
                )
                head = max(head, last)


class _Accepted:
    """When each message was accepted."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        admitted = "SELECT at, detail FROM fact WHERE kind = ?"
        chunks: list[tuple[int, float]] = sorted(
            (first, at)
            for at, detail in sql.execute(admitted, (Kind.ADMITTED,))
            for first, _, _ in read_chunk(detail).ranges
        )
        self._firsts = [first for first, _ in chunks]
        self._times = [at for _, at in chunks]

    def when(self, msg_id: int) -> float:
        """Epoch seconds."""
        return self._times[bisect_right(self._firsts, msg_id) - 1]


if __name__ == "__main__":
    sys.exit(main())
