"""How fast files of one message each go through, with their results, and what each costs.

    python loadtest/files.py --files 100000

Puts so many files into the inbox, starts the simulated SMSC in one process and the daemon in another,
waits until every file has its results, and prints a table. Everything is on loopback and in a
temporary folder (`--folder` chooses the disk). Seconds and CPU are those of the daemon's process
alone, from its start until the last file is reported. Exit code 1 unless each file has its results,
its report and itself in done/, nothing is left in inbox/ and work/, every message was sent once, and
`smppd audit` finds nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from smppd.control import ControlUnavailable, ask

CONFIG = """
[spool]
path = "{root}/spool"
[journal]
path = "{root}/journal.db"
[link.main]
hosts = ["127.0.0.1:{port}"]
system_id = "load"
password_env = "SMPPD_LOAD_PASSWORD"
window = 100
reconnect_max = "1s"
[observe]
listen = ""
control = "{root}/control.sock"
"""


@dataclass
class Cost:
    """What one run measured; seconds, and kilobytes of memory."""

    files: int
    seconds: float
    cpu: float
    rss: int
    faults: list[str]

    def rows(self) -> list[tuple[str, str]]:
        """The table."""
        return [
            ("files", f"{self.files:,}"),
            ("files/s, inbox to results", f"{self.files / self.seconds:,.0f}"),
            ("daemon CPU per file", f"{self.cpu / self.files * 1e6:.0f} µs"),
            ("peak RSS", f"{self.rss / 1024:.0f} MB"),
            ("faults", f"{len(self.faults):,}"),
        ]


def main() -> int:
    """Run once and print the table; 1 if anything is not as it must be."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="smppd-files-", dir=options.folder) as folder:
        cost = run(Path(folder), options)
    for name, value in cost.rows():
        print(f"{name:<28}{value:>12}")
    for fault in cost.faults[:20]:
        print(fault)
    return 1 if cost.faults else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folder", help="where to work: the disk that is meant")
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds until it is given up")
    parser.add_argument("--smsc", nargs="*", default=[], help="further options of smppd simulate")
    parser.add_argument("--profile", help="write a profile of the daemon (cProfile) here")
    return parser.parse_args()


def run(root: Path, options: argparse.Namespace) -> Cost:
    """Hand in, start both, wait, stop both, look at everything."""
    _hand_in(root, options.files)
    tally, port = root / "tally.json", _free_port()
    with _smsc(tally, port, options.smsc):
        began = time.monotonic()
        daemon = _start_daemon(root, port, options.profile)
        try:
            _wait_reported(root, daemon, options)
            seconds, cpu = time.monotonic() - began, _cpu(daemon.pid)
        finally:
            daemon.send_signal(signal.SIGTERM)
            _, status, usage = os.wait4(daemon.pid, 0)
            daemon.returncode = os.waitstatus_to_exitcode(status)
    faults = list(_faults(root, options.files, json.loads(tally.read_text())["accepted"]))
    return Cost(options.files, seconds, cpu, usage.ru_maxrss, faults)


def _hand_in(root: Path, files: int) -> None:
    """What a writer does: write in tmp, rename into the inbox."""
    inbox = root / "spool" / "inbox"
    (inbox / "tmp").mkdir(parents=True)
    for n in range(files):
        draft = inbox / "tmp" / f"m{n:06d}.json"
        text = f"Your code is {n:07d}. It is valid for ten minutes. Do not share it."
        draft.write_text(json.dumps({"to": f"+346{n:08d}", "from": "ACME", "text": text}))
        draft.rename(inbox / draft.name)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def _smsc(tally: Path, port: int, more: list[str]) -> Iterator[None]:
    """The simulated SMSC in a process of its own."""
    command = [
        sys.executable, "-m", "smppd", "simulate", "--listen", f"127.0.0.1:{port}",
        "--tally-file", str(tally), "--tally-messages", "0", "--receipt-window", "500", *more,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("listening on")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _start_daemon(root: Path, port: int, profile: str | None) -> subprocess.Popen[bytes]:
    config = root / "smppd.toml"
    config.write_text(CONFIG.format(root=root, port=port))
    environment = {**os.environ, "SMPPD_LOAD_PASSWORD": "secret"}
    profiling = ["-m", "cProfile", "-o", profile] if profile else []
    command = [sys.executable, *profiling, "-m", "smppd", "run", "--config", str(config)]
    return subprocess.Popen(command, env=environment, stderr=(root / "log").open("wb"))


def _wait_reported(
    root: Path, daemon: subprocess.Popen[bytes], options: argparse.Namespace
) -> None:
    deadline = time.monotonic() + options.timeout
    while _reported(root) < options.files:
        if daemon.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"the daemon did not get there:\n{(root / 'log').read_text()[-2000:]}")
        time.sleep(1.0)


def _reported(root: Path) -> int:
    try:
        spool = ask(root / "control.sock", "status")["spool"]
    except ControlUnavailable:  # it is not up yet
        return 0
    reported: int = spool["reported"]
    return reported


def _cpu(pid: int) -> float:
    """Seconds of CPU that the process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _faults(root: Path, files: int, accepted: int) -> Iterator[str]:
    """Whatever is not as it must be, a line each."""
    if accepted != files:
        yield f"the SMSC took {accepted:,} messages, not {files:,}"
    found = Counter(_kind(path.name) for path in (root / "spool" / "done").glob("*/*"))
    if found != Counter(source=files, results=files, report=files):
        yield f"done/ holds {dict(found)}"
    for path in (root / "spool" / "done").glob("*/*.results.jsonl"):
        source = json.loads(path.with_name(path.name.removesuffix(".results.jsonl")).read_bytes())
        (line,) = map(json.loads, path.read_bytes().splitlines())
        if line["state"] != "delivered" or line["to"] != source["to"].lstrip("+"):
            yield f"{path.name}: {line}"
    left = [path for name in ("inbox", "work") for path in (root / "spool" / name).rglob("*.json*")]
    if left or any((root / "spool" / "work").iterdir()):
        yield f"left over in inbox/ and work/: {left[:3]}"
    command = [sys.executable, "-m", "smppd", "audit", "--config", str(root / "smppd.toml")]
    audit = subprocess.run(command, capture_output=True, text=True, check=False)
    if audit.returncode:
        yield f"audit: {audit.stdout}{audit.stderr}"


def _kind(name: str) -> str:
    if name.endswith(".results.jsonl"):
        return "results"
    return "report" if name.endswith(".report.json") else "source"


if __name__ == "__main__":
    sys.exit(main())
