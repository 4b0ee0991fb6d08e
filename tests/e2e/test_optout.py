"""Opt-out over a real link: a handset's STOP keeps back what was handed in before it, over kill -9."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import DaemonFactory, SmscFactory

NUMBER = "34600000001"
MORE = """
[optout]
stop_text = "You will get no more messages."
senders = {"2580" = ["ACME", "2580"]}
"""


def test_a_stop_keeps_back_what_was_handed_in_before(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    tally = tmp_path / "tally.json"
    command = simulator()
    command += ["--mo-count=3", "--mo-text= ¡Stop! ", f"--mo-source={NUMBER}"]
    command += ["--mo-destination=2580", f"--tally-file={tally}"]
    smsc = smsc_factory(command)
    daemon = daemon_factory(smsc.port, more=MORE)
    # Long enough for a daemon to start, and to hear of the STOP, on a machine with much else to do.
    later = (datetime.now(UTC) + timedelta(seconds=15)).isoformat()
    line = {"text": "an offer", "send_at": later, "receipt": False}
    lines = [
        {**line, "id": "name", "to": f"+{NUMBER}", "from": "ACME"},
        {**line, "id": "number", "to": f"+{NUMBER}", "from": "2580"},
        {**line, "id": "other", "to": f"+{NUMBER}", "from": "OTHER"},
        {**line, "id": "neighbour", "to": "+34600000002", "from": "ACME"},
    ]
    daemon.submit(lines)
    daemon.start()
    daemon.wait(lambda: daemon.command("optout", "list", NUMBER)[0] == 0, "the opt-out")
    daemon.kill()
    daemon.start()
    states = {each["id"]: each for each in daemon.wait_report().results}
    assert {id_: each["state"] for id_, each in states.items()} == {
        "name": "rejected",
        "number": "rejected",
        "other": "sent",
        "neighbour": "sent",
    }
    error = states["name"]["error"]
    assert error["code"] == "OPTED_OUT"
    assert error["text"].endswith(": STOP to 2580 over main")
    confirmed = daemon.wait(
        lambda: list(daemon.spool.glob("done/*/optout-*[0-9].json")), "confirmation"
    )
    assert len(confirmed) == 1
    content = json.loads(confirmed[0].read_text())
    assert (content["to"], content["from"]) == (f"+{NUMBER}", "2580")
    assert daemon.status()["optouts"]["barred"] == 2
    assert daemon.command("optout", "remove", NUMBER) == (0, {"removed": 1, "not_there": 0})
    daemon.submit([{"id": "again", "to": f"+{NUMBER}", "from": "ACME", "text": "x"}], "b.jsonl")
    daemon.wait(lambda: daemon.command("show", "again")[1]["state"] == "delivered", "delivery")
    assert daemon.command("audit")[0] == 0
    daemon.terminate()
    smsc.stop()
    assert json.loads(tally.read_text())["accepted"] >= 4


def test_many_numbers_are_imported_while_the_daemon_sends(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    smsc = smsc_factory(simulator())
    daemon = daemon_factory(smsc.port)
    daemon.start()
    path = tmp_path / "list.txt"
    path.write_text("".join(f"+34{n}\n" for n in range(600_000_000, 600_030_000)) + "nobody\n")
    code, done = daemon.command("optout", "import", str(path))
    assert (code, done) == (1, {"added": 30_000, "already_there": 0, "bad_lines": 1})
    daemon.submit([{"id": "a", "to": "+34600000001", "text": "x"}])
    assert daemon.wait_report().results[0]["state"] == "rejected"
    assert daemon.command("audit")[0] == 0
    daemon.terminate()
    smsc.stop()
