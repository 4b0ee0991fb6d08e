"""smppd as a service of a real systemd, which is booted in namespaces for it; see `machine.py`."""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from smppd.control import ControlRefused, ControlUnavailable, ask
from tests.e2e.machine import Machine, why_not

pytestmark = pytest.mark.skipif(bool(why := why_not()), reason=f"a systemd of its own: {why}")

UNIT = "smppd.service"
SMPPD = "/opt/smppd/bin/smppd"
SPOOL = "/var/spool/smppd"
PORT = 2775
#: ptrace(2), waitpid(2).
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
PASSWORD = "5ecret"
LINK = """\
host = "127.0.0.1"
system_id = "peer"
password_file = "password"
reconnect_min = "50ms"
reconnect_max = "200ms"
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine() as booted:
        yield booted


class Service:
    """The unit, its files, and an SMSC beside it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        etc = machine.path("/etc/smppd")
        etc.mkdir(exist_ok=True)
        self.config = etc / "smppd.toml"
        self.configure(f"[link.main]\nport = {PORT}\n{LINK}")
        password = etc / "password"
        password.write_text(f"{PASSWORD}\n")
        password.chmod(0o600)
        self.drop_in = machine.path(f"/etc/systemd/system/{UNIT}.d/test.conf")

    def configure(self, links: str, name: str = "") -> None:
        """Write the configuration of the daemon, or of this instance. What stands before the first
        section is of [observe]."""
        of = f"-{name}" if name else ""
        self.config.with_name(f"{name or 'smppd'}.toml").write_text(f"""\
[spool]
path = "{SPOOL}{of}"
poll_interval = "100ms"
settle = "100ms"
[journal]
path = "/var/lib/smppd{of}/journal.db"
[observe]
listen = ""
control = "/run/smppd{of}/control.sock"
{links}""")

    def override(self, settings: str) -> None:
        """As `systemctl edit` does."""
        self.drop_in.parent.mkdir(exist_ok=True)
        self.drop_in.write_text(f"[Service]\n{settings}\n")
        self.machine.check("systemctl", "daemon-reload")

    def simulate(self, *words: str, port: int = PORT) -> None:
        """An SMSC on this port there."""
        unit, address = f"smsc-{port}", f"127.0.0.1:{port}"
        options = ["--system-id=peer", f"--password={PASSWORD}", *words]
        run = ["systemd-run", "--quiet", f"--unit={unit}", "-p", "KillMode=mixed"]
        self.machine.check(*run, SMPPD, "simulate", f"--listen={address}", *options)
        listening = f"listening on {address}"
        self.machine.wait(lambda: listening in self.machine.journal(unit), listening)

    def start(self) -> None:
        self.machine.check("systemctl", "start", UNIT)

    def show(self, name: str, unit: str = UNIT) -> str:
        return self.machine.show(unit, name)

    @property
    def log(self) -> str:
        return self.machine.journal(UNIT)

    def status(self) -> dict[str, Any]:
        """As the control socket says; empty while nobody does."""
        try:
            return ask(self.machine.path("/run/smppd/control.sock"), "status")
        except (ControlUnavailable, ControlRefused):
            return {}

    def delivered(self) -> int:
        return int(self.status().get("states", {}).get("delivered", 0))

    def hand_in(self, count: int, name: str = "batch.jsonl", more: str = "") -> None:
        """So many messages, as somebody in the group does."""
        line = b'{"to": "+34600%06d", "text": "Hola", "id": "m%d"' + more.encode() + b"}\n"
        draft = self.machine.path(f"{SPOOL}/inbox/tmp/{name}")
        draft.write_bytes(b"".join(line % (n, n) for n in range(count)))
        draft.chmod(0o644)
        draft.rename(self.machine.path(f"{SPOOL}/inbox/{name}"))

    def report(self, name: str = "batch.jsonl") -> Mapping[str, int]:
        """How many messages of a file came to which state, once it is reported."""
        folder = self.machine.path(SPOOL) / "done"
        place = self.machine.wait(
            lambda: next(folder.glob(f"*/{name}.report.json"), None), f"report of {name}"
        )
        states: Mapping[str, int] = json.loads(place.read_text())["states"]
        return states

    def arrived(self, tally: str) -> int:
        """How many messages an SMSC that has ended took, none of them twice."""
        messages = json.loads(self.machine.path(f"/tmp/{tally}").read_text())["messages"]
        assert set(messages.values()) == {1}
        return len(messages)

    def audit(self) -> None:
        """Every message is accounted for."""
        self.machine.check(SMPPD, "audit", user="smppd")

    def clean_up(self) -> None:
        """As it was before."""
        run = self.machine.run
        run("systemctl", "kill", "-s", "KILL", UNIT)
        run("systemctl", "stop", UNIT, "smppd@north.service", "smsc-2775", "smsc-2776")
        self.drop_in.unlink(missing_ok=True)
        run("systemctl", "daemon-reload")
        run("systemctl", "reset-failed")
        places = [f"{SPOOL}-north", "/var/lib/smppd-north", "/var/lib/smppd", "/etc/smppd", SPOOL]
        run("rm", "-rf", *places)
        run("systemd-tmpfiles", "--create", "smppd.conf")
        run("journalctl", "--rotate")
        run("journalctl", "--vacuum-time=1us")


