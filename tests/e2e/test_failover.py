"""A route over two SMSCs of which one dies: the other carries the rest, nothing is lost or doubled."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, Smsc, SmscFactory

WINDOW = 10
MESSAGES = 300

MORE = """
[link.backup]
host = "127.0.0.1"
port = {port}
system_id = "peer"
password_file = "password"
window = {window}
from = "BACKUP"

[[routing.route]]
name = "all"
links = ["main", "backup"]
failover_after = "300ms"
"""


def start_centre(factory: SmscFactory, tally: Path, *options: str, port: int = 0) -> Smsc:
    return factory(simulator(f"--tally-file={tally}", *options, port=port))


def taken(tally: Path) -> set[str]:
    """What an SMSC that has ended had taken, each once."""
    found: dict[str, Any] = json.loads(tally.read_text())
    assert found["taken_twice"] == 0
    return set(found["messages"])


def by_link(daemon: Daemon) -> Counter[str]:
    return Counter({link["name"]: link["submitted"] for link in daemon.status()["links"]})


def messages(first: int, count: int) -> list[dict[str, object]]:
    return [
        {"to": f"+3460{n:07d}", "text": f"message {n}", "id": f"m{n}"}
        for n in range(first, first + count)
    ]


def test_when_an_smsc_dies_the_other_carries_the_rest_and_gives_back_when_it_returns(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    tallies = {name: tmp_path / f"{name}.json" for name in ("main", "backup", "main2")}
    slow = ("--answer-latency", "100ms", "--receipt-delay", "0s")
    main = start_centre(smsc_factory, tallies["main"], *slow)
    backup = start_centre(smsc_factory, tallies["backup"])
    more = MORE.format(port=backup.port, window=WINDOW)
    keys = {"window": WINDOW, "from": "MAIN", "reconnect_max": "200ms"}
    daemon = daemon_factory(main.port, link=keys, more=more)
    daemon.start()
    daemon.wait(lambda: len(daemon.events("link_bound")) == 2, "both links")
    daemon.submit(messages(0, MESSAGES))
    daemon.wait(lambda: by_link(daemon)["main"] >= 5 * WINDOW, "traffic on the first link")
    assert not by_link(daemon)["backup"]
    assert main.program.end(signal.SIGTERM) == 0  # its connections end without a word

    # All but what was in the window of the dead one comes to its end over the other.
    daemon.wait(lambda: daemon.status()["states"]["queued"] == 0, "the rest over the backup")
    held = daemon.wait(lambda: daemon.status()["states"], "states")
    assert held["unknown"] <= WINDOW
    (route,) = daemon.status()["routes"]
    assert (route["name"], route["queued"], route["out"]) == ("all", 0, ["main"])
    (moved,) = daemon.events("route_moved")
    assert (moved["route"], moved["link"]) == ("all", "backup")
    again = start_centre(smsc_factory, tallies["main2"], port=main.port)
    daemon.wait(lambda: len(daemon.events("link_bound")) == 3, "the first link again")
    before = by_link(daemon)
    daemon.submit(messages(MESSAGES, 50), "more.jsonl")
    daemon.wait(lambda: by_link(daemon)["main"] == before["main"] + 50, "traffic on the first link")
    assert by_link(daemon)["backup"] == before["backup"]
    more_reported = daemon.wait_report("more.jsonl")
    assert {line["link"] for line in more_reported.results} == {"main"}
    daemon.wait(lambda: daemon.status()["states"]["sending"] == 0, "every answer")
    daemon.terminate()
    assert "Traceback" not in daemon.log

    backup.stop()
    again.stop()
    one, other, third = (taken(tallies[name]) for name in ("main", "backup", "main2"))
    assert len(one | other | third) == len(one) + len(other) + len(third), "sent twice"
    code, audit = daemon.command("audit")
    assert code == 0, audit
    states = {state: count for state, count in audit["states"].items() if count}
    unknown = states.pop("unknown", 0)
    assert unknown <= WINDOW
    assert set(states) <= {"sent", "delivered"}
    assert sum(states.values()) + unknown == MESSAGES + 50
    # What is not known to have been taken is what is held; nothing else is missing.
    assert MESSAGES + 50 - len(one | other | third) <= unknown


def test_a_first_link_that_is_not_there_is_no_hindrance(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    backup = start_centre(smsc_factory, tmp_path / "backup.json")
    more = MORE.format(port=backup.port, window=WINDOW)
    daemon = daemon_factory(1, link={"window": WINDOW, "from": "MAIN"}, more=more)
    daemon.start()
    daemon.submit(messages(0, 3))
    reported = daemon.wait_report()
    assert {line["link"] for line in reported.results} == {"backup"}
    assert reported.report["states"] == {"delivered": 3}
    code, shown = daemon.command("show", "m1")
    assert code == 0, shown
    assert shown["link"] == "backup"
    assert any("over link backup" in each["text"] for each in shown["history"])
    daemon.terminate()
