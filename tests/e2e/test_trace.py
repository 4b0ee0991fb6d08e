"""`smppd trace` of a real daemon, read with tshark: it counts what the SMSC saw, and finds no password, no text
and no number."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import PASSWORD
from tests.processes import simulator

if TYPE_CHECKING:
    from tests.certificates import Authority
    from tests.e2e.conftest import Daemon, DaemonFactory, Smsc, SmscFactory

TSHARK = shutil.which("tshark")
needs_tshark = pytest.mark.skipif(TSHARK is None, reason="tshark, of Debian's package, is not here")
pytestmark = needs_tshark

TEXT = "the quick brown fox"
NUMBER = "34600123"
MESSAGES = 50
#: Of every command_id that is expected.
SUBMIT, SUBMIT_RESP, DELIVER, DELIVER_RESP = 4, 0x80000004, 5, 0x80000005
BIND, BIND_RESP, UNBIND, UNBIND_RESP = 9, 0x80000009, 6, 0x80000006


def tshark(file: Path, *words: str) -> str:
    assert TSHARK is not None
    # The port is any free one: what else may be registered for it is not asked.
    command = [TSHARK, "-r", str(file), "-n", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands(file: Path, port: int) -> Counter[int]:
    """How many PDUs of each kind Wireshark finds: a packet each."""
    fields = ("-T", "fields", "-e", "smpp.command_id")
    lines = tshark(file, "-d", f"tcp.port=={port},smpp", "-Y", "smpp", *fields).split()
    return Counter(int(line, 0) for line in lines)


def messages() -> list[dict[str, object]]:
    return [{"to": f"+{NUMBER}{n:03d}", "text": f"{TEXT} {n}"} for n in range(MESSAGES)]


def tallied(smsc: Smsc, tally: Path) -> dict[str, Any]:
    """What the SMSC saw, once it has ended."""
    smsc.stop()
    found: dict[str, Any] = json.loads(tally.read_text())
    return found


def simulated(smsc_factory: SmscFactory, tally: Path, *options: str) -> Smsc:
    return smsc_factory(simulator(f"--tally-file={tally}", "--receipt-delay=50ms", *options))


def traced(daemon: Daemon, *options: str) -> Path:
    """Begin a trace; its file."""
    status, answer = daemon.command("trace", "main", *options)
    assert status == 0, answer
    folder, (name,) = answer["folder"], answer["files"]
    return Path(folder, name)


@pytest.mark.parametrize("secured", [False, True])
def test_wireshark_counts_what_the_smsc_saw(
    smsc_factory: SmscFactory,
    daemon_factory: DaemonFactory,
    authority: Authority,
    tmp_path: Path,
    *,
    secured: bool,
) -> None:
    options: list[str] = []
    keys: dict[str, Any] = {"enquire_link_interval": "10m", "sessions": 2}
    if secured:
        theirs = authority.issue("smsc.example.net")
        options += [f"--tls-cert={theirs.cert}", f"--tls-key={theirs.key}"]
        keys |= {"tls": True, "tls_ca_file": str(authority.file)}
        keys |= {"tls_server_name": "smsc.example.net"}
    tally = tmp_path / "tally.json"
    smsc = simulated(smsc_factory, tally, *options)
    daemon = daemon_factory(smsc.port, link=keys)
    daemon.start()
    daemon.wait(
        lambda: [s["state"] for s in daemon.status()["links"][0]["sessions"]] == ["bound_trx"] * 2,
        "both",
    )
    file = traced(daemon)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    daemon.submit(messages())
    daemon.wait_report()
    (figures,) = daemon.status()["traces"]
    assert figures["link"] == "main"
    assert f"uid {os.geteuid()}" in figures["who"]
    (kept,) = daemon.command("operators", "--command", "trace")[1]["commands"]
    assert kept["told"] == f"link main, folder {file.parent}, readable no"
    daemon.terminate()
    (ended,) = daemon.events("trace_ended")
    seen = tallied(smsc, tally)
    assert (
        seen["submits"] == seen["receipts"]["sent"] == seen["receipts"]["acknowledged"] == MESSAGES
    )
    found = commands(file, smsc.port)
    assert found == {
        SUBMIT: seen["submits"],
        SUBMIT_RESP: seen["submits"],
        DELIVER: seen["receipts"]["sent"],
        DELIVER_RESP: seen["receipts"]["acknowledged"],
        UNBIND: seen["unbinds"],
        UNBIND_RESP: seen["unbinds"],
    }
    assert (ended["pdus"], ended["reason"]) == (found.total(), "smppd stops")
    octets = file.read_bytes()
    assert not [secret for secret in (PASSWORD, TEXT, NUMBER) if secret.encode() in octets]
    # The addresses are the true ones, nothing was malformed, lost or sent again, and each sum is right.
    checks = ("-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE")
    bad = "_ws.malformed or tcp.analysis.flags or ip.checksum.status==0 or tcp.checksum.status==0"
    assert tshark(file, *checks, "-d", f"tcp.port=={smsc.port},smpp", "-Y", bad) == ""
    ends = tshark(file, "-Y", f"ip.src==127.0.0.1 and tcp.port=={smsc.port}")
    assert len(ends.splitlines()) == len(tshark(file).splitlines())


def test_a_trace_from_the_first_octet_with_texts_and_without_the_password(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    smsc = simulated(
        smsc_factory,
        tmp_path / "tally.json",
        "--bind-refuse-first=2",
        "--bind-refuse-status=ESME_RSYSERR",
    )
    daemon = daemon_factory(smsc.port, link={"reconnect_min": "1s", "reconnect_max": "1s"})
    daemon.start(bound=False)
    folder = tmp_path / "here"
    folder.mkdir()
    file = traced(daemon, "--text", "--into", str(folder))
    assert file.parent == folder
    daemon.wait(lambda: daemon.bound, "a bind")
    daemon.submit(messages())
    daemon.wait_report()
    status, answer = daemon.command("trace", "main", "--stop")
    assert (status, answer["readable"]) == (0, True)
    daemon.wait(lambda: daemon.events("trace_ended"), "the end of the trace")
    _, commanded = daemon.command("operators")
    assert "readable yes" in json.dumps(commanded)
    daemon.terminate()
    found = commands(file, smsc.port)
    assert found[SUBMIT] == found[DELIVER] == MESSAGES
    assert found[BIND] == found[BIND_RESP] >= 1
    octets = file.read_bytes()
    assert PASSWORD.encode() not in octets
    assert octets.count(f"{TEXT} 7".encode()) >= 1
    assert octets.count(f"{NUMBER}007".encode()) >= 1


def test_a_trace_beside_a_log_is_readable_when_the_daemon_was_killed_in_the_middle(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    smsc = simulated(smsc_factory, tmp_path / "tally.json")
    daemon = daemon_factory(smsc.port, link={"sessions": 3})
    daemon.start()
    file = traced(daemon)
    status, answer = daemon.command("trace", "main", "--into", str(tmp_path))
    assert status == 1
    assert "link main is traced already; end that with smppd trace --stop main" in answer
    assert daemon.command("log-level", "debug", "--link", "main")[0] == 0
    daemon.submit([{"to": f"+{NUMBER}{n:05d}", "text": f"{TEXT} {n}"} for n in range(5_000)])
    daemon.wait(lambda: file.stat().st_size > 200_000, "some of it on the disk")
    daemon.kill()
    logged = Counter(line["pdu"] for line in daemon.events("pdu_passed"))
    found = commands(file, smsc.port)
    for command, name in ((SUBMIT, "submit_sm"), (SUBMIT_RESP, "submit_sm_resp")):
        assert 100 < found[command] <= logged[name]
    sessions = tshark(file, "-d", f"tcp.port=={smsc.port},smpp", "-T", "fields", "-e", "tcp.stream")
    assert set(sessions.split()) == {"0", "1", "2"}
    bad = "_ws.malformed or tcp.analysis.flags"
    assert tshark(file, "-d", f"tcp.port=={smsc.port},smpp", "-Y", bad) == ""
    # The next life traces into a file of its own.
    daemon.start()
    assert daemon.status()["traces"] == []
    assert traced(daemon) != file
    daemon.terminate()


def test_what_cannot_be_traced_is_one_line(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    smsc = simulated(smsc_factory, tmp_path / "tally.json")
    daemon = daemon_factory(smsc.port)
    daemon.start()
    inbox = daemon.spool / "inbox"
    for words, said in {
        ("other",): "there is no link other; there are main",
        ("main", "--stop"): "link main is not traced",
        ("main", "--into", str(tmp_path / "none")): "is no folder that smppd sees: make it first",
        ("main", "--into", f"/{'x' * 5000}"): "File name too long: choose a folder of the daemon's",
        ("main", "--into", str(inbox)): "is in the spool, where files are handed in",
        ("main", "--seconds", "2d"): "at most 86,400 seconds",
    }.items():
        status, answer = daemon.command("trace", *words)
        assert status == 1, words
        assert said in answer, words
        assert len(answer.splitlines()) == 1, words
    status, answer = daemon.command("trace", "main", "--stop", "--text")
    assert (status, len(answer.splitlines())) == (2, 1)
    assert not (daemon.folder / "traces").exists() or not list((daemon.folder / "traces").iterdir())
    daemon.terminate()