@pytest.fixture
def service(machine: Machine) -> Iterator[Service]:
    made = Service(machine)
    try:
        yield made
    finally:
        sys.stdout.write(made.log)  # pytest shows it where the test failed
        sys.stdout.write(machine.journal("smppd@north.service"))
        made.clean_up()


# ── the unit as it is written ────────────────────────────────────────────────────────────────


def test_the_units_have_no_mistake(machine: Machine) -> None:
    units = [f"/etc/systemd/system/{name}" for name in ("smppd.service", "smppd@.service")]
    # The man pages that they name come with the package, which tests them.
    done = machine.run("systemd-analyze", "verify", "--man=no", *units)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_is_left_of_the_machine_whatever_happens() -> None:
    mounts = Path("/proc/self/mounts").read_text()
    left: list[Path] = []

    def use() -> None:
        with Machine() as machine:
            machine.check("systemd-run", "--quiet", "--unit=sleeper", "sleep", "1000")
            pid = machine.root.parent
            left.extend([pid, machine.folder, machine.cgroup])
            assert all(place.exists() for place in left)
            inside = machine.cgroup.rglob("cgroup.procs")
            left.extend(Path("/proc", each) for file in inside for each in file.read_text().split())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use()
    assert len(left) > 5
    assert [place for place in left if place.exists()] == []
    assert Path("/proc/self/mounts").read_text() == mounts


# ── starting ─────────────────────────────────────────────────────────────────────────────────


