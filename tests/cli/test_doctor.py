"""`smppd doctor`: each thing that may be wrong, provoked, and told with its cure."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smppd.cli import main
from smppd.cli.diagnosis import network
from smppd.control import ControlUnavailable, ask
from tests.processes import smppd

if TYPE_CHECKING:
    from tests.certificates import Authority

CONFIG = """
[spool]
path = "spool"
min_free = "{min_free}"

[journal]
path = "state/journal.db"

[link.main]
host = "{host}"
port = {port}
system_id = "acme"
password_file = "password"
{more}

[observe]
listen = ""
control = "control.sock"
{sections}
"""
PASSWORD = "s3cr3t-x"


class Patient:
    """A folder with a configuration; `doctor` runs the command on it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.file = folder / "smppd.toml"
        self.password = folder / "password"
        self.password.write_text(f"{PASSWORD}\n")
        self.password.chmod(0o600)
        (folder / "spool").mkdir(mode=0o750)
        (folder / "state").mkdir(mode=0o750)
        self.values = {"host": "127.0.0.1", "port": "9", "min_free": "1KiB"}
        self.more, self.sections = "", ""

    def write(self) -> None:
        """The configuration as it is meant now."""
        self.file.write_text(CONFIG.format(**self.values, more=self.more, sections=self.sections))

    def doctor(self, *words: str) -> dict[str, list[str]]:
        """What was said of each thing: verdict and words. The exit code is kept."""
        self.write()
        self.code = main(["doctor", *words, "--json", "--config", str(self.file)])
        out = self._capsys.readouterr()
        assert PASSWORD not in out.out + out.err
        self.said = json.loads(out.out)
        return {each["what"]: [each["verdict"], each["says"]] for each in self.said}

    def of(self, verdict: str) -> list[str]:
        """The things with such a verdict."""
        return [each["what"] for each in self.said if each["verdict"] == verdict]


