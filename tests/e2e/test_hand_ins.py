"""Every format through real processes: an id, a campaign and a unique text go once, over kill -9."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, Smsc, SmscFactory

#: In every file, in whatever format, there is this id, and one of the file's own.
SHARED = "+34600000000"
LINE = {"to": SHARED, "id": "shared"}


def hand_in_csv(daemon: Daemon) -> None:
    daemon.submit(json.dumps({"text": "Hola {nombre}", "x-lista": "7"}).encode(), "a.csv.meta.json")
    table = "\ufeffto;nombre;id\r\n600000000;Ana;shared\r\n600000001;Íñigo;csv\r\n"
    daemon.submit(table.encode(), "a.csv")


def hand_in_packed_csv(daemon: Daemon) -> None:
    table = f'id,to,text\nshared,{SHARED},Hola\npacked,+34600000002,"two\nlines, and ""quotes"""\n'
    daemon.submit(gzip.compress(table.encode()), "b.csv.gz")


def hand_in_lines(daemon: Daemon) -> None:
    campaign = {"campaign": {"name": "autumn", "text": "Hola {name}", "from": "ACME"}}
    own = {"to": "+34600000003", "id": "jsonl", "x-name": "Eva"}
    daemon.submit([campaign, {**LINE, "x-name": "Ana"}, own], "c.jsonl")


def hand_in_packed_lines(daemon: Daemon) -> None:
    lines = [{**LINE, "text": "Hola"}, {"to": "+34600000004", "id": "gz", "text": "Hola"}]
    octets = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    daemon.submit(gzip.compress(octets), "d.jsonl.gz")


def hand_in_document(daemon: Daemon) -> None:
    to = ["+34600000005", "+34600000006"]
    daemon.submit(json.dumps({"to": to, "id": "list", "text": "Hola"}).encode(), "e.json")


def hand_in_sms(daemon: Daemon) -> None:
    daemon.submit(b"To: 34600000007\nFlash: yes\nReport: yes\n\nHola\n", "f.sms")


HAND_INS = {
    "a.csv": hand_in_csv,
    "b.csv.gz": hand_in_packed_csv,
    "c.jsonl": hand_in_lines,
    "d.jsonl.gz": hand_in_packed_lines,
    "e.json": hand_in_document,
    "f.sms": hand_in_sms,
}
IDS = {
    "a.csv": {"csv"},
    "b.csv.gz": {"packed"},
    "c.jsonl": {"jsonl"},
    "d.jsonl.gz": {"gz"},
    "e.json": {"list#1", "list#2"},
}
TAKEN = {"delivered", "unknown"}


@pytest.fixture
def tally(tmp_path: Path) -> Path:
    return tmp_path / "tally.json"


@pytest.fixture
def smsc(smsc_factory: SmscFactory, tally: Path) -> Smsc:
    command = simulator()
    return smsc_factory([*command, f"--tally-file={tally}", "--tally-messages=100"])


def taken(smsc: Smsc, tally: Path) -> dict[str, int]:
    """How many messages the SMSC took for each number, as it says when it ends."""
    smsc.stop()
    found: dict[str, int] = {}
    for key, count in json.loads(tally.read_text())["messages"].items():
        number = key.split(" ")[0]
        found[number] = found.get(number, 0) + count
    return found


def test_an_id_goes_once_in_whatever_format_it_comes_over_kills(
    smsc: Smsc, tally: Path, daemon_factory: DaemonFactory
) -> None:
    daemon = daemon_factory(smsc.port, spool={"default_country": "34"})
    for hand_in in HAND_INS.values():
        daemon.start(bound=False)
        hand_in(daemon)
        daemon.wait(lambda: not waiting(daemon), "claim")
        daemon.kill()
    daemon.start()
    results = {name: daemon.wait_report(name).results for name in HAND_INS}
    daemon.terminate()
    assert daemon.command("audit")[0] == 0
    own: dict[str, str] = {}
    shared: list[str] = []
    for name, lines in results.items():
        for line in lines:
            if line["to"] in (SHARED, SHARED.strip("+"), "600000000"):
                assert line["id"] == "shared"
                shared.append(line["state"])
            else:
                own[line["to"]] = line["state"]
                assert name not in IDS or line["id"] in IDS[name]
    assert set(own) == {f"3460000000{n}" for n in range(1, 8)}
    # What was in the window of a daemon that was killed is of unknown outcome, and is held.
    assert set(own.values()) <= TAKEN
    assert shared.count("duplicate") == 3
    assert set(shared) & TAKEN
    counts = taken(smsc, tally)
    assert set(counts.values()) == {1}
    assert {to for to, state in own.items() if state == "delivered"} <= set(counts)


def waiting(daemon: Daemon) -> list[Path]:
    """What is still in the inbox."""
    inbox = daemon.spool / "inbox"
    return [path for path in inbox.iterdir() if path.is_file()]


@pytest.mark.parametrize("name", ["k.csv.gz", "k.sms"])
def test_a_campaign_that_is_submitted_again_goes_once_over_a_kill(
    smsc: Smsc, tally: Path, daemon_factory: DaemonFactory, tmp_path: Path, name: str
) -> None:
    daemon = daemon_factory(smsc.port)
    daemon.start()
    path = tmp_path / name
    path.write_bytes(CONTENTS[name])
    first = daemon.command("submit", str(path), "--campaign", "K")
    assert first[0] == 0, first
    daemon.wait(lambda: not waiting(daemon), "claim")
    daemon.kill()
    again = tmp_path / f"again-{name}"
    again.write_bytes(CONTENTS[name])
    assert daemon.command("submit", str(again), "--campaign", "K")[0] == 0
    daemon.start()
    (taken_in,) = {line["state"] for line in daemon.wait_report(name).results} & TAKEN
    repeated = daemon.wait_report(again.name).results
    assert [line["state"] for line in repeated] == ["duplicate"] * len(repeated)
    assert repeated[0]["error"]["text"] == f'campaign "K" was handed in before, in {name}'
    daemon.terminate()
    daemon.start()
    third = tmp_path / f"third-{name}"
    third.write_bytes(CONTENTS[name])
    code, said = daemon.command("submit", str(third), "--campaign", "K", "--wait")
    assert code == 0, said
    assert daemon.command("audit")[0] == 0
    daemon.terminate()
    counts = taken(smsc, tally)
    assert set(counts.values()) <= {1}
    assert len(counts) == len(repeated) or taken_in == "unknown"


CONTENTS = {
    "k.csv.gz": gzip.compress(b"to;text\n+34600000001;Hola\n+34600000002;Hola\n"),
    "k.sms": b"To: 34600000001\n\nHola\n",
}