def test_ready_when_bound_and_with_no_right_that_it_does_not_need(service: Service) -> None:
    service.simulate()
    service.start()
    assert service.show("ActiveState") == "active"
    assert service.show("StatusText") == "1 of 1 links bound; 0 messages queued"
    service.hand_in(200)
    assert service.report() == {"delivered": 200}
    pid = service.show("MainPID")
    told = dict(
        line.split(":\t", 1)
        for line in service.machine.check("cat", f"/proc/{pid}/status").splitlines()
        if ":\t" in line
    )
    assert (told["Seccomp"], told["NoNewPrivs"]) == ("2", "1")
    assert {told[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert "0" not in told["Uid"].split()
    environment = service.machine.check("cat", f"/proc/{pid}/environ")
    assert PASSWORD not in environment
    assert "faulthandler" in environment.lower()
    service.machine.check("systemctl", "stop", UNIT)
    assert service.show("Result") == "success"
    service.audit()


def test_metrics_tell_of_the_process_although_the_unit_hides_proc(service: Service) -> None:
    text = service.config.read_text()
    service.config.write_text(text.replace('listen = ""', 'listen = "127.0.0.1:9775"'))
    service.simulate()
    service.start()
    fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9775/metrics').read().decode())"
    told = service.machine.check("/opt/smppd/bin/python", "-c", fetch, user="mallory")
    process = dict(re.findall(r"^(process_\w+) (\S+)$", told, re.MULTILINE))
    assert process.keys() == {
        *("process_cpu_seconds_total", "process_start_time_seconds", "process_open_fds"),
        *("process_virtual_memory_bytes", "process_resident_memory_bytes", "process_max_fds"),
    }
    assert all(float(value) > 0 for value in process.values())


def test_ready_without_a_link_says_which_and_why(service: Service) -> None:
    service.configure(
        f"[link.main]\nport = {PORT}\n{LINK}[link.other]\nport = {PORT + 1}\n{LINK}"
        '[routing]\n[[routing.route]]\nname = "all"\nlinks = ["main"]\n'
    )
    service.override("TimeoutStartSec=3")  # it asks for the time that it needs
    service.simulate()
    service.machine.check("systemctl", "start", "--no-block", UNIT)
    half = "1 of 2 links bound; 0 messages queued; link other is not bound: "
    service.machine.wait(lambda: half in service.show("StatusText"), half)
    assert service.show("ActiveState") == "activating"
    service.hand_in(10)  # work does not wait for it
    assert service.report() == {"delivered": 10}
    assert service.show("ActiveState") == "activating"
    service.machine.wait(lambda: service.show("ActiveState") == "active", "readiness")
    status = service.show("StatusText")
    assert status.startswith(half)
    assert f"127.0.0.1:{PORT + 1} refuses connections" in status
    service.simulate(port=PORT + 1)
    whole = "2 of 2 links bound; 0 messages queued"
    service.machine.wait(lambda: service.show("StatusText") == whole, whole)


@pytest.mark.parametrize(
    ("file", "said"),
    [("smppd.toml", "spool.pth"), ("password", "cannot read /etc/smppd/password (No such file")],
)
def test_a_wrong_configuration_is_said_once(service: Service, file: str, said: str) -> None:
    wrong = service.config.with_name(file)
    if file == "password":
        wrong.unlink()
    else:
        wrong.write_text("[spool]\npth = 1\n")
    assert service.machine.run("systemctl", "start", UNIT).returncode != 0
    assert service.show("ActiveState") == "failed"
    assert service.show("ExecMainStatus") == "2"
    assert service.show("NRestarts") == "0"
    assert said in service.log
    assert "Traceback" not in service.log


def test_what_the_manual_writes_into_the_configuration_starts_and_can_be_checked_when_stopped(
    service: Service,
) -> None:
    """The password that only root may read is named with its folder."""
    named = service.config.read_text().replace('"password"', '"/etc/smppd/password"')
    service.config.write_text(named)
    service.simulate()
    service.start()
    assert service.show("StatusText").startswith("1 of 1 links bound")
    service.machine.check("systemctl", "reload", UNIT)
    service.machine.check("systemctl", "stop", UNIT)
    service.machine.check(SMPPD, "check")


# ── three in the morning ─────────────────────────────────────────────────────────────────────


def test_killed_it_is_started_again_and_nothing_is_lost(service: Service) -> None:
    service.simulate("--answer-latency=20ms", "--tally-file=/tmp/tally")
    service.start()
    service.hand_in(3000)
    service.machine.wait(lambda: service.delivered() > 500, "some receipts")
    service.machine.check("systemctl", "kill", "--kill-whom=main", "-s", "KILL", UNIT)
    service.machine.wait(lambda: service.show("NRestarts") == "1", "restart")
    service.machine.wait(lambda: service.show("ActiveState") == "active", "readiness")
    states = service.report()
    assert states.keys() <= {"delivered", "unknown"}
    assert sum(states.values()) == 3000
    assert states.get("unknown", 0) <= 20  # a window and what was on its way to it
    service.machine.check("systemctl", "stop", UNIT, f"smsc-{PORT}")
    assert states["delivered"] <= service.arrived("tally") <= 3000
    service.audit()


def test_stuck_it_is_started_again_and_says_where(service: Service) -> None:
    service.override("WatchdogSec=2")
    service.simulate()
    service.start()
    pid = int(service.show("MainPID"))
    service.machine.check("kill", "-STOP", str(pid))
    service.hand_in(50)
    service.machine.wait(lambda: service.show("NRestarts") == "1", "restart")
    service.machine.wait(lambda: service.show("ActiveState") == "active", "readiness")
    assert service.report() == {"delivered": 50}
    assert "Watchdog timeout" in service.log
    assert re.search(r'File ".*/smppd/cli/run\.py", line \d+ in run', service.log)
    stuck = [line for line in service.log.splitlines() if "Watchdog timeout" in line]
    pid = int(service.show("MainPID"))
    # The new one is fed: it lives for several times as long.
    after = float(service.show("ExecMainStartTimestampMonotonic")) / 1e6
    lived = lambda: float(Path("/proc/uptime").read_text().split()[0]) - after > 8  # noqa: E731
    service.machine.wait(lived, "eight seconds")
    assert int(service.show("MainPID")) == pid
    assert [line for line in service.log.splitlines() if "Watchdog timeout" in line] == stuck


def test_a_journal_that_does_not_come_back_is_no_life(service: Service) -> None:
    """Its threads are held, as on a disk that does not answer, while the event loop turns."""
    service.override("WatchdogSec=2")
    service.simulate()
    service.start()
    pid = service.machine.pid_here(UNIT)
    with held(lambda: [each for each in threads_of(pid) if each != pid]) as all_gone:
        service.hand_in(50)
        assert service.status()["pid"] > 0  # alive, by the looks of it
        service.machine.wait(all_gone, "end")
    service.machine.wait(lambda: service.show("NRestarts") == "1", "restart")
    assert "Watchdog timeout" in service.log
    service.machine.wait(lambda: service.show("ActiveState") == "active", "readiness")
    assert service.report() == {"delivered": 50}
    service.machine.check("systemctl", "stop", UNIT)
    service.audit()


def threads_of(pid: int) -> list[int]:
    """The threads of a process."""
    return [int(each.name) for each in Path(f"/proc/{pid}/task").iterdir()]


@contextmanager
def held(threads: Callable[[], list[int]]) -> Iterator[Callable[[], bool]]:
    """Hold these threads for so long (ptrace(2)), also those that come to be meanwhile; gives what tells
    whether all have been ended. It must be asked, for until then their process is not gone."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    chosen, ended = list[int](), set[int]()

    def hold_new() -> None:
        for thread in set(threads()) - ended - set(chosen):
            if ptrace(PTRACE_SEIZE, thread, None, None) == 0:
                assert ptrace(PTRACE_INTERRUPT, thread, None, None) == 0
                os.waitpid(thread, WALL)
                chosen.append(thread)

    def all_gone() -> bool:
        with suppress(FileNotFoundError):
            hold_new()
        for thread in list(chosen):
            found, status = os.waitpid(thread, WALL | os.WNOHANG)
            if found and not os.WIFSTOPPED(status):
                chosen.remove(thread)
                ended.add(thread)
        return not chosen

    hold_new()
    assert chosen
    try:
        yield all_gone
    finally:
        for thread in chosen:
            ptrace(PTRACE_DETACH, thread, None, None)


def test_a_stop_under_load_drains(service: Service) -> None:
    """However short TimeoutStopSec is: what a link's drain_timeout allows is asked for."""
    service.override("TimeoutStopSec=1")
    service.simulate("--answer-latency=3s", "--tally-file=/tmp/before")
    service.configure(f"[link.main]\nport = {PORT}\nwindow = 50\n{LINK}")
    service.start()
    service.hand_in(500, more=', "receipt": false')
    service.machine.wait(
        lambda: service.status().get("states", {}).get("sending", 0) >= 50, "a full window"
    )
    service.machine.check("systemctl", "stop", UNIT)
    assert service.show("Result") == "success"
    assert service.show("ExecMainStatus") == "0"
    service.audit()
    service.machine.check("systemctl", "stop", f"smsc-{PORT}")
    service.simulate("--tally-file=/tmp/after")
    service.start()
    assert service.report() == {"sent": 500}
    service.machine.check("systemctl", "stop", f"smsc-{PORT}")
    assert service.arrived("before") + service.arrived("after") == 500


# ── reloading ────────────────────────────────────────────────────────────────────────────────


def test_a_reload_is_waited_for_and_fails_where_the_file_is_refused(service: Service) -> None:
    service.simulate()
    service.start()
    before = service.show("MainPID"), service.status()["links"][0]["connects"]
    service.configure(f"[link.main]\nport = {PORT}\nrate = 100\n{LINK}")
    service.machine.check("systemctl", "reload", UNIT)
    (link,) = service.status()["links"]
    assert link["rate"] == 100.0
    service.configure(f"[link.main]\nprt = {PORT}\n{LINK}")
    refused = service.machine.run("systemctl", "reload", UNIT)
    assert refused.returncode != 0
    assert "prt" in service.log
    service.machine.check("kill", "-HUP", service.show("MainPID"))
    twice = lambda: service.log.count("prt") > 1  # noqa: E731
    service.machine.wait(twice, "the same of the signal")
    assert service.show("ActiveState") == "active"
    assert service.show("StatusText").startswith("1 of 1 links bound")
    assert (service.show("MainPID"), service.status()["links"][0]["connects"]) == before


# ── who may do what ──────────────────────────────────────────────────────────────────────────


def test_who_hands_in_reads_results_and_may_do_nothing_else(service: Service) -> None:
    check, run = service.machine.check, service.machine.run
    service.simulate()
    service.start()
    shell = "umask 077; exec"
    submit = f"{SMPPD} submit --to +34600000001 --text Hola --wait"
    assert "delivered" in check("sh", "-c", f"{shell} {submit}", user="alice")
    # As a script does, without the command.
    line = '{"to": "+34600000002", "text": "Hola"}'
    script = (
        f"echo '{line}' > {SPOOL}/inbox/tmp/a.json && mv {SPOOL}/inbox/tmp/a.json {SPOOL}/inbox/"
    )
    check("sh", "-c", script, user="alice")
    assert service.report("a.json") == {"delivered": 1}
    results = f"cat {SPOOL}/done/*/a.json.results.jsonl {SPOOL}/receipts/*"
    assert "34600000002" in check("sh", "-c", results, user="alice")

    # One that cannot be used, and one whose receipt takes longer than he can see where it is.
    broken = f"echo '{{' > /tmp/b.json; {SMPPD} submit /tmp/b.json --wait; echo status $?"
    done = run("sh", "-c", broken, user="alice")
    assert done.stdout.endswith("status 1\n")
    assert "b.json could not be used: not JSON" in done.stderr
    assert "daemon" not in done.stderr
    check("systemctl", "stop", f"smsc-{PORT}")
    service.simulate("--receipt-delay=3s")
    slow = f"{SMPPD} submit --to +34600000003 --text Hola --wait"
    assert "1 delivered" in check("sh", "-c", slow, user="alice")

    check("systemctl", "stop", UNIT)
    check("sh", "-c", f"cd {SPOOL}; touch inbox/of-root.part bad/b work/w")
    forbidden = [
        f"ls {SPOOL}/work",
        f"touch {SPOOL}/bad/x",
        f"ls {SPOOL}/received",
        f"rm -f {SPOOL}/inbox/of-root.part",
        f"mv {SPOOL}/inbox/of-root.part {SPOOL}/inbox/mine.json",
        f"rmdir {SPOOL}/inbox/high",
        f"touch {SPOOL}/done/x",
        f"sh -c 'echo >> {SPOOL}/receipts/receipts-20000101-00.jsonl'",
        f"sh -c 'echo >> $(ls {SPOOL}/done/*/*.results.jsonl | head -1)'",
        f"touch {SPOOL}/x",
        f"cat {SPOOL}/.lock",
        "ls /var/lib/smppd",
        "cat /etc/smppd/password",
        "ls /run/credentials/smppd.service",
    ]
    for command in forbidden:
        done = run("sh", "-c", command, user="alice")
        assert done.returncode != 0, f"alice may {command}: {done.stdout}"
    service.start()
    assert run(SMPPD, "status", user="alice").returncode != 0
    assert run(SMPPD, "pause", "main", user="alice").returncode != 0
    for command in ("show m1", "cancel m1", "requeue m1", "audit", "campaigns", "report x", "operators",
                    "optout list", "api --history"):  # fmt: skip
        for user in ("alice", "mallory"):
            done = run(SMPPD, *command.split(), user=user)
            assert (done.returncode, done.stdout) == (1, ""), command
            assert done.stderr.startswith(
                "smppd: cannot read journal /var/lib/smppd/journal.db: Permission denied: run this with sudo"
            ), done.stderr
    few = "printf 'to,text\\n+34600000001,Hola\\n' > /tmp/few.csv && smppd estimate /tmp/few.csv"
    done = run("sh", "-c", few.replace("smppd", SMPPD), user="alice")
    assert "1 message" in done.stdout, done
    assert done.stderr.startswith("smppd: nobody's opting out was considered: cannot read journal")
    for command in ("report x --output /root/x", "check", "doctor"):
        done = run(SMPPD, *command.split(), user="alice")
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr
    check(SMPPD, "status", user="olga")
    check("ls", f"{SPOOL}/received/new", user="olga")
    for command in (f"ls {SPOOL}", f"touch {SPOOL}/inbox/x", f"cat {SPOOL}/done/*/*"):
        assert run("sh", "-c", command, user="mallory").returncode != 0
    assert run("cat", "/etc/smppd/password", user="smppd").returncode != 0


def test_it_is_known_who_commands(service: Service) -> None:
    service.configure(f'operators = "smppd"\n[link.main]\nport = {PORT}\n{LINK}')
    service.simulate()
    service.start()
    service.machine.check(SMPPD, "pause", "main", user="olga")
    uid = service.machine.check("id", "-u", "olga").strip()
    (paused,) = [line for line in service.log.splitlines() if '"link_paused"' in line]
    assert json.loads(paused)["who"] == f"olga (uid {uid})"
    said = "link main is paused: paused by hand (olga"
    service.machine.wait(lambda: said in service.show("StatusText"), said)


def test_a_message_from_a_handset_is_for_operators(service: Service) -> None:
    service.simulate("--mo-count=3", "--mo-rate=10")
    service.start()
    folder = service.machine.path(f"{SPOOL}/received/new")
    service.machine.wait(lambda: len(list(folder.glob("*.json"))) == 3, "three messages")
    assert service.machine.run("sh", "-c", f"cat {folder}/*", user="alice").returncode != 0
    place = f"{SPOOL}/received/new"
    service.machine.check("sh", "-c", f"cat {place}/*.json && rm {place}/*.json", user="olga")
    assert list(folder.iterdir()) == []


def test_an_instance_has_its_own_of_everything(service: Service) -> None:
    link = LINK.replace('"password"', '"north.password"')
    service.configure(f"[link.main]\nport = {PORT}\n{link}", "north")
    service.config.with_name("password").rename(service.config.with_name("north.password"))
    service.simulate()
    unit = "smppd@north.service"
    service.machine.check("systemctl", "start", unit)
    assert service.show("StatusText", unit) == "1 of 1 links bound; 0 messages queued"
    config = ["--config", "/etc/smppd/north.toml"]
    submit = [SMPPD, "submit", *config, "--to", "+34600000001", "--text", "Hola", "--wait"]
    assert "delivered" in service.machine.check(*submit, user="alice")
    assert "bound" in service.machine.check(SMPPD, "status", *config, user="olga")
    service.machine.check("systemctl", "reload", unit)
    service.machine.check("touch", f"{SPOOL}-north/received/new/taken", user="olga")
    for place in ("work", "received"):
        done = service.machine.run("ls", f"{SPOOL}-north/{place}", user="alice")
        assert done.returncode != 0
    service.machine.check("systemctl", "stop", unit)
    assert service.show("Result", unit) == "success"
    service.machine.check(SMPPD, "audit", *config, user="smppd")


def test_the_doctor_finds_nothing_wrong_and_sends_a_message(service: Service) -> None:
    service.simulate("--receipt-delay=50ms")
    service.start()
    said = service.machine.run(SMPPD, "doctor", "--json", "--send-test", "+34600000001")
    found = json.loads(said.stdout)
    # Of this machine the clock may be nobody's, and the disk slow or in memory.
    odd = [
        each for each in found if each["verdict"] != "ok" and each["area"] not in ("clock", "disk")
    ]
    assert odd == []
    assert said.returncode == 0, [each for each in found if each["verdict"] == "wrong"]
    told = {each["what"]: each["says"] for each in found}
    assert told["who looks"] == "root; the daemon's user is smppd"
    assert told["test message, receipt"] == "says that it was delivered"