@pytest.fixture
def patient(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Patient:
    return Patient(tmp_path, capsys)


@contextmanager
def smsc(*words: str) -> Iterator[str]:
    """A simulated SMSC; its port."""
    with smppd("simulate", "--listen=127.0.0.1:0", *words) as process:
        assert process.stdout is not None
        yield process.stdout.readline().rpartition(":")[2].strip()


# ── the whole ────────────────────────────────────────────────────────────────────────────────


def test_a_sound_installation_is_ok_up_to_the_bind(patient: Patient) -> None:
    with smsc("--system-id=acme", f"--password={PASSWORD}") as port:
        patient.values["port"] = port
        said = patient.doctor()
    assert patient.code == 0
    assert patient.of("wrong") == []
    assert said[f"link main, host 127.0.0.1:{port}"] == ["ok", "is 127.0.0.1"]
    assert said[f"link main, TCP to 127.0.0.1:{port}"][1].startswith("connects in ")
    bound = 'bound as transceiver to "SMSC", and unbound'
    assert said[f"link main, bind at 127.0.0.1:{port}"] == ["ok", bound]
    assert said["sync to the disk of the journal"][1].startswith("takes ")
    assert said["daemon"][0] == "warning"
    assert {each["area"] for each in patient.said} == {
        *("configuration", "permissions", "disk", "network", "daemon", "clock")
    }


def test_people_read_areas_and_what_is_wrong_once_more_at_the_end(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    patient.write()
    assert main(["doctor", "--config", str(patient.file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "configuration"
    assert lines[1] == f"  ok       configuration: {patient.file}"
    wrong = [line for line in lines if line.startswith("  wrong ")]
    assert len(wrong) == 2
    assert wrong[0] == wrong[1] == lines[-1]
    assert lines[-2].startswith("1 wrong, ")
    assert "refuses connections: check host and port" in wrong[0]


def test_a_broken_configuration_keeps_nothing_else_from_being_looked_at(
    patient: Patient,
) -> None:
    patient.more = 'windw = 7\nrate = "fast"'
    patient.doctor()
    assert patient.code == 2
    assert patient.of("wrong") == ["configuration", "configuration"]
    assert "link.main.windw" in patient.said[0]["says"] + patient.said[1]["says"]
    assert "clock, meanwhile" in patient.of("ok")


def test_a_password_that_is_missing_is_wrong_and_the_rest_goes_on(patient: Patient) -> None:
    patient.password.unlink()
    with smsc() as port:
        patient.values["port"] = port
        said = patient.doctor()
    assert patient.code == 2
    assert "write the password into it" in said["link main, password"][1]
    assert said[f"link main, TCP to 127.0.0.1:{port}"][0] == "ok"


# ── the network ──────────────────────────────────────────────────────────────────────────────


def test_each_layer_that_fails_is_named(patient: Patient) -> None:
    patient.values["host"] = "smsc.invalid"
    said = patient.doctor()
    assert said["link main, host smsc.invalid:9"][0] == "wrong"
    assert "the DNS" in said["link main, host smsc.invalid:9"][1]
    assert not any("TCP" in what or "bind" in what for what in said)
    patient.values["host"] = "127.0.0.1"
    said = patient.doctor()
    assert said["link main, TCP to 127.0.0.1:9"][0] == "wrong"
    assert not any("bind" in what for what in said)


def test_a_wrong_password_is_told_with_its_status_and_cure(patient: Patient) -> None:
    with smsc("--system-id=acme", "--password=another") as port:
        patient.values["port"] = port
        verdict, says = patient.doctor()[f"link main, bind at 127.0.0.1:{port}"]
    assert (patient.code, verdict) == (1, "wrong")
    assert says.startswith("refused with ESME_R")
    assert "password" in says


def test_certificates_are_judged(patient: Patient, authority: Authority) -> None:
    now = datetime.now(UTC)
    good = authority.issue("127.0.0.1")
    soon = authority.issue("127.0.0.1", not_after=now + timedelta(days=3))
    old = authority.issue("127.0.0.1", not_after=now - timedelta(days=1))
    other = authority.issue("smpp.example.net")
    ca = f'tls = true\ntls_ca_file = "{authority.file}"'
    for pem, more, verdict, words in (
        (good, ca, "ok", "TLSv1.3"),
        (good, ca, "ok", "a certificate for 127.0.0.1, signed by "),
        (soon, ca, "warning", "days from now: ask the provider to renew it"),
        (old, ca, "wrong", "has expired: the provider must renew it"),
        (other, ca, "wrong", "is not for 127.0.0.1: set tls_server_name"),
        (good, "tls = true", "wrong", "set tls_ca_file to the provider's CA"),
        (good, "tls = true\ntls_verify = false", "warning", "nobody knows with whom"),
    ):
        patient.more = more
        with smsc(f"--tls-cert={pem.cert}", f"--tls-key={pem.key}") as port:
            patient.values["port"] = port
            found = patient.doctor()[f"link main, TLS at 127.0.0.1:{port}"]
        assert found[0] == verdict
        assert words in found[1]


def test_a_server_that_says_nothing_costs_its_time_and_no_more(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "BIND_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        patient.values["port"] = str(port)
        verdict, says = patient.doctor()[f"link main, bind at 127.0.0.1:{port}"]
    assert (verdict, says) == ("wrong", "came to no end within 0.2 s: ask the provider")


def test_a_webhooks_server_is_looked_at(patient: Patient, authority: Authority) -> None:
    (patient.folder / "secret").write_text("0123456789abcdef0123456789abcdef")
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]

        def hang_up() -> None:
            there.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        patient.sections = f"""
[webhook.crm]
url = "https://localhost:{port}/x"
secret_file = "secret"
events = ["delivered"]
"""
        said = patient.doctor()
        thread.join()
    assert said["webhook crm, host localhost"][0] == "ok"
    verdict, says = said[f"webhook crm, TLS at 127.0.0.1:{port}"]
    assert verdict == "wrong"
    assert says.endswith("check the url, its certificate and tls_ca_file")


# ── the machine ──────────────────────────────────────────────────────────────────────────────


def test_too_little_room_is_wrong(patient: Patient) -> None:
    patient.values["min_free"] = "1024GiB"
    verdict, says = patient.doctor()["room for the spool"]
    assert verdict == "wrong"
    assert says.endswith(
        "less than min_free, 1,048,576 MiB: free space, or nothing more is claimed"
    )


def test_a_folder_that_hangs_is_given_up(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr("smppd.cli.doctor.PATIENCE", 0.1)
    monkeypatch.setattr("smppd.cli.diagnosis.disk.room", lambda *_: go_on.wait(20))
    said = patient.doctor()
    go_on.set()
    hung = said[f"spool {patient.folder}/spool"]
    assert hung[0] == "wrong"
    assert "came to no end within 0.1 s" in hung[1]
    assert said["inotify"][0] == "ok"


def test_what_everybody_may_read_or_change_is_spoken_of(patient: Patient) -> None:
    patient.doctor()
    patient.file.chmod(0o666)
    patient.password.chmod(0o644)
    (patient.folder / "spool").chmod(0o755)
    (patient.folder / "spool" / "inbox").chmod(0o777)
    (patient.folder / "spool" / "done").chmod(0o755)
    journal = patient.folder / "state" / "journal.db"
    journal.touch()
    (patient.folder / "state").chmod(0o777)
    patient.doctor()
    said = [f"{each['verdict']} {each['says']}" for each in patient.said]
    for words in (
        f"wrong every user may change {patient.file}: chmod o-w",
        f"warning every user may read {patient.password}: chmod o=",
        f"wrong every user may put messages into {patient.folder}/spool/inbox",
        f"warning every user may look into {patient.folder}/spool/done",
        f"wrong every user may change what is in {patient.folder}/state",
        f"wrong every user may put another file in the place of {journal}",
    ):
        assert any(each.startswith(words) for each in said), words


def test_an_access_control_list_is_not_passed_over(patient: Patient) -> None:
    """The bits say root and its group; the list lets nobody (65534) read as well."""
    entries = [(1, 6, -1), (2, 4, 65534), (4, 0, -1), (0x10, 4, -1), (0x20, 0, -1)]
    found = b"".join(struct.pack("<HHi", *each) for each in entries)
    try:
        os.setxattr(patient.password, "system.posix_acl_access", struct.pack("<I", 2) + found)
    except OSError as error:
        pytest.skip(f"no access control lists here: {error.strerror}")
    verdict, says = patient.doctor()["password of link main"]
    assert verdict == "ok"
    assert says.endswith(f"whoever its access control list names (getfacl {patient.password})")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_hears_what_he_may_not_and_of_no_secret(tmp_path: Path) -> None:
    """As `nobody`, in a process of its own, in a folder of root's that he may pass through."""
    folder = Path("/tmp") / f"smppd-doctor-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / "spool").mkdir(mode=0o700)
        (folder / "state").mkdir(mode=0o700)
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o600)
        values = {"host": "127.0.0.1", "port": "9", "min_free": "1KiB"}
        (folder / "smppd.toml").write_text(CONFIG.format(**values, more="", sections=""))
        code, said = _as_nobody(folder)
    finally:
        subprocess.run(["rm", "-r", str(folder)], check=True)
    found = {each["what"]: [each["verdict"], each["says"]] for each in said}
    assert code == 2
    assert found["link main, password"][0] == "wrong"
    assert "Permission denied" in found["link main, password"][1]
    assert found[f"spool {folder}/spool"][0] == "wrong"
    assert f"journal {folder}/state/journal.db" in found
    assert any("run doctor as root" in each["says"] for each in said)


def _as_nobody(folder: Path) -> tuple[int, list[dict[str, Any]]]:
    """The program may lie where nobody may go: so it is run once before, and then all of it is
    there."""
    program = (
        "import contextlib, io, os, sys\n"
        "from smppd.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()): main(sys.argv[1:])\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["doctor", "--json", "--config", str(folder / "smppd.toml")]
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk_and_one_in_memory_are_spoken_of(patient: Patient) -> None:
    place = patient.folder / "state"
    mounted = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("may mount no tmpfs here")
    try:
        with pytest.raises(OSError, match="space"):
            (place / "fill").write_bytes(bytes(1 << 20))
        said = patient.doctor()
    finally:
        subprocess.run(["umount", str(place)], check=True)
    assert said["filesystem of the journal"][0] == "warning"
    assert "is in memory" in said["filesystem of the journal"][1]
    assert said["room for the journal"][0] == "wrong"
    assert said["sync to the disk of the journal"][0] == "wrong"
    assert "No space left" in said["sync to the disk of the journal"][1]


# ── a test message ───────────────────────────────────────────────────────────────────────────

NUMBER = "+34600000001"
ACCOUNT = ("--system-id=acme", f"--password={PASSWORD}", "--receipt-delay=50ms")


@pytest.mark.parametrize(
    ("answered", "named", "bind", "form"),
    [
        ("decimal", "decimal", "transceiver", "exact"),
        ("hex", "decimal", "transceiver", "hex-decimal"),
        ("hex", "hex_upper", "transmitter+receiver", "folded"),
        ("decimal", "hex", "transceiver", "decimal-hex"),
    ],
)
def test_a_test_message_tells_how_receipts_name_messages(
    patient: Patient, answered: str, named: str, bind: str, form: str
) -> None:
    patient.more = f'bind = "{bind}"'
    forms = (f"--answer-id-form={answered}", f"--receipt-id-form={named}", "--first-id=44001")
    with smsc(*ACCOUNT, *forms, "--mo-count=2") as port:
        patient.values["port"] = port
        said = patient.doctor("--send-test", NUMBER)
        patient.more = f'bind = "{bind}"\nmessage_id_form = "{form}"'
        again = patient.doctor("--send-test", NUMBER)
        other = "folded" if form == "exact" else "exact"
        patient.more = f'bind = "{bind}"\nmessage_id_form = "{other}"'
        wrong = patient.doctor("--send-test", NUMBER)
    assert said["test message"][0] == "ok"
    assert said["test message"][1].startswith("was taken over main as ")
    assert said["test message, receipt"] == ["ok", "says that it was delivered"]
    assert said["link main, message_id_form"] == ["ok", form]
    assert again["link main, message_id_form"] == ["ok", form]
    verdict, says = wrong["link main, message_id_form"]
    assert verdict == "wrong"
    assert (
        says == f'is {form}, and {other} is configured: set message_id_form = "{form}", or "auto"'
    )


def test_what_keeps_a_test_message_is_told(patient: Patient) -> None:
    patient.doctor("--send-test", "12")
    assert "test message" in patient.of("wrong")
    with smsc(*ACCOUNT, "--answer-status=0x0B=1") as port:
        patient.values["port"] = port
        verdict, says = patient.doctor("--send-test", NUMBER)["test message"]
    assert verdict == "wrong"
    assert says.startswith("refused with ESME_RINVDSTADR: ")
    with smsc(*ACCOUNT, "--receipt-never=1") as port:
        patient.values["port"] = port
        said = patient.doctor("--send-test", NUMBER, "--timeout=300ms")
    assert said["test message"][0] == "ok"
    assert said["test message, receipt"][0] == "warning"
    assert "none within 0.3 s" in said["test message, receipt"][1]


def test_beside_a_running_daemon_it_goes_through_the_spool(patient: Patient) -> None:
    with smsc(*ACCOUNT, "--answer-id-form=hex", "--receipt-id-form=decimal", "--first-id=44001",
              "--bind-most=1") as port:  # fmt: skip
        patient.values["port"] = port
        patient.write()
        with smppd("run", "--config", str(patient.file)) as daemon:
            while not _bound(patient.folder / "control.sock"):
                assert daemon.poll() is None
                time.sleep(0.05)
            said = patient.doctor("--send-test", NUMBER)
            assert patient.code == 0, said
            daemon.terminate()
            assert daemon.wait(60) == 0
    assert said["link main, bind"] == ["ok", "is bound by the running daemon"]
    assert said["daemon, accounts"][1].startswith("balance: ")
    assert said["test message"][1].startswith("doctor-")
    assert said["test message, receipt"] == ["ok", "says that it was delivered"]
    form = "hex-decimal, as its receipts showed"
    assert said["link main, message_id_form"] == ["ok", form]
    done = list((patient.folder / "spool" / "done").glob("*/doctor-*.results.jsonl"))
    assert len(done) <= 1


def _bound(control: Path) -> bool:
    """Whether a daemon answers there whose link is bound."""
    try:
        sessions = ask(control, "status")["links"][0]["sessions"]
    except ControlUnavailable:
        return False
    return bool(sessions) and sessions[0]["state"].startswith("bound")


def test_a_name_cannot_steer_the_terminal(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    """A title or a cleared screen in the name of a folder, as a member may have made it."""
    name = "sp\x1b[2J\x1b]0;owned\x07ool"
    (patient.folder / name).mkdir()
    patient.write()
    text = patient.file.read_text().replace('path = "spool"', f"path = {json.dumps(name)}")
    patient.file.write_text(text)
    main(["doctor", "--config", str(patient.file)])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert r"sp\x1b[2J" in shown
