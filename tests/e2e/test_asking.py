"""An SMSC is asked about messages it took, by a daemon and a command line as people run them."""

from __future__ import annotations

import json
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, Smsc, SmscFactory


@pytest.fixture
def tally(tmp_path: Path) -> Path:
    return tmp_path / "tally.json"


def simulate(smsc_factory: SmscFactory, tally: Path, *options: str) -> Smsc:
    return smsc_factory(simulator(f"--tally-file={tally}", *options))


def read(smsc: Smsc, tally: Path) -> dict[str, Any]:
    """What the SMSC has seen, once it has stopped."""
    smsc.stop()
    seen: dict[str, Any] = json.loads(tally.read_text())
    return seen


def messages(count: int, first: int = 1, **more: object) -> list[dict[str, object]]:
    return [
        {"to": f"+3460{n:07d}", "text": f"message {n}", "id": f"m{n}"} | more
        for n in range(first, first + count)
    ]


def audited(daemon: Daemon) -> dict[str, int]:
    code, audit = daemon.command("audit")
    assert code == 0, audit
    return {state: count for state, count in audit["states"].items() if count}


def test_an_smsc_that_sends_no_receipts_tells_when_it_is_asked(
    daemon_factory: DaemonFactory, smsc_factory: SmscFactory, tally: Path
) -> None:
    smsc = simulate(smsc_factory, tally, "--no-receipt-on", "--receipt-states", "UNDELIV=0.1")
    keys = {"query_sm": True, "query_after": "1s", "window": 20}
    daemon = daemon_factory(smsc.port, link=keys)
    daemon.start()
    daemon.submit(messages(300))
    reported = daemon.wait_report(timeout=60)
    states = Counter(line["state"] for line in reported.results)
    assert states["delivered"] + states["undelivered"] == 300
    assert states["undelivered"]
    (link,) = daemon.status()["links"]
    assert link["queries"]["delivered"] == states["delivered"]
    code, shown = daemon.command("show", "m1")
    assert (code, shown["history"][-1]["event"]) == (0, "queried")
    daemon.terminate()
    assert audited(daemon) == dict(states)
    seen = read(smsc, tally)
    assert (seen["taken_twice"], seen["queries"]) == (0, 300)


def test_what_is_queued_and_what_the_smsc_holds_is_cancelled(
    daemon_factory: DaemonFactory, smsc_factory: SmscFactory, tally: Path
) -> None:
    smsc = simulate(smsc_factory, tally)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    daemon = daemon_factory(smsc.port, link={"schedule": "smsc", "rate": 5})
    daemon.start()
    daemon.submit(messages(3, send_at=tomorrow))
    daemon.wait(lambda: daemon.status()["states"]["sent"] == 3, "three held by the SMSC")
    daemon.submit(messages(100, first=10), name="many.jsonl")
    daemon.wait(lambda: daemon.status()["states"]["queued"] > 50, "a queue")

    code, said = daemon.command("cancel", "m1", "m109", "nobody", "m2")
    assert code == 1
    outcomes = {word["id"]: word["cancelled"] for word in said["messages"]}
    assert outcomes == {"m1": True, "m109": True, "nobody": False, "m2": True}
    assert daemon.command("cancel", "m108")[0] == 0

    daemon.kill()
    daemon.config.write_text(daemon.config.read_text().replace("rate = 5\n", "rate = 50\n"))
    daemon.start()
    many = daemon.wait_report("many.jsonl", timeout=60)
    states = Counter(line["state"] for line in many.results)
    assert (states["cancelled"], states["delivered"] + states["unknown"]) == (2, 98)
    cancelled = [line["id"] for line in many.results if line["state"] == "cancelled"]
    assert cancelled == ["m108", "m109"]
    assert daemon.command("show", "m1")[1]["state"] == "cancelled"
    daemon.terminate()
    assert audited(daemon)["cancelled"] == 4
    seen = read(smsc, tally)
    assert (seen["cancelled"], seen["taken_twice"]) == (2, 0)
    assert not any(bytes.hex(b"message 109") in key for key in seen["messages"])


def test_cancel_says_in_words_what_it_did(
    daemon_factory: DaemonFactory, smsc_factory: SmscFactory, tally: Path
) -> None:
    smsc = simulate(smsc_factory, tally, "--receipt-delay", "1h")
    daemon = daemon_factory(smsc.port)
    daemon.start()
    daemon.submit(messages(1))
    daemon.wait(lambda: daemon.status()["states"]["sent"] == 1, "a message sent")
    code, said = daemon.command("cancel", "m1")
    assert code == 1
    assert said["messages"] == [
        {
            "id": "m1",
            "cancelled": False,
            "state": "sent",
            "why": "the SMSC has it; if it takes cancel_sm, set cancel_sm in [link.main]",
        }
    ]
    assert daemon.program.process is not None
    daemon.program.process.send_signal(signal.SIGTERM)
    assert daemon.program.process.wait(30) == 0
    assert daemon.command("cancel", "m1") == (
        1,
        f"smppd: no daemon listens on {daemon.control}: start it (systemctl start smppd), or name"
        " the configuration of the one that runs with --config\n",
    )
