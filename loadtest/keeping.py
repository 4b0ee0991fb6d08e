"""What it costs to remove old messages, and to take texts out, while others are sent.

    python loadtest/keeping.py --old 500000 --messages 60000

Fills a journal with old messages, all of them delivered. Then, each time on a copy of it, hands in a
file and, one by one, messages of high priority, while nothing is removed, while the old ones are,
and while their texts are taken out; and prints what each came to, side by side.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from processes import cpu, free_port, simulated_smsc, stop, until
from run import hand_in, quantile, start_bound, trickle

from smppd.control import ask
from smppd.figures import Histogram

#: How old the base is by which the old messages go, in seconds.
LONG_AGO = 60 * 86_400
TERMS = {
    "nothing": '[retention]\njournal = "never"\n',
    "removing": '[retention]\njournal = "30d"\n',
    "stripping": '[retention]\njournal = "never"\ncontents = "drop-when-final"\n',
}


def main() -> int:
    """Run once and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--old", type=int, default=500_000)
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--high", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="smppd-keeping-") as folder:
        old = _fill(Path(folder) / "old", options.old)
        print(f"{'':>10} {'msg/s':>8} {'µs/msg':>8} {'commit p50':>11} {'p99':>8} "
              f"{'high p50':>9} {'p99':>8} {'worked off':>11}")  # fmt: skip
        for _ in range(options.rounds):
            for name in TERMS:
                _measure(Path(folder) / name, old, name, options)
    return 0


@contextmanager
def _up(root: Path, terms: str) -> Iterator[subprocess.Popen[bytes]]:
    """SMSC and daemon, until both have stopped."""
    root.mkdir(exist_ok=True)
    options = argparse.Namespace(window=100, sessions=1, events=False)
    with ExitStack() as stack:
        port = free_port()
        stack.enter_context(simulated_smsc(root / "tally.json", port, []))
        daemon = start_bound(root, port, options, more=terms)
        try:
            yield daemon
        finally:
            stop(daemon)


def _fill(root: Path, messages: int) -> Path:
    """A journal of messages that are over, with an old base that says so."""
    with _up(root, TERMS["nothing"]) as daemon:
        hand_in(root, messages, "bulk", "old")
        until(lambda: _is_reported(root), daemon, root, 900.0)
    with _up(root, TERMS["removing"]) as daemon:
        until(lambda: _one(root, "SELECT count(*) FROM base") > 0, daemon, root, 30.0)
    with closing(sqlite3.connect(root / "journal.db", isolation_level=None)) as sql:
        sql.execute("UPDATE base SET at = at - ?", (LONG_AGO,))
        sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return root


def _measure(root: Path, old: Path, name: str, options: argparse.Namespace) -> None:
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    shutil.copy(old / "journal.db", root / "journal.db")
    before = _one(root, "SELECT max(seq) FROM fact")
    with _up(root, TERMS[name]) as daemon:
        done, spent, then = _worked_off(root), cpu(daemon.pid), _commits(root)
        began = hand_in(root, options.messages, "bulk")
        trickle(root, options.high, 25.0)
        until(lambda: _is_reported(root), daemon, root, 600.0)
        seconds, spent = time.monotonic() - began, cpu(daemon.pid) - spent
        (report,) = (root / "spool/done").glob("*/load.jsonl.report.json")
        states = json.loads(report.read_text())["states"]
        if states != {"delivered": options.messages}:
            sys.exit(f"not all were sent: {states}")
        commits = _since(_commits(root), then)
        done = _worked_off(root) - done
    high = sorted(_waits(root, before))
    total = options.messages + options.high
    p50, p99 = ((commits.quantile(share) or 0) * 1000 for share in (0.5, 0.99))
    quick, slow = (quantile(high, share) * 1000 for share in (0.5, 0.99))
    print(f"{name:>10} {total / seconds:>8,.0f} {spent / total * 1e6:>8.1f} {p50:>8.0f} ms {p99:>5.0f} ms "
          f"{quick:>6.1f} ms {slow:>5.1f} ms {done:>11,}")  # fmt: skip
    sys.stdout.flush()


def _worked_off(root: Path) -> int:
    """Messages that were removed, and facts that were looked through for texts."""
    removed = _one(root, "SELECT total(messages) FROM removed")
    return removed + _one(root, "SELECT total(seq) FROM cursor WHERE name = 'contents'")


def _is_reported(root: Path) -> bool:
    return bool(list((root / "spool/done").glob("*/load.jsonl.report.json")))


def _commits(root: Path) -> Histogram:
    found: dict[str, Any] = ask(root / "control.sock", "status")["journal"]["commit_seconds"]
    return Histogram(list(found["counts"]), found["total"])


def _since(now: Histogram, then: Histogram) -> Histogram:
    counts = [after - before for after, before in zip(now.counts, then.counts, strict=True)]
    return Histogram(counts, now.total - then.total)


def _one(root: Path, statement: str) -> int:
    with closing(sqlite3.connect(f"file:{root}/journal.db?mode=ro", uri=True)) as sql:
        return int(sql.execute(statement).fetchone()[0] or 0)


def _waits(root: Path, before: int) -> Iterator[float]:
    """Of each message of high priority since this seq: seconds from file to submit_sm_resp."""
    with closing(sqlite3.connect(root / "journal.db")) as sql:
        yield from (
            took
            for (took,) in sql.execute(
                "SELECT s.at - f.opened FROM fact s CROSS JOIN message m CROSS JOIN file f"
                " WHERE s.seq > ?1 AND s.kind = 12 AND m.msg_id = s.msg"
                " AND f.file_id = m.file_id AND f.name LIKE 'high-%'",
                (before,),
            )
        )


if __name__ == "__main__":
    sys.exit(main())
