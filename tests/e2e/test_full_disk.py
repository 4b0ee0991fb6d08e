"""A full disk under the journal, the spool or both: all of it waits, nothing is lost or sent twice.

Each disk is a small tmpfs. Who may not mount runs the test again in a namespace of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from smppd.control import ControlRefused, ControlUnavailable, ask
from tests.processes import smsc

MESSAGES = 1500
PER_FILE = 250
PATIENCE = 90.0
INSIDE = "SMPPD_TEST_IN_NAMESPACE"

CONFIG = """
[spool]
path = "{root}/spool"
poll_interval = "100ms"
min_free = "{min_free}"
[journal]
path = "{root}/journal/journal.db"
[link.main]
hosts = ["127.0.0.1:{port}"]
system_id = "full"
password_env = "SMPPD_TEST_PASSWORD"
rate = 400
[observe]
listen = ""
control = "{root}/c.sock"
"""


@pytest.fixture(autouse=True)
def may_mount(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whoever may not mount is given a namespace in which he may, and the test runs there."""
    if _can_mount([]):
        yield
        return
    unshare = ["unshare", "-Urm"]
    if INSIDE in os.environ or shutil.which("unshare") is None or not _can_mount(unshare):
        pytest.skip("may mount no tmpfs here, nor in a user namespace")
    command = [*unshare, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    inside = subprocess.run(
        [*command, request.node.nodeid],
        env={**os.environ, INSIDE: "1"},
        cwd=request.config.rootpath,
        capture_output=True,
        text=True,
        check=False,
    )
    assert inside.returncode == 0, inside.stdout[-5000:]
    pytest.skip("passed in a user namespace of its own")


def _can_mount(before: list[str]) -> bool:
    script = "d=$(mktemp -d) && mount -t tmpfs -o size=64k tmpfs $d && umount $d; r=$?; rmdir $d; exit $r"
    return (
        subprocess.run([*before, "sh", "-c", script], capture_output=True, check=False).returncode
        == 0
    )


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> None:
    """Until not one octet more fits."""
    with (folder / ".filler").open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


class Bench:
    """An SMSC, two disks, and a daemon on them."""

    def __init__(self, root: Path, port: int, min_free: str = "0B") -> None:
        self.root = root
        self.config = root / "smppd.toml"
        self.config.write_text(CONFIG.format(root=root, port=port, min_free=min_free))
        self.log_file = root / "log"
        self.daemon: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "SMPPD_TEST_PASSWORD": "secret"}
        command = [sys.executable, "-m", "smppd", "run", "--config", str(self.config)]
        with self.log_file.open("ab") as log:
            self.daemon = subprocess.Popen(command, env=environment, stderr=log)
        return self.daemon

    def stop(self, seconds: float = 60.0) -> int:
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        try:
            return self.daemon.wait(seconds)
        finally:
            self.daemon.kill()

    def until(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not ready():
            assert self.daemon is not None
            assert self.daemon.poll() is None, self.log[-3000:]
            assert time.monotonic() < deadline, self.log[-3000:]
            time.sleep(0.05)

    def hand_in(self, first: int, last: int) -> None:
        for start in range(first, last, PER_FILE):
            draft = self.root / "spool" / "inbox" / "tmp" / f"f{start}.jsonl"
            lines = [
                json.dumps({"to": f"+3461{n:07d}", "text": f"message {n} " * 8, "id": f"m{n}"})
                for n in range(start, start + PER_FILE)
            ]
            draft.write_text("\n".join(lines) + "\n")
            draft.rename(self.root / "spool" / "inbox" / draft.name)

    def reports(self) -> int:
        return len(list((self.root / "spool" / "done").glob("*/*.report.json")))

    def troubles(self) -> set[str]:
        try:
            return set(ask(self.root / "c.sock", "status")["disk"])
        except ControlUnavailable:
            return set()

    def states(self) -> Counter[str]:
        lines = [
            json.loads(line)
            for path in (self.root / "spool" / "done").glob("*/*.results.jsonl")
            for line in path.read_text().splitlines()
        ]
        assert len({line["id"] for line in lines}) == len(lines)
        return Counter(line["state"] for line in lines)

    def receipt_lines(self) -> Counter[str]:
        """How often each message has a receipt in the log."""
        return Counter(
            json.loads(line)["id"]
            for path in (self.root / "spool" / "receipts").glob("*.jsonl")
            for line in path.read_text().splitlines()
        )

    def audit(self) -> None:
        command = [sys.executable, "-m", "smppd", "audit", "--config", str(self.config)]
        audit = subprocess.run(command, capture_output=True, text=True, check=False)
        assert audit.returncode == 0, audit.stdout + audit.stderr


@contextmanager
def running(root: Path, *, min_free: str = "0B") -> Iterator[tuple[Bench, Path]]:
    with ExitStack() as stack:
        tally = root / "tally.json"
        kept = (f"--tally-file={tally}", "--tally-messages=0")
        port = stack.enter_context(smsc("--receipt-delay=200ms", *kept))
        stack.enter_context(tmpfs(root / "spool", "8m"))
        stack.enter_context(tmpfs(root / "journal", "24m"))
        bench = Bench(root, port, min_free)
        bench.start()
        try:
            bench.until(lambda: '"link_bound"' in bench.log)
            yield bench, tally
        finally:
            if bench.daemon is not None and bench.daemon.poll() is None:
                bench.stop()


@pytest.mark.parametrize(
    ("disks", "waits"),
    [
        (["journal"], {"journal"}),
        (["spool"], {"receipts"}),
        (["journal", "spool"], {"journal"}),
    ],
    ids=["journal", "spool", "both"],
)
def test_a_disk_that_is_full_for_a_while_costs_nothing_but_time(
    tmp_path: Path, disks: list[str], waits: set[str]
) -> None:
    with running(tmp_path) as (bench, tally):
        bench.hand_in(0, MESSAGES)
        bench.until(lambda: bool(bench.receipt_lines()))  # it flows
        for disk in disks:
            fill(tmp_path / disk)
        bench.until(lambda: waits <= bench.troubles())
        time.sleep(1)
        assert '"disk_failing"' in bench.log
        for disk in disks:
            (tmp_path / disk / ".filler").unlink()
        bench.until(lambda: bench.reports() == MESSAGES // PER_FILE)
        bench.until(lambda: not bench.troubles())
        assert bench.stop() == 0
        assert bench.log.count('"disk_recovered"') >= 1
        assert "Traceback" not in bench.log
        assert bench.states() == {"delivered": MESSAGES}
        assert bench.receipt_lines() == Counter(f"m{n}" for n in range(MESSAGES))
        bench.audit()
    assert json.loads(tally.read_text())["accepted"] == MESSAGES


def test_while_the_journal_is_full_commands_are_refused_at_once_and_links_say_what_limits_them(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as (bench, _):
        bench.hand_in(0, MESSAGES)
        bench.until(lambda: bool(bench.receipt_lines()))
        fill(tmp_path / "journal")
        bench.until(lambda: "journal" in bench.troubles())
        with pytest.raises(ControlRefused, match=r"nothing was done: .*No space left.*free space"):
            ask(bench.root / "c.sock", "pause", 5.0, all=True, reason="night")
        bench.until(
            lambda: ask(bench.root / "c.sock", "status")["links"][0]["limited_by"] == "journal"
        )
        (tmp_path / "journal" / ".filler").unlink()
        bench.until(lambda: bench.reports() == MESSAGES // PER_FILE)
        assert not ask(bench.root / "c.sock", "status")["links"][0]["paused"]
        ask(bench.root / "c.sock", "pause", 5.0, all=True, reason="night")
        assert bench.stop() == 0


def test_a_daemon_that_is_stopped_while_its_disk_is_full_ends_soon_and_goes_on_later(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as (bench, tally):
        bench.hand_in(0, MESSAGES)
        bench.until(lambda: bool(bench.receipt_lines()))
        for disk in ("journal", "spool"):
            fill(tmp_path / disk)
        bench.until(lambda: "journal" in bench.troubles())
        bench.stop(45)
        assert "Traceback" not in bench.log, bench.log[-3000:]
        for disk in ("journal", "spool"):
            (tmp_path / disk / ".filler").unlink()
        bench.start()
        bench.until(lambda: bench.reports() == MESSAGES // PER_FILE)
        assert bench.stop() == 0
        states = bench.states()
        # What was in the window when it ended is in doubt, and said to be.
        assert states.total() == MESSAGES
        assert set(states) <= {"delivered", "unknown"}
        assert states["unknown"] <= 50
        bench.audit()
    accepted = json.loads(tally.read_text())["accepted"]
    assert states["delivered"] <= accepted <= MESSAGES


def test_below_min_free_files_stay_in_the_inbox_until_there_is_room(tmp_path: Path) -> None:
    with running(tmp_path, min_free="2MiB") as (bench, tally):
        fill(tmp_path / "spool")
        os.truncate(
            tmp_path / "spool" / ".filler",
            (tmp_path / "spool" / ".filler").stat().st_size - (1 << 20),
        )
        bench.until(lambda: bench.troubles() == {"claiming"})
        bench.hand_in(0, PER_FILE)
        time.sleep(1)
        assert (tmp_path / "spool" / "inbox" / "f0.jsonl").exists()
        (tmp_path / "spool" / ".filler").unlink()
        bench.until(lambda: bench.reports() == 1)
        assert bench.log.count('"disk_failing"') == 1
        assert bench.log.count('"disk_recovered"') == 1
        assert bench.stop() == 0
    assert json.loads(tally.read_text())["accepted"] == PER_FILE


def test_what_is_old_is_removed_when_there_is_room_again(tmp_path: Path) -> None:
    with running(tmp_path) as (bench, tally):
        bench.stop()
        short = '[retention]\njournal = "4s"\ncontents = "drop-when-final"\n'
        bench.config.write_text(bench.config.read_text() + short)
        bench.start()
        bench.until(lambda: bench.log.count('"link_bound"') == 2)
        bench.hand_in(0, MESSAGES)
        bench.until(lambda: bench.reports() == MESSAGES // PER_FILE)
        fill(tmp_path / "journal")
        bench.until(lambda: '"retention_failing"' in bench.log or bool(bench.troubles()))
        time.sleep(1)
        (tmp_path / "journal" / ".filler").unlink()

        def gone() -> bool:
            journal = ask(bench.root / "c.sock", "status")["journal"]
            return bool(journal["removed"] == MESSAGES)

        bench.until(gone)
        assert bench.stop() == 0
        assert "Traceback" not in bench.log
        assert bench.states() == {"delivered": MESSAGES}
        bench.audit()
    assert json.loads(tally.read_text())["accepted"] == MESSAGES
