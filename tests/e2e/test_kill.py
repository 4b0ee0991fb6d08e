"""`kill -9` at random instants: nothing is lost, and what is not known is said.

SMPPD_KILLS and SMPPD_KILL_MESSAGES make it longer (50 and 50000, say); SMPPD_KILL_SEED repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import processes

KILLS = int(os.environ.get("SMPPD_KILLS", "8"))
MESSAGES = int(os.environ.get("SMPPD_KILL_MESSAGES", "4000"))
SEED = int(os.environ.get("SMPPD_KILL_SEED", "1"))
#: So that at any instant some answers and some receipts are on their way.
LATENCY = (
    "--answer-latency=5ms", "--answer-jitter=20ms",
    "--receipt-delay=50ms", "--receipt-jitter=300ms", "--receipt-answer-timeout=2s",
)  # fmt: skip
FILES = 10
WINDOW = 50

CONFIG = """
[spool]
path = "{root}/spool"
poll_interval = "100ms"
[journal]
path = "{root}/journal.db"
[link.main]
hosts = ["127.0.0.1:{port}"]
system_id = "kill"
password_env = "SMPPD_TEST_PASSWORD"
window = {window}
rate = {rate}
on_unknown = "{on_unknown}"
reconnect_min = "50ms"
retry_min = "50ms"
[observe]
listen = ""
control = "{root}/c.sock"
"""


class Bench:
    """A simulated SMSC that lives on, and a daemon that does not."""

    def __init__(self, root: Path, port: int, on_unknown: str) -> None:
        self.root = root
        self.spool = root / "spool"
        self.config = root / "smppd.toml"
        rate = MESSAGES / KILLS * 1.5
        self.config.write_text(
            CONFIG.format(root=root, port=port, window=WINDOW, rate=rate, on_unknown=on_unknown)
        )
        self.log = root / "log"

    def start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "SMPPD_TEST_PASSWORD": "secret"}
        command = [sys.executable, "-m", "smppd", "run", "--config", str(self.config)]
        with self.log.open("ab") as log:
            return subprocess.Popen(command, env=environment, stderr=log)

    def ask(self, *words: str) -> tuple[int, Any]:
        command = [sys.executable, "-m", "smppd", *words, "--json", "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def hand_in(self) -> None:
        (self.spool / "inbox" / "tmp").mkdir(parents=True, exist_ok=True)
        each = MESSAGES // FILES
        for file in range(FILES):
            draft = self.spool / "inbox" / "tmp" / f"f{file}.jsonl"
            with draft.open("w") as out:
                for n in range(file * each, (file + 1) * each):
                    text = f"message {n} " + ("long " * 40 if n % 20 == 0 else "")
                    out.write(
                        json.dumps({"to": f"+3461{n:07d}", "text": text, "id": f"m{n}"}) + "\n"
                    )
            draft.rename(self.spool / "inbox" / draft.name)

    def reports(self) -> int:
        return len(list((self.spool / "done").glob("*/*.report.json")))

    def results(self) -> dict[str, dict[str, Any]]:
        lines = [
            json.loads(line)
            for path in (self.spool / "done").glob("*/*.results.jsonl")
            for line in path.read_text().splitlines()
        ]
        assert max(Counter(line["id"] for line in lines).values()) == 1
        return {line["id"]: line for line in lines}


@contextmanager
def smsc(root: Path) -> Iterator[tuple[int, Path]]:
    """A simulated SMSC with some latency; its port, and the tally it writes at the end."""
    tally = root / "tally.json"
    kept = (f"--tally-file={tally}", f"--tally-messages={2 * MESSAGES}")
    with processes.smsc(f"--seed={SEED}", *LATENCY, *kept) as port:
        yield port, tally


def until(ready: Any, daemon: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert daemon.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)


@pytest.mark.parametrize("on_unknown", ["hold", "resend"])
def test_killed_again_and_again_every_message_is_accounted_for(
    tmp_path: Path, on_unknown: str
) -> None:
    chance = random.Random(SEED)
    with smsc(tmp_path) as (port, tally_file):
        bench = Bench(tmp_path, port, on_unknown)
        bench.hand_in()
        for _ in range(KILLS):
            daemon = bench.start()
            try:
                # The random instant is the point of the test: anywhere from the first import
                # to the middle of the traffic.
                daemon.wait(chance.uniform(0.1, 1.6))
            except subprocess.TimeoutExpired:
                daemon.kill()
            assert daemon.wait(10) == -signal.SIGKILL, bench.log.read_text()[-3000:]
        daemon = bench.start()
        until(lambda: bench.reports() == FILES, daemon, bench.log, 60 + MESSAGES / 200)
        status, audit = bench.ask("audit")
        assert status == 0, audit
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(60) == 0, bench.log.read_text()[-3000:]
        assert bench.ask("audit")[0] == 0
    tally = json.loads(tally_file.read_text())
    check(bench.results(), tally, on_unknown)


def check(results: dict[str, dict[str, Any]], tally: dict[str, Any], on_unknown: str) -> None:
    """Compare what the daemon says with what the SMSC saw."""
    states = Counter(line["state"] for line in results.values())
    assert len(results) == MESSAGES
    taken = {key.split(" ")[0] for key in tally["messages"]}
    numbers = {line["to"] for line in results.values() if line["state"] == "delivered"}
    assert numbers <= taken
    twice = tally["accepted"] - len(tally["messages"])
    most_in_flight = KILLS * 2 * (WINDOW + 2)
    if on_unknown == "hold":
        assert set(states) <= {"delivered", "unknown"}
        assert states["unknown"] <= most_in_flight
        assert twice == 0
    else:
        assert states == {"delivered": MESSAGES}
        assert twice <= most_in_flight
        again = {key.split(" ")[0] for key, count in tally["messages"].items() if count > 1}
        suspects = {line["to"] for line in results.values() if line["possible_duplicate"]}
        assert again <= suspects
    print(f"{on_unknown}: {dict(states)}, submitted twice {twice}")  # noqa: T201
