"""How fast the daemon is, end to end, and what it costs.

    python loadtest/run.py --messages 200000

Starts the simulated SMSC in one process and the daemon in another, hands in one .jsonl, waits
until every message is reported, and prints a table. Everything is on loopback and in a temporary
folder. CPU is that of the daemon's process alone, user and system, from the hand-in until the
results are written.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from smppd.ledger.facts import Kind, read_chunk

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

    def rows(self) -> list[tuple[str, str]]:
        """The table."""
        return [
            ("messages", f"{self.messages:,}"),
            ("messages/s, hand-in to report", f"{self.messages / self.seconds:,.0f}"),
            ("daemon CPU per message", f"{self.cpu / self.messages * 1e6:.1f} µs"),
            ("peak RSS", f"{self.rss / 1024:.0f} MB"),
            ("accept to submit_sm_resp, p50", _duration(self._quantile(0.5))),
            ("accept to submit_sm_resp, p99", _duration(self._quantile(0.99))),
            ("written per message", f"{self.written / self.messages:.0f} octets"),
            ("delivered", f"{self.delivered:,}"),
            ("lost", f"{self.lost:,}"),
            ("duplicated", f"{self.duplicated:,}"),
        ]

    def _quantile(self, share: float) -> float:
        if not self.latencies:
            return float("nan")
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]


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
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds until it is given up")
    parser.add_argument("--smsc", nargs="*", default=[], help="further options of smppd simulate")
    return parser.parse_args()


def run(root: Path, options: argparse.Namespace) -> Cost:
    """Start both, hand in, wait, stop both, count."""
    tally = root / "tally.json"
    with _smsc(tally, options.smsc) as port:
        daemon = _start_daemon(root, port, options)
        try:
            spent = _cpu(daemon.pid)
            began = _hand_in(root, options.messages)
            results = _wait_report(root, daemon, options.timeout)
            seconds = time.monotonic() - began
            spent = _cpu(daemon.pid) - spent
        finally:
            written = _written(daemon.pid)
            daemon.send_signal(signal.SIGTERM)
            _, status, usage = os.wait4(daemon.pid, 0)
            daemon.returncode = os.waitstatus_to_exitcode(status)
    states = [json.loads(line)["state"] for line in results.open()]
    taken = json.loads(tally.read_text())["accepted"]
    return Cost(
        options.messages,
        seconds,
        spent,
        usage.ru_maxrss,
        written,
        sorted(_latencies(root / "journal.db")),
        states.count("delivered"),
        options.messages - len(states) + sum(state in ("unknown", "queued") for state in states),
        max(0, taken - options.messages),
    )


@contextmanager
def _smsc(tally: Path, more: list[str]) -> Iterator[int]:
    """The simulated SMSC in a process of its own; its port."""
    command = [
        sys.executable, "-m", "smppd", "simulate", "--listen", "127.0.0.1:0",
        "--tally-file", str(tally), "--tally-messages", "0", "--receipt-window", "500", *more,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().rsplit(":", 1)[1])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _start_daemon(root: Path, port: int, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    config = root / "smppd.toml"
    config.write_text(
        CONFIG.format(root=root, port=port, window=options.window, sessions=options.sessions)
    )
    environment = {**os.environ, "SMPPD_LOAD_PASSWORD": "secret"}
    command = [sys.executable, "-m", "smppd", "run", "--config", str(config)]
    daemon = subprocess.Popen(command, env=environment, stderr=(root / "log").open("wb"))
    _until(lambda: b'"link_bound"' in (root / "log").read_bytes(), daemon, root, 30.0)
    return daemon


def _hand_in(root: Path, messages: int) -> float:
    """Write the batch, rename it in; when that was (monotonic seconds)."""
    draft = root / "spool" / "inbox" / "tmp" / "load.jsonl"
    with draft.open("w") as file:
        for n in range(messages):
            text = f"Your code is {n:07d}. It is valid for ten minutes. Do not share it."
            line = {"to": f"+346{n:08d}", "from": "ACME", "text": text, "id": f"load-{n}"}
            file.write(json.dumps(line) + "\n")
    began = time.monotonic()
    draft.rename(draft.parent.parent / draft.name)
    return began


def _wait_report(root: Path, daemon: subprocess.Popen[bytes], timeout: float) -> Path:
    done = root / "spool" / "done"
    _until(lambda: bool(list(done.glob("*/load.jsonl.report.json"))), daemon, root, timeout)
    return next(done.glob("*/load.jsonl.results.jsonl"))


def _until(
    ready: Callable[[], bool], daemon: subprocess.Popen[bytes], root: Path, timeout: float
) -> None:
    deadline = time.monotonic() + timeout
    while not ready():
        if daemon.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"the daemon did not get there:\n{(root / 'log').read_text()[-2000:]}")
        time.sleep(0.02)


def _cpu(pid: int) -> float:
    """Seconds of CPU that the process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _written(pid: int) -> int:
    """Octets that the process has caused to be written to disk."""
    fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(fields["write_bytes"])


def _latencies(journal: Path) -> Iterator[float]:
    """Seconds from the commit that accepted a message to the fact of its submit_sm_resp."""
    sql = sqlite3.connect(journal)
    firsts: list[int] = []
    accepted: list[float] = []
    for at, detail in sql.execute("SELECT at, detail FROM fact WHERE kind = ?", (Kind.ADMITTED,)):
        for first, _, _ in read_chunk(detail).ranges:
            firsts.append(first)
            accepted.append(at)
    for at, msg in sql.execute("SELECT at, msg FROM fact WHERE kind = ?", (Kind.SENT,)):
        yield at - accepted[bisect_right(firsts, msg) - 1]
    sql.close()


if __name__ == "__main__":
    sys.exit(main())
