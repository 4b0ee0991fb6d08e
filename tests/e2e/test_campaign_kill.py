"""`kill -9` around a campaign that is held, by its canary or an operator: what is held stays so, what
goes on goes once, by the SMSC's own record."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smppd.control import ask
from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, Reported, Smsc, SmscFactory

MESSAGES, CANARY = 240, 40
WINDOW = 10
#: Slow enough to do something meanwhile.
LINK = {"window": WINDOW, "rate": 200}
NAME = "batch.jsonl"


class Centre:
    """A simulated SMSC, and what it says at its end that it took."""

    def __init__(self, start: SmscFactory, tally: Path, *options: str, port: int = 0) -> None:
        record = (f"--tally-file={tally}", f"--tally-messages={2 * MESSAGES}")
        self._tally = tally
        self._smsc: Smsc = start(simulator(*record, *options, port=port))
        self.port = self._smsc.port

    def end(self) -> dict[str, Any]:
        self._smsc.stop()
        found: dict[str, Any] = json.loads(self._tally.read_text())
        return found


def numbers(tally: dict[str, Any]) -> set[str]:
    """Whom it took a message for, and for none of them two."""
    counts = tally["messages"]
    assert set(counts.values()) <= {1}, "sent twice"
    found = {key.split(" ")[0] for key in counts}
    assert len(found) == len(counts) == tally["accepted"]
    return found


def campaign(**terms: object) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = [{"campaign": {"name": "spring", **terms}}]
    for n in range(1, MESSAGES + 1):
        lines.append({"to": f"+3460{n:07d}", "text": f"Hola {n}", "id": f"m{n}"})
    return lines


def states(daemon: Daemon, name: str = NAME) -> dict[str, int]:
    """How the messages of an open file stand."""
    found = [each for each in daemon.status().get("campaigns", []) if each["file"] == name]
    return dict(found[0]["states"]) if found else {}


def left(daemon: Daemon) -> int:
    """How many the SMSC has taken, or refused."""
    now = states(daemon)
    return sum(now.get(state, 0) for state in ("sent", "delivered", "failed"))


def held(daemon: Daemon) -> str:
    return "".join(each["held"] for each in daemon.status().get("campaigns", []))


def at_rest(daemon: Daemon) -> bool:
    """Whether nothing of the file is on its way, and something waits."""
    now = states(daemon)
    return bool(now) and not now.get("sending") and not now.get("sent")


def others_go(daemon: Daemon, name: str) -> set[str]:
    """Hand in another file and wait until all of it is delivered: the link goes, and has gone by
    the turn of everything that was before it."""
    ends = [f"+3461{len(name)}{n:06d}" for n in range(3)]
    daemon.submit([{"to": to, "text": "Hola"} for to in ends], name)
    reported = daemon.wait_report(name)
    assert reported.report["states"] == {"delivered": 3}
    return {to.strip("+") for to in ends}


def finish(daemon: Daemon) -> Reported:
    """Wait until the file is reported; nothing is wrong with the journal."""
    reported = daemon.wait_report()
    daemon.terminate()
    code, said = daemon.command("audit")
    assert code == 0, said
    assert "Traceback" not in daemon.log
    return reported


def by_state(reported: Reported) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in reported.results:
        found.setdefault(line["state"], set()).add(line["to"])
    assert sum(map(len, found.values())) == MESSAGES
    return found


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
def tally(tmp_path: Path) -> Path:
    return tmp_path / "tally.json"


def test_a_canary_that_was_under_way_goes_on_and_the_rest_waits_for_it(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tally: Path
) -> None:
    centre = Centre(smsc_factory, tally, "--receipt-delay=300ms")
    daemon = daemon_factory(centre.port, link=LINK)
    canary = {"messages": CANARY, "max_failed": "50%", "wait": "1s"}
    daemon.submit(campaign(canary=canary))
    daemon.start()
    daemon.wait(lambda: left(daemon) >= CANARY / 3, "the canary")
    daemon.kill()
    assert not daemon.events("campaign_resumed")
    daemon.start()
    reported = finish(daemon)
    (resumed,) = daemon.events("campaign_resumed")
    assert (resumed["campaign"], resumed["who"]) == ("spring", "canary")
    rest = reported.results[CANARY:]
    assert all(moment(line["submitted"]) >= moment(resumed["timestamp"]) for line in rest)
    assert {line["state"] for line in rest} == {"delivered"}
    found = by_state(reported)
    assert set(found) <= {"delivered", "unknown"}
    assert len(found.get("unknown", ())) <= 2 * WINDOW, "what was under way"
    took = numbers(centre.end())
    assert found["delivered"] <= took <= found["delivered"] | found.get("unknown", set())


def test_a_canary_that_has_failed_holds_the_rest_until_somebody_resumes_it(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tally: Path, tmp_path: Path
) -> None:
    strict = Centre(smsc_factory, tally, "--answer-status=ESME_RINVDSTADR=1")
    daemon = daemon_factory(strict.port, link=LINK)
    daemon.submit(campaign(canary=CANARY))
    daemon.start()
    daemon.wait(lambda: "failed, at most 5 % may" in held(daemon), "the end of the canary")
    daemon.wait(lambda: at_rest(daemon), "rest")
    before, why = states(daemon), held(daemon)
    daemon.kill()
    refused = strict.end()["submits"]
    assert refused == before["failed"] <= CANARY
    centre = Centre(smsc_factory, tmp_path / "again.json", port=strict.port)
    daemon.start()
    others = others_go(daemon, "b.jsonl")
    assert (states(daemon), held(daemon)) == (before, why), "nothing of it goes by itself"
    code, said = daemon.command("resume", "--campaign", "spring")
    assert (code, [each["file"] for each in said["resumed"]]) == (0, [NAME]), said
    found = by_state(finish(daemon))
    assert set(found) == {"failed", "delivered"}
    assert len(found["failed"]) == refused
    assert numbers(centre.end()) == found["delivered"] | others


def test_a_paused_campaign_stays_paused_and_all_of_it_goes_when_it_is_resumed(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tally: Path
) -> None:
    centre = Centre(smsc_factory, tally)
    daemon = daemon_factory(centre.port, link={"window": 4 * WINDOW, "rate": 100})
    daemon.submit(campaign())
    daemon.start()
    daemon.wait(lambda: left(daemon) >= WINDOW, "traffic")
    said = ask(daemon.control, "pause", campaign=NAME, reason="wrong text")
    ((name, way),) = [(each["campaign"], each["on_its_way"]) for each in said["paused"]]
    assert name == "spring"
    daemon.wait(lambda: at_rest(daemon), "rest")
    before = states(daemon)
    left_after = before["delivered"] - (MESSAGES - said["paused"][0]["queued"] - way)
    assert left_after <= WINDOW < 3 * WINDOW < way, "what the link had not begun comes back"
    daemon.kill()
    daemon.start()
    others = others_go(daemon, "b.jsonl")
    assert states(daemon) == before, "nothing of it goes by itself"
    assert held(daemon).startswith("wrong text (")
    assert daemon.command("resume", "--campaign", "spring")[0] == 0
    found = by_state(finish(daemon))
    assert set(found) == {"delivered"}
    assert numbers(centre.end()) == found["delivered"] | others


def test_what_a_canary_has_let_go_is_not_held_again_and_is_cancelled_to_the_end_over_kills(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tally: Path
) -> None:
    centre = Centre(smsc_factory, tally)
    daemon = daemon_factory(centre.port, link=LINK)
    daemon.submit(campaign(canary=CANARY))
    daemon.start()
    daemon.wait(lambda: left(daemon) >= CANARY + WINDOW, "the rest")
    daemon.kill()
    daemon.start()
    before = left(daemon)
    daemon.wait(lambda: left(daemon) >= before + WINDOW, "more of the rest")
    assert len(daemon.events("campaign_resumed")) == 1
    # As the command does it, without the time that a process takes to come up.
    said = ask(daemon.control, "cancel", campaign="spring")
    assert [each["file"] for each in said["cancelled"]] == [NAME], said
    daemon.kill()
    daemon.start(bound=False)
    found = by_state(finish(daemon))
    assert set(found) <= {"delivered", "unknown", "cancelled"}
    assert len(found.get("unknown", ())) <= 4 * WINDOW, "what was under way, twice"
    took = numbers(centre.end())
    assert found["delivered"] <= took <= found["delivered"] | found.get("unknown", set())
    assert found["cancelled"]
    assert not found["cancelled"] & took
