"""What is old is removed while messages are sent, and `kill -9` in the middle of it loses nothing."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from contextlib import closing
from pathlib import Path

from smppd.journal.store import open_reader
from tests.e2e.test_kill import FILES, MESSAGES, SEED, Bench, smsc, until

KEPT = """
[retention]
done = "1s"
receipts = "1s"
journal = "1s"
"""


def left_in_journal(path: Path) -> tuple[int, int]:
    """How many messages and facts are there."""
    with closing(open_reader(path)) as store:
        (facts,) = store.connection.execute("SELECT count(*) FROM fact").fetchone()
        return store.messages.count(), facts


def test_removed_under_traffic_and_killed_in_the_middle(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with smsc(tmp_path) as (port, tally_file):
        bench = Bench(tmp_path, port, "resend")
        with bench.config.open("a") as config:
            config.write(KEPT)
        bench.hand_in()
        for _ in range(3):
            daemon = bench.start()
            until((tmp_path / "journal.db").exists, daemon, bench.log, 60)
            try:
                daemon.wait(chance.uniform(1.5, 3.5))
            except subprocess.TimeoutExpired:
                daemon.kill()
            assert daemon.wait(10) == -signal.SIGKILL, bench.log.read_text()[-3000:]
            status, audit = bench.ask("audit")
            assert status == 0, audit
        ahead = bench.log.stat().st_size
        daemon = bench.start()
        until(lambda: b'"daemon_started"' in bench.log.read_bytes()[ahead:], daemon, bench.log, 60)

        def all_is_gone() -> bool:
            if list((bench.spool / "inbox").glob("*.jsonl")) or any(
                (bench.spool / "work").iterdir()
            ):
                return False
            done = [path for path in (bench.spool / "done").rglob("*") if path.is_file()]
            messages, facts = left_in_journal(tmp_path / "journal.db")
            return not (done or messages) and facts < MESSAGES

        until(all_is_gone, daemon, bench.log, 60 + MESSAGES / 100)
        status, audit = bench.ask("audit")
        assert status == 0, audit
        assert (audit["accepted"], audit["states"]["delivered"]) == (MESSAGES, MESSAGES)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(60) == 0, bench.log.read_text()[-3000:]
        assert bench.ask("audit")[0] == 0
        assert left_in_journal(tmp_path / "journal.db")[0] == 0
    tally = json.loads(tally_file.read_text())
    assert len(tally["messages"]) >= MESSAGES
    assert bench.log.read_text().count("journal_pruned") >= 2
    assert len(list((bench.spool / "receipts").glob("*.jsonl"))) <= FILES
