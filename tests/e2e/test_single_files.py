"""Hundreds of files of one message, and an end in the middle of claiming and publishing them.

The processes beside the daemon that do so may be killed with it, before it, or not at all: each
message is sent once, and each file comes to rest once.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, Smsc, SmscFactory

FILES = 300
WINDOW = 50


@pytest.fixture
def tally(tmp_path: Path) -> Path:
    return tmp_path / "tally.json"


@pytest.fixture
def smsc(smsc_factory: SmscFactory, tally: Path) -> Smsc:
    more = ["--receipt-delay", "20ms", "--tally-file", str(tally), "--tally-messages", "5000"]
    return smsc_factory(simulator(*more))


@pytest.fixture
def daemon(daemon_factory: DaemonFactory, smsc: Smsc) -> Daemon:
    daemon = daemon_factory(smsc.port, link={"window": WINDOW, "on_unknown": "hold"})
    hand_in(daemon)
    return daemon


def hand_in(daemon: Daemon) -> None:
    """Half of them with ids, in all lanes."""
    for number in range(FILES):
        message: dict[str, object] = {"to": f"+34610{number:06d}", "text": f"m {number}"}
        if number % 2:
            message["id"] = f"i{number}"
        lane = ("high", "normal", "bulk")[number % 3]
        daemon.submit(json.dumps(message).encode(), f"f{number}.json", lane)


def beside(daemon: Daemon) -> list[int]:
    """The processes for work on files that the daemon has."""
    assert daemon.program.process is not None
    pid = daemon.program.process.pid
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def claiming(daemon: Daemon) -> bool:
    return any((daemon.spool / "work").glob("*-*/*.json"))


def publishing(daemon: Daemon) -> bool:
    return any((daemon.spool / "work").glob(".results/*"))


def finish(daemon: Daemon, smsc: Smsc, tally: Path) -> Counter[str]:
    """Wait for all of it, compare it with what the SMSC saw; the messages by their states."""

    def reported() -> bool:
        return len(list(daemon.spool.glob("done/*/*.report.json"))) == FILES

    daemon.wait(reported, "reports", 60)
    daemon.terminate()
    assert daemon.command("audit")[0] == 0
    smsc.stop()
    sent = json.loads(tally.read_text())
    assert sent["accepted"] == len(sent["messages"])
    states = Counter[str]()
    for source in daemon.spool.glob("done/*/f*.json"):
        if source.name.endswith(".report.json"):
            continue
        (line,) = source.with_name(f"{source.name}.results.jsonl").read_text().splitlines()
        assert json.loads(source.read_text())["to"] == "+" + json.loads(line)["to"]
        states[json.loads(line)["state"]] += 1
    assert states.total() == FILES
    assert states["delivered"] <= sent["accepted"]
    assert not list((daemon.spool / "work").iterdir())
    assert not [path for path in (daemon.spool / "inbox").rglob("*") if path.is_file()]
    assert "Traceback" not in daemon.log
    return states


def test_killed_while_it_claims_and_while_it_publishes(
    daemon: Daemon, smsc: Smsc, tally: Path
) -> None:
    for at_work in (claiming, publishing):
        daemon.program.start()
        daemon.wait(partial(at_work, daemon), at_work.__name__)
        daemon.kill()
    daemon.program.start()  # at once: it waits for what the last one's processes have begun
    states = finish(daemon, smsc, tally)
    assert set(states) <= {"delivered", "unknown"}
    assert states["unknown"] <= 2 * WINDOW


def test_a_process_for_files_is_killed_alone(daemon: Daemon, smsc: Smsc, tally: Path) -> None:
    for at_work in (claiming, publishing):
        daemon.program.start()
        daemon.wait(partial(at_work, daemon), at_work.__name__)
        for pid in beside(daemon):
            os.kill(pid, signal.SIGKILL)
        assert daemon.program.process is not None
        assert daemon.program.process.wait(30) == 1
    (told,) = {line for line in daemon.log.splitlines() if not line.startswith("{")}
    assert told.endswith("ended by SIGKILL (is memory short?): nothing is lost, start smppd again")
    daemon.program.start()
    states = finish(daemon, smsc, tally)
    assert set(states) <= {"delivered", "unknown"}


def test_a_stop_that_goes_to_all_of_its_processes_drains(
    daemon: Daemon, smsc: Smsc, tally: Path
) -> None:
    for stop, at_work in ((signal.SIGINT, claiming), (signal.SIGTERM, publishing)):
        daemon.program.start()
        daemon.wait(partial(at_work, daemon), at_work.__name__)
        for pid in beside(daemon):
            os.kill(pid, stop)
        assert daemon.program.end(stop) == 0
    daemon.start()  # all may be over by now: it is stopped again when it heeds that
    assert finish(daemon, smsc, tally) == {"delivered": FILES}
