"""`kill -9` in the middle of calls to an HTTP API: no call is made twice, and what is not known is
said; SMPP beside it goes on."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, SmscFactory

KILLS = int(os.environ.get("SMPPD_KILLS", "6"))
CALLS = int(os.environ.get("SMPPD_KILL_CALLS", "600"))
SEED = int(os.environ.get("SMPPD_KILL_SEED", "1"))
CONNECTIONS = 8

ACCOUNT = """
[http.shop]
url = "{url}"
user = "me@example.net"
password_file = "password"
connections = {connections}
"""


def call(number: int) -> dict[str, Any]:
    args = {"from": "ACME", "to": f"346{number:08d}", "sms": f"text {number}"}
    return {"op": "sms.sendsms", "args": args, "id": f"c{number}"}


def live_and_die(daemon: Daemon, chance: random.Random) -> None:
    """A life that ends anywhere from the first import to the middle of the calls."""
    daemon.program.start()
    assert daemon.program.process is not None
    try:
        daemon.program.process.wait(chance.uniform(0.3, 2.0))
    except subprocess.TimeoutExpired:
        daemon.kill()
    else:
        raise AssertionError(daemon.log[-3000:])


def test_no_call_is_made_twice_and_each_is_in_one_state(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    tally_file, chance = tmp_path / "tally.json", random.Random(SEED)
    smsc = smsc_factory(
        simulator(
            f"--seed={SEED}",
            f"--http-balance={2 * CALLS}",
            "--http-fault=what=delay,seconds=0.05",
            f"--tally-file={tally_file}",
            f"--tally-messages={4 * CALLS}",
        )
    )
    served = smsc.program.wait(lambda: re.search(r"(http\S+) and", smsc.program.log), "HTTP APIs")
    more = ACCOUNT.format(url=served[1], connections=CONNECTIONS)
    daemon = daemon_factory(smsc.port, more=more)
    daemon.submit((call(number) for number in range(CALLS)), name="calls.jsonl")
    for _ in range(KILLS):
        live_and_die(daemon, chance)
    daemon.submit(
        ({"to": f"+3469{n:07d}", "text": "Hola", "receipt": False} for n in range(100)),
        name="sms.jsonl",
    )
    daemon.start()
    assert daemon.wait_report("sms.jsonl").report["states"] == {"sent": 100}
    results = daemon.wait_report("calls.jsonl", timeout=120).results
    assert daemon.command("audit")[0] == 0
    (account,) = daemon.status()["accounts"]
    assert account["in_flight"] == 0
    daemon.terminate()
    assert daemon.command("audit")[0] == 0
    smsc.stop()
    tally = json.loads(tally_file.read_text())
    states = Counter(line["state"] for line in results)
    assert sorted(line["id"] for line in results) == sorted(f"c{n}" for n in range(CALLS))
    assert set(states) <= {"sent", "unknown"}
    assert states["unknown"] <= KILLS * CONNECTIONS
    assert tally["taken_twice"] == 0
    taken = {key.partition(" ")[0] for key in tally["messages"]}
    assert {line["to"] for line in results if line["state"] == "sent"} <= taken
    assert "secret" not in daemon.log
    print(f"{dict(states)} after {KILLS} kills")  # noqa: T201
