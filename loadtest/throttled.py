"""How an SMSC that throttles is served, by two real processes over a real connection.

    python loadtest/throttled.py --messages 500 --allowed 20

Hands in one .jsonl to a few destinations, waits until every message is reported, and prints what
the journal says of it. Exit code 1 unless all were sent, in order for each destination, and at most
5 % of the submits throttled after the first ten seconds.
"""

from __future__ import annotations

import argparse
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from processes import start_daemon

from smppd.ledger.facts import Kind

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
[observe]
listen = ""
control = "{root}/control.sock"
"""

DESTINATIONS = 25
SETTLED_AFTER = 10.0
MOST_THROTTLED = 0.05


def main() -> int:
    """Run once and print the table."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="smppd-load-") as folder:
        root = Path(folder)
        smsc, port = _start_smsc(options.allowed)
        try:
            states, limits = _send(root, port, options)
        finally:
            _stop(smsc)
        sent, throttled, overtaken = _history(root / "journal.db")
    late = sum(at > SETTLED_AFTER for at in throttled)
    submits = late + sum(at > SETTLED_AFTER for at in sent)
    share = late / submits if submits else 0.0
    print(f"messages                    {options.messages:>8,}")
    print(f"sent                        {states.count('sent'):>8,}")
    print(f"seconds                     {max(sent):>8.1f}")
    print(f"throttled, in all           {len(throttled):>8,}")
    print(f"throttled, after {SETTLED_AFTER:g} s       {late:>8,}  ({share:.1%} of the submits)")
    print(f"overtaken at a destination  {overtaken:>8,}")
    print(f"limited by                  {', '.join(limits)}")
    well = states.count("sent") == options.messages and not overtaken and share <= MOST_THROTTLED
    return 0 if well else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--allowed", type=float, default=20.0, help="submits per second")
    parser.add_argument("--window", type=int, default=10)
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds until it is given up")
    return parser.parse_args()


def _start_smsc(allowed: float) -> tuple[subprocess.Popen[str], int]:
    command = [
        sys.executable, "-m", "smppd", "simulate", "--listen", "127.0.0.1:0",
        "--answer-rate", str(allowed), "--answer-latency", "50ms",
    ]  # fmt: skip
    smsc = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert smsc.stdout is not None
    return smsc, int(smsc.stdout.readline().rsplit(":", 1)[1])


def _send(root: Path, port: int, options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The states in the results, and everything that was said to limit the link."""
    config = root / "smppd.toml"
    daemon = start_daemon(root, CONFIG.format(root=root, port=port, window=options.window))
    limits: dict[str, None] = {}
    try:
        until = time.monotonic() + options.timeout
        while b'"link_bound"' not in (root / "log").read_bytes():
            _patience(until, daemon, root)
        _hand_in(root, options.messages)
        while not (found := list((root / "spool" / "done").glob("*/load.jsonl.results.jsonl"))):
            _patience(until, daemon, root)
            limits[_limited_by(config)] = None
        return [json.loads(line)["state"] for line in found[0].open()], list(limits)
    finally:
        _stop(daemon)


def _patience(until: float, daemon: subprocess.Popen[bytes], root: Path) -> None:
    if daemon.poll() is not None or time.monotonic() > until:
        sys.exit(f"the daemon did not get there:\n{(root / 'log').read_text()[-2000:]}")
    time.sleep(0.2)


def _limited_by(config: Path) -> str:
    command = [sys.executable, "-m", "smppd", "status", "--json", "--config", str(config)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    word: str = json.loads(told)["links"][0]["limited_by"]
    time.sleep(1)
    return word


def _hand_in(root: Path, messages: int) -> None:
    draft = root / "spool" / "inbox" / "tmp" / "load.jsonl"
    with draft.open("w") as file:
        for n in range(messages):
            line = {"to": f"+3460000{n % DESTINATIONS:04d}", "text": f"{n}", "receipt": False}
            file.write(json.dumps(line) + "\n")
    draft.rename(draft.parent.parent / draft.name)


def _history(journal: Path) -> tuple[list[float], list[float], int]:
    """When messages were taken and throttled, in seconds from the first answer, and how many were
    taken after a later one to their destination."""
    sent, throttled = list(_facts(journal, Kind.SENT)), list(_facts(journal, Kind.THROTTLED))
    began = min(at for at, _ in sent)
    order: dict[int, list[int]] = defaultdict(list)
    first = min(msg for _, msg in sent)
    for _, msg in sent:
        order[(msg - first) % DESTINATIONS].append(msg)
    overtaken = sum(b < a for taken in order.values() for a, b in pairwise(taken))
    return [at - began for at, _ in sent], [at - began for at, _ in throttled], overtaken


def _facts(journal: Path, kind: Kind) -> Iterator[tuple[float, int]]:
    sql = sqlite3.connect(journal)
    yield from sql.execute("SELECT at, msg FROM fact WHERE kind = ? ORDER BY seq", (int(kind),))
    sql.close()


def _stop(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(40)


if __name__ == "__main__":
    sys.exit(main())
