"""A provider whose every tenth answer fails, and a daemon that is killed on the way: each send is in
one state, none is done twice, and in doubt is exactly what nobody answered."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.processes import simulator

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Daemon, DaemonFactory, SmscFactory

SENDS = 1000
CONNECTIONS = 4
PASSWORD = "correct-horse-battery"
#: How the answers fail, in turn: the tenth is lost, the twentieth is a 503, and so on.
TROUBLES = ("lost", "status", "html", "broken")
#: A rule each for the first round, and one for all after it; only one has its turn at a time.
FAULTS = (
    "what=lost,every=40,after=10", "what=status,every=40,after=20",
    "what=html,every=40,after=30", "what=broken,every=40",
    "what=lost,every=10,times=1", "what=status,every=20,times=1", "what=html,every=30,times=1",
)  # fmt: skip

_ACCOUNT = """
[http.shop]
url = "{url}"
user = "me@example.net"
password_file = "http-password"
connections = {connections}
"""


def number_of(n: int) -> str:
    return f"346{n:08d}"


def name_of(place: str) -> str:
    """The id of what went to a number, or to one in a chat: PLATFORM/PLATFORMID/NUMBER."""
    return f"s{int(place.rpartition('/')[2].removeprefix('346'))}"


def send(n: int) -> dict[str, Any]:
    """Chat messages and templates in turn, the latter as an operation and as a shorthand."""
    own = {"id": f"s{n}"}
    if n % 2:
        chat = {"platform": "whatsapp", "platformid": "100", "destination": number_of(n)}
        return {"op": "chat.sendmessage", "args": {**chat, "message": f"Hola {n}"}, **own}
    if n % 4:
        return {"to": number_of(n), "template": 1000, "params": {"name": f"Ana {n}"}, **own}
    args = {"to": number_of(n), "idtemplate": 1000, "params": f"name:Eva {n}"}
    return {"op": "sms.sendsmsfromtemplate", "args": args, **own}


def test_a_thousand_sends_with_every_tenth_answer_failing(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    tally_file = tmp_path / "tally.json"
    smsc = smsc_factory(
        simulator(
            "--http-user=me@example.net",
            f"--http-password={PASSWORD}",
            f"--http-fault={';'.join(FAULTS)}",
            f"--tally-file={tally_file}",
            f"--tally-messages={2 * SENDS}",
        )
    )
    served = smsc.program.wait(lambda: re.search(r"(http\S+) and", smsc.program.log), "HTTP APIs")
    more = _ACCOUNT.format(url=served[1], connections=CONNECTIONS)
    daemon = daemon_factory(smsc.port, more=more)
    (daemon.folder / "http-password").write_text(PASSWORD)
    daemon.submit((send(n) for n in range(SENDS)), name="sends.jsonl")

    daemon.start(bound=False)
    daemon.wait(lambda: daemon.status().get("states", {}).get("sent", 0) >= SENDS // 3, "a third")
    daemon.kill()
    daemon.start(bound=False)
    reported = daemon.wait_report("sends.jsonl", timeout=60)

    assert daemon.command("audit")[0] == 0
    logged = daemon.command("api", "--history", "--failed", "--limit=1000")[1]
    daemon.terminate()
    assert daemon.command("audit")[0] == 0
    smsc.stop()
    tally = json.loads(tally_file.read_text())

    # Every item is in exactly one state, and the sums are right.
    results = {line["id"]: line for line in reported.results}
    assert list(results) == [f"s{n}" for n in range(SENDS)]
    states = Counter(line["state"] for line in reported.results)
    assert set(states) == {"sent", "unknown"}
    assert reported.report["states"] == dict(states)
    assert reported.report["messages"] == SENDS

    # No send was done twice: what arrived, and what was done, is that many different messages.
    arrived = sum(each["arrived"] for each in tally["calls"].values())
    assert arrived == tally["over_http"] == tally["different"]
    assert tally["taken_twice"] == 0

    # In doubt is where an answer failed, and what was under way when the daemon was killed.
    in_order = [name_of(key.split()[0]) for key in tally["messages"]]
    struck = set(in_order[9::10])
    faults = dict.fromkeys(TROUBLES, 0)
    for each in tally["calls"].values():
        faults = {what: count + each["faults"].get(what, 0) for what, count in faults.items()}
    assert sum(faults.values()) == len(struck) == arrived // 10
    assert max(faults.values()) - min(faults.values()) <= 1
    unknown = {name for name, line in results.items() if line["state"] == "unknown"}
    assert struck <= unknown
    killed = [results[name]["error"]["text"] for name in unknown - struck]
    assert len(killed) <= CONNECTIONS
    assert set(killed) <= {"the daemon stopped before the answer came"}
    assert set(results) - unknown <= set(in_order)
    assert {each["outcome"] for each in logged} == {"NO_ANSWER"}
    print(f"{dict(states)}, {faults}, {arrived} arrived, {len(killed)} under way")  # noqa: T201

    _nothing_tells_the_password(daemon)


def _nothing_tells_the_password(daemon: Daemon) -> None:
    """Neither the journal, the log, nor anything of the spool holds it."""
    files = [path for path in daemon.folder.rglob("*") if path.is_file()]
    assert {"journal.db", "log", "sends.jsonl.results.jsonl"} <= {path.name for path in files}
    telling = [path.name for path in files if PASSWORD.encode() in path.read_bytes()]
    assert telling == ["http-password"]
